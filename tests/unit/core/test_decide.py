"""When a rule fires, what becomes of what waits, and what an answer leaves behind: chapter 6 of the language, row by row."""

from __future__ import annotations

from typing import Any

import pytest

from nudger.core.calendar import DAY, HOUR
from nudger.core.stages import hash64
from nudger.project import Project
from tests.support.builders import (
    BILLING,
    CATALOG,
    EVENTS,
    METERS,
    World,
    at,
    credit,
    customer,
    event,
    leads,
    project,
    ready,
    said_at,
    traits,
)

SOLVED = "  guards: { solved: account.open_tickets == 0 }"

# --- rules without a trigger: crossings ------------------------------------------------------------------------------------


def test_a_bill_past_the_next_price_is_said_once_a_cycle() -> None:
    """2 March sent, 9 March said, 3 April sent again: the new cycle had set the bill back."""
    world = ready().run(credit("2026-03-02 10:00"), credit("2026-03-09 10:00"), credit("2026-04-03 10:00"))
    assert world.story() == ["03-02 10:00 sent", "03-09 10:00 said", "04-03 10:00 not_met", "04-03 10:00 sent"]
    assert world.sent() == ["03-02 10:00 passed-scale", "04-03 10:00 passed-scale"]
    bills = [record["numbers"]["bill"] for record in world.decisions()]
    assert bills == ["175 USD", "275 USD", "75 USD", "175 USD"]


def test_a_crossing_within_the_limits_period_is_used_up_and_then_said() -> None:
    """Leads over 30 days: 20 sent, 19, 20 limited, 21 said, 18, and 20 sent again in April."""
    twenty = project("{ many-leads: { when: leads >= 20, limits: 1 in billing cycle } }")
    world = ready(twenty).run(
        *leads(10, "2026-02-10 10:00"),
        *leads(10, "2026-03-05 10:00"),
        *leads(9, "2026-03-18 10:00"),
        *leads(1, "2026-03-20 10:00"),
        *leads(1, "2026-04-02 10:00"),
        *leads(17, "2026-04-20 10:00"),
        *leads(2, "2026-04-24 10:00"),
    )
    assert world.story() == [
        "03-05 10:00 sent",
        "03-18 10:00 not_met",
        "03-20 10:00 limited(1 in billing cycle)",
        "04-02 10:00 said",
        "04-20 10:00 not_met",
        "04-24 10:00 sent",
    ]


@pytest.mark.parametrize("held_back", [0, 1, 5])
def test_every_event_of_a_crossing_is_one_crossing(held_back: int) -> None:
    """However many events follow while the condition goes on reading yes, one mail is sent."""
    world = ready().run(*(credit(f"2026-03-02 10:{minute:02}") for minute in range(1 + held_back)))
    assert world.sent() == ["03-02 10:00 passed-scale"]


def test_an_unknown_changes_nothing() -> None:
    """While a value is missing nothing fires and nothing is armed: the next yes is no new crossing."""
    rule = project("{ big: { when: account.seats >= 10, limits: none } }")
    world = World(rule, rows=[customer(seats=12)]).run(
        traits("2026-03-02 10:00", stage="growth"),
        traits("2026-03-02 11:00", seats=15),
        traits("2026-03-02 12:00", seats=None),
        traits("2026-03-02 13:00", seats=20),
        traits("2026-03-02 14:00", seats=9),
        traits("2026-03-02 15:00", seats=10),
    )
    assert world.story() == ["03-02 11:00 sent", "03-02 13:00 said", "03-02 14:00 not_met", "03-02 15:00 sent"]
    assert world.tally("big")["unknown"] == 1


@pytest.mark.parametrize(
    ("when", "seats", "stage", "fires"),
    [
        ("account.seats >= 5 or account.stage == 'growth'", None, "growth", True),
        ("account.seats >= 5 or account.stage == 'growth'", None, "seed", None),
        ("account.seats >= 5 and account.stage == 'growth'", None, "seed", False),
        ("account.seats >= 5 and account.stage == 'growth'", None, "growth", None),
        ("not (account.seats >= 5)", None, "growth", None),
        ("not (account.seats >= 5)", 3, "growth", True),
        ("(account.seats else 0) < 5", None, "growth", True),
        ("account.seats is missing", None, "growth", True),
        ("account.seats is set", None, "growth", False),
    ],
)
def test_an_unknown_spreads(when: str, seats: int | None, stage: str, fires: bool | None) -> None:
    """Yes or unknown is yes, no and unknown is no, everything else with an unknown in it is unknown."""
    condition = f"account.stage is set and ({when})".replace("'", '"')
    rule = project(f"{{ r: {{ when: {condition!r} }} }}")
    world = World(rule, rows=[customer(seats=seats)]).run(traits("2026-03-02 10:00", stage=stage))
    words = {True: "sent", False: "not_met", None: "unknown"}
    assert world.tally("r") == {words[fires]: 1}


def test_time_alone_fires_nothing() -> None:
    """An account that turns 30 days old is written to at its next event that the rule reads, not before."""
    rule = project("{ month: { when: account.age >= 30 days and credits >= 0 } }")
    world = World(rule, rows=[customer(created_at="2026-03-01T00:00:00Z")])
    world.run(credit("2026-03-02 10:00"), until="2026-05-01 00:00")
    assert world.story() == []
    world.run(credit("2026-05-02 10:00"))
    assert world.story() == ["05-02 10:00 sent"]


def test_a_rule_reads_only_events_that_can_change_its_condition() -> None:
    """An event of another kind is no reading: nothing is counted for the rule."""
    world = ready().run(*leads(3, "2026-03-02 10:00"))
    assert world.tally("passed-scale") == {}


def test_a_late_event_of_a_closed_cycle_fires_nothing() -> None:
    """A credit of 31 March that comes on 1 April belongs to March, which no mail is written about."""
    world = ready().run(credit("2026-04-01 10:00", price=0), credit("2026-03-31 23:00"))
    assert world.sent() == []
    world.run(credit("2026-04-01 11:00"))
    assert world.sent() == ["04-01 11:00 passed-scale"]


def test_a_plan_that_changes_is_read_like_any_other_trait() -> None:
    """Who moves from Scale to pay-as-you-go with 12 credits used has no bill that could be guessed this cycle."""
    world = World(rows=[customer(plan="scale")]).run(
        *(credit(f"2026-03-02 10:{minute}") for minute in range(10, 22)), traits("2026-03-10 10:00", plan="payg")
    )
    assert world.sent() == []
    world.run(credit("2026-03-11 10:00"))
    assert world.sent() == []


# --- rules with a trigger ----------------------------------------------------------------------------------------------------

ASKED = project("{ asked: { trigger: note.added, when: 'event.text mentions [\"more seats\"]', limits: none } }")


def note(when: str, text: str = "we need more seats", **more: Any) -> bytes:
    return event("note.added", when, text=text, **more)


