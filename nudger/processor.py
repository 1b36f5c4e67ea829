"""The processor: a batch of raw records in, decided accounts and messages out, in one commit.

It joins the rooms: the journal brings bytes and keeps states, intake makes events, the core decides, the renderer makes
messages. It owns what belongs to a partition rather than to an account: the clocks, the ids already counted, and which
rule book its accounts have been read with (`PartitionState`).
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import msgspec
import structlog

from nudger.core import account as accounts
from nudger.core.account import Account
from nudger.core.calendar import DAY, HOUR
from nudger.core.decide import Clock, Decider
from nudger.core.event import Event
from nudger.core.rule import RuleBook, Touch, World
from nudger.core.settle import Decision
from nudger.core.stages import SLACK, Case
from nudger.errors import EventError, JournalRefused
from nudger.intake.envelope import Reader, Undeclared
from nudger.intake.seen import SeenIds
from nudger.journals.journal import Batch, Commit, CommitPart, Journal, OutKind, Part, Run, Seen

PARTITION_KEY = "m:"
ACCOUNT_KEY = "a:"
RULE_KEY = "r:"
_HEADER = bytes([1]) + bytes(8)
_TICK_ACCOUNTS = 5_000
_JUMP = 7 * DAY
_MOST_FAILURES = 100

log = structlog.get_logger()


class PartitionState(msgspec.Struct):
    """What one partition remembers beside its accounts; written with every commit.

    Attributes:
        stream: Highest event time read (ms). `clock`: never goes back.
        book: Id of the rule book last taken up; `number`: how many were; `since`: stream time at which it was.
        lives: Rule name -> (hash of what makes it live anew, number of the book with which it went live).
        floor: Events before this are too late because their ids were forgotten early.
        backfilled: Whether the state was built by a backfill.
        counts: What became of the records, by word.
    """

    stream: int = 0
    clock: int = 0
    book: str = ""
    number: int = 0
    since: int = 0
    lives: dict[str, tuple[str, int]] = {}
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


class Renderer:
    """What the processor needs of the mail side: bytes of a message for a case that is to be sent."""

    def render(self, case: Case) -> bytes:
        """Return the outbound message; raises `RenderFailed`."""
        raise NotImplementedError


#: One event taken from a batch: the event, its source and position, its bytes, the partition's clock when it was read.
Taken = tuple[Event, str, int, bytes, int]


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
        if options.backfill and not fresh and not self.state.backfilled:
            raise JournalRefused(
                "a backfill runs only into an empty state: events older than what has been counted would be missed; "
                "give a new --state file"
            )
        book = without_rules(book) if options.backfill else book
        self.decider = Decider(take_up(self.state, book, options, fresh=fresh), render)
        self.state.backfilled = options.backfill
        self.touched: dict[str, Account] = {}
        self.loaded: dict[str, bytes | None] = {}
        self.positions: dict[str, int] = {}
        self.out: list[tuple[OutKind, str, bytes]] = []
        self._failures = 0

    # --- one batch ---------------------------------------------------------------------------------

    def read(self, part: Part, reader: Reader, wall: int, summary: Summary) -> list[Taken]:
        """Decode, date and de-duplicate the records of one poll; what cannot be counted becomes a dead letter."""
        taken: list[Taken] = []
        for run in part.runs:
            if run.source in self.options.tables:
                self._read_rows(run, reader, summary, taken)
            else:
                self._read_events(run, reader, wall, summary, taken)
            self.positions[run.source] = run.first + len(run.values)
        return taken

    def _read_rows(self, run: Run, reader: Reader, summary: Summary, taken: list[Taken]) -> None:
        for position, raw in enumerate(run.values, start=run.first):
            try:
                event = reader.row(raw)
            except EventError as error:
                self._set_aside(run.source, position, raw, error.code, error.reason, summary)
            else:
                event.time = self.state.clock  # it has no time of its own; 0 before the first event
                taken.append((event, run.source, position, raw, self.state.clock))

    def _read_events(self, run: Run, reader: Reader, wall: int, summary: Summary, taken: list[Taken]) -> None:
        state, lateness = self.state, self.options.lateness
        read, add, live = reader.read, self.seen.add, self.options.clock == "wall"
        source = run.source
        stream, floor = state.stream, max(state.floor, self.seen.floor)
        clock = state.clock
        repeats = 0
        for position, raw in enumerate(run.values, start=run.first):
            try:
                event = read(raw)
                if type(event) is Undeclared:
                    summary.undeclared[event.type] = summary.undeclared.get(event.type, 0) + 1
                    continue
                assert isinstance(event, Event)
                at = event.time
                if at > stream:
                    if live and at > wall + SLACK:
                        raise EventError("in_future", "dated more than 10 minutes ahead of the clock")
                    if at > stream + _JUMP and stream:
                        summary.add("jumps")
                    stream = at
                    clock = max(clock, min(stream, wall) if live else stream)
                elif at < stream - lateness or at < floor:
                    raise EventError("too_late", _too_late(at, stream, lateness))
                if add(event.key, event.content, stream):
                    taken.append((event, source, position, raw, clock))
                else:
                    repeats += 1
            except EventError as error:
                self._set_aside(run.source, position, raw, error.code, error.reason, summary)
        state.stream, state.clock = stream, clock
        if repeats:
            summary.add("repeated", repeats)

    def decide(self, taken: list[Taken], behind: Callable[[int], bool], summary: Summary) -> None:
        """Decide the events of a batch in order."""
        decider, touched, live = self.decider, self.touched, self.options.clock == "wall"
        self._load(item[0].account for item in taken)
        decide, last = decider.decide, -1
        for index, (event, _, _, _, clock) in enumerate(taken):
            name = event.account
            account = touched.get(name)
            if account is None:
                account = self._account(name)
            if clock != last:
                last = clock
                decider.clock = Clock(last, live and behind(last))
            try:
                decisions = decide(name, account, event)
            except Exception:
                self._failed(taken, index, summary)
                continue
            if decisions:
                self._put_out(decisions, taken[index], summary)
        summary.add("counted", len(taken))

    def tick(self, clock: Clock, summary: Summary) -> bool:
        """Fire the timers due by *clock* of accounts that the batch did not touch; tell whether there may be more."""
        until = clock.at - self.options.settle - (0 if clock.final else 1)
        keys = self.journal.due(self.number, until, _TICK_ACCOUNTS)
        names = [key.removeprefix(ACCOUNT_KEY) for key in keys if key.startswith(ACCOUNT_KEY)]
        names = [name for name in names if name not in self.touched]
        self._load(names)
        self.decider.clock = clock
        for name in names:
            decisions = self.decider.tick(name, self._account(name))
            if decisions:
                self._put_out(decisions, None, summary)
        return len(keys) >= _TICK_ACCOUNTS

    def commit_part(self) -> CommitPart | None:
        """Return the partition's share of the commit, None when nothing changed."""
        states: dict[str, bytes | None] = {
            ACCOUNT_KEY + name: accounts.encode(account) for name, account in self.touched.items()
        }
        ids = self.seen.pack(self.state.stream)
        if not states and not self.positions and ids is None:
            return None
        states.update(self._counts())
        self.state.floor = max(self.state.floor, self.seen.floor)
        states[PARTITION_KEY] = _HEADER + msgspec.msgpack.encode(self.state)
        part = CommitPart(self.number, self.positions, states, Seen(*ids) if ids else None, self.seen.oldest)
        self.touched, self.loaded, self.positions = {}, {}, {}
        return part

    # --- small parts ---------------------------------------------------------------------------------

    def _load(self, names: Iterable[str]) -> None:
        wanted = {ACCOUNT_KEY + name for name in names if name not in self.touched}
        if wanted:
            self.loaded.update(self.journal.load(self.number, wanted))

    def _account(self, name: str) -> Account:
        """Return the account in hand, decoded from its bytes or new."""
        world = self.decider.world
        held = self.loaded.get(ACCOUNT_KEY + name)
        if held is None:
            meters, closed = world.book.empty()
            account = Account(world.layout, meters, closed, book=world.number)
        else:
            account = _decoded(held, name)
        self.touched[name] = account
        return account

    def _failed(self, taken: list[Taken], index: int, summary: Summary) -> None:
        """Set one event aside that the core could not decide, with its account as it was before."""
        event, source, position, raw, _ = taken[index]
        name = event.account
        log.error("event.failed", source=source, position=position, error=traceback.format_exc())
        self._failures += 1
        if self._failures >= _MOST_FAILURES:
            raise JournalRefused(f"{_MOST_FAILURES} events could not be decided; the log has the details")
        self.touched.pop(name)
        account, decider = self._account(name), self.decider
        tally = dict(decider.tally)
        for earlier, _, _, _, clock in taken[:index]:  # what the batch had done to this account, once more
            if earlier.account == name:
                decider.clock = Clock(clock)
                decider.decide(name, account, earlier)
        decider.tally = tally
        self.seen.remove(event.key)
        summary.add("counted", -1)
        reason = "nudger failed on this event; the log has the details"
        self._set_aside(source, position, raw, "internal_error", reason, summary)

    def _set_aside(self, source: str, position: int, raw: bytes, code: str, reason: str, summary: Summary) -> None:
        summary.dead_letters[code] = summary.dead_letters.get(code, 0) + 1
        letter = {"code": code, "reason": reason, "at": f"{source}:{position}", "value": _text(raw)}
        self.out.append(("dead-letter", f"{source}:{position}", msgspec.json.encode(letter)))

    def _put_out(self, decisions: list[Decision], item: Taken | None, summary: Summary) -> None:
        where = f"{item[1]}:{item[2]}" if item is not None else "timer"
        for decision in decisions:
            if decision.message is not None:
                self.out.append(("nudge", decision.account, decision.message))
            self.out.append(("decision", decision.account, decision_record(decision, self.state.book, where)))

    def _counts(self) -> dict[str, bytes | None]:
        """Return the rules' counts as states, those that changed in this batch."""
        decider = self.decider
        if not decider.tally:
            return {}
        changed: dict[str, dict[str, int]] = {}
        for (key, word), number in decider.tally.items():
            rule = decider.world.by_key[key]
            changed.setdefault(rule.name, {})[word] = number
        held = self.journal.load(self.number, [RULE_KEY + name for name in changed])
        states: dict[str, bytes | None] = {}
        for name, words in changed.items():
            before = rule_counts(held.get(RULE_KEY + name))
            for word, number in words.items():
                before[word] = before.get(word, 0) + number
            states[RULE_KEY + name] = _HEADER + msgspec.msgpack.encode(before)
        decider.tally = {}
        return states


