"""Meters: what is counted per account, over which window, and how one event changes it.

A meter's place in the state (`account.Slot`) has one of these forms:

=========  ==============================  =================================  ============================
kind       billing cycle, calendar month   lifetime                           N days
=========  ==============================  =================================  ============================
count sum  the total                       the total                          [step, total, step, total …]
max min    [value]                         [value]                            [step, value, …]
last       [time, value], or {text: time} for texts, for every window
share      [matching, all]                 [matching, all]                    [step, matching, all, …]
unique     {member: 1}                     {member: 1}                        {member: latest step}
=========  ==============================  =================================  ============================

0 in place of any of them: nothing has come yet.

None in place of any of them, or as a step's total, is *unknown*: the meter was added later, met another currency, or
grew past its bound. A period's unknown ends with the period, a step's when it leaves the window.
Windows of N days move in steps of 1/30 of the window; the oldest step is counted whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from nudger.core.account import Account, Carried, Slot
from nudger.core.calendar import DAY
from nudger.core.event import Event

Kind = Literal["count", "sum", "unique", "max", "min", "last", "share"]
Span = Literal["cycle", "month", "days", "lifetime"]
Read = Callable[[Account, int], Any]
Fold = Callable[[Account, Event, "str | None"], None]

STEPS = 30
#: The place of a meter that has seen nothing, whatever its kind.
EMPTY = 0
MOST_MEMBERS = 2000
#: A meter that the book no longer knows is kept this long, so that a rolled-back edit costs nothing.
CARRY_MS = 7 * DAY
_UNKNOWN_MEMBER = "\0unknown"


@dataclass(frozen=True, slots=True)
class Meter:
    """One compiled meter.

    Attributes:
        name: As the growth team wrote it.
        slot_id: Five bytes of name and definition; two books that agree on them share the state.
        index: Its place in `Account.meters`; `closed_index` in `Account.closed` (periods only, else -1).
        event: The event type it counts. `where`: which of them (None = all).
        field: Reads the summed, compared or listed value from an event; None for count and share.
        match: For share: which events match.
        text: The field is a text (kinds last and unique). `money`: a currency matters.
        step: Length of one step (ms), 0 unless the window is of N days.
    """

    name: str
    slot_id: bytes
    index: int
    closed_index: int
    kind: Kind
    span: Span
    event: str
    step: int = 0
    text: bool = False
    money: bool = False
    where: Callable[[Event], bool | None] | None = None
    field: Callable[[Event], Any] | None = None
    match: Callable[[Event], bool | None] | None = None

    def fresh(self, since: int) -> Slot:
        """Return the place of a meter that begins to be counted at *since*, in the life of an account."""
        if self.kind == "last":
            return EMPTY
        if self.span != "days":
            return None
        first = since // self.step
        if self.kind == "unique":
            return {_UNKNOWN_MEMBER: first}
        return [first, None, None] if self.kind == "share" else [first, None]


# --- one event changes one place ------------------------------------------------------------------


def _value(meter: Meter, event: Event) -> Any:
    assert meter.field is not None
    return meter.field(event)


def _plus_one(slot: Any, meter: Meter, event: Event) -> Any:
    return None if slot is None else slot + 1


def _plus_value(slot: Any, meter: Meter, event: Event) -> Any:
    value = _value(meter, event)
    return slot if value is None or slot is None else slot + value


def _larger(slot: Any, meter: Meter, event: Event) -> Any:
    value = _value(meter, event)
    if value is None or slot is None:
        return slot
    return slot if slot and slot[0] >= value else [value]


def _smaller(slot: Any, meter: Meter, event: Event) -> Any:
    value = _value(meter, event)
    if value is None or slot is None:
        return slot
    return slot if slot and slot[0] <= value else [value]


def _latest(slot: Any, meter: Meter, event: Event) -> Any:
    value = _value(meter, event)
    if value is None or slot is None:
        return slot
    if meter.text:
        return {value: event.time} if not slot or event.time >= next(iter(slot.values())) else slot
    return [event.time, value] if not slot or event.time >= slot[0] else slot


def _share(slot: Any, meter: Meter, event: Event) -> Any:
    assert meter.match is not None
    matches = meter.match(event)
    if slot is None or matches is None:
        return slot
    if not slot:
        return [1 if matches else 0, 1]
    return [slot[0] + (1 if matches else 0), slot[1] + 1]


def _member(slot: Any, meter: Meter, event: Event, step: int) -> Any:
    value = _value(meter, event)
    if value is None or slot is None:
        return slot
    key = value if isinstance(value, str) else str(value)
    if not slot:
        return {key: step}
    slot[key] = max(step, slot.get(key, step))
    if len(slot) <= MOST_MEMBERS:
        return slot
    if meter.span != "days":
        return None
    oldest = max(slot.values()) - STEPS
    kept = {member: last for member, last in slot.items() if last >= oldest}
    return kept if len(kept) <= MOST_MEMBERS else {_UNKNOWN_MEMBER: max(slot.values())}


_CHANGE: dict[str, Callable[[Any, Meter, Event], Slot]] = {
    "count": _plus_one,
    "sum": _plus_value,
    "max": _larger,
    "min": _smaller,
    "last": _latest,
    "share": _share,
    "unique": lambda slot, meter, event: _member(slot, meter, event, 1),
}


def _in_step(slot: Any, meter: Meter, event: Event, foreign: bool) -> Any:
    """Change the step of a window of N days that holds the event; steps stand in order, oldest first."""
    if slot is None:
        return None
    step = event.time // meter.step
    if meter.kind == "unique":
        return _member(slot, meter, event, step)
    if not slot:
        slot = []
    value = meter.field(event) if meter.field is not None else None
    if meter.field is not None and value is None and not foreign:
        return slot
    wide = 3 if meter.kind == "share" else 2
    at = len(slot)
    while at and slot[at - wide] > step:
        at -= wide
    if not at or slot[at - wide] != step:
        slot[at:at] = [step, 0, 0] if wide == 3 else [step, value if meter.kind in ("max", "min") else 0]
        at += wide
    if foreign or slot[at - 1] is None:
        slot[at - 1] = None
    elif meter.kind == "share":
        slot[at - 2 : at] = _share(slot[at - 2 : at], meter, event)
    elif meter.kind in ("max", "min"):
        slot[at - 1] = max(slot[at - 1], value) if meter.kind == "max" else min(slot[at - 1], value)
    else:
        slot[at - 1] += 1 if meter.kind == "count" else value
    oldest = slot[-wide] - STEPS - 1
    while slot[0] < oldest:
        del slot[:wide]
    return slot


def _is_foreign(meter: Meter, account: Account, event: Event, home: str | None) -> bool:
    return meter.money and event.currency is not None and event.currency != (account.currency or home)


def _fold_period(meter: Meter) -> Fold:
    change, index, closed, monthly = _CHANGE[meter.kind], meter.index, meter.closed_index, meter.span == "month"
    where, field = meter.where, meter.field if meter.kind == "sum" else None
    counts = meter.kind == "count"

    def fold(account: Account, event: Event, home: str | None) -> None:
        if where is not None and not where(event):
            return
        time = event.time
        if time >= (account.month_start if monthly else account.cycle_start):
            slots, at = account.meters, index
        elif time >= (account.last_month if monthly else account.last_cycle):
            slots, at = account.closed, closed
        else:
            return  # a period before the last closed one: nothing reads it any more
        held: Any = slots[at]
        if counts:  # counts and sums are nearly all there is, so they are spelled out
            if held is not None:
                slots[at] = held + 1
        elif event.currency is not None and _is_foreign(meter, account, event, home):
            slots[at] = None
        elif field is not None:
            value = field(event)
            if value is not None and held is not None:
                slots[at] = held + value
        else:
            slots[at] = change(held, meter, event)

    return fold


def _fold_running(meter: Meter) -> Fold:
    change, index, where, days = _CHANGE[meter.kind], meter.index, meter.where, meter.span == "days"
    stepwise = days and meter.kind != "last"

    def fold(account: Account, event: Event, home: str | None) -> None:
        if where is not None and not where(event):
            return
        foreign = _is_foreign(meter, account, event, home)
        slot: Any = account.meters[index]
        if stepwise:
            account.meters[index] = _in_step(slot, meter, event, foreign)
        elif foreign and days:  # `last`: unknown until a later amount comes, or this one leaves the window
            if not slot or event.time >= slot[0]:
                account.meters[index] = [event.time, None]
        else:
            account.meters[index] = None if foreign else change(slot, meter, event)

    return fold


def folder(meter: Meter) -> Fold:
    """Return the function that folds one event of the meter's type into an account, in its own period."""
    return _fold_period(meter) if meter.span in ("cycle", "month") else _fold_running(meter)


