"""Meters: every kind over every window, late events, steps, bounds, currencies, and another rule book."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from nudger.core.calendar import DAY, MINUTE
from nudger.core.meter import closed_reader
from nudger.core.timeline import move
from nudger.project import Project
from tests.support.builders import World, at, customer, event, project, traits

EVENTS = """
  used:  { amount: number, who: text }
  paid:  { price: money }
  other: {}
"""
KINDS = {
    "count": "count: used",
    "sum": "sum: amount, of: used",
    "unique": "unique: who, of: used",
    "max": "max: amount, of: used",
    "min": "min: amount, of: used",
    "last": "last: amount, of: used",
    "share": 'share: event.who == "ann", of: used',
}
WINDOWS = {"cycle": "billing cycle", "month": "calendar month", "days": "30 days", "lifetime": "lifetime"}
PAYG = "{ currency: USD, plans: { payg: { name: Payg, price: 75 } } }"


def metered(*lines: str, events: str = EVENTS) -> Project:
    """Return a project with nothing but these meters."""
    return project("", catalog=PAYG, events=events, meters="\n".join(f"  {line}" for line in lines))


ALL = metered(
    *(
        f"{kind}_{window}: {{ {what}, over: {over} }}"
        for kind, what in KINDS.items()
        for window, over in WINDOWS.items()
    )
)
EMPTY = {"count": 0, "sum": 0, "unique": 0, "max": None, "min": None, "last": None, "share": None}


def used(when: str | int, amount: float = 1, who: str = "ann", **more: Any) -> bytes:
    return event("used", when, amount=amount, who=who, **more)


def reading(world: World, window: str, when: str) -> dict[str, Any]:
    """Return what every kind over one window reads at a time."""
    return {kind: world.read_meter(f"{kind}_{window}", when) for kind in KINDS}


def closed(world: World, name: str, when: str) -> Any:
    """Return what a meter of a period reads of the last closed one."""
    ground = world.project.definition.ground
    assert ground is not None
    account = world.account()
    move(account, world.processor.partitions[0].decider.world, at(when))
    return closed_reader(ground.meters[name])(account, at(when))


THREE = (used("2026-03-02 10:00", 5), used("2026-03-03 10:00", 2, "bob"), used("2026-03-04 10:00", 9))
READ = {"count": 3, "sum": 16, "unique": 2, "max": 9, "min": 2, "last": 9, "share": Decimal(2) / 3}


# --- counting --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("window", WINDOWS)
def test_every_kind_counts_what_has_come(window: str) -> None:
    """Three events of two people: 3, 16 in all, from 2 to 9, two thirds by ann."""
    assert reading(World(ALL).run(*THREE), window, "2026-03-05 10:00") == READ


@pytest.mark.parametrize("window", WINDOWS)
def test_before_any_event_counts_are_zero_and_the_rest_is_missing(window: str) -> None:
    """Nothing counted is 0; the largest, smallest, latest and the share of nothing are missing."""
    world = World(ALL).run(event("other", "2026-03-02 10:00"))
    assert reading(world, window, "2026-03-05 10:00") == EMPTY


@pytest.mark.parametrize(
    ("window", "ends"),
    [("cycle", "2026-03-15 00:00"), ("month", "2026-04-01 00:00"), ("days", "2026-04-02 00:00")],
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_window_ends_on_its_minute(window: str, ends: str, kind: str) -> None:
    """Cycles end on the anchor day, months on the first, 30 days with the day that has left them."""
    world = World(ALL, rows=[customer(anchor_day=15)]).run(used("2026-03-02 10:00", 5))
    name = f"{kind}_{window}"
    before = world.read_meter(name, at(ends) - 1)
    assert (before, world.read_meter(name, ends)) == (
        {"sum": 5, "max": 5, "min": 5, "last": 5}.get(kind, 1),
        EMPTY[kind],
    )


def test_a_lifetime_never_ends() -> None:
    """What is counted over a lifetime is there ten years on."""
    world = World(ALL).run(*THREE)
    assert reading(world, "lifetime", "2036-03-02 10:00") == READ


def test_where_leaves_events_out() -> None:
    """Only events for which `where` reads yes count; an unknown is no yes."""
    only = metered('bobs: { count: used, over: lifetime, where: event.who == "bob" }')
    unnamed = event("used", "2026-03-04 12:00", amount=1)
    assert World(only).run(*THREE, unnamed).read_meter("bobs", "2026-03-05 10:00") == 1


@pytest.mark.parametrize("window", WINDOWS)
def test_an_event_without_the_field_changes_nothing_but_the_count(window: str) -> None:
    """A missing amount or name is not zero and nobody: it is left out."""
    world = World(ALL).run(*THREE, event("used", "2026-03-04 12:00"))
    assert reading(world, window, "2026-03-05 10:00") == {**READ, "count": 4}


@pytest.mark.parametrize(
    ("kind", "values", "read"),
    [
        ("text", ["a", "b"], "b"),
        ("number", [1, 2.5], Decimal("2.5")),
        ("money", [1, 2.5], Decimal("2.5")),
        ("time", ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"], at("2026-01-02 00:00")),
        ("bool", [False, True], True),
        ("plan", ["payg", "payg"], "payg"),
    ],
)
@pytest.mark.parametrize("over", ["lifetime", "7 days", "billing cycle"])
def test_the_latest_value_of_any_kind_is_kept_over_a_restart(
    kind: str, values: list[Any], read: Any, over: str
) -> None:
    """`last` takes texts, numbers, amounts, times, flags and plans, and a state with any of them can be read again."""
    last = metered(f"latest: {{ last: field, of: set, over: {over} }}", events=f"{{ set: {{ field: {kind} }} }}")
    world = World(last).run(event("set", "2026-03-02 10:00", field=values[0]))
    world = world.crash().run(event("set", "2026-03-03 10:00", field=values[1]))
    found = world.read_meter("latest", "2026-03-04 10:00")
    assert getattr(found, "id", found) == read


# --- events that come late -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("window", ["cycle", "month"])
def test_a_late_event_counts_in_its_own_closed_period(window: str) -> None:
    """An event of 31 March that comes on 2 April changes March and leaves April alone."""
    world = World(ALL).run(*THREE, used("2026-04-01 10:00", 1, "cy"), used("2026-03-31 23:59", 20, "dan"))
    april = {"count": 1, "sum": 1, "unique": 1, "max": 1, "min": 1, "last": 1, "share": 0}
    assert reading(world, window, "2026-04-02 10:00") == april
    march = {kind: closed(world, f"{kind}_{window}", "2026-04-02 10:00") for kind in KINDS}
    assert march == {"count": 4, "sum": 36, "unique": 3, "max": 20, "min": 2, "last": 20, "share": Decimal("0.5")}


@pytest.mark.parametrize("window", ["cycle", "month"])
@pytest.mark.parametrize(
    ("late", "march"),
    [("2026-03-01 00:00", 2), ("2026-02-28 23:59", 1), ("2026-03-31 23:59", 2), ("2026-04-01 00:00", 1)],
)
def test_a_closed_period_holds_its_first_and_its_last_instant(window: str, late: str, march: int) -> None:
    """March begins at midnight of the first and ends before midnight of the next first, for late events as well."""
    world = World(ALL, lateness=40 * DAY).run(used("2026-03-10 10:00"), used("2026-04-05 10:00"), used(late))
    assert closed(world, f"count_{window}", "2026-04-06 10:00") == march


@pytest.mark.parametrize("window", ["cycle", "month"])
def test_an_event_at_the_very_turn_of_a_period_belongs_to_the_new_one(window: str) -> None:
    """Midnight of the first is April."""
    world = World(ALL).run(used("2026-03-10 10:00"), used("2026-04-01 00:00"))
    assert world.read_meter(f"count_{window}", "2026-04-02 10:00") == 1
    assert closed(world, f"count_{window}", "2026-04-02 10:00") == 1


@pytest.mark.parametrize("window", ["cycle", "month"])
def test_after_a_long_silence_a_late_event_still_finds_the_closed_period(window: str) -> None:
    """The account slept from January to April; the event of March that comes late is March's."""
    world = World(ALL, lateness=40 * DAY).run(
        used("2026-01-10 10:00"), used("2026-04-05 10:00"), used("2026-03-20 10:00")
    )
    assert closed(world, f"count_{window}", "2026-04-06 10:00") == 1
    assert world.read_meter(f"count_{window}", "2026-04-06 10:00") == 1


