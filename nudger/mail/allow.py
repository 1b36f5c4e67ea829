"""The allow-list: what a template may consist of, judged on Jinja's own tree when a file is loaded.

Whatever is not named here is refused, so that nothing that could run long, grow, call or escape ever gets to run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from jinja2 import Environment, TemplateSyntaxError, nodes

from nudger.errors import Problem
from nudger.mail.formats import FILTERS
from nudger.mail.problems import Source, did_you_mean
from nudger.mail.sandbox import LOOP_FIELDS

MAX_NESTING: Final = 20
MAX_LOOPS: Final = 4
MAX_MARKS: Final = 2_000
"""{{ }} and {% %}, in one file and in one mail's template with all it includes."""

_MAX_PROBLEMS: Final = 50
"""Of one file; a file with more has one cause for all of them."""

_MAX_CONSTANTS: Final = 20
_MAX_NUMBER: Final = 10**15

_PARSER = Environment(trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, autoescape=True)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}\Z")
_RESERVED: Final = frozenset({"self", "super", "caller", "varargs", "kwargs", "loop"})

_ENGINE: Final = frozenset({"offer", "links"})
"""An href may be filled from these; under another meaning they would let any value in."""

_STATEMENTS: Final[dict[type[nodes.Node], str]] = {
    nodes.Macro: "{% macro %}",
    nodes.CallBlock: "{% call %}",
    nodes.Import: "{% import %}",
    nodes.FromImport: "{% from %}",
    nodes.Assign: "{% set %}",
    nodes.AssignBlock: "{% set %}",
    nodes.With: "{% with %}",
    nodes.FilterBlock: "{% filter %}",
    nodes.Scope: "{% autoescape %}",
    nodes.ScopedEvalContextModifier: "{% autoescape %}",
}
_EXPRESSIONS: Final[dict[type[nodes.Node], tuple[str, str]]] = {
    nodes.Call: (
        "calling something with ( ) is",
        "(",
    ),
    nodes.Add: ("calculating with + is", "+"),
    nodes.Sub: ("calculating with - is", "-"),
    nodes.Mul: ("calculating with * is", "*"),
    nodes.Div: ("calculating with / is", "/"),
    nodes.FloorDiv: ("calculating with // is", "//"),
    nodes.Mod: ("calculating with % is", "%"),
    nodes.Pow: ("calculating with ** is", "**"),
    nodes.Concat: ("joining texts with ~ is", "~"),
    nodes.Dict: ("a { } of values is", "{"),
    nodes.Slice: ("cutting out a part with [ : ] is", ":"),
}
_HINTS: Final[dict[type[nodes.Node], str]] = {
    nodes.Call: "filters do such work: {{ bill | money }}",
    nodes.Concat: "write the parts one after the other: {{ a }}{{ b }}",
}


def path_of(node: nodes.Node) -> tuple[str, ...] | None:
    """Return ("plan", "name") for `plan.name` or `plan["name"]`, with "*" for a list's number; None for no path."""
    path: list[str] = []
    while not isinstance(node, nodes.Name):
        if isinstance(node, nodes.Getattr):
            path.append(node.attr)
        elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
            path.append(node.arg.value if isinstance(node.arg.value, str) else "*")
        else:
            return None
        node = node.node
    return (node.name, *reversed(path))


def parse(source: Source) -> tuple[nodes.Template | None, list[Problem]]:
    """Return Jinja's tree of *source* and everything in it that is not allowed; no tree when it cannot be read."""
    if source.text.count("{{") + source.text.count("{%") > MAX_MARKS:
        return None, [source.problem("T203", f"there are more than {MAX_MARKS:,} {{{{ }}}} and {{% %}} in this file")]
    try:
        tree = _PARSER.parse(source.text)
    except TemplateSyntaxError as error:
        message, brace = _plain_words(error.message or ""), _first_brace(source, error.lineno)
        return None, [source.problem("T204", message, error.lineno, brace)]
    except RecursionError:
        return None, [source.problem("T205", f"this template is nested more than {MAX_NESTING} deep")]
    except Exception as error:
        return None, [source.problem("T204", f"this template cannot be read ({type(error).__name__})")]
    return tree, _Judge(source).judged(tree)


