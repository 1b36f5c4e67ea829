"""The outbound contract, version 1: what the e-mail service reads. A CloudEvents 1.0 envelope around one nudge.

`id` is what a consumer de-duplicates by. Money is decimal text, times are RFC 3339 in UTC with whole seconds. Fields
are only ever added; `dataschema` names the version.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

SPECVERSION: Final = "1.0"
TYPE: Final = "nudge.email"
DATASCHEMA: Final = "urn:nudger:nudge:1"
CONTENT_TYPE: Final = "application/json"
VERSION: Final = 1
MAX_HEADER: Final = 200
MAX_ADDRESS: Final = 254

_TIME: Final = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$"
_AMOUNT: Final = r"^-?\d+(\.\d+)?$"

Time = Annotated[str, Meta(pattern=_TIME, description="RFC 3339, UTC, whole seconds: 2026-03-02T10:00:00Z.")]
Amount = Annotated[str, Meta(pattern=_AMOUNT, description="A decimal number as text, in the offer's currency.")]
Header = Annotated[str, Meta(max_length=MAX_HEADER, description="One line, NFC, no control characters.")]
Address = Annotated[str, Meta(max_length=MAX_ADDRESS, description="One address, local@domain, nothing else.")]


class Recipient(msgspec.Struct, frozen=True):
    """The one person a nudge goes to."""

    address: Address
    name: Header
    role: str


class Offer(msgspec.Struct, frozen=True):
    """What is offered. `plan` or `addon` names it where the kind has one; `saving` is null when nothing is saved."""

    kind: Literal["plan", "addon", "trial", "discount", "credit_pack"]
    name: str
    price: Amount | None
    currency: str
    saving: Amount | None
    link: str
    expires: Time | None
    plan: str | UnsetType = UNSET
    addon: str | UnsetType = UNSET


class Cause(msgspec.Struct, frozen=True):
    """What opened the nudge: an event (source, id, type, time), or a timer (due)."""

    source: str | UnsetType = UNSET
    id: str | UnsetType = UNSET
    type: str | UnsetType = UNSET
    time: Time | UnsetType = UNSET
    due: Time | UnsetType = UNSET


class Nudge(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """One e-mail, rendered. `reason` holds what was compared, as text, by the names in the rule."""

    version: Literal[1] = VERSION
    id: str
    rule: str
    rule_version: str
    account: str
    to: Recipient
    from_: Header
    subject: Header
    html: str
    text: str
    headers: Annotated[dict[str, str], Meta(description="To be set as they are: List-Unsubscribe and others.")]
    topic: str
    locale: str
    offer: Offer | None
    reason: dict[str, str]
    variant: str | None
    follow_up: Annotated[int, Meta(ge=0, le=3, description="0 for the first mail, n for its n-th follow-up.")]
    test: Annotated[bool, Meta(description="A trial send: not to be counted.")]
    created: Time
    expires: Annotated[Time | None, Meta(description="Not to be sent from then on; null: no limit.")]
    cause: Cause


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope. `subject` is the account, which is also the message's key; `id` is the nudge's."""

    specversion: Literal["1.0"] = SPECVERSION
    id: str
    source: str
    type: Literal["nudge.email"] = TYPE
    subject: str
    time: Time
    datacontenttype: Literal["application/json"] = CONTENT_TYPE
    dataschema: Literal["urn:nudger:nudge:1"] = DATASCHEMA
    data: Nudge


_ENCODER: Final = msgspec.json.Encoder(order="deterministic")
_DECODER: Final = msgspec.json.Decoder(Message)

_UNSEEN: Final = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_LOCAL: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_+-]*(?:[.][A-Za-z0-9_+-]+)*\Z")
_LABEL: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\Z")


def envelope(source: str, nudge: Nudge) -> Message:
    """Return *nudge* in its envelope; *source* names the nudger that decided, as a URI reference."""
    return Message(id=nudge.id, source=source, subject=nudge.account, time=nudge.created, data=nudge)


def encode(message: Message) -> bytes:
    """Return a message as one line of JSON, without the line feed; equal messages give equal bytes."""
    return _ENCODER.encode(message)


def decode(line: bytes) -> Message:
    """Return the message of a line; raise msgspec.ValidationError when it does not keep the contract."""
    return _DECODER.decode(line)


def json_schema() -> dict[str, Any]:
    """Return the contract as JSON Schema (2020-12), made from the classes above."""
    schema = msgspec.json.schema(Message)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["$id"] = DATASCHEMA
    parts = schema["$defs"]
    for name in ("Message", "Nudge"):  # all their fields are always written, those with one possible value too
        parts[name]["required"] = list(parts[name]["properties"])
    parts["Cause"]["oneOf"] = [{"required": ["due"]}, {"required": ["source", "id", "type", "time"]}]
    return schema


def rfc3339(ms: int) -> str:
    """Return milliseconds since 1970 UTC as a contract's time; parts of a second are cut off."""
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def unsubscribe_headers(link: str) -> Mapping[str, str]:
    """Return the two headers of RFC 8058 for an unsubscribe link; the e-mail service signs both with DKIM."""
    return {"List-Unsubscribe": f"<{link}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


def safe_header(text: str) -> str:
    """Return *text* fit for a header field: NFC, one line, no control characters, cut at 200 characters."""
    clean = unicodedata.normalize("NFC", _UNSEEN.sub(" ", text)).strip()
    return clean if len(clean) <= MAX_HEADER else clean[: MAX_HEADER - 1].rstrip() + "…"


def valid_address(text: str) -> bool:
    """Tell whether *text* is exactly one plain address: local@domain in ASCII, a domain of two labels or more.

    Stricter than RFC 5322 on purpose: no quotes, comments, lists, spaces or address literals. A domain in other
    scripts is taken in its ASCII form (`xn--...`) only.
    """
    local, at, domain = text.rpartition("@")
    labels = domain.split(".")
    return (
        bool(at)
        and len(text) <= MAX_ADDRESS
        and len(local) <= 64
        and bool(_LOCAL.match(local))
        and len(labels) >= 2
        and not labels[-1].isdigit()
        and all(_LABEL.match(label) for label in labels)
    )
