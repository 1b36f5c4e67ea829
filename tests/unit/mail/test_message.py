"""The outbound contract: what it looks like on the wire, and that it stays that way."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from nudger.mail.message import (
    Cause,
    Message,
    Nudge,
    Offer,
    Recipient,
    decode,
    encode,
    envelope,
    json_schema,
    rfc3339,
    unsubscribe_headers,
)

WIRE: dict[str, Any] = {
    "specversion": "1.0",
    "id": "n-1",
    "source": "/nudger",
    "type": "nudge.email",
    "subject": "acme",
    "time": "2026-03-02T10:00:00Z",
    "datacontenttype": "application/json",
    "dataschema": "urn:nudger:nudge:1",
    "data": {
        "version": 1,
        "id": "n-1",
        "rule": "payg-to-scale",
        "rule_version": "4f2a",
        "account": "acme",
        "to": {"address": "ada@acme.example", "name": "Ada", "role": "billing"},
        "from": "Growth <growth@us.example>",
        "subject": "Your bill is $175",
        "html": "<p>Hi</p>",
        "text": "Hi\n",
        "headers": {
            "List-Unsubscribe": "<https://go.example/u>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
        "topic": "product",
        "locale": "en",
        "offer": {
            "kind": "plan",
            "name": "Scale",
            "price": "125.00",
            "currency": "USD",
            "saving": "50.00",
            "link": "https://go.example/o",
            "expires": "2026-03-16T10:00:00Z",
            "plan": "scale",
        },
        "reason": {"bill": "175.00 USD", "credits": "1"},
        "variant": None,
        "follow_up": 0,
        "test": False,
        "created": "2026-03-02T10:00:00Z",
        "expires": "2026-03-16T10:00:00Z",
        "cause": {"source": "/billing", "id": "e-1", "type": "credit.purchased", "time": "2026-03-02T10:00:00Z"},
    },
}


def nudge(**changes: Any) -> Nudge:
    values: dict[str, Any] = {
        "id": "n-1",
        "rule": "payg-to-scale",
        "rule_version": "4f2a",
        "account": "acme",
        "to": Recipient("ada@acme.example", "Ada", "billing"),
        "from_": "Growth <growth@us.example>",
        "subject": "Your bill is $175",
        "html": "<p>Hi</p>",
        "text": "Hi\n",
        "headers": dict(unsubscribe_headers("https://go.example/u")),
        "topic": "product",
        "locale": "en",
        "offer": Offer(
            "plan", "Scale", "125.00", "USD", "50.00", "https://go.example/o", rfc3339(1773655200000), "scale"
        ),
        "reason": {"credits": "1", "bill": "175.00 USD"},
        "variant": None,
        "follow_up": 0,
        "test": False,
        "created": rfc3339(1772445600999),
        "expires": rfc3339(1773655200000),
        "cause": Cause("/billing", "e-1", "credit.purchased", rfc3339(1772445600000)),
    }
    return Nudge(**{**values, **changes})


def test_the_wire() -> None:
    line = encode(envelope("/nudger", nudge()))

    assert json.loads(line) == WIRE
    assert list(json.loads(line)) == list(WIRE) and list(json.loads(line)["data"]) == list(WIRE["data"])


def test_one_line_and_the_same_bytes_each_time() -> None:
    reordered = nudge(reason={"bill": "175.00 USD", "credits": "1"}, text="a\nb\r\u2028c")

    first, second = encode(envelope("/nudger", reordered)), encode(envelope("/nudger", nudge(text="a\nb\r\u2028c")))
    assert first == second and b"\n" not in first and b"\r" not in first


def test_what_was_written_can_be_read() -> None:
    for message in (envelope("/nudger", nudge()), envelope("/nudger", nudge(offer=None, cause=Cause(due=rfc3339(0))))):
        assert decode(encode(message)) == message


def test_a_timer_is_a_cause() -> None:
    assert json.loads(encode(envelope("/nudger", nudge(cause=Cause(due=rfc3339(0))))))["data"]["cause"] == {
        "due": "1970-01-01T00:00:00Z"
    }


def test_times_have_whole_seconds_in_utc() -> None:
    assert (rfc3339(0), rfc3339(1772445600999)) == ("1970-01-01T00:00:00Z", "2026-03-02T10:00:00Z")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"specversion":"1.0"', '"specversion":"2.0"'),
        ('"type":"nudge.email"', '"type":"other"'),
        ('"dataschema":"urn:nudger:nudge:1"', '"dataschema":"urn:nudger:nudge:2"'),
        ('"version":1', '"version":2'),
        ('"price":"125.00"', '"price":125.0'),
        ('"price":"125.00"', '"price":"1e3"'),
        ('"created":"2026-03-02T10:00:00Z"', '"created":"2026-03-02T10:00:00.123Z"'),
        ('"created":"2026-03-02T10:00:00Z"', '"created":"2026-03-02T10:00:00+01:00"'),
        ('"follow_up":0', '"follow_up":4'),
    ],
)
def test_a_line_that_does_not_keep_the_contract(old: str, new: str) -> None:
    line = encode(envelope("/nudger", nudge())).decode()
    assert old in line

    with pytest.raises(msgspec.ValidationError):
        decode(line.replace(old, new).encode())


def test_a_newer_writer_may_add_fields() -> None:
    line = encode(envelope("/nudger", nudge())).replace(b'"version":1', b'"version":1,"added":true')

    assert decode(line) == envelope("/nudger", nudge())


def test_the_schema_demands_every_field() -> None:
    schema = json_schema()

    assert schema["$id"] == "urn:nudger:nudge:1"
    assert set(schema["$defs"]["Nudge"]["required"]) == set(WIRE["data"])
    assert (
        set(schema["$defs"]["Message"]["required"])
        == set(WIRE)
        == {f.encode_name for f in msgspec.structs.fields(Message)}
    )
    assert schema["$defs"]["Message"]["properties"]["type"]["enum"] == ["nudge.email"]
    assert json.loads(json.dumps(schema)) == schema
