"""Problems are shown with the line, carets and advice, or in one line, as JSON or as annotations."""

from __future__ import annotations

import json

import pytest

from nudger.errors import Problem
from nudger.language.report import render, suggest, summary

LINE = "    when: plan == pyag and bill > next_plan.price"
NAME = Problem("N102", "unknown name 'pyag'", "rules/growth.yaml", 4, 19, 4, "did you mean 'payg'?", LINE)
KEY = Problem("N101", "unknown key 'mesage'", "rules/growth.yaml", 5, 5, 6, "did you mean 'message'?")
LINT = Problem("L301", "rule 'welcome' has no test", "rules/a.yaml", 2, 3, severity="lint")
FILE = Problem("Y004", "this file is larger than 1 MB", "rules/b.yaml")


def test_full_shows_the_line_with_carets_and_advice() -> None:
    assert render([KEY, NAME]) == (
        "rules/growth.yaml:4:19: N102 unknown name 'pyag'\n"
        "    4 |     when: plan == pyag and bill > next_plan.price\n"
        "      |                   ^^^^ did you mean 'payg'?\n"
        "rules/growth.yaml:5:5: N101 unknown key 'mesage'; did you mean 'message'?\n"
        "2 errors in 1 file"
    )


def test_concise_is_one_line_each_in_the_order_of_the_files() -> None:
    assert render([NAME, FILE, KEY, LINT], "concise").split("\n") == [
        "rules/a.yaml:2:3: L301 lint: rule 'welcome' has no test",
        "rules/b.yaml: Y004 this file is larger than 1 MB",
        "rules/growth.yaml:4:19: N102 unknown name 'pyag'; did you mean 'payg'?",
        "rules/growth.yaml:5:5: N101 unknown key 'mesage'; did you mean 'message'?",
        "3 errors, 1 lint in 3 files",
    ]


def test_json_is_one_object() -> None:
    shown = json.loads(render([NAME, LINT], "json"))
    assert (shown["errors"], shown["lints"]) == (1, 1)
    assert shown["problems"][1] == {
        "code": "N102",
        "severity": "error",
        "message": "unknown name 'pyag'",
        "hint": "did you mean 'payg'?",
        "path": "rules/growth.yaml",
        "line": 4,
        "column": 19,
        "length": 4,
        "source": LINE,
    }


def test_github_gets_one_escaped_command_each() -> None:
    odd = Problem("N102", "100%\nodd", "rules/a,b:c.yaml", 1, 2, 3)
    assert render([NAME, LINT, odd], "github").split("\n") == [
        "::error file=rules/a%2Cb%3Ac.yaml,line=1,col=2,title=N102,endColumn=5::100%25%0Aodd",
        "::warning file=rules/a.yaml,line=2,col=3,title=L301,endColumn=4::rule 'welcome' has no test",
        "::error file=rules/growth.yaml,line=4,col=19,title=N102,endColumn=23"
        "::unknown name 'pyag'; did you mean 'payg'?",
    ]


def test_without_problems_there_is_nothing_to_show() -> None:
    assert [render([]), render([], "concise"), render([], "github")] == ["", "", ""]
    assert json.loads(render([], "json")) == {"problems": [], "errors": 0, "lints": 0}


@pytest.mark.parametrize(
    ("problems", "said"),
    [
        ([], "no problems"),
        ([NAME], "1 error in 1 file"),
        ([LINT, LINT], "2 lints in 1 file"),
        ([NAME, KEY, LINT, FILE], "3 errors, 1 lint in 3 files"),
        ([Problem("N102", "no place")], "1 error"),
    ],
)
def test_the_summary_counts(problems: list[Problem], said: str) -> None:
    assert summary(problems) == said


@pytest.mark.parametrize(
    ("source", "column", "length", "below"),
    [
        ("\ta: b", 5, 1, "       ^"),
        ("名前: b", 5, 1, "      ^"),
        ("名前: b", 1, 2, "^^^^"),
        ("e\u0301: b", 5, 1, "   ^"),
        ("a: b", 5, 1, "    ^"),
        ("a: b", 4, 99, "   ^"),
    ],
)
def test_carets_stand_below_what_is_meant(source: str, column: int, length: int, below: str) -> None:
    shown = render([Problem("N102", "odd", "a.yaml", 1, column, length, source=source)]).split("\n")
    assert shown[2] == "      | " + below


def test_a_long_line_is_cut_around_the_place() -> None:
    source = "x" * 5_000 + "HERE" + "y" * 5_000
    line, below = render([Problem("N102", "odd", "a.yaml", 1, 5_001, 4, source=source)]).split("\n")[1:3]
    assert len(line) < 200
    assert line[below.index("^") : below.rindex("^") + 1] == "HERE"
    assert "…" in line


def test_nothing_in_a_file_steers_the_terminal() -> None:
    shown = render([Problem("Y002", "the name \x1b[31m", "a.yaml", 1, 1, 1, "take \x9b out", "\x1b[2Ja: b\u202e")])
    assert not any(letter in shown for letter in "\x1b\x9b\u202e")


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("pyag", "payg"),
        ("mesage", "message"),
        ("web-plus", "web_plus"),
        ("WebPlus", "web_plus"),
        ("Scale", "scale"),
        ("scal", "scale"),
        ("account.tenure_day", "account.tenure_days"),
        ("pluss", "plus"),
        ("xy", ""),
        ("on", ""),
        ("abcdef", ""),
        ("payg", ""),
        ("", ""),
        ("s" * 1_000, ""),
    ],
)
def test_the_word_that_was_meant_is_suggested(word: str, meant: str) -> None:
    known = ["payg", "message", "web_plus", "scale", "account.tenure_days", "plus", "of", "pro"]
    assert suggest(word, known) == (f"did you mean '{meant}'?" if meant else "")


def test_the_nearest_of_several_is_suggested() -> None:
    assert suggest("contcts", ["contract", "contacts", "contexts"]) == "did you mean 'contacts'?"
