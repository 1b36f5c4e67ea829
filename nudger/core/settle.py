"""Verdicts become state: what one answer leaves behind in an account, and the record of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nudger.core import calendar
from nudger.core.account import RuleState, Sent, Wait
from nudger.core.event import Event, Snapshot, keep
from nudger.core.money import Money, plain
from nudger.core.rule import Rule
from nudger.core.stages import SLACK, Case, Moment, judge, nudge_id, person_key
from nudger.core.verdict import NUMBERS, WORDS, Outcome, Verdict

MOST_SENT = 500

#: (rule key, word) -> how often a reading ended in it, changes or not.
Tally = dict[tuple[int, str], int]
Numbers = tuple[tuple[str, str], ...]
_NOTHING = Snapshot("", 0, "", "", b"\xc0")


@dataclass(frozen=True, slots=True)
class Decision:
    """A change of verdict of one rule for one account.

    Attributes:
        at: The clock (ms). `now`: the event's or due time.
        crossing: What opened it, "" when nothing did.
        numbers: Every name read and its value, as text.
        by_timer: No event brought it about, but an instant that had come.
        wait: What waits now, if anything. `nudge`: the nudge's id and `message`: what the renderer made, when sent.
    """

    account: str
    rule: str
    version: str
    verdict: Verdict
    at: int
    now: int
    crossing: str
    numbers: Numbers = ()
    wait: Wait | None = None
    by_timer: bool = False
    nudge: str | None = None
    message: Any = None


def count(tally: Tally, key: int, word: str) -> None:
    """Count one reading."""
    tally[key, word] = tally.get((key, word), 0) + 1


def settle(cases: list[Case], tally: Tally) -> list[Decision]:
    """Judge the cases of one moment, write each verdict into its account and return the changes."""
    judge(cases)
    decisions = []
    for case in cases:
        verdict = case.verdict
        assert verdict is not None
        if verdict.outcome is Outcome.WAITS and case.moment.clock >= case.deadline:
            verdict = Verdict("lapsed", "hold over")
        count(tally, case.rule.key, verdict.word)
        if _remember(case, verdict):
            decisions.append(_decision(case, verdict))
    return decisions


def _remember(case: Case, verdict: Verdict) -> bool:
    """Evolve the rule's state by a verdict; tell whether it is a change."""
    state, moment = case.state, case.moment
    waited, state.wait = state.wait, None
    if verdict.outcome is Outcome.WAITS:
        state.wait = _wait(case, verdict)
    elif verdict.outcome is Outcome.EMITTED:
        state.armed = False
        _count_emission(case, verdict)
    elif verdict.outcome is Outcome.SPENT:
        state.armed = False
    elif verdict.word == "outranked":
        state.not_before = calendar.next_day(moment.clock, moment.tz)
    same = WORDS[state.verdict] == verdict.word and state.reason == verdict.reason
    goes_on = waited is not None and state.wait is not None and waited.crossing == state.wait.crossing
    if same and (goes_on or verdict.outcome in (Outcome.SPENT, Outcome.STOPPED, Outcome.NO)):
        return False
    state.verdict, state.reason, state.since = NUMBERS[verdict.word], verdict.reason, moment.now
    return True


def _wait(case: Case, verdict: Verdict) -> Wait:
    """Return what waits: until the next opening of the send window, the end of the catch-up, or the deadline."""
    moment, send = case.moment, case.rule.send
    look_at = case.deadline
    if verdict.reason == "catch-up":
        look_at = moment.clock + SLACK
    elif send is not None:
        zone = (calendar.zone(send.zone) if send.zone else None) or moment.tz
        look_at = min(look_at, send.next_opening(moment.clock, zone))
    event = case.wait.event if case.wait is not None else _snapshot(case.event)
    return Wait(case.crossing, case.opened, case.deadline, look_at, event)


def _snapshot(event: Event | None) -> Snapshot:
    return _NOTHING if event is None else keep(event)


def _count_emission(case: Case, verdict: Verdict) -> None:
    """An emission counts in the rule's limits; what was sent, or withheld by lot, in the caps too."""
    state, moment = case.state, case.moment
    state.count += 1
    group = case.rule.group
    counting = [case.rule] if group is None else [rule for rule in moment.book.rules if rule.group == group]
    most = max((limit.most for rule in counting for limit in rule.limits), default=1)
    state.fired = [*state.fired, moment.clock][-most:]
    if verdict.word != "shadow" and moment.book.policy.caps:
        assert case.person is not None
        sent = Sent(moment.clock, person_key(case.person), case.rule.topic)
        moment.account.sent = _recent([*moment.account.sent, sent], moment)


def _recent(history: list[Sent], moment: Moment) -> list[Sent]:
    """Forget what no cap can count any more."""
    caps = moment.book.policy.caps
    if any(cap.limit.unit == "lifetime" for cap in caps):
        return history[-MOST_SENT:]
    days = max((cap.limit.days for cap in caps), default=0)
    oldest = moment.clock - (max(days, 31) + 2) * calendar.DAY
    return [item for item in history if item.at >= oldest][-MOST_SENT:]


def _decision(case: Case, verdict: Verdict) -> Decision:
    rule, moment = case.rule, case.moment
    sent = verdict.word == "sent"
    return Decision(
        moment.account_id,
        rule.name,
        rule.version,
        verdict,
        moment.clock,
        moment.now,
        case.crossing,
        numbers_of(case),
        case.state.wait,
        False,
        nudge_id(rule.name, moment.account_id, case.crossing) if sent else None,
        case.message,
    )


def numbers_of(case: Case) -> Numbers:
    """Return what was compared, once per case: what `when` read, the rule's `let` names, its offer's figures."""
    if case.numbers is not None:
        return case.numbers
    rule, moment = case.rule, case.moment
    event = case.event if rule.trigger else None
    found: dict[str, str] = {}
    if rule.when is not None:
        found.update(rule.when.trace(moment.account, event, moment.now, None))
    for name, value in rule.lets:
        found.setdefault(name, value.told(moment.account, event, moment.now, case.offer))
    if case.offer is not None:
        catalog = moment.book.catalog
        figures: list[tuple[str, Money | None]] = [("offer.price", case.offer.price)]
        if case.offer.kind == "plan":
            figures += [("bill", catalog.bill(moment.account, moment.now)), ("saving", case.offer.saving)]
        for name, amount in figures:
            found.setdefault(name, "missing" if amount is None else f"{plain(amount)} {catalog.currency}")
    case.numbers = tuple(found.items())
    return case.numbers


def record(
    account_id: str, rule: Rule, state: RuleState, verdict: Verdict, at: int, now: int, numbers: Numbers = ()
) -> Decision:
    """Write a verdict that no stage gave into the rule's state and return its decision."""
    state.verdict, state.reason, state.since = NUMBERS[verdict.word], verdict.reason, now
    crossing = state.wait.crossing if state.wait is not None else ""
    return Decision(account_id, rule.name, rule.version, verdict, at, now, crossing, numbers)
