"""Every journal keeps the contract; then what only the embedded one promises."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from nudger.errors import JournalInUse, JournalRefused, JournalUnavailable, SettingsError
from nudger.journals.database import open_for_writing
from nudger.journals.files import FileInput, Input, StdinInput, TableInput
from nudger.journals.journal import OutKind
from nudger.journals.memory import MemoryJournal
from nudger.journals.sinks import FileSink, Sink
from nudger.journals.sqlite import SqliteJournal
from tests.integration.journal_contract import NOON, JournalContract, commit_of, positions, runs, state, values

NUDGE: OutKind = "nudge"


class MemoryWorld:
    source = "events"

    def __init__(self) -> None:
        self._journal = MemoryJournal(wall=NOON)

    def feed(self, values: Sequence[bytes]) -> None:
        self._journal.feed(0, self.source, values)

    def open(self, *, batch_records: int = 1_000, finite: bool = False) -> MemoryJournal:
        self._journal = self._journal.reopen()
        self._journal.batch_records = batch_records
        if finite:
            self._journal.close_input()
        return self._journal

    def out(self, kind: OutKind) -> list[bytes]:
        return [record for its, _, record in self._journal.out if its == kind]


class SqliteWorld:
    """A crash leaves the files as they are: the next journal works on a copy of them."""

    source = "events"

    def __init__(self, root: Path, recent_states: int) -> None:
        self._root = root
        self._recent_states = recent_states
        self._opened: list[SqliteJournal] = []
        self._folder = root / "0"
        self._folder.mkdir()
        (self._folder / "events").touch()

    def feed(self, values: Sequence[bytes]) -> None:
        with (self._folder / "events").open("ab") as file:
            file.writelines(value + b"\n" for value in values)

    def open(self, *, batch_records: int = 1_000, finite: bool = False) -> SqliteJournal:
        if self._opened:
            self._folder = after_crash(self._folder, self._root / str(len(self._opened)))
        journal = SqliteJournal(
            self._folder / "state",
            [FileInput(self._folder / "events", self.source, follow=not finite)],
            {"nudge": FileSink(self._folder / "nudge"), "dead-letter": FileSink(self._folder / "dead-letter")},
            wall=lambda: NOON,
            batch_records=batch_records,
            recent_states=self._recent_states,
        )
        self._opened.append(journal)
        return journal

    def out(self, kind: OutKind) -> list[bytes]:
        return (self._folder / kind).read_bytes().splitlines()

    def close(self) -> None:
        for journal in self._opened:
            journal.close()


def after_crash(folder: Path, copy: Path) -> Path:
    """Copy *folder* as a crash now would leave it; return the copy."""
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("*-shm", "*.lock"))
    return copy


class TestMemory(JournalContract):
    @pytest.fixture
    def world(self) -> MemoryWorld:
        return MemoryWorld()

    def test_partitions_are_apart(self) -> None:
        journal = MemoryJournal(partitions=2)
        journal.feed(1, "topic", [b"one"], keys=[b"k"])
        batch = journal.poll(0)

        assert list(batch.granted) == [0, 1]
        assert [[run.keys for run in part.runs] for part in batch.parts] == [[], [[b"k"]]]


@pytest.mark.parametrize("recent_states", [10, 300_000])
class TestSqlite(JournalContract):
    @pytest.fixture
    def world(self, tmp_path: Path, recent_states: int) -> Iterator[SqliteWorld]:
        world = SqliteWorld(tmp_path, recent_states)
        yield world
        world.close()


@contextlib.contextmanager
def opened(
    folder: Path, inputs: Sequence[Input] = (), sinks: Mapping[OutKind, Sink] | None = None, *, follow: bool = False
) -> Iterator[SqliteJournal]:
    journal = SqliteJournal(folder / "state", inputs, sinks or {}, wall=lambda: NOON, batch_records=10, follow=follow)
    with contextlib.closing(journal):
        yield journal


class TestOpening:
    def test_a_second_process_is_told_who_is_at_work(self, tmp_path: Path) -> None:
        with opened(tmp_path), pytest.raises(JournalInUse, match=rf"in use by process {os.getpid()}"), opened(tmp_path):
            pass
        with opened(tmp_path):
            pass

    def test_a_file_of_another_kind_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "state").write_bytes(b"dear diary\n" * 1000)

        with pytest.raises(JournalRefused, match="not a state of nudger"), opened(tmp_path):
            pass
        assert (tmp_path / "state").read_bytes() == b"dear diary\n" * 1000

    def test_another_programs_database_is_refused(self, tmp_path: Path) -> None:
        with contextlib.closing(sqlite3.connect(tmp_path / "state")) as other:
            other.execute("CREATE TABLE contacts (name TEXT)")

        with pytest.raises(JournalRefused, match="another program's"), opened(tmp_path):
            pass

    def test_a_newer_format_is_refused(self, tmp_path: Path) -> None:
        with opened(tmp_path):
            pass
        with contextlib.closing(sqlite3.connect(tmp_path / "state")) as newer:
            newer.execute("PRAGMA user_version = 9")

        with pytest.raises(JournalRefused, match=r"newer nudger \(format 9"), opened(tmp_path):
            pass

    def test_a_damaged_state_is_refused(self, tmp_path: Path) -> None:
        with opened(tmp_path) as journal:
            journal.commit(commit_of({f"a:{number}": state(bytes(500)) for number in range(2_000)}))
        with (tmp_path / "state").open("r+b") as file:
            file.seek(16 << 10)
            file.write(bytes(range(256)) * 640)

        with pytest.raises(JournalRefused, match="is damaged"), opened(tmp_path):
            pass

    def test_a_folder_without_write_rights_is_named(self) -> None:
        with tempfile.TemporaryDirectory() as name, _as_nobody():
            folder = Path(name)
            with pytest.raises(JournalUnavailable, match="folder of the state is there and writable"), opened(folder):
                pass

    def test_a_state_without_write_rights_is_named(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            with opened(folder):
                pass
            folder.chmod(0o777)
            (folder / "state").chmod(0o444)
            (folder / "state.lock").chmod(0o666)
            with _as_nobody(), pytest.raises(JournalUnavailable, match="check the rights"), opened(folder) as journal:
                journal.commit(commit_of({"a:1": state(b"")}))

    def test_a_failed_opening_holds_nothing_back(self, tmp_path: Path) -> None:
        missing = FileInput(tmp_path / "missing", "missing.ndjson")
        with pytest.raises(JournalUnavailable, match=r"missing\.ndjson cannot be read: No such file"):
            SqliteJournal(tmp_path / "state", [missing], {}, wall=lambda: NOON)

        with opened(tmp_path):
            pass


@contextlib.contextmanager
def _as_nobody() -> Iterator[None]:
    """Root may write anywhere; be somebody else for a while."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


