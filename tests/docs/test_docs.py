"""The documentation says what the code does: generated parts are up to date, and nothing that exists is left out."""

from __future__ import annotations

import re

import pytest

from nudger.core.verdict import VERDICTS
from nudger.language.codes import CODES
from nudger.language.schema import LATER
from nudger.language.scope import UnknownName
from nudger.mail.problems import EXPLANATIONS
from tests.docs import words
from tests.docs.generate import generated
from tests.docs.pages import DOCS, ROOT, pages, parts_of
from tests.docs.tables import (
    PARTS,
    command_parsers,
    dead_letter_codes,
    environment_name,
    scopes,
    setting_names,
    verdict_reasons,
)

RULES = (DOCS / "rules.md").read_text("utf-8")
OPERATIONS = (DOCS / "operations.md").read_text("utf-8")
ALL = "\n".join(page.read_text("utf-8") for page in pages())


def test_generated_parts_are_up_to_date() -> None:
    stale = [str(path.relative_to(ROOT)) for path, text in generated().items() if path.read_text("utf-8") != text]
    assert stale == [], "run: make docs"


def test_everything_that_can_be_generated_stands_somewhere() -> None:
    used = {part for page in pages() for part in parts_of(page.read_text("utf-8"))}
    assert used == set(PARTS)


def test_every_command_and_option_stands_in_the_docs() -> None:
    for name, parser in command_parsers().items():
        assert f"nudger {name}" in OPERATIONS
        for action in parser._actions:
            for option in action.option_strings:
                assert option in OPERATIONS or option in ("-h", "--help"), f"{name} {option}"


def test_every_setting_stands_in_the_docs() -> None:
    for name in setting_names():
        assert f"`{name}`" in OPERATIONS
        assert f"`{environment_name(name)}`" in OPERATIONS


def test_every_verdict_and_reason_stands_in_the_docs() -> None:
    for word in VERDICTS:
        assert f"`{word}`" in RULES
    for reasons in verdict_reasons().values():
        for reason in reasons:
            assert f"`{reason}`" in RULES


def test_every_code_stands_in_the_docs() -> None:
    for code in {**CODES, **EXPLANATIONS}:
        assert f"`{code}`" in RULES


def test_every_dead_letter_code_stands_in_the_docs() -> None:
    events = (DOCS / "contracts" / "events.md").read_text("utf-8")
    assert len(dead_letter_codes()) > 10
    for code in dead_letter_codes():
        assert f"`{code}`" in events


def test_every_key_to_come_stands_in_the_docs() -> None:
    part = RULES[RULES.index("## Known, not built yet") : RULES.index("## Error codes")]
    for keys in LATER.values():
        for key in keys:
            assert f"`{key}`" in part


@pytest.mark.parametrize("name", words.LATER_NAMES)
def test_a_name_to_come_is_refused_as_such(name: str) -> None:
    with pytest.raises(UnknownName) as refused:
        scopes()["mail"].resolve((name,))
    assert refused.value.code == "N103"


def test_verdicts_named_for_stages_exist() -> None:
    named = {word for _, listed in words.STAGES.values() for word in listed}
    elsewhere = {"said", "cancelled"}  # answers that need no stage
    assert named | elsewhere == set(VERDICTS)


def test_every_exit_code_of_the_code_stands_in_the_docs() -> None:
    sources = [ROOT / "nudger" / "cli.py", ROOT / "nudger" / "errors.py", ROOT / "nudger" / "tools" / "run.py"]
    constants = re.findall(
        r"^(?:    exit_code|[A-Z_]+)(?:: Final)? = (\d{1,3})$",
        "\n".join(path.read_text("utf-8") for path in sources),
        re.MULTILINE,
    )
    exits = {int(number) for number in constants if int(number) in {*range(6), *range(64, 144)}}
    assert {1, 2, 3, 4, 5, 70, 130, 141, 143} <= exits
    assert set(words.EXITS) == {0, 1, 2, 3, 4, 5, 70, 130, 141, 143}


def test_the_headline_rule_stands_in_the_readme_as_it_is_shipped() -> None:
    shipped = (ROOT / "rules" / "bills.yaml").read_text("utf-8")
    rule = shipped[shipped.index("  payg-to-scale:") : shipped.index("  second-top-up:")].strip()
    assert rule in (ROOT / "README.md").read_text("utf-8")


def test_the_picture_is_small() -> None:
    picture = DOCS / "images" / "payg-to-scale.png"
    assert 0 < picture.stat().st_size <= 150_000


def test_the_pages_name_no_place_of_a_machine() -> None:
    known = {"accept", "billing", "nudger", "preferences", "unsubscribe"}  # parts of links and event sources
    named = re.findall(r"(?<=[\s`(\"])/([A-Za-z][\w.-]*)", ALL)
    assert set(named) <= known
