"""Measure the embedded run: events from an NDJSON file, durable state, decode to commit, one process.

    python -m tests.bench.embedded DIR [--profile]

Accounts are read first and are not counted in the figure. Prints events/s, CPU per event, mails and memory.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import pstats
import resource
import shutil
import tempfile
import time
from pathlib import Path

from nudger.intake.accounts import rows
from nudger.journals.files import FileInput, TableInput
from nudger.journals.sinks import FileSink
from nudger.journals.sqlite import SqliteJournal
from nudger.partition import Options
from nudger.processor import Processor
from nudger.project import Project, open_project


def run(folder: Path, work: Path, *, inputs: list[str], project: Project) -> Processor:
    """Process some inputs of the benchmark's folder into the state in *work*; return the processor when done."""
    sources = [
        TableInput(folder / name, name, lambda path: rows(path, {}))
        if name.startswith("accounts")
        else FileInput(folder / name, name)
        for name in inputs
    ]
    sinks = {"nudge": FileSink(work / "messages.ndjson"), "dead-letter": FileSink(work / "dead.ndjson")}
    journal = SqliteJournal(
        work / "state.db", sources, sinks, batch_records=10_000, wall=lambda: time.time_ns() // 1_000_000
    )
    options = Options(tables=frozenset({"accounts.ndjson"}))
    processor = Processor(journal, project.book, project.reader, project.post.render, options)
    while processor.step():
        pass
    processor.finish()
    journal.close()
    return processor


def main() -> None:
    """Run the benchmark once and print its figures."""
    parser = argparse.ArgumentParser(description="events/s of the embedded run")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--profile", action="store_true")
    args = parser.parse_args()
    project = open_project(args.folder)
    work = Path(tempfile.mkdtemp(prefix="nudger-bench-"))
    try:
        run(args.folder, work, inputs=["accounts.ndjson"], project=project)
        gc.collect()
        gc.freeze()
        gc.disable()
        profile = cProfile.Profile()
        if args.profile:
            profile.enable()
        wall, cpu = time.perf_counter(), time.process_time()
        processor = run(args.folder, work, inputs=["accounts.ndjson", "events.ndjson"], project=project)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        profile.disable()
        count = processor.summary.counts["counted"]
        mails = sum(words.get("sent", 0) for words in processor.summary.rules.values())
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        size = (work / "state.db").stat().st_size / 2**20
        print(
            f"{count:,} events in {wall:.2f} s = {count / wall:,.0f} events/s, {cpu / count * 1e6:.2f} us of CPU an event, "
            f"{mails:,} mails ({mails / count:.2%}), {memory:.0f} MB resident, state {size:.0f} MB"
        )
        if args.profile:
            pstats.Stats(profile).sort_stats("tottime").print_stats(35)
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
