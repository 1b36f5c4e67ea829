"""The order in which a nudge is questioned: every verdict can be reached, and the first stop is the verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import combinations
from typing import Any

import pytest

from nudger.core.account import Account, RuleState, Sent, Wait
from nudger.core.calendar import DAY, SendWindow, zone
from nudger.core.contact import Contact
from nudger.core.event import Snapshot
from nudger.core.rule import Cap, Expression, Limit, Rule, RuleBook, Trigger
from nudger.core.stages import (
    STAGES,
    Case,
    Moment,
    RenderFailed,
    held_out,
    judge,
    limit_words,
    nudge_id,
    person_key,
)
from nudger.core.verdict import VERDICTS, Outcome, Verdict
from nudger.project import Project
from tests.support.builders import World, at, credit, customer, event, project, traits

RULES = """
  mine:
    when: plan == payg and bill > next_plan.price
    offer: { plan: next_plan }
    guards: [solved]
    priority: 50
  other:
    when: plan == payg
    priority: 90
"""
POLICY = "  guards: { solved: account.open_tickets == 0 }"
PROJECT = project(RULES, policy=POLICY)
NOW = at("2026-03-02 10:00")  # a Monday


def rules(project: Project = PROJECT) -> dict[str, Rule]:
    return {rule.name: rule for rule in project.book.rules}


@dataclass
class Setting:
    """One case with nothing in its way, to be changed by what a test wants to stop it."""

    project: Project = field(default_factory=lambda: PROJECT)
    rule: Rule = field(default_factory=lambda: rules()["mine"])
    state: RuleState = field(default_factory=RuleState)
    others: list[Rule] = field(default_factory=list)
    policy: dict[str, Any] = field(default_factory=dict)
    behind: bool = False
    render: Callable[[Case], Any] = lambda case: f"mail of {case.rule.name}"
    wait: Wait | None = None
    clock: int = NOW

    def __post_init__(self) -> None:
        world = World(self.project, rows=[customer(open_tickets=0, addons=[])])
        self.account: Account = world.run(credit("2026-03-02 09:00")).account()
        self.account.rules, self.account.sent = {}, []

    @property
    def book(self) -> RuleBook:
        return replace(self.project.book, policy=replace(self.project.book.policy, **self.policy))

    def moment(self) -> Moment:
        tz = zone("UTC")
        assert tz is not None
        return Moment("acme", self.account, self.book, self.clock, self.clock, tz, self.render, self.behind)

    def judged(self) -> list[Case]:
        """Return the case and those of the other rules, with their verdicts."""
        moment = self.moment()
        cases = [Case(self.rule, moment, self.state, None, "e::1", self.clock, self.wait)]
        cases += [Case(rule, moment, RuleState(), None, "e::1", self.clock) for rule in self.others]
        judge(cases)
        return cases

    def verdict(self) -> str:
        return str(self.judged()[0].verdict)


def reads(answer: bool | None) -> Expression:
    """Return an expression that reads this."""
    when = rules()["mine"].when
    assert when is not None
    return replace(when, value=lambda account, event, now, offer: answer, trace=lambda *_: [("x", "missing")])


def rival(**changes: Any) -> Rule:
    """Return the rule `other`, with a higher priority and no offer, changed in this way."""
    return replace(rules()["other"], **changes)


def no_profile(setting: Setting) -> None:
    setting.account.known = False
    setting.rule = replace(setting.rule, trigger=Trigger("credit.purchased"))


def reads_no(setting: Setting) -> None:
    setting.rule = replace(setting.rule, when=reads(False))


def is_paused(setting: Setting) -> None:
    setting.rule = replace(setting.rule, status="paused")


def beaten_in_group(setting: Setting) -> None:
    setting.rule = replace(setting.rule, group="upsell")
    setting.others.append(rival(name="rival", group="upsell", when=reads(True)))


def no_target(setting: Setting) -> None:
    assert setting.rule.offer is not None
    setting.rule = replace(setting.rule, offer=replace(setting.rule.offer, target=reads(None)))


def ticket_open(setting: Setting) -> None:
    guard = setting.rule.guards[0]
    setting.rule = replace(setting.rule, guards=(replace(guard, condition=reads(False)),))


def has_it_already(setting: Setting) -> None:
    setting.account.plan = "scale"
    scale, offer = setting.book.catalog.plans["scale"], setting.rule.offer
    assert offer is not None
    there = replace(offer.target, value=lambda *_: scale)
    setting.rule = replace(setting.rule, when=reads(True), offer=replace(offer, target=there))


def nobody_there(setting: Setting) -> None:
    setting.rule = replace(setting.rule, to=("ceo",))


def said_often_enough(setting: Setting) -> None:
    setting.state.fired, setting.state.count = [NOW - DAY], 1


def mailed_enough(setting: Setting) -> None:
    setting.policy["caps"] = (Cap("account", Limit(1, "days", 30)),)
    setting.account.sent = [Sent(NOW - DAY, 5, "product")]


def beaten(setting: Setting) -> None:
    setting.others.append(rival(when=reads(True)))


def drawn_out(setting: Setting) -> None:
    setting.policy["holdout"] = Decimal(1)


def at_night(setting: Setting) -> None:
    setting.rule = replace(setting.rule, send=SendWindow(frozenset({0}), 11 * 60, 12 * 60, None))


def cannot_render(setting: Setting) -> None:
    def render(case: Case) -> Any:
        if case.rule.name == "mine":
            raise RenderFailed("`over` is missing")
        return "mail"

    setting.render = render


#: Stage -> what makes it stop the case, and what it then says.
STOPS: dict[str, tuple[Callable[[Setting], None], str]] = {
    "profile": (no_profile, "held(no profile)"),
    "when": (reads_no, "not_met"),
    "live": (is_paused, "paused(hand)"),
    "group": (beaten_in_group, "outranked(rival)"),
    "offer": (no_target, "unknown(x)"),
    "guards": (ticket_open, "held(solved)"),
    "helps": (has_it_already, "unhelpful(is on scale already)"),
    "recipient": (nobody_there, "no_recipient(nobody with role ceo)"),
    "limits": (said_often_enough, "limited(1 in billing cycle)"),
    "caps": (mailed_enough, "capped(account)"),
    "contest": (beaten, "outranked(other)"),
    "holdout": (drawn_out, "holdout(global)"),
    "window": (at_night, "waiting(window)"),
    "render": (cannot_render, "failed(`over` is missing)"),
}


def test_a_case_with_nothing_in_its_way_is_sent() -> None:
    """The nudge of the story, with its offer, its reader and its mail."""
    (case,) = Setting().judged()
    assert str(case.verdict) == "sent"
    assert case.offer is not None
    assert (case.offer.id, case.offer.price, case.offer.saving) == ("scale", 125, 50)
    assert case.person is not None
    assert (case.person.role, case.message) == ("billing", "mail of mine")


def test_every_stage_that_can_stop_a_case_is_in_the_table_in_the_decided_order() -> None:
    """The language's order: when, status, group, offer, guards, help, recipient, limits, caps, contest, lots, window."""
    assert [name for name, _ in STAGES] == [*STOPS, "emit"]