def test_a_rule_with_a_trigger_fires_at_every_occurrence_that_reads_yes() -> None:
    """No crossing is asked for: each note with the phrase fires, limits keep it quiet."""
    world = ready(ASKED).run(note("2026-03-02 10:00"), note("2026-03-02 11:00", "hello"), note("2026-03-02 12:00"))
    assert world.sent() == ["03-02 10:00 asked", "03-02 12:00 asked"]
    assert world.tally("asked") == {"sent": 2, "not_met": 1}


def test_by_default_a_trigger_speaks_once_a_cycle() -> None:
    """The default limit holds for triggers as for conditions."""
    world = ready(project("{ r: { trigger: site.published } }")).run(
        *(event("site.published", f"2026-0{month}-0{day} 10:00") for month in (3, 4) for day in (2, 3))
    )
    assert world.story() == [
        "03-02 10:00 sent",
        "03-03 10:00 limited(1 in billing cycle)",
        "04-02 10:00 sent",
        "04-03 10:00 limited(1 in billing cycle)",
    ]


@pytest.mark.parametrize(
    ("keys", "story"),
    [
        ("limits: 1 in billing cycle", ["sent", "limited(1 in billing cycle)"]),
        ("status: paused", ["paused(hand)"]),
        ("to: nobody", ["no_recipient(nobody with role nobody)"]),
        ("limits: 1 in lifetime, status: shadow", ["shadow", "limited(1 in lifetime)"]),
    ],
)
def test_a_verdict_that_does_not_change_is_one_line_however_often_it_is_given(keys: str, story: list[str]) -> None:
    """The decision log holds changes, never a line for every event; all of them are counted."""
    rule = project(f"{{ r: {{ trigger: site.published, {keys} }} }}")
    world = ready(rule).run(*(event("site.published", f"2026-03-02 10:{minute:02}") for minute in range(9)))
    assert world.verdicts() == story
    assert sum(world.tally("r").values()) == 9


def test_a_trigger_with_where_fires_only_on_the_events_it_describes() -> None:
    """`where` chooses the occurrences; a missing field is no yes."""
    rule = project("{ r: { trigger: { event: api.called, where: event.calls > 100 }, limits: none } }")
    world = ready(rule).run(
        event("api.called", "2026-03-02 10:00", calls=100),
        event("api.called", "2026-03-02 11:00", calls=101),
        event("api.called", "2026-03-02 12:00"),
    )
    assert world.sent() == ["03-02 11:00 r"]


def test_a_trigger_whose_condition_is_unknown_is_only_counted() -> None:
    """With a profile that leaves a value out nothing waits and nothing is sent."""
    rule = project("{ r: { trigger: site.published, when: account.seats > 3 } }")
    world = ready(rule).run(event("site.published", "2026-03-02 10:00"))
    assert (world.story(), world.tally("r")) == ([], {"unknown": 1})


def test_a_trigger_before_the_profile_is_held_until_it_comes() -> None:
    """Unknown never fires alone would lose rules on events: they wait for the profile."""
    world = World(ASKED).run(note("2026-03-02 10:00"), traits("2026-03-02 11:00", plan="payg", contacts=[BILLING]))
    assert world.story() == ["03-02 10:00 held(no profile)", "03-02 11:00 sent"]


def test_a_late_trigger_still_fires_and_its_hold_counts_from_its_own_time() -> None:
    """A note that arrives a day late opens a nudge whose hold began yesterday."""
    held = project("{ asked: { trigger: note.added, guards: [solved], hold: 2 days } }", policy=SOLVED)
    world = World(held, rows=[customer(open_tickets=1)])
    world.run(credit("2026-03-03 10:00"), note("2026-03-02 10:00"), until="2026-03-06 10:00")
    assert world.story() == ["03-03 10:00 held(solved)", "03-04 10:00 lapsed(hold over)"]


def test_profiles_can_be_a_trigger_and_a_trait_that_did_not_come_is_missing() -> None:
    """`event.seats` is the seats that this update brought; an update without them reads unknown."""
    rule = project("{ r: { trigger: account.updated, when: event.seats >= 10, limits: none } }")
    world = ready(rule).run(
        traits("2026-03-02 10:00", seats=12),
        traits("2026-03-02 11:00", stage="growth"),
        traits("2026-03-02 12:00", seats=3),
    )
    assert world.set_aside() == []
    assert world.sent() == ["03-02 10:00 r"]


def test_what_a_profile_has_opened_can_wait_and_be_read_again() -> None:
    """A nudge on `account.updated` that is held reads the same update when it is taken up."""
    rule = project(
        "{ r: { trigger: account.updated, when: event.seats >= 10, guards: [solved], limits: none } }", policy=SOLVED
    )
    world = World(rule, rows=[customer(open_tickets=1)])
    world.run(traits("2026-03-02 10:00", seats=12), traits("2026-03-02 11:00", open_tickets=0))
    assert world.set_aside() == []
    assert world.story()[0] == "03-02 10:00 held(solved)"
    assert world.sent() == ["03-02 11:00 r"]


# --- the first reading of a rule that is newer than the account ---------------------------------------------------------------------

NOTHING = project("")


def gone_live(rule: str, *before: bytes, rows: list[bytes] | None = None) -> World:
    """Return a world in which these events came before the rule did; the rule went live on 3 March, 10:00."""
    world = ready(NOTHING, rows=rows).run(*before, credit("2026-03-03 10:00", price=0, account="clock"))
    return world.crash(project(rule))


def rule(start: str = "", when: str = "plan == payg and bill > next_plan.price") -> str:
    return f"{{ passed-scale: {{ when: {when}, offer: {{ plan: next_plan }} {start and ', start: ' + start} }} }}"


def test_an_account_newer_than_the_rule_starts_armed() -> None:
    """Its first known reading can be the crossing."""
    world = gone_live(rule(), rows=[customer("old")])
    world.journal.feed(0, "accounts", [customer()])
    assert world.run(credit("2026-03-04 10:00")).story() == ["03-04 10:00 sent"]


def test_an_older_account_that_qualifies_already_is_left_alone_until_it_has_read_no() -> None:
    """`start: future` is the default: yes is outside(start), and the next cycle's crossing is a crossing."""
    world = gone_live(rule(), credit("2026-03-02 10:00"))
    world.run(credit("2026-03-04 10:00"), credit("2026-03-05 10:00"), credit("2026-04-02 10:00"))
    assert world.story() == ["03-04 10:00 outside(start)", "04-02 10:00 not_met", "04-02 10:00 sent"]
    assert world.tally("passed-scale")["outside"] == 3


def test_an_older_account_that_does_not_qualify_yet_is_armed() -> None:
    """Its first reading is no, so the crossing that comes is one."""
    world = gone_live(rule(), credit("2026-03-02 10:00", price=0))
    assert world.run(credit("2026-03-04 10:00")).story() == ["03-04 10:00 sent"]


def test_an_older_account_that_crosses_with_its_next_event_is_written_to() -> None:
    """The rule is read on the state before the event first, so the event can be the crossing."""
    world = gone_live(rule(), credit("2026-03-02 10:00", price=30))
    assert world.run(credit("2026-03-04 10:00")).sent() == ["03-04 10:00 passed-scale"]


