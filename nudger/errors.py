"""What can go wrong, sorted by who must act. The lowest room: it imports nothing of nudger.

NudgerError
  DefinitionError(problems)      growth team: gathered over all files, shown together; exit 1
  EventError(code, reason)       billing system: becomes a dead letter, the stream goes on
  JournalError                   operator
    JournalUnavailable           I/O or connection; exit 3, worth another try
    JournalRefused               state, positions or outputs do not fit together; exit 4
    JournalInUse                 another process works on this state; exit 5
  SettingsError                  operator, before the first event is read; exit 2

A silence is no error: it is a verdict with a reason. A broken promise inside the core is an assert.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

Severity = Literal["error", "lint"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding in a file of the growth team, with the place a reader should look at.

    Attributes:
        code: Stable, like ``N102``; `nudger explain N102` tells more.
        message: One sentence in plain words, without the place.
        path: The file as the user knows it (relative to the project); "" when there is none.
        line: 1-based; 0 when the whole file is meant.
        column: 1-based, in characters; 0 when the whole line is meant.
        length: How many characters to underline, at least 1.
        hint: What to do, shown beside the underlining; "" for none.
        source: The text of the line, for the excerpt; "" for none.
        severity: An error stops a run; a lint is advice.
    """

    code: str
    message: str
    path: str = ""
    line: int = 0
    column: int = 0
    length: int = 1
    hint: str = ""
    source: str = ""
    severity: Severity = "error"

    def at(self, path: str, line: int, column: int, length: int = 1, source: str = "") -> Problem:
        """Return the same finding, placed."""
        return replace(self, path=path, line=line, column=column, length=length, source=source)


class NudgerError(Exception):
    """Whatever nudger raises on purpose."""


class DefinitionError(NudgerError):
    """Rules, templates or settings of the project that cannot be used as they stand."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{p.path}:{p.line}:{p.column}: {p.code} {p.message}" for p in self.problems))


class EventError(NudgerError):
    """An event that cannot be counted: set aside with its bytes, a code and a reason."""

    def __init__(self, code: str, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(f"{code}: {reason}")


class JournalError(NudgerError):
    """The journal cannot go on; `exit_code` is what the process ends with."""

    exit_code = 3


class JournalUnavailable(JournalError):
    """A file or a server cannot be reached, read or written."""


class JournalRefused(JournalError):
    """State, positions or outputs do not belong together; going on could lose or double something."""

    exit_code = 4


class JournalInUse(JournalError):
    """Another process is at work on the same state."""

    exit_code = 5


class SettingsError(NudgerError):
    """A setting or an argument that cannot be used."""
