"""The text part of a mail, made from its HTML when the template is loaded, not when a mail is rendered.

Block tags become paragraphs or lines, list items begin with "- ", a link becomes "text: address" on a line of its own
or "text (address)" inside a sentence, rows of a data table become "a | b". What is hidden in the HTML (a preheader,
`display: none`) is left out. Statements stay where they were, so the same names fill both parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import unescape
from typing import Final

from nudger.mail.marks import Marked, Piece
from nudger.mail.markup import VOID, words
from nudger.mail.scan import Token, scan

TEXT, SPACE, LINE, PARAGRAPH = range(4)
"""What the text ends in, and what must stand before the next word: each includes the ones before."""

GAP: Final = "\x1f"
"""Between two cells of a row whose cells come from a loop: which of them is the first shows only when rendered."""

_PARAGRAPHS: Final = words("p h1 h2 h3 h4 h5 h6 ul ol dl table blockquote pre hr")
_LINES: Final = words(
    "div li dt dd tr td th tbody thead tfoot caption section article header footer main nav aside address "
    "center body figure figcaption"
)
_SKIPPED: Final = frozenset({"head", "style", "title", "script", "xml"})
_INVISIBLE: Final = re.compile("[\u00ad\u034f\u061c\u180e\u200b\u200c\u200e\u200f\u2060\ufeff]")
_WHITE: Final = re.compile(r"\s+")


@dataclass(slots=True)
class _Tag:
    name: str
    attributes: dict[str, str]
    inside: list[_Node] = field(default_factory=list)


@dataclass(slots=True)
class _Statement:
    """`branches` are (mark, what is inside); `end` is the mark that closes it."""

    branches: list[tuple[int, list[_Node]]]
    loops: bool
    end: int = -1


_Node = str | int | _Tag | _Statement


class _Builder:
    """Reads the inliner's HTML, in which every tag is closed, into a tree."""

    def __init__(self, marked: Marked) -> None:
        self.root = _Tag("body", {})
        self._marked = marked
        self._pattern = marked.pattern()
        self._open: list[_Tag | _Statement] = [self.root]

    def read(self, html: str) -> None:
        """Add what *html* holds to `root`."""
        for token in scan(html):
            top = self._open[-1]
            if token.kind == "start":
                self._start(token)
            elif token.kind == "end" and isinstance(top, _Tag) and top.name == token.text:
                self._open.pop()
            elif token.kind == "text":
                pieces = self._marked.split(unescape(token.text))
                self._inside().extend(piece for piece in pieces if piece != "")
            elif token.kind == "comment":
                self._comment(token.text)

    def _inside(self) -> list[_Node]:
        top = self._open[-1]
        return top.inside if isinstance(top, _Tag) else top.branches[-1][1]

    def _start(self, token: Token) -> None:
        node = _Tag(token.text, dict(token.attributes))
        self._inside().append(node)
        if token.text not in VOID:
            self._open.append(node)

    def _comment(self, text: str) -> None:
        found = self._pattern.fullmatch(f"<!--{text}-->")
        if not found:
            return
        number = int(found[1])
        kind = self._marked.marks[number].kind
        if kind in ("if", "for"):
            statement = _Statement([(number, [])], kind == "for")
            self._inside().append(statement)
            self._open.append(statement)
            return
        top = self._open[-1]
        assert isinstance(top, _Statement)
        if kind == "end":
            top.end = number
            self._open.pop()
        else:
            top.branches.append((number, []))


