"""Give every node of an expression its type, and the Python source that reads it.

Three-valued throughout: a missing value makes a comparison None (*unknown*), `no and unknown` is no,
`yes or unknown` is yes, every other unknown spreads. Where a value cannot be missing the plain Python operator is used.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from nudger.language import tree
from nudger.language.scope import Scope, UnknownName
from nudger.language.tokens import SyntaxProblem
from nudger.language.tree import Expr
from nudger.language.typed import (
    ADDON,
    DURATION,
    MONEY,
    NOTHING,
    NUMBER,
    PERCENT,
    PLAN,
    TEXT,
    TEXTS,
    TIME,
    TRUTH,
    Type,
    Typed,
    list_of,
)

_ORDERED: Final = (NUMBER, MONEY, PERCENT, DURATION, TIME)
_NAMES: Final = {"+": "PLUS", "-": "MINUS", "*": "TIMES", "/": "DIV"}
_LATER_CALLS: Final = ("growth", "before", "projected", "largest", "groups", "break_even")

# (operator, left, right) -> result. Mixing rules of the language; what is not here cannot be computed.
_SUMS: Final = {
    **{(op, kind, kind): kind for op in "+-" for kind in (NUMBER, MONEY, PERCENT, DURATION)},
    ("-", TIME, TIME): DURATION,
    ("+", TIME, DURATION): TIME,
    ("-", TIME, DURATION): TIME,
    ("+", DURATION, TIME): TIME,
    **{("*", NUMBER, kind): kind for kind in (NUMBER, MONEY, PERCENT, DURATION)},
    **{("*", kind, NUMBER): kind for kind in (MONEY, PERCENT, DURATION)},
    **{("*", PERCENT, kind): kind for kind in (MONEY, DURATION)},
    **{("*", kind, PERCENT): kind for kind in (MONEY, DURATION)},
    ("*", PERCENT, PERCENT): PERCENT,
    **{("/", kind, NUMBER): kind for kind in (MONEY, PERCENT, DURATION)},
    **{("/", kind, kind): PERCENT for kind in (NUMBER, MONEY, PERCENT, DURATION)},
}


class Checker:
    """Checks one expression in one scope. `constants` are the values that its code names K0, K1 and so on."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.constants: dict[str, Any] = {}
        self._temps = 0

    def check(self, expr: Expr, expected: Type | None = None) -> Typed:
        """Return the typed tree of *expr*.

        Raises:
            SyntaxProblem: A name is unknown or types do not go together; placed within the expression's text.
        """
        typed = self._visit(expr)
        if expected is not None and typed.type != expected:
            raise _wrong(typed, expected)
        return typed

    # --- small parts -----------------------------------------------------------------------------

    def _temp(self) -> str:
        self._temps += 1
        return f"t{self._temps}"

    def _constant(self, value: Any) -> str:
        name = f"K{len(self.constants)}"
        self.constants[name] = value
        return name

    def _literal(self, expr: Expr, kind: Type, value: Any) -> Typed:
        return Typed("const", kind, expr, self._constant(value), value=value)

    def _strict(self, op: str, kind: Type, expr: Expr, args: tuple[Typed, ...], form: Callable[..., str]) -> Typed:
        """Return a node that is missing where one of *args* is; *form* writes it over their codes."""
        maybe = [arg.maybe for arg in args]
        if not any(maybe):
            code = f"({form(*(arg.code for arg in args))})"
        else:
            temps = [self._temp() if arg.maybe else arg.code for arg in args]
            tests = [f"({temp} := {arg.code}) is None" for temp, arg in zip(temps, args, strict=True) if arg.maybe]
            code = f"(None if {' or '.join(tests)} else {form(*temps)})"
        return _node(op, kind, expr, code, args, maybe=any(maybe))

    # --- nodes -------------------------------------------------------------------------------------

    def _visit(self, expr: Expr) -> Typed:
        match expr:
            case tree.Number(value=value):
                return self._literal(expr, NUMBER, _exact(value))
            case tree.MoneyLit():
                return self._money(expr)
            case tree.Percent(value=value):
                return self._literal(expr, PERCENT, value)
            case tree.Duration(milliseconds=length):
                return self._literal(expr, DURATION, length)
            case tree.Text(value=value):
                return self._literal(expr, TEXT, value)
            case tree.Truth(value=value):
                return self._literal(expr, TRUTH, value)
            case tree.Name(parts=parts):
                return self._name(expr, parts)
            case tree.ListLit():
                return self._list(expr)
            case tree.Unary():
                return self._unary(expr)
            case tree.Binary():
                return self._binary(expr)
            case tree.PercentOf(percent=percent, operand=operand):
                return self._percent_of(expr, self._visit(percent), self._visit(operand))
            case tree.Compare():
                return self._compare(expr)
            case tree.In():
                return self._in(expr)
            case tree.Has():
                return self._has(expr)
            case tree.Mentions():
                return self._mentions(expr)
            case tree.IsSet():
                return self._is_set(expr)
            case tree.Else():
                return self._else(expr)
            case tree.And():
                return self._logic(expr, "and", expr.left, expr.right)
            case tree.Or():
                return self._logic(expr, "or", expr.left, expr.right)
            case tree.Call():
                return self._call(expr)
            case tree.Period():
                raise _problem("N112", "a period stands only inside `growth(…)` and `before(…)`", expr)
            case tree.Attribute():
                raise _problem("N103", "a name behind `)` is part of the language but not built in this release", expr)

    def _money(self, expr: tree.MoneyLit) -> Typed:
        if expr.currency != self.scope.currency:
            message = f"{expr.currency} beside a catalogue in {self.scope.currency}"
            raise _problem("N111", message, expr, f"write the amount in {self.scope.currency}")
        return self._literal(expr, MONEY, expr.amount)

    def _name(self, expr: tree.Name, parts: tuple[str, ...]) -> Typed:
        try:
            found = self.scope.resolve(parts)
        except UnknownName as unknown:
            start = expr.start + sum(len(part) + 1 for part in parts[: unknown.part])
            raise SyntaxProblem(
                unknown.code, unknown.message, start, start + len(parts[unknown.part]), unknown.hint
            ) from None
        name = ".".join(parts)
        if isinstance(found, Typed):
            code = f"F_{name}(a, e, n, o)"
            return Typed(
                "fact", found.type, expr, code, (), found.maybe, found.reads, found.steady, name=name, inner=found
            )
        constant = found.type in (PLAN, ADDON) and not found.maybe and not found.reads
        return Typed(
            "const" if constant else "name",
            found.type,
            expr,
            found.code,
            (),
            found.maybe,
            found.reads,
            found.steady,
            value=name if constant else None,
            name=name,
            endless=found.code.startswith("INCLUDES("),
        )

    def _list(self, expr: tree.ListLit) -> Typed:
        items = tuple(self._visit(item) for item in expr.items)
        if not items:
            return self._literal(expr, NOTHING, ())
        for item in items[1:]:
            if item.type != items[0].type:
                raise _problem("N110", f"a list of {items[0].type} cannot hold {item.type}", item.expr)
        for item in items:
            if item.op != "const":
                raise _problem("N113", "a list holds plain values, no names that change", item.expr)
        kind = list_of(items[0].type)
        values = tuple(item.value for item in items)
        return Typed("const", kind, expr, self._constant(values), items, value=values)

    def _unary(self, expr: tree.Unary) -> Typed:
        operand = self._visit(expr.operand)
        if expr.op == "not":
            if operand.type != TRUTH:
                raise _wrong(operand, TRUTH)
            return self._strict("not", TRUTH, expr, (operand,), lambda x: f"not {x}")
        if operand.type not in (NUMBER, MONEY, PERCENT, DURATION):
            raise _problem("N110", f"{operand.type} has no negative", expr.operand)
        return self._strict("minus", operand.type, expr, (operand,), lambda x: f"-{x}")

    def _binary(self, expr: tree.Binary) -> Typed:
        left, right = self._visit(expr.left), self._visit(expr.right)
        if expr.op in "+-":
            left, right = self._as_money(left, right)
        kind = _SUMS.get((expr.op, left.type, right.type))
        if kind is None:
            raise _mixed(f"`{expr.op}`", left, right)
        name = _NAMES.get(expr.op) if expr.op == "/" or left.endless or right.endless else None
        if name is not None:  # a division by zero, or unlimited less unlimited, is missing
            form = "WHOLE({}({}, {}))" if kind == DURATION else "{}({}, {})"
            typed = self._strict(expr.op, kind, expr, (left, right), lambda x, y: form.format(name, x, y))
            typed.maybe, typed.endless = True, left.endless or right.endless
            return typed
        whole = kind in (TIME, DURATION) and expr.op == "*"
        return self._strict(
            expr.op, kind, expr, (left, right), lambda x, y: f"WHOLE({x} * {y})" if whole else f"{x} {expr.op} {y}"
        )

    def _percent_of(self, expr: Expr, percent: Typed, operand: Typed) -> Typed:
        if operand.type not in (NUMBER, MONEY, PERCENT, DURATION):
            raise _problem("N110", f"there is no percentage of {operand.type}", operand.expr)
        form = "WHOLE({} * {})" if operand.type == DURATION else "TIMES({}, {})" if operand.endless else "{} * {}"
        typed = self._strict("of", operand.type, expr, (percent, operand), form.format)
        typed.maybe, typed.endless = typed.maybe or operand.endless, operand.endless
        return typed

    def _as_money(self, left: Typed, right: Typed) -> tuple[Typed, Typed]:
        """A bare number beside money is the catalogue's currency."""
        for bare, other in ((left, right), (right, left)):
            if other.type == MONEY and isinstance(bare.expr, tree.Number):
                bare.type = MONEY
        return left, right

    def _compare(self, expr: tree.Compare) -> Typed:
        left, right = self._as_money(self._visit(expr.left), self._visit(expr.right))
        op = expr.op
        kinds = {left.type, right.type}
        if kinds == {NUMBER, PERCENT} and not isinstance(left.expr, tree.Number | tree.Name):
            left.type = right.type = NUMBER
        if left.type != right.type:
            raise _mixed("compare", left, right)
        if op in ("==", "!="):
            if left.type.of is not None or left.type == NOTHING:
                raise _problem("N110", "lists are not compared", expr.right, "write `has` or `in`")
            if left.type in (PLAN, ADDON):
                return self._same_entry(expr, left, right, op)
        elif left.type not in _ORDERED:
            hint = "compare their prices: plan.price < best_plan.price" if left.type == PLAN else ""
            raise _problem("N114", f"there is no order between values of type {left.type}", expr.right, hint)
        return self._strict(op, TRUTH, expr, (left, right), lambda x, y: f"{x} {op} {y}")

    def _same_entry(self, expr: Expr, left: Typed, right: Typed, op: str) -> Typed:
        """Compare two plans or add-ons by id; the account's own plan without looking it up."""

        def code_of(side: Typed) -> str:
            if side.op == "const":
                return self._constant(side.value)
            return "a.plan" if side.code == "P(a.plan)" else f"ATTRIBUTE({side.code}, 'id')"

        codes = (code_of(left), code_of(right))
        sides = tuple(
            Typed("id", side.type, side.expr, code, (side,), side.maybe, side.reads, side.steady)
            for side, code in zip((left, right), codes, strict=True)
        )
        return self._strict(op, TRUTH, expr, sides, lambda x, y: f"{x} {op} {y}")

    def _in(self, expr: tree.In) -> Typed:
        left, right = self._visit(expr.left), self._visit(expr.right)
        return self._membership("in", expr, right, left, expr.right, expr.left)

    def _has(self, expr: tree.Has) -> Typed:
        left, right = self._visit(expr.left), self._visit(expr.right)
        return self._membership("has", expr, left, right, expr.left, expr.right)

    def _membership(self, op: str, expr: Expr, many: Typed, one: Typed, many_at: Expr, one_at: Expr) -> Typed:
        if many.type == NOTHING:
            return self._literal(expr, TRUTH, value=False)
        if many.type.of is None:
            hint = "write `mentions` for words in a text" if many.type == TEXT else ""
            raise _problem("N110", f"`{op}` needs a list, this is {many.type}", many_at, hint)
        if many.type.of != one.type:
            raise _problem("N110", f"a list of {many.type.of} cannot hold {one.type}", one_at)
        if one.type in (PLAN, ADDON):
            code = self._constant(one.value) if one.op == "const" else f"ATTRIBUTE({one.code}, 'id')"
            one = Typed("id", one.type, one.expr, code, (one,), one.maybe, one.reads, one.steady)
        return self._strict("in", TRUTH, expr, (one, many), lambda x, y: f"{x} in {y}")

    def _mentions(self, expr: tree.Mentions) -> Typed:
        text, phrases = self._visit(expr.left), self._visit(expr.right)
        if text.type != TEXT:
            raise _wrong(text, TEXT)
        if phrases.type == TEXT and phrases.op == "const":
            phrases = self._literal(expr.right, TEXTS, (phrases.value,))
        if phrases.type != TEXTS:
            raise _problem("N110", "`mentions` needs a text in quotes or a list of them", expr.right)
        return self._strict("mentions", TRUTH, expr, (text, phrases), lambda x, y: f"MENTIONS({x}, {y})")

    def _is_set(self, expr: tree.IsSet) -> Typed:
        operand = self._visit(expr.operand)
        code = f"({operand.code} is {'' if expr.negated else 'not '}None)"
        return _node("missing" if expr.negated else "set", TRUTH, expr, code, (operand,), maybe=False)

    def _else(self, expr: tree.Else) -> Typed:
        left, right = self._as_money(self._visit(expr.left), self._visit(expr.right))
        if left.type != right.type and right.type != NOTHING:
            raise _mixed("`else`", left, right)
        temp = self._temp()
        code = f"({right.code} if ({temp} := {left.code}) is None else {temp})"
        return _node("else", left.type, expr, code, (left, right), maybe=right.maybe)

    def _logic(self, expr: Expr, op: str, first: Expr, second: Expr) -> Typed:
        left, right = self._visit(first), self._visit(second)
        for side in (left, right):
            if side.type != TRUTH:
                raise _wrong(side, TRUTH)
        if not left.maybe and not right.maybe:
            return _node(op, TRUTH, expr, f"({left.code} {op} {right.code})", (left, right), maybe=False)
        x, y = self._temp(), self._temp()
        ends, rest = ("False", "True") if op == "and" else ("True", "False")
        code = (
            f"({ends} if ({x} := {left.code}) is {ends} or ({y} := {right.code}) is {ends}"
            f" else None if {x} is None or {y} is None else {rest})"
        )
        return _node(op, TRUTH, expr, code, (left, right), maybe=True)

    def _call(self, expr: tree.Call) -> Typed:
        if expr.name in _LATER_CALLS:
            raise _at(expr, "N103", f"`{expr.name}(…)` is part of the language but not built in this release")
        if expr.name != "bill_on":
            raise _at(expr, "N104", f"there is no function `{expr.name}`", "there is bill_on(PLAN)")
        if len(expr.args) != 1:
            raise _at(expr, "N104", "bill_on takes one plan: bill_on(scale)")
        plan = self._visit(expr.args[0])
        if plan.type != PLAN:
            raise _wrong(plan, PLAN)
        code = f"CAT.bill_on({plan.code}, a, n)"
        typed = _node("bill_on", MONEY, expr, code, (plan,), maybe=True)
        typed.reads |= self.scope.pricing
        typed.steady = typed.steady and self.scope.pricing_steady
        return typed


