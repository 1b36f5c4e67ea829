"""Say in plain words why YAML could not be read.

PyYAML has two scanners whose wording differs and whose marks agree; here the kind of the failure is taken from
words that both use, and the advice from the text around the mark.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from nudger.errors import Problem

_TEMPLATE: Final = re.compile(r"(?:^\s*(?:- +)*|(?:^\s*(?:- +)*|[{,]\s*)[\w.-]+:\s+)(\{\{)")
_NO_SPACE: Final = re.compile(r"\s*(?:- +)*([\w.-]+:)(?=\S)")
_PAIRS: Final = {"{": "}", "[": "]"}


@dataclass(slots=True)
class Trail:
    """What was being read when the events broke off; lines and columns 0-based.

    Attributes:
        open: The `{` and `[` that are not closed yet, outermost first.
        long_quote: Begin and end of the last quoted text over several lines: mostly a quote somebody forgot.
    """

    open: list[tuple[int, int]] = field(default_factory=list)
    long_quote: tuple[tuple[int, int], tuple[int, int]] | None = None


@dataclass(frozen=True, slots=True)
class _Failure:
    """Where reading stopped (0-based), what was read (None: nothing in particular), and the text around."""

    line: int
    column: int
    context: tuple[int, int] | None
    lines: list[str]
    trail: Trail

    @property
    def text(self) -> str:
        return self.lines[self.line]

    @property
    def character(self) -> str:
        return self.text[self.column : self.column + 1]

    @property
    def before(self) -> str:
        return self.text[: self.column].rstrip()


def opens_template(line: str, column: int) -> bool:
    """Return whether the second brace of a `{{` stands at *column* (0-based)."""
    return column > 0 and line[column - 1 : column + 1] == "{{"


def explain(error: yaml.YAMLError, lines: list[str], trail: Trail) -> Problem:
    """Return the problem that *error* is, with line and column, without path and source."""
    said = f"{getattr(error, 'context', None) or ''}; {getattr(error, 'problem', None) or ''}"
    mark = getattr(error, "problem_mark", None)
    context = getattr(error, "context_mark", None)
    line, column = _inside(mark, lines)
    failure = _Failure(line, column, _inside(context, lines) if context else None, lines, trail)
    template = _TEMPLATE.search(failure.text)
    if template and template.start(1) <= failure.column:
        hint = "put quotes around the whole text; a condition is written without {{ }}"
        return _problem("Y021", "a text that begins with {{ needs quotes", line, template.start(1), 2, hint)
    for words, answer in _ANSWERS:
        if words.search(said):
            return answer(failure)
    return _unreadable(failure)


def _inside(mark: Any, lines: list[str]) -> tuple[int, int]:
    """Return the place of *mark*; the end of the last line with content for one behind it."""
    if mark is not None and mark.line < len(lines) and any(line.strip() for line in lines[mark.line :]):
        return mark.line, mark.column
    last = max((number for number, line in enumerate(lines) if line.strip()), default=0)
    return last, len(lines[last].rstrip())


def _problem(code: str, message: str, line: int, column: int, length: int, hint: str) -> Problem:
    return Problem(code, message, "", line + 1, column + 1, max(length, 1), hint)


def _open_quote(failure: _Failure) -> Problem:
    assert failure.context is not None  # both scanners say where the quote stands
    return _unclosed_quote(failure.context, failure.lines)


def _unclosed_quote(place: tuple[int, int], lines: list[str]) -> Problem:
    line, column = place
    message = f"the quote {lines[line][column]} that begins here is not closed on its line"
    return _problem(
        "Y012", message, line, column, len(lines[line].rstrip()) - column, "end the text with the same quote"
    )


def _escape(failure: _Failure) -> Problem:
    column = failure.text.rfind("\\", 0, failure.column + 1)
    found = re.match(r"\\(?:[xuU][0-9A-Fa-f]*|.)", failure.text[column:])
    shown = found[0] if found else "\\"
    hint = r"write \\ for a backslash, or use single quotes"
    return _problem("Y020", f"`{shown}` means nothing in double quotes", failure.line, column, len(shown), hint)


def _block(failure: _Failure) -> Problem:
    line, column = failure.context or (failure.line, failure.column)
    sign = failure.lines[line][column : column + 1]
    hint = f"put quotes around a text that begins with `{sign}`; a text over several lines begins below a lone `{sign}`"
    return _problem("Y023", f"nothing can follow `{sign}` on its line", line, column, 1, hint)


def _reserved(failure: _Failure) -> Problem:
    line, column = failure.context or (failure.line, failure.column)
    sign = failure.lines[line][column : column + 1]
    shown = "a backtick" if sign == "`" else f"`{sign}`"
    return _problem("Y018", f"a value cannot begin with {shown}", line, column, 1, "put quotes around the value")


def _tag(failure: _Failure) -> Problem:
    line, column = failure.context or (failure.line, failure.column)
    hint = "write `not` in a condition, or put quotes around a text that begins with `!`"
    return _problem("Y007", "a value cannot begin with `!`", line, column, 1, hint)


def _list_item(failure: _Failure) -> Problem:
    hint = "begin the list on the next line, or write [a, b]"
    return _problem("Y026", "a list with `-` cannot begin on this line", failure.line, failure.column, 1, hint)


def _question(failure: _Failure) -> Problem:
    return _problem("Y019", "`?` is not used here", failure.line, failure.column, 1, "write `word: value`")


def _no_colon(failure: _Failure) -> Problem:
    line, column = failure.context or (failure.line, failure.column)
    if tight := _tight(failure.lines, line):
        return tight
    length = len(failure.lines[line].rstrip()) - column
    hint = "write `word: value`; indent the line if it goes on with the text above"
    return _problem("Y016", "a colon is missing on this line", line, column, length, hint)


def _tight(lines: list[str], line: int) -> Problem | None:
    """Return the problem of a `key:value` on *line*, None when there is none."""
    found = _NO_SPACE.match(lines[line])
    if found is None:
        return None
    message = f"a space is missing after `{found[1]}`"
    return _problem("Y016", message, line, found.start(1), len(found[1]), "write `word: value`")


def tight_colon(line: int, column: int) -> Problem:
    """Return the problem of a colon within brackets, at this place (0-based), and a sign without a space between.

    Only the C scanner stops at it, so the tree must be looked through for it too.
    """
    hint = "write `word: value`, or put quotes around a value with a colon"
    return _problem("Y016", "a space is missing after this colon", line, column, 1, hint)


def _unexpected_colon(failure: _Failure) -> Problem:
    return tight_colon(failure.line, failure.column)


def _colon(failure: _Failure) -> Problem:
    if re.search(r":(?:\s|$)", failure.before + " "):
        hint = "put quotes around the whole value"
        return _problem("Y014", "a colon stands inside a value without quotes", failure.line, failure.column, 1, hint)
    above = next((n for n in range(failure.line - 1, -1, -1) if failure.lines[n].strip()), None)
    if above is not None and (tight := _tight(failure.lines, above)):
        return tight
    return _indentation(failure)


def _indentation(failure: _Failure) -> Problem:
    column = len(failure.text) - len(failure.text.lstrip())
    hint = "begin it in the same column as the lines it belongs with"
    message = "this line is indented differently from the lines around it"
    return _problem("Y017", message, failure.line, column, len(failure.text.rstrip()) - column, hint)


def _behind_quote(failure: _Failure) -> Problem | None:
    """Return the problem of text that goes on behind a closing quote or bracket, None when it does not."""
    end = failure.before[-1:]
    if not end or end not in "\"']}":
        return None
    quote = failure.trail.long_quote
    if quote and quote[1] == (failure.line, len(failure.before)):
        return _unclosed_quote(quote[0], failure.lines)
    rest = len(failure.text.rstrip()) - failure.column
    if end in "]}":
        hint = "put quotes around the whole value"
        return _problem("Y013", f"text goes on after `{end}`", failure.line, failure.column, rest, hint)
    hint = f"use the other quotes around all of it, or write it on a line below a `|`; {end} is one text"
    message = "a value that begins with a quote must end with it"
    return _problem("Y013", message, failure.line, failure.column, rest, hint)


def _flow(failure: _Failure) -> Problem:
    """Answer what stopped inside `{ … }` or `[ … ]`."""
    place = failure.context or (failure.line, failure.column)
    opener = failure.lines[place[0]][place[1] : place[1] + 1]
    if behind := _behind_quote(failure):
        return behind
    if opener in _PAIRS and not _closes(failure.lines, place):
        return _unclosed(failure.lines, place)
    sign = failure.character
    hint = "put quotes around the whole value"
    if sign == ":":
        hint = "put a comma before the next key, or quotes around a value with a colon"
    return _problem("Y025", f"`{sign}` cannot stand here without quotes", failure.line, failure.column, 1, hint)


def _closes(lines: list[str], place: tuple[int, int]) -> bool:
    """Return whether the bracket at *place* has its partner; quotes count when they begin a word."""
    text = "\n".join([lines[place[0]][place[1] :], *lines[place[0] + 1 :]])
    expected: list[str] = []
    for found in re.finditer(r"""(?<![^\s\[{,:(])(?:"(?:[^"\\]|\\.)*"|'[^']*')|#.*|[\[\]{}]""", text):
        sign = found[0]
        if sign in _PAIRS:
            expected.append(_PAIRS[sign])
        elif sign in ("]", "}"):
            if sign != expected.pop():
                return False
            if not expected:
                return True
    return False


def _unclosed(lines: list[str], place: tuple[int, int]) -> Problem:
    opener = lines[place[0]][place[1]]
    return _problem("Y011", f"`{opener}` is never closed", *place, 1, f"add `{_PAIRS[opener]}` where it ends")


def _content(failure: _Failure) -> Problem:
    """Answer a sign where a value must begin."""
    at_end = failure.column >= len(failure.text.rstrip())
    if failure.trail.open and (at_end or not _closes(failure.lines, failure.trail.open[-1])):
        return _unclosed(failure.lines, failure.trail.open[-1])
    if failure.character == ":":
        return _no_key(failure)
    return _reserved(failure) if failure.character.strip() else _unreadable(failure)


def _no_key(failure: _Failure) -> Problem:
    return _problem("Y019", "a key is missing here", failure.line, failure.column, 1, "write `word: value`")


def _second(failure: _Failure) -> Problem:
    """Answer what follows the end of the first document."""
    if any(line.startswith("...") for line in failure.lines[: failure.line]):
        message, hint = "a second document begins here", "take out the line with `...`"
        return _problem("Y010", message, failure.line, failure.column, 1, hint)
    return _leftover(failure)


def _leftover(failure: _Failure) -> Problem:
    """Answer what does not belong to the keys or items around it."""
    if behind := _behind_quote(failure):
        return behind
    if failure.character == ":":
        return _no_key(failure)
    return _unreadable(failure) if failure.before.strip("- ") else _indentation(failure)


def _unreadable(failure: _Failure) -> Problem:
    hint = "look at the quotes, colons and indentation here and on the line above"
    return _problem("Y024", "the file cannot be read from here on", failure.line, failure.column, 1, hint)


# In this order: words that both scanners use, and who answers.
_ANSWERS: Final[tuple[tuple[re.Pattern[str], Callable[[_Failure], Problem]], ...]] = tuple(
    (re.compile(words), answer)
    for words, answer in (
        (r"quoted scalar.*(?:end of stream|document)", _open_quote),
        (r"quoted scalar", _escape),
        (r"block scalar", _block),
        (r"plain scalar", _unexpected_colon),
        (r"cannot start any token", _reserved),
        (r"(?:anchor|alias);", _reserved),
        (r"\btag\b", _tag),
        (r"simple key", _no_colon),
        (r"mapping values are not allowed", _colon),
        (r"sequence entries are not allowed", _list_item),
        (r"mapping keys are not allowed", _question),
        (r"node content", _content),
        (r"document start", _second),
        (r"flow (?:mapping|sequence)", _flow),
        (r"block (?:mapping|collection)", _leftover),
    )
)
