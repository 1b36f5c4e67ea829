"""Read a rule file into a tree of nodes that know their places; every value stays text.

Only the *events* of PyYAML are used: nothing is composed, resolved or constructed, so no word turns into a date, no
`on` into a truth, and no bomb unfolds. What YAML allows and rule files do not need (anchors, tags, merge keys, tabs,
a second document) is refused with advice.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from nudger.errors import Problem
from nudger.language.yaml_places import Segment, column_in, places
from nudger.language.yaml_words import Trail, explain, opens_template, tight_colon

LOADER: type[yaml.SafeLoader] | type[yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
BYTES_MAX: Final = 1_000_000
DEPTH_MAX: Final = 20
PROBLEMS_MAX: Final = 50  # of one file; more of them help nobody, and a hostile file has 300,000

_NULLS: Final = frozenset({"~", "null", "Null", "NULL"})
_REFUSED: Final = re.compile(r"[^\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_DIRECTIVE: Final = re.compile(r"^%", re.MULTILINE)
_COLON: Final = re.compile(r"\s*(?:#[^\n]*\n\s*)*:")
_TIGHT_KEY: Final = re.compile(r"\s*:[,\[\]{}?]")
_TIGHT_COMMENT: Final = re.compile(r"[|>][-+0-9]*#")
_FAR_ESCAPE: Final = re.compile(r"\\U(?!000[0-9A-Fa-f]|0010)[0-9A-Fa-f]{8}")


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text, or None where nothing, `~` or `null` stands.

    Attributes:
        value: As YAML reads it: without quotes, escapes and indentation.
        line: Where it begins, 1-based; of a block scalar the line of its `|` or `>`.
        column: 1-based, in characters; of a quoted text the column of its quote.
        length: Characters to underline on that line, at least 1.
        quoted: Whether it stands in quotes; then `null` is a text.
        segments: For `place`.
    """

    value: str | None
    line: int
    column: int
    length: int
    quoted: bool
    segments: tuple[Segment, ...]

    def place(self, offset: int) -> tuple[int, int]:
        """Return line and column in the file, both 1-based, of the character at *offset* in the value."""
        found = bisect_right(self.segments, offset, key=lambda segment: segment[0]) - 1
        begin, line, column = self.segments[max(found, 0)]
        return line, column + max(offset - begin, 0)


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and values in the order of the file; each key is a non-empty text and stands once."""

    pairs: tuple[tuple[Scalar, Node], ...]
    line: int
    column: int
    by_key: dict[str | None, tuple[Scalar, Node]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_key", {key.value: (key, value) for key, value in self.pairs})


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list, of either spelling."""

    items: tuple[Node, ...]
    line: int
    column: int


Node = Scalar | Mapping | Sequence
Data = str | None | dict[str, "Data"] | list["Data"]


def read(text: str | bytes, path: str, problems: list[Problem]) -> Node | None:
    """Return the tree of one file; None for a file without content, and for one that adds to *problems*.

    Args:
        text: The file; bytes are read as UTF-8.
        path: The file as the user knows it, for the problems.
        problems: Where everything wrong is added, placed.
    """
    before = len(problems)
    decoded = _decoded(text, path, problems)
    if decoded is None:
        return None
    builder = _Builder(decoded, path, problems)
    node = builder.read()
    return node if len(problems) == before else None


def to_data(node: Node) -> Data:
    """Return *node* as dicts, lists, texts and None."""
    match node:
        case Scalar(value=value):
            return value
        case Sequence(items=items):
            return [to_data(item) for item in items]
        case Mapping(pairs=pairs):
            return {key.value or "": to_data(value) for key, value in pairs}


def locate(node: Node, loc: tuple[str | int, ...]) -> tuple[Node, Scalar | None]:
    """Walk from *node* along *loc* as far as it leads.

    A step that names nothing here is passed over: a key that is missing, or the tag of a union.

    Returns:
        The node that was reached, and the key it stands under (None for the root and in lists).
    """
    key: Scalar | None = None
    for step in loc:
        if isinstance(node, Mapping):
            key, node = node.by_key.get(str(step), (key, node))
        elif isinstance(node, Sequence) and isinstance(step, int) and 0 <= step < len(node.items):
            key, node = None, node.items[step]
    return node, key


