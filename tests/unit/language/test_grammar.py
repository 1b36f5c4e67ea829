"""Every literal, every pair of precedences and every mistake of the expression language."""

from __future__ import annotations

from decimal import Decimal

import pytest

from nudger.language import grammar as g
from nudger.language.grammar import parse, unparse

A, B, C = g.Name(("a",)), g.Name(("b",)), g.Name(("c",))
DAY = 86_400_000

LITERALS = [
    ("1000", g.Number(Decimal(1000))),
    ("32.50", g.Number(Decimal("32.5"))),
    ("007", g.Number(Decimal(7))),
    ("125 USD", g.MoneyLit(Decimal(125), "USD")),
    ("32.50 DKK", g.MoneyLit(Decimal("32.5"), "DKK")),
    ("$125", g.MoneyLit(Decimal(125), "USD")),
    ("$ 32.50", g.MoneyLit(Decimal("32.50"), "USD")),
    ("€8", g.MoneyLit(Decimal(8), "EUR")),
    ("£8", g.MoneyLit(Decimal(8), "GBP")),
    ("125 €", g.MoneyLit(Decimal(125), "EUR")),
    ("20%", g.Percent(Decimal("0.2"))),
    ("20 %", g.Percent(Decimal("0.2"))),
    ("0.125%", g.Percent(Decimal("0.00125"))),
    ("30 days", g.Duration(30 * DAY)),
    ("1 day", g.Duration(DAY)),
    ("4 hours", g.Duration(14_400_000)),
    ("1 hour", g.Duration(3_600_000)),
    ("10 minutes", g.Duration(600_000)),
    ("1 minute", g.Duration(60_000)),
    ("90 seconds", g.Duration(90_000)),
    ("0.5 seconds", g.Duration(500)),
    ("2 weeks", g.Duration(14 * DAY)),
    ("1 week", g.Duration(7 * DAY)),
    ("1.5 hours", g.Duration(5_400_000)),
    ("0 days", g.Duration(0)),
    ("1 billing cycle", g.Period(1, "billing cycle")),
    ("3 billing cycles", g.Period(3, "billing cycle")),
    ("2 calendar months", g.Period(2, "calendar month")),
    ('"first_value"', g.Text("first_value")),
    ("'first value'", g.Text("first value")),
    (r'"say \"hi\""', g.Text('say "hi"')),
    (r"'it\'s'", g.Text("it's")),
    (r'"a\\b\n\t"', g.Text("a\\b\n\t")),
    ('""', g.Text("")),
    ("true", g.Truth(value=True)),
    ("false", g.Truth(value=False)),
    ("payg", g.Name(("payg",))),
    ("plan.includes.api_calls", g.Name(("plan", "includes", "api_calls"))),
    ("event.in", g.Name(("event", "in"))),
    ("days", g.Name(("days",))),
    ("[]", g.ListLit(())),
    ('[a, "b", 3]', g.ListLit((A, g.Text("b"), g.Number(Decimal(3))))),
    ("30% of a", g.PercentOf(g.Percent(Decimal("0.3")), A)),
    ("bill_on(scale)", g.Call("bill_on", (g.Name(("scale",)),))),
    ("growth(a, 90 days)", g.Call("growth", (A, g.Duration(90 * DAY)))),
    ("before(a, 1 billing cycle)", g.Call("before", (A, g.Period(1, "billing cycle")))),
    ("f()", g.Call("f", ())),
    ("largest(a).name", g.Attribute(g.Call("largest", (A,)), "name")),
    ("largest(a).b.c", g.Attribute(g.Attribute(g.Call("largest", (A,)), "b"), "c")),
    ("(a).name", g.Attribute(A, "name")),
    ("a is set", g.IsSet(A, negated=False)),
    ("a is missing", g.IsSet(A, negated=True)),
    ("a has b", g.Has(A, B)),
    ("a in b", g.In(A, B)),
    ("a mentions b", g.Mentions(A, B)),
    ("a else b", g.Else(A, B)),
    ("-a", g.Unary("-", A)),
    ("not a", g.Unary("not", A)),
    ("a-b", g.Binary("-", A, B)),
    ("  a\n  and\tb ", g.And(A, B)),
]