def test_start_everyone_takes_the_accounts_that_qualify_already() -> None:
    """At their next event that the rule reads."""
    world = gone_live(rule("everyone"), credit("2026-03-02 10:00"))
    assert world.run(credit("2026-03-04 10:00")).story() == ["03-04 10:00 sent"]


def test_start_over_some_days_takes_each_account_from_a_day_drawn_by_lot() -> None:
    """Within the ten days each account has its own, and before it nothing is said."""
    names = [f"a{number}" for number in range(12)]
    world = gone_live(
        rule("over 10 days"),
        *(credit("2026-03-02 10:00", account=name) for name in names),
        rows=[customer(name) for name in names],
    )
    days = [f"2026-03-{day:02} 10:00" for day in range(4, 16)]
    world.run(*(credit(day, price=1, account=name) for day in days for name in names))
    for name in names:
        first = at("2026-03-02 10:00") + hash64("start", "passed-scale", name) % (10 * DAY)
        expected = next(day for day in days if at(day) >= first)
        assert world.sent(name) == [f"{said_at(at(expected))} passed-scale"]
    assert len({tuple(world.sent(name)) for name in names}) > 3


def test_the_first_known_reading_counts_when_the_first_ones_are_unknown() -> None:
    """An older account whose value was missing and then reads yes qualified already, for all anybody knows."""
    when = "account.seats >= 10 and credits >= 0"
    world = gone_live(rule(when=when), credit("2026-03-02 10:00"))
    world.run(credit("2026-03-04 10:00"), traits("2026-03-05 10:00", seats=12), traits("2026-03-06 10:00", seats=1))
    world.run(traits("2026-03-07 10:00", seats=11))
    assert world.verdicts() == ["outside(start)", "not_met", "sent"]


@pytest.mark.parametrize(
    "edit",
    ["about: other words", "priority: 80", "limits: 5 in lifetime", "guards: [solved]", "offer: { plan: scale }"],
)
def test_edits_of_words_offer_priority_limits_or_guards_do_not_make_a_rule_new(edit: str) -> None:
    """A crossing that was used up stays so."""
    when = "when: plan == payg and bill > next_plan.price"
    world = ready(project(f"{{ r: {{ {when} }} }}", policy=SOLVED)).run(credit("2026-03-02 10:00"))
    world = world.crash(project(f"{{ r: {{ {when}, {edit} }} }}", policy=SOLVED)).run(credit("2026-03-03 10:00"))
    assert world.story() == ["03-02 10:00 sent", "03-03 10:00 said"]


@pytest.mark.parametrize(
    "after",
    [
        "{ r: { when: bill > next_plan.price and plan == payg } }",
        "{ r: { when: plan == payg and bill > next_plan.price, status: shadow } }",
        "{ other: { when: plan == payg and bill > next_plan.price } }",
    ],
)
def test_an_edit_of_when_or_status_or_name_makes_a_rule_live_anew(after: str) -> None:
    """Who qualified before the edit is outside(start), also where the old rule had never spoken."""
    before = project("{ r: { when: plan == payg and bill > next_plan.price, to: nobody } }")
    world = ready(before).run(credit("2026-03-02 10:00"))
    assert world.verdicts() == ["no_recipient(nobody with role nobody)"]
    world = world.crash(project(after)).run(credit("2026-03-03 10:00"))
    assert world.story()[1:] == ["03-03 10:00 outside(start)"]


def test_an_edited_meter_makes_the_rules_that_read_it_live_anew() -> None:
    """Another window under the same name is another question."""
    rules = "{ r: { when: leads >= 1, to: nobody } }"
    world = ready(project(rules)).run(*leads(1, "2026-03-02 10:00"))
    after = project(rules.replace(", to: nobody", ""), meters=METERS.replace("30 days", "2 days"))
    world = world.crash(after).run(*(leads(1, f"2026-03-0{day} 10:00")[0] for day in range(3, 7)))
    assert world.verdicts()[1:] == ["outside(start)"]


def test_the_history_of_limits_is_kept_when_a_rule_goes_live_anew() -> None:
    """A rule that was edited does not say it again within its limit."""
    world = ready(project("{ r: { when: bill > next_plan.price } }")).run(credit("2026-03-02 10:00"))
    edited = project("{ r: { when: bill > 170 USD, start: everyone } }")
    world = world.crash(edited).run(credit("2026-03-03 10:00"))
    assert world.story() == ["03-02 10:00 sent", "03-03 10:00 limited(1 in billing cycle)"]


# --- hold -----------------------------------------------------------------------------------------------------------------------------------

HELD = project(
    "{ passed-scale: { when: plan == payg and bill > next_plan.price, offer: { plan: next_plan }, guards: [solved] } }",
    policy=SOLVED,
)


def ticketed(found: Project = HELD, **more: Any) -> World:
    """Return a world whose customer has an open ticket."""
    return World(found, rows=[customer(open_tickets=1, **more)])


def test_a_held_nudge_goes_out_when_the_guard_clears() -> None:
    """On today's numbers, and once."""
    world = ticketed().run(credit("2026-03-02 10:00"), traits("2026-03-05 16:00", open_tickets=0))
    assert world.story() == ["03-02 10:00 held(solved)", "03-05 16:00 sent"]
    assert world.mails()[0].cause.time == "2026-03-02T10:00:00Z"
    assert world.run(until="2026-03-31 10:00").sent() == ["03-05 16:00 passed-scale"]


def test_a_hold_that_meets_a_new_cycle_lapses_and_opens_again() -> None:
    """30 March held, 1 April no longer true, 3 April held with a new deadline, 7 April solved: sent."""
    world = ticketed().run(
        credit("2026-03-30 10:00"),
        credit("2026-04-01 09:00", price=0),
        credit("2026-04-03 10:00"),
        traits("2026-04-07 10:00", open_tickets=0),
    )
    assert world.story() == [
        "03-30 10:00 held(solved)",
        "04-01 09:00 lapsed(no longer true)",
        "04-03 10:00 held(solved)",
        "04-07 10:00 sent",
    ]
    assert [record["wait"]["deadline"] for record in world.decisions() if "wait" in record] == [
        at("2026-04-06 10:00"),
        at("2026-04-10 10:00"),
    ]


def test_a_hold_ends_at_its_deadline_and_the_next_yes_opens_it_again() -> None:
    """After `lapsed` the rule is still armed: the next event that reads yes begins a new hold."""
    world = ticketed().run(credit("2026-03-02 10:00"), credit("2026-03-10 10:00"), until="2026-03-20 10:00")
    assert world.story() == [
        "03-02 10:00 held(solved)",
        "03-09 10:00 lapsed(hold over)",
        "03-10 10:00 held(solved)",
        "03-17 10:00 lapsed(hold over)",
    ]


def test_a_guard_that_is_unknown_has_not_passed() -> None:
    """A missing number of tickets holds like an open one."""
    world = World(HELD, rows=[customer()]).run(credit("2026-03-02 10:00"))
    assert world.story() == ["03-02 10:00 held(solved)"]


