"""The embedded journal: files in, files out, everything between in one SQLite file.

One commit is one transaction: states, ids, input positions, output lines and decisions. Then the output goes on to
its sinks. That it has arrived is marked in the *next* transaction, which spares a second wait for the disk: should
the process die in between, the sink finds the lines at the end of its file and does not write them again. A poll
that brings nothing, and `close`, mark it too. There is one partition, number 0.
"""

from __future__ import annotations

import contextlib
import os
import select
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from nudger.errors import JournalRefused, JournalUnavailable, SettingsError
from nudger.journals import states
from nudger.journals.database import open_for_reading, open_for_writing, plain_errors, take_lock, transaction
from nudger.journals.files import Input
from nudger.journals.journal import Batch, Commit, CommitPart, OutKind, Part, Run, Seen
from nudger.journals.sinks import Sink

SCHEMA = (
    *states.SCHEMA,
    "CREATE TABLE inputs (name TEXT PRIMARY KEY, mark BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE seen (number INTEGER PRIMARY KEY, generation INTEGER NOT NULL, ids BLOB NOT NULL)",
    "CREATE TABLE sinks (kind TEXT PRIMARY KEY, mark BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE outbox (seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, bytes BLOB NOT NULL)",
    "CREATE TABLE decisions (seq INTEGER PRIMARY KEY, account TEXT NOT NULL, bytes BLOB NOT NULL)",
    "CREATE INDEX decisions_account ON decisions (account)",
)

#: How long to wait before looking again whether a followed file has grown; an event is to be seen within 50 ms.
NAP_SECONDS = 0.02

Out = Sequence[tuple[OutKind, str, bytes]]


class SqliteReader:
    """What can be read of a state. As a `Journal` it brings no records and takes no commit."""

    def __init__(self, path: Path, database: sqlite3.Connection, recent_states: int = states.RECENT_STATES) -> None:
        self._path = path
        self._database = database
        with plain_errors(path):
            self._states = states.StateTable(database, recent_states)

    def poll(self, timeout: float) -> Batch:
        """Refuse: what is open for reading has no inputs."""
        raise JournalRefused(f"the state {self._path} is open for reading only; it has no inputs")

    def load(self, partition: int, keys: Iterable[str]) -> dict[str, bytes | None]:
        """Return the committed state of each key; None where there is none."""
        with self._reading(partition):
            return self._states.load(keys)

    def due(self, partition: int, until: int, limit: int) -> list[str]:
        """Return up to *limit* keys to be woken at or before *until* (ms), soonest first, then by key."""
        with self._reading(partition):
            return self._states.due(until, limit)

    def scan(self, partition: int, after: str, limit: int) -> list[str]:
        """Return up to *limit* keys greater than *after*, ordered by code points."""
        with self._reading(partition):
            return self._states.scan(after, limit)

    def seen(self, partition: int) -> Iterator[Seen]:
        """Return every kept record of seen ids, oldest first."""
        with self._reading(partition):
            for row in self._database.execute("SELECT generation, ids FROM seen ORDER BY number"):
                yield Seen(*row)

    def decisions(self, account: str, limit: int) -> list[bytes]:
        """Return the last *limit* decision records put out under the key *account*, oldest first."""
        query = "SELECT bytes FROM decisions WHERE account = ? ORDER BY seq DESC LIMIT ?"
        with self._reading(0):
            return [record for (record,) in self._database.execute(query, (account, limit))][::-1]

    def commit(self, commit: Commit) -> None:
        """Refuse: nothing can be written."""
        raise JournalRefused(f"the state {self._path} is open for reading only; nothing can be committed")

    def close(self) -> None:
        """Close the file."""
        with plain_errors(self._path):
            self._database.close()

    @contextlib.contextmanager
    def _reading(self, partition: int) -> Iterator[None]:
        assert partition == 0, f"the embedded journal has no partition {partition}"
        with plain_errors(self._path):
            yield


