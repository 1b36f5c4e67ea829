"""Signed links: nobody can change one, use it for something else, or after its time."""

from __future__ import annotations

import base64
import json
import string
from typing import Any

import pytest

from nudger.errors import SettingsError
from nudger.mail.links import (
    LinkError,
    LinkKeys,
    LinkPayload,
    offer_link,
    preferences_link,
    sign,
    unsubscribe_link,
    verify,
)

OLD, NEW = b"an old secret, 16+", b"a new secret, 16 or more"
KEYS = LinkKeys({"k1": NEW})
OFFER: dict[str, Any] = {
    "account": "acme",
    "nudge": "n-1",
    "topic": "product",
    "kind": "plan",
    "plan": "scale",
    "price": "125.00",
    "currency": "USD",
    "expires": 2_000,
}


def token_of(link: str) -> str:
    return link.rpartition("/")[2]


def offer_token(keys: LinkKeys = KEYS) -> str:
    return token_of(offer_link("https://go.example", keys, **OFFER))


def refusal(token: str, purpose: Any = "accept", now: int = 1_000, keys: LinkKeys = KEYS) -> str:
    with pytest.raises(LinkError) as refused:
        verify(token, purpose, now, keys)
    return refused.value.reason


def test_an_offers_link_says_all_that_it_promises() -> None:
    link = offer_link("https://go.example/n/", KEYS, **OFFER)

    assert link.startswith("https://go.example/n/accept/v1.k1.")
    assert verify(token_of(link), "accept", 1_999, KEYS) == LinkPayload(purpose="accept", **OFFER)


def test_the_payload_is_canonical_json() -> None:
    body = offer_token().split(".")[2]
    raw = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode()

    assert raw == json.dumps({"purpose": "accept", **OFFER}, sort_keys=True, separators=(",", ":"))


def test_the_same_offer_gives_the_same_link() -> None:
    assert offer_link("https://go.example", KEYS, **OFFER) == offer_link(
        "https://go.example", LinkKeys({"k1": NEW}), **OFFER
    )


def test_unsubscribe_and_preferences() -> None:
    who = {"account": "acme", "nudge": "n-1", "topic": "product"}
    unsubscribe = unsubscribe_link("https://go.example", KEYS, **who)
    preferences = preferences_link("https://go.example", KEYS, **who, expires=5)

    assert unsubscribe.startswith("https://go.example/unsubscribe/v1.")
    assert preferences.startswith("https://go.example/preferences/v1.")
    assert verify(token_of(unsubscribe), "unsubscribe", 10**10, KEYS).topic == "product"
    assert refusal(token_of(preferences), "preferences", 5) == "expired"


def test_every_flip_of_one_byte_is_refused() -> None:
    token = offer_token()
    letters = string.ascii_letters + string.digits + "-_.=!\n "

    for place, letter in enumerate(token):
        for other in letters:
            if other != letter:
                assert refusal(token[:place] + other + token[place + 1 :])


def test_every_cut_and_every_addition_is_refused() -> None:
    token = offer_token()

    for length in range(len(token)):
        assert refusal(token[:length])
    for more in ("=", "A", ".", "\n", " ", "é", "\0", ".v1"):
        assert refusal(token + more) and refusal(more + token)


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("", "malformed"),
        ("v1", "malformed"),
        ("v1.k1.e30.x", "malformed"),
        ("v2.k1.e30.x", "malformed"),
        ("v1..e30.x", "malformed"),
        ("v1.k1.!!!!.x", "malformed"),
        ("v1.k1." + "W1tbW1tb" * 200 + ".x", "malformed"),
        ("x" * 3000, "malformed"),
        ("v1.k1.é.x", "malformed"),
    ],
)
def test_what_is_no_token(token: str, reason: str) -> None:
    assert refusal(token) == reason


def test_a_link_for_one_purpose_is_good_for_no_other() -> None:
    assert refusal(offer_token(), "unsubscribe") == "wrong purpose"
    who = {"account": "acme", "nudge": "n-1", "topic": "product"}
    assert refusal(token_of(unsubscribe_link("https://go.example", KEYS, **who)), "accept") == "wrong purpose"


def test_a_payload_for_another_purpose_does_not_fit_the_signature() -> None:
    """Purposes have keys of their own: changing the word in the payload changes the key it is checked with."""
    version, key_id, body, signature = offer_token().split(".")
    payload = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).replace(b'"accept"', b'"preferences"')
    forged = base64.urlsafe_b64encode(payload).rstrip(b"=").decode()

    assert refusal(f"{version}.{key_id}.{forged}.{signature}", "preferences") == "bad signature"


def test_expiry() -> None:
    assert verify(offer_token(), "accept", 1_999, KEYS)
    assert refusal(offer_token(), now=2_000) == "expired"
    assert verify(sign(KEYS, LinkPayload("a", "n", "accept")), "accept", 10**12, KEYS).expires == 0


def test_keys_rotate() -> None:
    before, both, after = LinkKeys({"k0": OLD}), LinkKeys({"k1": NEW, "k0": OLD}), LinkKeys({"k1": NEW})

    assert verify(offer_token(before), "accept", 0, both)
    assert offer_token(both).startswith("v1.k1.")
    assert verify(offer_token(both), "accept", 0, after)
    assert refusal(offer_token(before), keys=after) == "unknown key"
    assert refusal(offer_token(), keys=LinkKeys({"k1": OLD})) == "bad signature"


def test_secrets_are_never_shown() -> None:
    assert repr(LinkKeys({"k1": NEW, "k0": OLD})) == "LinkKeys(k1=***, k0=***)"


@pytest.mark.parametrize(
    "secrets", [{}, {"k1": b"short"}, {"": NEW}, {"k.1": NEW}, {"k" * 17: NEW}, {"k1": NEW, "k2": b"x" * 15}]
)
def test_keys_that_cannot_be_used(secrets: dict[str, bytes]) -> None:
    with pytest.raises(SettingsError) as refused:
        LinkKeys(secrets)

    assert "secret, 16" not in str(refused.value)


@pytest.mark.parametrize(
    "base",
    [
        "http://go.example",
        "//go.example",
        "",
        "https://",
        "https://go.example/?a=1",
        "https://a@go.example",
        "https://go.example/ x",
    ],
)
def test_links_begin_with_https(base: str) -> None:
    with pytest.raises(SettingsError):
        offer_link(base, KEYS, **OFFER)