class TestReading:
    def test_a_reader_sees_what_was_committed_when_it_came(self, tmp_path: Path) -> None:
        with opened(tmp_path) as journal:
            journal.commit(commit_of({"a:1": state(b"x", 5)}, out=[("decision", "1", b"d")]))
            with contextlib.closing(SqliteJournal.open_readonly(tmp_path / "state")) as reader:
                journal.commit(commit_of({"a:1": state(b"y"), "a:2": state(b"z")}))

                assert reader.load(0, ["a:1"]) == {"a:1": state(b"x", 5)}
                assert (reader.scan(0, "", 9), reader.due(0, 5, 9)) == (["a:1"], ["a:1"])
                assert (list(reader.seen(0)), reader.decisions("1", 9)) == ([], [b"d"])

    def test_a_reader_neither_commits_nor_polls(self, tmp_path: Path) -> None:
        with opened(tmp_path):
            pass
        with contextlib.closing(SqliteJournal.open_readonly(tmp_path / "state")) as reader:
            with pytest.raises(JournalRefused, match="reading only"):
                reader.commit(commit_of({"a:1": state(b"")}))
            with pytest.raises(JournalRefused, match="reading only"):
                reader.poll(0)

    def test_no_state_is_not_made_by_reading(self, tmp_path: Path) -> None:
        with pytest.raises(JournalUnavailable, match="there is no state at"):
            SqliteJournal.open_readonly(tmp_path / "state")
        assert list(tmp_path.iterdir()) == []