def test_an_event_of_a_period_before_the_last_closed_one_changes_only_longer_windows() -> None:
    """With a lateness of 40 days an event can be two cycles old: no period that is kept holds it."""
    world = World(ALL, lateness=40 * DAY).run(used("2026-03-02 10:00"), used("2026-04-02 10:00"))
    world = world.run(used("2026-02-25 10:00", 50))
    assert world.read_meter("sum_cycle", "2026-04-03 10:00") == 1
    assert closed(world, "sum_cycle", "2026-04-03 10:00") == 1
    assert world.read_meter("sum_lifetime", "2026-04-03 10:00") == 52


@pytest.mark.parametrize("window", WINDOWS)
def test_the_latest_is_by_event_time_and_of_equal_times_the_later_arrival(window: str) -> None:
    """A late event is not the latest; of two at the same instant the one that came later is."""
    world = World(ALL).run(used("2026-03-03 10:00", 1), used("2026-03-02 10:00", 2))
    assert world.read_meter(f"last_{window}", "2026-03-04 10:00") == 1
    world.run(used("2026-03-03 10:00", 3))
    assert world.read_meter(f"last_{window}", "2026-03-04 10:00") == 3


def test_a_period_without_events_closes_as_empty() -> None:
    """After a silence of two cycles the last closed one counted nothing."""
    world = World(ALL).run(*THREE, event("other", "2026-05-10 10:00"))
    assert {kind: closed(world, f"{kind}_cycle", "2026-05-11 10:00") for kind in KINDS} == EMPTY


