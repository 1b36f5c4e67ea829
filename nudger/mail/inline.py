"""Styles move into the tags, once, when a template is loaded. Nothing is fetched from anywhere."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import css_inline

from nudger.errors import Problem
from nudger.mail.allow import MAX_MARKS
from nudger.mail.flatten import Origins
from nudger.mail.marks import Marked, Piece
from nudger.mail.markup import Judge
from nudger.mail.source import MAX_BYTES

_MAX_STYLING: Final = 20_000_000
_MAX_PROPERTIES: Final = 300
"""Letters of styles times tags, and different properties: beyond them inlining takes longer than half a second."""

_PROPERTY: Final = re.compile(r"(?<![\w-])[\w-]++(?=\s*+:)")

# What cannot be inlined stays in <style>: @media (dark mode), :hover. Where a value decides about a class, all stays.
_INLINER: Final = css_inline.CSSInliner(
    keep_style_tags=True, remove_inlined_selectors=True, load_remote_stylesheets=False
)
_INLINER_THAT_KEEPS: Final = css_inline.CSSInliner(keep_style_tags=True, load_remote_stylesheets=False)
_WRAP: Final = '<!DOCTYPE html><html><head><meta charset="utf-8"></head><body>', "</body></html>"


@dataclass(frozen=True, slots=True)
class Inlined:
    """HTML with its styles in the tags. `links` are the marks that fill an address."""

    text: str
    pieces: list[Piece]
    links: Collection[int]


class _Findings:
    """Gathers a Judge's findings as problems at the line of the file that an offset in the text belongs to."""

    def __init__(self, marked: Marked, origins: Origins) -> None:
        self.problems: list[Problem] = []
        self._marked = marked
        self._origins = origins
        lengths = (len(piece if isinstance(piece, str) else marked.shown(piece)) for piece in marked.pieces)
        self._starts = list(accumulate(lengths, initial=0))

    def say(self, code: str, message: str, at: int, needle: str, hint: str) -> None:
        """Add a problem at offset *at* of the marked text as it was written."""
        index = min(bisect_right(self._starts, at) - 1, len(self._marked.lines) - 1)
        piece, line, column = self._marked.pieces[index], self._marked.lines[index], 0
        if isinstance(piece, str):
            before = piece[: at - self._starts[index]]
            source, own = self._origins.of(line)
            column = _column(source.lines[own - 1] if own else "", piece.partition("\n")[0], before)
            line += before.count("\n")
        self.problems.append(self._origins.problem(code, message, line, needle, hint, column))

    def say_again(self, code: str, message: str, mark: int) -> None:
        """Add a problem found in what the style inliner made of the template, near mark *mark* (-1: at its head)."""
        line = self._marked.marks[mark].line if mark >= 0 else self._marked.lines[0]
        hint = "a <p> ends where a list, a table or another <p> begins; rows stand in a table"
        self.problems.append(self._origins.problem(code, message, line, hint=hint if code == "T216" else ""))


def _column(line: str, first: str, before: str) -> int:
    """Return the column behind *before*, the part of a piece of text whose first line *first* stands in *line*."""
    if "\n" in before:
        return len(before) - before.rindex("\n")
    return line.find(first) + 1 + len(before) if first else 1 + len(before)


def inline(marked: Marked, origins: Origins) -> Inlined | list[Problem]:
    """Return the mail's HTML with styles in its tags, or what is wrong with it."""
    findings = _Findings(marked, origins)
    text = marked.text()
    judge = Judge(marked, findings.say)
    if len(marked.marks) > MAX_MARKS:
        findings.say("T203", f"more than {MAX_MARKS:,} places are filled in", 0, "", "")
    judge.read(text)
    if len(judge.styles) * judge.elements > _MAX_STYLING or len(set(_PROPERTY.findall(judge.styles))) > _MAX_PROPERTIES:
        findings.say("T203", "these styles are too many for so many tags", 0, "", "delete styles that are not used")
    if findings.problems:
        return findings.problems
    try:
        inliner = _INLINER_THAT_KEEPS if judge.fills_classes else _INLINER
        out = inliner.inline(_repaired(text, judge))
    except css_inline.InlineError as error:
        findings.say("T220", f"the styles cannot be read: {error}", 0, "<style", "")
        return findings.problems
    return _judged_again(out, marked, findings)


def _repaired(text: str, judge: Judge) -> str:
    """Return *text* with the tags that a parser would add in places where a mark would slip out of its tag."""
    for at, tag in sorted(judge.repairs, reverse=True):
        text = text[:at] + tag + text[at:]
    return text if judge.has_body else _WRAP[0] + text + _WRAP[1]


def _judged_again(out: str, marked: Marked, findings: _Findings) -> Inlined | list[Problem]:
    if len(out) > MAX_BYTES:
        findings.say_again("T203", f"with its styles in the tags it is larger than {MAX_BYTES // 1024} kB", -1)
        return findings.problems

    def say(code: str, message: str, at: int, _needle: str, _hint: str) -> None:
        if not findings.problems:  # the others follow from the first one
            before = [piece for piece in marked.split(out[:at]) if isinstance(piece, int)]
            moved = "mail programs would close or move a tag around here"
            findings.say_again(code, moved if code == "T216" else message, before[-1] if before else -1)

    judge = Judge(marked, say)
    judge.read(out)
    if not findings.problems and judge.seen != list(range(len(marked.marks))):
        hint = "text stands in table cells, {% %} between whole tags"
        at = _first_moved(judge.seen, marked)
        findings.say("T215", "mail programs would move or drop what stands here", at, "", hint)
    return findings.problems or Inlined(out, marked.split(out), judge.links)


def _first_moved(found: list[int], marked: Marked) -> int:
    """Return the offset of the first mark that is not where it was written; 0 when the text only imitates one."""
    for number in range(len(marked.marks)):
        if number >= len(found) or found[number] != number:
            before = marked.pieces[: marked.pieces.index(number)]
            return sum(len(piece if isinstance(piece, str) else marked.shown(piece)) for piece in before)
    return 0
