"""Make the benchmark's input: a project of the shipped headline rule, and a file of events in time order.

    python -m tests.bench.generate DIR [--events 2000000] [--accounts 100000]

The project is the shipped catalogue, guards, caps and headline rule, but `send: any time` and no holdout. Of the
events about 1 % make a bill pass the next plan's price, each of them a rendered mail. Everything is deterministic.
"""

from __future__ import annotations

import argparse
import random
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START = "2026-03-"
SECONDS = 28 * 86_400
HEAVY = 5  # every fifth account buys what passes Scale's price within the month


def project(folder: Path) -> None:
    """Write the benchmark's project into *folder*: shipped files, all rules but the headline left out."""
    rules = folder / "rules"
    rules.mkdir(parents=True, exist_ok=True)
    shutil.copytree(ROOT / "templates", folder / "templates", dirs_exist_ok=True)
    shutil.copy(ROOT / "nudger.toml", folder / "nudger.toml")
    shutil.copy(ROOT / "rules" / "catalog.yaml", rules / "catalog.yaml")
    policy = (ROOT / "rules" / "policy.yaml").read_text()
    (rules / "policy.yaml").write_text(_replaced(_replaced(policy, "send:", "  send: any time"), "holdout:", None))
    bills = (ROOT / "rules" / "bills.yaml").read_text()
    (rules / "bills.yaml").write_text(_only(bills, "payg-to-scale"))


def _replaced(text: str, key: str, line: str | None) -> str:
    lines = []
    for held in text.splitlines():
        if held.strip().startswith(key):
            if line is not None:
                lines.append(line)
            continue
        lines.append(held)
    return "\n".join(lines) + "\n"


def _only(text: str, rule: str) -> str:
    """Keep one rule of a rule file: its lines, from its name to the next name at the same depth."""
    lines, keep = [], True
    for line in text.splitlines():
        if line.startswith("  ") and not line.startswith("   ") and line.strip() and not line.strip().startswith("#"):
            keep = line.strip().startswith(f"{rule}:")
        if keep or not line.startswith(" "):
            lines.append(line)
    return "\n".join(lines) + "\n"


def accounts(folder: Path, count: int) -> None:
    """Write the accounts file: everything the guards read, one contact each."""
    with (folder / "accounts.ndjson").open("w") as out:
        for number in range(count):
            plan = "payg" if number % HEAVY == 0 or number % 10 < 7 else "scale"
            out.write(
                f'{{"account":"acct-{number:06d}","name":"Account {number}","plan":"{plan}","zone":"UTC",'
                f'"created_at":"2025-01-01T00:00:00Z","milestones":["first_value"],"open_tickets":0,"stage":"growth",'
                f'"contacts":[{{"address":"billing@a{number}.example","role":"billing","name":"Kim {number}",'
                f'"first_name":"Kim"}}]}}\n'
            )


def events(folder: Path, count: int, number_of_accounts: int) -> None:
    """Write *count* purchases in time order over four weeks; heavy accounts spend some 5 times what others do.

    The prices are scaled to the events an account gets, so that about 1 % of all events pass the next plan's price.
    """
    chance = random.Random(7).random
    each = count / number_of_accounts
    light, heavy = 25 / each, 120 / each  # spent a month: 75 + 25 stays below 125, 75 + 120 passes it
    with (folder / "events.ndjson").open("w") as out:
        for number in range(count):
            account = int(chance() * number_of_accounts)
            price = round((heavy if account % HEAVY == 0 else light) * (0.5 + chance()), 2)
            second = number * SECONDS // count
            out.write(
                f'{{"specversion":"1.0","id":"{number:08x}-5c1b-4b02-9d0e-{int(chance() * 2**48):012x}",'
                f'"source":"billing","type":"credit.purchased","subject":"acct-{account:06d}",'
                f'"time":"{START}{second // 86400 + 1:02d}T{second // 3600 % 24:02d}:{second // 60 % 60:02d}:'
                f'{second % 60:02d}Z","data":{{"kind":"api","price":{price},"quantity":1,"industry":"saas"}}}}\n'
            )


def main() -> None:
    """Write project, accounts and events."""
    parser = argparse.ArgumentParser(description="make the benchmark's input")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--accounts", type=int, default=100_000)
    args = parser.parse_args()
    project(args.folder)
    accounts(args.folder, args.accounts)
    events(args.folder, args.events, args.accounts)


if __name__ == "__main__":
    main()