class TestFailing:
    def test_a_full_disk_stops_the_journal_and_loses_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def open_small(path: Path, schema: Sequence[str]) -> sqlite3.Connection:
            database = open_for_writing(path, schema)
            database.execute("PRAGMA max_page_count = 40")
            return database

        monkeypatch.setattr("nudger.journals.sqlite.open_for_writing", open_small)
        with opened(tmp_path) as journal:
            journal.commit(commit_of({"a:1": state(b"small")}))
            with pytest.raises(JournalUnavailable, match="the disk is full"):
                journal.commit(commit_of({"a:1": state(bytes(1 << 20))}))
            with pytest.raises(JournalUnavailable, match="last commit failed"):
                journal.load(0, ["a:1"])
        with opened(tmp_path) as journal:
            assert journal.load(0, ["a:1"]) == {"a:1": state(b"small")}

    def test_output_that_fails_at_any_step_is_completed_later(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Let the n-th write or fsync fail, half-done, for every n: the file is right after the next start."""
        failing = 0
        while True:
            folder = tmp_path / str(failing)
            folder.mkdir()
            with monkeypatch.context() as patched, contextlib.suppress(JournalUnavailable):
                left = _fail_at(patched, failing)
                _emit(folder)
            _emit(folder)
            assert (folder / "nudges").read_bytes() == b"".join(b"nudge %d\n" % number for number in range(6))
            if left() >= 0:
                break
            failing += 1
        assert failing > 6

    def test_lines_without_their_output_are_not_forgotten(self, tmp_path: Path) -> None:
        (tmp_path / "0").mkdir()
        with opened(tmp_path / "0", sinks={NUDGE: FileSink(tmp_path / "0" / "nudges")}) as journal:
            journal.commit(commit_of(out=[(NUDGE, "a", b"n1")]))
            crashed = after_crash(tmp_path / "0", tmp_path / "1")

        with pytest.raises(JournalRefused, match="1 of its nudge records may not have been written"), opened(crashed):
            pass

    def test_a_new_output_file_is_refused_while_the_old_one_may_lack_lines(self, tmp_path: Path) -> None:
        (tmp_path / "0").mkdir()
        with opened(tmp_path / "0", sinks={NUDGE: FileSink(tmp_path / "0" / "nudges")}) as journal:
            journal.commit(commit_of(out=[(NUDGE, "a", b"n1")]))
            crashed = after_crash(tmp_path / "0", tmp_path / "1")

        other: dict[OutKind, Sink] = {NUDGE: FileSink(tmp_path / "other")}
        with pytest.raises(JournalRefused, match="start once more with that file"), opened(crashed, sinks=other):
            pass

    def test_a_new_output_file_may_follow_a_complete_one(self, tmp_path: Path) -> None:
        for name in ("first", "second"):
            with opened(tmp_path, sinks={NUDGE: FileSink(tmp_path / name)}) as journal:
                journal.commit(commit_of(out=[(NUDGE, "a", name.encode())]))

        assert (tmp_path / "second").read_bytes() == b"second\n"

    def test_a_reader_of_standard_output_that_leaves_is_no_traceback(self, tmp_path: Path) -> None:
        command = [sys.executable, "-c", _TALKER, str(tmp_path / "state")]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert child.stdout and child.stderr
        child.stdout.close()

        assert child.stderr.read() == (
            b"whoever was reading standard output has gone; start again to go on from here\n"
        )
        assert child.wait() == 0
        child.stderr.close()


_TALKER = """
import sys
from pathlib import Path
from nudger.errors import JournalUnavailable
from nudger.journals.journal import Commit
from nudger.journals.sinks import StreamSink
from nudger.journals.sqlite import SqliteJournal

journal = SqliteJournal(Path(sys.argv[1]), [], {"nudge": StreamSink(sys.stdout.buffer)}, wall=lambda: 0)
try:
    while True:
        journal.commit(Commit([], [("nudge", "a", bytes(70_000))]))
except JournalUnavailable as error:
    print(error, file=sys.stderr)
"""


def _fail_at(patched: pytest.MonkeyPatch, count: int) -> Callable[[], int]:
    """Let the disk fill up after *count* writes and fsyncs; return how to ask how many are left."""
    left = count
    write, fsync = os.write, os.fsync

    def failing_write(file: int, data: memoryview) -> int:
        nonlocal left
        left -= 1
        if left == -1:
            write(file, data[: len(data) // 2])
        if left < 0:
            raise OSError(28, "No space left on device")
        return write(file, data)

    def failing_fsync(file: int) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(5, "Input/output error")
        fsync(file)

    patched.setattr(os, "write", failing_write)
    patched.setattr(os, "fsync", failing_fsync)
    return lambda: left


def _emit(folder: Path) -> None:
    """Put out what is missing of six nudges, two a commit."""
    with opened(folder, sinks={NUDGE: FileSink(folder / "nudges")}) as journal:
        known = journal.load(0, ["m:"])["m:"] or state(b"0")
        for number in range(int(known[9:]), 6, 2):
            lines = [(NUDGE, "a", b"nudge %d" % number), (NUDGE, "a", b"nudge %d" % (number + 1))]
            journal.commit(commit_of({"m:": state(b"%d" % (number + 2))}, out=lines))


class TestInputs:
    def test_tables_are_read_before_events_and_not_mixed_with_them(self, tmp_path: Path) -> None:
        (tmp_path / "events").write_bytes(b"e1\ne2\n")
        (tmp_path / "accounts").write_bytes(b"a1\na2\n")
        table = TableInput(tmp_path / "accounts", "accounts", lambda path: iter(path.read_bytes().splitlines()))
        with opened(tmp_path, [FileInput(tmp_path / "events", "events"), table]) as journal:
            first, second = journal.poll(0), journal.poll(0)

        assert [values(first), values(second)] == [[b"a1", b"a2"], [b"e1", b"e2"]]
        assert (first.parts[0].caught_up, second.parts[0].caught_up) == (False, True)

    def test_files_are_read_one_after_the_other(self, tmp_path: Path) -> None:
        for name in ("one", "two"):
            (tmp_path / name).write_bytes(b"".join(b"%d\n" % number for number in range(6)))
        with opened(tmp_path, [FileInput(tmp_path / name, name) for name in ("one", "two")]) as journal:
            batch = journal.poll(0)

        assert [(run.source, run.first, len(run.values)) for run in runs(batch)] == [("one", 1, 6), ("two", 1, 4)]

    def test_a_file_is_not_read_twice(self, tmp_path: Path) -> None:
        twice = [FileInput(tmp_path / "events", "events.ndjson") for _ in range(2)]
        with pytest.raises(SettingsError, match=r"events\.ndjson is given as input twice"), opened(tmp_path, twice):
            pass

    def test_a_source_of_an_earlier_run_is_remembered(self, tmp_path: Path) -> None:
        (tmp_path / "one").write_bytes(b"1\n")
        (tmp_path / "two").write_bytes(b"2\n")
        for name, expected in (("one", [b"1"]), ("two", [b"2"]), ("one", [])):
            with opened(tmp_path, [FileInput(tmp_path / name, name)]) as journal:
                batch = journal.poll(0)
                assert values(batch) == expected
                journal.commit(commit_of(positions={"one": 2, **positions(batch)}))

    def test_a_followed_run_waits_and_does_not_end(self, tmp_path: Path) -> None:
        with opened(tmp_path, follow=True) as journal:
            batch = journal.poll(0.01)

        assert (batch.ended, batch.parts[0].caught_up, batch.wall) == (False, True, NOON)

    def test_standard_input_is_not_waited_for_once_something_is_there(self, tmp_path: Path) -> None:
        reading, writing = os.pipe()
        with os.fdopen(reading, "rb") as stream, opened(tmp_path, [StdinInput(stream)]) as journal:
            os.write(writing, b"one\ntw")
            assert values(journal.poll(60)) == [b"one"]
            os.write(writing, b"o\nthree")
            batch = journal.poll(60)
            journal.commit(commit_of(positions=positions(batch)))
            assert values(batch) == [b"two"] and not batch.ended
            os.close(writing)
            last = journal.poll(60)

        assert values(last) == [b"three"] and runs(last)[0].first == 3 and last.ended