def test_a_guard_on_the_offer_is_unknown_where_nothing_is_offered() -> None:
    """`offer.price` is missing in a rule without an offer, so such a guard holds it; nothing breaks."""
    found = project(
        "{ r: { when: credits >= 1 } }", policy="  guards: { fair: offer.price <= 30% of plan.price }\n  always: [fair]"
    )
    world = ready(found).run(credit("2026-03-02 10:00"))
    assert world.set_aside() == []
    assert world.story() == ["03-02 10:00 held(fair)"]


def test_a_held_nudge_is_one_line_however_often_it_is_looked_at() -> None:
    """Events that change nothing about the verdict leave no trace in the decisions."""
    world = ticketed().run(credit("2026-03-02 10:00"), *(credit(f"2026-03-0{day} 10:00") for day in range(3, 8)))
    assert world.story() == ["03-02 10:00 held(solved)"]
    assert world.tally("passed-scale")["held"] == 6


def test_the_reason_of_a_hold_can_change() -> None:
    """First the ticket, then the stage: two changes, the second one with the second guard."""
    two = project(
        "{ r: { when: bill > next_plan.price, guards: [solved, earning] } }",
        policy="  guards: { solved: account.open_tickets == 0, earning: 'account.stage != \"pre-revenue\"' }",
    )
    world = ticketed(two, stage="pre-revenue").run(
        credit("2026-03-02 10:00"),
        traits("2026-03-03 10:00", open_tickets=0),
        traits("2026-03-04 10:00", stage="growth"),
    )
    assert world.story() == ["03-02 10:00 held(solved)", "03-03 10:00 held(earning)", "03-04 10:00 sent"]


def test_a_newer_trigger_replaces_the_older_wait() -> None:
    """Its event, its deadline; one waiting nudge per account and rule."""
    held = project("{ asked: { trigger: note.added, guards: [solved] } }", policy=SOLVED)
    world = ticketed(held).run(
        note("2026-03-02 10:00", id="first"), note("2026-03-05 10:00", id="second"), until="2026-03-10 10:00"
    )
    assert world.story() == ["03-02 10:00 held(solved)", "03-05 10:00 held(solved)"]
    world.run(traits("2026-03-11 10:00", open_tickets=0))
    assert world.story()[2:] == ["03-11 10:00 sent"]
    assert world.mails()[0].cause.id == "second"


def test_a_newer_trigger_that_reads_no_leaves_the_older_wait_alone() -> None:
    """A note without the phrase is no trigger."""
    held = project(
        "{ asked: { trigger: note.added, when: 'event.text mentions [\"seats\"]', guards: [solved] } }", policy=SOLVED
    )
    world = ticketed(held).run(
        note("2026-03-02 10:00", id="first"),
        note("2026-03-03 10:00", "hello"),
        traits("2026-03-04 10:00", open_tickets=0),
    )
    assert [mail.cause.id for mail in world.mails()] == ["first"]


WEEKDAYS = '  send: { days: [mon, tue, wed, thu, fri], between: "09:00-17:00", zone: account }'


@pytest.mark.parametrize(
    ("zone", "when", "story"),
    [
        ("UTC", "2026-03-02 10:00", ["03-02 10:00 sent"]),
        ("UTC", "2026-03-02 08:59", ["03-02 08:59 waiting(window)", "03-02 09:00 sent"]),
        ("UTC", "2026-03-02 17:00", ["03-02 17:00 waiting(window)", "03-03 09:00 sent"]),
        ("UTC", "2026-03-07 11:00", ["03-07 11:00 waiting(window)", "03-09 09:00 sent"]),
        ("America/New_York", "2026-03-06 23:00", ["03-06 23:00 waiting(window)", "03-09 13:00 sent"]),
        ("Asia/Tokyo", "2026-03-08 23:00", ["03-08 23:00 waiting(window)", "03-09 00:00 sent"]),
    ],
)
def test_a_nudge_waits_for_the_send_window_of_the_accounts_zone(zone: str, when: str, story: list[str]) -> None:
    """And goes out at the opening, over the weekend and over the change of the clocks."""
    world = World(project(policy=WEEKDAYS), rows=[customer(zone=zone)]).run(credit(when), until="2026-03-20 00:00")
    assert world.story() == story


def test_what_waits_for_the_window_is_dropped_when_its_reason_is_gone() -> None:
    """Saturday's crossing is void on Monday when the new cycle began on Sunday."""
    world = World(project(policy=WEEKDAYS), rows=[customer(anchor_day=8)])
    world.run(credit("2026-03-07 11:00"), until="2026-03-10 00:00")
    assert world.story() == ["03-07 11:00 waiting(window)", "03-09 09:00 lapsed(no longer true)"]


def test_a_rules_own_window_replaces_the_policys() -> None:
    """`send: any time` goes out at night."""
    rules = "{ r: { when: bill > next_plan.price, send: any time } }"
    world = ready(project(rules, policy=WEEKDAYS)).run(credit("2026-03-07 03:00"))
    assert world.story() == ["03-07 03:00 sent"]


def test_guards_and_window_have_one_deadline() -> None:
    """A hold of a day that is spent on the guard leaves nothing for the window."""
    rules = "{ r: { when: bill > next_plan.price, guards: [solved], hold: 1 day } }"
    world = ticketed(project(rules, policy=SOLVED + "\n" + WEEKDAYS))
    world.run(credit("2026-03-06 18:00"), traits("2026-03-07 10:00", open_tickets=0), until="2026-03-10 00:00")
    assert world.story() == [
        "03-06 18:00 held(solved)",
        "03-07 10:00 waiting(window)",
        "03-07 18:00 lapsed(hold over)",
    ]


def test_a_changed_plan_cancels_what_waits_with_a_plan_offer() -> None:
    """And the crossing is used up; a nudge with an add-on or without an offer is only read again."""
    rules = """
  plan-offer:  { when: credits >= 1, offer: { plan: scale, because: capacity }, guards: [solved] }
  addon-offer: { when: api_calls >= 1, offer: { addon: scheduling }, guards: [solved] }
"""
    meters = """
  credits:      { count: credit.purchased, over: billing cycle }
  credit_spend: { sum: price, of: credit.purchased, over: billing cycle }
  api_calls:    { sum: calls, of: api.called, over: billing cycle }
"""
    found = project(
        rules, policy=SOLVED, meters=meters, catalog=CATALOG.replace("api_calls: calls", "api_calls: api_calls")
    )
    world = ticketed(found, addons=[]).run(
        credit("2026-03-02 10:00"),
        event("api.called", "2026-03-02 11:00", calls=5),
        traits("2026-03-03 10:00", plan="scale"),
        traits("2026-03-04 10:00", open_tickets=0),
        credit("2026-03-05 10:00"),
    )
    assert world.story() == [
        "03-02 10:00 plan-offer held(solved)",
        "03-02 11:00 addon-offer held(solved)",
        "03-03 10:00 plan-offer cancelled(plan changed)",
        "03-04 10:00 addon-offer sent",
        "03-05 10:00 plan-offer said",
    ]