class _EnoughError(Exception):
    """The rest of the file is not read."""


def _decoded(text: str | bytes, path: str, problems: list[Problem]) -> str | None:
    """Return *text* with one kind of line end and a last one; None when it holds what no rule file may."""
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "replace"))
    if size > BYTES_MAX:
        problems.append(Problem("Y004", "this file is larger than 1 MB", path, hint="split it into several files"))
        return None
    plain, foreign = (text, None) if isinstance(text, str) else _from_utf8(text)
    plain = _one_line_end(plain)
    if not plain.endswith("\n"):
        plain += "\n"
    if foreign is not None:
        message, hint = "this file is not saved as UTF-8", "save it again with the encoding UTF-8"
        problems.append(_problem_at(plain, foreign, "Y001", message, hint, path))
        return None
    if wrong := _REFUSED.search(plain):
        if wrong[0] == "\t":
            code, message, hint = "Y003", "this line holds a tab", r"use spaces; in a quoted text write \t"
        else:
            code, hint = "Y002", "take it out"
            message = f"the invisible character U+{ord(wrong[0]):04X} stands here"
        problems.append(_problem_at(plain, wrong.start(), code, message, hint, path))
        return None
    if directive := _DIRECTIVE.search(plain):  # the two scanners differ on what follows
        message = "a line that begins with `%` is not used here"
        problems.append(_problem_at(plain, directive.start(), "Y022", message, "take it out", path))
        return None
    return plain


def _from_utf8(text: bytes) -> tuple[str, int | None]:
    """Return *text* decoded and, where it is no UTF-8, the offset of the first bad character."""
    try:
        return text.decode("utf-8"), None
    except UnicodeDecodeError as error:
        known = text[: error.start].decode("utf-8")
        return known + text[error.start :].decode("utf-8", "replace"), len(_one_line_end(known))


