"""How things look: on a terminal and off it, wide and narrow, honest and hostile."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from nudger.tools import output
from nudger.tools.output import Ink


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("terminal", "environment", "coloured"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (True, {"TERM": "dumb"}, False),
    ],
)
def test_emphasis_is_for_terminals_that_want_it(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, environment: dict[str, str], coloured: bool
) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    ink = Ink(Terminal() if terminal else io.StringIO())

    assert ink.bold("word") == ("\x1b[1mword\x1b[0m" if coloured else "word")
    assert ink.bold("") == ""


@pytest.mark.parametrize(
    ("milliseconds", "said"),
    [
        (172_800_000, "48 hours"),
        (259_200_000, "3 days"),
        (3_600_000, "60 minutes"),
        (90_000, "90 seconds"),
        (1_000, "1 second"),
    ],
)
def test_lengths_are_said_as_people_do(milliseconds: int, said: str) -> None:
    assert output.length(milliseconds) == said


def test_times_say_their_zone() -> None:
    assert output.moment(1_772_445_600_999) == "2026-03-02 10:00 UTC"
    assert output.rfc3339(1_772_445_600_999) == "2026-03-02T10:00:00Z"
    assert output.rfc3339(0) is None


def test_words_are_counted_most_frequent_first_and_only_where_there_is_room() -> None:
    words = {"lapsed": 1, "capped": 1200, "limited": 3}

    assert output.counted(words) == "capped 1,200, limited 3, lapsed 1"
    assert output.counted(words, 25) == "capped 1,200, …"
    assert output.counted(words, 3) == "capped 1,200, …"
    assert output.counted({}) == ""


def test_nothing_from_outside_steers_the_terminal() -> None:
    assert output.printable("\x1b[2Jboo\n") == "\ufffd[2Jboo\ufffd"
    assert output.printable("x" * 100, 10) == "x" * 9 + "…"
    assert "\x1b" not in output.counted({"page\x1b[2J": 1})


def test_a_table_is_never_wider_than_the_page() -> None:
    lines = output.table(
        ["RULE", "N", "WHY"], [["a", "1", "x" * 200], ["long name", "1,000", ""]], Ink(io.StringIO()), "N"
    )

    assert lines[0] == "RULE           N  WHY"
    assert lines[2] == "long name  1,000"
    assert max(map(len, lines)) == 100
    assert lines[1].endswith("x…")


@pytest.mark.parametrize(
    ("text", "name"),
    [("amber-co.2", "amber-co.2"), ("../../x", "_.._x"), ("", "_"), ("..", "_"), ("a/b\\c:d", "a_b_c_d"), ("ö", "_")],
)
def test_file_names_are_safe(text: str, name: str) -> None:
    assert output.safe_name(text) == name
    assert len(output.safe_name("y" * 300)) == 80


def test_paths_are_shown_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert output.shown(tmp_path / "a" / "b") == "a/b"
    assert output.shown(Path("../c")) == str(tmp_path.parent / "c")