def test_the_price_of_a_nudge_is_that_of_the_moment_it_goes_out() -> None:
    """A credit bought while it was held is on the bill it names."""
    world = ticketed().run(
        credit("2026-03-02 10:00"), credit("2026-03-03 10:00"), traits("2026-03-04 10:00", open_tickets=0)
    )
    assert world.mails()[0].reason["bill"] == "275 USD"


# --- limits, groups, the contest -----------------------------------------------------------------------------------------------------------------

LIMITS = """
  at-80:  { when: calls >= 80% of plan.includes.api_calls, group: call-limit, priority: 75 }
  at-100: { when: calls >= 100% of plan.includes.api_calls, group: call-limit, priority: 85 }
"""


def used(when: str, calls: float, **more: Any) -> bytes:
    return event("api.called", when, calls=calls, **more)


def on_lite(found: Project, **more: Any) -> World:
    return World(found, rows=[customer(plan="lite", **more)])


@pytest.mark.parametrize(
    ("records", "story"),
    [
        (
            [used("2026-03-02 10:00", 75), used("2026-03-03 10:00", 30)],
            ["03-03 10:00 at-100 sent", "03-03 10:00 at-80 outranked(at-100)"],
        ),
        (
            [used("2026-03-02 10:00", 82), used("2026-03-03 10:00", 19)],
            ["03-02 10:00 at-80 sent", "03-03 10:00 at-80 said", "03-03 10:00 at-100 sent"],
        ),
        (
            [used("2026-03-02 10:00", 105), used("2026-03-03 10:00", -35), used("2026-03-04 10:00", 15)],
            [
                "03-02 10:00 at-100 sent",
                "03-02 10:00 at-80 outranked(at-100)",
                "03-03 10:00 at-100 not_met",
                "03-03 10:00 at-80 not_met",
                "03-04 10:00 at-80 limited(1 in billing cycle)",
            ],
        ),
    ],
    ids=["75 to 105", "82 then 101", "105, 70, 85"],
)
def test_of_a_group_only_the_highest_is_sent(records: list[bytes], story: list[str]) -> None:
    """80 and 100 % in one event: only the higher; what it sent counts in the limit of the lower one."""
    assert sorted(on_lite(project(LIMITS)).run(*records).story()) == sorted(story)


def test_a_group_member_that_was_said_still_silences_the_lower_ones() -> None:
    """The higher one reads yes and has been said; a lower one that crosses now is used up without a mail."""
    rules = """
  higher: { when: credits >= 1, group: g, priority: 90, limits: none }
  lower:  { when: leads >= 1, group: g, priority: 50, limits: none }
"""
    world = ready(project(rules)).run(credit("2026-03-02 10:00"), *leads(1, "2026-03-03 10:00"))
    assert world.story() == ["03-02 10:00 higher sent", "03-03 10:00 lower outranked(higher)"]


def test_a_limit_of_a_group_member_counts_all_that_its_superiors_sent() -> None:
    """Three messages of the higher rule use up three in 30 days of the lower one."""
    rules = """
  higher: { trigger: site.published, group: g, priority: 90, limits: 1 in 1 day }
  lower:  { trigger: note.added, group: g, priority: 50, limits: 3 in 30 days }
"""
    world = ready(project(rules)).run(
        *(event("site.published", f"2026-03-0{day} 10:00") for day in (2, 3, 4)), note("2026-03-05 10:00")
    )
    assert world.story()[3:] == ["03-05 10:00 lower limited(3 in 30 days)"]


TWO = """
  strong: { when: credits >= 1, priority: 90, limits: none }
  weak:   { when: credits >= 1 and leads >= 0, priority: 50, limits: none }
"""


def test_an_outranked_rule_speaks_from_the_next_local_day_on() -> None:
    """It has lost this moment, not its crossing: the next day's event opens it."""
    world = World(project(TWO), rows=[customer(zone="America/New_York")]).run(
        credit("2026-03-02 20:00"), credit("2026-03-03 04:59"), credit("2026-03-03 05:00")
    )
    assert world.story() == [
        "03-02 20:00 strong sent",
        "03-02 20:00 weak outranked(strong)",
        "03-03 04:59 strong said",
        "03-03 05:00 weak sent",
    ]


def test_an_outranked_rule_with_a_trigger_counts_a_new_trigger_from_the_next_day_on() -> None:
    """A second trigger on the same day is lost too."""
    rules = """
  strong: { when: leads >= 1, priority: 90 }
  asked:  { trigger: lead.created, priority: 50, limits: none }
"""
    world = ready(project(rules)).run(
        *leads(1, "2026-03-02 10:00"), *leads(1, "2026-03-02 12:00"), *leads(1, "2026-03-03 10:00")
    )
    assert world.sent() == ["03-02 10:00 strong", "03-03 10:00 asked"]


def test_one_event_brings_one_mail_at_most() -> None:
    """Three rules cross at once; the winner is sent, the others keep their crossings."""
    rules = "\n".join(f"  r{number}: {{ when: credits >= 1, priority: {number} }}" for number in range(1, 4))
    world = ready(project(rules)).run(credit("2026-03-02 10:00"))
    assert world.sent() == ["03-02 10:00 r3"]
    assert sorted(world.verdicts()) == ["outranked(r3)", "outranked(r3)", "sent"]


def test_a_cap_over_a_lifetime_never_forgets() -> None:
    """The third message ever is one too many, years later too."""
    rule = project("{ r: { trigger: site.published, limits: none } }", policy="  caps: { account: 2 in lifetime }")
    days = ("2024-03-02 10:00", "2025-03-02 10:00", "2026-03-02 10:00")
    assert ready(rule).run(*(event("site.published", day) for day in days)).verdicts() == [
        "sent",
        "sent",
        "capped(account)",
    ]


def test_caps_count_over_all_rules() -> None:
    """Two a month for the account: the third rule is capped, and tries again at its next yes."""
    rules = """
  first:  { when: credits >= 1 }
  second: { when: leads >= 1 }
  third:  { when: calls >= 1 }
"""
    world = ready(project(rules, policy="  caps: { account: 2 in 30 days }")).run(
        credit("2026-03-02 10:00"),
        *leads(1, "2026-03-03 10:00"),
        used("2026-03-04 10:00", 1),
        used("2026-04-01 10:00", 1),
    )
    assert world.sent() == ["03-02 10:00 first", "03-03 10:00 second", "04-01 10:00 third"]
    assert "03-04 10:00 third capped(account)" in world.story()


# --- status, lots --------------------------------------------------------------------------------------------------------------------------------------------


def test_a_crossing_during_a_pause_is_gone() -> None:
    """Paused spends the crossing; the same yes is not sent on later."""
    paused = project("{ r: { when: bill > next_plan.price, status: paused } }")
    world = ready(paused).run(credit("2026-03-02 10:00"), credit("2026-03-03 10:00"))
    assert world.story() == ["03-02 10:00 paused(hand)", "03-03 10:00 said"]
    resumed = world.crash(project("{ r: { when: bill > next_plan.price } }")).run(credit("2026-03-04 10:00"))
    assert resumed.sent() == []
    assert resumed.run(credit("2026-04-02 10:00")).sent() == ["04-02 10:00 r"]


