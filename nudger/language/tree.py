"""The tree of an expression: what each node holds, how tightly its operator binds, and its one canonical text."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from nudger.language.tokens import DURATIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    """Offsets into the text of the expression, in characters; two nodes are equal wherever they stand."""

    start: int = field(default=0, compare=False, repr=False)
    end: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Number(_Placed):
    """`1000`, `32.50`; never negative: a minus is a Unary."""

    value: Decimal


@dataclass(frozen=True, slots=True)
class MoneyLit(_Placed):
    """`125 USD`, `$125`, `€32.50`; the currency is three capitals, not checked against any list."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Percent(_Placed):
    """`20%`, whose value is 0.2."""

    value: Decimal


@dataclass(frozen=True, slots=True)
class Duration(_Placed):
    """`30 days`, `4 hours`: an exact length of time; a day is 24 hours, whatever the zone does."""

    milliseconds: int


@dataclass(frozen=True, slots=True)
class Period(_Placed):
    """`1 billing cycle`, `2 calendar months`; `unit` is `billing cycle` or `calendar month`."""

    count: int
    unit: str


@dataclass(frozen=True, slots=True)
class Text(_Placed):
    """`"first_value"`, without quotes and escapes."""

    value: str


@dataclass(frozen=True, slots=True)
class Truth(_Placed):
    """`true` or `false`."""

    value: bool


@dataclass(frozen=True, slots=True)
class Name(_Placed):
    """`payg`, `account.age`, `plan.includes.api_calls`, part by part."""

    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListLit(_Placed):
    """`[a, "b"]`."""

    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Unary(_Placed):
    """`-x` or `not x`; `op` is `-` or `not`."""

    op: str
    operand: Expr


@dataclass(frozen=True, slots=True)
class Binary(_Placed):
    """`a + b`; `op` is one of `+ - * /`."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class PercentOf(_Placed):
    """`30% of x`."""

    percent: Percent
    operand: Expr


@dataclass(frozen=True, slots=True)
class Compare(_Placed):
    """`a < b`; `op` is one of `== != < <= > >=`."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class In(_Placed):
    """`plan in [a, b]`."""

    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Has(_Placed):
    """`account.addons has x`."""

    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Mentions(_Placed):
    """`event.text mentions ["more seats"]`."""

    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class IsSet(_Placed):
    """`x is set`; negated: `x is missing`."""

    operand: Expr
    negated: bool


@dataclass(frozen=True, slots=True)
class Else(_Placed):
    """`contacts else 0`: the right one where the left one is missing."""

    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class And(_Placed):
    """`a and b`."""

    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Or(_Placed):
    """`a or b`."""

    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Call(_Placed):
    """`growth(contacts, 90 days)`."""

    name: str
    args: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Attribute(_Placed):
    """`largest(M).name`: a name behind a call or behind parentheses."""

    operand: Expr
    name: str


Expr = (
    Number
    | MoneyLit
    | Percent
    | Duration
    | Period
    | Text
    | Truth
    | Name
    | ListLit
    | Unary
    | Binary
    | PercentOf
    | Compare
    | In
    | Has
    | Mentions
    | IsSet
    | Else
    | And
    | Or
    | Call
    | Attribute
)

# How tightly each operator binds; a higher number binds tighter.
OR, AND, NOT, COMPARE, ELSE, SUM, PRODUCT, MINUS, OF, ATOM = range(1, 11)
POWERS: Final = {
    "or": OR,
    "and": AND,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in", "has", "mentions", "is"), COMPARE),
    "else": ELSE,
    **dict.fromkeys("+-", SUM),
    **dict.fromkeys("*/", PRODUCT),
}
WORD_NODES: Final[dict[str, type[Or | And | In | Has | Mentions | Else]]] = {
    "or": Or,
    "and": And,
    "in": In,
    "has": Has,
    "mentions": Mentions,
    "else": Else,
}


def children(expr: Expr) -> tuple[Expr, ...]:
    """Return the nodes directly under *expr*, in the order of the text."""
    match expr:
        case ListLit(items=nodes) | Call(args=nodes):
            return nodes
        case PercentOf():
            return (expr.percent, expr.operand)
        case Unary() | IsSet() | Attribute():
            return (expr.operand,)
        case Binary() | Compare() | In() | Has() | Mentions() | Else() | And() | Or():
            return (expr.left, expr.right)
        case _:
            return ()