def _first_brace(source: Source, line: int) -> str:
    if 1 <= line <= len(source.lines):
        found = re.search(r"\{[{%#]", source.lines[line - 1])
        return found[0] if found else ""
    return ""


def _plain_words(message: str) -> str:
    """Return Jinja's words for a syntax error, without its terms for programmers."""
    message = message.strip().rstrip(".")
    for term, word in _WORDS:
        message = message.replace(term, word)
    return message[:1].lower() + message[1:]


class _Judge:
    """Walks one file's tree and gathers problems. `loops` are the names that loops around a node have given."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._problems: list[Problem] = []
        self._statements: dict[type[nodes.Node], Callable[[Any, int, tuple[str, ...]], None]] = {
            nodes.Output: self._output,
            nodes.If: self._if,
            nodes.For: self._for,
            nodes.Block: self._block,
            nodes.Extends: self._extends,
            nodes.Include: self._include,
        }
        self._expressions: dict[type[nodes.Node], Callable[[Any, int, tuple[str, ...]], None]] = {
            nodes.TemplateData: lambda *_: None,
            nodes.Name: self._path,
            nodes.Getattr: self._path,
            nodes.Getitem: self._path,
            nodes.Const: self._const,
            nodes.Neg: self._negative,
            nodes.List: self._constants,
            nodes.Tuple: self._constants,
            nodes.Compare: self._compare,
            nodes.And: self._both,
            nodes.Or: self._both,
            nodes.Not: lambda node, depth, loops: self._expression(node.node, depth, loops),
            nodes.CondExpr: self._choice,
            nodes.Filter: self._filter,
            nodes.Test: self._test,
        }

    def judged(self, tree: nodes.Template) -> list[Problem]:
        """Return everything in *tree* that is not allowed, in the order of the file."""
        self._body(tree.body, 0, ())
        return self._problems

    def _say(self, code: str, message: str, node: nodes.Node, needle: str = "", hint: str = "") -> None:
        if len(self._problems) < _MAX_PROBLEMS:
            self._problems.append(self._source.problem(code, message, _line(node), needle, hint))

    def _body(self, body: Sequence[nodes.Node], depth: int, loops: tuple[str, ...]) -> None:
        for node in body:
            self._statement(node, depth + 1, loops)

    def _statement(self, node: nodes.Node, depth: int, loops: tuple[str, ...]) -> None:
        handle = self._statements.get(type(node))
        if depth > MAX_NESTING:
            self._say("T205", f"statements are nested more than {MAX_NESTING} deep", node, "{%")
        elif handle:
            handle(node, depth, loops)
        else:
            name = _STATEMENTS.get(type(node), "this statement")
            self._say("T208", f"{name} is not part of templates", node, name[3:-3] if "%" in name else "{%", _INSTEAD)

    def _output(self, node: nodes.Output, _depth: int, loops: tuple[str, ...]) -> None:
        for child in node.nodes:
            if isinstance(child, nodes.Const) and type(child.value) not in (str, int, float):
                self._say("T209", "there is nothing to show", child)
            self._expression(child, 0, loops)

    def _if(self, node: nodes.If, depth: int, loops: tuple[str, ...]) -> None:
        for branch in (node, *node.elif_):
            self._expression(branch.test, 0, loops)
            self._body(branch.body, depth, loops)
        self._body(node.else_, depth, loops)

    def _for(self, node: nodes.For, depth: int, loops: tuple[str, ...]) -> None:
        if node.recursive:
            self._say("T214", "a loop cannot be recursive", node, "recursive")
        if node.test is not None:
            self._say("T214", "a loop has no condition of its own", node, "if", "put an {% if %} inside the loop")
        if node.else_:
            self._say("T214", "a loop has no {% else %}", node, "for", "ask with {% if %} before the loop")
        if len(loops) >= MAX_LOOPS:
            self._say("T214", f"more than {MAX_LOOPS} loops stand inside each other", node, "for")
        if not isinstance(node.target, nodes.Name):
            self._say("T214", "a loop gives its entries one name", node, "for", "{% for row in comparison %}")
            return
        self._name(node.target.name, node.target)
        if node.target.name in _ENGINE:
            self._say(
                "T210", f"a loop cannot use the name '{node.target.name}'; it is the engine's", node.target, "for"
            )
        if not is_list_path(node.iter):
            self._say(
                "T214", "a loop walks over a list of the mail's data", node.iter, "in", "{% for row in comparison %}"
            )
        else:
            self._expression(node.iter, 0, loops)
        self._body(node.body, depth, (*loops, node.target.name))

    def _block(self, node: nodes.Block, depth: int, loops: tuple[str, ...]) -> None:
        if node.required:
            self._say("T207", "a block cannot be required", node, "required", "delete the word required")
        self._body(node.body, depth, loops)

    def _extends(self, node: nodes.Extends, _depth: int, _loops: tuple[str, ...]) -> None:
        if not _names_a_file(node.template):
            self._say("T207", "{% extends %} names its file in quotes", node, "extends", _LAYOUT)

    def _include(self, node: nodes.Include, _depth: int, _loops: tuple[str, ...]) -> None:
        if not _names_a_file(node.template):
            self._say(
                "T207", "{% include %} names one file in quotes", node, "include", '{% include "footer.html.j2" %}'
            )
        if node.ignore_missing or not node.with_context:
            self._say("T207", "{% include %} takes a file's name and nothing else", node, "include")

    def _expression(self, node: nodes.Node, depth: int, loops: tuple[str, ...]) -> None:
        handle = self._expressions.get(type(node))
        if depth > MAX_NESTING:
            self._say("T205", f"this expression is nested more than {MAX_NESTING} deep", node, "{{")
        elif handle:
            handle(node, depth + 1, loops)
        else:
            words, needle = _EXPRESSIONS.get(type(node), ("this expression is", ""))
            hint = _HINTS.get(type(node), "calculations belong into the rule's let")
            self._say("T209", f"{words} not part of templates", node, needle, hint)

    def _name(self, name: str, node: nodes.Node) -> None:
        if name.startswith("_") or name in _RESERVED:
            self._say("T210", f"the name '{name}' cannot be used in templates", node, name)
        elif not _NAME.match(name):
            self._say("T210", f"the name '{name}' is not made of Latin letters, digits and _", node, name)

    def _path(self, node: nodes.Expr, _depth: int, loops: tuple[str, ...]) -> None:
        path = path_of(node)
        if path is None:
            self._say("T209", "only a name may stand before a dot or [ ], and a text or number inside [ ]", node, "[")
        elif path[0] == "loop":
            self._loop_field(node, path, loops)
        elif len(path) > MAX_NESTING:
            self._say("T205", f"this name has more than {MAX_NESTING} parts", node, path[0])
        else:
            for name in path:
                if name != "*":
                    self._name(name, node)

    def _loop_field(self, node: nodes.Expr, path: tuple[str, ...], loops: tuple[str, ...]) -> None:
        if not loops:
            self._say("T214", "'loop' is known inside a loop only", node, "loop")
        elif len(path) != 2 or path[1] not in LOOP_FIELDS:
            known = ", ".join(f"loop.{name}" for name in sorted(LOOP_FIELDS))
            self._say("T214", f"'{'.'.join(path)}' is not known", node, ".".join(path), f"there are {known}")

    def _const(self, node: nodes.Const, _depth: int, _loops: tuple[str, ...]) -> None:
        value = node.value
        if isinstance(value, str):
            if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
                self._say("T209", "this text holds half a character (a lone surrogate)", node, "\\u")
        elif isinstance(value, int | float) and not -_MAX_NUMBER < value < _MAX_NUMBER:
            self._say("T209", "this number is too large", node)

    def _negative(self, node: nodes.Neg, depth: int, loops: tuple[str, ...]) -> None:
        if not isinstance(node.node, nodes.Const) or not isinstance(node.node.value, int | float):
            self._say("T209", "calculating with - is not part of templates", node, "-")
        else:
            self._const(node.node, depth, loops)

    def _constants(self, node: nodes.List | nodes.Tuple, depth: int, loops: tuple[str, ...]) -> None:
        if len(node.items) > _MAX_CONSTANTS or not all(isinstance(item, nodes.Const) for item in node.items):
            self._say("T209", f"a list in a template holds at most {_MAX_CONSTANTS} texts or numbers", node, "[")
        else:
            for item in node.items:
                self._expression(item, depth, loops)

    def _compare(self, node: nodes.Compare, depth: int, loops: tuple[str, ...]) -> None:
        for part in (node.expr, *(operand.expr for operand in node.ops)):
            self._expression(part, depth, loops)

    def _both(self, node: nodes.BinExpr, depth: int, loops: tuple[str, ...]) -> None:
        self._expression(node.left, depth, loops)
        self._expression(node.right, depth, loops)

    def _choice(self, node: nodes.CondExpr, depth: int, loops: tuple[str, ...]) -> None:
        if node.expr2 is None:
            self._say("T209", "x if y needs an else", node, "if", 'for example {{ "new" if row.first else "" }}')
            return
        for part in (node.test, node.expr1, node.expr2):
            self._expression(part, depth, loops)

    def _filter(self, node: nodes.Filter, depth: int, loops: tuple[str, ...]) -> None:
        spec = FILTERS.get(node.name)
        if node.node is None or spec is None:
            hint = did_you_mean(node.name, FILTERS) or f"there are {', '.join(sorted(FILTERS))}"
            if node.name in ("safe", "escape", "e"):
                hint = "values are always escaped; write HTML into the template, not into values"
            self._say("T211", f"there is no filter '{node.name}'", node, node.name, hint)
            return
        if node.kwargs or node.dyn_args or node.dyn_kwargs or not spec.least <= len(node.args) <= spec.most:
            wanted = f"{spec.least} to {spec.most}" if spec.least != spec.most else f"{spec.most or 'no'}"
            self._say("T212", f"the filter '{node.name}' takes {wanted} arguments", node, node.name)
        elif spec.kind is Any:
            self._expression(node.args[0], depth, loops)
        else:
            self._arguments(node, spec.kind)
        self._expression(node.node, depth, loops)

    def _arguments(self, node: nodes.Filter, kind: type) -> None:
        for argument in node.args:
            value = argument.value if isinstance(argument, nodes.Const) else None
            fits = 0 <= value <= 6 if type(value) is int else isinstance(value, str) and len(value) <= 200
            if type(value) is not kind or not fits:
                words = "a text in quotes, of at most 200 letters" if kind is str else "a number from 0 to 6"
                self._say("T212", f"the filter '{node.name}' takes {words}", node, node.name)
            else:
                self._expression(argument, 0, ())

    def _test(self, node: nodes.Test, depth: int, loops: tuple[str, ...]) -> None:
        if node.name != "defined":
            hint = did_you_mean(node.name, ["defined"]) or "there is `is defined`, and ==, <, > and in"
            self._say("T213", f"there is no test 'is {node.name}'", node, node.name, hint)
        elif node.args or node.kwargs or node.dyn_args or node.dyn_kwargs or path_of(node.node) is None:
            self._say("T213", "`is defined` stands behind a name", node, "defined")
        else:
            self._expression(node.node, depth, loops)


def _names_a_file(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Const) and isinstance(node.value, str) and node.value != ""


def walk(tree: nodes.Node) -> Iterator[nodes.Node]:
    """Yield *tree* and every node in it, in the order of the file, however deep they are nested."""
    todo = [tree]
    while todo:
        node = todo.pop()
        yield node
        todo.extend(reversed(list(node.iter_child_nodes())))


def _line(node: nodes.Node) -> int:
    """Return the line of *node*, or of its first part that knows one (Jinja's own wrappers do not)."""
    return next((part.lineno for part in walk(node) if part.lineno), 0)


def is_list_path(node: nodes.Node) -> bool:
    """Tell whether a loop may walk over *node*: a name with dots, with or without `| default([...])`."""
    if isinstance(node, nodes.Filter) and node.name == "default" and node.node is not None:
        return path_of(node.node) is not None
    return path_of(node) is not None


_WORDS: Final = (
    ("Encountered unknown tag", "there is no statement"),
    ("end of template", "end of the file"),
    ("Jinja was looking for the following tags:", "Expected:"),
    ("end of print statement", "}}"),
    ("end of statement block", "%}"),
    ("The innermost block that needs to be closed is", "Still open:"),
    ("You probably made a nesting mistake.", "Statements must end in the order they began."),
    ("tag", "statement"),
)
_INSTEAD: Final = "there are if / elif / else, for, block, extends, include and raw"
_LAYOUT: Final = '{% extends "base.html.j2" %}'
