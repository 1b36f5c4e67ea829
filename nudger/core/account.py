"""One account's state: small, versioned, bounded; bytes at rest, an object only for the batch in hand.

At rest: ``format (1 byte) | next_due (8 bytes, ms, 0 = none) | msgpack``, so that a journal can keep its timers without
decoding. Meters stand by position; `layout` says which meter each position is (see `meter.Meter.slot_id`), so that a
state written under another rule book is recognised by comparing bytes and carried over by name and definition.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from nudger.core.event import Snapshot

FORMAT = 1
_HEADER = 9
_NO_TRAITS = msgspec.msgpack.encode({})

#: What a meter's place can hold. None = unknown until its window has passed; see `meter` for each kind's form.
Slot = int | Decimal | None | list[int | Decimal | bool | None] | dict[str, int]


class StateFormatError(ValueError):
    """A state written in a format that this release does not read."""


class Wait(msgspec.Struct, array_like=True, gc=False):
    """A nudge that may go out later; the whole order runs again from `when` at `look_at` or at an event it reads.

    Attributes:
        crossing: What opened it, for the nudge's id: ``e:SOURCE:ID`` or ``t:DUE``.
        opened: The time of what opened it (ms).
        deadline: When it lapses: opened + hold.
        look_at: When to look again without an event.
        event: The event that `event.…` reads.
    """

    crossing: str
    opened: int
    deadline: int
    look_at: int
    event: Snapshot


class RuleState(msgspec.Struct, array_like=True):
    """What one account remembers of one rule; absent = armed, nothing ever happened.

    Attributes:
        armed: The next known yes is a crossing.
        unread: `when` has not given a known answer since the rule went live for this account.
        verdict: The last verdict (index into `verdict.VERDICTS`) with its `reason` and `since` when (ms).
        not_before: Nothing of this rule before this instant (it was outranked, or is armed only later).
        count: First messages ever. `fired`: their instants, as far back as a limit asks.
        wait: What waits, if anything.
    """

    armed: bool = True
    unread: bool = False
    verdict: int = 0
    reason: str = ""
    since: int = 0
    not_before: int = 0
    count: int = 0
    fired: list[int] = []
    wait: Wait | None = None


class Absence(msgspec.Struct, array_like=True, gc=False):
    """A started absence: it fires at `due` unless a cancelling event with the same fields comes."""

    rule: int
    same: str
    due: int
    event: Snapshot


class Sent(msgspec.Struct, array_like=True, gc=False):
    """One message that counts in the caps: when (ms), to whom (a hash), under which topic."""

    at: int
    person: int
    topic: str


class Carried(msgspec.Struct, array_like=True):
    """A meter that today's book does not know, kept until `drop_at` in case the edit is rolled back."""

    slot_id: bytes
    drop_at: int
    value: Slot
    closed: Slot


class Account(msgspec.Struct, array_like=True, dict=True):
    """One account. The traits that the engine itself reads stand as fields, the others packed in `traits`.

    Attributes:
        layout: The slot ids of `meters`, in order. `closed`: the last closed period of those that have one.
        first: Time of its earliest event, 0 before any. `touched`: its latest `now`.
        book: Number of the rule book it was last read with (counted per partition).
        known: Whether a profile has come (an `account.updated` or a row of the accounts file).
        plan_since: When the plan became the present one; `plan_changed`: when it last changed from another one.
        cycle_start, cycle_end, last_cycle: Running billing cycle, and the start of the one before; 0 before any event.
        month_start, month_end, last_month: The same for the calendar month.
        rules: By rule key. `sent`: for the caps. All times in ms since 1970 UTC.
    """

    layout: bytes
    meters: list[Slot]
    closed: list[Slot]
    first: int = 0
    touched: int = 0
    book: int = 0
    known: bool = False
    plan: str | None = None
    plan_since: int = 0
    plan_changed: int = 0
    plan_price: Decimal | None = None
    seats: int | None = None
    currency: str | None = None
    zone: str | None = None
    anchor_day: int = 1
    created_at: int | None = None
    cycle_start: int = 0
    cycle_end: int = 0
    last_cycle: int = 0
    month_start: int = 0
    month_end: int = 0
    last_month: int = 0
    traits: msgspec.Raw = msgspec.Raw(_NO_TRAITS)
    rules: dict[int, RuleState] = {}
    absences: list[Absence] = []
    sent: list[Sent] = []
    carried: list[Carried] = []


_encoder = msgspec.msgpack.Encoder(decimal_format="string")
_decoder = msgspec.msgpack.Decoder(Account)
_FORMAT_BYTE = bytes([FORMAT])
_ASLEEP = _FORMAT_BYTE + bytes(8)


def next_due(account: Account) -> int:
    """Return when the account wants to be looked at without an event (ms), 0 for never."""
    due = 0
    for state in account.rules.values():
        wait = state.wait
        if wait is not None and (not due or wait.look_at < due):
            due = wait.look_at
    for absence in account.absences:
        if not due or absence.due < due:
            due = absence.due
    return due


def encode(account: Account) -> bytes:
    """Return the state's bytes."""
    if account.rules or account.absences:
        due = next_due(account)
        if due:
            return _FORMAT_BYTE + due.to_bytes(8, "big") + _encoder.encode(account)
    return _ASLEEP + _encoder.encode(account)


def decode(state: bytes) -> Account:
    """Return the account of a state's bytes.

    Raises:
        StateFormatError: The bytes are of a newer format, or no state at all.
    """
    if state[:1] != _FORMAT_BYTE:
        raise StateFormatError(f"state format {state[0] if state else 'empty'}; this release reads {FORMAT}")
    try:
        return _decoder.decode(memoryview(state)[_HEADER:])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StateFormatError(f"damaged state: {error}") from error