class _Writer:
    """Writes pieces. `tail` is what they end in; `_wanted` is what must stand before the next word."""

    def __init__(self, marked: Marked) -> None:
        self.pieces: list[Piece] = []
        self._marked = marked
        self._tail = PARAGRAPH
        self._wanted = TEXT

    def want(self, what: int) -> None:
        self._wanted = max(self._wanted, what)

    def flush(self) -> None:
        if self._wanted > self._tail:
            if self._wanted == SPACE:
                self.pieces.append(" ")
            else:
                missing = self._wanted - max(self._tail, SPACE)
                self.pieces.append("\n" * missing)
            self._tail = self._wanted
        self._wanted = TEXT

    def text(self, text: str) -> None:
        text = _WHITE.sub(" ", _INVISIBLE.sub("", text))
        if text.startswith(" "):
            self.want(SPACE)
        if text.strip():
            self.flush()
            self.pieces.append(text.strip())
            self._tail = TEXT
            if text.endswith(" "):
                self.want(SPACE)

    def fill(self, number: int) -> None:
        self.flush()
        self.pieces.append(number)
        self._tail = TEXT

    def glue(self, text: str) -> None:
        """Write *text* so that the next word follows it directly, whatever it wants before itself."""
        self.flush()
        self.pieces.append(text)
        self._tail = PARAGRAPH

    def all(self, nodes: Sequence[_Node]) -> None:
        for index, node in enumerate(nodes):
            if isinstance(node, str):
                self.text(node)
            elif isinstance(node, int):
                self.fill(node)
            elif isinstance(node, _Statement):
                self.statement(node)
            elif node.name == "a" and node.attributes.get("href"):
                self.link(node, nodes[index + 1 :])
            else:
                self.tag(node)

    def statement(self, node: _Statement, cell: str = "") -> None:
        """Write every branch from the same tail; go on from the least that any of them leaves."""
        self.flush()
        before, at = self._tail, len(self.pieces)
        tails = [] if self._has_else(node) else [before]
        for number, inside in node.branches:
            self.pieces.append(number)
            self._tail = before
            self.row(inside, cell) if cell else self.all(inside)
            self.flush()
            tails.append(self._tail)
        if node.loops and self._tail < before:
            del self.pieces[at:]  # a later round begins where the one before it ended: once more, from there
            self.statement(node, cell)
            return
        self.pieces.append(node.end)
        self._tail = min(tails)

    def _has_else(self, node: _Statement) -> bool:
        return self._marked.marks[node.branches[-1][0]].kind == "else"

    def tag(self, node: _Tag) -> None:
        if node.name in _SKIPPED or _hidden(node):
            return
        if node.name == "br":
            self._break()
            return
        around = PARAGRAPH if node.name in _PARAGRAPHS else LINE if node.name in _LINES else TEXT
        self.want(around)
        if node.name == "hr":
            self.text("---")
        elif node.name == "li":
            self.glue("- ")
            self.all(node.inside)
        elif node.name == "tr" and _is_data_row(node):
            self.row(node.inside, GAP if any(isinstance(cell, _Statement) for cell in node.inside) else " | ")
        else:
            self.all(node.inside)
        self.want(around)

    def _break(self) -> None:
        """Write the line break of a `<br>`; a second one makes an empty line."""
        if self._wanted >= LINE:
            self._wanted = PARAGRAPH
        else:
            self.want(LINE)

    def row(self, cells: Sequence[_Node], between: str) -> None:
        """Write the cells of a row of figures; a gap that may be the first one is sorted out when rendered."""
        begun = False
        for cell in cells:
            if isinstance(cell, _Statement):
                self.statement(cell, between)
            elif isinstance(cell, _Tag) and _has_words(cell):
                if begun or between == GAP:
                    self.glue(between)
                self.all(cell.inside)
                begun = True

    def link(self, node: _Tag, following: Sequence[_Node]) -> None:
        alone = max(self._wanted, self._tail) >= LINE and _begins_anew(following)
        shown = node.inside if _has_words(node) else [alt for alt in _alternatives(node) if alt]
        if _hidden(node) or not shown:
            return
        self.all(shown)
        address = self._marked.split(node.attributes["href"])
        if [_bare(address)] == [_bare(shown)]:
            return
        self._wanted = TEXT
        self.glue(": " if alone else " (")
        for piece in address:
            if isinstance(piece, int):
                self.fill(piece)
            else:
                self.text(piece.partition("?")[0].removeprefix("mailto:") if "mailto:" in piece else piece)
        if alone:
            self.want(LINE)
        else:
            self._wanted = TEXT
            self.pieces.append(")")


def derive(html: str, marked: Marked) -> list[Piece]:
    """Return the text part of inlined, marked HTML as pieces."""
    builder = _Builder(marked)
    builder.read(html)
    writer = _Writer(marked)
    writer.all(builder.root.inside)
    return writer.pieces


def tidied(text: str) -> str:
    """Return a rendered text part without the white space that statements and empty values leave behind."""
    if GAP in text:
        text = text.replace(f"\n{GAP}", "\n").replace(GAP, " | ").lstrip(" |")
    if "  " in text:
        text = re.sub("  +", " ", text)
    if " \n" in text or "\n " in text:
        text = re.sub(" ?\n ?", "\n", text)
    return spaced(text)


def spaced(text: str) -> str:
    """Return a rendered text part with at most one empty line between paragraphs and one line feed at its end."""
    if "\n\n\n" in text:
        text = re.sub("\n{3,}", "\n\n", text)
    return text.strip() + "\n"


def _hidden(node: _Tag) -> bool:
    style = node.attributes.get("style", "").replace(" ", "").lower()
    return "hidden" in node.attributes or "display:none" in style


def _nodes_in(node: _Tag) -> Iterator[_Node]:
    """Return everything inside *node* that is shown, at any depth, in order."""
    todo: list[_Node] = list(reversed(node.inside))
    while todo:
        each = todo.pop()
        yield each
        if isinstance(each, _Tag) and not _hidden(each):
            todo += reversed(each.inside)
        elif isinstance(each, _Statement):
            todo += [inner for _, inside in reversed(each.branches) for inner in reversed(inside)]


def _has_words(node: _Tag) -> bool:
    return any(
        isinstance(each, int) or (isinstance(each, str) and _INVISIBLE.sub("", each).strip())
        for each in _nodes_in(node)
    )


def _alternatives(node: _Tag) -> list[str]:
    return [each.attributes.get("alt", "") for each in _nodes_in(node) if isinstance(each, _Tag) and each.name == "img"]


def _is_data_row(row: _Tag) -> bool:
    """Tell whether the cells belong side by side: several of them, or a loop of them, each without blocks."""
    cells = [each for each in row.inside if isinstance(each, _Tag) and each.name in ("td", "th")]
    loops = any(isinstance(each, _Statement) for each in row.inside)
    blocks = (_PARAGRAPHS | _LINES | {"br"}) - {"td", "th"}
    nested = any(isinstance(each, _Tag) and each.name in blocks for each in _nodes_in(row))
    return (len(cells) > 1 or loops) and not nested


def _begins_anew(following: Sequence[_Node]) -> bool:
    """Tell whether what follows a link does not go on with its sentence."""
    for node in following:
        if isinstance(node, str):
            if node.strip():
                return node.strip()[0].isupper()
        elif isinstance(node, _Tag):
            return node.name in _PARAGRAPHS or node.name in _LINES or node.name == "br"
        else:
            return False
    return True


def _bare(pieces: Sequence[_Node]) -> str:
    text = "".join(str(piece) for piece in pieces).strip()
    if text.startswith("mailto:"):
        text = text.partition("?")[0].removeprefix("mailto:")
    return text.removeprefix("https://").rstrip("/")
