"""kill -9 at any moment of the embedded run, the shipped example's month as input."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KILLS = int(os.environ.get("NUDGER_KILLS", "200"))


def test_killed_at_any_moment_a_run_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    """Messages, dead letters, decisions, states and ids equal those of a run that nobody disturbed."""
    shutil.copytree(ROOT / "rules", tmp_path / "rules")
    shutil.copytree(ROOT / "templates", tmp_path / "templates")
    shutil.copy(ROOT / "nudger.toml", tmp_path)
    made = subprocess.run([sys.executable, str(ROOT / "examples" / "month.py")], capture_output=True, check=True)
    lines = made.stdout.splitlines(keepends=True)
    (tmp_path / "events.ndjson").write_bytes(b"".join(lines[:14000]))
    row = {"account": "gorilla", "name": "Gorilla & Co"}
    (tmp_path / "accounts.ndjson").write_text(json.dumps(row) + "\n")
    command = [sys.executable, "-m", "tests.integration.killed_run", str(tmp_path), str(KILLS), "7"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    print(result.stdout)
    assert result.returncode == 0, result.stdout + result.stderr[-3000:]
    assert "nothing lost, nothing doubled" in result.stdout
