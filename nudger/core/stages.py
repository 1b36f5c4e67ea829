"""The order in which a nudge is questioned, as one table of stages (`STAGES`), and the stages themselves.

A *moment* is one instant of one account; a *case* is one rule that wants to speak at it. The cases of a moment go
through the stages together, since some stages choose between them. The first stop is the verdict.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import tzinfo
from decimal import Decimal
from typing import Any

from nudger.core import calendar
from nudger.core.account import Account, RuleState, Sent, Wait
from nudger.core.contact import Contact, valid_address
from nudger.core.event import Event
from nudger.core.rule import Cap, Limit, Offer, Rule, RuleBook
from nudger.core.verdict import WORDS, Verdict

#: While the clock is further than this behind the wall, nudges wait (catch-up); events further ahead are set aside.
SLACK = 10 * calendar.MINUTE
#: How long an offer without an end of its own can be taken up.
OPEN_OFFER = 30 * calendar.DAY


class RenderFailed(Exception):
    """The mail could not be made; the text says why, for the growth team."""


@dataclass(slots=True)
class Moment:
    """One instant of one account.

    Attributes:
        now: What `now` reads in expressions: the event's or due time, never running backwards for an account.
        clock: What send windows, limits, caps, holds and expiry go by.
        behind: The clock is too far behind the wall to mail anybody.
        render: Makes the message of a case that has passed every other stage; raises `RenderFailed`.
    """

    account_id: str
    account: Account
    book: RuleBook
    now: int
    clock: int
    tz: tzinfo
    render: Callable[[Case], Any]
    behind: bool = False


@dataclass(slots=True)
class Case:
    """One rule that wants to speak at a moment, and what the stages found out about it."""

    rule: Rule
    moment: Moment
    state: RuleState
    event: Event | None
    crossing: str
    opened: int
    wait: Wait | None = None
    offer: Offer | None = None
    person: Contact | None = None
    message: Any = None
    verdict: Verdict | None = None
    notes: list[tuple[str, str, tuple[tuple[str, str], ...]]] | None = None
    numbers: tuple[tuple[str, str], ...] | None = None

    @property
    def deadline(self) -> int:
        """When it lapses if it has to wait."""
        return self.wait.deadline if self.wait is not None else self.opened + self.rule.hold

    @property
    def expires(self) -> int:
        """When the message should no longer be delivered: with its offer, else when nudger itself would drop it."""
        spec = self.rule.offer
        if spec is not None and spec.expires is not None:
            return self.moment.clock + spec.expires
        return self.moment.clock + (OPEN_OFFER if spec is not None else self.rule.hold)

    def read(self, value: Callable[[Account, Event | None, int, Offer | None], Any]) -> Any:
        """Evaluate an expression of the rule at this moment."""
        return value(self.moment.account, self.event, self.moment.now, self.offer)

    def note(self, stage: str, text: str, values: Iterable[tuple[str, str]] = ()) -> None:
        """Remember a finding, when somebody asked for an explanation."""
        if self.notes is not None:
            self.notes.append((stage, text, tuple(values)))


def hash64(*parts: str) -> int:
    """Return a stable 64-bit number of some texts."""
    return int.from_bytes(hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8).digest(), "big")


def rule_key(name: str) -> int:
    """Return the number under which an account's state remembers a rule."""
    return hash64("rule", name) & 0x7FFFFFFF


def nudge_id(rule: str, account: str, crossing: str) -> str:
    """Return the nudge's id: a hash of rule, account and crossing, so that a repeat is the same message."""
    return hashlib.blake2b("\x1f".join((rule, account, crossing)).encode(), digest_size=16).hexdigest()


# --- one stage, one question; None = the case goes on ------------------------------------------------


def still_true(case: Case) -> Verdict | None:
    """`when`: for what waits, on today's numbers; what is new has just read yes."""
    when = case.rule.when
    if when is None:
        return in_time(case)
    if case.notes is not None:
        case.note("when", when.text, when.trace(case.moment.account, case.event, case.moment.now, None))
    answer = case.read(when.value)
    if answer is True:
        return in_time(case)
    if answer is None:  # ends no wait: only a no does
        word = "unknown" if case.wait is None else "held"
        return Verdict(word, missing(case, when.trace))
    return Verdict("lapsed", "no longer true") if case.wait is not None else Verdict("not_met")


