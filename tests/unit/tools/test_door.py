"""The door: usage, faults, and the way to each command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.tools.shop import MONTH, Run, Shop, make_run, make_shop


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    return make_shop(tmp_path, monkeypatch)


@pytest.fixture
def nudger(capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    return make_run(capsysbinary)


# --- the door ----------------------------------------------------------------------------------------


def test_without_a_command_the_help_is_printed(nudger: Run) -> None:
    found = nudger()

    assert found.code == 2
    for command in ("check", "test", "run", "preview", "explain"):
        assert f"nudger {command}" in found.out


@pytest.mark.parametrize("command", ["check", "test", "run", "preview", "explain"])
def test_every_command_has_an_example(nudger: Run, command: str) -> None:
    found = nudger(command, "--help")

    assert found.code == 0
    assert f"example:\n  nudger {command}" in found.out


@pytest.mark.parametrize("module", ["nudger", "nudger.cli"])
def test_help_and_version_import_nothing_heavy(shop: Shop, module: str) -> None:
    command = [sys.executable, "-X", "importtime", "-m", module]
    helped = subprocess.run([*command, "--help"], capture_output=True, text=True, cwd=shop.root)
    version = subprocess.run([*command, "--version"], capture_output=True, text=True, cwd=shop.root)

    assert helped.returncode == version.returncode == 0
    assert version.stdout.startswith("nudger ")
    for heavy in ("pydantic", "jinja2", "css_inline", "structlog", "sqlite3", "msgspec", "yaml"):
        assert heavy not in helped.stderr + version.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["chekc"],
        ["run", "--evnts", "x"],
        ["run", "--until", "soon"],
        ["explain", "amber", "--at", "2026-02-30"],
        ["preview"],
    ],
)
def test_wrong_usage_is_2(nudger: Run, arguments: list[str]) -> None:
    found = nudger(*arguments)

    assert found.code == 2
    assert "usage: nudger" in found.err
    assert "Traceback" not in found.err


def test_the_project_is_named_before_or_after_the_command(
    shop: Shop, nudger: Run, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))

    assert nudger("-C", str(shop.root), "check").code == 0
    assert nudger("check", "-C", str(shop.root)).code == 0
    assert nudger("check").code == 1
    assert nudger("-C", str(shop.root / "nowhere"), "check").code == 2


def test_a_fault_of_nudger_is_one_plain_line(shop: Shop, nudger: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise KeyError("some\nthing")

    monkeypatch.setattr("nudger.tools.check.check_project", fail)
    plain, logged = nudger("check"), nudger("check", "--debug")

    assert plain.code == logged.code == 70
    assert plain.err.count("\n") == 1
    assert "KeyError" in plain.err
    assert "report it" in plain.err
    assert "nudger.failed" in logged.err
    assert "Traceback" not in plain.err


def test_an_interrupt_before_the_run_is_said(shop: Shop, nudger: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nudger.tools.run.open_project", interrupt)
    found = nudger("run", "--events", shop.events(*MONTH))

    assert found.code == 130
    assert "the same command goes on" in found.err


# --- the other two doors -----------------------------------------------------------------------------


def test_tests_and_explanations_are_reached(shop: Shop, nudger: Run) -> None:
    nudger("run", "--events", shop.events(*MONTH))

    assert nudger("test").code == 0
    assert nudger("test", "over-large", "--json").document["tests"] == 1
    assert nudger("explain", "amber", "over-large", "--at", "2026-03-05").code == 0
    assert nudger("explain", "capped").code == 0


def test_logs_are_json_off_a_terminal(shop: Shop, nudger: Run) -> None:
    found = nudger("run", "--events", shop.events(*MONTH), "--debug")

    logged = [json.loads(line) for line in found.err.splitlines()]
    assert [line["event"] for line in logged] == ["run.started", "run.ended"]
    assert "ada@" not in found.err