# --- windows of N days -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "came", "still", "gone"),
    [
        (30, "2026-03-02 10:00", "2026-04-01 23:59", "2026-04-02 00:00"),  # steps of a day, the oldest one whole
        (30, "2026-03-02 00:00", "2026-04-01 23:59", "2026-04-02 00:00"),
        (1, "2026-03-02 00:00", "2026-03-03 00:47", "2026-03-03 00:48"),  # steps of 48 minutes
        (1, "2026-03-02 00:47", "2026-03-03 00:47", "2026-03-03 00:48"),
        (7, "2026-02-26 00:00", "2026-03-05 05:35", "2026-03-05 05:36"),  # steps of 5 h 36 min
        (90, "2026-03-02 00:00", "2026-06-02 23:59", "2026-06-03 00:00"),  # steps of 3 days
    ],
)
def test_a_window_of_days_moves_in_thirtieths_and_counts_its_oldest_step_whole(
    days: int, came: str, still: str, gone: str
) -> None:
    """An event is never forgotten before its N days are over, and at most one step after."""
    counted = World(metered(f"uses: {{ count: used, over: {days} days }}")).run(used(came))
    assert counted.read_meter("uses", still) == 1
    assert counted.read_meter("uses", gone) == 0
    assert at(still) - at(came) >= days * DAY - MINUTE


