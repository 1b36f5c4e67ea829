"""Every journal keeps the contract; then what is particular to one of them."""

import contextlib
import io
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from nudger.errors import JournalError, JournalInUse, JournalRefused, JournalUnavailable
from nudger.journals import states
from nudger.journals.files import FileInput, Input, StdinInput, TableInput
from nudger.journals.journal import OutKind
from nudger.journals.memory import MemoryJournal
from nudger.journals.sinks import FileSink, Sink, StreamSink
from nudger.journals.sqlite import SqliteJournal
from tests.integration.journal_contract import NOON, JournalContract, commit_of, positions, runs, state, values


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

    def __init__(self, folder: Path, recent_states: int) -> None:
        self._root = folder
        self._recent_states = recent_states
        self._opened: list[SqliteJournal] = []
        self.folder.mkdir()
        (self.folder / "events").touch()

    @property
    def folder(self) -> Path:
        return self._root / str(len(self._opened))

    def feed(self, values: Sequence[bytes]) -> None:
        with (self.folder / "events").open("ab") as file:
            file.writelines(value + b"\n" for value in values)

    def open(self, *, batch_records: int = 1_000, finite: bool = False) -> SqliteJournal:
        before = self.folder
        journal = SqliteJournal(
            before / "state",
            [FileInput(before / "events", self.source, follow=not finite)],
            {"nudge": FileSink(before / "nudge"), "dead-letter": FileSink(before / "dead-letter")},
            wall=lambda: NOON,
            batch_records=batch_records,
            recent_states=self._recent_states,
        )
        self._opened.append(journal)
        return journal

    def out(self, kind: OutKind) -> list[bytes]:
        return (self.folder / kind).read_bytes().splitlines()

    def close(self) -> None:
        for journal in self._opened:
            journal.close()


class CrashingSqliteWorld(SqliteWorld):
    """The files are copied when a journal is opened over them."""

    @property
    def folder(self) -> Path:
        return self._root / str(max(0, len(self._opened) - 1))

    def open(self, *, batch_records: int = 1_000, finite: bool = False) -> SqliteJournal:
        if self._opened:
            after = self._root / str(len(self._opened))
            shutil.copytree(self.folder, after, ignore=shutil.ignore_patterns("*-shm", "*.lock"))
        return super().open(batch_records=batch_records, finite=finite)