def in_time(case: Case) -> Verdict | None:
    """What waits and is looked at only after its hold, such as after a standstill, is not sent any more."""
    if case.wait is not None and case.moment.clock > case.deadline:
        return Verdict("lapsed", "hold over")
    return None


def missing(case: Case, trace: Callable[..., list[tuple[str, str]]]) -> str:
    """Return the first name without a value that an expression reads."""
    for name, value in trace(case.moment.account, case.event, case.moment.now, case.offer):
        if value == "missing":
            return name
    return "value"


def has_profile(case: Case) -> Verdict | None:
    """A trigger rule waits for the account's profile."""
    if case.rule.trigger is not None and not case.moment.account.known:
        return Verdict("held", "no profile")
    return None


def is_live(case: Case) -> Verdict | None:
    """Status and dates; `start` has been answered where the rule was first read."""
    rule = case.rule
    if rule.status == "paused":
        return Verdict("paused", "hand")
    today = calendar.day_of(case.moment.clock, case.moment.tz)
    if (rule.starts is not None and today < rule.starts) or (rule.until is not None and today > rule.until):
        return Verdict("outside", "dates")
    return None


def resolve_offer(case: Case) -> Verdict | None:
    """The offer: which plan or add-on, at what price, saving how much."""
    spec, moment = case.rule.offer, case.moment
    if spec is None:
        return None
    target = case.read(spec.target.value)
    if target is None:
        return Verdict("unknown", missing(case, spec.target.trace))
    catalog = moment.book.catalog
    if spec.kind == "addon":
        case.offer = Offer("addon", None, target, catalog.round(target.price), None)
    else:
        price = catalog.price(target, moment.account, moment.now)
        if price is None:
            return Verdict("unknown", f"price of {target.id}")
        saving = catalog.saving(target, moment.account, moment.now)
        case.offer = Offer("plan", target, None, catalog.round(price), saving)
    case.note("offer", f"{case.offer.name} at {case.offer.price} {catalog.currency}, saving {case.offer.saving}")
    return None


def guards_pass(case: Case) -> Verdict | None:
    """Guards, the policy's `always` first; no and unknown both hold."""
    stop = None
    for guard in case.rule.guards:
        passed = case.read(guard.condition.value) is True
        if case.notes is not None:
            trace = guard.condition.trace(case.moment.account, case.event, case.moment.now, case.offer)
            case.note("guard", f"{guard.name}: {guard.condition.text} = {'yes' if passed else 'no'}", trace)
        if not passed and stop is None:
            stop = Verdict("held", guard.name)
            if case.notes is None:
                return stop
    return stop


def offer_helps(case: Case) -> Verdict | None:
    """An offer must be reachable, not already owned, and help on this very usage."""
    offer, moment = case.offer, case.moment
    if offer is None:
        return None
    account, catalog = moment.account, moment.book.catalog
    if offer.addon is not None:
        owned = moment.book.addons(account)
        if owned is None:
            return Verdict("unknown", "account.addons")
        return Verdict("unhelpful", f"has {offer.id} already") if offer.id in owned else None
    plan, own = offer.plan, catalog.own(account)
    assert plan is not None
    if own is None:
        return Verdict("unknown", "plan")
    if plan.id == own.id:
        return Verdict("unhelpful", f"is on {plan.id} already")
    if not plan.sold:
        return Verdict("unhelpful", f"{plan.id} is not sold")
    if plan.id not in catalog.families.get(own.id, ()):
        return Verdict("unhelpful", f"{plan.id} cannot be reached from {own.id}")
    return _plan_helps(case, offer)


def _plan_helps(case: Case, offer: Offer) -> Verdict | None:
    moment, because = case.moment, case.rule.offer.because if case.rule.offer else None
    catalog = moment.book.catalog
    plan, own = offer.plan, catalog.own(moment.account)
    assert plan is not None
    assert own is not None
    saves = None if offer.saving is None else offer.saving > 0
    lifts = catalog.lifts_limit(plan, moment.account, moment.now)
    adds = False
    if because == "capacity":
        adds = any(catalog.includes_more(plan, own, unit) for unit in plan.includes)
    elif because is not None:
        adds = because in plan.features and because not in own.features
    case.note(
        "helps", f"saves money: {_word(saves)}; lifts a limit: {_word(lifts)}; {because or 'because'}: {_word(adds)}"
    )
    if saves or lifts or adds:
        return None
    if saves is None or lifts is None:
        return Verdict("unknown", "saving" if saves is None else "usage")
    return Verdict("unhelpful", "saves nothing, lifts no limit, adds nothing named")


