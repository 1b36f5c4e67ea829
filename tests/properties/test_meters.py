"""Every meter reads what a plain recount of all events reads, in whatever order they came within their lateness."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nudger.core import calendar
from nudger.core.calendar import DAY, HOUR
from nudger.core.meter import STEPS, closed_reader
from nudger.core.timeline import move
from tests.support.builders import World, at, customer, event, project

KINDS = {
    "count": "count: used",
    "sum": "sum: amount, of: used",
    "unique": "unique: who, of: used",
    "max": "max: amount, of: used",
    "min": "min: amount, of: used",
    "last": "last: amount, of: used",
    "word": "last: who, of: used",
    "share": 'share: event.who == "ann", of: used',
}
WINDOWS = {
    "cycle": "billing cycle", "month": "calendar month", "d1": "1 day", "d7": "7 days", "d30": "30 days", "ever": "lifetime",
}  # fmt: skip
METERS = "".join(
    f"  {kind}_{window}: {{ {what}, over: {over} }}\n"
    for kind, what in KINDS.items()
    for window, over in WINDOWS.items()
)
METERED = project(
    "",
    catalog="{ currency: USD, plans: { payg: { name: Payg, price: 75 } } }",
    events="{ used: { amount: number, who: text }, other: {} }",
    meters=METERS,
)
GROUND = METERED.definition.ground
assert GROUND is not None
START = at("2026-02-20 00:00")
LATENESS = 48 * HOUR


@dataclass(frozen=True)
class Use:
    """One event as drawn: when, how much, by whom; None for a field that did not come."""

    when: int
    amount: Decimal | None
    who: str | None

    def record(self, name: str) -> bytes:
        data = {"amount": None if self.amount is None else str(self.amount), "who": self.who}
        return event("used", self.when, id=name, **{key: value for key, value in data.items() if value is not None})


amounts = st.one_of(st.none(), st.decimals(min_value=-50, max_value=500, places=2, allow_nan=False))
people = st.one_of(st.none(), st.sampled_from(["ann", "bob", "cy"]))


@st.composite
def uses(draw: st.DrawFn) -> list[Use]:
    """Draw events over two months, some of them late by up to two days."""
    now, found = START, []
    for step, late, amount, who in draw(
        st.lists(st.tuples(st.integers(0, 4 * DAY), st.integers(-3 * DAY, LATENESS), amounts, people), max_size=30)
    ):
        now += step
        found.append(Use(now - max(0, late), amount, who))
    return found


def recount(kind: str, events: list[Use]) -> Any:
    """Return what a kind reads over exactly these events, which stand in order of their arrival."""
    named, priced = [use for use in events if use.who is not None], [use for use in events if use.amount is not None]
    latest = {"last": priced, "word": named}.get(kind)
    if latest is not None:
        best = max(range(len(latest)), key=lambda index: (latest[index].when, index), default=None)
        return None if best is None else latest[best].amount if kind == "last" else latest[best].who
    values = [use.amount for use in priced if use.amount is not None]
    return {
        "count": lambda: len(events),
        "sum": lambda: sum(values),
        "unique": lambda: len({use.who for use in named}),
        "max": lambda: max(values, default=None),
        "min": lambda: min(values, default=None),
        "share": lambda: Decimal(sum(use.who == "ann" for use in named)) / len(named) if named else None,
    }[kind]()


def window(name: str, events: list[Use], now: int, anchor: int, zone: str) -> list[Use]:
    """Return the events inside a window at an instant."""
    tz = calendar.zone(zone)
    assert tz is not None
    if name == "ever":
        return events
    if name in ("cycle", "month"):
        start, _ = calendar.cycle(now, anchor if name == "cycle" else 1, tz)
        return [use for use in events if use.when >= start]
    step = int(name[1:]) * DAY // STEPS
    return [use for use in events if now // step - STEPS <= use.when // step <= now // step]


@given(uses(), st.integers(0, 40 * DAY), st.integers(1, 31), st.sampled_from(["UTC", "America/New_York", "Asia/Tokyo"]))
@settings(max_examples=150, deadline=None)
def test_a_meter_reads_what_a_recount_of_all_events_reads(
    events: list[Use], later: int, anchor: int, zone: str
) -> None:
    """Every kind over every window, and the last closed period too, for events in and out of order."""
    world = World(METERED, rows=[customer(anchor_day=anchor, zone=zone)], lateness=LATENESS + 4 * DAY)
    world.run(event("other", START), *(use.record(f"u{index}") for index, use in enumerate(events)))
    assert world.set_aside() == []
    now = max([START, *(use.when for use in events)]) + later
    for kind in KINDS:
        for name in WINDOWS:
            expected = recount(kind, window(name, events, now, anchor, zone))
            assert world.read_meter(f"{kind}_{name}", now) == expected, f"{kind} over {WINDOWS[name]}"


@given(uses(), st.integers(1, 31))
@settings(max_examples=80, deadline=None)
def test_the_last_closed_period_reads_what_a_recount_reads(events: list[Use], anchor: int) -> None:
    """Late events land in the period of their own time, as long as it is the last one or the running one."""
    world = World(METERED, rows=[customer(anchor_day=anchor)], lateness=LATENESS + 4 * DAY)
    world.run(event("other", START), *(use.record(f"u{index}") for index, use in enumerate(events)))
    now = max([START, *(use.when for use in events)])
    account, decider = world.account(), world.processor.partitions[0].decider
    move(account, decider.world, now)
    tz = calendar.zone("UTC")
    assert tz is not None
    start, _ = calendar.cycle(now, anchor, tz)
    before, _ = calendar.cycle(start - 1, anchor, tz)
    closed = [use for use in events if before <= use.when < start]
    for kind in KINDS:
        assert GROUND is not None
        read: Callable[..., Any] = closed_reader(GROUND.meters[f"{kind}_cycle"])
        assert read(account, now) == recount(kind, closed), kind


@given(st.integers(1, 40), st.integers(0, 10**6), st.integers(0, 1200))
@settings(max_examples=200, deadline=None)
def test_a_window_of_days_keeps_an_event_for_its_days_and_one_step_at_most(days: int, minute: int, share: int) -> None:
    """Never forgotten early, and never kept longer than a thirtieth more."""
    catalog = "{ currency: USD, plans: { p: { name: P, price: 1 } } }"
    meters = f"uses: {{ count: used, over: {days} days }}"
    world = World(project("", catalog=catalog, events="{ used: {} }", meters=meters))
    came, length = START + minute * 60_000, days * DAY
    waited = length * share // 1000
    reads = world.run(event("used", came)).read_meter("uses", came + waited)
    if waited <= length:
        assert reads == 1
    elif waited >= length + length // STEPS:
        assert reads == 0
