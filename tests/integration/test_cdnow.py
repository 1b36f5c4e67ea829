"""Real input: the CDNOW purchases, held to an independent count.

The oracle imports nothing of nudger and reads the purchase file itself. NUDGER_CDNOW names the file; without it a small
file of the same form is made up, with the same oddities: repeated rows, free discs, customers in one block.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "cdnow"
PRICE = Decimal(50)


def oracle(lines: list[str]) -> set[tuple[str, str]]:
    """Return (customer, date) of every purchase with which a customer's calendar month first passes the price."""
    rows = [line.split() for line in lines]
    spent: dict[tuple[str, str], Decimal] = {}
    passed = set()
    for customer, date, _, dollars in sorted((row for row in rows if row[0].isdigit()), key=lambda row: row[1]):
        month = (customer, date[:6])
        before = spent.get(month, Decimal(0))
        spent[month] = before + Decimal(dollars)
        if before <= PRICE < spent[month]:
            passed.add((customer, f"{date[:4]}-{date[4:6]}-{date[6:]}"))
    return passed


def made_up() -> list[str]:
    chance = random.Random(11).random
    lines = [" customer_id  date number_of_cds  dollar_value"]
    for customer in range(1, 121):
        for _ in range(int(chance() * 12)):
            day = f"1997{int(chance() * 12) + 1:02}{int(chance() * 28) + 1:02}"
            price = 0 if chance() < 0.03 else int(chance() * 6000) / 100
            lines.append(f" {customer:05} {day}  {int(chance() * 4) + 1}  {price:.2f}")
            if chance() < 0.05:
                lines.append(lines[-1])
    return lines


def test_the_nudges_are_exactly_those_of_an_independent_count(tmp_path: Path) -> None:
    """Every customer who passes the club's price in a month hears of it at that purchase, and nobody else does."""
    given = os.environ.get("NUDGER_CDNOW")
    if given:
        with gzip.open(given, "rt") as file:
            lines = file.read().splitlines()
    else:
        lines = made_up()
    source = tmp_path / "purchases.txt"
    source.write_text("\n".join(lines))
    project = tmp_path / "project"
    shutil.copytree(EXAMPLE, project)
    python = [sys.executable]
    subprocess.run([*python, str(project / "adapter.py"), str(source), "--out", str(tmp_path)], check=True)
    command = ["-m", "nudger", "-C", str(project), "run", "--events", str(tmp_path / "events.ndjson"), "--json"]
    command += ["--accounts", str(tmp_path / "accounts.ndjson"), "--out", str(tmp_path / "out.ndjson")]
    result = subprocess.run([*python, *command], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    messages = [json.loads(line) for line in (tmp_path / "out.ndjson").read_text().splitlines()]
    nudged = [(message["subject"], message["time"][:10]) for message in messages]
    wanted = oracle(lines)
    assert len(wanted) > 20
    assert sorted(nudged) == sorted(wanted)
