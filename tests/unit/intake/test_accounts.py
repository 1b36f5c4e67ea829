"""The accounts file: NDJSON or CSV, a row an account."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nudger.core.traits import BUILT_IN
from nudger.errors import SettingsError
from nudger.intake.accounts import rows
from tests.support.builders import PROJECT, World, credit


def written(folder: Path, name: str, text: str | bytes) -> list[Any]:
    """Return the rows of a file with this text."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return [json.loads(row) for row in rows(path, BUILT_IN)]


def test_ndjson_is_taken_line_by_line(tmp_path: Path) -> None:
    """Empty lines are none, and a line that is no JSON comes as it is, to be set aside."""
    path = tmp_path / "accounts.ndjson"
    path.write_bytes(b'{"account": "a"}\r\n\n  \nnonsense\n{"account": "b"}')
    assert list(rows(path, BUILT_IN)) == [b'{"account": "a"}', b"nonsense", b'{"account": "b"}']


def test_csv_cells_become_traits_of_their_kinds(tmp_path: Path) -> None:
    """Lists are separated by semicolons, yes and no are true and false, people are JSON; an empty cell says nothing."""
    people = '"[{""address"": ""a@b.example"", ""role"": ""billing""}]"'
    text = f"account,plan,seats,addons,unpaid,contacts,stage\nacme,payg,12,a; b;,TRUE,{people},\nbeta,,,,,,seed\n"
    assert written(tmp_path, "accounts.csv", text) == [
        {
            "account": "acme",
            "plan": "payg",
            "seats": "12",
            "addons": ["a", "b"],
            "unpaid": True,
            "contacts": [{"address": "a@b.example", "role": "billing"}],
        },
        {"account": "beta", "stage": "seed"},
    ]


def test_a_csv_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    """As spreadsheets write it."""
    assert written(tmp_path, "accounts.CSV", b"\xef\xbb\xbfaccount,plan\nacme,payg\n") == [
        {"account": "acme", "plan": "payg"}
    ]


def test_an_account_from_a_csv_is_read_with_all_its_traits(tmp_path: Path) -> None:
    """Numbers written as text are numbers."""
    path = tmp_path / "accounts.csv"
    path.write_text("account,plan,seats,anchor_day,plan_price,created_at\nacme,payg,12,15,70.50,2025-01-01T00:00:00Z\n")
    world = World(PROJECT, rows=rows(path, BUILT_IN)).run(credit("2026-03-02 10:00"))
    account = world.account()
    assert world.set_aside() == []
    assert (account.seats, account.anchor_day, str(account.plan_price)) == (12, 15, "70.5")


@pytest.mark.parametrize("line", ["acme,payg,too,many", "acme"])
def test_a_csv_row_with_more_or_fewer_cells_is_set_aside(tmp_path: Path, line: str) -> None:
    """It cannot be known which cell is which."""
    path = tmp_path / "accounts.csv"
    path.write_text(f"account,plan\n{line}\n")
    world = World(PROJECT, rows=rows(path, BUILT_IN)).read()
    assert world.set_aside() == ["unknown_trait"]


@pytest.mark.parametrize("text", ["", "plan,seats\npayg,3\n", "acme;payg\n"])
def test_a_csv_without_an_account_column_is_refused(tmp_path: Path, text: str) -> None:
    """The first line names the columns, and one of them is `account`."""
    with pytest.raises(SettingsError, match="account"):
        written(tmp_path, "accounts.csv", text)


@pytest.mark.parametrize("name", ["missing.csv", "missing.ndjson"])
def test_a_file_that_is_not_there_is_said_in_plain_words(tmp_path: Path, name: str) -> None:
    """The operator reads which file."""
    with pytest.raises(SettingsError, match=name):
        list(rows(tmp_path / name, BUILT_IN))


def test_bytes_that_are_no_utf8_in_a_csv_do_not_stop_it(tmp_path: Path) -> None:
    """The other rows are read."""
    found = written(tmp_path, "accounts.csv", b"account,stage\nacme,\xff\nbeta,seed\n")
    assert [row["account"] for row in found] == ["acme", "beta"]


def test_a_csv_with_a_cell_without_end_is_said_in_plain_words(tmp_path: Path) -> None:
    """A quote that is never closed makes one endless cell of all that follows."""
    with pytest.raises(SettingsError, match=r"accounts\.csv"):
        written(tmp_path, "accounts.csv", 'account,stage\nacme,"' + "x" * 200_000)