@pytest.mark.parametrize("stage", STOPS)
def test_each_stage_stops_with_its_own_verdict(stage: str) -> None:
    """One thing in the way, and the verdict names it."""
    stop, verdict = STOPS[stage]
    setting = Setting()
    stop(setting)
    assert setting.verdict() == verdict


@pytest.mark.parametrize(("earlier", "later"), list(combinations(STOPS, 2)))
def test_of_two_stops_the_earlier_stage_gives_the_verdict(earlier: str, later: str) -> None:
    """The first stop is the verdict, whatever else would have stopped the nudge too."""
    setting = Setting()
    STOPS[later][0](setting)
    STOPS[earlier][0](setting)
    assert setting.verdict() == STOPS[earlier][1]


def test_a_message_is_only_made_for_what_is_sent() -> None:
    """Rendering comes last, so a case that is stopped costs no mail."""
    for stage, (stop, _) in STOPS.items():
        setting = Setting()
        stop(setting)
        if stage != "render":
            assert setting.judged()[0].message is None


def test_every_verdict_has_an_outcome_and_a_meaning() -> None:
    """The table that people read says the same of each word as the engine does."""
    used_up = {"sent", "shadow", "holdout", "limited", "paused", "cancelled"}
    assert {word for word, (outcome, _) in VERDICTS.items() if outcome in (Outcome.EMITTED, Outcome.SPENT)} == used_up
    assert {word for word, (outcome, _) in VERDICTS.items() if outcome is Outcome.WAITS} == {"held", "waiting"}
    assert Verdict("outranked", "other").outcome is Outcome.STOPPED
    assert Verdict("outranked", "other", spends=True).outcome is Outcome.SPENT


