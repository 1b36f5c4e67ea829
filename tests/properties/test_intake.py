"""Whatever comes in is an event, a named stranger or a refusal in words; and every record has exactly one fate."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from nudger.core.event import Event
from nudger.errors import EventError
from nudger.intake.envelope import Reader, Undeclared
from nudger.intake.moment import Times
from tests.support.builders import World, at, credit, customer, event, iso, project

DECLARED = {
    "paid": {"price": "money", "count": "number", "kind": "text", "when": "time", "free": "bool", "tags": "list"},
    "chosen": {"plan": "plan", "addon": "addon"},
    "account.updated": {
        "name": "text", "plan": "plan", "seats": "number", "plan_price": "money", "zone": "text", "anchor_day": "number",
        "unpaid": "bool", "created_at": "time", "addons": "addons", "contacts": "contacts", "owner": "owner",
    },
}  # fmt: skip
READER = Reader(DECLARED, frozenset({"payg", "scale"}), frozenset({"scheduling"}))
CODES = {
    "not_json", "too_large", "too_deep", "no_account", "no_id", "no_time", "no_zone", "bad_field", "bad_money", "unknown_trait",
}  # fmt: skip
GOOD = [
    b'{"id":"1","type":"paid","account":"acme","time":"2026-03-02T12:00:00Z","data":{"price":12.5,"kind":"x","tags":["a"]}}',
    b'{"specversion":"1.0","id":"1","source":"/b","type":"paid","subject":"acme","time":"2026-03-02T12:00:00+01:00","data":{"count":1e3}}',
    b'{"id":1,"type":"account.updated","account":5,"time":"2026-03-02T12:00:00.5Z","data":{"plan":"payg","seats":"3",'
    b'"contacts":[{"address":"a@b.example","role":"billing"}],"owner":{"address":"c@d.example"},"zone":"Europe/Berlin"}}',
    b'{"id":"1","type":"chosen","account":"acme","time":"2026-03-02T12:00:00Z","data":{"plan":"scale","addon":"scheduling"}}',
]


def answer(raw: bytes) -> Event | Undeclared | EventError:
    """Return what the reader makes of a record, or why it refuses it."""
    try:
        return READER.read(raw)
    except EventError as error:
        return error


def check(raw: bytes) -> None:
    """Read one record and hold the answer to the contract."""
    found = answer(raw)
    if isinstance(found, EventError):
        assert found.code in CODES
        assert 0 < len(found.reason) < 1000
        return
    if isinstance(found, Undeclared):
        assert found.type not in DECLARED
        return
    assert isinstance(found, Event)
    assert found.type in DECLARED
    assert found.account
    assert found.id
    assert found.time >= 0
    assert 0 <= found.key < 2**64
    assert 0 <= found.content < 2**32
    for field in ("price", "count"):
        value = getattr(found.data, field, None)
        assert value is None or (isinstance(value, int | Decimal) and abs(value) < 10**15)


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
@example(b'{"id":"1","type":"paid","account":"\xff","time":"2026-03-02T12:00:00Z"}')
@example(
    b'{"id":"1","type":"paid","account":"a","time":"2026-03-02T12:00:00Z","data":{"price":1e99999999999999999999}}'
)
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    """Nothing but an EventError ever comes out of the reader."""
    check(raw)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Draw a good event with some bytes changed, taken out, doubled or put in."""
    raw = bytearray(draw(st.sampled_from(GOOD)))
    for _ in range(draw(st.integers(1, 5))):
        place = draw(st.integers(0, max(0, len(raw) - 1)))
        match draw(st.integers(0, 3)):
            case 0:
                raw[place : place + 1] = draw(st.binary(min_size=1, max_size=2))
            case 1:
                del raw[place : place + draw(st.integers(1, 8))]
            case 2:
                raw[place:place] = raw[place : place + draw(st.integers(1, 20))]
            case _:
                raw[place:place] = draw(st.sampled_from(PIECES))
    return bytes(raw)


PIECES = [
    b"null", b"true", b"1e999", b"-", b'"', b"\\", b"\\ud800", b"\\u0000", b"{}", b"[]", b",", b":", b"\xff", b"\xf0\x9f\x98\x80",
    b"0", b"99999999999999999999", b'"specversion":"1.0",', b'"subject":"x",', b'"data_base64":"eA==",', b'"time":null,', b"e-400",
]  # fmt: skip


@given(mutated())
@settings(max_examples=1000, deadline=None)
def test_a_damaged_event_is_read_or_refused(raw: bytes) -> None:
    """However it was damaged on its way."""
    check(raw)


