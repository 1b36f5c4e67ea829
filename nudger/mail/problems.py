"""What can be wrong with a template: stable codes, and the text a problem points into.

`nudger explain T219` shows the entry of EXPLANATIONS.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from nudger.errors import NudgerError, Problem

EXPLANATIONS: dict[str, str] = {
    "T201": "A template, or a file that it extends or includes, does not exist in the templates folder.",
    "T202": "A template file cannot be read: it must be an ordinary file inside the templates folder, saved as UTF-8.",
    "T203": "A template is too large: a file, and a mail with everything it includes, stay under 256 kB, "
    "2,000 places that are filled in, and a bounded amount of styles.",
    "T204": "The template is not written correctly: a {{, {% or {# is not closed, or a statement has no end.",
    "T205": "Statements or expressions are nested more than 20 deep.",
    "T206": "Files extend or include each other in a circle, or more than 10 deep.",
    "T207": 'A layout is used in a way that cannot work: {% extends "base.html.j2" %} comes first and names its file '
    "in quotes, and a template that extends another holds blocks of that layout and nothing beside them.",
    "T208": "A statement that templates do not have. They have if / elif / else, for, block, extends, include and raw.",
    "T209": "An expression that templates do not have. They have names with dots, texts and numbers in quotes or "
    "digits, comparisons, and / or / not, `is defined`, `x if y else z`, and filters. Calculations belong into the "
    "rule's `let`.",
    "T210": "A name that cannot be used: names are Latin letters, digits and _, and do not begin with _.",
    "T211": "A filter that does not exist. The filters are listed in the documentation of templates.",
    "T212": "A filter was given too many, too few or wrong arguments.",
    "T213": "A test that does not exist; the only one is `is defined`.",
    "T214": "A loop that cannot be used: it walks over one list of the mail's data with one name, without conditions "
    "of its own, at most 4 loops inside each other.",
    "T215": "A {{ }} or {% %} stands where HTML has no room for it: {{ }} may stand in text and in the quotes of an "
    "attribute, {% %} only between tags.",
    "T216": "Tags are not closed in the order they were opened, or an {% if %} or {% for %} cuts through them.",
    "T217": "A tag that mails must not have, such as <script>, <form>, <iframe> or <link>.",
    "T218": "An attribute that mails must not have, such as onclick, or one that is given twice.",
    "T219": "An address that is not safe: href and src are a literal https:// address, href also mailto:, or exactly "
    "one link of the engine: {{ offer.link }} or {{ links.NAME }}.",
    "T220": "Styles that cannot be used: no {{ }} in them, no @import, no expressions, and url() only with https://.",
}

_LINE = 2_000
"""How much of a line is searched for a word to point at; a longer line is not shown as an excerpt."""

Place = tuple[str, int, int]
"""File as the user knows it, line and column (both 1-based; 0 = the whole file or line)."""


class RenderError(NudgerError):
    """One mail could not be rendered; the message says in plain words which value, file and line. No values in it."""


@dataclass(frozen=True, slots=True)
class Source:
    """The text of one file, or of one subject that begins somewhere in a rule file.

    Attributes:
        path: As the user knows it; goes into problems.
        text: Without a byte order mark, lines ended by a line feed.
        line: Where the text begins in its file, 1-based.
        column: Where its first line begins, 1-based.
    """

    path: str
    text: str
    line: int = 1
    column: int = 1
    lines: list[str] = field(init=False, repr=False, compare=False, default_factory=list)

    def __post_init__(self) -> None:
        self.lines.extend(self.text.split("\n"))

    def find(self, line: int, needle: str, start: int = 0) -> tuple[int, int]:
        """Return (column, length) of *needle* in the *line*-th line from column *start* on, else (start, 1)."""
        if not needle or not 1 <= line <= len(self.lines):
            return start, 1
        words = r"\b" if needle[0].isalnum() and needle[-1].isalnum() else ""
        pattern = re.compile(words + re.escape(needle) + words, re.IGNORECASE)
        found = pattern.search(self.lines[line - 1], max(start - 1, 0), max(start, 0) + _LINE)
        return (found.start() + 1, len(needle)) if found else (start, 1)

    def place(self, line: int, needle: str = "", start: int = 0) -> Place:
        """Return where *needle* stands in the *line*-th line, as (file, line, column) of the file; see `find`."""
        column, _ = self.find(line, needle, start)
        shift = self.column - 1 if line == 1 and column else 0
        return self.path, line + self.line - 1 if line else 0, column + shift

    def problem(
        self, code: str, message: str, line: int = 0, needle: str = "", hint: str = "", start: int = 0
    ) -> Problem:
        """Return a problem that points at *needle* in the *line*-th line (0: at the whole file); see `find`."""
        path, shown_line, column = self.place(line, needle, start)
        whole = self.line == 1 and self.column == 1 and 1 <= line <= len(self.lines)
        text = self.lines[line - 1] if whole and len(self.lines[line - 1]) <= _LINE else ""
        _, length = self.find(line, needle, start)
        return Problem(code, message, path, shown_line, column, length, hint, text)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return advice naming the closest of *known*, "" when none is near."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean '{near[0]}'?" if near else ""
