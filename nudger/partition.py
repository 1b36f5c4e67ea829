"""One partition at work: its clocks, the ids already counted, and the accounts in hand.

What belongs to a partition rather than to an account is its `PartitionState`; it travels with every commit and is the
one truth about where the partition stands.
"""

from __future__ import annotations

import base64
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

import msgspec
import structlog

from nudger.core import account as accounts
from nudger.core.account import Account
from nudger.core.calendar import DAY, HOUR
from nudger.core.decide import Decider
from nudger.core.event import Event
from nudger.core.rule import RuleBook, Touch, World
from nudger.core.settle import Decision
from nudger.core.stages import SLACK, Case, rule_key
from nudger.errors import EventError, JournalRefused
from nudger.intake.envelope import Reader, Undeclared
from nudger.intake.seen import SeenIds
from nudger.journals.journal import CommitPart, Journal, OutKind, Part, Run, Seen

PARTITION_KEY: Final = "m:"
ACCOUNT_KEY: Final = "a:"
RULE_KEY: Final = "r:"
_HEADER: Final = bytes([1]) + bytes(8)
_TICK_ACCOUNTS: Final = 5_000
_JUMP: Final = 7 * DAY
_MOST_FAILURES: Final = 100
_MOST_GONE: Final = 1_000

log = structlog.get_logger()


class PartitionState(msgspec.Struct):
    """What one partition remembers beside its accounts; written with every commit.

    Attributes:
        stream: Highest event time read (ms). `clock`: never goes back.
        book: Id of the rule book last taken up; `number`: how many were; `since`: stream time at which it was.
        gone: Names of rules that earlier books had, the latest last.
        lives: Rule name -> (hash of what makes it live anew, number of the book with which it went live).
        floor: Events before this are too late because their ids were forgotten early.
        backfilled: Whether the state was built by a backfill.
        counts: What became of all records ever read: counted, repeated, set aside, undeclared.
    """

    stream: int = 0
    clock: int = 0
    book: str = ""
    number: int = 0
    since: int = 0
    lives: dict[str, tuple[str, int]] = {}
    gone: list[str] = []
    floor: int = 0
    backfilled: bool = False
    counts: dict[str, int] = {}


@dataclass(frozen=True, slots=True)
class Options:
    """How to process.

    Attributes:
        clock: "events": time is what the events say; "wall": a caught-up partition goes by the wall clock.
        lateness: Events older than this by stream time are set aside; ids are kept as long (ms).
        settle: How long after it is due a timer is read (ms).
        backfill: Build state from history; decide nothing.
        until: With the events' clock, move on to this instant (ms) at the end of the input.
        tables: Names of inputs whose records are rows of an accounts file.
        max_ids: How many ids are remembered at most.
    """

    clock: Literal["events", "wall"] = "events"
    lateness: int = 48 * HOUR
    settle: int = 0
    backfill: bool = False
    until: int | None = None
    tables: frozenset[str] = frozenset()
    max_ids: int = 20_000_000


@dataclass(slots=True)
class Summary:
    """What a run did, for people: records by fate, decisions by rule and word, and when it is."""

    counts: dict[str, int] = field(default_factory=dict)
    rules: dict[str, dict[str, int]] = field(default_factory=dict)
    dead_letters: dict[str, int] = field(default_factory=dict)
    undeclared: dict[str, int] = field(default_factory=dict)
    clock: int = 0

    def add(self, fate: str, number: int = 1) -> None:
        """Count records of one fate."""
        self.counts[fate] = self.counts.get(fate, 0) + number


#: One event taken in: the event, the partition's clock when it was read, and its number, source, position and bytes.
Taken = tuple[Event, int, tuple[int, str, int, bytes]]
Changes = list[tuple[Taken, list[Decision]]]