def test_a_shadow_is_decided_and_writes_nothing() -> None:
    """It counts in its own limits and in nobody's caps."""
    rules = """
  ghost: { when: credits >= 1, status: shadow, priority: 90 }
  live:  { when: credits >= 1, priority: 10 }
  later: { when: leads >= 1 }
"""
    world = ready(project(rules, policy="  caps: { account: 2 in 30 days }")).run(
        credit("2026-03-02 10:00"), *leads(1, "2026-03-03 10:00")
    )
    assert sorted(world.story()) == ["03-02 10:00 ghost shadow", "03-02 10:00 live sent", "03-03 10:00 later sent"]
    assert world.sent() == ["03-02 10:00 live", "03-03 10:00 later"]


def test_a_rule_in_shadow_that_goes_live_does_not_mail_who_qualifies_already() -> None:
    """The switch is a first reading."""
    shadow, live = (
        project(f"{{ r: {{ when: bill > next_plan.price, status: {word} }} }}") for word in ("shadow", "live")
    )
    world = ready(shadow).run(credit("2026-03-02 10:00")).crash(live).run(credit("2026-03-03 10:00"))
    assert world.verdicts() == ["shadow", "outside(start)"]
    assert world.sent() == []


def test_a_held_out_account_is_decided_as_if_it_were_written_to() -> None:
    """It counts in limits and caps like a message, so both groups can be compared."""
    found = project(
        "{ a: { when: credits >= 1 }, b: { when: leads >= 1 } }",
        policy="  holdout: 100%\n  caps: { account: 1 in 30 days }",
    )
    world = ready(found).run(credit("2026-03-02 10:00"), credit("2026-03-03 10:00"), *leads(1, "2026-03-04 10:00"))
    assert world.story() == ["03-02 10:00 a holdout(global)", "03-03 10:00 a said", "03-04 10:00 b capped(account)"]
    assert world.mails() == []


DATES = "{ r: { when: bill > next_plan.price, from: 2026-03-10, until: 2026-03-20, limits: none } }"


@pytest.mark.parametrize("when", ["2026-03-09 23:59", "2026-03-21 00:00"])
def test_before_and_after_its_dates_a_rule_is_outside(when: str) -> None:
    """The crossing is not spent, and nothing is sent."""
    world = ready(project(DATES)).run(credit(when), credit(at(when) + 1))
    assert (world.verdicts(), world.tally("r"), world.sent()) == (["outside(dates)"], {"outside": 2}, [])


def test_on_its_first_day_a_rule_reads_anew() -> None:
    """`from` is the day it goes live: an account that qualified before is outside(start), one that crosses is sent."""
    world = World(project(DATES), rows=[customer(), customer("late")]).run(
        credit("2026-03-02 10:00"),
        credit("2026-03-02 10:00", account="late", price=0),
        credit("2026-03-11 10:00"),
        credit("2026-03-11 10:00", account="late"),
    )
    assert world.sent("late") == ["03-11 10:00 r"]
    assert world.verdicts() == ["outside(dates)", "outside(start)"]


# --- absences --------------------------------------------------------------------------------------------------------------------------------------------------------

CART = project(
    "{ cart-left: { trigger: { event: cart.started, unless: cart.paid, same: [cart], within: 4 hours }, limits: none } }"
)


def cart(when: str, cart: str = "c1", **more: Any) -> bytes:
    return event("cart.started", when, cart=cart, **more)


def paid(when: str, cart: str = "c1", **more: Any) -> bytes:
    return event("cart.paid", when, cart=cart, **more)


def test_an_absence_fires_when_its_time_is_over() -> None:
    """Four hours after the start, at that instant, caused by the timer."""
    world = ready(CART).run(cart("2026-03-02 10:00"), until="2026-03-02 20:00")
    assert world.sent() == ["03-02 14:00 cart-left"]
    assert world.mails()[0].cause.due == "2026-03-02T14:00:00Z"


@pytest.mark.parametrize(
    ("record", "fires"),
    [
        (paid("2026-03-02 12:00"), False),
        (paid("2026-03-02 14:00"), False),  # at the deadline itself
        (paid("2026-03-02 14:01"), True),
        (paid("2026-03-02 12:00", "c2"), True),  # another cart
        (cart("2026-03-02 12:00", "c2"), True),  # and another start
        (paid("2026-03-02 10:00"), False),  # at the start's own time
        (paid("2026-03-02 09:59"), True),  # before the start
        (event("cart.paid", "2026-03-02 12:00"), True),  # no cart named
    ],
    ids=["within", "at the deadline", "after", "other cart", "other start", "same time", "before", "no cart"],
)
def test_what_was_missed_cancels_from_the_start_to_the_deadline_both_included(record: bytes, fires: bool) -> None:
    """With the same fields; anything else leaves the absence alone."""
    world = ready(CART).run(cart("2026-03-02 10:00"), record, until="2026-03-02 14:30")
    assert ("03-02 14:00 cart-left" in world.sent()) is fires


def test_a_cancelling_event_that_comes_late_but_before_the_deadline_is_read_cancels() -> None:
    """It is dated within the time, and the timer has not fired yet."""
    world = ready(CART).run(cart("2026-03-02 10:00"), credit("2026-03-02 13:00"), paid("2026-03-02 12:00"))
    assert world.run(until="2026-03-02 20:00").sent() == []


def test_a_new_start_of_the_same_cart_restarts_its_clock() -> None:
    """Two starts are one absence, four hours after the second."""
    world = ready(CART).run(cart("2026-03-02 10:00"), cart("2026-03-02 12:00"), until="2026-03-02 20:00")
    assert world.sent() == ["03-02 16:00 cart-left"]


def test_a_late_start_does_not_turn_the_clock_back() -> None:
    """The order is that of the event times: an older start that arrives after a newer one changes nothing."""
    world = ready(CART).run(cart("2026-03-02 12:00"), cart("2026-03-02 10:00"), until="2026-03-02 20:00")
    assert world.sent() == ["03-02 16:00 cart-left"]


def test_a_start_that_arrives_after_its_deadline_still_fires_once() -> None:
    """A trigger event up to `lateness` old still fires."""
    world = ready(CART).run(credit("2026-03-02 18:00"), cart("2026-03-02 10:00"), until="2026-03-02 20:00")
    assert len(world.sent()) == 1


def test_a_start_can_be_its_own_absence() -> None:
    """Nobody has logged in for two weeks: each login cancels the wait of the one before and begins its own."""
    silent = project("{ silent: { trigger: { event: user.active, unless: user.active, within: 14 days } } }")
    active = [event("user.active", f"2026-03-{day:02} 10:00", user="ann") for day in (2, 5, 19)]
    world = ready(silent).run(*active, until="2026-04-10 00:00")
    assert world.sent() == ["04-02 10:00 silent"]


