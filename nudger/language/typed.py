"""Types of the rule language, and the typed tree that the checker makes of an expression.

At run time a value is None when it is missing (*unknown* where a yes or no is asked); money and numbers are `Decimal`
or `int`, shares are fractions, times and durations are milliseconds, plans and add-ons are catalogue entries, lists of
plans and add-ons hold ids.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC
from decimal import Decimal
from typing import Any, Final

from nudger.core.calendar import DAY, HOUR, MINUTE, SECOND, local
from nudger.core.money import plain
from nudger.language.tree import Expr


@dataclass(frozen=True, slots=True)
class Type:
    """A type by its word for people; `of` is the item's type of a list, `fields` the columns of a row."""

    word: str
    of: Type | None = None

    def __str__(self) -> str:
        return f"list of {self.of}" if self.of is not None else self.word


NUMBER: Final = Type("number")
MONEY: Final = Type("money")
PERCENT: Final = Type("percent")
DURATION: Final = Type("duration")
TIME: Final = Type("time")
TEXT: Final = Type("text")
TRUTH: Final = Type("yes or no")
PLAN: Final = Type("plan")
ADDON: Final = Type("add-on")
OFFER: Final = Type("offer")
ACCOUNT: Final = Type("account")
PERSON: Final = Type("person")
EVENT: Final = Type("event")
ROW: Final = Type("comparison row")
GROUP: Final = Type("group of names")
PERIOD: Final = Type("period")
NOTHING: Final = Type("empty list")


def list_of(item: Type) -> Type:
    """Return the type of a list."""
    return Type("list", item)


TEXTS: Final = list_of(TEXT)


@dataclass(frozen=True, slots=True)
class Symbol:
    """A name that can be read.

    Attributes:
        code: Python source of the reading, over `a` (account), `e` (event), `n` (now), `o` (offer).
        maybe: It can be missing.
        reads: What it depends on, see `nudger.core.rule.Expression`.
        steady: Without an event it can change only where a cycle or month begins.
    """

    type: Type
    code: str
    maybe: bool = True
    reads: frozenset[str] = frozenset()
    steady: bool = True


@dataclass(slots=True)
class Typed:
    """One checked node: `op` says what it does with `args`; a constant has a `value`, a leaf is read by its `code`.

    `endless`: the value can be an unlimited amount. `inner`: what a fact or a let stands for.
    """

    op: str
    type: Type
    expr: Expr
    code: str
    args: tuple[Typed, ...] = ()
    maybe: bool = False
    reads: frozenset[str] = frozenset()
    steady: bool = True
    value: Any = None
    name: str = ""
    inner: Typed | None = None
    endless: bool = False
    leaf: Callable[..., Any] | None = field(default=None, repr=False)


_LENGTHS: Final = ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (SECOND, "second"))


def show(value: Any, kind: Type, currency: str = "") -> str:
    """Write a value for people, as `explain` does: 175 USD, 80 %, 3 days, yes, missing."""
    if value is None:
        return "missing"
    if kind == TRUTH:
        return "yes" if value else "no"
    if kind == MONEY:
        return f"{plain(value)} {currency}".rstrip()
    if kind == PERCENT:
        return f"{plain(round(Decimal(value) * 100, 2))} %"
    if kind == DURATION:
        return show_length(value)
    if kind == TIME:
        return f"{local(value, UTC):%Y-%m-%dT%H:%M:%SZ}"
    if kind.of is not None:
        return "[" + ", ".join(show(item, kind.of, currency) for item in value) + "]"
    if kind in (PLAN, ADDON):
        return value if isinstance(value, str) else str(value.id)
    if isinstance(value, (int, Decimal)):
        return "unlimited" if value == Decimal("Infinity") else plain(value)
    return str(value)


def show_length(milliseconds: int) -> str:
    """Write a length of time in its two largest units: 3 days 4 hours."""
    sign, rest, parts = ("-" if milliseconds < 0 else ""), abs(milliseconds), list[str]()
    for length, word in _LENGTHS:
        amount, rest = divmod(rest, length)
        if amount and len(parts) < 2:
            parts.append(f"{amount} {word}" + ("" if amount == 1 else "s"))
    return sign + (" ".join(parts) or "0 seconds")
