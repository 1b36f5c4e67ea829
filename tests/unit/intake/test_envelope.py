"""One raw record into one event, or the reason why it cannot be counted."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from nudger.core.event import Event
from nudger.errors import EventError
from nudger.intake.envelope import MOST_BYTES, MOST_ID, Reader, Undeclared
from tests.support.builders import at

DECLARED = {
    "paid": {"price": "money", "count": "number", "kind": "text", "when": "time", "free": "bool"},
    "chosen": {"plan": "plan", "addon": "addon", "tags": "list"},
    "account.updated": {
        "name": "text",
        "plan": "plan",
        "seats": "number",
        "plan_price": "money",
        "zone": "text",
        "anchor_day": "number",
        "unpaid": "bool",
        "created_at": "time",
        "addons": "addons",
        "contacts": "contacts",
        "owner": "owner",
    },
}
NOON = "2026-03-02T12:00:00Z"


def reader() -> Reader:
    return Reader(DECLARED, frozenset({"payg", "scale"}), frozenset({"scheduling"}))


READER = reader()


def raw(kind: str = "paid", data: Any = None, **changes: Any) -> bytes:
    """Return an event in our own JSON; a change of None takes a key out."""
    record = {"id": "1", "type": kind, "account": "acme", "time": NOON, "data": data if data is not None else {}}
    record.update(changes)
    return json.dumps({key: value for key, value in record.items() if value is not None}).encode()


def read(record: bytes) -> Event:
    event = READER.read(record)
    assert isinstance(event, Event)
    return event


def refused(record: bytes) -> tuple[str, str]:
    with pytest.raises(EventError) as error:
        READER.read(record)
    return error.value.code, error.value.reason


# --- what is taken ------------------------------------------------------------------------------------------------------


def test_an_event_in_our_own_json_is_read_with_its_declared_fields() -> None:
    """Type, account, time, id and source, and each field in its type; fields that are not declared are ignored."""
    data = {"price": 12.5, "count": 3, "kind": "x", "when": "2026-01-01T00:00:00Z", "free": True, "other": [1]}
    event = read(raw(data=data, source="/billing", currency="EUR"))
    assert (event.type, event.account, event.source, event.id) == ("paid", "acme", "/billing", "1")
    assert event.time == at("2026-03-02 12:00")
    assert (event.data.price, event.data.count, event.data.kind) == (Decimal("12.5"), 3, "x")
    assert (event.data.when, event.data.free) == (at("2026-01-01 00:00"), True)
    assert not hasattr(event.data, "other")


def test_a_field_that_did_not_come_and_one_that_is_null_are_missing() -> None:
    """Also where there is no data at all."""
    for record in (
        raw(data={"price": None}),
        raw(data={}),
        raw(data=None),
        raw().replace(b'"data": {}', b'"data": null'),
    ):
        assert read(record).data.price is None


def test_the_currency_of_an_events_money_stands_beside_it() -> None:
    """`data.currency` needs no declaration."""
    assert read(raw(data={"price": 5, "currency": "EUR"})).currency == "EUR"
    assert read(raw(data={"price": 5})).currency is None


def test_a_cloud_event_is_read_like_our_own() -> None:
    """`specversion` makes it one: the account is its subject."""
    cloud = {"specversion": "1.0", "id": "1", "source": "", "type": "paid", "subject": "acme", "time": NOON}
    event = READER.read(json.dumps({**cloud, "data": {"price": 5}, "datacontenttype": "application/json"}).encode())
    assert event == read(raw(data={"price": 5}))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"specversion": "0.3"}, "bad_field"),
        ({"specversion": 1}, "bad_field"),
        ({"data_base64": "e30="}, "bad_field"),
        ({"subject": None}, "no_account"),
    ],
)
@pytest.mark.parametrize("plainly", [True, False])
def test_a_cloud_event_that_we_cannot_read_whole_is_set_aside(
    changes: dict[str, Any], code: str, plainly: bool
) -> None:
    """Another version, data in base64 or no subject: refused, whichever way the record took through the reader."""
    cloud: dict[str, Any] = {
        "specversion": "1.0",
        "id": "1" if plainly else 1,
        "type": "paid",
        "subject": "acme",
        "time": NOON,
        "data": {},
    }
    cloud.update(changes)
    assert refused(json.dumps({key: value for key, value in cloud.items() if value is not None}).encode())[0] == code


def test_names_that_are_numbers_are_taken_as_their_digits() -> None:
    """An account 5 is the account "5", and the same event either way."""
    assert read(raw(account=5, id=7)) == read(raw(account="5", id="7"))


def test_an_event_of_an_undeclared_type_is_named_and_nothing_more() -> None:
    """It is counted by its type; whatever else is wrong with it does not matter."""
    assert READER.read(raw("site.seen")) == Undeclared("site.seen")
    assert READER.read(raw("site.seen", time=None, account=None)) == Undeclared("site.seen")


def test_a_number_out_of_bounds_in_a_field_that_is_not_declared_is_ignored() -> None:
    """As everything else in it."""
    for written in (b"1e400", b"1e99999999999999999999", b"0.00000000000001"):
        assert read(raw(data={"other": 0}).replace(b": 0}", b": " + written + b"}")).data.price is None


def test_events_with_keys_in_any_order_and_twice_are_read() -> None:
    """Of a key that stands twice the last one counts."""
    record = b'{"data":{"count":1,"count":2},"time":"' + NOON.encode() + b'","account":"acme","type":"paid","id":"1"}'
    assert read(record).data.count == 2


# --- what is set aside -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (b"", "not_json"),
        (b"   ", "not_json"),
        (b"hello", "not_json"),
        (b"{", "not_json"),
        (b"null", "not_json"),
        (b"[]", "not_json"),
        (b'"paid"', "not_json"),
        (b"\xff\xfe\x00", "not_json"),
        (b"\xef\xbb\xbf{}", "not_json"),
        (raw()[:-1], "not_json"),
        (raw() + b"x", "not_json"),
        (raw(data={"kind": "X"}).replace(b"X", b"\xff"), "not_json"),
        (raw(account="X").replace(b"X", b"\xc3\x28"), "not_json"),
        (raw(id="X").replace(b"X", b"\xed\xa0\x80"), "not_json"),
        (raw(data={"kind": "X"}).replace(b"X", b"\\ud800"), "not_json"),
        (raw(data={"price": 1}).replace(b"1}", b"NaN}"), "not_json"),
        (raw(type=None), "bad_field"),
        (raw(type=5), "bad_field"),
        (raw(type=""), "bad_field"),
        (raw(account=None), "no_account"),
        (raw(account=""), "no_account"),
        (raw(account={"id": 1}), "no_account"),
        (raw(account="a\u0000b"), "no_account"),
        (raw(account="a\nb"), "no_account"),
        (raw(account="x" * (MOST_ID + 1)), "no_account"),
        (raw(id=None), "no_id"),
        (raw(id=""), "no_id"),
        (raw(id=True), "no_id"),
        (raw(id=1.5), "no_id"),
        (raw(id="a\u001fb"), "no_id"),
        (raw(id="x" * (MOST_ID + 1)), "no_id"),
        (raw(source=5), "bad_field"),
        (raw(source="a\u001fb"), "bad_field"),
        (raw(time=None), "no_time"),
        (raw(time=1772445600), "no_time"),
        (raw(time="yesterday"), "no_time"),
        (raw(time="2026-03-02 12:00"), "no_time"),
        (raw(time="2026-02-30T12:00:00Z"), "no_time"),
        (raw(time="1969-12-31T23:59:59Z"), "no_time"),
        (raw(time="2026-03-02T12:00:00"), "no_zone"),
        (raw(data=[]), "bad_field"),
        (raw(data="x"), "bad_field"),
        (raw(data={"kind": 5}), "bad_field"),
        (raw(data={"free": "yes"}), "bad_field"),
        (raw(data={"free": 1}), "bad_field"),
        (raw(data={"when": 5}), "bad_field"),
        (raw(data={"when": "2026-03-02T12:00:00"}), "bad_field"),
        (raw(data={"currency": 5}), "bad_field"),
        (raw("chosen", {"plan": "platinum"}), "bad_field"),
        (raw("chosen", {"addon": "unknown"}), "bad_field"),
        (raw("chosen", {"tags": "a"}), "bad_field"),
        (raw("chosen", {"tags": [1]}), "bad_field"),
    ],
)
def test_what_cannot_be_counted_is_refused_with_its_code(record: bytes, code: str) -> None:
    """Each fault has one code, and a reason in words."""
    found, reason = refused(record)
    assert found == code
    assert reason
    assert "msgspec" not in reason
    assert "Traceback" not in reason


def test_an_event_that_is_too_large_is_refused_before_it_is_read() -> None:
    """64 kB is the most; a byte less is read."""
    padding = MOST_BYTES - len(raw(data={"kind": ""}))
    assert read(raw(data={"kind": "x" * padding})).data.kind == "x" * padding
    assert refused(raw(data={"kind": "x" * (padding + 1)}))[0] == "too_large"


@pytest.mark.parametrize(
    "record", [b"[" * 60_000, b'{"a":' * 10_000 + b"1" + b"}" * 10_000, b'{"data":' + b"[" * 20_000]
)
def test_an_event_that_is_nested_too_deeply_is_refused(record: bytes) -> None:
    """Depth is no way to break the reader."""
    assert refused(record)[0] in ("too_deep", "not_json")


# --- numbers and amounts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("12.5", "12.5"),
        ("12.50", "12.5"),
        ('"12.50"', "12.5"),
        ("0", "0"),
        ("-0.0", "0"),
        ("-3", "-3"),
        ("1e3", "1000"),
        ('"1E3"', "1000"),
        ("0.1", "0.1"),
        ("0.123456789", "0.123456789"),
        ("999999999999999", "999999999999999"),
        ("999999999999999.999999999", "999999999999999.999999999"),
        ("1.10e1", "11"),
    ],
)
@pytest.mark.parametrize("field", ["price", "count"])
def test_numbers_are_exact_in_digits_or_as_text(written: str, value: str, field: str) -> None:
    """A JSON number is read from its digits, never as a binary fraction."""
    found = getattr(read(raw(data={field: 0}).replace(b": 0}", b": " + written.encode() + b"}")).data, field)
    assert isinstance(found, int | Decimal)
    assert found == Decimal(value)


@pytest.mark.parametrize(
    "written",
    [
        "1e15",
        "1e400",
        "1e9999999",
        "1e99999999999999999999",
        "1e-99999999999999999999",
        "1000000000000000",
        "-1000000000000000",
        "9" * 30,
        "9" * 5000,
        "0.0000000001",
        "1e-10",
        "true",
        "[1]",
        '{"amount": 1}',
        '"1,000"',
        '"1_000"',
        '" 1"',
        '"1 USD"',
        '"NaN"',
        '"Infinity"',
        '"0x10"',
        '"01"',
        '"١"',
        '""',
        '"-"',
        '"1."',
        '".5"',
    ],
)
@pytest.mark.parametrize(("field", "code"), [("price", "bad_money"), ("count", "bad_field")])
def test_what_is_no_number_or_out_of_bounds_is_refused(written: str, field: str, code: str) -> None:
    """Below 10^15 with at most nine decimals; no words, no separators, no exponents that nobody could hold."""
    for name in ("7", 7):  # a number for an id takes the slow way through the reader
        found, reason = refused(raw(data={field: 0}, id=name).replace(b": 0}", b": " + written.encode() + b"}"))
        assert found == code or len(written) > 1000
        assert field in reason or len(written) > 1000


# --- content, for ids that come again --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (raw(data={"price": 12.5, "kind": "a"}), raw(data={"kind": "a", "price": 12.5})),
        (
            raw(data={"price": 12.5}),
            b'{"id":"1","data":{"price":12.50},"account":"acme","time":"' + NOON.encode() + b'","type":"paid"}',
        ),
        (raw(data={"price": 12.5}), raw(data={"price": "12.50"})),
        (raw(data={"price": 12}), raw(data={"price": "12.0"})),
        (
            raw(data={"price": 0}),
            b'{"id":"1","data":{"price":-0.0},"account":"acme","time":"' + NOON.encode() + b'","type":"paid"}',
        ),
        (raw(data={"count": 100}), raw(data={"count": "1e2"})),
        (raw(data={"price": 5}), raw(data={"price": 5, "undeclared": "x"})),
        (raw(data={"price": 5}), raw(data={"price": 5, "kind": None})),
        (raw(), raw(time="2026-03-02T13:00:00+01:00")),
        (raw(), raw(time="2026-03-02T12:00:00.000Z")),
        (raw(), raw(source="")),
    ],
)
def test_events_that_say_the_same_have_the_same_key_and_content(one: bytes, other: bytes) -> None:
    """Order of keys, idle zeros, undeclared fields and another way to write the time make no difference."""
    assert (read(one).key, read(one).content) == (read(other).key, read(other).content)


@pytest.mark.parametrize(
    "other",
    [
        raw(data={"price": 6}),
        raw(data={"price": 5, "kind": "x"}),
        raw(data={"price": 5, "currency": "EUR"}),
        raw(data={}),
        raw(data={"price": 5}, time="2026-03-02T12:00:01Z"),
        raw("account.updated", {"seats": 5}),
    ],
)
def test_other_content_under_the_same_id_is_told_apart(other: bytes) -> None:
    """Type, time, declared fields and the currency are the content."""
    one, two = read(raw(data={"price": 5})), read(other)
    assert one.key == two.key
    assert one.content != two.content


@pytest.mark.parametrize("changes", [{"id": "2"}, {"account": "other"}, {"source": "/x"}])
def test_id_source_and_account_are_the_key(changes: dict[str, str]) -> None:
    """The same id of another source or account is another event."""
    assert read(raw()).key != read(raw(**changes)).key


def test_keys_and_contents_are_the_same_on_every_machine() -> None:
    """They are kept for days, so they may not change with a release."""
    event = read(raw(data={"price": 12.5, "kind": "assessment"}))
    again = reader().read(raw(data={"price": 12.5, "kind": "assessment"}))
    assert isinstance(again, Event)
    assert (event.key, event.content) == (again.key, again.content)
    assert (event.key, event.content) == (29082975811700783, 3677620674)


# --- profiles ---------------------------------------------------------------------------------------------------------------------------


def profile(**traits: Any) -> bytes:
    return raw("account.updated", traits)


def test_a_trait_that_did_not_come_is_not_the_same_as_null() -> None:
    """Null takes a trait away, silence leaves it."""
    event = read(profile(seats=None, name="Acme"))
    assert (event.data.seats, event.data.name) == (None, "Acme")
    assert event.data.zone is msgspec.UNSET


def test_an_unknown_plan_makes_the_plan_missing_and_is_counted() -> None:
    """The other traits are taken: a stale plan or ticket would mail wrongly."""
    fresh = reader()
    event = fresh.read(profile(plan="platinum", seats=4))
    assert isinstance(event, Event)
    assert (event.data.plan, event.data.seats, fresh.unknown_plans) == (None, 4, 1)
    fresh.read(profile(plan="payg"))
    assert fresh.unknown_plans == 1


@pytest.mark.parametrize(
    ("traits", "code"),
    [
        ({"colour": "red"}, "unknown_trait"),
        ({"seats": -1}, "bad_field"),
        ({"seats": 1.5}, "bad_field"),
        ({"seats": "many"}, "bad_field"),
        ({"anchor_day": 0}, "bad_field"),
        ({"anchor_day": 32}, "bad_field"),
        ({"anchor_day": 1.5}, "bad_field"),
        ({"zone": "Mars/Olympus"}, "bad_field"),
        ({"zone": "../../etc/passwd"}, "bad_field"),
        ({"zone": 5}, "bad_field"),
        ({"unpaid": "true"}, "bad_field"),
        ({"plan": 5}, "bad_field"),
        ({"plan_price": "cheap"}, "bad_money"),
        ({"addons": "scheduling"}, "bad_field"),
        ({"contacts": {"address": "a@b.example"}}, "bad_field"),
        ({"contacts": [{"role": "billing"}]}, "bad_field"),
        ({"contacts": ["a@b.example"]}, "bad_field"),
        ({"owner": "Kim"}, "bad_field"),
        ({"created_at": "2025"}, "bad_field"),
    ],
)
def test_a_profile_with_a_trait_that_cannot_be_is_set_aside(traits: dict[str, Any], code: str) -> None:
    """An undeclared trait is an error, and one of another type is no trait."""
    found, reason = refused(profile(**traits))
    assert found == code
    assert next(iter(traits)) in reason


@pytest.mark.parametrize("day", [1, 28, 31])
def test_any_day_of_a_month_can_be_an_anchor(day: int) -> None:
    """From the first to the 31st."""
    assert read(profile(anchor_day=day, seats=0)).data.anchor_day == day


@pytest.mark.parametrize("written", [12, "12", "12.0", 12.0])
def test_whole_numbers_of_a_profile_may_be_written_as_text(written: Any) -> None:
    """A CSV has nothing but texts."""
    event = read(profile(seats=written, anchor_day=written))
    assert (event.data.seats, event.data.anchor_day) == (12, 12)
    assert isinstance(event.data.seats, int)


# --- rows of an accounts file ----------------------------------------------------------------------------------------------------------------


def test_a_row_is_a_profile_without_a_time() -> None:
    """`account` and its traits side by side, or under `traits`."""
    flat = READER.row(b'{"account": "acme", "plan": "payg", "seats": "3"}')
    deep = READER.row(b'{"account": "acme", "traits": {"plan": "payg", "seats": 3}}')
    for event in (flat, deep):
        assert (event.type, event.account, event.time, event.data.plan, event.data.seats) == (
            "account.updated",
            "acme",
            0,
            "payg",
            3,
        )


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (b"", "not_json"),
        (b"acme,payg", "not_json"),
        (b'{"plan": "payg"}', "no_account"),
        (b'{"account": "acme", "colour": "red"}', "unknown_trait"),
        (b'{"account": "acme", "seats": "many"}', "bad_field"),
        (b'{"account": "acme", "name": "\xff"}', "not_json"),
        (b'{"account": "acme", "seats": 1e99999999999999999999}', "bad_field"),
    ],
)
def test_a_row_that_is_none_is_set_aside(row: bytes, code: str) -> None:
    """With the same codes as an event."""
    with pytest.raises(EventError) as error:
        READER.row(row)
    assert error.value.code == code