# --- when, for what waits ------------------------------------------------------------------------------------------------

WAITING = Wait("e::1", NOW - DAY, NOW + DAY, NOW, Snapshot("credit.purchased", NOW - DAY, "", "1", b"\x80"))


@pytest.mark.parametrize(
    ("answer", "new", "waiting"),
    [(True, "sent", "sent"), (False, "not_met", "lapsed(no longer true)"), (None, "unknown(x)", "held(x)")],
)
def test_what_waits_ends_with_a_no_and_goes_on_with_an_unknown(answer: bool | None, new: str, waiting: str) -> None:
    """One reading of no ends a wait; a value that is missing for a while does not."""
    setting = Setting()
    setting.rule = replace(setting.rule, when=reads(answer))
    assert setting.verdict() == new
    setting.wait = WAITING
    assert setting.verdict() == waiting


# --- status and dates -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("starts", "until", "verdict"),
    [
        (None, None, "sent"),
        ("2026-03-02", None, "sent"),
        ("2026-03-03", None, "outside(dates)"),
        (None, "2026-03-02", "sent"),
        (None, "2026-03-01", "outside(dates)"),
        ("2026-03-02", "2026-03-02", "sent"),
    ],
)
def test_a_rule_is_live_from_its_first_to_its_last_day_both_included(
    starts: str | None, until: str | None, verdict: str
) -> None:
    """`from` and `until` are whole local days."""
    day = {text: at(text) // DAY + 719163 for text in (starts, until) if text is not None}
    setting = Setting()
    setting.rule = replace(setting.rule, starts=day[starts] if starts else None, until=day[until] if until else None)
    assert setting.verdict() == verdict


def test_a_shadow_is_decided_like_a_live_rule_and_writes_nothing() -> None:
    """Every stage is asked, and no mail is made."""
    setting = Setting()
    setting.rule = replace(setting.rule, status="shadow")
    (case,) = setting.judged()
    assert (str(case.verdict), case.message) == ("shadow", None)
    nobody_there(setting)
    assert setting.verdict().startswith("no_recipient")


# --- offers -----------------------------------------------------------------------------------------------------------------------


def offering(offer: str, *, catalog: str | None = None) -> Project:
    rule = f"  mine: {{ when: plan == payg, offer: {offer} }}\n  other: {{ when: plan == payg, priority: 90 }}"
    return project(rule, policy=POLICY) if catalog is None else project(rule, policy=POLICY, catalog=catalog)


OFFERS = """
  currency: USD
  units: { assessment_credits: credits, api_calls: calls }
  plans:
    payg:   { name: Payg, price: 75, includes: { api_calls: 100 }, extra: { assessment_credits: 100 }, next: scale }
    scale:  { name: Scale, price: 125, includes: { assessment_credits: 15, api_calls: 200 }, features: [crm], next: dear }
    dear:   { name: Dear, price: 500, includes: { assessment_credits: 15, api_calls: 100 }, next: retired }
    retired: { name: Retired, price: 1, sold: false }
    island: { name: Island, price: 1 }
  addons:
    scheduling: { name: Scheduling, price: 8 }
"""


@pytest.mark.parametrize(
    ("offer", "verdict"),
    [
        ("{ plan: scale }", "sent"),  # saves 50
        ("{ plan: payg }", "unhelpful(is on payg already)"),
        ("{ plan: retired }", "unhelpful(retired is not sold)"),
        ("{ plan: island }", "unhelpful(island cannot be reached from payg)"),
        ("{ plan: dear }", "unhelpful(saves nothing, lifts no limit, adds nothing named)"),
        ("{ plan: dear, because: crm }", "unhelpful(saves nothing, lifts no limit, adds nothing named)"),
        ("{ plan: dear, because: capacity }", "sent"),  # it includes credits, payg does not
        ("{ addon: scheduling }", "sent"),
    ],
)
def test_an_offer_must_be_reachable_and_help(offer: str, verdict: str) -> None:
    """On the plan already, not sold, out of reach or no better: the customer is not written to."""
    found = offering(offer, catalog=OFFERS)
    assert Setting(found, rules(found)["mine"]).verdict() == verdict


@pytest.mark.parametrize(
    ("addons", "verdict"),
    [([], "sent"), (["scheduling"], "unhelpful(has scheduling already)"), (None, "unknown(account.addons)")],
)
def test_an_add_on_must_not_be_owned_and_not_known_is_not_none(addons: list[str] | None, verdict: str) -> None:
    """`account.addons` missing is unknown, an empty list is none."""
    found = offering("{ addon: scheduling }")
    setting = Setting(found, rules(found)["mine"])
    rows = [customer(open_tickets=0, addons=addons)]
    setting.account = World(found, rows=rows).run(credit("2026-03-02 09:00")).account()
    assert setting.verdict() == verdict


@pytest.mark.parametrize(
    ("offer", "calls", "verdict"),
    [
        ("{ plan: dear }", 80, "unhelpful"),  # dear includes no more calls
        ("{ plan: scale }", 0, "unhelpful"),  # without a credit Scale saves nothing
        ("{ plan: scale }", 80, "sent"),  # 80 of 100 included calls are used, Scale includes 200
        ("{ plan: scale }", 79, "unhelpful"),
        ("{ plan: scale, because: crm }", 0, "sent"),
    ],
)
def test_lifting_a_limit_that_is_near_or_adding_a_named_feature_helps(offer: str, calls: int, verdict: str) -> None:
    """An offer that saves nothing may still help in one of two other ways."""
    found = offering(offer, catalog=OFFERS)
    setting = Setting(found, rules(found)["mine"])
    world = World(found, rows=[customer(open_tickets=0)])
    setting.account = world.run(event("api.called", "2026-03-02 09:00", calls=calls)).account()
    assert setting.verdict().split("(")[0] == verdict


def test_one_known_yes_is_help_enough_and_otherwise_an_unknown_stays_unknown() -> None:
    """In a cycle in which the plan changed nothing can be priced: only a named reason still counts."""
    for offer, verdict in (("{ plan: scale }", "unknown(saving)"), ("{ plan: scale, because: crm }", "sent")):
        found = offering(offer, catalog=OFFERS)
        setting = Setting(found, rules(found)["mine"])
        world = World(found, rows=[customer(plan="island", open_tickets=0)])
        world.run(credit("2026-03-02 09:00"), traits("2026-03-02 09:30", plan="payg"))
        setting.account = world.account()
        assert setting.verdict() == verdict


def test_an_offer_whose_price_is_not_known_is_unknown() -> None:
    """A seat price without a number of seats, or an account whose plan nobody knows."""
    seats = OFFERS.replace("scale:  { name: Scale, price: 125,", "scale:  { name: Scale, seat_price: 125,")
    found = offering("{ plan: scale }", catalog=seats)
    assert Setting(found, rules(found)["mine"]).verdict() == "unknown(price of scale)"
    setting = Setting(
        offering("{ plan: scale }", catalog=OFFERS), rules(offering("{ plan: scale }", catalog=OFFERS))["mine"]
    )
    setting.rule, setting.account.plan = replace(setting.rule, when=reads(True)), None
    assert setting.verdict() == "unknown(plan)"


# --- recipient ---------------------------------------------------------------------------------------------------------------------

PEOPLE = [
    Contact("boss@acme.example", "admin"),
    Contact("first@acme.example", "billing"),
    Contact("second@acme.example", "billing"),
]


@pytest.mark.parametrize(
    ("to", "people", "address"),
    [
        (("billing", "admin"), PEOPLE, "first@acme.example"),
        (("admin", "billing"), PEOPLE, "boss@acme.example"),
        (("tech", "admin"), PEOPLE, "boss@acme.example"),
        (("billing", "admin"), PEOPLE[:1], "boss@acme.example"),
        (("billing",), [Contact("a, b@acme.example", "billing"), PEOPLE[2]], "second@acme.example"),
        (("billing",), [Contact("nobody", "billing")], None),
        (("billing",), [], None),
        (("billing",), None, None),
    ],
)
def test_the_recipient_is_the_first_asked_role_with_an_address_that_works(
    to: tuple[str, ...], people: list[Contact] | None, address: str | None
) -> None:
    """Roles in the order asked for, within a role the first person whose address is one."""
    setting = Setting()
    setting.rule = replace(setting.rule, to=to)
    setting.project = replace_book(setting.project, contacts=lambda account: people)
    (case,) = setting.judged()
    assert (case.person.address if case.person else None) == address
    assert case.verdict is not None
    assert case.verdict.word == ("sent" if address else "no_recipient")


def replace_book(project: Project, **changes: Any) -> Project:
    return replace(project, book=replace(project.book, **changes))


# --- limits and caps -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "fired", "verdict"),
    [
        (Limit(1, "cycle"), ["2026-02-28 23:59"], "sent"),
        (Limit(1, "cycle"), ["2026-03-01 00:00"], "limited(1 in billing cycle)"),
        (Limit(2, "cycle"), ["2026-03-01 10:00"], "sent"),
        (Limit(1, "month"), ["2026-02-28 23:59"], "sent"),
        (Limit(1, "month"), ["2026-03-01 00:00"], "limited(1 in calendar month)"),
        (Limit(1, "days", 1), ["2026-03-01 23:59"], "sent"),
        (Limit(1, "days", 1), ["2026-03-02 00:00"], "limited(1 in 1 days)"),
        (Limit(1, "days", 30), ["2026-02-01 00:00"], "limited(1 in 30 days)"),  # today and the 29 days before
        (Limit(1, "days", 30), ["2026-01-31 23:59"], "sent"),
        (Limit(2, "days", 90), ["2025-12-03 00:00", "2026-03-01 00:00"], "limited(2 in 90 days)"),
        (Limit(3, "lifetime"), ["2020-01-01 00:00"] * 3, "limited(3 in lifetime)"),
        (Limit(3, "lifetime"), ["2020-01-01 00:00"] * 2, "sent"),
    ],
)
def test_a_limit_counts_first_messages_within_its_period(limit: Limit, fired: list[str], verdict: str) -> None:
    """`30 days` is today and the 29 local days before; cycles and months are the account's."""
    setting = Setting()
    setting.rule = replace(setting.rule, limits=(limit,))
    setting.state.fired, setting.state.count = [at(when) for when in fired], len(fired)
    assert setting.verdict() == verdict


