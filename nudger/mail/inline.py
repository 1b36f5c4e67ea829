"""Styles move into the tags, once, when a template is loaded. Nothing is fetched from anywhere."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import css_inline

from nudger.errors import Problem
from nudger.mail.flatten import Origins
from nudger.mail.marks import Marked, Piece
from nudger.mail.markup import Judge
from nudger.mail.source import MAX_BYTES

MAX_MARKS: Final = 2_000
_MAX_STYLING: Final = 20_000_000
"""Letters of styles times tags: beyond it inlining takes longer than a fifth of a second."""

_INLINER: Final = css_inline.CSSInliner(
    keep_style_tags=True,  # what cannot be inlined stays: @media (dark mode), :hover
    remove_inlined_selectors=True,
    load_remote_stylesheets=False,
)
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
        piece, line = self._marked.pieces[index], self._marked.lines[index]
        if isinstance(piece, str):
            line += piece.count("\n", 0, at - self._starts[index])
        self.problems.append(self._origins.problem(code, message, line, needle, hint))

    def say_of_all(self, code: str, message: str, _at: int, _needle: str, hint: str) -> None:
        """Add a problem of the whole file, found in what the style inliner made of it."""
        line = self._marked.lines[0] if self._marked.lines else 0
        source, _ = self._origins.of(line)
        advice = hint or "in this mail as a mail program understands it"
        self.problems.append(source.problem(code, message, hint=advice))


def inline(marked: Marked, origins: Origins) -> Inlined | list[Problem]:
    """Return the mail's HTML with styles in its tags, or what is wrong with it."""
    findings = _Findings(marked, origins)
    text = marked.text()
    judge = Judge(marked, findings.say)
    if len(marked.marks) > MAX_MARKS:
        findings.say("T203", f"more than {MAX_MARKS:,} places are filled in", 0, "", "")
    judge.read(text)
    if judge.styles * judge.elements > _MAX_STYLING:
        findings.say("T203", "these styles are too many for so many tags", 0, "", "delete styles that are not used")
    if findings.problems:
        return findings.problems
    try:
        out = _INLINER.inline(_repaired(text, judge))
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
        findings.say_of_all("T203", f"with its styles in the tags it is larger than {MAX_BYTES // 1024} kB", 0, "", "")
        return findings.problems
    pieces = marked.split(out)
    moved = _first_moved([piece for piece in pieces if isinstance(piece, int)], len(marked.marks))
    if moved is not None:
        at = sum(len(p if isinstance(p, str) else marked.shown(p)) for p in marked.pieces[: marked.pieces.index(moved)])
        hint = "text stands in table cells, {% %} between whole tags"
        findings.say("T215", "mail programs would move or drop what stands here", at, "", hint)
        return findings.problems
    judge = Judge(marked, findings.say_of_all)
    judge.read(out)
    return findings.problems or Inlined(out, pieces, judge.links)


def _first_moved(found: list[int], count: int) -> int | None:
    """Return the first mark that is not where it was written, None when all are in their order, each once."""
    for number in range(count):
        if number >= len(found) or found[number] != number:
            return number
    return None if len(found) == count or not count else count - 1
