"""From a command's arguments to the project, its inputs, its outputs and its journal.

Files that are named on the command line are looked for where the user stands; what is not named lies in `.nudger/` of
the project.
"""

from __future__ import annotations

import argparse
import os
import stat
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nudger.errors import JournalUnavailable, SettingsError
from nudger.intake.accounts import rows
from nudger.journals.files import FileInput, Input, StdinInput, TableInput
from nudger.journals.journal import OutKind
from nudger.journals.sinks import FileSink, Sink, StreamSink
from nudger.journals.sqlite import SqliteJournal, SqliteReader
from nudger.project import Project

FOLDER: Final = ".nudger"
STREAM: Final = "-"


class WatchedFile(FileInput):
    """A file of events that tells how much of it has been handed out."""

    @property
    def progress(self) -> tuple[int, int]:
        """Bytes handed out, and bytes there are."""
        return self._read_to - len(self._buffer), os.fstat(self._file).st_size if self._file >= 0 else 0


@dataclass(frozen=True, slots=True)
class Places:
    """Where a run keeps its state and puts what it makes; `messages` None is standard output."""

    state: Path
    messages: Path | None
    dead_letters: Path


@dataclass(slots=True)
class Opened:
    """A journal with its inputs: `files` are those whose progress can be told, `tables` the accounts files' names."""

    journal: SqliteJournal
    files: list[WatchedFile] = field(default_factory=list)
    tables: frozenset[str] = frozenset()


def root(args: argparse.Namespace) -> Path:
    """Return the project's folder (`-C`).

    Raises:
        SettingsError: There is no such folder.
    """
    folder = Path(args.directory)
    if not folder.is_dir():
        raise SettingsError(f"there is no folder {folder} (-C names the project's folder)")
    return folder


def state_path(args: argparse.Namespace) -> Path:
    """Return where the state is, or will be."""
    return Path(args.state) if args.state else root(args) / FOLDER / "state.db"


def places(args: argparse.Namespace) -> Places:
    """Return where a run's files are.

    Raises:
        SettingsError: Two of them are one file.
    """
    folder = root(args) / FOLDER
    messages = None if args.out == STREAM else Path(args.out) if args.out else folder / "messages.ndjson"
    dead_letters = Path(args.dead_letters) if args.dead_letters else folder / "dead-letters.ndjson"
    found = Places(state_path(args), messages, dead_letters)
    given = [path for path in (found.state, found.messages, found.dead_letters) if path is not None]
    if len({path.resolve() for path in given}) < len(given):
        raise SettingsError("state, messages and dead letters need a file each: --state, --out and --dead-letters")
    return found


def open_journal(args: argparse.Namespace, project: Project, where: Places) -> Opened:
    """Open the state with the inputs and outputs that the arguments name.

    Raises:
        SettingsError: There is nothing to read, or a file is named twice.
        JournalError: A file cannot be used; the state and the outputs are as they were.
    """
    files, inputs = _events(args, project.root)
    tables = _accounts(args, project)
    inputs += tables
    names = [source.name for source in inputs]
    for name in names:
        if names.count(name) > 1:
            raise SettingsError(f"{name} is named twice; give each input once")
    messages: Sink = StreamSink(sys.stdout.buffer) if where.messages is None else FileSink(where.messages)
    sinks: dict[OutKind, Sink] = {"nudge": messages, "dead-letter": FileSink(where.dead_letters)}
    journal = SqliteJournal(where.state, inputs, sinks, wall=_wall, follow=args.follow)
    return Opened(journal, files, frozenset(table.name for table in tables))


def open_state(args: argparse.Namespace) -> SqliteReader:
    """Open the state for reading, as it is now.

    Raises:
        SettingsError: There is none yet.
    """
    path = state_path(args)
    if not path.exists():
        raise SettingsError(f"there is no state at {path}: `nudger run` makes one, --state names another")
    return SqliteJournal.open_readonly(path)


def _wall() -> int:
    return time.time_ns() // 1_000_000


def _events(args: argparse.Namespace, folder: Path) -> tuple[list[WatchedFile], list[Input]]:
    """Return the files of events, and all inputs of events in the order they were named."""
    files: list[WatchedFile] = []
    inputs: list[Input] = []
    for given in args.events or _piped():
        if given == STREAM:
            inputs.append(StdinInput(sys.stdin.buffer))
        else:
            path = _existing(given)
            files.append(WatchedFile(path, _name(path, folder), follow=args.follow))
            inputs.append(files[-1])
    return files, inputs


def _piped() -> Sequence[str]:
    """Take standard input if somebody put something there."""
    mode = os.fstat(sys.stdin.fileno()).st_mode if sys.stdin is not None else 0
    if stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode):
        return [STREAM]
    raise SettingsError("there is nothing to read: name a file with --events FILE, or pipe events in")


def _accounts(args: argparse.Namespace, project: Project) -> list[TableInput]:
    if args.accounts is None:
        return []
    path = _existing(args.accounts)
    ground = project.definition.ground
    assert ground is not None
    kinds = ground.traits.kinds
    return [TableInput(path, _name(path, project.root), lambda table: rows(table, kinds))]


def _existing(given: str) -> Path:
    """Return the path of an input, before a state is made for it in vain."""
    path = Path(given)
    if not path.exists():
        raise JournalUnavailable(f"there is no file {given} (looked for from {Path.cwd()}, wherever -C points)")
    return path


def _name(path: Path, folder: Path) -> str:
    """Return the name under which an input's position is kept: the same however its path was written."""
    whole, base = path.resolve(), folder.resolve()
    return whole.relative_to(base).as_posix() if whole.is_relative_to(base) else str(whole)