@pytest.mark.parametrize(("text", "tree"), LITERALS, ids=[text for text, _ in LITERALS])
def test_what_is_written_is_what_is_read(text: str, tree: g.Expr) -> None:
    assert parse(text) == tree
    assert parse(unparse(tree)) == tree


# The same expression without and with the parentheses that it means.
PRECEDENCES = [
    ("a or b and c", "a or (b and c)"),
    ("a and b or c", "(a and b) or c"),
    ("not a or b", "(not a) or b"),
    ("not a and b", "(not a) and b"),
    ("not a == b", "not (a == b)"),
    ("not a has b", "not (a has b)"),
    ("not a is set", "not (a is set)"),
    ("not not a", "not (not a)"),
    ("a or not b", "a or (not b)"),
    ("a == b and b in c", "(a == b) and (b in c)"),
    ("a has b or b mentions c", "(a has b) or (b mentions c)"),
    ("a is missing and b", "(a is missing) and b"),
    ("a else 0 > 5", "(a else 0) > 5"),
    ("5 < a else 0", "5 < (a else 0)"),
    ("a else b is set", "(a else b) is set"),
    ("a else b else c", "(a else b) else c"),
    ("a else b + c", "a else (b + c)"),
    ("a + b else c", "(a + b) else c"),
    ("a + b > c", "(a + b) > c"),
    ("a - b - c", "(a - b) - c"),
    ("a / b / c", "(a / b) / c"),
    ("a + b * c", "a + (b * c)"),
    ("a * b + c", "(a * b) + c"),
    ("-a * b", "(-a) * b"),
    ("a * -b", "a * (-b)"),
    ("a - -b", "a - (-b)"),
    ("--a", "-(-a)"),
    ("-30% of a", "-(30% of a)"),
    ("30% of a * b", "(30% of a) * b"),
    ("30% of 20% of a", "30% of (20% of a)"),
    ("a > 30% of b", "a > (30% of b)"),
    ("30% of f(a).b", "30% of (f(a).b)"),
    ("a and b and c", "(a and b) and c"),
    ("a or b or c", "(a or b) or c"),
]


@pytest.mark.parametrize(("bare", "meant"), PRECEDENCES, ids=[bare for bare, _ in PRECEDENCES])
def test_what_binds_tighter(bare: str, meant: str) -> None:
    assert parse(bare) == parse(meant)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("$32.5", "32.50 USD"),
        ("$ 125.00", "125 USD"),
        ("1.50", "1.5"),
        ("2 weeks", "14 days"),
        ("24 hours", "1 day"),
        ("36 hours", "36 hours"),
        ("90 seconds", "90 seconds"),
        ("1 seconds", "1 second"),
        ("0.25 seconds", "0.25 seconds"),
        ("150.0 %", "150%"),
        ("'it\\'s'", '"it\'s"'),
        ("not (plan.features has 'crm')", 'not plan.features has "crm"'),
        ("(a < b) == c", "(a < b) == c"),
        ("30% of (-a)", "30% of (-a)"),
        ("a - (b - c)", "a - (b - c)"),
        ("((a))", "a"),
        ("(a).b", "(a).b"),
        ("1 calendar months", "1 calendar month"),
    ],
)
def test_equal_expressions_have_one_text(text: str, canonical: str) -> None:
    assert unparse(parse(text)) == canonical
    assert unparse(parse(canonical)) == canonical


def test_offsets_cover_what_was_written() -> None:
    text = "plan == payg and (bill - 5) > 30% of next_plan.price"
    tree = parse(text)

    def slices(expr: g.Expr) -> list[str]:
        return [text[expr.start : expr.end]] + [piece for child in g.children(expr) for piece in slices(child)]

    assert slices(tree) == [
        text,
        "plan == payg",
        "plan",
        "payg",
        "(bill - 5) > 30% of next_plan.price",
        "bill - 5",
        "bill",
        "5",
        "30% of next_plan.price",
        "30%",
        "next_plan.price",
    ]


