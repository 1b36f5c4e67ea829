"""How things look: tables, numbers, times and emphasis for people, one JSON object for programs. Reads nothing."""

from __future__ import annotations

import json
import os
import re
import textwrap
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TextIO

WIDTH: Final = 100
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
_UNITS: Final = ((86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1_000, "second"))


class Ink:
    """Emphasis, where it can be seen: on a terminal, unless the environment says NO_COLOR."""

    def __init__(self, stream: TextIO) -> None:
        self._on = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def _painted(self, code: int, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._on and text else text

    def bold(self, text: str) -> str:
        """Return *text* for a heading."""
        return self._painted(1, text)

    def dim(self, text: str) -> str:
        """Return *text* for what one may pass over."""
        return self._painted(2, text)

    def yellow(self, text: str) -> str:
        """Return *text* for what deserves a look."""
        return self._painted(33, text)


def printable(text: str, most: int = 80) -> str:
    """Return *text* from outside as it may stand on a terminal: nothing that steers it, at most *most* letters."""
    clean = "".join(letter if letter.isprintable() else "\ufffd" for letter in text[: most + 1])
    return clean if len(clean) <= most else clean[: most - 1] + "…"


def number(value: int) -> str:
    """Return a whole number with thousands separators."""
    return f"{value:,}"


def several(count: int, noun: str) -> str:
    """Return `1 rule`, `14 rules`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def moment(at: int) -> str:
    """Return milliseconds since 1970 as `2026-03-02 10:00 UTC`."""
    return f"{datetime.fromtimestamp(at // 1000, UTC):%Y-%m-%d %H:%M} UTC"


def rfc3339(at: int) -> str | None:
    """Return milliseconds since 1970 as programs read it; None for 0, which stands for no time."""
    return f"{datetime.fromtimestamp(at // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}" if at else None


def length(milliseconds: int) -> str:
    """Return a length of time as people say it: `90 seconds`, `48 hours`, `40 days`."""
    for unit, noun in _UNITS:
        if milliseconds % unit == 0 and milliseconds > 2 * unit:
            return several(milliseconds // unit, noun)
    return several(milliseconds // 1_000, "second")


def counted(words: Mapping[str, int], room: int = 10 * WIDTH) -> str:
    """Return how often each word came, most frequent first, as many as have *room*: `too_late 9, not_json 2, …`."""
    ordered = sorted(words.items(), key=lambda item: (-item[1], item[0]))
    said = [f"{printable(word, 40)} {number(times)}" for word, times in ordered]
    whole = ", ".join(said)
    while len(whole) > room and len(said) > 1:
        said.pop()
        whole = ", ".join([*said, "…"])
    return whole


def folded(text: str, indent: str) -> str:
    """Return *text* in lines of at most WIDTH; those after the first begin with *indent*."""
    return textwrap.fill(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], ink: Ink, right: str = "") -> list[str]:
    """Return the lines of a table, cut at WIDTH; the columns named in *right* (with blanks between) are flush right."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    to_the_right = [name in right.split() for name in head]
    lines = []
    for row in (head, *rows):
        cells = [
            cell.rjust(width) if flush else cell.ljust(width)
            for cell, width, flush in zip(row, widths, to_the_right, strict=True)
        ]
        line = "  ".join(cells).rstrip()
        lines.append(line if len(line) <= WIDTH else line[: WIDTH - 1].rstrip() + "…")
    return [ink.bold(lines[0]), *lines[1:]]


def shown(path: Path) -> str:
    """Return a path as short as it can be written from here."""
    here, whole = Path.cwd(), path.resolve()
    return str(whole.relative_to(here)) if whole.is_relative_to(here) else str(whole)


def safe_name(text: str) -> str:
    """Return *text* as part of a file name: letters, digits, dots, - and _, at most 80 of them."""
    return _UNSAFE.sub("_", text)[:80].strip(".") or "_"


def as_json(document: Mapping[str, Any]) -> str:
    """Return one JSON object, written to be read by people too."""
    return json.dumps(document, ensure_ascii=False, indent=2)
