"""Read one expression of the rule language: text in, a tree of frozen nodes with offsets out.

This is the door of the grammar: it hands on the nodes of `tree` and the problem of `tokens` too.

Names are not looked up here and types are not compared: `growth`, `plan` and `payg` are words. The parser climbs
precedences, so that a level of parentheses costs few frames, and counts its own depth.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import Final, NoReturn

from nudger.language.tokens import CURRENCIES, DURATIONS, SyntaxProblem, Token, tokenize, unit_of
from nudger.language.tree import (
    COMPARE,
    MINUS,
    NOT,
    OF,
    OR,
    POWERS,
    WORD_NODES,
    And,
    Attribute,
    Binary,
    Call,
    Compare,
    Duration,
    Else,
    Expr,
    Has,
    In,
    IsSet,
    ListLit,
    Mentions,
    MoneyLit,
    Name,
    Number,
    Or,
    Percent,
    PercentOf,
    Period,
    Text,
    Truth,
    Unary,
    children,
    unparse,
)

__all__ = [
    "KEYWORDS",
    "And",
    "Attribute",
    "Binary",
    "Call",
    "Compare",
    "Duration",
    "Else",
    "Expr",
    "Has",
    "In",
    "IsSet",
    "ListLit",
    "Mentions",
    "MoneyLit",
    "Name",
    "Number",
    "Or",
    "Percent",
    "PercentOf",
    "Period",
    "SyntaxProblem",
    "Text",
    "Truth",
    "Unary",
    "children",
    "parse",
    "unparse",
]

LENGTH_MAX: Final = 2_000  # characters of one expression
DEPTH_MAX: Final = 50  # steps from the root to a leaf, and parentheses within parentheses
YEARS_MAX: Final = 100  # longest duration or period; far inside what a calendar date can be moved by
KEYWORDS: Final = frozenset({"and", "or", "not", "in", "has", "mentions", "is", "else", "true", "false", "of"})


_CLOSERS: Final = {"(": ")", "[": "]"}
_PERIODS: Final = {"billing": "cycle", "calendar": "month"}
_NO_DURATIONS: Final = {
    "month": "`billing cycle`, `calendar month` or `30 days`",
    "quarter": "`90 days`",
    "year": "`365 days`",
    "cycle": "`billing cycle`",
    "billing": "`billing cycle`",
    "calendar": "`calendar month`",
}
_OTHER_WORDS: Final = {
    "equals": "write `==`",
    "contains": "write `has` for a list, `mentions` for words in a text",
    "includes": "write `has` for a list, `mentions` for words in a text",
    "like": "write `mentions` for words in a text",
    "matches": "write `mentions` for words in a text",
    "between": "write `x >= 1 and x <= 5`",
    "than": "write `>` or `<`",
    "if": "an expression only says what must hold; write `and`",
    "then": "an expression only says what must hold; write `and`",
    "of": "`of` follows a percentage, as in `30% of plan.price`",
}


@lru_cache(maxsize=8192)
def parse(text: str) -> Expr:
    """Return the tree of the one expression that *text* is.

    Raises:
        SyntaxProblem: It is none; the first thing wrong, with offsets into *text* and advice.
    """
    if len(text) > LENGTH_MAX:
        message = f"an expression has at most {LENGTH_MAX:,} characters, this one has {len(text):,}"
        raise SyntaxProblem("N164", message, LENGTH_MAX, len(text), "give a part of it a name under `facts:`")
    if not text.strip():
        raise SyntaxProblem("N150", "the expression is empty", 0, len(text), "write a condition or a value")
    return _Parser(tokenize(text)).whole()


class _Parser:
    """A reader that stands before the token `at`."""

    __slots__ = ("_at", "_depth", "_tokens")

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def whole(self) -> Expr:
        expr = self._expression(OR)
        if self._peek().kind != "end":
            self._left_over()
        _refuse_depth(expr)
        return expr

    # -- tokens

    def _peek(self) -> Token:
        """Return the next token; a bad one is raised when the reading arrives at it."""
        token = self._tokens[self._at]
        if token.problem is not None:
            raise token.problem
        return token

    def _next(self) -> Token:
        token = self._peek()
        if token.kind != "end":
            self._at += 1
        return token

    def _before(self) -> Token | None:
        return self._tokens[self._at - 1] if self._at else None

    def _end(self) -> int:
        """Return the offset behind what has been read."""
        return self._tokens[self._at - 1].end

    def _meets(self, *texts: str) -> bool:
        """Return whether the next token is one of these signs or words."""
        token = self._peek()
        return token.kind in ("sign", "word") and token.text in texts

    # -- operators

    def _expression(self, power: int) -> Expr:
        """Read operands joined by operators that bind at least as tightly as *power*."""
        start = self._peek().start
        left = self._operand(power)
        while (found := self._operator()) is not None and found[1] >= power:
            self._at += 1
            left = self._joined(start, left, *found)
        return left

    def _operator(self) -> tuple[Token, int] | None:
        token = self._peek()
        power = POWERS.get(token.text) if token.kind in ("sign", "word") else None
        return None if power is None else (token, power)

    def _joined(self, start: int, left: Expr, operator: Token, power: int) -> Expr:
        op = operator.text
        node: Expr
        if op == "is":
            node = IsSet(left, self._missing(), start=start, end=self._end())
        else:
            right = self._expression(power + 1)
            end = self._end()
            if make := WORD_NODES.get(op):
                node = make(left, right, start=start, end=end)
            elif power == COMPARE:
                node = Compare(op, left, right, start=start, end=end)
            else:
                node = Binary(op, left, right, start=start, end=end)
        if power == COMPARE:
            self._refuse_chain()
        return node

    def _missing(self) -> bool:
        """Read what follows `is`; return whether it is `missing`."""
        if self._meets("set", "missing"):
            return self._next().text == "missing"
        hint = "write `is set` or `is missing`; to compare two values write `==`"
        if self._meets("not"):
            hint = "write `is missing` for `is not set`, and `!=` for two values that differ"
        operator = self._tokens[self._at - 1]
        raise SyntaxProblem("N170", "`is` goes with `set` or `missing` only", operator.start, operator.end, hint)

    def _refuse_chain(self) -> None:
        found = self._operator()
        if found is not None and found[1] == COMPARE:
            token = found[0]
            hint = "write two comparisons joined with `and`, as in `1 < x and x < 5`"
            raise SyntaxProblem("N153", "comparisons cannot be chained", token.start, token.end, hint)

    # -- operands

    def _operand(self, power: int) -> Expr:
        """Read one operand with what stands before and behind it; every nesting passes here."""
        token = self._peek()
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise _too_deep(token.start, token.end)
        self._at += token.kind != "end"
        expr = self._started(token, power)
        self._depth -= 1
        return expr

    def _started(self, token: Token, power: int) -> Expr:
        """Read the operand that begins with *token*, which has been read."""
        match token.kind:
            case "number":
                return self._amount(token)
            case "currency":
                return self._money(token)
            case "text":
                return Text(token.text, start=token.start, end=token.end)
            case "word" if token.text in ("true", "false"):
                return Truth(token.text == "true", start=token.start, end=token.end)
            case "word" if token.text not in KEYWORDS:
                return self._named(token)
        if token.text == "not" and token.kind == "word":
            return self._negation(token, power)
        if token.text == "-" and power <= MINUS:
            operand = self._expression(MINUS)
            return Unary("-", operand, start=token.start, end=self._end())
        if token.text == "(":
            inner = self._expression(OR)
            self._close(token)
            return self._attributes(token.start, inner)
        if token.text == "[":
            items = self._items(token)
            return ListLit(items, start=token.start, end=self._end())
        return self._no_operand(token)

    def _negation(self, token: Token, power: int) -> Expr:
        if power > NOT:
            hint = "put it in parentheses, as in `x == (not y)`"
            raise SyntaxProblem("N171", "`not` cannot stand here", token.start, token.end, hint)
        operand = self._expression(NOT)
        return Unary("not", operand, start=token.start, end=self._end())

    def _named(self, token: Token) -> Expr:
        if not self._meets("("):
            return Name(tuple(token.text.split(".")), start=token.start, end=token.end)
        args = self._items(self._next())
        return self._attributes(token.start, Call(token.text, args, start=token.start, end=self._end()))

    def _attributes(self, start: int, expr: Expr) -> Expr:
        """Read the `.name` parts behind a call or behind parentheses."""
        while self._meets("."):
            dot = self._next()
            word = self._next()
            if word.kind != "word":
                raise SyntaxProblem("N152", "a name is missing after `.`", dot.start, dot.end)
            end = word.start - 1
            for part in word.text.split("."):
                end += 1 + len(part)
                expr = Attribute(expr, part, start=start, end=end)
        return expr

    def _items(self, opener: Token) -> tuple[Expr, ...]:
        """Read expressions with commas between them up to the closing partner of *opener*, which has been read."""
        items: list[Expr] = []
        if not self._meets(_CLOSERS[opener.text]):
            items.append(self._expression(OR))
            while self._meets(","):
                self._at += 1
                items.append(self._expression(OR))
        self._close(opener)
        return tuple(items)

    def _close(self, opener: Token) -> None:
        if self._meets(_CLOSERS[opener.text]):
            self._at += 1
        elif self._peek().kind == "end":
            raise _unclosed(opener)
        else:
            self._left_over()

    # -- literals with units

    def _amount(self, token: Token) -> Expr:
        value = Decimal(token.text)
        unit = self._peek()
        if unit.kind == "currency":
            self._at += 1
            return MoneyLit(value, CURRENCIES[unit.text], start=token.start, end=unit.end)
        if self._meets("%"):
            self._at += 1
            return self._percent(token, unit)
        if unit.kind == "word" and unit.text not in KEYWORDS:
            return self._with_unit(token, unit, value)
        return Number(value, start=token.start, end=token.end)

    def _money(self, sign: Token) -> Expr:
        number = self._next()
        if number.kind != "number":
            message = f"an amount is missing after `{sign.text}`"
            raise SyntaxProblem("N152", message, sign.start, sign.end, f"write it as {sign.text}125")
        return MoneyLit(Decimal(number.text), CURRENCIES[sign.text], start=sign.start, end=number.end)

    def _percent(self, token: Token, sign: Token) -> Expr:
        # Decimal reads the exponent exactly, where a division would round to the context's precision.
        percent = Percent(Decimal(f"{token.text}e-2"), start=token.start, end=sign.end)
        if self._meets("of"):
            self._at += 1
            operand = self._operand(OF)
            return PercentOf(percent, operand, start=token.start, end=self._end())
        following = self._peek()
        if following.kind in ("number", "text", "currency") or following.text in ("(", "["):
            raise _remainder(sign)
        if following.kind == "word" and following.text not in KEYWORDS:
            raise _remainder(sign)
        return percent

    def _with_unit(self, token: Token, unit: Token, value: Decimal) -> Expr:
        """Read the word behind a number: a unit of time, a period or a currency."""
        self._at += 1
        word = unit.text
        single = word.removesuffix("s")
        if single in DURATIONS:
            return _duration(token, unit, value * DURATIONS[single])
        if word in _PERIODS and self._meets(_PERIODS[word], _PERIODS[word] + "s"):
            return _period(token, self._next(), value, f"{word} {_PERIODS[word]}")
        if re.fullmatch("[A-Z]{3}", word):
            return MoneyLit(value, word, start=token.start, end=unit.end)
        if advice := _NO_DURATIONS.get(single.lower()):
            message = f'"{word}" is no duration'
            raise SyntaxProblem("N162", message, unit.start, unit.end, f"write {advice}")
        if meant := unit_of(word):
            hint = f"write {token.text} {meant}"
            raise SyntaxProblem("N166", f"`{word}` is no unit of time", unit.start, unit.end, hint)
        self._at -= 1
        return Number(value, start=token.start, end=token.end)

    # -- what is wrong

    def _left_over(self) -> NoReturn:
        """Refuse the next token, which can neither go on with nor end what was read."""
        token = self._peek()
        if token.text in (")", "]") and token.kind == "sign":
            message = f"`{token.text}` closes nothing"
            raise SyntaxProblem("N161", message, token.start, token.end, "take it out, or open it before")
        if token.text == "%" and token.kind == "sign":
            raise _remainder(token)
        if token.text == "not" and token.kind == "word":
            hint = "put it in front, as in `not (plan in [a, b])`"
            raise SyntaxProblem("N171", "`not` cannot stand here", token.start, token.end, hint)
        raise SyntaxProblem(
            "N151", f"{_called(token)} does not belong here", token.start, token.end, self._joining_advice(token)
        )

    def _joining_advice(self, token: Token) -> str:
        before = self._before()
        for word in (token, before):
            if word is not None and word.kind == "word" and word.text != word.text.lower() in KEYWORDS:
                return f"write `{word.text.lower()}`, in small letters"
        if token.text == "," and token.kind == "sign":
            return "write a list as [a, b], and a fraction with a point, as in 32.50"
        if token.kind == "word" and token.text.lower() in _OTHER_WORDS:
            return _OTHER_WORDS[token.text.lower()]
        if token.kind == "number" and before is not None and re.fullmatch("[A-Z]{3}", before.text):
            return f"write {token.text} {before.text}"
        return "two values need a word between them, such as `and`, `or`, `==`"

    def _no_operand(self, token: Token) -> NoReturn:
        """Refuse *token*, found where a value must stand."""
        back = self._at - (token.kind != "end")
        before = self._tokens[back - 1] if back else None
        if token.kind == "end":
            assert before is not None  # a text without tokens was refused as empty
            if before.text in _CLOSERS and before.kind == "sign":
                raise _unclosed(before)
            message = f"a value is missing after {_called(before)}"
            raise SyntaxProblem("N152", message, before.start, before.end, "finish the sentence, or take it out")
        if token.text == "%":
            raise _remainder(token)
        if before is None and token.text in (")", "]"):
            raise SyntaxProblem("N161", f"`{token.text}` closes nothing", token.start, token.end, "take it out")
        hint = "put it in parentheses" if token.text == "-" else ""
        message = f"a value is missing before {_called(token)}"
        raise SyntaxProblem("N152", message, token.start, token.end, hint)


def _duration(token: Token, unit: Token, milliseconds: Decimal) -> Duration:
    if milliseconds != int(milliseconds):
        raise SyntaxProblem("N167", "a length of time is a whole number of milliseconds", token.start, unit.end)
    if milliseconds > YEARS_MAX * 365 * DURATIONS["day"]:
        raise SyntaxProblem("N167", f"a length of time is {YEARS_MAX} years at most", token.start, unit.end)
    return Duration(int(milliseconds), start=token.start, end=unit.end)


def _period(token: Token, unit: Token, value: Decimal, name: str) -> Period:
    if value != int(value) or not 1 <= value <= YEARS_MAX * 12:
        message = f"a {name} is counted in whole numbers, {YEARS_MAX * 12:,} at most"
        raise SyntaxProblem("N167", message, token.start, unit.end, f"write `1 {name}`")
    return Period(int(value), name, start=token.start, end=unit.end)


def _refuse_depth(expr: Expr) -> None:
    """Refuse a tree that is deeper than any walk over it should have to go, such as a chain of 60 `and`."""
    level: list[Expr] = [expr]
    for _ in range(DEPTH_MAX):
        level = [child for node in level for child in children(node)]
    if level:
        raise _too_deep(level[0].start, level[0].end)


def _too_deep(start: int, end: int) -> SyntaxProblem:
    message = f"an expression is at most {DEPTH_MAX} steps deep"
    hint = "give a part of it a name under `facts:`, or write a list, as in `plan in [a, b]`"
    return SyntaxProblem("N165", message, start, end, hint)


def _unclosed(opener: Token) -> SyntaxProblem:
    closer = _CLOSERS[opener.text]
    return SyntaxProblem("N160", f"`{opener.text}` is never closed", opener.start, opener.end, f"add `{closer}`")


def _remainder(sign: Token) -> SyntaxProblem:
    message = "`%` means percent; there is no remainder"
    return SyntaxProblem("N158", message, sign.start, sign.end, "for a part of something write `30% of plan.price`")


def _called(token: Token) -> str:
    """Return how a message calls *token*."""
    return "this text" if token.kind == "text" else f"`{token.text}`"