class SqliteJournal(SqliteReader):
    """The embedded journal at work.

    After an error in `commit` only `close` helps: whoever opens the state again finds the commit whole, or not at
    all, and its output completed.
    """

    def __init__(
        self,
        path: Path,
        inputs: Sequence[Input],
        sinks: Mapping[OutKind, Sink],
        *,
        wall: Callable[[], int],
        batch_records: int = 20_000,
        follow: bool = False,
        recent_states: int = states.RECENT_STATES,
    ) -> None:
        """Open the state at *path*, its inputs and its sinks.

        Args:
            path: The SQLite file, made with its folder if there is none; a lock file lies beside it.
            inputs: Read in this order, those first that go first.
            sinks: Where each kind of output goes. What has no sink is dropped; decisions are kept here in any case.
            wall: Gives the wall clock in ms since 1970.
            batch_records: The most records one poll hands out.
            follow: The run does not end with its inputs.
            recent_states: How much is kept to be read at start besides the states themselves; see `states`.

        Raises:
            JournalInUse: Another process works on this state, or writes to one of the sinks.
            JournalRefused: The state, an input or a sink is not what it was left as.
            JournalUnavailable: One of them cannot be read or written.
            SettingsError: Two inputs have the same name.
        """
        self._inputs = sorted(inputs, key=lambda source: not source.goes_first)
        _check_names([source.name for source in inputs])
        self._wall = wall
        self._batch_records = batch_records
        self._follow = follow
        self._granted = False
        self._intact = True
        self._seen_from = 0
        with contextlib.ExitStack() as stack:
            stack.callback(os.close, take_lock(path))
            database = open_for_writing(path, SCHEMA)
            stack.callback(database.close)
            super().__init__(path, database, recent_states)
            self._kept = self._resume_inputs(stack)
            self._outbox = Outbox(path, database, sinks)
            stack.callback(self._outbox.close)
            with plain_errors(path):
                self._outbox.resume()
            self._mark()  # before the first line, too: a sink must know that it was this file
            self._resources = stack.pop_all()

    @staticmethod
    def open_readonly(path: Path) -> SqliteReader:
        """Open the state at *path* as it is now: takes no lock, disturbs no writer, sees no later commit.

        Close it soon: while it is open, the writer's log cannot be cut and grows.
        """
        return SqliteReader(path, open_for_reading(path))

    def _resume_inputs(self, stack: contextlib.ExitStack) -> dict[str, bytes]:
        with plain_errors(self._path):
            kept: dict[str, bytes] = dict(self._database.execute("SELECT name, mark FROM inputs"))
        for source in self._inputs:
            stack.callback(source.close)
            source.resume(kept.get(source.name))
        return kept

    def poll(self, timeout: float) -> Batch:
        """Return what the inputs have, waiting at most *timeout* seconds if they have nothing now."""
        self._check_intact()
        until = time.monotonic() + timeout
        while True:
            wall = self._wall()
            runs = self._take()
            ended = not self._follow and all(source.ended for source in self._inputs)
            left = until - time.monotonic()
            if runs or ended or left <= 0:
                break
            self._wait(left)
        if not runs:
            self._mark()
        granted = () if self._granted else (0,)
        self._granted = True
        caught_up = all(source.dry for source in self._inputs)
        return Batch(granted, (), wall, [Part(0, runs, caught_up)], ended)

    def _take(self) -> list[Run]:
        """Ask the inputs in turn until there is enough; what goes first is never mixed with what follows it."""
        runs: list[Run] = []
        room, first = self._batch_records, False
        for source in self._inputs:
            if not room or (first and not source.goes_first):
                break
            taken = source.take(room)
            room -= sum(len(run.values) for run in taken)
            first = first or (source.goes_first and bool(taken))
            runs += taken
        return runs

    def _wait(self, seconds: float) -> None:
        """Wait until an input has more, or may have, for at most *seconds*."""
        files = [source.fileno() for source in self._inputs if not source.ended]
        ready = [file for file in files if file is not None]
        select.select(ready, [], [], seconds if len(ready) == len(files) else min(seconds, NAP_SECONDS))

    def _mark(self) -> None:
        if self._outbox.unmarked:
            with self._transaction():
                self._outbox.mark()
            self._intact = True

    def commit(self, commit: Commit) -> None:
        """Make *commit* durable, then write its output to the sinks."""
        with self._transaction():
            self._outbox.mark()
            for part in commit.parts:
                self._write_part(part)
            self._outbox.put(commit.out)
        self._outbox.drain(commit.out)
        self._intact = True

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """Change the database; the caller says when memory and sinks are in step with it again (`_intact`)."""
        self._check_intact()
        self._intact = False
        with plain_errors(self._path), transaction(self._database):
            yield

    def _write_part(self, part: CommitPart) -> None:
        assert part.partition == 0, f"the embedded journal has no partition {part.partition}"
        self._states.write(part.states)
        self._write_positions(part.positions)
        if part.seen_from > self._seen_from:
            self._database.execute("DELETE FROM seen WHERE generation < ?", (part.seen_from,))
            self._seen_from = part.seen_from
        if part.seen:
            self._database.execute("INSERT INTO seen (generation, ids) VALUES (?, ?)", part.seen)

    def _write_positions(self, positions: Mapping[str, int]) -> None:
        """Write the marks that have moved; a source of an earlier run that is no input now keeps the mark it has."""
        for source in self._inputs:
            mark = source.keep(positions[source.name]) if source.name in positions else None
            if mark is not None and mark != self._kept.get(source.name):
                self._kept[source.name] = mark
                self._database.execute("INSERT OR REPLACE INTO inputs (name, mark) VALUES (?, ?)", (source.name, mark))

    def close(self) -> None:
        """Mark what has been drained and let go of everything."""
        with plain_errors(self._path), self._resources:
            if self._intact:
                self._mark()
            self._intact = False

    def _check_intact(self) -> None:
        if not self._intact:
            raise JournalUnavailable(f"the state {self._path} is closed, or its last commit failed; open it again")

    @contextlib.contextmanager
    def _reading(self, partition: int) -> Iterator[None]:
        self._check_intact()
        with super()._reading(partition):
            yield


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise SettingsError(f"{name} is given as input twice; give it once, or give the files different names")


