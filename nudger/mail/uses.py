"""Which names of the mail's data a template reads, and which of them may be missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from jinja2 import nodes

from nudger.mail.allow import path_of
from nudger.mail.flatten import Origins

Path = tuple[str, ...]


class Use(NamedTuple):
    """One place that reads a value.

    Attributes:
        path: From the data's top, ("comparison", "*", "plan", "name"): "*" stands for every entry of a list.
        file: As the user knows it.
        line: 1-based.
        column: 1-based, 0 when it was not found in the line.
        optional: The mail works without it: it is only asked for (`is defined`, `{% if x %}`), has a `default`, or
            is read where such a question about it, or about what it is a part of, was answered yes.
    """

    path: Path
    file: str
    line: int
    column: int
    optional: bool


def uses_of(body: Iterable[nodes.Node], origins: Origins) -> tuple[Use, ...]:
    """Return every read of a value in a flattened body, in reading order, each place once."""
    walk = _Walk(origins)
    walk.body(body, {}, frozenset())
    return tuple(dict.fromkeys(walk.found))


def names_in(node: nodes.Node) -> tuple[str, ...]:
    """Return the dotted names that one expression reads, as they are written."""
    path = path_of(node)
    if path:
        return (".".join(path),)
    return tuple(dict.fromkeys(name for child in node.iter_child_nodes() for name in names_in(child)))


class _Walk:
    """`names` maps a loop's name to the path of its entries; `sure` are paths known to be there."""

    def __init__(self, origins: Origins) -> None:
        self.found: list[Use] = []
        self._origins = origins

    def body(self, body: Iterable[nodes.Node], names: Mapping[str, Path], sure: frozenset[Path]) -> None:
        for node in body:
            if isinstance(node, nodes.Output):
                for child in node.nodes:
                    self._value(child, names, sure)
            elif isinstance(node, nodes.If):
                self._if(node, names, sure)
            elif isinstance(node, nodes.For):
                self._value(node.iter, names, sure)
                assert isinstance(node.target, nodes.Name)
                self.body(node.body, {**names, node.target.name: _entries(node.iter, names)}, sure)

    def _if(self, node: nodes.If, names: Mapping[str, Path], sure: frozenset[Path]) -> None:
        for branch in (node, *node.elif_):
            self._value(branch.test, names, sure, asked=True)
            self.body(branch.body, names, sure | _there(branch.test, names, True))
            sure = sure | _there(branch.test, names, False)
        self.body(node.else_, names, sure)

    def _value(self, node: nodes.Node, names: Mapping[str, Path], sure: frozenset[Path], asked: bool = False) -> None:
        """Walk an expression; `asked`: only whether it is there, or true, matters."""
        path = _resolved(node, names)
        if path:
            self._add(node, path, asked or any(path[:length] in sure for length in range(1, len(path) + 1)))
        elif isinstance(node, nodes.And | nodes.Or):
            either = isinstance(node, nodes.Or)
            self._value(node.left, names, sure, asked or either)
            self._value(node.right, names, sure | _there(node.left, names, not either), asked)
        elif isinstance(node, nodes.CondExpr):
            self._value(node.test, names, sure, True)
            self._value(node.expr1, names, sure | _there(node.test, names, True), asked)
            self._value(node.expr2 or node.expr1, names, sure | _there(node.test, names, False), asked)
        else:
            asks = isinstance(node, nodes.Not | nodes.Test)
            has_default = isinstance(node, nodes.Filter) and node.name == "default"
            for number, child in enumerate(node.iter_child_nodes()):
                self._value(child, names, sure, asks or (has_default and number == 0))

    def _add(self, node: nodes.Node, path: Path, optional: bool) -> None:
        written = path_of(node) or path
        if written[0] == "loop":
            return
        source, line = self._origins.of(node.lineno)
        for needle in (".".join(written), written[0]):
            file, shown_line, column = source.place(line, needle)
            if column:
                break
        self.found.append(Use(path, file, shown_line, column, optional))


def _entries(node: nodes.Node, names: Mapping[str, Path]) -> Path:
    """Return the path of the entries of the list that a loop walks over."""
    while isinstance(node, nodes.Filter) and node.node is not None:
        node = node.node
    return (*(_resolved(node, names) or ()), "*")


def _resolved(node: nodes.Node, names: Mapping[str, Path]) -> Path | None:
    path = path_of(node)
    return (*names.get(path[0], path[:1]), *path[1:]) if path else None


def _there(test: nodes.Node, names: Mapping[str, Path], answer: bool) -> frozenset[Path]:
    """Return the paths that must be there when *test* has come out as *answer*."""
    path = _resolved(test.node if isinstance(test, nodes.Test) else test, names)
    if path:
        return frozenset({path}) if answer else frozenset()
    if isinstance(test, nodes.Not):
        return _there(test.node, names, not answer)
    if isinstance(test, nodes.And if answer else nodes.Or):
        parts: Sequence[nodes.Node] = (test.left, test.right)
        return _there(parts[0], names, answer) | _there(parts[1], names, answer)
    return frozenset()