class Partition:
    """One partition at work: its state, its ids, its decider, and the accounts of the batch in hand."""

    def __init__(
        self, number: int, journal: Journal, book: RuleBook, render: Callable[[Case], bytes], options: Options
    ) -> None:
        self.number = number
        self.journal = journal
        self.options = options
        self.state, fresh = _restore(journal, number)
        self.seen = SeenIds(options.lateness, SLACK, options.max_ids)
        for record in journal.seen(number):
            self.seen.restore(*record)
        self.seen.floor = self.state.floor
        if options.backfill and not fresh and not self.state.backfilled:
            raise JournalRefused(
                "a backfill runs only into an empty state: events older than what has been counted would be missed; "
                "give a new --state file"
            )
        book = without_rules(book) if options.backfill else book
        self.decider = Decider(take_up(self.state, book, options, fresh=fresh), render)
        self.state.backfilled = options.backfill
        self.positions: dict[str, int] = {}
        self.out: list[tuple[OutKind, str, bytes]] = []
        self.taken: list[Taken] = []  # read, not decided yet
        self._states: dict[str, bytes | None] = {}  # decided, not committed yet
        self._failures = 0

    @property
    def touched(self) -> int:
        """How many accounts have changed since the last commit."""
        return len(self._states)

    # --- one batch ---------------------------------------------------------------------------------

    def read(self, part: Part, reader: Reader, wall: int, summary: Summary) -> None:
        """Take in the records of one poll: decoded, dated, each once; what cannot be counted becomes a dead letter."""
        for run in part.runs:
            if run.source in self.options.tables:
                self._read_rows(run, reader, summary)
            else:
                self._read_events(run, reader, wall, summary)
            self.positions[run.source] = run.first + len(run.values)

    def _read_rows(self, run: Run, reader: Reader, summary: Summary) -> None:
        for position, raw in enumerate(run.values, start=run.first):
            try:
                event = reader.row(raw)
            except EventError as error:
                self._set_aside(run.source, position, raw, error.code, error.reason, summary)
            else:
                event.time = self.state.clock  # it has no time of its own; 0 before the first event
                self.taken.append((event, self.state.clock, (len(self.taken), run.source, position, raw)))

    def _read_events(self, run: Run, reader: Reader, wall: int, summary: Summary) -> None:
        state, lateness, taken = self.state, self.options.lateness, self.taken
        add, live, source = self.seen.add, self.options.clock == "wall", run.source
        stream, seen = state.stream, self.seen
        clock = state.clock
        repeats = 0
        for position, event in enumerate(reader.read_all(run.values), start=run.first):
            raw = run.values[position - run.first]
            try:
                if event.__class__ is not Event:
                    self._no_event(event, summary)
                    continue
                at = event.time
                if at > stream:
                    if live and at > wall + SLACK:
                        raise EventError("in_future", "dated more than 10 minutes ahead of the clock")
                    if at > stream + _JUMP and stream:
                        summary.add("jumps")
                    stream = at
                    clock = max(clock, min(stream, wall) if live else stream)
                elif at < stream - lateness or at < seen.floor:
                    raise EventError("too_late", _too_late(at, stream, lateness))
                if add(event.key, event.content, stream):
                    taken.append((event, clock, (len(taken), source, position, raw)))
                else:
                    repeats += 1
            except EventError as error:
                self._set_aside(source, position, raw, error.code, error.reason, summary)
        state.stream, state.clock = stream, clock
        self._fate("repeated", repeats, summary)

    def _no_event(self, found: Event | Undeclared | EventError, summary: Summary) -> None:
        if isinstance(found, EventError):
            raise found
        self._fate("undeclared", 1, summary)
        summary.undeclared[found.type] = summary.undeclared.get(found.type, 0) + 1

    def decide(self, summary: Summary, behind: Callable[[int], bool] | None = None) -> None:
        """Decide what has been taken in, account by account: each is brought near once, whatever its events.

        Accounts do not touch each other, so that only the order within one matters; what comes out is put back into
        the order of the events.
        """
        taken, self.taken = self.taken, []
        by_account: defaultdict[str, list[Taken]] = defaultdict(list)
        for item in taken:
            by_account[item[0].account].append(item)
        decide_all, encode, states = self.decider.decide_all, accounts.encode, self._states
        found: Changes = []
        held = self._load(by_account)
        for name, arrivals in by_account.items():
            key = ACCOUNT_KEY + name
            account = self._account(name, held[key])
            try:
                changes = decide_all(name, account, arrivals, behind)
                self._failures = 0
            except Exception:
                account, changes = self._without_failures(name, held[key], arrivals, behind, summary)
            states[key] = encode(account)
            if changes:
                found += changes
        found.sort(key=lambda change: change[0][2][0])
        for item, decisions in found:
            self._put_out(decisions, item)
        self._fate("counted", len(taken), summary)

    def tick(self, summary: Summary, *, behind: bool = False, final: bool = False) -> bool:
        """Fire the timers that are due of accounts not touched since the last commit; tell whether there were any."""
        clock = self.state.clock
        until = clock - self.options.settle - (0 if final else 1)
        keys = self.journal.due(self.number, until, _TICK_ACCOUNTS)
        names = [
            key.removeprefix(ACCOUNT_KEY) for key in keys if key.startswith(ACCOUNT_KEY) and key not in self._states
        ]
        held = self._load(names)
        self.decider.set_clock(clock, behind=behind, final=final)
        for name in names:
            key = ACCOUNT_KEY + name
            account = self._account(name, held[key])
            decisions = self.decider.tick(name, account)
            self._states[key] = accounts.encode(account)
            if decisions:
                self._put_out(decisions, None)
        return bool(names)

    def commit_part(self, summary: Summary) -> CommitPart | None:
        """Return the partition's share of the commit, None when nothing changed."""
        assert not self.taken, "what has been read is decided before its position is committed"
        states, self._states = self._states, {}
        ids = self.seen.pack(self.state.stream)
        if not states and not self.positions and ids is None:
            return None
        states.update(self._counts(summary))
        self.state.floor = self.seen.floor
        states[PARTITION_KEY] = _HEADER + msgspec.msgpack.encode(self.state)
        part = CommitPart(self.number, self.positions, states, Seen(*ids) if ids else None, self.seen.oldest)
        self.positions = {}
        return part

    # --- small parts ---------------------------------------------------------------------------------

    def _load(self, names: Iterable[str]) -> dict[str, bytes | None]:
        """Return the state of each account, as decided since the last commit or as committed; None for a new one."""
        keys = [ACCOUNT_KEY + name for name in names]
        if not self._states:
            return self.journal.load(self.number, keys)
        found = self.journal.load(self.number, [key for key in keys if key not in self._states])
        found.update((key, self._states[key]) for key in keys if key in self._states)
        return found

    def _account(self, name: str, state: bytes | None) -> Account:
        if state is not None:
            return _decoded(state, name)
        world = self.decider.world
        meters, closed = world.book.empty()
        return Account(world.layout, meters, closed, book=world.number)

    def _without_failures(
        self,
        name: str,
        state: bytes | None,
        arrivals: list[Taken],
        behind: Callable[[int], bool] | None,
        summary: Summary,
    ) -> tuple[Account, Changes]:
        """Set the events aside that the core cannot decide; return the account with all others, and the changes."""
        decider, good, rest = self.decider, list[Taken](), arrivals
        account, changes = self._account(name, state), list[tuple[Taken, list[Decision]]]()
        failing = True
        while failing:
            failed = decider.index
            if failed:  # others could be decided in between
                self._failures = 0
            self._fail(rest[failed], summary)
            good, rest = good + rest[:failed], rest[failed + 1 :]
            account, counted = self._account(name, state), decider.take_tally()
            changes = decider.decide_all(name, account, good, behind)  # it could until here, and counted it
            decider.give_back(counted)
            try:
                changes += decider.decide_all(name, account, rest, behind)
                failing = False
                if rest:
                    self._failures = 0
            except Exception:
                log.debug("event.failed_again", account=name)
        return account, changes

    def _fail(self, item: Taken, summary: Summary) -> None:
        event, _, (_, source, position, raw) = item
        log.error("event.failed", source=source, position=position, error=traceback.format_exc())
        self._failures += 1
        if self._failures >= _MOST_FAILURES:
            raise JournalRefused(f"{_MOST_FAILURES} events in a row could not be decided; the log has the details")
        self.seen.remove(event.key)
        self._fate("counted", -1, summary)
        reason = "nudger failed on this event; the log has the details"
        self._set_aside(source, position, raw, "internal_error", reason, summary)

    def _fate(self, fate: str, number: int, summary: Summary) -> None:
        """Count records of one fate, for this run and for the state's whole life."""
        if number:
            summary.add(fate, number)
            self.state.counts[fate] = self.state.counts.get(fate, 0) + number

    def _set_aside(self, source: str, position: int, raw: bytes, code: str, reason: str, summary: Summary) -> None:
        self._fate("set aside", 1, summary)
        summary.dead_letters[code] = summary.dead_letters.get(code, 0) + 1
        letter = {"code": code, "reason": reason, "at": f"{source}:{position}", "value": _text(raw)}
        self.out.append(("dead-letter", f"{source}:{position}", msgspec.json.encode(letter)))

    def _put_out(self, decisions: list[Decision], item: Taken | None) -> None:
        position = f"{item[2][1]}:{item[2][2]}" if item is not None else "timer"
        for decision in decisions:
            where = "timer" if decision.by_timer else position
            if decision.message is not None:
                self.out.append(("nudge", decision.account, decision.message))
            self.out.append(("decision", decision.account, decision_record(decision, self.state.book, where)))

    def _counts(self, summary: Summary) -> dict[str, bytes | None]:
        """Return the rules' counts as states, those that changed in this batch."""
        changed: dict[str, dict[str, int]] = {}
        for (key, word), number in self.decider.take_tally().items():
            changed.setdefault(self.decider.world.by_key[key].name, {})[word] = number
        held = self.journal.load(self.number, [RULE_KEY + name for name in changed]) if changed else {}
        states: dict[str, bytes | None] = {}
        for name, words in changed.items():
            before = rule_counts(held.get(RULE_KEY + name))
            _add(before, words)
            _add(summary.rules.setdefault(name, {}), words)
            states[RULE_KEY + name] = _HEADER + msgspec.msgpack.encode(before)
        return states


