"""Show problems to people: with the line and carets under it, in one line each, as JSON, or as GitHub annotations."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final, Literal

from nudger.errors import Problem

Style = Literal["full", "concise", "json", "github"]

_EXCERPT_MAX: Final = 160  # characters of a source line that are shown
_TAB: Final = 4  # columns a tab is shown with
_WORD_MAX: Final = 80  # longer words get no suggestion: nobody mistypes those


def render(problems: Iterable[Problem], style: Style = "full") -> str:
    """Return *problems* in the order of the files, without a line end behind the last line.

    `full` and `concise` close with a summary; without problems they are empty. `json` is one object.
    """
    ordered = sorted(problems, key=lambda found: (found.path, found.line, found.column, found.code))
    match style:
        case "json":
            return _json(ordered)
        case "github":
            return "\n".join(map(_github, ordered))
        case "concise":
            lines = [_headline(problem, with_hint=True) for problem in ordered]
        case "full":
            lines = [_full(problem) for problem in ordered]
    return "\n".join([*lines, summary(ordered)]) if ordered else ""


def summary(problems: Sequence[Problem]) -> str:
    """Return how many there are of each severity, and in how many files: `3 errors, 1 lint in 2 files`."""
    lints = sum(problem.severity == "lint" for problem in problems)
    files = len({problem.path for problem in problems if problem.path})
    counts = [_count(len(problems) - lints, "error"), _count(lints, "lint")]
    said = ", ".join(filter(None, counts)) or "no problems"
    return said + (f" in {_count(files, 'file')}" if files else "")


def suggest(word: str, known: Iterable[str]) -> str:
    """Return `did you mean 'x'?` for the known word that *word* was most likely meant to be; "" for none.

    Words that differ in capitals, `-` and `_` only count as the same; of short words fewer letters may differ.
    """
    candidates = sorted(set(known))
    if word in candidates or len(word) > _WORD_MAX:
        return ""
    for candidate in candidates:
        if _folded(candidate) == _folded(word):
            return f"did you mean '{candidate}'?"
    tolerance = _tolerance(len(word))
    best, nearest = tolerance + 1, ""
    for candidate in candidates:
        if abs(len(candidate) - len(word)) <= tolerance and len(candidate) > tolerance:
            distance = _distance(word.lower(), candidate.lower())
            if distance < best:
                best, nearest = distance, candidate
    return f"did you mean '{nearest}'?" if nearest else ""


def _folded(word: str) -> str:
    return word.casefold().replace("-", "").replace("_", "").replace(" ", "")


def _tolerance(length: int) -> int:
    """Return how many slips of the hand a word of *length* letters may hold."""
    if length < 3:
        return 0
    return 1 if length < 5 else 2 if length < 9 else 3


def _distance(one: str, other: str) -> int:
    """Return how many letters must be added, dropped, changed or swapped with their neighbour."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one):
        earlier, before, row = before, row, [i + 1]
        for j, wanted in enumerate(other):
            cost = min(before[j + 1] + 1, row[j] + 1, before[j] + (letter != wanted))
            if i and j and letter == other[j - 1] and one[i - 1] == wanted:
                cost = min(cost, earlier[j - 1] + 1)
            row.append(cost)
    return row[-1]


def _count(number: int, noun: str) -> str:
    """Return `2 errors`; "" for none."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s") if number else ""


def _headline(problem: Problem, *, with_hint: bool) -> str:
    place = ":".join(str(part) for part in (problem.path, problem.line, problem.column) if part)
    lint = "lint: " if problem.severity == "lint" else ""
    hint = f"; {problem.hint}" if with_hint and problem.hint else ""
    return _printable(f"{place}{': ' if place else ''}{problem.code} {lint}{problem.message}{hint}")


def _full(problem: Problem) -> str:
    shown = bool(problem.source and problem.line and problem.column)
    headline = _headline(problem, with_hint=not shown)
    return "\n".join([headline, *_excerpt(problem)]) if shown else headline


def _excerpt(problem: Problem) -> list[str]:
    """Return the source line with its number, and the line of carets and hint below it."""
    source, column = _window(problem.source, problem.column - 1)
    before, marked = source[:column], source[column : column + max(problem.length, 1)]
    carets = "^" * max(_width(_widened(marked)), 1)
    hint = f" {_printable(problem.hint)}" if problem.hint else ""
    return [
        f"{problem.line:>5} | {_widened(source)}".rstrip(),
        f"      | {' ' * _width(_widened(before))}{carets}{hint}",
    ]


def _window(source: str, column: int) -> tuple[str, int]:
    """Return the part of a long line around *column* (0-based), and the column within that part."""
    if len(source) <= _EXCERPT_MAX:
        return source, column
    begin = max(0, min(column - _EXCERPT_MAX // 2, len(source) - _EXCERPT_MAX))
    part = source[begin : begin + _EXCERPT_MAX]
    dots = "…" if begin else ""
    return dots + part + ("…" if begin + _EXCERPT_MAX < len(source) else ""), column - begin + len(dots)


def _widened(text: str) -> str:
    """Return *text* as it is shown: tabs as spaces, nothing that would steer a terminal."""
    return _printable(text.replace("\t", " " * _TAB))


def _printable(text: str) -> str:
    return "".join("\ufffd" if unicodedata.category(letter) in ("Cc", "Cf", "Cs") else letter for letter in text)


def _width(text: str) -> int:
    """Return the columns that a terminal gives *text*."""
    wide = sum(unicodedata.east_asian_width(letter) in ("W", "F") for letter in text)
    hidden = sum(unicodedata.category(letter) in ("Mn", "Me") for letter in text)
    return len(text) + wide - hidden


def _json(problems: Sequence[Problem]) -> str:
    fields = ("code", "severity", "message", "hint", "path", "line", "column", "length", "source")
    listed = [{name: getattr(problem, name) for name in fields} for problem in problems]
    lints = sum(problem.severity == "lint" for problem in problems)
    return json.dumps({"problems": listed, "errors": len(listed) - lints, "lints": lints}, indent=2)


def _github(problem: Problem) -> str:
    """Return one workflow command; what would end or extend it is escaped."""
    level = "warning" if problem.severity == "lint" else "error"
    properties = {"file": problem.path, "line": problem.line, "col": problem.column, "title": problem.code}
    if problem.column:
        properties["endColumn"] = problem.column + problem.length
    listed = ",".join(f"{name}={_escaped(str(value), ':,')}" for name, value in properties.items() if value)
    message = problem.message + (f"; {problem.hint}" if problem.hint else "")
    return f"::{level} {listed}::{_escaped(message, '')}"


def _escaped(text: str, also: str) -> str:
    for letter in "%\r\n" + also:
        text = text.replace(letter, f"%{ord(letter):02X}")
    return text
