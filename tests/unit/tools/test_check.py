"""`nudger check`: one line when all is fine, a place for every problem."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.tools.shop import MONTH, RULES, SETTINGS, Run, Shop, make_run, make_shop


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    return make_shop(tmp_path, monkeypatch)


@pytest.fixture
def nudger(capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    return make_run(capsysbinary)


def test_a_fine_project_is_one_line_of_what_was_found(shop: Shop, nudger: Run) -> None:
    found = nudger("check")

    assert found.code == 0
    assert found.out.splitlines()[0] == "2 rules, 1 meter, 2 tests: fine"
    assert "remembered for 48 hours (`lateness`). 100 events a second are 17.3 million" in found.out


def test_what_run_would_miss_is_said_by_check(shop: Shop, nudger: Run) -> None:
    shop.write("nudger.toml", SETTINGS.replace('base_url = "https://billing.example"', ""))

    assert "`links.base_url` is missing" in nudger("check").out
    assert nudger("run", "--events", shop.events(*MONTH)).code == 2


def test_a_problem_is_shown_at_its_place(shop: Shop, nudger: Run) -> None:
    shop.write("rules/all.yaml", RULES.replace("when: plan == small", "when: plan == smal"))
    full, concise = nudger("check"), nudger("check", "--format", "concise")
    as_json, github = nudger("check", "--json"), nudger("check", "--format", "github")
    run = nudger("run", "--events", shop.events(*MONTH))

    line = next(at for at, text in enumerate(RULES.splitlines(), start=1) if "when:" in text)
    place = f"rules/all.yaml:{line}:19: N102"
    assert {found.code for found in (full, concise, as_json, github, run)} == {1}
    assert place in full.out
    assert "^^^^ did you mean 'small'?" in full.out
    assert place in concise.out
    assert as_json.document["errors"] == 1
    assert as_json.document["problems"][0]["line"] == line
    assert f"::error file=rules/all.yaml,line={line},col=19" in github.out
    assert place in run.err
    assert not (shop.root / ".nudger").exists()


def test_advice_alone_is_fine_unless_strict(shop: Shop, nudger: Run) -> None:
    (shop.root / "templates/help-asked.txt.j2").unlink()
    found = nudger("check", "--json")

    assert (found.code, found.document["lints"], found.document["found"]["rules"]) == (0, 1, 2)
    assert "2 rules, 1 meter, 2 tests: no error" in nudger("check").out
    assert nudger("check", "--strict").code == 1


def test_settings_that_cannot_be_read_are_2(shop: Shop, nudger: Run) -> None:
    shop.write("nudger.toml", "[links\n")

    for found in (nudger("check"), nudger("run", "--events", shop.events(*MONTH))):
        assert found.code == 2
        assert "nudger.toml" in found.err
