"""One account's state: its bytes, how many of them, when it wants to be woken, and what is no state."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from nudger.core.account import (
    Absence,
    Account,
    Carried,
    RuleState,
    Sent,
    StateFormatError,
    Wait,
    decode,
    encode,
    next_due,
)
from nudger.core.event import Snapshot
from nudger.project import open_project
from tests.support.builders import INPUT, ROWS, World, customer, event

EXAMPLE = Path(__file__).parents[3]
SNAPSHOT = Snapshot("cart.started", 1_772_445_600_000, "/shop", "c-1", b"\x80", "EUR")


def wait(look_at: int) -> Wait:
    return Wait("e:/shop:c-1", 1_772_445_600_000, look_at + 5, look_at, SNAPSHOT)


FULL = Account(
    layout=b"12345abcde",
    meters=[0, Decimal("12.50"), None, [3, Decimal("0.1"), 4, None], {"ann": 1, "ölf": 2}, {}, [], 10**15],
    closed=[7, None],
    first=1_772_445_600_000,
    touched=1_772_445_700_000,
    book=3,
    known=True,
    plan="payg",
    plan_since=1,
    plan_changed=2,
    plan_price=Decimal("70.00"),
    seats=12,
    currency="EUR",
    zone="Europe/Berlin",
    anchor_day=31,
    created_at=-5,
    cycle_start=1,
    cycle_end=2,
    last_cycle=3,
    month_start=4,
    month_end=5,
    last_month=6,
    traits=msgspec.Raw(msgspec.msgpack.encode({"stage": "growth", "addons": ["x"]})),
    rules={7: RuleState(False, True, 3, "hold over", 9, 10, 2, [1, 2], wait(500)), 2**31 - 1: RuleState()},
    absences=[Absence(7, "cart\x1f1", 600, SNAPSHOT)],
    sent=[Sent(1, 2**62, "product")],
    carried=[Carried(b"zzzzz", 99, {"x": 1}, Decimal(3))],
)


def test_an_account_is_the_same_after_a_round_trip_through_its_bytes() -> None:
    """Everything that is remembered comes back, amounts with their digits."""
    back = decode(encode(FULL))
    assert back == FULL
    assert str(back.meters[1]) == "12.50"
    assert encode(back) == encode(FULL)


def test_an_account_that_remembers_nothing_goes_round_too() -> None:
    """The smallest state there is."""
    assert decode(encode(Account(b"", [], []))) == Account(b"", [], [])


@pytest.mark.parametrize(
    ("waits", "absent", "due"),
    [
        ([], [], 0),
        ([500], [], 500),
        ([], [600], 600),
        ([500, 400], [600], 400),
        ([500], [300, 200], 200),
    ],
)
def test_the_header_says_when_the_account_wants_to_be_looked_at(waits: list[int], absent: list[int], due: int) -> None:
    """The soonest of what waits and what is missed stands in front of the bytes; 0 is never."""
    account = Account(b"", [], [])
    account.rules = {number: RuleState(wait=wait(look_at)) for number, look_at in enumerate(waits)}
    account.absences = [Absence(9, "", look_at, SNAPSHOT) for look_at in absent]
    assert next_due(account) == due
    state = encode(account)
    assert state[:1] == b"\x01"
    assert int.from_bytes(state[1:9], "big") == due


GOOD = encode(FULL)


@pytest.mark.parametrize(
    "state",
    [
        b"",
        b"\x01",
        GOOD[:9],
        GOOD[:-1],
        GOOD + b"\x00",
        b"\x02" + GOOD[1:],
        b"\x00" + GOOD[1:],
        GOOD[:9] + b"\xc0",
        GOOD[:9] + b"\x81\xa1x\x01",
        b"not a state at all",
    ],
    ids=["empty", "a byte", "no body", "cut", "too long", "newer", "older", "nothing", "another shape", "text"],
)
def test_bytes_that_are_no_state_are_refused_in_plain_words(state: bytes) -> None:
    """A newer format or a damaged state is an error that names itself, never another account."""
    with pytest.raises(StateFormatError):
        decode(state)


@pytest.mark.parametrize("at_byte", range(9, len(GOOD), 7))
def test_a_state_with_a_wrong_byte_is_an_account_or_a_refusal(at_byte: int) -> None:
    """Damage ends in no other error than the one for damage."""
    broken = GOOD[:at_byte] + bytes([GOOD[at_byte] ^ 0xFF]) + GOOD[at_byte + 1 :]
    try:
        answer: object = decode(broken)
    except StateFormatError as refused:
        answer = refused
    assert isinstance(answer, Account) or "state" in str(answer)


def test_a_quiet_account_of_the_shipped_example_is_small() -> None:
    """A customer with a full profile and a month of ordinary use takes at most 600 bytes."""
    world = World(open_project(EXAMPLE))
    contacts = [{"address": "robin@customer.example", "role": "billing", "name": "Robin Sample", "first_name": "Robin"}]
    row = customer(
        name="Northern Lights Travel",
        plan="lite",
        contacts=contacts,
        zone="Europe/Copenhagen",
        anchor_day=15,
        industry="travel",
        size="11-50",
        stage="growth",
        milestones=["first_value"],
        open_tickets=0,
        addons=[],
        locale="en",
    )
    calls = [event("api.called", f"2026-03-{day:02} 10:00", calls=40) for day in range(1, 29)]
    counted = [event("contacts.counted", f"2026-03-{day:02} 11:00", total=300 + day) for day in (3, 12, 21)]
    world.journal.feed(0, ROWS, [row])
    world.journal.feed(0, INPUT, calls + counted)
    world.read()
    state = world.journal.load(0, ["a:acme"])["a:acme"]
    assert state is not None
    assert world.verdicts() == []
    assert len(state) <= 600