# --- reading --------------------------------------------------------------------------------------


def _read_whole(kind: Kind, text: bool) -> Callable[[Any], Any]:
    if kind in ("count", "sum"):
        return lambda slot: slot
    if kind in ("max", "min"):
        return lambda slot: slot[0] if slot else None
    if kind == "share":
        return lambda slot: Decimal(slot[0]) / slot[1] if slot and slot[1] else None
    if kind == "unique":
        return lambda slot: len(slot) if slot else slot
    if text:
        return lambda slot: next(iter(slot)) if slot else None
    return lambda slot: slot[1] if slot else None


def _read_steps(meter: Meter) -> Callable[[Any, int], Any]:
    """Return the reader of a window of N days at an instant."""
    step, kind = meter.step, meter.kind

    def totals(slot: Any, now: int, wide: int) -> list[Any] | None:
        if not slot:
            return None if slot is None else [0, 0] if wide == 3 else []
        newest = now // step
        inside = [at for at in range(0, len(slot), wide) if newest - STEPS <= slot[at] <= newest]
        found = [slot[at + wide - 1] for at in inside]
        if None in found:
            return None
        return found if wide == 2 else [sum(slot[at + 1] for at in inside), sum(found)]

    def read(slot: Any, now: int) -> Any:
        if kind == "unique":
            if not slot:
                return slot
            oldest = now // step - STEPS
            inside = [member for member, last in slot.items() if last >= oldest]
            return None if _UNKNOWN_MEMBER in inside else len(inside)
        if kind == "last":
            at = (next(iter(slot.values())) if meter.text else slot[0]) if slot else None
            if at is None or at // step < now // step - STEPS:
                return None
            return next(iter(slot)) if meter.text else slot[1]
        found = totals(slot, now, 3 if kind == "share" else 2)
        if found is None:
            return None
        if kind == "share":
            return Decimal(found[0]) / found[1] if found[1] else None
        if kind in ("count", "sum"):
            return sum(found)
        return (max(found) if kind == "max" else min(found)) if found else None

    return read