def test_any_of_several_events_cancels() -> None:
    """`unless` can be a list, each with its own condition and fields."""
    rules = """
  left:
    trigger:
      event: cart.started
      unless: [cart.paid, { event: note.added, where: 'event.text == "gone"', same: [text] }]
      same: [cart]
      within: 4 hours
    limits: none
"""
    for record, fires in (
        (paid("2026-03-02 11:00", "gone"), False),
        (note("2026-03-02 11:00", "gone"), False),
        (note("2026-03-02 11:00", "here"), True),
    ):
        world = ready(project(rules)).run(cart("2026-03-02 10:00", "gone"), record, until="2026-03-03 00:00")
        assert bool(world.sent()) is fires


def test_the_condition_of_an_absence_is_read_when_it_fires() -> None:
    """On the numbers of that moment."""
    rules = "{ left: { trigger: { event: cart.started, unless: cart.paid, same: [cart], within: 4 hours }, when: credits == 0 } }"
    world = ready(project(rules)).run(cart("2026-03-02 10:00"), credit("2026-03-02 11:00"), until="2026-03-03 00:00")
    assert (world.sent(), world.tally("left")) == ([], {"not_met": 1})


def test_the_start_event_is_what_an_absence_reads() -> None:
    """At the timer `event` is the start, also after the state has been to disk and back."""
    rules = "{ left: { trigger: { event: cart.started, unless: cart.paid, same: [cart], within: 4 hours }, when: 'event.cart == \"c7\"', limits: none } }"
    world = ready(project(rules)).run(cart("2026-03-02 10:00", "c7"), cart("2026-03-02 10:01", "c8"))
    assert world.crash().run(until="2026-03-03 00:00").sent() == ["03-02 14:00 left"]


def test_only_starts_that_are_described_begin_an_absence() -> None:
    """`where` on the trigger chooses which carts are waited for."""
    rules = """
  left:
    trigger: { event: cart.started, where: 'event.cart == "big"', unless: cart.paid, same: [cart], within: 4 hours }
    limits: none
"""
    world = ready(project(rules)).run(cart("2026-03-02 10:00", "small"), cart("2026-03-02 11:00", "big"))
    assert world.run(until="2026-03-03 00:00").sent() == ["03-02 15:00 left"]


def test_a_field_whose_kind_was_changed_while_it_waited_is_missing() -> None:
    """The start event was kept under the old declaration: what does not fit the new one reads unknown."""
    rules = """
  left:
    trigger: { event: cart.started, unless: cart.paid, within: 4 hours }
    when: 'event.cart is missing'
    limits: none
"""
    numbered = project(
        rules, events=EVENTS.replace("cart.started:     { cart: text }", "cart.started: { cart: number }")
    )
    world = ready(project(rules)).run(cart("2026-03-02 10:00", "c1")).crash(numbered)
    assert world.run(until="2026-03-03 00:00").sent() == ["03-02 14:00 left"]


def test_several_absences_of_one_account_are_told_apart() -> None:
    """Three carts, one paid: two mails, each at its own time."""
    world = ready(CART).run(
        cart("2026-03-02 10:00", "a"),
        cart("2026-03-02 10:30", "b"),
        cart("2026-03-02 11:00", "c"),
        paid("2026-03-02 12:00", "b"),
    )
    assert world.run(until="2026-03-03 00:00").sent() == ["03-02 14:00 cart-left", "03-02 15:00 cart-left"]


def test_an_account_keeps_100_open_absences_and_the_oldest_goes() -> None:
    """Of 103 carts the three oldest are forgotten; the rest fire."""
    world = ready(CART).run(
        *(cart(f"2026-03-02 10:{number // 2:02}:{number % 2 * 30:02}", f"c{number}") for number in range(103))
    )
    assert len(world.account().absences) == 100
    assert len(world.run(until="2026-03-03 00:00").sent()) == 100


def test_what_falls_due_together_is_one_moment() -> None:
    """Two rules miss the same event at the same instant: one wins, the other is outranked."""
    rules = """
  strong: { trigger: { event: cart.started, unless: cart.paid, within: 4 hours }, priority: 90 }
  weak:   { trigger: { event: cart.started, unless: cart.paid, within: 4 hours }, priority: 10 }
"""
    world = ready(project(rules)).run(cart("2026-03-02 10:00"), until="2026-03-03 00:00")
    assert sorted(world.story()) == ["03-02 14:00 strong sent", "03-02 14:00 weak outranked(strong)"]


# --- cycles of the account ------------------------------------------------------------------------------------------------------------------------------------------------------


def cycle(world: World) -> tuple[str, str]:
    account = world.account()
    return said_at(account.cycle_start), said_at(account.cycle_end)


def test_a_profile_that_comes_first_sets_the_first_cycle() -> None:
    """An account that begins on 20 March with anchor day 15 is in the cycle of 15 March."""
    world = World().run(traits("2026-03-20 10:00", plan="payg", anchor_day=15))
    assert cycle(world) == ("03-15 00:00", "04-15 00:00")
    world = World().run(traits("2026-03-20 10:00", plan="payg", zone="America/New_York"))
    assert cycle(world) == ("03-01 05:00", "04-01 04:00")


def test_a_new_anchor_ends_the_running_cycle_at_its_next_date() -> None:
    """Nothing is recounted: the cycle goes on to the new day, and the next one begins there."""
    world = ready().run(credit("2026-03-02 10:00"), traits("2026-03-05 10:00", anchor_day=15))
    assert cycle(world) == ("03-01 00:00", "03-15 00:00")
    world.run(credit("2026-03-16 10:00", price=0))
    assert cycle(world) == ("03-15 00:00", "04-15 00:00")
    assert world.read_meter("credits", "2026-03-16 11:00") == 1


def test_billing_can_start_a_cycle_at_once() -> None:
    """`cycle_started_at` closes the running cycle: the bill is back at the plan's price."""
    world = ready().run(
        credit("2026-03-02 10:00"),
        traits("2026-03-10 10:00", cycle_started_at="2026-03-10T09:00:00Z"),
        credit("2026-03-11 10:00"),
    )
    assert cycle(world) == ("03-10 09:00", "04-01 00:00")
    assert world.read_meter("credits", "2026-03-11 11:00") == 1
    assert world.sent() == ["03-02 10:00 passed-scale", "03-11 10:00 passed-scale"]


def test_a_cycle_that_billing_announces_begins_then() -> None:
    """A date to come ends the running cycle there."""
    world = ready().run(credit("2026-03-02 10:00"), traits("2026-03-03 10:00", cycle_started_at="2026-03-20T00:00:00Z"))
    assert cycle(world) == ("03-01 00:00", "03-20 00:00")
    world.run(credit("2026-03-21 10:00", price=0))
    assert cycle(world) == ("03-20 00:00", "04-01 00:00")


def test_a_new_zone_moves_coming_edges_only() -> None:
    """The cycle that runs began where it began."""
    world = ready().run(credit("2026-03-02 10:00"), traits("2026-03-05 10:00", zone="America/New_York"))
    assert cycle(world) == ("03-01 00:00", "04-01 04:00")


