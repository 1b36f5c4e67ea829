"""Read events, decide, write messages: `nudger run`, and the board when it ends."""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, BinaryIO, Final, Literal

import structlog

from nudger.errors import SettingsError
from nudger.intake.moment import Times
from nudger.letters import require_mail
from nudger.mail.message import Message, decode
from nudger.partition import PARTITION_KEY, Options, Summary, partition_state
from nudger.processor import Processor
from nudger.project import Project, open_project
from nudger.tools import board
from nudger.tools.board import Board, Mailed
from nudger.tools.inputs import Opened, WatchedFile, open_journal, places, root
from nudger.tools.output import Ink, number, safe_name, several

MOST_SHOWN: Final = 5
INTERRUPTED: Final = 130
TERMINATED: Final = 143
_TICK_SECONDS: Final = 0.2
_BLOCK_BYTES: Final = 1 << 20

log = structlog.get_logger()


def main(args: argparse.Namespace) -> int:
    """Run `nudger run`: 0, or 1 with `--strict` where something was set aside or is advised against."""
    _check(args)
    project = open_project(root(args))
    require_mail(project.settings)
    where = places(args)
    begins = _end(where.messages)
    with Stop() as stop:  # before anything is opened, so that from the first file on a signal ends the run in order
        opened = open_journal(args, project, where)
        with contextlib.closing(opened.journal):
            found = _process(args, project, opened, stop)
    found.state, found.messages, found.dead_letters = where.state, where.messages, where.dead_letters
    _look_into(found, begins, args)
    _print(args, found)
    return _result(args, project, found)


def _check(args: argparse.Namespace) -> None:
    if args.mails is not None and args.out == "-":
        raise SettingsError("--mails reads the file of messages; give --out a file, or leave it out")
    if args.until is not None and (args.follow or args.clock == "wall"):
        raise SettingsError("--until moves the clock of the events; it does not go with --follow or --clock wall")
    if args.mails is not None:
        Path(args.mails).mkdir(parents=True, exist_ok=True)  # before the run, lest its end be the place to find out


# --- reading -----------------------------------------------------------------------------------------


def _process(args: argparse.Namespace, project: Project, opened: Opened, stop: Stop) -> Board:
    """Read until the inputs end, or somebody asks to stop, and gather what the state says then."""
    journal = opened.journal
    before = partition_state(journal.load(0, [PARTITION_KEY])[PARTITION_KEY])
    options = _options(args, project, opened.tables)
    processor = Processor(journal, project.book, project.reader, project.post.render, options)
    log.info("run.started", clock=options.clock, backfill=options.backfill)
    begun = time.monotonic()
    with Progress(processor.summary, opened.files) as progress:
        _work(processor, stop, progress)
    found = board.gather(journal, project.book, processor.summary)
    found.seconds = time.monotonic() - begun
    found.clock = found.clock or (before.clock if before is not None else 0)
    found.was_empty, found.backfill, found.wall = before is None, options.backfill, options.clock == "wall"
    found.lateness = options.lateness
    found.unknown_plans, found.stopped = project.reader.unknown_plans, stop.name
    found.drafts = len(project.trial.rules) - len(project.book.rules)
    found.new_messages = _sent(processor.summary)
    log.info("run.ended", records=found.read, sent=found.new_messages, stopped=found.stopped)
    return found


def _options(args: argparse.Namespace, project: Project, tables: frozenset[str]) -> Options:
    settings = project.settings
    clock: Literal["events", "wall"] = args.clock or settings.clock or ("wall" if args.follow else "events")
    if args.until is not None and clock == "wall":
        raise SettingsError("--until needs `--clock events`; nudger.toml says wall")
    return Options(
        clock=clock,
        lateness=settings.lateness,
        settle=settings.timers.settle if clock == "wall" else 0,
        backfill=args.backfill,
        until=None if args.until is None else Times().read(args.until),
        tables=tables,
        max_ids=settings.dedupe.max_ids,
    )


def _work(processor: Processor, stop: Stop, progress: Progress) -> None:
    """Process batch by batch. A run that was stopped leaves the clock where it is: its input has not ended."""
    more = True
    # What a batch makes dies with it by counting; a collector that walks all states in hand would only cost.
    gc.disable()
    while more and not stop.name:
        more = processor.step()
        progress.show()
    processor.commit()
    if not more:
        processor.finish()