values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=12), st.sampled_from(["2026-03-02T12:00:00Z", "payg", "scheduling", "12.50", "UTC", "a@b.example", "1e9"]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["address", "role", "x"]), inner, max_size=3)),
    max_leaves=5,
)  # fmt: skip
fields = st.sampled_from(sorted({name for kinds in DECLARED.values() for name in kinds} | {"currency", "other"}))
envelopes = st.fixed_dictionaries(
    {"type": st.sampled_from([*DECLARED, "unheard"])},
    optional={
        "id": st.one_of(st.text(min_size=1, max_size=5), values), "account": st.one_of(st.text(min_size=1, max_size=5), values),
        "time": st.one_of(st.just("2026-03-02T12:00:00Z"), values), "source": values, "subject": values,
        "specversion": st.one_of(st.just("1.0"), values), "data": st.one_of(st.dictionaries(fields, values, max_size=5), values),
    },
)  # fmt: skip


@given(envelopes)
@settings(max_examples=600, deadline=None)
def test_an_event_with_any_values_in_it_is_read_or_refused(record: dict[str, Any]) -> None:
    """Every field may hold anything."""
    check(json.dumps(record).encode())


@given(envelopes, st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_the_order_of_keys_changes_nothing(record: dict[str, Any], chance: Any) -> None:
    """Read or refused, it is the same event, with the same key and content."""

    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: shuffled(value[key]) for key in chance.sample(sorted(value), len(value))}
        return value

    one, other = answer(json.dumps(record).encode()), answer(json.dumps(shuffled(record)).encode())
    if isinstance(one, Event):
        assert one == other
    else:
        assert isinstance(one, Undeclared) == isinstance(other, Undeclared)
        assert not isinstance(other, Event)


@given(st.decimals(min_value=-(10**15) + 1, max_value=10**15 - 1, allow_nan=False, places=4))
@settings(max_examples=200, deadline=None)
def test_an_amount_is_the_same_as_a_number_and_as_text(amount: Decimal) -> None:
    """Exactly, with the same content."""
    head = '{"id":"1","type":"paid","account":"a","time":"2026-03-02T12:00:00Z","data":{"price":'
    number, text = READER.read(f"{head}{amount:f}}}}}".encode()), READER.read(f'{head}"{amount:f}"}}}}'.encode())
    assert isinstance(number, Event)
    assert number == text
    assert number.data.price == amount


@given(st.integers(0, at("2199-12-31 23:59")), st.sampled_from([0, 330, -300, 345, -720, 840]))
@settings(max_examples=300, deadline=None)
def test_a_time_is_read_the_same_in_every_offset(instant: int, offset: int) -> None:
    """To the millisecond."""
    sign, minutes = "-" if offset < 0 else "+", abs(offset)
    local = instant + offset * 60_000
    if local >= 0:
        written = iso(local)[:-1] + f"{sign}{minutes // 60:02}:{minutes % 60:02}"
        assert Times().read(written) == Times().read(iso(instant)) == instant


@given(st.text(max_size=30))
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_time_or_refused(text: str) -> None:
    """With one of two codes."""
    try:
        code = "read" if Times().read(text) >= 0 else "before 1970"
    except EventError as error:
        code = error.code
    assert code in ("read", "no_time", "no_zone")


ROW = project("")
START = at("2026-03-05 00:00")
records = st.one_of(
    st.binary(max_size=40),
    mutated(),
    st.tuples(st.integers(0, 100), st.sampled_from(["a", "b"]), st.integers(0, 12)).map(
        lambda drawn: credit(START + drawn[0] * 3_600_000, drawn[2], account=drawn[1], id=f"e{drawn[0] % 40}")
    ),
    st.just(event("unheard.of", "2026-03-05 10:00", id="x")),
    st.just(b'{"id":"9","type":"credit.purchased","account":"a","time":"9999-12-31T23:59:59Z","data":{}}'),
)


@given(st.lists(records, max_size=40), st.integers(1, 10))
@settings(max_examples=120, deadline=None)
def test_every_record_is_counted_repeated_undeclared_or_set_aside(drawn: list[bytes], batch: int) -> None:
    """Exactly one of the four, however the records are mixed; what is set aside is there byte for byte."""
    world = World(ROW, rows=[customer("a")], batch=batch).run(*drawn)
    summary = world.processor.summary
    aside = sum(summary.dead_letters.values())
    counted = summary.counts.get("counted", 0) - 1  # the row
    assert counted + summary.counts.get("repeated", 0) + sum(summary.undeclared.values()) + aside == len(drawn)
    assert len(world.out("dead-letter")) == aside
    places = [json.loads(raw)["at"] for raw in world.out("dead-letter")]
    assert len(set(places)) == aside
    for place, raw in zip(places, world.out("dead-letter"), strict=True):
        record = drawn[int(place.split(":")[1]) - 1]
        value = json.loads(raw)["value"]
        assert value == record.decode() if isinstance(value, str) else value["base64"]