def test_now_never_runs_backwards_for_an_account() -> None:
    """A late event is counted in its time but read at the account's latest now."""
    rules = "{ r: { trigger: note.added, when: 'now - account.created_at >= 2 days', limits: none } }"
    world = World(project(rules), rows=[customer(created_at="2026-03-01T10:00:00Z")])
    world.run(credit("2026-03-03 10:00"), note("2026-03-02 10:00"))
    assert len(world.sent()) == 1
    assert world.decisions()[0]["now"] == at("2026-03-03 10:00")


def test_the_plan_an_account_is_on_is_dated_by_the_engine() -> None:
    """`plan_since` is the time of the event that changed the plan."""
    world = ready().run(credit("2026-03-02 10:00"), traits("2026-03-05 10:00", plan="scale"))
    account = world.account()
    assert (account.plan_since, account.plan_changed) == (at("2026-03-05 10:00"), at("2026-03-05 10:00"))
    world.run(traits("2026-03-06 10:00", plan="scale", seats=3))
    assert world.account().plan_since == at("2026-03-05 10:00")


# --- another rule book ----------------------------------------------------------------------------------------------------------------------------------------------------------


def test_a_removed_rule_cancels_what_it_had_waiting() -> None:
    """The rule is gone, and so is its nudge; the decision names the rule."""
    world = ticketed().run(credit("2026-03-02 10:00"))
    world = world.crash(NOTHING).run(traits("2026-03-03 10:00", open_tickets=0), until="2026-03-20 00:00")
    assert world.verdicts() == ["held(solved)", "cancelled(rule gone)"]
    assert [record["rule"] for record in world.decisions()] == ["passed-scale", "passed-scale"]
    assert world.sent() == []


def test_a_removed_rule_with_an_absence_fires_nothing() -> None:
    """What was begun for it is forgotten."""
    world = ready(CART).run(cart("2026-03-02 10:00")).crash(NOTHING).run(until="2026-03-03 00:00")
    assert world.sent() == []
    assert world.account().absences == []


def test_a_quiet_accounts_wait_is_cancelled_by_its_timer_when_the_rule_is_gone() -> None:
    """No event has to come: at the deadline the new book is taken up."""
    world = ticketed().run(credit("2026-03-02 10:00")).crash(NOTHING).run(until="2026-03-20 00:00")
    assert world.verdicts() == ["held(solved)", "cancelled(rule gone)"]


def test_a_hold_goes_on_under_an_edited_text() -> None:
    """What waits keeps waiting when only words change, and goes out with the new ones."""
    other = project(
        "{ passed-scale: { about: new words, when: plan == payg and bill > next_plan.price, offer: { plan: next_plan }, guards: [solved],"
        " message: { template: note, subject: New words } } }",
        policy=SOLVED,
    )
    world = ticketed().run(credit("2026-03-02 10:00")).crash(other).run(traits("2026-03-03 10:00", open_tickets=0))
    assert [mail.subject for mail in world.mails()] == ["New words"]


def test_a_new_meter_does_not_keep_a_cycle_from_setting_rules_back() -> None:
    """The account slept from March to 20 April, and the book changed in between: April's crossing is a crossing."""
    more = project(meters=METERS + "  notes: { count: note.added, over: billing cycle }\n")
    world = ready().run(credit("2026-03-02 10:00"), credit("2026-04-10 10:00", account="clock"))
    world = world.crash(more).run(credit("2026-04-20 10:00"))
    assert world.story() == ["03-02 10:00 sent", "04-20 10:00 not_met", "04-20 10:00 sent"]


def test_a_rule_that_begins_on_a_day_does_not_keep_a_cycle_from_setting_others_back() -> None:
    """Its first day lies in the account's silence; the other rule reads the new cycle all the same."""
    rules = """
  passed-scale: { when: plan == payg and bill > next_plan.price }
  later:        { when: leads >= 100, from: 2026-04-05 }
"""
    world = ready(project(rules)).run(credit("2026-03-02 10:00"), credit("2026-04-20 10:00"))
    assert world.sent() == ["03-02 10:00 passed-scale", "04-20 10:00 passed-scale"]


TIMED = """
  passed-scale: { when: plan == payg and bill > next_plan.price, guards: [solved] }
  cart-left:    { trigger: { event: cart.started, unless: cart.paid, within: 4 hours } }
"""


@pytest.mark.parametrize("tick", [True, False])
def test_a_timer_in_a_new_cycle_reads_what_else_waits_or_is_used_up(tick: bool) -> None:
    """At the timer's own instant, whenever it is read: what the new cycle has set back lapses, or is armed again."""
    timed = project(TIMED, policy=SOLVED)
    for tickets, first, then in ((1, "held(solved)", "lapsed(no longer true)"), (0, "sent", "not_met")):
        world = World(timed, rows=[customer(open_tickets=tickets)])
        world.run(credit("2026-03-30 10:00"), event("cart.started", "2026-03-31 22:00", cart="c"))
        if tick:
            world.run(until="2026-04-01 09:00")
        world.run(credit("2026-04-03 10:00", price=0))
        assert world.story() == [
            f"03-30 10:00 passed-scale {first}",
            f"04-01 02:00 passed-scale {then}",
            "04-01 02:00 cart-left sent",
        ]


# --- the record -----------------------------------------------------------------------------------------------------------------------------------------------------------------------


def test_a_decision_names_everything_that_was_compared() -> None:
    """Account, rule and version, verdict, both times, what opened it, the numbers, the book and the record."""
    world = ready().run(credit("2026-03-02 10:00", id="c-1"))
    (record,) = world.decisions()
    rule = world.project.book.rules[0]
    assert {
        name: record[name] for name in ("account", "rule", "version", "verdict", "reason", "crossing", "book", "where")
    } == {
        "account": "acme",
        "rule": "passed-scale",
        "version": rule.version,
        "verdict": "sent",
        "reason": "",
        "crossing": "e::c-1",
        "book": world.project.book.id,
        "where": "events:1",
    }
    assert record["at"] == record["now"] == at("2026-03-02 10:00")
    assert record["numbers"]["next_plan.price"] == "125 USD"
    assert record["nudge"] == world.mails()[0].id


def test_a_decision_names_the_rules_own_figures_too() -> None:
    """What `let` makes of the numbers stands beside them."""
    found = project("{ r: { when: bill > next_plan.price, let: { over: bill - next_plan.price } } }")
    (record,) = ready(found).run(credit("2026-03-02 10:00")).decisions()
    assert (record["numbers"]["bill"], record["numbers"]["over"]) == ("175 USD", "50 USD")


def test_the_states_verdict_says_what_it_was_and_since_when() -> None:
    """`explain` can tell it without the log."""
    state = ticketed().run(credit("2026-03-02 10:00"), credit("2026-03-03 10:00")).rule_state("passed-scale")
    assert state.wait is not None
    assert (state.since, state.reason, state.wait.crossing[:2]) == (at("2026-03-02 10:00"), "solved", "e:")
    assert state.wait.look_at == at("2026-03-09 10:00")
    assert state.wait.deadline - state.wait.opened == 7 * 24 * HOUR