def test_offsets_of_calls_attributes_and_lists() -> None:
    text = "largest(exports).name.first in [1, -x]"
    tree = parse(text)
    assert isinstance(tree, g.In)
    assert isinstance(tree.left, g.Attribute)
    assert text[tree.left.operand.start : tree.left.operand.end] == "largest(exports).name"
    assert text[tree.left.start : tree.left.end] == "largest(exports).name.first"
    assert text[tree.right.start : tree.right.end] == "[1, -x]"


# Text, code, what is underlined, and a part of the hint.
MISTAKES = [
    ("", "N150", "", "write a condition"),
    (" \n", "N150", " \n", "write a condition"),
    ("a b", "N151", "b", "a word between them"),
    ("a AND b", "N151", "AND", "write `and`"),
    ("NOT a", "N151", "a", "write `not`"),
    ("USD 125", "N151", "125", "write 125 USD"),
    ("a equals 3", "N151", "equals", "`==`"),
    ("a contains b", "N151", "contains", "`has`"),
    ("a of b", "N151", "of", "follows a percentage"),
    ("a in (b, c)", "N151", ",", "[a, b]"),
    ("32,50", "N151", ",", "32.50"),
    ("f(a b)", "N151", "b", ""),
    ("125 USD 'x'", "N151", "'x'", ""),
    ("a and", "N152", "and", "finish"),
    ("and a", "N152", "and", ""),
    ("a == == b", "N152", "==", ""),
    ("a == ,", "N152", ",", ""),
    ("()", "N152", ")", ""),
    ("-", "N152", "-", ""),
    ("$a", "N152", "$", "$125"),
    ("30% of -a", "N152", "-", "parentheses"),
    ("f(a).", "N152", ".", ""),
    ("1 < a < 5", "N153", "<", "`1 < x and x < 5`"),
    ("a == b in c", "N153", "in", ""),
    ("a is set == b", "N153", "==", ""),
    ("a has b is set", "N153", "is", ""),
    ("a = 5", "N154", "=", "`==`"),
    ("{{ bill }} > 3", "N155", "{{", "subjects and templates"),
    ("bill }} > 3", "N155", "}}", "subjects and templates"),
    ("a && b", "N156", "&&", "`and`"),
    ("a || b", "N156", "||", "`or`"),
    ("a | money", "N156", "|", "filters"),
    ("!a", "N156", "!", "`not`"),
    ("a <> b", "N157", "<>", "`!=`"),
    ("a ** 2", "N157", "**", "`x * x`"),
    ("a === b", "N157", "===", "`==`"),
    ("a !== b", "N157", "!==", "`!=`"),
    ("a => b", "N157", "=>", "`>=`"),
    ("a =< b", "N157", "=<", "`<=`"),
    ("a // b", "N157", "//", "`/`"),
    ("a % 3", "N158", "%", "30% of"),
    ("20 % 3", "N158", "%", "30% of"),
    ("20% a", "N158", "%", "30% of"),
    ("% a", "N158", "%", "30% of"),
    ('a == "abc', "N159", '"abc', 'with "'),
    ("a == 'abc\nand b", "N159", "'abc", "with '"),
    ("not (a", "N160", "(", "`)`"),
    ("[a, b", "N160", "[", "`]`"),
    ("f(", "N160", "(", "`)`"),
    ("a)", "N161", ")", ""),
    (") a", "N161", ")", ""),
    ("[a)", "N161", ")", ""),
    ("1 month", "N162", "month", "`billing cycle`, `calendar month` or `30 days`"),
    ("growth(a, 3 months)", "N162", "months", "30 days"),
    ("1 year", "N162", "year", "365 days"),
    ("2 quarters", "N162", "quarters", "90 days"),
    ("1 billing", "N162", "billing", "billing cycle"),
    ("a > 1,000", "N163", "1,000", "write 1000"),
    ("a > 1,000,000.50", "N163", "1,000,000.50", "write 1000000.50"),
    ("1_000", "N163", "1_000", "write 1000"),
    (".5", "N163", ".5", "write 0.5"),
    ("a == 30days", "N166", "30days", "write 30 days"),
    ("125USD", "N166", "125USD", "write 125 USD"),
    ("10k", "N166", "10k", "digits only"),
    ("a > 30 d", "N166", "d", "write 30 days"),
    ("30 Days", "N166", "Days", "write 30 days"),
    ("9" * 19, "N167", "9" * 19, ""),
    ("5300 weeks", "N167", "5300 weeks", ""),
    ("0.0001 seconds", "N167", "0.0001 seconds", ""),
    ("1.5 billing cycles", "N167", "1.5 billing cycles", "1 billing cycle"),
    ("0 calendar months", "N167", "0 calendar months", "1 calendar month"),
    ("a == “x”", "N168", "“", "straight|…"),
    ("a ≥ 3", "N168", "≥", "`>=`"),
    ("a – b", "N168", "–", "`-`"),
    ("a # why", "N168", "#", "line above"),
    ("{a}", "N168", "{", "[a, b]"),
    ("größe", "N168", "ö", ""),
    ("a \\ b", "N168", "\\", ""),
    ("a \x00", "N168", "\x00", ""),
    (r'"a\d"', "N169", r"\d", r"\\"),
    ("a is 5", "N170", "is", "`==`"),
    ("a is not set", "N170", "is", "is missing"),
    ("a not in b", "N171", "not", "not (plan in"),
    ("a == not b", "N171", "not", "parentheses"),
]


