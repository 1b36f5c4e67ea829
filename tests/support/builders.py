"""Builders: a project from YAML text, the records that a billing system would send, and a world that runs them.

A `World` is a journal in memory with the real processor on it; the growth team's texts are the ones that
`nudger.project` reads from a folder. Times are written "2026-03-02 10:00" and are UTC unless they end in an offset.
"""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import yaml

from nudger.core import account as accounts
from nudger.core.account import Account, RuleState
from nudger.core.calendar import instant, local
from nudger.core.stages import Case
from nudger.core.timeline import move
from nudger.journals.memory import FIRST_POSITION, MemoryJournal
from nudger.mail import message as messages
from nudger.partition import ACCOUNT_KEY, Options, partition_state
from nudger.processor import Processor
from nudger.project import Project, open_project

#: Pay-as-you-go for 75 with credits at 100 each, Scale for 125 with 15 of them: the prices of the example story.
CATALOG = """
  currency: USD
  bill: plan.price + credit_spend
  units: { assessment_credits: credits, api_calls: calls }
  plans:
    payg:  { name: Pay-as-you-go, price: 75, extra: { assessment_credits: 100 }, next: scale }
    scale: { name: Scale, price: 125, includes: { assessment_credits: 15, api_calls: 50000 } }
    lite:  { name: Lite, price: 29, includes: { api_calls: 100 }, next: plus }
    plus:  { name: Plus, price: 49, includes: { api_calls: 1000 }, features: [crm] }
  addons:
    scheduling: { name: Scheduling, price: 8 }
"""
EVENTS = """
  credit.purchased: { kind: text, price: money }
  api.called:       { calls: number }
  lead.created:     { source: text }
  contacts.counted: { total: number }
  note.added:       { text: text }
  user.active:      { user: text }
  cart.started:     { cart: text }
  cart.paid:        { cart: text, amount: money }
  site.published:   {}
"""
METERS = """
  credits:      { count: credit.purchased, over: billing cycle }
  credit_spend: { sum: price, of: credit.purchased, over: billing cycle }
  calls:        { sum: calls, of: api.called, over: billing cycle }
  leads:        { count: lead.created, over: 30 days }
  contacts:     { last: total, of: contacts.counted }
"""
TEMPLATE = "<!DOCTYPE html><html><body><p>Hello.</p><p><a href='{{ links.unsubscribe }}'>stop</a></p></body></html>"
SETTINGS = """
[links]
base_url = "https://billing.example"
keys = { test = "a-key-for-tests-that-is-long-enough-00000" }
[mail]
from = "Acme <growth@acme.example>"
"""

#: The rule of the story.
PASSED_SCALE = """
  passed-scale:
    when: plan == payg and bill > next_plan.price
    offer: { plan: next_plan }
"""

Render = Callable[[Case], bytes]


def project(
    rules: str = PASSED_SCALE,
    *,
    policy: str = "",
    catalog: str = CATALOG,
    events: str = EVENTS,
    meters: str = METERS,
    facts: str = "",
    template: str = TEMPLATE,
    settings: str = "",
) -> Project:
    """Return the project whose files say this; each text stands under the top key of its name.

    A rule that has no `about` or `message` gets one, with the template `note`.
    """
    return _project(rules, policy, catalog, events, meters, facts, template, settings)


@cache
def _project(
    rules: str, policy: str, catalog: str, events: str, meters: str, facts: str, template: str, settings: str
) -> Project:
    parts = {"policy": policy, "catalog": catalog, "events": events, "meters": meters, "facts": facts}
    text = "".join(f"{key}:\n{_indented(part)}\n" for key, part in parts.items() if part.strip())
    written: dict[str, dict[str, Any]] = yaml.load(rules, yaml.BaseLoader) if rules.strip() else {}
    for name, rule in written.items():
        rule.setdefault("about", f"the rule {name}")
        rule.setdefault("message", {"template": "note", "subject": f"About {name}"})
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for inside in ("rules", "templates"):
            (root / inside).mkdir()
        (root / "rules" / "ground.yaml").write_text(text)
        (root / "rules" / "rules.yaml").write_text(json.dumps({"rules": written}))
        (root / "templates" / "note.html.j2").write_text(template)
        (root / "nudger.toml").write_text(settings + SETTINGS)
        return open_project(root)