@pytest.mark.parametrize("kind", ["count", "sum", "unique", "max", "min", "share"])
def test_late_events_stand_in_the_step_of_their_own_time(kind: str) -> None:
    """Out of order or in order, the window reads the same, then and when its oldest days have left it."""
    days = [2, 5, 9, 5, 20, 2, 28]
    in_order = [used(f"2026-03-{day:02} 10:00", day, f"p{day}") for day in sorted(days)]
    shuffled = [used(f"2026-03-{day:02} 10:00", day, f"p{day}") for day in days]
    one, two = World(ALL, lateness=40 * DAY).run(*in_order), World(ALL, lateness=40 * DAY).run(*shuffled)
    for when in ("2026-03-29 10:00", "2026-04-03 10:00", "2026-04-10 10:00", "2026-04-25 10:00"):
        assert one.read_meter(f"{kind}_days", when) == two.read_meter(f"{kind}_days", when)
    assert one.read_meter("count_days", "2026-04-10 10:00") == 2


# --- bounds ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("window", WINDOWS)
def test_a_unique_count_is_exact_to_2000_and_then_unknown(window: str) -> None:
    """The two thousand and first person makes the count unknown; a repeat does not."""
    people = [used("2026-03-02 10:00", who=f"p{number}") for number in range(2000)]
    world = World(ALL).run(*people, used("2026-03-02 11:00", who="p7"))
    assert world.read_meter(f"unique_{window}", "2026-03-03 10:00") == 2000
    world.run(used("2026-03-02 12:00", who="one more"))
    assert world.read_meter(f"unique_{window}", "2026-03-03 10:00") is None


@pytest.mark.parametrize(
    ("window", "unknown_until", "later", "reads"),
    [("cycle", "2026-03-31 23:59", "2026-04-01 10:00", 1), ("days", "2026-04-01 23:59", "2026-04-02 10:00", 2)],
)
def test_an_overflown_unique_count_is_known_again_when_its_window_has_passed(
    window: str, unknown_until: str, later: str, reads: int
) -> None:
    """The unknown ends with its period, or when its step has left the window."""
    people = [used("2026-03-02 10:00", who=f"p{number}") for number in range(2001)]
    world = World(ALL).run(*people, used("2026-03-20 10:00", who="ann"))
    assert world.read_meter(f"unique_{window}", unknown_until) is None
    world.run(used("2026-04-01 05:00", who="bob"))
    assert world.read_meter(f"unique_{window}", later) == reads


def test_people_who_have_left_the_window_do_not_count_towards_the_bound() -> None:
    """1,500 people a month, other ones each month: never more than 2,000 in the last 30 days."""
    early = [used("2026-03-02 10:00", who=f"early{number}") for number in range(1500)]
    late = [used("2026-04-10 10:00", who=f"late{number}") for number in range(1500)]
    world = World(ALL).run(*early, *late)
    assert world.read_meter("unique_days", "2026-04-11 10:00") == 1500
    assert world.read_meter("unique_lifetime", "2026-04-11 10:00") is None


# --- currencies ----------------------------------------------------------------------------------------------------------

PAID = metered(
    "in_cycle: { sum: price, of: paid, over: billing cycle }",
    "in_month: { sum: price, of: paid, over: calendar month }",
    "in_days: { sum: price, of: paid, over: 30 days }",
    "ever: { sum: price, of: paid, over: lifetime }",
    "highest: { max: price, of: paid, over: 30 days }",
    "latest: { last: price, of: paid, over: 30 days }",
    "times: { count: paid, over: 30 days }",
)


def paid(when: str, price: float, currency: str | None = None) -> bytes:
    return event("paid", when, price=price, **({"currency": currency} if currency else {}))


@pytest.mark.parametrize(
    ("meter", "known_again", "reads"),
    [
        ("in_cycle", "2026-04-01 10:00", 5),
        ("in_month", "2026-04-01 10:00", 5),
        ("in_days", "2026-04-09 10:00", 5),
        ("highest", "2026-04-09 10:00", 5),
        ("latest", "2026-04-09 10:00", 5),
    ],
)
def test_an_amount_in_another_currency_makes_the_meter_unknown_for_that_window(
    meter: str, known_again: str, reads: int
) -> None:
    """Currencies never mix: the window that met another one is unknown, the next one is not."""
    world = World(PAID).run(paid("2026-03-02 10:00", 10), paid("2026-03-09 09:00", 7, "EUR"))
    assert world.read_meter(meter, "2026-03-09 10:00") is None
    world.run(paid("2026-04-01 09:00", 5))
    assert world.read_meter(meter, known_again) == reads


