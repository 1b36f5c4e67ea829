"""Every code can be explained, and its examples are true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import nudger.language
from nudger.errors import Problem, SettingsError
from nudger.language.codes import CODES, describe
from nudger.language.codes_expression import EXPRESSION_CODES
from nudger.language.codes_yaml import YAML_CODES
from nudger.language.grammar import SyntaxProblem, parse
from nudger.language.nodes import Mapping, Node, Scalar, read

SOURCES = sorted(Path(nudger.language.__file__ or "").parent.glob("*.py"))
TOLD_NOT_SHOWN = {"Y001", "Y004", "N164", "N165"}  # their examples are descriptions
EXPRESSION_KEYS = {"when", "grown", "small", "heavy_user"}


def test_every_code_in_the_source_is_explained() -> None:
    raised = {code for source in SOURCES for code in re.findall(r'"([A-Z]\d{3})"', source.read_text("utf-8"))}
    assert len(raised) > 40
    assert raised - set(CODES) == set()


def test_an_explanation_holds_both_examples() -> None:
    said = describe("n102")
    assert said.startswith("N102: unknown name\n\n")
    assert "wrong:\n    when: plan == pyag" in said
    assert said.endswith("right:\n    when: plan == payg")


def test_a_code_that_does_not_exist_is_refused() -> None:
    with pytest.raises(SettingsError, match="there is no code 'N1O2'; did you mean 'N102'"):
        describe("N1O2")
    with pytest.raises(SettingsError, match="there is no code 'x'"):
        describe("x")


def codes_of(example: str) -> set[str]:
    problems: list[Problem] = []
    node = read(example.replace("<tab>", "\t"), "rules/a.yaml", problems)
    codes = {problem.code for problem in problems}
    for text in expressions(node) if node else ():
        try:
            parse(text)
        except SyntaxProblem as problem:
            codes.add(problem.code)
    return codes


def expressions(node: Node) -> list[str]:
    if not isinstance(node, Mapping):
        return []
    own = [v.value or "" for k, v in node.pairs if k.value in EXPRESSION_KEYS and isinstance(v, Scalar)]
    return own + [text for _, value in node.pairs for text in expressions(value)]


@pytest.mark.parametrize("code", sorted({*YAML_CODES, *EXPRESSION_CODES} - TOLD_NOT_SHOWN))
def test_the_wrong_example_is_wrong_and_the_right_one_right(code: str) -> None:
    entry = CODES[code]
    assert codes_of(entry.wrong) == {code}
    assert codes_of(entry.right) == set()