def _one_line_end(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _problem_at(text: str, offset: int, code: str, message: str, hint: str, path: str) -> Problem:
    begin = text.rfind("\n", 0, offset) + 1
    source = text[begin : text.find("\n", begin)]
    return Problem(code, message, path, text.count("\n", 0, offset) + 1, offset - begin + 1, hint=hint, source=source)


class _Builder:
    """Makes nodes out of the events of one text; keeps what `explain` needs when the events break off."""

    def __init__(self, text: str, path: str, problems: list[Problem]) -> None:
        self._text = text
        self._lines = text.split("\n")
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line) + 1)
        self._path = path
        self._problems = problems
        self._limit = len(problems) + PROBLEMS_MAX
        self._trail = Trail()
        self._events: Iterator[Any] = iter(())

    def read(self) -> Node | None:
        try:
            parsing: Any = yaml.parse(self._text, Loader=LOADER)  # a generator, which the stubs do not say
            with closing(parsing) as self._events:
                return self._document()
        except _EnoughError:
            pass
        except yaml.YAMLError as error:
            self._add(explain(error, self._lines, self._trail))
        except (ValueError, OverflowError):
            # The Python loader's way of saying that an escape such as \U00110000 is no character.
            self._refuse_far_escape()
        return None

    def _refuse_far_escape(self) -> None:
        found = _FAR_ESCAPE.search(self._text)
        line = self._text.count("\n", 0, found.start()) if found else 0
        column = found.start() - self._starts[line] if found else 0
        self._add(Problem("Y020", "this escape is no character", "", line + 1, column + 1, 10, r"write \\ for \ "))

    # -- places, 0-based as those of the scanners

    def _offset(self, mark: Any) -> int:
        begin: int = self._starts[mark.line]
        column: int = mark.column
        return begin + column

    def _place(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._starts, offset) - 1
        return line, offset - self._starts[line]

    # -- problems

    def _add(self, problem: Problem) -> None:
        source = self._lines[problem.line - 1] if 0 < problem.line <= len(self._lines) else ""
        self._problems.append(problem.at(self._path, problem.line, problem.column, problem.length, source))
        if len(self._problems) >= self._limit:
            raise _EnoughError

    def _refuse(self, mark: Any, code: str, message: str, hint: str, length: int = 1) -> None:
        self._add(Problem(code, message, "", mark.line + 1, mark.column + 1, length, hint))

    # -- nodes

    def _document(self) -> Node | None:
        next(self._events)
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        node = self._node(next(self._events), 1)
        next(self._events)
        event = next(self._events)
        if isinstance(event, yaml.DocumentStartEvent):
            hint = "take out the `---`, or make it a file of its own"
            self._refuse(event.start_mark, "Y010", "a second document begins here", hint, 3)
        return node

    def _node(self, event: Any, depth: int, colon: int | None = None) -> Node:
        """Return the node that begins with *event*; *colon* is the offset behind its key's colon."""
        mark = event.start_mark
        if event.anchor is not None:
            sign = "*" if isinstance(event, yaml.AliasEvent) else "&"
            hint = f"write it out again, or put quotes around a text that begins with `{sign}`"
            message = f"`{sign}{event.anchor}` repeats a part of the file; rule files do not"
            self._refuse(mark, "Y006", message, hint, len(event.anchor) + 1)
        elif event.tag is not None:
            hint = "write `not` in a condition, or put quotes around a text that begins with `!`"
            self._refuse(mark, "Y007", "a value cannot begin with `!`", hint)
        if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            if depth > DEPTH_MAX:
                message = f"this is nested more than {DEPTH_MAX} levels deep"
                self._refuse(mark, "Y005", message, "give parts names of their own")
                raise _EnoughError
            return self._collection(event, depth)
        return self._scalar(event, colon)

    def _collection(self, event: Any, depth: int) -> Mapping | Sequence:
        mark = event.start_mark
        bracket = self._lines[mark.line][mark.column : mark.column + 1] in ("{", "[")  # `[a: b]` holds one without
        if bracket:
            self._trail.open.append((mark.line, mark.column))
        node: Mapping | Sequence
        if isinstance(event, yaml.MappingStartEvent):
            node = Mapping(tuple(self._pairs(event, depth)), mark.line + 1, mark.column + 1)
        else:
            node = Sequence(tuple(self._items(depth)), mark.line + 1, mark.column + 1)
        if bracket:
            self._trail.open.pop()
        return node

    def _items(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            yield self._node(event, depth + 1)

    def _pairs(self, start: Any, depth: int) -> Iterator[tuple[Scalar, Node]]:
        seen: dict[str, Scalar] = {}
        behind = ""  # the last value as written, to see whether a comma has split it
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, depth)
            self._refuse_lone(event, key, behind, in_braces=bool(start.flow_style))
            self._refuse_twice(event, key, seen)
            colon = _COLON.match(self._text, self._offset(event.end_mark))
            value = self._node(next(self._events), depth + 1, colon.end() if colon else None)
            behind = (value.value or "") if isinstance(value, Scalar) else ""
            yield key, value

    def _key(self, event: Any, depth: int) -> Scalar:
        mark = event.start_mark
        if not isinstance(event, yaml.ScalarEvent | yaml.AliasEvent):
            if opens_template(self._lines[mark.line], mark.column):
                hint = "put quotes around the whole text; a condition is written without {{ }}"
                problem = Problem("Y021", "a text that begins with {{ needs quotes", length=2, hint=hint)
                self._add(problem.at("", mark.line + 1, mark.column, 2))
            else:
                self._refuse(mark, "Y019", "a key is a word, not a list or a mapping", "write `word: value`")
            raise _EnoughError
        key = self._node(event, depth)
        assert isinstance(key, Scalar)  # the event is none of a collection
        if isinstance(event, yaml.AliasEvent):
            return key
        if key.value == "<<" and not key.quoted:
            self._refuse(mark, "Y008", "`<<` merges mappings; rule files do not", "write the keys out", 2)
        elif not key.value:
            self._refuse(mark, "Y019", "a key is missing here", "write `word: value`", key.length)
        elif "\n" in key.value:
            self._refuse(mark, "Y019", "a key stands on one line", "write `word: value`", key.length)
        return key

    def _refuse_lone(self, event: Any, key: Scalar, behind: str, *, in_braces: bool) -> None:
        """Refuse a key without a colon: in braces it is mostly what a comma has cut off an expression."""
        mark, end = event.start_mark, self._offset(event.end_mark)
        if isinstance(event, yaml.AliasEvent):
            return
        if self._trail.open and not event.style and (tight := _TIGHT_KEY.match(self._text, end)):
            self._add(tight_colon(*self._place(tight.end() - 2)))
            return
        if self._lines[mark.line][: mark.column].rstrip().endswith("?"):
            self._refuse(mark, "Y019", "`?` is not used here", "write `word: value`", key.length)
            return
        if not key.value or _COLON.match(self._text, end):
            return
        if not in_braces:
            return  # the events break off right behind it, and the advice of that is better
        hint = "a comma inside { … } ends the value: put quotes around the whole expression"
        if behind.count("(") <= behind.count(")"):
            hint += ", or write `word: value`"
        self._refuse(mark, "Y015", f"`{key.value}` has no value", hint, key.length)

    def _refuse_twice(self, event: Any, key: Scalar, seen: dict[str, Scalar]) -> None:
        if key.value is None:
            return
        first = seen.setdefault(key.value, key)
        if first is not key:
            message = f"key '{key.value}' stands here twice, first on line {first.line}, column {first.column}"
            self._refuse(event.start_mark, "Y009", message, "keep one of the two", key.length)

    def _scalar(self, event: Any, colon: int | None) -> Scalar:
        mark, end = event.start_mark, event.end_mark
        style = event.style or "" if isinstance(event, yaml.ScalarEvent) else ""
        if isinstance(event, yaml.AliasEvent) or not (event.value or style):
            return self._nothing(self._offset(mark) if colon is None else colon)
        quoted = style in ("'", '"')
        if quoted and end.line > mark.line:
            self._trail.long_quote = ((mark.line, mark.column), (end.line, end.column))
        scalar = Scalar(
            None if not style and event.value in _NULLS else event.value,
            mark.line + 1,
            mark.column + 1,
            column_in(self._lines, mark, end, style) - mark.column,
            quoted,
            places(event.value, self._lines, mark, end, style),
        )
        self._refuse_signs(event, style, scalar)
        return scalar

    def _nothing(self, offset: int) -> Scalar:
        """Return the value that is left out; the two scanners differ on the white space before it, so it has none."""
        line, column = self._place(offset)
        return Scalar(None, line + 1, column + 1, 1, quoted=False, segments=((0, line + 1, column + 1),))

    def _refuse_signs(self, event: Any, style: str, scalar: Scalar) -> None:
        """Refuse what one of the two scanners takes and the other does not, and what cannot be shown."""
        mark = event.start_mark
        if style in ("|", ">") and _TIGHT_COMMENT.match(self._lines[mark.line], mark.column):
            message = f"nothing can follow `{style}` on its line"
            self._refuse(mark, "Y023", message, "put a space before the comment")
        if self._trail.open and not style and (found := event.value.find("?")) >= 0:
            line, column = scalar.place(found)
            hint = "put quotes around the whole value"
            self._add(Problem("Y025", "`?` cannot stand here without quotes", "", line, column, 1, hint))
        if wrong := _UNPRINTABLE.search(event.value):
            message = f"this text holds the invisible character U+{ord(wrong[0]):04X}"
            self._refuse(mark, "Y002", message, "take it out")