def _indented(part: str) -> str:
    return part if part.lstrip("\n").startswith(" ") else "".join(f"  {line}\n" for line in part.splitlines())


# --- times and records ----------------------------------------------------------------------------


def at(text: str) -> int:
    """Return the ms since 1970 of "2026-03-02 10:00"."""
    moment = datetime.fromisoformat(text)
    return instant(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))


def said_at(instant_ms: int) -> str:
    """Write an instant as tests do, without the year: 03-02 10:00."""
    return f"{local(instant_ms, UTC):%m-%d %H:%M}"


def iso(instant_ms: int) -> str:
    """Write an instant as a billing system does."""
    return f"{local(instant_ms, UTC):%Y-%m-%dT%H:%M:%S}.{instant_ms % 1000:03}Z"


_counter = itertools.count(1)


def event(kind: str, when: str | int, /, *, account: str = "acme", id: str = "", **data: Any) -> bytes:  # noqa: A002
    """Return one event in our own JSON; without an *id* it gets one of its own."""
    time = when if isinstance(when, int) else at(when)
    name = id or f"e{next(_counter)}"
    return msgspec.json.encode({"id": name, "type": kind, "account": account, "time": iso(time), "data": data})


def credit(when: str | int, price: float = 100, **more: Any) -> bytes:
    """Return the purchase of one assessment credit."""
    return event("credit.purchased", when, price=price, kind="assessment", **more)


def leads(number: int, when: str, **more: Any) -> list[bytes]:
    """Return *number* new leads, a second apart."""
    return [event("lead.created", at(when) + second * 1000, source="inbound", **more) for second in range(number)]


def traits(when: str | int, /, *, account: str = "acme", **values: Any) -> bytes:
    """Return an `account.updated` with just these traits."""
    return event("account.updated", when, account=account, **values)


BILLING = {"address": "billing@acme.example", "role": "billing", "name": "Robin Sample"}
CUSTOMER = {"plan": "payg", "created_at": "2025-01-01T00:00:00Z", "contacts": [BILLING]}


def customer(account: str = "acme", **values: Any) -> bytes:
    """Return the row of an accounts file for a customer who can be written to; a value of None leaves a trait out."""
    row = {"account": account, **CUSTOMER, **values}
    return msgspec.json.encode({name: value for name, value in row.items() if value is not None})


# --- a world that runs them ---------------------------------------------------------------------------

ROWS = "accounts"
INPUT = "events"


