"""Kill the embedded run again and again, and tell whether anything was lost or doubled. Run by `test_kill_run`.

    python -m tests.integration.killed_run FOLDER KILLS SEED

The parent loads the project once and forks a child for each life; a life reads on with batches and commits so small that
a kill can fall anywhere: while reading, inside a commit, between commit and output, inside the output. When a round has
read its whole input it is compared with an uninterrupted run, and the next round begins, until all kills have fallen.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
from collections import defaultdict
from pathlib import Path

from nudger import processor as processors
from nudger.core.stages import SLACK
from nudger.intake.accounts import rows
from nudger.journals.files import FileInput, TableInput
from nudger.journals.sinks import FileSink
from nudger.journals.sqlite import SqliteJournal
from nudger.partition import PARTITION_KEY, Options, partition_state
from nudger.processor import Processor
from nudger.project import Project, open_project

BATCH = 60
OPTIONS = Options(tables=frozenset({"accounts"}), until=1_775_001_600_000)


def live(project: Project, folder: Path, work: Path, batch: int = BATCH) -> None:
    """Read on from where the last life ended, to the end of the input."""
    inputs = [
        TableInput(folder / "accounts.ndjson", "accounts", lambda path: rows(path, {})),
        FileInput(folder / "events.ndjson", "events"),
    ]
    sinks = {"nudge": FileSink(work / "messages.ndjson"), "dead-letter": FileSink(work / "dead.ndjson")}
    journal = SqliteJournal(work / "state.db", inputs, sinks, wall=lambda: 0, batch_records=batch)
    processor = Processor(journal, project.book, project.reader, project.post.render, OPTIONS)
    while processor.step(0):
        pass
    processor.finish()
    journal.close()


def outcome(work: Path) -> dict[str, object]:
    """Return everything a run leaves behind, in the order of each account."""
    found: dict[str, dict[str, list[str]]] = {}
    for name, key in (("messages", "subject"), ("dead", "at")):
        by_key: dict[str, list[str]] = defaultdict(list)
        path = work / f"{name}.ndjson"
        for line in path.read_text().splitlines() if path.exists() else ():
            by_key[json.loads(line)[key]].append(line)
        found[name] = dict(by_key)
    journal = SqliteJournal.open_readonly(work / "state.db")
    keys, after = [], ""
    while batch := journal.scan(0, after, 10_000):
        keys += batch
        after = batch[-1]
    states = journal.load(0, keys)
    accounts = [key.removeprefix("a:") for key in keys if key.startswith("a:")]
    # When a decision was recorded among those of other accounts depends on the batches; what it says does not.
    decisions = {name: [strip(line) for line in journal.decisions(name, 10_000)] for name in accounts}
    remembered = {ids: generation for generation, packed in journal.seen(0) for ids in split(packed)}
    journal.close()
    return {**found, "states": states, "decisions": decisions, "remembered": remembered}


def strip(line: bytes) -> str:
    record = json.loads(line)
    if record["where"] == "timer" or record["verdict"] in ("lapsed", "not_met"):
        record.pop("where")  # a timer is read by a tick or by the account's next event, whichever comes first
    return json.dumps(record, sort_keys=True)


def lost_ids(wanted: dict[str, object], found: dict[str, object]) -> int:
    """Return how many ids either run has forgotten that lie within lateness and slack; older ones go some time."""
    states: dict[str, bytes] = wanted["states"]  # type: ignore[assignment]
    state = partition_state(states[PARTITION_KEY])
    assert state is not None
    half = OPTIONS.lateness // 2
    first = (state.stream - OPTIONS.lateness - SLACK) // half  # generations from here on are needed
    one: dict[bytes, int] = wanted["remembered"]  # type: ignore[assignment]
    two: dict[bytes, int] = found["remembered"]  # type: ignore[assignment]
    missing = [ids for ids, generation in one.items() if generation >= first and ids not in two]
    return len(missing) + len([ids for ids, generation in two.items() if generation >= first and ids not in one])


def split(packed: bytes) -> list[bytes]:
    count = len(packed) // 12
    return [packed[at * 8 : at * 8 + 8] for at in range(count)]


def main() -> int:
    folder, kills, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    processors.WINDOW_EVENTS = BATCH  # type: ignore[misc]
    project = open_project(folder)
    chance = random.Random(seed)
    whole = folder / "whole"
    whole.mkdir()
    live(project, folder, whole)
    wanted = outcome(whole)
    done = rounds = 0
    while done < kills:
        work = folder / f"round-{rounds}"
        work.mkdir()
        while True:
            child = os.fork()
            if child == 0:
                live(project, folder, work)
                os._exit(0)
            time.sleep(chance.uniform(0.002, 0.15))
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            if os.WIFSIGNALED(status):
                done += 1
            elif os.WEXITSTATUS(status) == 0:
                break
            else:
                print(f"a life ended with {os.WEXITSTATUS(status)}")
                return 1
        found = outcome(work)
        for part, value in wanted.items():
            if part == "remembered":
                forgotten = lost_ids(wanted, found)
                if forgotten:
                    print(f"round {rounds} after {done} kills: {forgotten} ids that are still needed are forgotten")
                    return 1
            elif found[part] != value:
                print(f"round {rounds} after {done} kills: {part} differ: {difference(value, found[part])}")
                return 1
        shutil.rmtree(work)
        rounds += 1
    messages = sum(map(len, wanted["messages"].values()))  # type: ignore[attr-defined]
    print(f"{done} kills in {rounds} rounds of {messages} messages: nothing lost, nothing doubled")
    return 0


def difference(wanted: object, found: object) -> str:
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key in sorted(wanted.keys() | found.keys()):
            if wanted.get(key) != found.get(key):
                return f"{key}: wanted {wanted.get(key)!r:.1500} found {found.get(key)!r:.1500}"
    return f"wanted {len(wanted)}, found {len(found)}"  # type: ignore[arg-type]


if __name__ == "__main__":
    sys.exit(main())