def take_up(state: PartitionState, book: RuleBook, options: Options, *, fresh: bool) -> World:
    """Note in a partition's *state* which rules of *book* are new to it; in a *fresh* one all have always been live."""
    changed = state.book != book.id
    if changed:
        state.book, state.number, state.since = book.id, state.number + 1, state.stream
    born = 0 if fresh else state.number
    held, state.lives = state.lives, {}
    for rule in book.rules:
        life, _ = kept = held.get(rule.name, ("", 0))
        state.lives[rule.name] = kept if life == rule.life else (rule.life, born)
    removed = [name for name in held if name not in state.lives]
    state.gone = [name for name in dict.fromkeys([*state.gone, *removed]) if name not in state.lives][-_MOST_GONE:]
    return World(
        book,
        number=state.number,
        lives={rule.key: state.lives[rule.name][1] for rule in book.rules},
        since=state.since,
        timers_at_due=options.clock == "events",
        settle=options.settle,
        by_key={rule.key: rule for rule in book.rules},
        gone={rule_key(name): name for name in state.gone},
        layout=book.layout,
    )


def without_rules(book: RuleBook) -> RuleBook:
    """Return a book that only counts, for a backfill: nothing is read, so nothing is sent or used up."""
    touches = {event: Touch(folds=touch.folds) for event, touch in book.touches.items()}
    return replace(book, id=f"{book.id}-backfill", rules=(), touches=touches, by_trait={})