def test_all_limits_of_a_list_must_hold_and_none_is_no_limit() -> None:
    """The tighter one stops; without any a rule may speak again."""
    setting = Setting()
    setting.state.fired, setting.state.count = [NOW - 40 * DAY] * 3, 3
    setting.rule = replace(setting.rule, limits=(Limit(1, "cycle"), Limit(3, "lifetime")))
    assert setting.verdict() == "limited(3 in lifetime)"
    setting.rule = replace(setting.rule, limits=())
    assert setting.verdict() == "sent"


@pytest.mark.parametrize(("begun", "verdict"), [("2026-03-02 08:00", "sent"), (None, "limited(1 in billing cycle)")])
def test_a_cycle_that_billing_has_started_frees_the_limit(begun: str | None, verdict: str) -> None:
    """`1 in billing cycle` counts in the account's own running cycle, wherever billing began it."""
    setting = Setting()
    setting.state.fired, setting.state.count = [at("2026-03-01 10:00")], 1
    if begun is not None:
        world = World(PROJECT, rows=[customer(open_tickets=0)])
        started = traits(begun, cycle_started_at="2026-03-02T08:00:00Z")
        setting.account = world.run(credit("2026-03-01 09:00"), started, credit("2026-03-02 09:00")).account()
        setting.account.rules = {}
    assert setting.verdict() == verdict