def unparse(expr: Expr) -> str:
    """Return the one canonical text of *expr*: parsed again it is the same tree, and equal trees have equal texts.

    It can be longer than what was written (`$5` is `5 USD`), so beyond the parser's limit of characters too.
    """
    return _text(expr, OR)


def _text(expr: Expr, power: int) -> str:
    """Return the text of *expr*, in parentheses where it binds less tightly than *power*."""
    own = _power(expr)
    text = _body(expr, own)
    return f"({text})" if own < power else text


def _power(expr: Expr) -> int:
    match expr:
        case Or():
            return OR
        case And():
            return AND
        case Compare() | In() | Has() | Mentions() | IsSet():
            return COMPARE
        case Else():
            return ELSE
        case Binary():
            return POWERS[expr.op]
        case Unary():
            return NOT if expr.op == "not" else MINUS
        case PercentOf():
            return OF
        case _:
            return ATOM


_JOINS: Final = {node: word for word, node in WORD_NODES.items()}


def _body(expr: Expr, own: int) -> str:
    match expr:
        case Binary() | Compare():
            return _pair(expr.left, expr.op, expr.right, own)
        case In() | Has() | Mentions() | Else() | And() | Or():
            return _pair(expr.left, _JOINS[type(expr)], expr.right, own)
        case Unary(op=op, operand=operand):
            return ("not " if op == "not" else "-") + _text(operand, own)
        case PercentOf(percent=percent, operand=operand):
            return f"{_text(percent, own)} of {_text(operand, own)}"
        case IsSet(operand=operand, negated=negated):
            return f"{_text(operand, own + 1)} is {'missing' if negated else 'set'}"
        case Call(name=name, args=args):
            return f"{name}({', '.join(map(unparse, args))})"
        case Attribute(operand=operand, name=name):
            inner = unparse(operand)
            return f"{inner}.{name}" if isinstance(operand, Call | Attribute) else f"({inner}).{name}"
        case ListLit(items=items):
            return f"[{', '.join(map(unparse, items))}]"
        case _:
            return _literal(expr)


def _pair(left: Expr, op: str, right: Expr, own: int) -> str:
    first = own + 1 if own == COMPARE else own  # comparisons do not chain
    return f"{_text(left, first)} {op} {_text(right, own + 1)}"


def _literal(expr: Number | MoneyLit | Percent | Duration | Period | Text | Truth | Name) -> str:
    match expr:
        case Number(value=value):
            return _plain(value)
        case Percent(value=value):
            return f"{_plain(value.scaleb(2))}%"
        case MoneyLit(amount=amount, currency=currency):
            return f"{_plain(amount, cents=True)} {currency}"
        case Duration(milliseconds=milliseconds):
            return _length(milliseconds)
        case Period(count=count, unit=unit):
            return f"{count} {unit}" + ("" if count == 1 else "s")
        case Text(value=value):
            escaped = value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n").replace("\t", r"\t")
            return f'"{escaped}"'
        case Truth(value=value):
            return "true" if value else "false"
        case Name(parts=parts):
            return ".".join(parts)


def _plain(value: Decimal, *, cents: bool = False) -> str:
    """Return *value* without exponent and idle zeros; with *cents* a fraction has two digits or more."""
    whole, _, fraction = f"{value:f}".partition(".")
    fraction = fraction.rstrip("0")
    if cents and len(fraction) == 1:
        fraction += "0"
    return f"{whole.lstrip('0') or '0'}" + (f".{fraction}" if fraction else "")


def _length(milliseconds: int) -> str:
    for unit in ("day", "hour", "minute"):
        count, rest = divmod(milliseconds, DURATIONS[unit])
        if rest == 0:
            break
    else:
        unit = "second"
        seconds = _plain(Decimal(milliseconds).scaleb(-3))
        return f"{seconds} {unit}" + ("" if seconds == "1" else "s")
    return f"{count} {unit}" + ("" if count == 1 else "s")