@pytest.mark.parametrize(("text", "code", "marked", "hint"), MISTAKES, ids=[row[0] or "empty" for row in MISTAKES])
def test_a_mistake_is_pointed_at_with_advice(text: str, code: str, marked: str, hint: str) -> None:
    with pytest.raises(g.SyntaxProblem) as caught:
        parse(text)

    problem = caught.value
    assert (problem.code, text[problem.start : problem.end]) == (code, marked)
    assert any(part in problem.hint for part in hint.split("|"))
    assert problem.message


def test_a_chain_is_marked_at_its_second_operator() -> None:
    with pytest.raises(g.SyntaxProblem) as caught:
        parse("1 < a < 5")
    assert caught.value.start == 6


def test_the_first_mistake_of_several_is_told() -> None:
    with pytest.raises(g.SyntaxProblem) as caught:
        parse("a b = 'c")
    assert caught.value.code == "N151"


def test_length_is_bounded() -> None:
    assert parse("a" + " " * 1_999) == A
    with pytest.raises(g.SyntaxProblem) as caught:
        parse("a" + " " * 2_000)
    assert (caught.value.code, caught.value.start, caught.value.end) == ("N164", 2_000, 2_001)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 50 + "a" + ")" * 50,
        "(" * 1_000,
        "-" * 1_000 + "a",
        "not " * 400 + "a",
        "[" * 1_000,
        "f(" * 600,
        "1% of " * 300 + "a",
        " or ".join(["a"] * 51),
        "+".join(["a"] * 900),
        "f(a)" + ".b" * 900,
    ],
    ids=lambda text: text[:12],
)
def test_depth_is_bounded_by_the_parser_itself(text: str) -> None:
    with pytest.raises(g.SyntaxProblem) as caught:
        parse(text)
    assert caught.value.code == "N165"
    assert 0 <= caught.value.start < caught.value.end <= len(text)


def test_ten_thousand_parentheses_are_refused() -> None:
    with pytest.raises(g.SyntaxProblem):
        parse("(" * 10_000)


def test_fifty_steps_are_enough_for_everybody() -> None:
    parse("(" * 49 + "a" + ")" * 49)
    parse(" or ".join(["a"] * 50))
