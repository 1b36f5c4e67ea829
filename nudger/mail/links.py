"""Signed links: what a click asks for stands in the link, and nobody can change it or make one up.

A token is ``v1.KID.PAYLOAD.SIG``: the key's id, the payload (canonical JSON in base64url without padding) and the
HMAC-SHA256 over everything before it, also base64url. Every purpose has keys of its own, derived from the secrets, so
that a link that opens the preferences can never accept an offer. There is no clock in here: expiry is passed in.

A link holds ids, a price and times, never an address or a name. Following one (GET) must change nothing; scanners do.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Literal, get_args

import msgspec

from nudger.errors import NudgerError, SettingsError

Purpose = Literal["accept", "unsubscribe", "preferences"]
Reason = Literal["malformed", "unknown key", "bad signature", "wrong purpose", "expired"]

MIN_SECRET_BYTES: Final = 16
MAX_TOKEN: Final = 2_048

_KEY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,16}\Z")
_BASE_URL: Final = re.compile(r"https://[A-Za-z0-9][A-Za-z0-9.-]*(:\d{1,5})?(/[A-Za-z0-9._~/-]*)?\Z")
_PURPOSES: Final[tuple[Purpose, ...]] = get_args(Purpose)


class LinkError(NudgerError):
    """A token that must not be followed; `reason` says why."""

    def __init__(self, reason: Reason) -> None:
        self.reason: Reason = reason
        super().__init__(reason)


class LinkPayload(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a link asks for. In a token: JSON with sorted keys, fields that are empty left out.

    Attributes:
        account, nudge: Ids.
        purpose: What following the link is about.
        addon, plan: The id of what is offered; at most one of them.
        currency, price: What was promised: ISO 4217 code, and decimal text.
        expires: Unix seconds; 0 is never.
        kind: The offer's kind, such as ``plan`` or ``trial``; both may name the same plan.
        topic: What unsubscribing stops.
    """

    account: str
    nudge: str
    purpose: Purpose
    addon: str = ""
    currency: str = ""
    expires: int = 0
    kind: str = ""
    plan: str = ""
    price: str = ""
    topic: str = ""


_ENCODER: Final = msgspec.json.Encoder(order="sorted")
_DECODER: Final = msgspec.json.Decoder(LinkPayload)


class LinkKeys:
    """The secrets that links are signed with: the first signs, all of them verify. Shows ids, never secrets."""

    def __init__(self, secrets: Mapping[str, bytes]) -> None:
        """Take key ids (1 to 16 of A-Z a-z 0-9 _ -) to secrets (16 bytes or more), the signing one first.

        Raises:
            SettingsError: There is no key, or an id or a secret that cannot be used.
        """
        if not secrets:
            raise SettingsError("links need at least one key")
        for key_id, secret in secrets.items():
            if not _KEY_ID.match(key_id):
                raise SettingsError(f"the link key's id '{key_id}' is not 1 to 16 of A-Z a-z 0-9 _ -")
            if len(secret) < MIN_SECRET_BYTES:
                raise SettingsError(f"the link key '{key_id}' is shorter than {MIN_SECRET_BYTES} bytes")
        self._first = next(iter(secrets))
        self._derived = {
            (key_id, purpose): hmac.digest(secret, f"nudger link v1 {purpose}".encode(), "sha256")
            for key_id, secret in secrets.items()
            for purpose in _PURPOSES
        }

    def __repr__(self) -> str:
        ids = ", ".join(f"{key_id}=***" for key_id in dict.fromkeys(key_id for key_id, _ in self._derived))
        return f"LinkKeys({ids})"

    def signing(self, purpose: Purpose) -> tuple[str, bytes]:
        """Return id and derived key of the key that signs."""
        return self._first, self._derived[self._first, purpose]

    def verifying(self, key_id: str, purpose: Purpose) -> bytes | None:
        """Return the derived key of *key_id*, None when there is no such key."""
        return self._derived.get((key_id, purpose))


def sign(keys: LinkKeys, payload: LinkPayload) -> str:
    """Return the token for *payload*; the same payload and key give the same token."""
    key_id, key = keys.signing(payload.purpose)
    head = f"v1.{key_id}.{_text(_ENCODER.encode(payload))}"
    return f"{head}.{_text(hmac.digest(key, head.encode(), 'sha256'))}"


def verify(token: str, purpose: Purpose, now: int, keys: LinkKeys) -> LinkPayload:
    """Return what a token asks for.

    Args:
        token: As it came in a link.
        purpose: What it must be about.
        now: Unix seconds; a token is good until just before its `expires`.
        keys: All keys that may have signed it.

    Raises:
        LinkError: It must not be followed.
    """
    if len(token) > MAX_TOKEN or not token.isascii():
        raise LinkError("malformed")
    version, *parts = token.split(".")
    if version != "v1" or len(parts) != 3:
        raise LinkError("malformed")
    key_id, body, signature = parts
    payload = _payload(body)
    key = keys.verifying(key_id, payload.purpose)
    if key is None:
        raise LinkError("unknown key")
    # The text is compared, not its bytes: several texts decode to the same bytes.
    wanted = _text(hmac.digest(key, f"v1.{key_id}.{body}".encode(), "sha256"))
    if not hmac.compare_digest(wanted, signature):
        raise LinkError("bad signature")
    if payload.purpose != purpose:
        raise LinkError("wrong purpose")
    if payload.expires and now >= payload.expires:
        raise LinkError("expired")
    return payload


def offer_link(
    base_url: str,
    keys: LinkKeys,
    *,
    account: str,
    nudge: str,
    topic: str,
    kind: str,
    plan: str = "",
    addon: str = "",
    price: str = "",
    currency: str = "",
    expires: int = 0,
) -> str:
    """Return the https link that accepts one offer at one price until *expires* (Unix seconds, 0 = never)."""
    payload = LinkPayload(account, nudge, "accept", addon, currency, expires, kind, plan, price, topic)
    return f"{_base(base_url)}/accept/{sign(keys, payload)}"


def unsubscribe_link(base_url: str, keys: LinkKeys, *, account: str, nudge: str, topic: str, expires: int = 0) -> str:
    """Return the https link for `List-Unsubscribe`: one POST to it closes *topic* for the nudge's recipient."""
    payload = LinkPayload(account, nudge, "unsubscribe", expires=expires, topic=topic)
    return f"{_base(base_url)}/unsubscribe/{sign(keys, payload)}"


def preferences_link(base_url: str, keys: LinkKeys, *, account: str, nudge: str, topic: str, expires: int = 0) -> str:
    """Return the https link to the page where the nudge's recipient chooses topics."""
    payload = LinkPayload(account, nudge, "preferences", expires=expires, topic=topic)
    return f"{_base(base_url)}/preferences/{sign(keys, payload)}"


@lru_cache(64)
def _base(url: str) -> str:
    if not _BASE_URL.match(url):
        raise SettingsError(f"links.base_url must be an https:// address without query, not '{url}'")
    return url.rstrip("/")


def _payload(body: str) -> LinkPayload:
    try:
        raw = urlsafe_b64decode(body + "=" * (-len(body) % 4))
        return _DECODER.decode(raw)
    except (Base64Error, ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise LinkError("malformed") from error


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
