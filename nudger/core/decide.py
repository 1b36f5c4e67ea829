"""The heart: fold one event into one account and answer every rule it fires. Everything else serves this file.

Three steps, for every event: *advance* the account to the event's time (a new rule book, its own timers that are due,
windows and cycles that have moved on), *fold* the event into meters and traits, *evaluate* the rules whose reading can
have changed. A tick (time passing) is *advance* only. So the results do not depend on how often somebody ticks.

The account that is passed in belongs to the caller; it is changed in place and is the new state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from nudger.core import absence, calendar, meter
from nudger.core.account import Account, RuleState, next_due
from nudger.core.event import PROFILE, Event, without_gaps
from nudger.core.rule import Rule, Touch, World
from nudger.core.settle import Decision, Tally, count, record, settle
from nudger.core.stages import Case, Moment, hash64
from nudger.core.timeline import move, move_edges, start_cycle, zone_of
from nudger.core.verdict import WORDS, Verdict

#: An event, the partition's clock when it was read, and where it came from, which is the caller's.
Arrival = tuple[Event, int, Any]


class Decider:
    """Decides for one partition. Between two calls only the clock and, on a new book, `world` change.

    Attributes:
        render: Makes the message of a case that has passed every other stage.
        clock: The partition's clock (ms). `behind`: it is too far behind the wall to mail anybody. `final`: the input
            has ended, so that a timer due at this very instant fires too.
        index: Which of an account's events is in hand.
    """

    def __init__(self, world: World, render: Callable[[Case], Any]) -> None:
        self.render = render
        self.clock = 0
        self.behind = False
        self.final = False
        self.index = 0
        self._tally: Tally = {}
        self._account_id = ""
        self._account = Account(b"", [], [])
        self._now = 0
        self._at = 0  # what the decisions of the moment in hand are dated by: the clock, or a timer's due instant
        self._moved = False  # a cycle or month has turned since the rules of this account were last read again
        self._decisions: list[Decision] = []
        self.world = world
        self._home = world.book.catalog.currency
        # Event type -> the conditions it may change, where it can do nothing else; and how often all of them read no.
        self._conditions = {
            event: tuple(rule.when.value for rule in touch.conditions if rule.when is not None)
            for event, touch in world.book.touches.items()
            if event != PROFILE and not (touch.triggered or touch.starts or touch.cancels)
        }
        self._dated = [rule for rule in world.book.rules if rule.starts is not None and rule.trigger is None]
        self._quiet = dict.fromkeys(self._conditions, 0)
        self._folds = {event: touch.folds for event, touch in world.book.touches.items() if event != PROFILE}

    def set_clock(self, clock: int, *, behind: bool = False, final: bool = False) -> None:
        """Say what time it is."""
        self.clock, self.behind, self.final = clock, behind, final

    def decide(self, account_id: str, account: Account, event: Event) -> list[Decision]:
        """Fold *event* into *account* and answer every rule it fires; return the changes of verdict."""
        found = self.decide_all(account_id, account, ((event, self.clock, None),))
        return found[0][1] if found else []

    def decide_all(
        self,
        account_id: str,
        account: Account,
        arrivals: Sequence[Arrival],
        behind: Callable[[int], bool] | None = None,
    ) -> list[tuple[Arrival, list[Decision]]]:
        """Decide one account's events in order; return those that changed a verdict, each with its changes.

        This is the loop that every event goes through. Nearly all of them change a few meters, and every condition
        they may have changed still reads no.

        Args:
            account_id: Whose events they are.
            account: Its state, which becomes the new one.
            arrivals: The events, each with the partition's clock when it was read.
            behind: Tells whether a clock is too far behind the wall to mail anybody; None where there is no wall.
        """
        world, home, dated = self.world, self._home, self._dated
        found: list[tuple[Arrival, list[Decision]]] = []
        for index, arrival in enumerate(arrivals):
            event, clock, _ = arrival
            self.index, self.clock = index, clock
            kind, time = event.type, event.time
            now = time if time > account.touched else account.touched
            if kind == PROFILE or account.rules or account.absences or account.book != world.number or dated:
                if behind is not None:
                    self.behind = behind(clock)
                decisions = self._decide_slowly(account_id, account, event, now)
                if decisions:
                    found.append((arrival, decisions))
                continue
            if now >= account.cycle_end or now >= account.month_end:
                move(account, world, now)
            for fold in self._folds.get(kind, ()):
                fold(account, event, home)
            account.touched = now
            if time < account.first or not account.first:
                account.first = time
            conditions = self._conditions.get(kind)
            if conditions is not None:
                for condition in conditions:
                    if condition(account, None, now, None) is not False:
                        break
                else:
                    self._quiet[kind] += 1
                    continue
            if behind is not None:
                self.behind = behind(clock)
            self._account_id, self._account, self._now, self._decisions = account_id, account, now, []
            self._at = clock
            touch = world.book.touches.get(kind)
            if touch is not None:
                self._evaluate(event, touch)
                if self._decisions:
                    found.append((arrival, self._decisions))
        return found

    def _decide_slowly(self, account_id: str, account: Account, event: Event, now: int) -> list[Decision]:
        """Decide for an account that something is remembered or waits of, or about its traits."""
        self._account_id, self._account, self._decisions = account_id, account, []
        self._advance(now)
        move(account, self.world, now)
        self._now = now
        touch = self.world.book.touches.get(event.type)
        if event.type == PROFILE:
            return self._decide_profile(event, touch)
        for fold in self._folds.get(event.type, ()):
            fold(account, event, self._home)
        account.touched = now
        if event.time < account.first or not account.first:
            account.first = event.time
        if touch is not None:
            self._evaluate(event, touch)
        return self._decisions

    def _decide_profile(self, event: Event, touch: Touch | None) -> list[Decision]:
        account = self._account
        touched = self._fold_profile(event, touch)
        if event.time:  # a row of an accounts file before any event says what is, not that something happened
            if touch is not None:
                event = without_gaps(event)
                for fold in touch.folds:
                    fold(account, event, self._home)
            account.touched = self._now
            if not account.first or event.time < account.first:
                account.first = event.time
            self._evaluate(event, touched)
        return self._decisions

    def tick(self, account_id: str, account: Account) -> list[Decision]:
        """Let time pass for an account that got no event: its timers that are due, and a new book."""
        self._account_id, self._account, self._decisions = account_id, account, []
        self._advance(account.touched)
        return self._decisions

    def take_tally(self) -> Tally:
        """Return how often each rule ended in each word since the last call."""
        tally, self._tally = self._tally, {}
        for event, times in self._quiet.items():
            if times:
                self._quiet[event] = 0
                for rule in self.world.book.touches[event].conditions:
                    tally[rule.key, "not_met"] = tally.get((rule.key, "not_met"), 0) + times
        return tally

    def give_back(self, tally: Tally) -> None:
        """Put back a tally that was taken, in place of what has been counted since."""
        self.take_tally()
        self._tally = tally

    # --- advance: a new book, timers, windows ------------------------------------------------------

    def _advance(self, until: int) -> None:
        account = self._account
        self._now, self._at, self._moved = account.touched, self.clock, False
        if account.book != self.world.number:
            self._take_up_book()
        for rule in self._dated:
            self._begin(rule, until)
        if account.absences or account.rules:
            self._fire_timers()
            self._at = self.clock
        if account.rules:
            self._reread(max(until, account.touched))

    def _take_up_book(self) -> None:
        """Carry the meters over and give rules that went live since then a first reading, on the old state."""
        account, world = self._account, self.world
        if account.layout != world.layout:
            new = meter.relay(account, world.layout, world.book.meters, world.since)
            if account.cycle_end and move(account, world, world.since):  # it was silent over the turn of a period
                self._moved = True
                meter.begin(account, new, world.since)
        for key in [key for key in account.rules if key not in world.by_key]:
            wait = account.rules.pop(key).wait
            if wait is not None:
                gone = Verdict("cancelled", "rule gone")
                name = world.gone.get(key, f"#{key:08x}")
                self._decisions.append(Decision(self._account_id, name, "", gone, self.clock, self._now, wait.crossing))
        account.absences = [item for item in account.absences if item.rule in world.by_key]
        for rule in world.book.rules:
            if world.lives[rule.key] > account.book and rule.trigger is None and rule.when is not None:
                state = account.rules.setdefault(rule.key, RuleState())
                state.unread, state.armed = True, False
                self._first_reading(rule, state, rule.when.value(account, None, self._now, None))
        account.book = world.number

    def _begin(self, rule: Rule, until: int) -> None:
        """On its first day a rule goes live anew, for accounts older than that day."""
        account = self._account
        assert rule.starts is not None
        begins = calendar.midnight(rule.starts, zone_of(account, self.world))
        if rule.when is not None and account.first < begins and account.touched < begins <= until and account.first:
            self._moved = move(account, self.world, begins) or self._moved
            state = account.rules.setdefault(rule.key, RuleState())
            state.unread, state.armed = True, False
            self._first_reading(rule, state, rule.when.value(account, None, begins, None))

    def _first_reading(self, rule: Rule, state: RuleState, answer: bool | None) -> None:
        """Settle a rule's first known reading for an account older than it: `start` decides about a yes."""
        if answer is None:
            return
        state.unread = False
        state.armed = not answer or rule.start.kind != "future"
        if not answer:
            if state == RuleState():
                del self._account.rules[rule.key]
        elif not state.armed:
            self._say(rule, state, Verdict("outside", "start"))
        elif rule.start.kind == "over":
            span = rule.start.days * calendar.DAY
            state.not_before = self._now + hash64("start", rule.name, self._account_id) % span

    def _fire_timers(self) -> None:
        """Fire what is due by the clock, in due order; what falls due together is one moment."""
        account, world = self._account, self.world
        before = len(self._decisions)
        limit = self.clock - world.settle + (1 if self.final else 0)
        while True:
            due = next_due(account)
            if not due or due >= limit:
                self._decisions[before:] = [replace(found, by_timer=True) for found in self._decisions[before:]]
                return
            at = self._at = due if world.timers_at_due else self.clock
            self._now = max(account.touched, at)
            self._reread(self._now, due)
            account.touched = self._now
            moment = self._moment(at)
            cases = self._due_absences(due, moment) + [
                self._waiting(world.by_key[key], state, moment)
                for key, state in account.rules.items()
                if state.wait is not None and state.wait.look_at == due
            ]
            self._decisions += settle(cases, self._tally)

    def _due_absences(self, due: int, moment: Moment) -> list[Case]:
        account = self._account
        cases = []
        for item in [item for item in account.absences if item.due == due]:
            account.absences.remove(item)
            rule = self.world.by_key[item.rule]
            event = moment.book.wake(item.event, self._account_id)
            state = account.rules.setdefault(rule.key, RuleState())
            cases.append(Case(rule, moment, state, event, f"t:{due}:{item.same}", due))
        return cases

    def _reread(self, until: int, due: int = 0) -> None:
        """Read the rules that are used up, or wait, once more just before the event, with windows and cycles moved on.

        A bill that the new cycle has set back reads no here, so that the event itself can be a crossing. What is about
        to be taken up, because it is *due*, is left alone.
        """
        account = self._account
        moved = move(account, self.world, until) or self._moved
        self._now, self._moved = until, False
        for key, state in list(account.rules.items()):
            rule, wait = self.world.by_key[key], state.wait
            if rule.when is None or rule.trigger is not None or (state.armed and wait is None):
                continue
            if wait is not None and wait.look_at == due:
                continue
            if rule.when.steady and not moved:
                continue
            answer = rule.when.value(account, None, until, None)
            if state.unread:
                self._first_reading(rule, state, answer)
            elif answer is False:
                self._read_no(rule, state)

    # --- fold: traits (meters fold themselves) ---------------------------------------------------------

    def _fold_profile(self, event: Event, touch: Touch | None) -> Touch:
        """Merge traits; return what the changed ones touch. A changed plan cancels what waits with a plan offer."""
        account, book, now = self._account, self.world.book, self._now
        before, known = account.plan, account.known
        changed = book.merge(account, event)
        account.known = True
        if account.plan != before:
            account.plan_since = now
            if before is not None:
                account.plan_changed = now
                self._cancel_plan_offers()
        if "anchor_day" in changed or "zone" in changed:
            if not account.first:  # nothing has happened yet: its first cycle is that of its own anchor and zone
                account.cycle_end = account.month_end = 0
                move(account, self.world, now)
            move_edges(account, self.world, now)
        begun = event.data.cycle_started_at if "cycle_started_at" in changed else None
        if begun is not None and start_cycle(account, self.world, begun, now):
            self._moved = True
            self._reread(now)
        touches = [book.by_trait[name] for name in changed if name in book.by_trait]
        if touch is not None:
            touches.append(touch)
        conditions = {rule.name: rule for found in touches for rule in found.conditions}
        rereads = frozenset[int]().union(*(found.rereads for found in touches))
        if not known:  # a trigger rule may have been waiting for any profile at all
            rereads |= {key for key, state in account.rules.items() if state.wait is not None}
        in_order = tuple(conditions[name] for name in sorted(conditions))
        if touch is None:
            return Touch((), in_order, rereads=rereads)
        return Touch((), in_order, touch.triggered, touch.starts, touch.cancels, rereads)

    def _cancel_plan_offers(self) -> None:
        for key, state in self._account.rules.items():
            rule = self.world.by_key[key]
            if state.wait is not None and rule.offer is not None and rule.offer.kind == "plan":
                self._say(rule, state, Verdict("cancelled", "plan changed"))
                state.wait, state.armed = None, False

    # --- evaluate ------------------------------------------------------------------------------------------

    def _evaluate(self, event: Event, touch: Touch) -> None:
        """Read what the event touched; what wants to speak goes through the stages together."""
        account = self._account
        cases = self._crossings(event, touch)
        if touch.cancels and account.absences:
            absence.cancel(account, event, touch)
        for rule in touch.starts:
            absence.start(account, event, rule)
        for rule in touch.triggered:
            case = self._triggered(event, rule)
            if case is not None:
                cases.append(case)
        if account.rules and touch.rereads:
            taken = {id(case.state) for case in cases}
            cases += [
                self._waiting(self.world.by_key[key], state, self._moment())
                for key, state in account.rules.items()
                if state.wait is not None and key in touch.rereads and id(state) not in taken
            ]
        if cases:
            for case in cases:  # one moment, so that its stages can choose between them
                case.moment = cases[0].moment
            self._decisions += settle(cases, self._tally)

    def _crossings(self, event: Event, touch: Touch) -> list[Case]:
        """Read the rules without trigger; return those that have just crossed from no to yes."""
        account, now = self._account, self._now
        rules, cases = account.rules, list[Case]()
        for rule in touch.conditions:
            assert rule.when is not None
            answer = rule.when.value(account, None, now, None)
            state = rules.get(rule.key)
            if answer is None:
                count(self._tally, rule.key, "unknown")
            elif answer is False:
                count(self._tally, rule.key, "not_met")
                if state is not None:
                    self._read_no(rule, state)
            else:
                if state is None:
                    state = rules[rule.key] = RuleState()
                if state.unread:
                    self._first_reading(rule, state, answer)
                if state.wait is not None:
                    continue  # taken up with what else waits
                if not state.armed:
                    self._say_again(rule, state)
                elif state.not_before <= now:
                    cases.append(self._case(rule, state, event))
                else:
                    count(self._tally, rule.key, WORDS[state.verdict])
        return cases

    def _triggered(self, event: Event, rule: Rule) -> Case | None:
        """Return the case of a rule whose trigger is this event and whose `when` does not read no."""
        trigger, account = rule.trigger, self._account
        assert trigger is not None
        if trigger.where is not None and not trigger.where(event):
            return None
        answer = rule.when.value(account, event, self._now, None) if rule.when is not None else True
        if answer is False or (answer is None and account.known):
            count(self._tally, rule.key, "not_met" if answer is False else "unknown")
            return None
        state = account.rules.setdefault(rule.key, RuleState())
        if state.not_before > self._now:
            count(self._tally, rule.key, "outranked")
            return None
        state.wait = None  # a newer trigger replaces the older, with its event and its deadline
        return self._case(rule, state, event)

    def _case(self, rule: Rule, state: RuleState, event: Event) -> Case:
        opened = event.time or self._now
        return Case(rule, self._moment(), state, event, f"e:{event.source}:{event.id}", opened)

    def _waiting(self, rule: Rule, state: RuleState, moment: Moment) -> Case:
        wait = state.wait
        assert wait is not None
        event = moment.book.wake(wait.event, self._account_id)
        return Case(rule, moment, state, event, wait.crossing, wait.opened, wait)

    def _moment(self, at: int | None = None) -> Moment:
        clock = self.clock if at is None else at
        tz = zone_of(self._account, self.world)
        book, behind = self.world.book, self.behind
        return Moment(self._account_id, self._account, book, self._now, clock, tz, self.render, behind)

    # --- answers that need no stages ---------------------------------------------------------------------------

    def _say(self, rule: Rule, state: RuleState, verdict: Verdict) -> None:
        count(self._tally, rule.key, verdict.word)
        numbers = rule.when.trace(self._account, None, self._now, None) if rule.when and not rule.trigger else []
        self._decisions.append(record(self._account_id, rule, state, verdict, self._at, self._now, tuple(numbers)))

    def _say_again(self, rule: Rule, state: RuleState) -> None:
        """Still yes since a crossing that is used up, or since before the rule went live."""
        word = WORDS[state.verdict]
        if word in ("outside", "said"):
            count(self._tally, rule.key, word)
        else:
            self._say(rule, state, Verdict("said"))

    def _read_no(self, rule: Rule, state: RuleState) -> None:
        """A known no arms the rule and ends what waits."""
        state.armed, state.unread = True, False
        if state.wait is not None:
            self._say(rule, state, Verdict("lapsed", "no longer true"))
            state.wait = None
        elif WORDS[state.verdict] not in ("not_met", "lapsed"):
            self._say(rule, state, Verdict("not_met"))