def decision_record(decision: Decision, book: str, where: str) -> bytes:
    """Return a decision as JSON: who, which rule, what, why, with which numbers, by which book, at which record."""
    record: dict[str, Any] = {
        "account": decision.account,
        "rule": decision.rule,
        "version": decision.version,
        "verdict": decision.verdict.word,
        "reason": decision.verdict.reason,
        "at": decision.at,
        "now": decision.now,
        "crossing": decision.crossing,
        "numbers": dict(decision.numbers),
        "book": book,
        "where": where,
    }
    if decision.nudge is not None:
        record["nudge"] = decision.nudge
    if decision.wait is not None:
        record["wait"] = {"look_at": decision.wait.look_at, "deadline": decision.wait.deadline}
    return msgspec.json.encode(record)


def rule_counts(state: bytes | None) -> dict[str, int]:
    """Return word -> count of a rule's state in one partition."""
    if state is None:
        return {}
    return msgspec.msgpack.decode(state[len(_HEADER) :], type=dict[str, int])


def _add(counts: dict[str, int], more: dict[str, int]) -> None:
    for word, number in more.items():
        counts[word] = counts.get(word, 0) + number


def partition_state(state: bytes | None) -> PartitionState | None:
    """Return what a partition remembers, None when it has never committed."""
    if state is None:
        return None
    if state[:1] != _HEADER[:1]:
        raise JournalRefused(f"the state was written by another release (format {state[0]}); use that one, or a newer")
    return msgspec.msgpack.decode(state[len(_HEADER) :], type=PartitionState)


def _restore(journal: Journal, number: int) -> tuple[PartitionState, bool]:
    held = partition_state(journal.load(number, [PARTITION_KEY])[PARTITION_KEY])
    return (held, False) if held is not None else (PartitionState(), True)


def _decoded(state: bytes, name: str) -> Account:
    try:
        return accounts.decode(state)
    except accounts.StateFormatError as error:
        raise JournalRefused(f"the state of account {name} cannot be read: {error}") from error


def _too_late(at: int, stream: int, lateness: int) -> str:
    hours = (stream - at) / HOUR
    return f"{hours:.0f} hours behind the newest event; the most is {lateness // HOUR} hours (`lateness`)"


def _text(raw: bytes) -> Any:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode()}