def test_over_a_lifetime_another_currency_is_unknown_for_good() -> None:
    """There is no next lifetime."""
    world = World(PAID).run(paid("2026-03-02 10:00", 7, "EUR"), paid("2026-04-01 09:00", 5))
    assert world.read_meter("ever", "2027-04-01 10:00") is None


def test_a_count_does_not_care_about_currencies() -> None:
    """Two payments are two payments."""
    world = World(PAID).run(paid("2026-03-02 10:00", 10), paid("2026-03-09 09:00", 7, "EUR"))
    assert world.read_meter("times", "2026-03-09 10:00") == 2


def test_the_accounts_own_currency_is_home() -> None:
    """For an account in EUR the euro counts, and an amount that names no currency is in it."""
    world = World(PAID, rows=[customer(currency="EUR")])
    world.run(paid("2026-03-02 10:00", 10, "EUR"), paid("2026-03-02 11:00", 1))
    assert world.read_meter("in_cycle", "2026-03-03 10:00") == 11
    world.run(paid("2026-03-02 12:00", 1, "USD"))
    assert world.read_meter("in_cycle", "2026-03-03 10:00") is None


def test_a_late_foreign_amount_spoils_only_the_period_it_belongs_to() -> None:
    """Euros of March that come in April make March unknown, not April."""
    world = World(PAID).run(
        paid("2026-03-30 10:00", 10), paid("2026-04-01 10:00", 5), paid("2026-03-31 10:00", 7, "EUR")
    )
    assert world.read_meter("in_cycle", "2026-04-01 12:00") == 5
    assert closed(world, "in_cycle", "2026-04-01 12:00") is None


# --- another rule book --------------------------------------------------------------------------------------------------

ONE = metered("uses: { count: used, over: billing cycle }")
TWO = metered("uses: { count: used, over: billing cycle }", "amount: { sum: amount, of: used, over: billing cycle }")


@pytest.mark.parametrize(
    ("window", "unknown_until", "known_from", "reads"),
    [
        ("billing cycle", "2026-03-31 23:59", "2026-04-01 00:00", 0),
        ("calendar month", "2026-03-31 23:59", "2026-04-01 00:00", 0),
        ("7 days", "2026-03-17 12:00", "2026-03-18 00:00", 1),
        ("30 days", "2026-04-09 12:00", "2026-04-11 00:00", 1),
        ("lifetime", "2030-01-01 00:00", None, 0),
    ],
)
@pytest.mark.parametrize("kind", ["count", "sum", "unique"])
def test_a_meter_that_is_added_later_is_unknown_until_its_window_has_been_seen(
    window: str, unknown_until: str, known_from: str | None, reads: int, kind: str
) -> None:
    """What happened before the meter existed was not counted, and that is said instead of guessed."""
    added = metered("uses: { count: used, over: billing cycle }", f"new: {{ {KINDS[kind]}, over: {window} }}")
    world = World(ONE).run(used("2026-03-10 10:00"))
    world = world.crash(added).run(used("2026-03-10 11:00"), used("2026-03-12 11:00"))
    assert world.read_meter("new", unknown_until) is None
    if known_from is not None:
        assert world.read_meter("new", known_from) == reads


def test_what_an_older_meter_has_counted_stays_when_another_one_is_added() -> None:
    """Adding a meter costs its neighbours nothing."""
    world = World(ONE).run(used("2026-03-10 10:00")).crash(TWO).run(used("2026-03-10 11:00"))
    assert world.read_meter("uses", "2026-03-11 10:00") == 2


