"""The accounts file: a row an account, as NDJSON or CSV, made into rows of JSON."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from nudger.core.traits import TraitKind
from nudger.errors import SettingsError

_LISTS = ("list", "plans", "addons")
_OBJECTS = ("contacts", "owner")


def rows(path: Path, kinds: dict[str, TraitKind]) -> Iterator[bytes]:
    """Yield the rows of an accounts file as JSON objects; a line that is none is yielded as it came.

    In CSV the first line names the columns: `account` and traits. An empty cell says nothing about its trait, a list
    is separated by `;`, `contacts` and `owner` are JSON.

    Raises:
        SettingsError: The file cannot be read, or has no `account` column.
    """
    try:
        if path.suffix.lower() == ".csv":
            yield from _csv(path, kinds)
            return
        with path.open("rb") as lines:
            for line in lines:
                if line.strip():
                    yield line.rstrip(b"\r\n")
    except OSError as error:
        raise SettingsError(f"the accounts file {path} cannot be read: {error.strerror}") from error
    except csv.Error as error:
        raise SettingsError(f"the accounts file {path} cannot be read: {error}") from error


def _csv(path: Path, kinds: dict[str, TraitKind]) -> Iterator[bytes]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        table = csv.DictReader(lines)
        if "account" not in (table.fieldnames or ()):
            raise SettingsError(f"the accounts file {path} has no column `account` in its first line")
        for row in table:
            values: dict[str, Any] = {}
            for name, cell in row.items():
                if name is None or cell is None:
                    values["(columns)"] = "the row has more or fewer cells than the first line"
                elif cell.strip() or name == "account":
                    values[name] = _cell(kinds.get(name, "text"), cell.strip())
            yield msgspec.json.encode(values)


def _cell(kind: TraitKind, cell: str) -> Any:
    if kind in _LISTS:
        return [part.strip() for part in cell.split(";") if part.strip()]
    if kind == "bool":
        return {"true": True, "false": False}.get(cell.lower(), cell)
    if kind in _OBJECTS:
        try:
            return msgspec.json.decode(cell)
        except msgspec.DecodeError:
            return cell
    return cell