def _word(answer: bool | None) -> str:
    return "unknown" if answer is None else "yes" if answer else "no"


def find_person(case: Case) -> Verdict | None:
    """The recipient: the first asked role with a person whose address works."""
    contacts = case.moment.book.contacts(case.moment.account)
    if contacts is None:
        return Verdict("no_recipient", "no contacts are known")
    for role in case.rule.to:
        for contact in contacts:
            if contact.role == role and valid_address(contact.address):
                case.person = contact
                case.note("recipient", f"role {role}")
                return None
    return Verdict("no_recipient", f"nobody with role {' or '.join(case.rule.to)}")


def _period_start(limit: Limit, moment: Moment) -> int:
    """Return the first instant that still counts for a limit."""
    if limit.unit == "cycle":
        account, clock = moment.account, moment.clock
        if account.cycle_start <= clock < account.cycle_end:
            return account.cycle_start  # which billing may have begun on another day
        return calendar.cycle(clock, account.anchor_day, moment.tz)[0]
    if limit.unit == "month":
        return calendar.cycle(moment.clock, 1, moment.tz)[0]
    return calendar.midnight(calendar.day_of(moment.clock, moment.tz) - limit.days + 1, moment.tz)


def limit_words(limit: Limit) -> str:
    """Write a limit as the growth team does: 1 in billing cycle."""
    units = {"cycle": "billing cycle", "month": "calendar month", "lifetime": "lifetime", "days": f"{limit.days} days"}
    return f"{limit.most} in {units[limit.unit]}"


def within_limits(case: Case) -> Verdict | None:
    """The rule's own limits; in a group, what a member sends counts for its equals and inferiors too."""
    moment, states = case.moment, [case.state]
    if case.rule.group is not None:
        for other in moment.book.rules:
            if other.group != case.rule.group or other is case.rule or other.status == "shadow":
                continue  # what a shadow does counts for nobody else
            if other.priority >= case.rule.priority:
                states.extend(state for key, state in moment.account.rules.items() if key == other.key)
    for limit in case.rule.limits:
        if limit.unit == "lifetime":
            said = sum(state.count for state in states)
        else:
            start = _period_start(limit, moment)
            said = sum(at >= start for state in states for at in state.fired)
        case.note("limit", f"{limit_words(limit)}: {said} so far")
        if said >= limit.most:
            return Verdict("limited", limit_words(limit))
    return None


def person_key(contact: Contact) -> int:
    """Return the number under which a person's messages are counted; addresses stay out of the history."""
    return hash64(contact.address.lower()) >> 1


def _counts(cap: Cap, sent: Sent, case: Case) -> bool:
    if cap.per == "person":
        assert case.person is not None
        return sent.person == person_key(case.person)
    return cap.per == "account" or sent.topic == case.rule.topic


def within_caps(case: Case) -> Verdict | None:
    """The policy's caps over all rules."""
    for cap in case.moment.book.policy.caps:
        start = 0 if cap.limit.unit == "lifetime" else _period_start(cap.limit, case.moment)
        said = sum(sent.at >= start and _counts(cap, sent, case) for sent in case.moment.account.sent)
        case.note("cap", f"{cap.per} {limit_words(cap.limit)}: {said} so far")
        if said >= cap.limit.most:
            return Verdict("capped", cap.per)
    return None


def in_holdout(case: Case) -> Verdict | None:
    """The global holdout: a fixed share of the accounts, drawn by hash, gets no nudge."""
    share = case.moment.book.policy.holdout
    if share and held_out(case.moment.account_id, share):
        return Verdict("holdout", "global")
    return None


def held_out(account_id: str, share: Decimal) -> bool:
    """Tell whether an account is in the global holdout of a *share* (0.05 = 5 %)."""
    return hash64("holdout", account_id) < int(share * 2**64)


