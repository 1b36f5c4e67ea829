"""Files become one tree: `extends`, `include` and `block` are resolved when a template is loaded.

Their names are literal, so nothing is left to resolve when a mail is rendered. Every node keeps where it came from:
its line number counts from a base that belongs to its file (`Origins`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from jinja2 import nodes

from nudger.errors import Problem
from nudger.mail.allow import MAX_NESTING, parse, walk
from nudger.mail.problems import Source, did_you_mean
from nudger.mail.source import MAX_BYTES, Folder

MAX_FILES_DEEP: Final = 10
MAX_INCLUDES: Final = 500
_BASE: Final = 1_000_000
"""More lines than any file can have: the n-th file's lines are numbered from n * _BASE."""


class Origins:
    """The files of one template, and which line of which file a node's line number means."""

    def __init__(self) -> None:
        self._sources: list[Source] = []

    def add(self, source: Source, tree: nodes.Template) -> None:
        """Renumber the lines of *tree*, the tree of *source*."""
        base = len(self._sources) * _BASE
        self._sources.append(source)
        for node in walk(tree):
            node.lineno = base + (node.lineno or 0)

    def of(self, line: int) -> tuple[Source, int]:
        """Return the file and its line for a node's line number."""
        return self._sources[line // _BASE], line % _BASE

    def problem(self, code: str, message: str, line: int, needle: str = "", hint: str = "", start: int = 0) -> Problem:
        """Return a problem at a node's line number; *needle* is looked for from column *start* on."""
        source, own = self.of(line)
        return source.problem(code, message, own, needle, hint, start)


@dataclass(slots=True)
class _File:
    name: str
    extends: nodes.Extends | None = None
    body: list[nodes.Node] = field(default_factory=list)
    blocks: dict[str, nodes.Block] = field(default_factory=dict)


class Flattener:
    """Reads a template with all it extends and includes, and joins them. Gathers `problems` on its way."""

    def __init__(self, folder: Folder, suffix: str, origins: Origins) -> None:
        self.problems: list[Problem] = []
        self._folder = folder
        self._suffix = suffix
        self._origins = origins
        self._files: dict[str, _File | None] = {}
        self._size = 0
        self._includes = 0

    def flatten(self, name: str) -> list[nodes.Node]:
        """Return the body of the file *name*, made of Output, If and For only."""
        return self._joined(name, 0, (), 0)

    def _joined(self, name: str, asked_at: int, above: tuple[str, ...], depth: int) -> list[nodes.Node]:
        chain = self._chain(name, asked_at, above)
        if not chain:
            return []
        blocks: dict[str, nodes.Block] = {}
        for file in chain:  # the file itself comes first, so that its blocks win over the layout's
            blocks = file.blocks | blocks
        names = (*above, *(file.name for file in chain))
        return self._expanded(chain[-1].body, blocks, names, depth)

    def _chain(self, name: str, asked_at: int, above: tuple[str, ...]) -> list[_File]:
        """Return the file *name*, the layout it extends, that one's layout and so on; empty when one is missing."""
        chain: list[_File] = []
        while True:
            if name in above or len(above) >= MAX_FILES_DEEP:
                why = "in a circle" if name in above else f"more than {MAX_FILES_DEEP} deep"
                self._say("T206", f"templates extend or include each other {why}", asked_at, name)
                return []
            file = self._file(name, asked_at)
            if file is None:
                return []
            chain.append(file)
            if file.extends is None or not _literal(file.extends):
                self._check_chain(chain)
                return chain
            above = (*above, name)
            asked_at, name = file.extends.lineno, _literal(file.extends)

    def _file(self, name: str, asked_at: int) -> _File | None:
        if not name.endswith(self._suffix):
            self._say("T207", f"'{name}' is no {self._suffix} file", asked_at, name)
            return None
        if name not in self._files:
            found = self._folder.read(name)
            if isinstance(found, Problem):
                self.problems.append(self._missing(found, name, asked_at))
            self._files[name] = None if isinstance(found, Problem) else self._taken_apart(name, found)
        return self._files[name]

    def _missing(self, problem: Problem, name: str, asked_at: int) -> Problem:
        """Return what is wrong with a file, at the place that asks for it when the file does not exist."""
        if problem.code != "T201" or not asked_at:
            return problem
        return self._origins.problem("T201", problem.message, asked_at, name, problem.hint)

    def _taken_apart(self, name: str, source: Source) -> _File | None:
        tree, problems = parse(source)
        self.problems.extend(problems)
        if tree is None:
            return None
        self._origins.add(source, tree)
        file = _File(name)
        for node in tree.body:
            if isinstance(node, nodes.Extends) and not _shown(file.body):
                file.extends = file.extends or node
            file.body.append(node)
        for node in walk(tree):
            if isinstance(node, nodes.Extends) and node is not file.extends:
                self._say("T207", "{% extends %} stands once, before everything else", node.lineno, "extends")
            elif isinstance(node, nodes.Block):
                if node.name in file.blocks:
                    self._say("T207", f"the block '{node.name}' is there twice", node.lineno, node.name)
                file.blocks[node.name] = node
        return file

    def _check_chain(self, chain: Sequence[_File]) -> None:
        """Refuse what would never be shown: text beside blocks, and blocks that no layout above has."""
        for number, child in enumerate(chain[:-1], 1):
            layout = chain[number].name
            known = {name for file in chain[number:] for name in file.blocks}
            for node in child.body:
                if isinstance(node, nodes.Block):
                    if node.name not in known:
                        hint = did_you_mean(node.name, known)
                        self._say("T207", f"'{layout}' has no block '{node.name}'", node.lineno, node.name, hint)
                elif not isinstance(node, nodes.Extends) and _shown([node]):
                    message = f"this stands beside the blocks and is never shown in '{layout}'"
                    self._say("T207", message, _first(node), hint="move it into a block")

    def _expanded(
        self, body: Sequence[nodes.Node], blocks: dict[str, nodes.Block], names: tuple[str, ...], depth: int
    ) -> list[nodes.Node]:
        out: list[nodes.Node] = []
        for node in body:
            if depth > MAX_NESTING:
                self._say("T205", f"statements are nested more than {MAX_NESTING} deep", node.lineno, "{%")
                return out
            if self._size > MAX_BYTES:
                return out
            out.extend(self._one(node, blocks, names, depth))
        return out

    def _one(
        self, node: nodes.Node, blocks: dict[str, nodes.Block], names: tuple[str, ...], depth: int
    ) -> list[nodes.Node]:
        if isinstance(node, nodes.Block):
            return self._expanded(blocks[node.name].body, blocks, names, depth + 1)
        if isinstance(node, nodes.Include):
            return self._included(node, names, depth)
        if isinstance(node, nodes.If):
            return [self._branches(node, blocks, names, depth)]
        if isinstance(node, nodes.For):
            inner = self._expanded(node.body, blocks, names, depth + 1)
            return [nodes.For(node.target, node.iter, inner, [], None, False, lineno=node.lineno)]
        if isinstance(node, nodes.Output):
            self._measure(node)
            return [node]
        return []

    def _branches(self, node: nodes.If, blocks: dict[str, nodes.Block], names: tuple[str, ...], depth: int) -> nodes.If:
        body = self._expanded(node.body, blocks, names, depth + 1)
        others = [self._branches(branch, blocks, names, depth) for branch in node.elif_]
        return nodes.If(
            node.test, body, others, self._expanded(node.else_, blocks, names, depth + 1), lineno=node.lineno
        )

    def _included(self, node: nodes.Include, names: tuple[str, ...], depth: int) -> list[nodes.Node]:
        self._includes += 1
        if self._includes > MAX_INCLUDES:
            if self._includes == MAX_INCLUDES + 1:
                self._say("T203", f"files are included more than {MAX_INCLUDES} times", node.lineno, "include")
            return []
        return self._joined(_literal(node), node.lineno, names, depth + 1) if _literal(node) else []

    def _measure(self, node: nodes.Output) -> None:
        before = self._size
        self._size += sum(len(child.data) if isinstance(child, nodes.TemplateData) else 1 for child in node.nodes)
        if before <= MAX_BYTES < self._size:
            self._say("T203", f"with all it includes this template is larger than {MAX_BYTES // 1024} kB", node.lineno)

    def _say(self, code: str, message: str, line: int, needle: str = "", hint: str = "") -> None:
        self.problems.append(self._origins.problem(code, message, line, needle, hint))


def _literal(node: nodes.Extends | nodes.Include) -> str:
    """Return the file's name; "" when it is no text in quotes, which `allow` has said already."""
    value = node.template.value if isinstance(node.template, nodes.Const) else ""
    return value if isinstance(value, str) else ""


def _shown(body: Sequence[nodes.Node]) -> bool:
    """Tell whether *body* holds more than white space."""
    return any(
        not isinstance(node, nodes.Output)
        or any(not isinstance(child, nodes.TemplateData) or child.data.strip() for child in node.nodes)
        for node in body
    )


def _first(node: nodes.Node) -> int:
    """Return the line in which the first thing that is more than white space stands."""
    for child in node.nodes if isinstance(node, nodes.Output) else ():
        if not isinstance(child, nodes.TemplateData):
            return child.lineno
        if child.data.strip():
            return child.lineno + child.data[: len(child.data) - len(child.data.lstrip())].count("\n")
    return node.lineno