ROBIN = person_key(Contact("Robin@acme.example"))


@pytest.mark.parametrize(
    ("cap", "sent", "verdict"),
    [
        (Cap("account", Limit(2, "days", 30)), [(1, 5, "product")], "sent"),
        (Cap("account", Limit(2, "days", 30)), [(1, 5, "product"), (2, 6, "news")], "capped(account)"),
        (Cap("account", Limit(1, "days", 30)), [(30, 5, "product")], "sent"),
        (Cap("account", Limit(1, "days", 30)), [(29, 5, "product")], "capped(account)"),
        (Cap("person", Limit(1, "days", 7)), [(1, 5, "product")], "sent"),  # to somebody else
        (Cap("person", Limit(1, "days", 7)), [(1, ROBIN, "news")], "capped(person)"),
        (Cap("topic", Limit(1, "days", 7)), [(1, 5, "news")], "sent"),
        (Cap("topic", Limit(1, "days", 7)), [(1, 5, "product")], "capped(topic)"),
        (Cap("account", Limit(1, "month")), [(2, 5, "product")], "sent"),
        (Cap("account", Limit(1, "cycle")), [(1, 5, "product")], "capped(account)"),
        (Cap("account", Limit(1, "lifetime")), [(900, 5, "product")], "capped(account)"),
    ],
)
def test_caps_count_messages_per_account_person_and_topic(
    cap: Cap, sent: list[tuple[int, int, str]], verdict: str
) -> None:
    """A cap looks at all rules' messages: those of the account, to this person, or under this topic."""
    setting = Setting()
    setting.project = replace_book(setting.project, contacts=lambda account: [Contact("robin@acme.example", "billing")])
    setting.policy["caps"] = (cap,)
    setting.account.sent = [Sent(NOW - days * DAY, person, topic) for days, person, topic in sent]
    assert setting.verdict() == verdict


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (Limit(1, "cycle"), "1 in billing cycle"),
        (Limit(2, "days", 30), "2 in 30 days"),
        (Limit(3, "lifetime"), "3 in lifetime"),
        (Limit(1, "month"), "1 in calendar month"),
    ],
)
def test_a_limit_is_written_as_the_growth_team_wrote_it(limit: Limit, words: str) -> None:
    """Reasons are read by people."""
    assert limit_words(limit) == words


