"""The README's commands, run: on a copy of the shipped project, with the month of the demo read once."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nudger.cli import main
from tests.docs.pages import ROOT, blocks

README = list(blocks(ROOT / "README.md"))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project in which `make demo` has been run, but for the setting up."""
    root = tmp_path_factory.mktemp("project")
    for name in ("rules", "templates"):
        shutil.copytree(ROOT / name, root / name)
    shutil.copy(ROOT / "nudger.toml", root)
    folder = root / ".nudger" / "demo"
    folder.mkdir(parents=True)
    events = folder / "events.ndjson"
    month = [sys.executable, str(ROOT / "examples" / "month.py"), "--out", str(events)]
    subprocess.run(month, check=True, capture_output=True)
    options = {"events": events.name, "out": "messages.ndjson", "state": "state.db", "dead-letters": "dead.ndjson"}
    arguments = [text for option, name in options.items() for text in (f"--{option}", str(folder / name))]
    assert main(["-C", str(root), "run", *arguments, "--until", "2026-04-01"]) == 0
    return root


def test_the_shown_explanation_is_what_explain_says(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = demo / ".nudger" / "demo" / "state.db"
    assert main(["-C", str(demo), "explain", "gorilla", "payg-to-scale", "--state", str(state)]) == 0
    said = capsys.readouterr().out

    shown = next(block.text for block in README if block.language == "text")
    for line in shown.splitlines():
        assert line.partition("…")[0].rstrip() in said, line


@pytest.mark.parametrize("line", ["check", "test", "preview payg-to-scale", "explain gorilla"])
def test_the_growth_teams_commands_run(line: str, demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert any(f"nudger {line} " in block.text for block in README if block.language == "sh")
    state = ["--state", str(demo / ".nudger" / "demo" / "state.db")] if line.startswith("explain") else []

    assert main(["-C", str(demo), *line.split(), *state]) == 0
    assert capsys.readouterr().out
