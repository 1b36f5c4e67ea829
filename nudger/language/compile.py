"""Typed tree -> Python code object -> `nudger.core.rule.Expression`.

The source is put together from fragments of our own; whatever a user wrote enters as a named constant, never as source.
Before it is compiled the parsed source is held to a whitelist of node types.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import lru_cache
from types import CodeType
from typing import Any, Final

from nudger.core.account import Account
from nudger.core.event import Event
from nudger.core.rule import Expression, Offer
from nudger.core.words import mentions
from nudger.language.tree import unparse
from nudger.language.typed import Typed, show
from nudger.language.walk import divide, evaluate, minus, plus, times, whole

_ALLOWED: Final = (
    ast.Expression,
    ast.Lambda,
    ast.arguments,
    ast.arg,
    ast.IfExp,
    ast.BoolOp,
    ast.And,
    ast.Or,
    ast.UnaryOp,
    ast.Not,
    ast.USub,
    ast.BinOp,
    ast.Add,
    ast.Sub,
    ast.Mult,
    ast.Compare,
    ast.Is,
    ast.IsNot,
    ast.In,
    ast.Eq,
    ast.NotEq,
    ast.Lt,
    ast.LtE,
    ast.Gt,
    ast.GtE,
    ast.NamedExpr,
    ast.Name,
    ast.Load,
    ast.Store,
    ast.Constant,
    ast.Attribute,
    ast.Subscript,
    ast.Tuple,
    ast.Call,
)


def _attribute(owner: Any, name: str) -> Any:
    return None if owner is None else getattr(owner, name)


def _includes(plan: Any, unit: str) -> Any:
    return None if plan is None else plan.includes.get(unit)


#: What every expression may call besides the book's own names.
HELPERS: Final[dict[str, Any]] = {
    "DIV": divide,
    "PLUS": plus,
    "MINUS": minus,
    "TIMES": times,
    "WHOLE": whole,
    "MENTIONS": mentions,
    "ATTRIBUTE": _attribute,
    "INCLUDES": _includes,
    "__builtins__": {},
}


@lru_cache(maxsize=8192)
def code_object(source: str) -> CodeType:
    """Compile the source of one expression after holding it to the whitelist; rules of one shape share their code."""
    parsed = ast.parse(source, mode="eval")
    for node in ast.walk(parsed):
        assert isinstance(node, _ALLOWED), f"{type(node).__name__} in compiled source"
        assert not (isinstance(node, ast.Attribute) and node.attr.startswith("_")), "a private attribute"
    return compile(parsed, "<rule>", "eval")


def function(
    typed: Typed, constants: dict[str, Any], names: dict[str, Any], arguments: str = "a, e, n, o"
) -> Callable[..., Any]:
    """Return a function of *arguments* (account, event, now, offer, as far as read) for a checked expression."""
    compiled = code_object(f"lambda {arguments}: {typed.code}")
    found: Callable[..., Any] = eval(compiled, {**names, **constants})  # noqa: S307 - our own source, whitelisted
    return found


def expression(typed: Typed, constants: dict[str, Any], names: dict[str, Any], currency: str) -> Expression:
    """Return the compiled expression with its trace."""
    run, kind = function(typed, constants, names), typed.type

    def told(account: Account, event: Event | None, now: int, offer: Offer | None) -> str:
        return show(run(account, event, now, offer), kind, currency)

    reading = _Reading(typed, {**names, **constants}, currency)
    return Expression(unparse(typed.expr), run, reading.trace, told, reading.parts, typed.reads, typed.steady)


class _Reading:
    """The second reading of an expression: what was read, and which of its conditions held."""

    def __init__(self, typed: Typed, namespace: dict[str, Any], currency: str) -> None:
        self._typed, self._namespace, self._currency = typed, namespace, currency
        self._leaves = list({_name(leaf): leaf for leaf in _leaves(typed)}.items())
        self._read: Callable[..., tuple[Any, ...]] | None = None

    def trace(self, account: Account, event: Event | None, now: int, offer: Offer | None) -> list[tuple[str, str]]:
        """Return every name read and its value, as text."""
        if self._read is None:
            codes = "".join(f"{leaf.code}, " for _, leaf in self._leaves)
            self._read = eval(code_object(f"lambda a, e, n, o: ({codes})"), self._namespace)  # noqa: S307
            assert self._read is not None
        values, currency = self._read(account, event, now, offer), self._currency
        return [
            (name, show(value, leaf.type, currency)) for (name, leaf), value in zip(self._leaves, values, strict=True)
        ]

    def parts(
        self, account: Account, event: Event | None, now: int, offer: Offer | None
    ) -> list[tuple[str, bool | None, list[tuple[str, str]]]]:
        """Return each of the conditions that `and` joins: its text, its answer, and what it read."""
        return [(unparse(part.expr), *self._walk(part, account, event, now, offer)) for part in _conjuncts(self._typed)]

    def _walk(
        self, typed: Typed, account: Account, event: Event | None, now: int, offer: Offer | None
    ) -> tuple[Any, list[tuple[str, str]]]:
        found: dict[str, str] = {}

        def leaf(node: Typed) -> Any:
            if node.leaf is None:
                node.leaf = eval(code_object(f"lambda a, e, n, o: {node.code}"), self._namespace)  # noqa: S307
            return node.leaf(account, event, now, offer)

        def seen(node: Typed, value: Any) -> None:
            found.setdefault(_name(node), show(value, node.type, self._currency))

        return evaluate(typed, leaf, seen), list(found.items())


def _name(leaf: Typed) -> str:
    return leaf.name or unparse(leaf.expr)


def _leaves(typed: Typed) -> list[Typed]:
    """Return the names that are read, in reading order; a fact after what it stands for."""
    if typed.op in ("name", "bill_on"):
        return [typed]
    inner = [typed.inner] if typed.inner is not None else typed.args
    found = [leaf for part in inner for leaf in _leaves(part)]
    return [*found, typed] if typed.op == "fact" else found


def _conjuncts(typed: Typed) -> list[Typed]:
    if typed.op == "and":
        return [part for side in typed.args for part in _conjuncts(side)]
    return [typed]