# --- groups and the contest -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mine", "others", "verdicts"),
    [
        ({"priority": 50}, [rival(priority=90)], ["outranked(other)", "sent"]),
        ({"priority": 90}, [rival(priority=50)], ["sent", "outranked(mine)"]),
        ({"priority": 50}, [rival(priority=50)], ["sent", "outranked(mine)"]),  # saves 50, the other offers nothing
        ({"priority": 50, "offer": None}, [rival(priority=50, name="a")], ["outranked(a)", "sent"]),
        ({"priority": 50, "offer": None}, [rival(priority=50, name="z")], ["sent", "outranked(mine)"]),
        ({"status": "shadow"}, [rival(priority=90)], ["outranked(other)", "sent"]),
        ({"status": "shadow", "priority": 99}, [rival(priority=1)], ["shadow", "sent"]),
        ({}, [rival(priority=99, status="shadow")], ["sent", "shadow"]),  # a shadow never outranks a live rule
        ({"status": "shadow"}, [rival(priority=99, status="shadow")], ["shadow", "shadow"]),
        ({}, [rival(priority=99, status="paused")], ["sent", "paused(hand)"]),
        ({}, [rival(priority=99, to=("ceo",))], ["sent", "no_recipient(nobody with role ceo)"]),
    ],
)
def test_one_rule_wins_a_moment_by_priority_then_saving_then_name(
    mine: dict[str, Any], others: list[Rule], verdicts: list[str]
) -> None:
    """One message a moment; who has been stopped before takes no part, and a shadow takes nothing from a live rule."""
    setting = Setting(rule=replace(rules()["mine"], **mine), others=others)
    assert [str(case.verdict) for case in setting.judged()] == verdicts


