"""A flattened template as pieces of text with numbered marks, and back to a tree.

Between the two, the text may go through an HTML parser: a mark for a `{{ }}` looks like a word, which may stand in
text and in attribute values; a mark for a `{% %}` looks like a comment, which may stand between any two tags.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from jinja2 import nodes

from nudger.mail.flatten import Origins
from nudger.mail.sandbox import Origin
from nudger.mail.uses import names_in

Piece = str | int
"""Text, or the number of a mark."""

Kind = Literal["value", "if", "elif", "else", "for", "end"]


@dataclass(frozen=True, slots=True)
class Mark:
    """One `{{ }}` or `{% %}`. `node` is the expression, the If of an if or elif, the If or For of an else or end."""

    kind: Kind
    node: nodes.Node
    line: int


@dataclass(slots=True)
class Marked:
    """A template as text and marks. `lines` holds, for each piece, the node's line number."""

    pieces: list[Piece] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    word: str = ""

    def text(self) -> str:
        """Return all as one text, marks as words and comments."""
        return "".join(piece if isinstance(piece, str) else self.shown(piece) for piece in self.pieces)

    def shown(self, number: int) -> str:
        """Return how mark *number* stands in the text."""
        word = f"{self.word}n{number}z"
        return word if self.marks[number].kind == "value" else f"<!--{word}-->"

    def pattern(self) -> re.Pattern[str]:
        """Return what finds marks in a text; group 1 or 2 is the number of a `{% %}` or `{{ }}`."""
        return re.compile(rf"<!--{self.word}n(\d{{1,6}})z-->|{self.word}n(\d{{1,6}})z", re.ASCII)

    def split(self, text: str) -> list[Piece]:
        """Return *text* as pieces again."""
        pieces: list[Piece] = []
        end = 0
        for found in self.pattern().finditer(text):
            pieces += [text[end : found.start()], int(found[1] or found[2])]
            end = found.end()
        return [*pieces, text[end:]]


def marked(body: Iterable[nodes.Node]) -> Marked:
    """Return a flattened body as text and marks; the marks' word occurs nowhere else in the text."""
    out = Marked()
    _mark(body, out)
    text = "".join(piece for piece in out.pieces if isinstance(piece, str)).lower()
    number = 0
    while f"nudge{number}x" in text:
        number += 1
    out.word = f"nudge{number}x"
    return out


def _mark(body: Iterable[nodes.Node], out: Marked) -> None:
    for node in body:
        if isinstance(node, nodes.Output):
            for child in node.nodes:
                if isinstance(child, nodes.TemplateData):
                    out.pieces.append(child.data)
                    out.lines.append(child.lineno)
                else:
                    _add(out, "value", child)
        elif isinstance(node, nodes.If):
            _mark_if(node, out)
        elif isinstance(node, nodes.For):
            _add(out, "for", node)
            _mark(node.body, out)
            _add(out, "end", node)


def _add(out: Marked, kind: Kind, node: nodes.Node) -> None:
    out.pieces.append(len(out.marks))
    out.lines.append(node.lineno)
    out.marks.append(Mark(kind, node, node.lineno))


def _mark_if(node: nodes.If, out: Marked) -> None:
    _add(out, "if", node)
    _mark(node.body, out)
    for branch in node.elif_:
        _add(out, "elif", branch)
        _mark(branch.body, out)
    if node.else_:
        _add(out, "else", node)
        _mark(node.else_, out)
    _add(out, "end", node)


def origins_of(marks: Sequence[Mark], origins: Origins) -> list[Origin]:
    """Return place and names of every mark, in order."""
    found = []
    for mark in marks:
        source, line = origins.of(mark.line)
        expression = mark.node.test if isinstance(mark.node, nodes.If) else mark.node
        expression = expression.iter if isinstance(expression, nodes.For) else expression
        found.append(Origin((source.place(line), names_in(expression))))
    return found


class Rebuilder:
    """Turns pieces into a tree to compile. `links` are the marks that stand in an href and must be safe addresses."""

    def __init__(self, marks: Sequence[Mark], links: Collection[int] = ()) -> None:
        self._marks = marks
        self._links = links
        self._pieces: Sequence[Piece] = ()
        self._next = 0

    def tree(self, pieces: Sequence[Piece]) -> list[nodes.Node]:
        """Return the body; the line number of every node is its mark's number, counted from 1."""
        self._pieces, self._next = pieces, 0
        return self._body()

    def _body(self) -> list[nodes.Node]:
        """Return all up to the end, or up to a mark that ends or continues the statement around it."""
        out: list[nodes.Node] = []
        shown: list[nodes.Expr] = []
        while self._next < len(self._pieces):
            piece = self._pieces[self._next]
            mark = None if isinstance(piece, str) else self._marks[piece]
            if mark and mark.kind in ("elif", "else", "end"):
                break
            self._next += 1
            if isinstance(piece, str):
                shown += [nodes.TemplateData(piece, lineno=1)] if piece else []
            elif mark and mark.kind == "value":
                shown.append(self._shown(piece, mark.node))
            elif mark:
                out += [nodes.Output(shown, lineno=1)] if shown else []
                shown = []
                out.append(self._statement(piece, mark))
        return [*out, nodes.Output(shown, lineno=1)] if shown else out

    def _shown(self, number: int, node: nodes.Node) -> nodes.Expr:
        assert isinstance(node, nodes.Expr)
        node.lineno = number + 1
        if number not in self._links:
            return node
        return nodes.Filter(node, "_link", [], [], None, None, lineno=number + 1)

    def _statement(self, number: int, mark: Mark) -> nodes.Node:
        if isinstance(mark.node, nodes.For):
            body = self._body()
            self._next += 1  # its end
            return self._loop(number, mark.node, body)
        assert isinstance(mark.node, nodes.If)
        return self._if(number, mark.node)

    def _loop(self, number: int, node: nodes.For, body: list[nodes.Node]) -> nodes.For:
        entries = nodes.Filter(node.iter, "_each", [], [], None, None, lineno=number + 1)
        return nodes.For(node.target, entries, body, [], None, False, lineno=number + 1)

    def _if(self, number: int, node: nodes.If) -> nodes.If:
        out = nodes.If(node.test, self._body(), [], [], lineno=number + 1)
        while True:
            following = self._pieces[self._next]
            assert isinstance(following, int)
            mark = self._marks[following]
            self._next += 1
            if mark.kind == "end":
                return out
            body = self._body()
            if mark.kind == "elif" and isinstance(mark.node, nodes.If):
                out.elif_.append(nodes.If(mark.node.test, body, [], [], lineno=following + 1))
            else:
                out.else_ = body
