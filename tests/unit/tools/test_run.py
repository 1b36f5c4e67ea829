"""What a run says while it goes, and how it takes a wish to stop."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest

from nudger.partition import Summary
from nudger.tools import run
from nudger.tools.board import Board, RuleLine, as_text, hints
from nudger.tools.inputs import WatchedFile
from nudger.tools.output import Ink
from nudger.tools.run import Progress, Stop
from tests.unit.tools.test_output import Terminal


def board(summary: Summary, rules: list[RuleLine] | None = None) -> Board:
    """Return the board of a run that did nothing but *summary*."""
    return Board(summary, rules or [], [], Counter(), clock=1_772_445_600_000)


def test_a_wish_to_stop_is_noted_and_a_second_one_acts_at_once() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Stop() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.name == "SIGINT"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)

    assert signal.getsignal(signal.SIGINT) is before


def test_progress_is_one_line_written_over_and_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(run, "_TICK_SECONDS", 0)
    path = tmp_path / "events"
    path.write_bytes(b"one\ntwo\n")
    file = WatchedFile(path, "events")
    file.resume(None)
    file.take(1)
    with Progress(Summary({"counted": 1200}, {"a": {"sent": 3}}), [file]) as progress:
        progress.show()
    file.close()

    shown = screen.getvalue().split("\r\x1b[K")
    assert shown[1] == "reading ..."
    assert shown[2].startswith("1,200 records   ")
    assert shown[2].endswith("a second   3 nudges   50 %")
    assert shown[3] == ""
    assert "\n" not in screen.getvalue()


def test_progress_is_quiet_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(Summary(), []) as progress:
        progress.show()

    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"unknown_plans": 2}, "2 records named a plan that is not in the catalogue"),
        ({"summary": Summary({"counted": 9, "jumps": 1})}, "1 jump of more than 7 days"),
        ({"summary": Summary({"counted": 9}, dead_letters={"too_late": 1})}, "not sorted by time?"),
        ({"summary": Summary({"counted": 9}, dead_letters={"too_late": 1}), "was_empty": False}, "counted already"),
        ({"wall": True, "summary": Summary(rules={"a": {"lapsed": 1}})}, "try --clock events"),
        ({"stopped": "SIGTERM"}, "Stopped by SIGTERM"),
    ],
)
def test_what_deserves_a_look_is_said(change: dict[str, object], said: str) -> None:
    found = board(Summary({"counted": 9}))
    for name, value in change.items():
        setattr(found, name, value)

    assert len(hints(found)) == 1
    assert said in hints(found)[0]


def test_an_ordinary_run_needs_no_hint() -> None:
    assert hints(board(Summary({"counted": 99}, dead_letters={"too_late": 5}))) == []


def test_the_board_fits_a_hundred_columns_whatever_happened() -> None:
    words = dict.fromkeys(("sent", "shadow", "holdout", "capped", "lapsed", "limited", "unhelpful"), 1_000_000)
    lines = [RuleLine("r" * 60, "live", words, Counter(held=3)), RuleLine("quiet", "shadow", {"unknown": 2})]
    undeclared = {f"type.{number}": number for number in range(60)}
    text = as_text(board(Summary({"counted": 1}, undeclared=undeclared), lines), Ink(io.StringIO()))

    assert max(map(len, text.splitlines())) <= 100
    assert "quiet (shadow)" in text


def test_a_rule_that_never_fired_says_what_it_lacked() -> None:
    lines = [RuleLine("blind", "live", {"unknown": 2}), RuleLine("calm", "live", {"not_met": 9})]
    text = as_text(board(Summary({"counted": 1}), lines), Ink(io.StringIO()))

    assert "never fired; values missing 2 times" in text
    assert text.count("never fired") == 3  # and the sum of both


def test_a_rule_is_met_once_for_each_end() -> None:
    words = {"sent": 2, "lapsed": 1, "held": 50, "not_met": 900, "said": 30, "unknown": 4, "waiting": 7}

    assert RuleLine("a", "live", words, Counter(held=1)).met == 4
