"""Turn the CDNOW purchase file into events sorted by time, and an accounts file with every customer as a guest.

python examples/cdnow/adapter.py FILE[.gz] --out FOLDER
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path


def purchases(lines: Iterable[str]) -> Iterator[tuple[str, str, int, str, int]]:
    """Yield (date, customer, line number, dollars as written, discs) of each purchase; a heading is passed over."""
    for number, line in enumerate(lines, start=1):
        parts = line.split()
        if len(parts) == 4 and parts[0].isdigit():
            customer, day, discs, dollars = parts
            yield f"{day[:4]}-{day[4:6]}-{day[6:]}", customer, number, dollars, int(discs)


def event(date: str, customer: str, line: int, dollars: str, discs: int) -> str:
    """Return one purchase as an event; 215 rows repeat another one, so its line is part of the id."""
    data = f'{{"amount":{dollars},"discs":{discs}}}'
    return (
        f'{{"id":"line-{line}","type":"purchase.made","account":"{customer}","time":"{date}T12:00:00Z","data":{data}}}'
    )


def write(source: Path, folder: Path) -> tuple[int, int]:
    """Write FOLDER/events.ndjson and FOLDER/accounts.ndjson; return how many of each."""
    folder.mkdir(parents=True, exist_ok=True)
    text = gzip.decompress(source.read_bytes()) if source.suffix == ".gz" else source.read_bytes()
    rows = sorted(purchases(text.decode().splitlines()), key=lambda row: (row[0], row[2]))
    (folder / "events.ndjson").write_text("".join(event(*row) + "\n" for row in rows))
    customers = sorted({row[1] for row in rows})
    with (folder / "accounts.ndjson").open("w") as out:
        for customer in customers:
            contact = {"address": f"customer-{customer}@shop.example", "role": "billing"}
            out.write(json.dumps({"account": customer, "plan": "guest", "contacts": [contact]}) + "\n")
    return len(rows), len(customers)


def main() -> None:
    """Convert one file."""
    parser = argparse.ArgumentParser(description="turn the CDNOW purchase file into events")
    parser.add_argument("source", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    events, customers = write(args.source, args.out)
    print(f"{events:,} purchases of {customers:,} customers in {args.out}")


if __name__ == "__main__":
    main()