def _sent(summary: Summary) -> int:
    return sum(words.get("sent", 0) for words in summary.rules.values())


class Stop:
    """Turns SIGINT and SIGTERM into a wish, granted after the next commit; a second one acts at once.

    Attributes:
        name: Of the signal that came, "" while none has.
    """

    def __init__(self) -> None:
        self.name = ""
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Stop:
        for wish in (signal.SIGINT, signal.SIGTERM):
            self._before[wish] = signal.signal(wish, self._note)
        return self

    def _note(self, wish: int, frame: FrameType | None) -> None:
        self.name = signal.Signals(wish).name
        self._restore()

    def _restore(self) -> None:
        for wish, handler in self._before.items():
            signal.signal(wish, handler)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()


class Progress:
    """One line on standard error that is written over as the run goes on; nothing where that is no terminal."""

    def __init__(self, summary: Summary, files: list[WatchedFile]) -> None:
        self._summary = summary
        self._files = files
        self._on = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._begun = self._last = time.monotonic()

    def __enter__(self) -> Progress:
        self._write("reading ...")
        return self

    def show(self) -> None:
        """Write where the run stands, not more often than an eye can follow."""
        now = time.monotonic()
        if not self._on or now < self._last + _TICK_SECONDS:
            return
        self._last = now
        read = board.records(self._summary)
        pace = f"{number(round(read / (now - self._begun)))} a second"
        parts = [several(read, "record"), pace, several(_sent(self._summary), "nudge"), *self._position()]
        self._write("   ".join(parts))

    def _position(self) -> list[str]:
        """Return how much of the files has been read, in percent."""
        done = [file.progress for file in self._files]
        size = sum(of for _, of in done)
        return [f"{100 * sum(at for at, _ in done) // size} %"] if size else []

    def _write(self, text: str) -> None:
        if self._on:
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write("")


# --- what was written ----------------------------------------------------------------------------------


def _end(messages: Path | None) -> int:
    """Return where the file of messages ends before the run: after its last whole line."""
    if messages is None or not messages.is_file():
        return 0
    with messages.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        start = max(0, size - _BLOCK_BYTES)
        file.seek(start)
        return start + file.read().rfind(b"\n") + 1


def _look_into(found: Board, begins: int, args: argparse.Namespace) -> None:
    """Note the first messages, and write those as mails that the folder lacks, if that is asked for."""
    if found.messages is None or not found.messages.is_file():
        return
    with found.messages.open("rb") as file:
        file.seek(begins if found.new_messages else 0)
        found.first = [_mailed(message) for _, message in zip(range(MOST_SHOWN), _messages(file), strict=False)]
        if args.mails is not None:
            file.seek(0)
            found.mails = list(_write_mails(_messages(file), Path(args.mails)))


def _messages(file: BinaryIO) -> Iterator[Message]:
    return map(decode, file)


def _mailed(message: Message) -> Mailed:
    nudge = message.data
    return Mailed(nudge.id, nudge.created, nudge.account, nudge.rule, nudge.subject)


def _write_mails(messages: Iterator[Message], folder: Path) -> Iterator[Path]:
    for message in messages:
        nudge = message.data
        path = folder / f"{safe_name(nudge.account)}--{safe_name(nudge.rule)}--{nudge.id[:8]}.html"
        if not path.exists():
            path.write_text(nudge.html, encoding="utf-8")
            yield path


# --- the end of it -------------------------------------------------------------------------------------


def _print(args: argparse.Namespace, found: Board) -> None:
    """Print the board where it does not mix with messages."""
    stream = sys.stderr if found.messages is None else sys.stdout
    print(board.as_document(found) if args.json else board.as_text(found, Ink(stream)), file=stream)


def _result(args: argparse.Namespace, project: Project, found: Board) -> int:
    if found.stopped == "SIGINT":
        return INTERRUPTED
    if found.stopped:
        return 0 if args.follow else TERMINATED
    if args.strict and (found.set_aside or project.lints):
        reasons = (
            f"{several(found.set_aside, 'record')} set aside, {several(len(project.lints), 'lint')} (nudger check)"
        )
        print(f"nudger: --strict: {reasons}", file=sys.stderr)
        return 1
    return 0