def test_in_a_group_only_the_highest_priority_goes_on_even_if_it_is_then_stopped() -> None:
    """The member with the highest priority is held, and the other one is used up all the same."""
    winner = rival(group="g", priority=90, to=("ceo",))
    setting = Setting(rule=replace(rules()["mine"], group="g"), others=[winner])
    mine, other = setting.judged()
    assert (str(mine.verdict), str(other.verdict)) == ("outranked(other)", "no_recipient(nobody with role ceo)")
    assert mine.verdict is not None
    assert mine.verdict.outcome is Outcome.SPENT


def test_two_groups_do_not_know_each_other() -> None:
    """Outside a group the contest decides, and the loser keeps its crossing."""
    setting = Setting(rule=replace(rules()["mine"], group="g"), others=[rival(group="h")])
    mine, _ = setting.judged()
    assert str(mine.verdict) == "outranked(other)"
    assert mine.verdict is not None
    assert mine.verdict.outcome is Outcome.STOPPED


@pytest.mark.parametrize(
    ("priority", "status", "verdict"),
    [
        (90, "live", "limited(1 in billing cycle)"),
        (50, "live", "limited(1 in billing cycle)"),
        (10, "live", "sent"),
        (90, "shadow", "sent"),
    ],
)
def test_what_a_group_member_sent_counts_for_its_equals_and_inferiors(priority: int, status: Any, verdict: str) -> None:
    """A message of the higher or equal member uses the limit of the lower one; one of a shadow counts for nobody."""
    found = Setting().project
    mine = replace(rules()["mine"], group="g")
    other = rival(group="g", priority=priority, status=status, when=reads(False))
    setting = Setting(replace_book(found, rules=(mine, other)), mine)
    setting.account.rules = {mine.key: setting.state, other.key: RuleState(armed=False, count=1, fired=[NOW - DAY])}
    assert setting.verdict() == verdict


# --- lots, window, ids ---------------------------------------------------------------------------------------------------------------------


def test_a_holdout_is_a_fixed_share_of_accounts() -> None:
    """The same accounts every time, about as many as the share says, and a smaller share is part of a larger one."""
    names = [f"account-{number}" for number in range(2000)]
    five = {name for name in names if held_out(name, Decimal("0.05"))}
    ten = {name for name in names if held_out(name, Decimal("0.1"))}
    assert five < ten
    assert 60 < len(five) < 140
    assert not any(held_out(name, Decimal(0)) for name in names)
    assert all(held_out(name, Decimal(1)) for name in names)


def test_behind_the_wall_clock_nudges_wait_even_where_the_window_is_shut() -> None:
    """Catching up comes first: the window is asked when the clock is right again."""
    setting = Setting(behind=True)
    assert setting.verdict() == "waiting(catch-up)"
    at_night(setting)
    assert setting.verdict() == "waiting(catch-up)"


def test_the_nudges_id_is_made_of_rule_account_and_crossing() -> None:
    """The same crossing gives the same id on any machine and any day; anything else gives another one."""
    same = nudge_id("mine", "acme", "e:/billing:1")
    assert same == "ecee9df06c29e968f0c5b2d31d648b47"
    assert len({same, nudge_id("other", "acme", "e:/billing:1"), nudge_id("mine", "acme", "e:/billing:2")}) == 3
    assert nudge_id("a", "bc", "") != nudge_id("ab", "c", "")


@pytest.mark.parametrize(
    ("expires", "hold", "offer", "days"), [(14, 7, True, 14), (None, 7, True, 30), (None, 7, False, 7)]
)
def test_a_message_expires_with_its_offer_or_when_it_would_have_lapsed(
    expires: int | None, hold: int, offer: bool, days: int
) -> None:
    """Counted from the emission: the offer's own end, 30 days for an open offer, else the hold."""
    spec = rules()["mine"].offer
    assert spec is not None
    with_end = replace(spec, expires=expires * DAY if expires else None) if offer else None
    rule = replace(rules()["mine"], offer=with_end, hold=hold * DAY)
    (case,) = Setting(rule=rule).judged()
    assert case.expires == NOW + days * DAY