class Outbox:
    """Lines on their way to the sinks, kept in the transaction that made them until they are known to be there.

    Attributes:
        unmarked: What the table says about the sinks is behind: they have written everything.
    """

    def __init__(self, path: Path, database: sqlite3.Connection, sinks: Mapping[OutKind, Sink]) -> None:
        self._path = path
        self._database = database
        self._sinks = sinks
        self.unmarked = False

    def resume(self) -> None:
        """Open the sinks and complete what the last run may have left undone."""
        marks: dict[str, bytes] = dict(self._database.execute("SELECT kind, mark FROM sinks"))
        pending: dict[str, list[bytes]] = {}
        for kind, line in self._database.execute("SELECT kind, bytes FROM outbox ORDER BY seq"):
            pending.setdefault(kind, []).append(line)
        for kind in pending.keys() - self._sinks.keys():
            raise JournalRefused(
                f"the last run with the state {self._path} was cut short, and {len(pending[kind])} of its {kind} "
                "records may not have been written; start once more with the same output files, then change them"
            )
        for kind, sink in self._sinks.items():
            sink.resume(marks.get(kind), pending.get(kind, []))
        self.unmarked = bool(pending) or any(sink.mark() != marks.get(kind) for kind, sink in self._sinks.items())

    def put(self, out: Out) -> None:
        """Keep *out* within the caller's transaction."""
        kept = [record for record in out if record[0] in self._sinks]
        self._database.executemany("INSERT INTO outbox (kind, key, bytes) VALUES (?, ?, ?)", kept)
        decided = [(key, record) for kind, key, record in out if kind == "decision"]
        self._database.executemany("INSERT INTO decisions (account, bytes) VALUES (?, ?)", decided)
        self.unmarked = bool(kept)

    def drain(self, out: Out) -> None:
        """Write *out*, which is committed, to the sinks."""
        for kind, sink in self._sinks.items():
            lines = [record for its, _, record in out if its == kind]
            if lines:
                sink.write(lines)

    def mark(self) -> None:
        """Within the caller's transaction, forget what has been written and keep how far the sinks have come."""
        if self.unmarked:
            self._database.execute("DELETE FROM outbox")
            marks = [(kind, sink.mark()) for kind, sink in self._sinks.items()]
            self._database.executemany("INSERT OR REPLACE INTO sinks (kind, mark) VALUES (?, ?)", marks)
            self.unmarked = False

    def close(self) -> None:
        """Close the sinks."""
        for sink in self._sinks.values():
            sink.close()
