"""`nudger preview`: for a made-up account, a real one, and one that lacks something."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.tools.shop import MONTH, Run, Shop, make_run, make_shop, profile


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    return make_shop(tmp_path, monkeypatch)


@pytest.fixture
def nudger(capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    return make_run(capsysbinary)


def test_a_preview_without_an_account_is_made_of_the_rules_test(shop: Shop, nudger: Run) -> None:
    found = nudger("preview", "over-large")

    assert found.code == 0
    assert "Your bill is $60" in found.out
    assert "the test 'a bill of 60 passes Large' (rules/all.yaml:" in found.out
    text = shop.root / ".nudger/preview/over-large--test-account.txt"
    assert text.read_text().startswith("Sample Co: Large is $30")


def test_a_preview_for_a_real_account_asks_no_guard(shop: Shop, nudger: Run) -> None:
    nudger("run", "--events", shop.events(*MONTH))
    before = (shop.root / ".nudger/messages.ndjson").read_bytes()
    ended = nudger("preview", "over-large", "--account", "birch", "--out", "look", "--json")

    assert ended.code == 0
    found = ended.document
    assert (found["account"], found["test"], found["missing"]) == ("birch", True, [])
    assert found["to"] == {"address": "ada@birch.example", "name": "", "role": "billing"}
    assert (found["offer"]["plan"], found["reason"]["bill"]) == ("large", "60 USD")
    assert "Birch: Large is $30" in (shop.root / found["html"]).read_text()
    assert found["html"] == "look/over-large--birch.html"
    assert (shop.root / ".nudger/messages.ndjson").read_bytes() == before


def test_a_preview_says_what_is_missing(shop: Shop, nudger: Run) -> None:
    shop.write("templates/over-large.html.j2", "<p>{{ account.name }}</p>")
    nudger("run", "--events", shop.events(profile(1, "amber", plan="large", name=None, contacts=[])))
    found = nudger("preview", "over-large", "--account", "amber")
    as_json = nudger("preview", "over-large", "--account", "amber", "--json")

    assert (found.code, as_json.code) == (1, 1)
    assert found.out.splitlines()[0] == "over-large cannot be written for amber:"
    assert "nobody with role billing" in found.out
    assert "`account.name`" in found.out
    assert len(as_json.document["missing"]) >= 3


def test_a_preview_of_a_triggered_rule_asks_for_its_event(shop: Shop, nudger: Run) -> None:
    nudger("run", "--events", shop.events(*MONTH))
    preview = ("preview", "help-asked", "--account", "amber")
    without = nudger(*preview)
    given = nudger(*preview, "--event", '{"data": {"text": "more room?"}}')
    wrong = [nudger(*preview, "--event", value) for value in ("{", "[]", '{"type": "x"}', '{"data": {"text": 3}}')]

    assert (without.code, given.code) == (2, 0)
    assert '--event \'{"type": "help.asked", "data": {"text": …}}\'' in without.err
    assert "About the room you asked for" in given.out
    assert {found.code for found in wrong} == {2}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["over-larg"], "did you mean 'over-large'?"),
        (["over-large", "--account", "amber"], "there is no state at .nudger/state.db"),
        (["over-large", "--event", "{}"], "--event needs an --account"),
    ],
)
def test_a_preview_that_cannot_be_is_said(shop: Shop, nudger: Run, arguments: list[str], said: str) -> None:
    found = nudger("preview", *arguments)

    assert found.code == 2
    assert said in found.err


def test_an_unknown_account_is_met_with_the_one_that_was_meant(shop: Shop, nudger: Run) -> None:
    nudger("run", "--events", shop.events(*MONTH))

    assert "did you mean 'amber'?" in nudger("preview", "over-large", "--account", "amberr").err
