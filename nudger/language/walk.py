"""Evaluate a typed tree step by step, without the compiled code: for `explain`, and as its twin in the tests.

The operators are written out here a second time, on purpose: the property tests hold both to the same answers. Only
the leaves (names) are shared.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from nudger.core.words import mentions
from nudger.language.typed import Typed

#: Reads a leaf: a name, or a price on a given plan.
Leaf = Callable[[Typed], Any]
Seen = Callable[[Typed, Any], None]


def evaluate(typed: Typed, leaf: Leaf, seen: Seen) -> Any:
    """Return the value of *typed*; *seen* is told every name and its value, in reading order."""
    if typed.op == "const":
        return typed.value
    if typed.op in ("name", "bill_on"):
        value = leaf(typed)
        seen(typed, value)
        return value
    if typed.op == "fact":
        assert typed.inner is not None
        value = evaluate(typed.inner, leaf, seen)
        seen(typed, value)
        return value
    if typed.op == "id":
        side = evaluate(typed.args[0], leaf, seen)
        return side if side is None or isinstance(side, str) else side.id
    values = [evaluate(arg, leaf, seen) for arg in typed.args]
    return _combine(typed, values)


def _combine(typed: Typed, values: list[Any]) -> Any:
    op = typed.op
    if op == "and":
        return False if False in values else None if None in values else True
    if op == "or":
        return True if True in values else None if None in values else False
    if op == "else":
        return values[1] if values[0] is None else values[0]
    if op in ("set", "missing"):
        return (values[0] is None) == (op == "missing")
    if any(value is None for value in values):
        return None
    return _OPERATORS[op](typed, *values)


def divide(left: Any, right: Any) -> Any:
    """Return the exact quotient; None for a division by zero, or of unlimited by unlimited."""
    return _known(lambda: Decimal(left) / Decimal(right)) if right else None


def plus(left: Any, right: Any) -> Any:
    """Return the sum of amounts one of which may be unlimited; None where that has no meaning."""
    return _known(lambda: left + right)


def minus(left: Any, right: Any) -> Any:
    """Return the difference of amounts one of which may be unlimited; None where that has no meaning."""
    return _known(lambda: left - right)


def times(left: Any, right: Any) -> Any:
    """Return the product of amounts one of which may be unlimited; None where that has no meaning."""
    return _known(lambda: left * right)


def _known(compute: Callable[[], Any]) -> Any:
    try:
        return compute()
    except InvalidOperation:
        return None


def whole(value: Any) -> int | None:
    """Return a length of time in whole milliseconds, None where it is missing."""
    return None if value is None else int(value)


def _is_length(typed: Typed) -> bool:
    return typed.type.word == "duration"


def _times(typed: Typed, left: Any, right: Any) -> Any:
    return whole(left * right) if _is_length(typed) else times(left, right)


def _over(typed: Typed, left: Any, right: Any) -> Any:
    quotient = divide(left, right)
    return whole(quotient) if _is_length(typed) else quotient


_OPERATORS: dict[str, Callable[..., Any]] = {
    "not": lambda _, x: not x,
    "minus": lambda _, x: -x,
    "+": lambda _, x, y: plus(x, y),
    "-": lambda _, x, y: minus(x, y),
    "*": _times,
    "of": _times,
    "/": _over,
    "==": lambda _, x, y: x == y,
    "!=": lambda _, x, y: x != y,
    "<": lambda _, x, y: x < y,
    "<=": lambda _, x, y: x <= y,
    ">": lambda _, x, y: x > y,
    ">=": lambda _, x, y: x >= y,
    "in": lambda _, x, y: x in y,
    "mentions": lambda _, x, y: mentions(x, y),
}