class Processor:
    """Runs batches from a journal to their commits.

    Args:
        render: Makes the message of a case that is to be sent.
    """

    def __init__(
        self, journal: Journal, book: RuleBook, reader: Reader, render: Callable[[Case], bytes], options: Options
    ) -> None:
        self.journal, self.book, self.reader, self.render, self.options = journal, book, reader, render, options
        self.partitions: dict[int, Partition] = {}
        self.summary = Summary()

    def step(self, timeout: float = 0.5) -> bool:
        """Process one batch and commit it; tell whether the input may bring more.

        Raises:
            JournalError: The journal cannot go on; nothing of this batch has been committed.
        """
        batch = self.journal.poll(timeout)
        self._assign(batch)
        for part in batch.parts:
            partition = self.partitions[part.partition]
            taken = partition.read(part, self.reader, batch.wall, self.summary)
            partition.decide(taken, lambda clock: batch.wall - clock > SLACK, self.summary)
            self._move_clock(partition, part, batch.wall)
        for number, partition in self.partitions.items():
            caught_up = next((part.caught_up for part in batch.parts if part.partition == number), True)
            self._tick(partition, batch.wall, caught_up=caught_up)
        self._commit()
        return not batch.ended

    def finish(self) -> None:
        """At the end of finite input, move every partition to the same instant and fire what is due by then."""
        if self.options.clock != "events":
            return
        last = max((partition.state.stream for partition in self.partitions.values()), default=0)
        last = max(last, self.options.until or 0)
        more = bool(last)
        while more:
            more = False
            for partition in self.partitions.values():
                partition.state.clock = max(partition.state.clock, last)
                partition.tick(Clock(partition.state.clock, final=True), self.summary)
                more = more or bool(partition.touched)
            self._commit()
        self.summary.clock = last

    def move_to(self, at: int) -> None:
        """With the events' clock, let time pass to *at* (ms) and fire the timers due before it."""
        for partition in self.partitions.values():
            partition.state.clock = max(partition.state.clock, at)
            while partition.tick(Clock(partition.state.clock), self.summary):
                self._commit()
        self._commit()

    def _assign(self, batch: Batch) -> None:
        for number in batch.revoked:
            self.partitions.pop(number, None)
        for number in batch.granted:
            self.partitions[number] = Partition(number, self.journal, self.book, self.render, self.options)

    def _move_clock(self, partition: Partition, part: Part, wall: int) -> None:
        state = partition.state
        if self.options.clock == "wall":
            state.clock = max(state.clock, wall if part.caught_up else min(state.stream, wall))
        self.summary.clock = state.clock

    def _tick(self, partition: Partition, wall: int, *, caught_up: bool) -> None:
        live = self.options.clock == "wall"
        if live and not caught_up:
            return  # after an outage a timer must not fire before the event that cancels it has been read
        clock = partition.state.clock
        partition.tick(Clock(clock, live and wall - clock > SLACK), self.summary)

    def _commit(self) -> None:
        parts, out = [], list[tuple[OutKind, str, bytes]]()
        for partition in self.partitions.values():
            self._count_rules(partition)
            part = partition.commit_part()
            out += partition.out
            partition.out = []
            if part is not None:
                parts.append(part)
        if parts or out:
            self.journal.commit(Commit(parts, out))

    def _count_rules(self, partition: Partition) -> None:
        for (key, word), number in partition.decider.tally.items():
            words = self.summary.rules.setdefault(partition.decider.world.by_key[key].name, {})
            words[word] = words.get(word, 0) + number


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
    return World(
        book,
        state.number,
        {rule.key: state.lives[rule.name][1] for rule in book.rules},
        state.since,
        options.clock == "events",
        options.settle,
        {rule.key: rule for rule in book.rules},
        book.layout,
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
        import base64

        return {"base64": base64.b64encode(raw).decode()}
