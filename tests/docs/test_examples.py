"""Every example of the documentation is one: YAML loads, or fails as it says; commands exist; codes explain."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from nudger.cli import build_parser
from nudger.intake.envelope import Reader
from nudger.language.codes_advice import ADVICE_CODES
from nudger.language.codes_rules import RULE_CODES
from nudger.project import open_project
from tests.docs.pages import ROOT, Block, blocks, pages
from tests.docs.samples import check_sample, check_template

PAGES = [page for page in pages() if page.exists()]
BLOCKS = [block for page in PAGES for block in blocks(page)]
LANGUAGES = {"yaml", "jinja", "json", "sh", "text", "toml", "python"}
TOLD_NOT_SHOWN = {"Y027", "N125", "L206"}  # about files, not about what stands in them
MAKE_TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def of_language(language: str) -> list[Block]:
    return [block for block in BLOCKS if block.language == language]


def test_every_block_names_its_language() -> None:
    assert [str(block) for block in BLOCKS if block.language not in LANGUAGES] == []


# --- rules and templates -------------------------------------------------------------------------


@pytest.mark.parametrize("block", of_language("yaml"), ids=str)
def test_a_rule_example_does_what_is_said_about_it(block: Block) -> None:
    found = {problem.code for problem in check_sample(block.text, alone=block.note == "complete")} - {"L206"}

    assert found == ({block.detail} if block.note == "wrong" else set())


@pytest.mark.parametrize("block", of_language("jinja"), ids=str)
def test_a_template_example_can_be_used(block: Block) -> None:
    assert check_template(block.text) == []


@pytest.mark.parametrize("code", sorted({**RULE_CODES, **ADVICE_CODES}.keys() - TOLD_NOT_SHOWN))
def test_a_code_explains_itself_by_a_wrong_and_a_right_example(code: str) -> None:
    entry = {**RULE_CODES, **ADVICE_CODES}[code]

    assert code in {problem.code for problem in check_sample(entry.wrong)}
    right = {problem.code for problem in check_sample(entry.right)}
    assert code not in right
    assert {found for found in right if not found.startswith("L")} == set()


# --- events and settings -------------------------------------------------------------------------


def test_every_event_shown_is_one() -> None:
    ground = open_project(ROOT).definition.ground
    assert ground is not None
    reader = Reader(ground.events, frozenset(ground.catalog.plans), frozenset(ground.catalog.addons))
    shown = [block for block in of_language("json") if '"type"' in block.text]

    for block in shown:
        for line in block.text.splitlines():
            assert reader.read(line.encode()), str(block)
    assert len(shown) >= 3


@pytest.mark.parametrize("block", of_language("json"), ids=str)
def test_json_examples_are_json(block: Block) -> None:
    for line in block.text.splitlines():
        json.loads(line)


# --- commands ------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", of_language("sh"), ids=str)
def test_a_command_shown_is_one(block: Block) -> None:
    for line in block.text.splitlines():
        words = shlex.split(line, comments=True)
        if words:
            assert unknown_in(words) == "", f"{block}: {line}"


def unknown_in(words: list[str]) -> str:
    """Return what of a command does not exist, "" if all of it does."""
    pipe = [at for at, word in enumerate(words) if word == "|"]
    if pipe:
        return unknown_in(words[: pipe[0]]) or unknown_in(words[pipe[0] + 1 :])
    while "=" in words[0]:
        words = words[1:]
    program, *arguments = words
    match program:
        case "nudger" | ".venv/bin/nudger":
            return _unknown_to_parser(arguments)
        case "make":
            return ", ".join(sorted(set(arguments) - MAKE_TARGETS))
        case "python" | ".venv/bin/python" if arguments[0] == "-m":
            module = Path(*arguments[1].split("."))
            return "" if (ROOT / module).with_suffix(".py").exists() or arguments[1] == "pytest" else arguments[1]
        case "python" | ".venv/bin/python":
            return "" if (ROOT / arguments[0]).exists() else arguments[0]
        case "git" | "cd" | "cat" | "open" | "billing-export" | "jq":
            return ""
    return program


def _unknown_to_parser(arguments: list[str]) -> str:
    try:
        build_parser().parse_args(arguments)
    except SystemExit as end:
        return "" if end.code in (0, None) else " ".join(arguments)
    return ""


def test_a_command_that_does_not_exist_would_be_noticed() -> None:
    assert unknown_in(["nudger", "deliver"]) == "deliver"
    assert unknown_in(["nudger", "run", "--event", "x"]) == "run --event x"
    assert unknown_in(["make", "demo", "coffee"]) == "coffee"
    assert unknown_in(["billing-export", "|", "nudger", "runs"]) == "runs"
    assert unknown_in(["python", "-m", "tests.docs.generate"]) == ""
    assert unknown_in(["rm", "-rf", "/"]) == "rm"


# --- links ---------------------------------------------------------------------------------------

_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for found in _LINK.finditer(text):
        target = found[1] or found[2]
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), target
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), target


def anchors(page: Path) -> set[str]:
    text = page.read_text("utf-8")
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    made = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    return made | set(re.findall(r'<a id="([^"]+)">', text))