def _node(op: str, kind: Type, expr: Expr, code: str, args: tuple[Typed, ...], *, maybe: bool) -> Typed:
    reads = frozenset[str]().union(*(arg.reads for arg in args))
    return Typed(op, kind, expr, code, args, maybe, reads, all(arg.steady for arg in args))


def _exact(value: Decimal) -> int | Decimal:
    return int(value) if value == value.to_integral_value() else value


def _problem(code: str, message: str, expr: Expr, hint: str = "") -> SyntaxProblem:
    return SyntaxProblem(code, message, expr.start, expr.end, hint)


def _at(expr: tree.Call, code: str, message: str, hint: str = "") -> SyntaxProblem:
    return SyntaxProblem(code, message, expr.start, expr.start + len(expr.name), hint)


_ADVICE: Final = {
    DURATION: "write a length of time, like 30 days",
    MONEY: "write an amount, like 125 USD",
    PERCENT: "write a share, like 20%",
    TEXT: 'write a text in quotes, like "growth"',
    NUMBER: "write a plain number, like 10",
    PLAN: "write a plan's id",
    TIME: "write a time, like account.created_at",
    TRUTH: "write a comparison, like seats > 10",
}


def _wrong(typed: Typed, expected: Type) -> SyntaxProblem:
    return _problem("N110", f"expected {expected}, found {typed.type}", typed.expr, _ADVICE.get(expected, ""))


def _mixed(doing: str, left: Typed, right: Typed) -> SyntaxProblem:
    """Point at the operand of the wrong type; of two, the right one."""
    if doing == "compare":
        message = f"cannot compare {left.type} with {right.type}"
    else:
        message = f"{doing} does not go between {left.type} and {right.type}"
    hint = _ADVICE.get(left.type, "") if right.op == "const" else ""
    return _problem("N110", message, right.expr, hint)
