"""A small project to run commands in, and the command itself in this process."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nudger import cli

RULES = """\
catalog:
  currency: USD
  bill: plan.price + spend
  plans:
    small: { name: Small, price: 10, next: large }
    large: { name: Large, price: 30 }
events:
  credit.bought: { price: money }
  help.asked: { text: text }
meters:
  spend: { sum: price, of: credit.bought, over: billing cycle }
policy:
  guards: { no_ticket: account.open_tickets == 0 }
  always: [no_ticket]
  hold: 7 days
  to: [billing]
rules:
  over-large:
    about: The bill has passed the price of Large
    when: plan == small and bill > next_plan.price
    offer: { plan: next_plan }
    message: { template: over-large, subject: "Your bill is {{ bill | money }}" }
  help-asked:
    about: Somebody asks for more room
    trigger:
      event: help.asked
      where: event.text mentions ["more room"]
    message: { template: help-asked, subject: "About the room you asked for" }
tests:
  - name: a bill of 60 passes Large
    account: { plan: small, open_tickets: 0, name: Sample Co }
    events:
      - { at: 2026-03-02 10:00, credit.bought: { price: 50 } }
    expect:
      - { sent: over-large, at: event 1 }
  - name: asking for more room is answered
    account: { plan: small, open_tickets: 0 }
    events:
      - { at: 2026-03-02 10:00, help.asked: { text: "we need more room" } }
    expect:
      - { sent: help-asked, at: event 1 }
"""
SETTINGS = """\
[links]
base_url = "https://billing.example"
[links.keys]
k1 = "0123456789-0123456789-0123456789-0123456789"
[mail]
from = "Acme <growth@acme.example>"
"""
TEMPLATES = {
    "over-large.html.j2": "<p>{{ account.name | default('you') }}: {{ offer.name }} is {{ offer.price | money }}.</p>",
    "over-large.txt.j2": "{{ account.name | default('you') }}: {{ offer.name }} is {{ offer.price | money }}.",
    "help-asked.html.j2": "<p>There is more room on Large.</p>",
    "help-asked.txt.j2": "There is more room on Large.",
}


def event(number: int, account: str, at: str, kind: str = "credit.bought", **data: Any) -> str:
    """Return one line of an events file."""
    values = {"id": f"e{number}", "type": kind, "account": account, "time": f"2026-03-{at}Z", "data": data}
    return json.dumps(values) + "\n"


def profile(number: int, account: str, **traits: Any) -> str:
    """Return the line that makes an account known: on Small, with somebody to write to."""
    contacts = [{"address": f"ada@{account}.example", "role": "billing"}]
    known = {"name": account.title(), "plan": "small", "open_tickets": 0, "contacts": contacts, **traits}
    return event(number, account, "01T08:00:00", "account.updated", **known)


#: One nudge sent, one held by an open ticket, one event twice, one broken line and one of an undeclared type.
MONTH = [
    profile(1, "amber"),
    profile(2, "birch", open_tickets=1),
    event(3, "amber", "02T10:00:00", price=50),
    event(3, "amber", "02T10:00:00", price=50),
    event(4, "birch", "02T11:00:00", price=50),
    "this is no event\n",
    event(5, "amber", "02T12:00:00", "page.viewed"),
]


@dataclass(frozen=True)
class Shop:
    """A project in a folder of its own."""

    root: Path

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def events(self, *lines: str, name: str = "events.ndjson") -> str:
        return str(self.write(name, "".join(lines)))

    @property
    def messages(self) -> list[dict[str, Any]]:
        path = self.root / ".nudger" / "messages.ndjson"
        return [json.loads(line)["data"] for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def dead_letters(self) -> list[dict[str, Any]]:
        path = self.root / ".nudger" / "dead-letters.ndjson"
        return [json.loads(line) for line in path.read_text().splitlines()]


def make_shop(root: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Write a project that is fine into *root*, and stand there."""
    found = Shop(root)
    found.write("rules/all.yaml", RULES)
    found.write("nudger.toml", SETTINGS)
    for name, text in TEMPLATES.items():
        found.write(f"templates/{name}", text)
    monkeypatch.chdir(root)
    for key in [key for key in os.environ if key.startswith("NUDGER_")]:
        monkeypatch.delenv(key)
    return found


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


Run = Callable[..., Ended]


def make_run(capture: pytest.CaptureFixture[bytes]) -> Run:
    """Return the command; `SystemExit` is what argparse ends with."""

    def run(*arguments: str) -> Ended:
        try:
            code = cli.main(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capture.readouterr()
        return Ended(code, out.decode(), err.decode())

    return run