def window_open(case: Case) -> Verdict | None:
    """Catch-up and the send window."""
    moment, send = case.moment, case.rule.send
    if moment.behind:
        return Verdict("waiting", "catch-up")
    if send is not None:
        zone = (calendar.zone(send.zone) if send.zone else None) or moment.tz
        if not send.is_open(moment.clock, zone):
            return Verdict("waiting", "window")
    return None


def is_rendered(case: Case) -> Verdict | None:
    """The mail itself; a shadow is decided as if live but writes nothing."""
    if case.rule.status == "shadow":
        return Verdict("shadow")
    if case.notes is not None:
        return None
    try:
        case.message = case.moment.render(case)
    except RenderFailed as failure:
        return Verdict("failed", str(failure))
    return None


def emit(case: Case) -> Verdict | None:
    """Nothing has stopped it."""
    return Verdict("sent")


# --- stages that choose between the cases of a moment --------------------------------------------------


def strongest_of_group(cases: list[Case]) -> None:
    """Of the members of a group that read yes only the one with the highest priority goes on.

    Also when it has been said, or waits, and this moment is none of its own: then nobody of this moment goes on.
    """
    best: dict[str, Case] = {}
    for case in [*cases, *_silent_members(cases)]:
        group = case.rule.group
        if group is not None:
            held = best.get(group)
            if held is None or _rank(case, with_saving=False) < _rank(held, with_saving=False):
                best[group] = case
    for case in cases:
        if case.rule.group is not None and best[case.rule.group] is not case:
            case.verdict = Verdict("outranked", best[case.rule.group].rule.name, spends=True)


def _silent_members(cases: list[Case]) -> Iterator[Case]:
    """Yield the live members of the cases' groups that read yes as well, but have no case in this moment."""
    groups, here = {case.rule.group for case in cases} - {None}, {case.rule.key for case in cases}
    moment = cases[0].moment
    for rule in moment.book.rules if groups else ():
        if rule.group not in groups or rule.key in here or rule.when is None or rule.trigger is not None:
            continue
        state = moment.account.rules.get(rule.key)
        if state is None or state.unread or WORDS[state.verdict] == "outside":
            continue  # it has never spoken here, or is not live for this account
        case = Case(rule, moment, state, None, "", moment.clock)
        if is_live(case) is None and case.read(rule.when.value) is True:
            yield case


def _rank(case: Case, *, with_saving: bool = True) -> tuple[bool, int, Decimal, str]:
    """Return the sort key of the contest, winner first; a shadow never comes before a live rule."""
    saving = case.offer.saving if with_saving and case.offer and case.offer.saving is not None else Decimal(0)
    return case.rule.status == "shadow", -case.rule.priority, -saving, case.rule.name


def one_winner(cases: list[Case]) -> None:
    """One message a moment: by priority, then larger saving, then name. A shadow loses to nobody but live rules."""
    live = [case for case in cases if case.rule.status != "shadow"]
    if not live:
        return
    winner = min(live, key=_rank)
    for case in cases:
        if case is winner:
            continue
        beaten = case.rule.status != "shadow" or _rank(winner)[1:] < _rank(case)[1:]
        if beaten:
            case.verdict = Verdict("outranked", winner.rule.name)


def each(question: Callable[[Case], Verdict | None]) -> Callable[[list[Case]], None]:
    """Return the stage that puts one question to every case."""

    def stage(cases: list[Case]) -> None:
        for case in cases:
            case.verdict = question(case)

    return stage


#: The order, whole. What waits runs it again from the top.
STAGES: tuple[tuple[str, Callable[[list[Case]], None]], ...] = (
    ("profile", each(has_profile)),
    ("when", each(still_true)),
    ("live", each(is_live)),
    ("group", strongest_of_group),
    ("offer", each(resolve_offer)),
    ("guards", each(guards_pass)),
    ("helps", each(offer_helps)),
    ("recipient", each(find_person)),
    ("limits", each(within_limits)),
    ("caps", each(within_caps)),
    ("contest", one_winner),
    ("holdout", each(in_holdout)),
    ("window", each(window_open)),
    ("render", each(is_rendered)),
    ("emit", each(emit)),
)


def judge(cases: list[Case]) -> None:
    """Give every case of one moment its verdict."""
    going = cases
    for _, stage in STAGES:
        stage(going)
        going = [case for case in going if case.verdict is None]
        if not going:
            return