class World:
    """One processor on a journal in memory, and what came out of it.

    Args:
        rows: Rows of the accounts file, read before any event.
        journal: To go on with what another world has left.
        options: As `nudger.processor.Options`.
    """

    def __init__(
        self,
        project: Project | None = None,
        *,
        rows: Iterable[bytes] = (),
        journal: MemoryJournal | None = None,
        partitions: int = 1,
        batch: int = 1_000,
        wall: str | None = None,
        render: Render | None = None,
        **options: Any,
    ) -> None:
        self.project = project or PROJECT
        self.journal = journal or MemoryJournal(partitions, batch_records=batch)
        if wall is not None:
            self.journal.wall = at(wall)
            options.setdefault("clock", "wall")
        self.options = Options(tables=frozenset({ROWS}), **options)
        self.processor = self._processor(render)
        for row in rows:
            self.journal.feed(self._partition(_account_of(row)), ROWS, [row])

    def _processor(self, render: Render | None = None) -> Processor:
        return Processor(
            self.journal, self.project.book, self.project.reader, render or self.project.post.render, self.options
        )

    def _partition(self, account: str) -> int:
        return sum(account.encode()) % len(self.journal.store.partitions)

    def feed(self, *records: bytes) -> World:
        """Put events at the end of the input, each into its account's partition."""
        for record in records:
            self.journal.feed(self._partition(_account_of(record)), INPUT, [record])
        return self

    def step(self, times: int = 1) -> World:
        """Take so many batches."""
        for _ in range(times):
            self.processor.step(0)
        return self

    def read(self) -> World:
        """Take batches until everything fed has been read."""
        self.step()
        while self._unread():
            self.step()
        return self

    def _unread(self) -> bool:
        return any(
            partition.positions.get(name, FIRST_POSITION) < FIRST_POSITION + len(source.values)
            for partition in self.journal.store.partitions
            for name, source in partition.sources.items()
        )

    def run(self, *records: bytes, until: str | None = None) -> World:
        """Feed *records*, read them all and end the input; time goes on to *until*."""
        self.feed(*records).read()
        if until is not None:
            self.processor.move_to(at(until))
        self.processor.finish()
        return self

    def crash(self, project: Project | None = None, **options: Any) -> World:
        """Return the world after this process has died and another one has started, maybe with other rules."""
        kept = {"clock": self.options.clock, "lateness": self.options.lateness, "max_ids": self.options.max_ids}
        return World(project or self.project, journal=self.journal.reopen(), **{**kept, **options})

    # --- what came out ---------------------------------------------------------------------------

    def out(self, kind: str, account: str | None = None) -> list[bytes]:
        """Return the output of one kind, of one account or of all."""
        return [raw for what, key, raw in self.journal.out if what == kind and account in (None, key)]

    def decisions(self, account: str = "acme") -> list[dict[str, Any]]:
        """Return the decision records of an account."""
        return [msgspec.json.decode(raw) for raw in self.out("decision", account)]

    def verdicts(self, account: str = "acme") -> list[str]:
        """Return what was decided, in order: "sent", "held(problem_solved)"."""
        return [_word(record) for record in self.decisions(account)]

    def story(self, account: str = "acme") -> list[str]:
        """Return what was decided and when the clock said: "03-02 10:00 sent"; with the rule where there are several."""
        several = len(self.project.book.rules) > 1
        return [
            f"{said_at(record['at'])} {record['rule'] + ' ' if several else ''}{_word(record)}"
            for record in self.decisions(account)
        ]

    def mails(self, account: str | None = "acme") -> list[messages.Nudge]:
        """Return the nudges of an account, or of all (None)."""
        return [messages.decode(raw).data for raw in self.out("nudge", account)]

    def sent(self, account: str | None = "acme") -> list[str]:
        """Return the nudges by their time and rule: "03-02 10:00 passed-scale"."""
        return [f"{said_at(at(nudge.created))} {nudge.rule}" for nudge in self.mails(account)]

    def set_aside(self) -> list[str]:
        """Return the codes of the dead letters, in order."""
        return [msgspec.json.decode(raw)["code"] for raw in self.out("dead-letter")]

    def tally(self, rule: str) -> dict[str, int]:
        """Return how often readings of a rule ended in each word."""
        return self.processor.summary.rules.get(rule, {})

    def account(self, name: str = "acme") -> Account:
        """Return an account as the journal holds it."""
        state = self.journal.load(self._partition(name), [ACCOUNT_KEY + name])[ACCOUNT_KEY + name]
        assert state is not None, f"nothing is kept of {name}"
        return accounts.decode(state)

    def rule_state(self, rule: str, account: str = "acme") -> RuleState:
        """Return what an account remembers of a rule."""
        keys = {held.name: held.key for held in self.project.book.rules}
        return self.account(account).rules.get(keys[rule], RuleState())

    def stream(self, partition: int = 0) -> int:
        """Return a partition's stream time as committed."""
        held = partition_state(self.journal.load(partition, ["m:"])["m:"])
        return held.stream if held is not None else 0

    def read_meter(self, name: str, when: str | int, account: str = "acme") -> Any:
        """Return what a meter reads at a time, after everything fed; the state is not changed."""
        ground = self.project.definition.ground
        assert ground is not None
        found, now = self.account(account), when if isinstance(when, int) else at(when)
        move(found, self.processor.partitions[self._partition(account)].decider.world, now)
        return ground.readers[name](found, now)


def _word(record: dict[str, Any]) -> str:
    return f"{record['verdict']}({record['reason']})" if record["reason"] else str(record["verdict"])


def _account_of(record: bytes) -> str:
    try:
        found = msgspec.json.decode(record)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return str(found.get("account", "")) if isinstance(found, dict) else ""


def ready(project: Project | None = None, *, rows: Iterable[bytes] | None = None, **more: Any) -> World:
    """Return a world with one customer, acme, on pay-as-you-go."""
    return World(project, rows=[customer()] if rows is None else rows, **more)


PROJECT = project()