def test_the_last_closed_period_of_an_older_meter_stays_too() -> None:
    """March is remembered in April under a book that counts more; of the new meter March is unknown."""
    world = World(ONE).run(used("2026-03-10 10:00"), used("2026-03-11 10:00"), used("2026-04-02 10:00"))
    world = world.crash(TWO).run(used("2026-04-03 10:00", 5))
    assert closed(world, "uses", "2026-04-04 10:00") == 2
    assert closed(world, "amount", "2026-04-04 10:00") is None


def test_a_meter_added_while_an_account_was_silent_is_unknown_in_the_cycle_it_was_added_in() -> None:
    """The account slept over the turn of the cycle, but the new meter has not seen the new cycle whole either."""
    uses, others = "uses: { count: used, over: billing cycle }", "others: { count: other, over: billing cycle }"
    before = metered(uses, events="{ used: { amount: number, who: text } }")
    after = metered(uses, others, events="{ used: { amount: number, who: text }, other: {} }")
    world = World(before).run(used("2026-03-20 10:00"), event("other", "2026-04-05 10:00"))  # not declared yet
    world.run(used("2026-04-10 10:00", account="somebody else"))
    world = world.crash(after).run(event("other", "2026-04-20 10:00"))
    assert world.read_meter("others", "2026-04-21 10:00") is None
    assert world.read_meter("others", "2026-05-01 10:00") == 0


def test_a_meter_taken_out_and_put_back_within_a_week_has_lost_nothing() -> None:
    """An edit that is rolled back costs nothing that had been counted."""
    world = World(TWO).run(used("2026-03-10 10:00", 5))
    world = world.crash(ONE).run(used("2026-03-11 10:00", 3))
    world = world.crash(TWO).run(used("2026-03-12 10:00", 2))
    assert world.read_meter("amount", "2026-03-13 10:00") == 7
    assert world.read_meter("uses", "2026-03-13 10:00") == 3


def test_a_meter_put_back_after_more_than_a_week_begins_anew() -> None:
    """What was not counted for nine days cannot be told, so the meter is unknown."""
    world = World(TWO).run(used("2026-03-10 10:00", 5))
    world = world.crash(ONE).run(used("2026-03-11 10:00", 3), used("2026-03-20 10:00", 3))
    world = world.crash(TWO).run(used("2026-03-20 11:00", 2))
    assert world.read_meter("amount", "2026-03-21 10:00") is None


def test_a_meter_that_is_defined_otherwise_is_a_new_meter() -> None:
    """Another `where` under the same name begins to count from then on."""
    changed = metered('uses: { count: used, over: billing cycle, where: event.who == "ann" }')
    world = World(ONE).run(used("2026-03-10 10:00")).crash(changed).run(used("2026-03-11 10:00"))
    assert world.read_meter("uses", "2026-03-12 10:00") is None
    world.run(used("2026-04-02 10:00"))
    assert world.read_meter("uses", "2026-04-03 10:00") == 1


def test_the_order_of_meters_in_the_files_does_not_matter() -> None:
    """Meters are kept by name and definition, not by where they stand."""
    turned = metered(
        "amount: { sum: amount, of: used, over: billing cycle }", "uses: { count: used, over: billing cycle }"
    )
    world = World(TWO).run(used("2026-03-10 10:00", 5)).crash(turned).run(used("2026-03-11 10:00", 4))
    assert (world.read_meter("amount", "2026-03-12 10:00"), world.read_meter("uses", "2026-03-12 10:00")) == (9, 2)


# --- traits as a source ------------------------------------------------------------------------------------------------


def test_profiles_can_be_counted_like_any_other_event() -> None:
    """`account.updated` is an event with fields: meters count it, and a trait that did not come is missing."""
    counted = metered(
        "updates: { count: account.updated, over: lifetime }",
        "most_seats: { max: seats, of: account.updated }",
        events="{ used: { amount: number } }",
    )
    world = World(counted).run(traits("2026-03-02 10:00", seats=7), traits("2026-03-03 10:00", stage="growth"))
    assert world.read_meter("updates", "2026-03-04 10:00") == 2
    assert world.read_meter("most_seats", "2026-03-04 10:00") == 7