def reader(meter: Meter) -> Read:
    """Return the function that reads the meter at an instant; the account has been advanced to it. None = missing."""
    index = meter.index
    if meter.span == "days":
        steps = _read_steps(meter)
        return lambda account, now: steps(account.meters[index], now)
    whole = _read_whole(meter.kind, meter.text)
    return lambda account, now: whole(account.meters[index])


def closed_reader(meter: Meter) -> Read:
    """Return the function that reads a period meter's last closed period."""
    whole, closed = _read_whole(meter.kind, meter.text), meter.closed_index
    return lambda account, now: whole(account.closed[closed])


# --- another rule book ----------------------------------------------------------------------------


def relay(account: Account, layout: bytes, meters: tuple[Meter, ...], since: int) -> list[Meter]:
    """Carry an account's meters over to another book's *layout*; return the new ones, which begin at *since* (ms)."""
    width = 5
    old_ids = [account.layout[at : at + width] for at in range(0, len(account.layout), width)]
    carried = [item for item in account.carried if item.drop_at > since]
    values: dict[bytes, tuple[Slot, Slot]] = {item.slot_id: (item.value, item.closed) for item in carried}
    closed_at = 0
    for slot_id, value in zip(old_ids, account.meters, strict=True):
        closed: Slot = None
        if slot_id[4] & PERIODIC:
            closed = account.closed[closed_at]
            closed_at += 1
        values[slot_id] = (value, closed)
    deadlines = {item.slot_id: item.drop_at for item in carried}
    new = [meter for meter in meters if meter.slot_id not in values]
    account.meters, account.closed = [], []
    for meter in meters:
        value, closed = values.pop(meter.slot_id, (meter.fresh(since), None))
        account.meters.append(value)
        if meter.closed_index >= 0:
            account.closed.append(closed)
    account.carried = [
        Carried(slot_id, deadlines.get(slot_id, since + CARRY_MS), value, closed)
        for slot_id, (value, closed) in values.items()
    ]
    account.layout = layout
    return new


def begin(account: Account, meters: list[Meter], since: int) -> None:
    """Begin to count *meters* at *since* (ms) in the account's running periods, which they have not seen whole."""
    for meter in meters:
        account.meters[meter.index] = meter.fresh(since)
        if meter.closed_index >= 0:
            account.closed[meter.closed_index] = None


#: Set in the last byte of a slot id when the meter also keeps its last closed period.
PERIODIC = 0x80
