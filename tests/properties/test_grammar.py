"""What holds for every expression and every file, not only for those in the tables."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from nudger.errors import Problem
from nudger.language import grammar as g
from nudger.language import nodes
from nudger.language.codes import CODES
from nudger.language.grammar import parse, unparse
from nudger.language.report import render

words = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True).filter(lambda word: word not in g.KEYWORDS)
amounts = st.decimals(min_value=0, max_value=10**9, places=3, allow_nan=False)
names = st.lists(words, min_size=1, max_size=3).map(lambda parts: g.Name(tuple(parts)))
percents = amounts.map(lambda value: g.Percent(value.scaleb(-2)))
leaves: st.SearchStrategy[g.Expr] = st.one_of(
    names,
    amounts.map(g.Number),
    st.builds(g.MoneyLit, amounts, st.from_regex(r"[A-Z]{3}", fullmatch=True).filter(lambda code: code != "DAY")),
    percents,
    st.integers(0, 10**12).map(g.Duration),
    st.builds(g.Period, st.integers(1, 1_200), st.sampled_from(["billing cycle", "calendar month"])),
    st.text(max_size=6).map(g.Text),
    st.booleans().map(lambda value: g.Truth(value=value)),
)


def nested(inner: st.SearchStrategy[g.Expr]) -> st.SearchStrategy[g.Expr]:
    several = st.lists(inner, max_size=3).map(tuple)
    calls = st.builds(g.Call, words, several)
    return st.one_of(
        st.builds(g.Unary, st.sampled_from(["-", "not"]), inner),
        st.builds(g.Binary, st.sampled_from("+-*/"), inner, inner),
        st.builds(g.Compare, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), inner, inner),
        *(st.builds(node, inner, inner) for node in (g.In, g.Has, g.Mentions, g.Else, g.And, g.Or)),
        st.builds(g.PercentOf, percents, inner),
        st.builds(g.IsSet, inner, st.booleans()),
        several.map(g.ListLit),
        calls,
        st.builds(g.Attribute, st.one_of(calls, inner), words),
    )


trees = st.recursive(leaves, nested, max_leaves=12)


@given(trees)
@settings(max_examples=300, deadline=None)
def test_the_canonical_text_of_a_tree_is_that_tree(tree: g.Expr) -> None:
    text = unparse(tree)
    assert parse(text) == tree
    assert unparse(parse(text)) == text


PIECES = (
    "a b.c 1 2.5 % $ USD days month ( ) [ ] , . + - * / == = < > ! not and or in has is set else of true {{ \" ' \\ #"
)
wordy = st.lists(st.sampled_from([*PIECES.split(), " ", "\n", "1,000", "ö", "\x00"]), max_size=14).map(" ".join)


@given(st.one_of(st.text(max_size=40), wordy, wordy.map(lambda text: text.replace(" ", ""))))
@settings(max_examples=500, deadline=None)
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    tree = parsed(text)
    if isinstance(tree, g.SyntaxProblem):
        assert 0 <= tree.start <= tree.end <= len(text)
        assert tree.start < tree.end or not text
        assert tree.code in CODES
    else:
        assert parse(unparse(tree)) == tree
        assert text[tree.start : tree.end].strip()


def parsed(text: str) -> g.Expr | g.SyntaxProblem:
    try:
        return parse(text)
    except g.SyntaxProblem as problem:
        return problem


FILE_PIECES = [
    *("a", "b", "key", ": ", ":", " ", "\n", "\n  ", "\n    ", "- ", "-", "{", "}", "[", "]", ",", ", ", '"', "'"),
    *("|\n", ">\n", "|-\n", ">+\n", "|2\n", "|", ">", "#", " # c", "? ", "!", "&a", "*a", "%", "@", "`", "..."),
    *("\n---\n", "\\", "\\n", '""', "''", "null", "~", "<<", "é", "日本", "{{ ", "}}", "\xa0", "a: b\n", "- c\n"),
    *(
        ":]",
        ":,",
        ":?",
        ":{",
        '"x"',
        "'y'",
        "c: {d: e}\n",
        "f: [g, h]\n",
        '"\\ud800"',
        '"\\UFFFFFFFF"',
        "\t",
        "\x00",
        "\ufeff",
        "\x85",
    ),
]
files = st.lists(st.sampled_from(FILE_PIECES), max_size=24).map("".join)


def read_with(loader: Any, text: str | bytes) -> tuple[nodes.Node | None, list[Problem]]:
    problems: list[Problem] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nodes, "LOADER", loader)
        return nodes.read(text, "rules/a.yaml", problems), problems


def well_placed(problem: Problem, text: str) -> bool:
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    inside = 1 <= problem.line <= len(lines) and 1 <= problem.column <= len(problem.source) + 1
    return inside and problem.source == lines[problem.line - 1] and problem.length >= 1


@pytest.mark.skipif(not hasattr(yaml, "CSafeLoader"), reason="PyYAML without libyaml")
@given(st.one_of(files, st.text(max_size=30)))
@settings(max_examples=600, deadline=None)
def test_any_file_is_read_or_refused_and_both_loaders_agree(text: str) -> None:
    tree, problems = read_with(yaml.CSafeLoader, text)
    other_tree, other_problems = read_with(yaml.SafeLoader, text)

    assert (tree, bool(problems)) == (other_tree, bool(other_problems))
    assert tree is None or not problems
    for problem in [*problems, *other_problems]:
        assert well_placed(problem, text)
        assert problem.code in CODES
        assert "Error" not in problem.message and "Event" not in problem.message
    render(problems, "full")


@given(st.binary(max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    tree, problems = read_with(nodes.LOADER, content)
    assert tree is None or not problems


def scalars(node: nodes.Node) -> list[nodes.Scalar]:
    match node:
        case nodes.Scalar():
            return [node]
        case nodes.Sequence(items=items):
            return [scalar for item in items for scalar in scalars(item)]
        case nodes.Mapping(pairs=pairs):
            return [scalar for key, value in pairs for scalar in [key, *scalars(value)]]


@given(files)
@settings(max_examples=400, deadline=None)
def test_each_visible_character_is_found_where_it_stands(text: str) -> None:
    tree, _ = read_with(nodes.LOADER, text)
    lines = text.removeprefix("\ufeff").split("\n")
    for scalar in scalars(tree) if tree else ():
        for offset, character in enumerate(scalar.value or ""):
            line, column = scalar.place(offset)
            if not character.isspace():
                assert lines[line - 1][column - 1] in (character, "\\")


def test_decimals_survive_the_canonical_text() -> None:
    assert unparse(g.Number(Decimal("1E+3"))) == "1000"
