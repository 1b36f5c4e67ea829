"""The embedded journal survives kill -9 at any moment: nothing lost, nothing doubled.

A child process folds numbered records into counts per key and puts out a line for every fifth of a key. It is killed
again and again; what it leaves behind in the end must be what an undisturbed run leaves.
"""

import contextlib
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from nudger.journals.files import FileInput
from nudger.journals.journal import Batch, Commit, CommitPart, OutKind, Seen
from nudger.journals.sinks import FileSink
from nudger.journals.sqlite import SqliteJournal

KILLS = int(os.environ.get("NUDGER_KILLS", "40"))
RECORDS = 6_000
KEYS = 97
HEADER = bytes(9)

Line = tuple[OutKind, str, bytes]


def test_killed_at_any_moment_the_journal_loses_and_doubles_nothing(tmp_path: Path) -> None:
    chance = random.Random(KILLS)
    killed = finished = 0
    while killed < KILLS:
        folder = tmp_path / str(finished)
        _prepare(folder)
        while killed < KILLS and _run(folder, chance):
            killed += 1
        _run_to_end(folder)
        _check(folder)
        finished += 1


def _prepare(folder: Path) -> None:
    folder.mkdir()
    (folder / "events").write_bytes(b"".join(b"%d\n" % number for number in range(RECORDS)))


def _run(folder: Path, chance: random.Random) -> bool:
    """Let a child work on *folder* and kill it after a while; return whether it was alive still."""
    with _child(folder, batch_records=chance.randrange(1, 12)) as child:
        assert child.stdout
        if chance.random() < 0.8:  # else it may die while it opens its files
            child.stdout.read(1)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(chance.uniform(0, 0.15))
        child.kill()
        code = child.wait()
    assert code in (0, -9), f"the child failed with {code}"
    return code == -9


def _run_to_end(folder: Path) -> None:
    with _child(folder, batch_records=1_000) as child:
        assert child.wait() == 0


def _child(folder: Path, batch_records: int) -> subprocess.Popen[bytes]:
    root = Path(__file__).parents[2]
    command = [sys.executable, __file__, str(folder), str(batch_records)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(root)})


def _check(folder: Path) -> None:
    counts: Counter[str] = Counter()
    lines = [line for number in range(RECORDS) for line in _fold(counts, b"%d" % number)]
    with contextlib.closing(SqliteJournal.open_readonly(folder / "state")) as journal:
        keys = journal.scan(0, "", RECORDS)
        states = journal.load(0, keys)
        seen = b"".join(record.ids for record in journal.seen(0))
        decisions = {key: journal.decisions(key, RECORDS) for key in counts}

    assert states == {key: HEADER + b"%d" % count for key, count in counts.items()}
    assert seen == b"".join(b"%d," % number for number in range(RECORDS))
    for key, found in decisions.items():
        assert found == [line for kind, its, line in lines if kind == "decision" and its == key]
    expected = b"".join(line + b"\n" for kind, _, line in lines if kind == "nudge")
    assert (folder / "nudges").read_bytes() == expected


def _fold(counts: Counter[str], record: bytes) -> Iterator[Line]:
    """Count *record* under its key; yield what it brings about."""
    key = f"a:{int(record) * 31 % KEYS}"
    counts[key] += 1
    if counts[key] % 5 == 0:
        yield "nudge", key, b"%s has %d at %s" % (key.encode(), counts[key], record)
        yield "decision", key, b"%d" % counts[key]


def _work(folder: Path, batch_records: int) -> None:
    """Be the child: process records until there are no more."""
    journal = SqliteJournal(
        folder / "state",
        [FileInput(folder / "events", "events")],
        {"nudge": FileSink(folder / "nudges")},
        wall=lambda: 0,
        batch_records=batch_records,
        recent_states=200,  # so that blocks are written and rows are dropped all the time
    )
    os.write(sys.stdout.fileno(), b".")
    ended = False
    while not ended:
        batch = journal.poll(0)
        ended = batch.ended
        journal.commit(_process(journal, batch))
    journal.close()


def _process(journal: SqliteJournal, batch: Batch) -> Commit:
    runs = batch.parts[0].runs
    records = [record for run in runs for record in run.values]
    keys = {f"a:{int(record) * 31 % KEYS}" for record in records}
    counts = Counter({key: int(state[9:]) for key, state in journal.load(0, keys).items() if state})
    out = [line for record in records for line in _fold(counts, record)]
    positions = {run.source: run.first + len(run.values) for run in runs}
    states: dict[str, bytes | None] = {key: HEADER + b"%d" % counts[key] for key in keys}
    seen = Seen(0, b"".join(b"%s," % record for record in records))
    return Commit([CommitPart(0, positions, states, seen)], out)


if __name__ == "__main__":
    _work(Path(sys.argv[1]), int(sys.argv[2]))
