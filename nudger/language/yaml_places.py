"""Where in the file each character of a value stands, whatever YAML has folded, unescaped or unindented."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Protocol

Segment = tuple[int, int, int]  # from this offset in the value on: line, column (1-based), the column counting on

_UNIT: Final = {
    "": re.compile(r"\S"),
    "|": re.compile(r"\S"),
    ">": re.compile(r"\S"),
    "'": re.compile(r"''|[^\s']"),
    '"': re.compile(r'\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.|$)|[^\s"\\]'),
}
_BLANK_ESCAPES: Final = frozenset("\\" + letter for letter in "ntr _vfNLP") | {"\\"}


class Mark(Protocol):
    """A place of PyYAML, 0-based."""

    line: int
    column: int


def column_in(lines: list[str], start: Mark, end: Mark, style: str) -> int:
    """Return the column, 0-based, behind what of a scalar is to be underlined on its first line."""
    if style in ("|", ">"):
        return start.column + 1
    last = end.column if end.line == start.line else len(lines[start.line].rstrip())
    return max(last, start.column + 1)


def places(value: str, lines: list[str], start: Mark, end: Mark, style: str) -> tuple[Segment, ...]:
    """Return the segments of *value*, which begins at *start*; the first has offset 0.

    White space moves when YAML folds lines, other characters keep their order: those are followed through the file.
    """
    shift = 1 if style in ("'", '"') else 0
    whole = (0, start.line + 1, start.column + 1 + shift)
    if start.line == end.line and end.column - start.column == len(value) + 2 * shift:
        return (whole,)
    segments: list[Segment] = []
    units = _units(lines, start, style, shift)
    expected = (-1, -1)
    for offset, character in enumerate(value):
        if character.isspace():
            expected = (expected[0], expected[1] + 1)
            continue
        found = next(units, None)
        if found is None:
            break
        if found != expected:
            segments.append((offset, *found))
        expected = (found[0], found[1] + 1)
    if segments and segments[0][0] > 0:  # white space before the first word
        offset, line, column = segments[0]
        segments.insert(0, (0, line, max(column - offset, 1)))
    return tuple(segments) or (whole,)


def _units(lines: list[str], start: Mark, style: str, shift: int) -> Iterator[tuple[int, int]]:
    """Yield line and column (1-based) of each visible character of a scalar, an escape counting as one."""
    pattern = _UNIT[style]
    first = start.line + 1 if style in ("|", ">") else start.line
    for number in range(first, len(lines)):
        begin = start.column + shift if number == start.line else 0
        for unit in pattern.finditer(lines[number], begin):
            if style != '"' or not _blank(unit[0]):
                yield number + 1, unit.start() + 1


def _blank(unit: str) -> bool:
    r"""Return whether an escape stands for white space, as `\n` and `\x20` do; a single `\` continues a line."""
    if not unit.startswith("\\") or unit in _BLANK_ESCAPES:
        return unit in _BLANK_ESCAPES
    return unit[1] in "xuU" and len(unit) > 2 and chr(int(unit[2:], 16)).isspace()
