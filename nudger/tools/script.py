"""A test as a script: the account and events it writes down or inherits, played through the real processor.

Rules are taken as if they had always been live, nobody is held out, the clock is the events', and nothing after the
last entry happens.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from nudger.core import calendar
from nudger.core.event import PROFILE
from nudger.core.rule import RuleBook
from nudger.journals.memory import MemoryJournal
from nudger.language.files import Loc
from nudger.language.grammar import parse
from nudger.language.report import suggest
from nudger.language.schema import TestKeys
from nudger.language.tokens import SyntaxProblem
from nudger.language.tree import Duration
from nudger.mail.message import Message, decode
from nudger.partition import Options
from nudger.processor import Processor
from nudger.project import Project

ACCOUNT: Final = "test-account"
_PROFILE_INPUT: Final = "account"
_EVENTS_INPUT: Final = "event"
_ENTRY_KEYS: Final = frozenset({"at", "arrives", "id"})


class BadTest(Exception):
    """A test that cannot be run as it is written: where (a path inside the test), what, and advice."""

    def __init__(self, loc: Loc, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.loc, self.message, self.hint = loc, message, hint


@dataclass(slots=True)
class Change:
    """One change of verdict that a test brought about; `event` counts from 1, None for a timer."""

    word: str
    rule: str
    event: int | None
    at: int
    reason: str
    numbers: dict[str, str] = field(default_factory=dict)
    deadline: int | None = None
    message: Message | None = None


@dataclass(slots=True)
class Outcome:
    """What a test came to: the lines that differ, empty when it passed; `changes` is all that happened."""

    name: str
    path: str
    line: int
    differences: list[str] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


@dataclass(slots=True)
class Played:
    """What a script brought about.

    Attributes:
        changes: Every change of verdict, in order. `aside`: event number -> code of what was set aside.
        words: Rule name -> word -> how often a reading ended in it, changes or not.
    """

    changes: list[Change]
    aside: dict[int, str]
    words: dict[str, dict[str, int]]


@dataclass(slots=True)
class Script:
    """A test with everything it inherits: the account's traits as written, the entries, and its zone."""

    account: dict[str, Any] | None
    entries: list[dict[str, Any]]
    zone: tzinfo


def read(project: Project, test: TestKeys, by_name: dict[str, TestKeys], depth: int = 0) -> Script:
    """Put a test together with what it inherits by `like`."""
    account: dict[str, Any] | None = None
    entries: list[dict[str, Any]] = []
    if test.like is not None:
        parent = by_name.get(test.like)
        if parent is None:
            raise BadTest(("like",), f"there is no test '{test.like}'", suggest(test.like, by_name))
        if depth > 10:
            raise BadTest(("like",), "tests are like each other in a circle")
        inherited = read(project, parent, by_name, depth + 1)
        account, entries = inherited.account, list(inherited.entries)
    if test.account is not None:
        if not isinstance(test.account, dict):
            raise BadTest(("account",), "an account is written as keys and values: { plan: payg, age: 90 days }")
        account = {**(account or {}), **test.account}
    if test.events:
        entries = list(test.events)
    entries += test.then
    zone_name = (account or {}).get("zone")
    zone = calendar.zone(zone_name) if isinstance(zone_name, str) else project.trial.policy.zone
    if zone is None:
        raise BadTest(("account", "zone"), f"unknown zone '{zone_name}'")
    return Script(account, entries, zone)


def moment(text: Any, zone: tzinfo, loc: Loc) -> int:
    """Return the instant of a time as tests write it: 2026-03-02 10:00, in the account's zone unless it says."""
    if isinstance(text, str):
        try:
            read = datetime.fromisoformat(text)
        except ValueError:
            read = None
        if read is not None:
            return calendar.from_local(read, zone) if read.tzinfo is None else calendar.instant(read)
    raise BadTest(loc, f"'{text}' is no time", "write one like 2026-03-02 10:00")


def _entries(project: Project, script: Script) -> Iterator[tuple[int, int, str | None, dict[str, Any]]]:
    """Yield (time, arrival, event type or None, the entry) of each entry."""
    for index, entry in enumerate(script.entries):
        loc: Loc = ("events", index)
        if not isinstance(entry, dict) or "at" not in entry:
            raise BadTest(loc, "an entry needs `at: TIME`")
        at = moment(entry["at"], script.zone, loc)
        arrives = moment(entry["arrives"], script.zone, loc) if "arrives" in entry else at
        kinds = [key for key in entry if key not in _ENTRY_KEYS]
        if len(kinds) > 1:
            raise BadTest(loc, f"an entry holds one event, this one has {' and '.join(kinds)}")
        if kinds and kinds[0] not in project.reader.declared:
            if kinds[0].startswith("nudge.") or kinds[0] == "void":
                raise BadTest(loc, f"`{kinds[0]}` is part of the language but not built in this release")
            raise BadTest(loc, f"unknown event '{kinds[0]}'", suggest(kinds[0], project.reader.declared))
        yield at, arrives, kinds[0] if kinds else None, entry


def play(project: Project, script: Script, test: TestKeys) -> Played:
    """Run the entries and return what happened."""
    entries = list(_entries(project, script))
    first = min((at for at, _, _, _ in entries), default=0)
    last = max((arrives for _, arrives, _, _ in entries), default=0)
    journal = MemoryJournal(finite=False)
    if script.account is not None:
        journal.feed(0, _PROFILE_INPUT, [_profile(project, script, first)])
    in_order = sorted(enumerate(entries, start=1), key=lambda item: item[1][1])
    numbers: list[int] = []
    stream, steps = 0, list[tuple[int, bytes | None]]()
    for number, (at, arrives, kind, entry) in in_order:
        line = _line(project, script, number, at, kind, entry) if kind is not None else None
        steps.append((max(arrives, stream), line))
        stream = max(stream, arrives)
        if line is not None:
            numbers.append(number)
    book = _book_for(project, test)
    options = Options(tables=frozenset({_PROFILE_INPUT}), lateness=project.settings.lateness, until=last)
    processor = Processor(journal, book, project.reader, project.post.render, options)
    for at, line in steps:
        processor.move_to(at)
        if line is not None:
            journal.feed(0, _EVENTS_INPUT, [line])
        processor.step(0)
    processor.finish()
    return Played(_changes(journal, numbers), _set_aside(journal, numbers), processor.summary.rules)


def _book_for(project: Project, test: TestKeys) -> RuleBook:
    if test.arm is None:
        return project.trial
    if test.arm != "holdout":
        raise BadTest(("arm",), "variants are part of the language but not built in this release", "write arm: holdout")
    return replace(project.trial, policy=replace(project.trial.policy, holdout=Decimal(1)))


def _profile(project: Project, script: Script, first: int) -> bytes:
    """Return the account's row: what the test says, and a reachable person for every role unless it says who."""
    assert script.account is not None
    values = dict(script.account)
    row: dict[str, Any] = {"account": ACCOUNT}
    age = values.pop("age", None)
    if age is not None:
        row["created_at"] = _iso(first - _length(age, ("account", "age")))
    roles = sorted({role for rule in project.trial.rules for role in rule.to})
    if "contacts" not in values:
        row["contacts"] = [
            {"address": f"{role}@customer.example", "role": role, "name": "Robin Sample", "first_name": "Robin"}
            for role in roles
        ]
    for name, value in values.items():
        if name not in project.reader.declared[PROFILE]:
            raise BadTest(("account", name), f"unknown trait '{name}'", suggest(name, project.reader.declared[PROFILE]))
        row[name] = _json(value, project.reader.declared[PROFILE][name], script.zone, ("account", name))
    return msgspec.json.encode(row)


def _length(text: Any, loc: Loc) -> int:
    try:
        parsed = parse(str(text))
    except SyntaxProblem as problem:
        raise BadTest(loc, problem.message, problem.hint) from None
    if not isinstance(parsed, Duration):
        raise BadTest(loc, f"'{text}' is no length of time", "write one like 90 days")
    return parsed.milliseconds


def _line(project: Project, script: Script, number: int, at: int, kind: str | None, entry: dict[str, Any]) -> bytes:
    assert kind is not None
    fields = entry[kind] or {}
    if not isinstance(fields, dict):
        raise BadTest(("events", number - 1, kind), "an event's fields are keys and values")
    declared = project.reader.declared[kind]
    data = {}
    for name, value in fields.items():
        loc: Loc = ("events", number - 1, kind, name)
        if name not in declared and name != "currency":
            raise BadTest(loc, f"`{kind}` has no field '{name}'", suggest(name, declared))
        data[name] = _json(value, declared.get(name, "text"), script.zone, loc)
    event = {"id": entry.get("id", f"e{number}"), "type": kind, "account": ACCOUNT, "time": _iso(at), "data": data}
    return msgspec.json.encode(event)


def _json(value: Any, kind: str, zone: tzinfo, loc: Loc) -> Any:
    """Return a value of a test as the JSON that a billing system would send."""
    if value is None or isinstance(value, (list, dict)):
        return value
    if kind in ("number", "money"):
        try:
            return msgspec.Raw(str(Decimal(value)).encode()) if Decimal(value).is_finite() else value
        except InvalidOperation:
            return value  # set aside by intake, which a test may want
    if kind == "bool":
        return {"true": True, "false": False}.get(value, value)
    if kind == "time":
        return _iso(moment(value, zone, loc))
    return value


def _iso(at: int) -> str:
    return calendar.local(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at % 1000:03}Z"


# --- what happened ------------------------------------------------------------------------------------


def _changes(journal: MemoryJournal, numbers: list[int]) -> list[Change]:
    messages = {
        message.id: message for kind, _, raw in journal.store.out if kind == "nudge" for message in [decode(raw)]
    }
    changes = []
    for kind, _, raw in journal.store.out:
        if kind != "decision":
            continue
        record = msgspec.json.decode(raw)
        origin, _, position = record["where"].partition(":")
        event = numbers[int(position) - 1] if origin == _EVENTS_INPUT else None
        deadline = record.get("wait", {}).get("deadline")
        message = messages.get(record.get("nudge", ""))
        changes.append(
            Change(
                record["verdict"],
                record["rule"],
                event,
                record["now"],
                record["reason"],
                record["numbers"],
                deadline,
                message,
            )
        )
    return changes


def _set_aside(journal: MemoryJournal, numbers: list[int]) -> dict[int, str]:
    """Return event number -> code of what was set aside; 0 stands for the account itself."""
    aside = {}
    for kind, _, raw in journal.store.out:
        if kind == "dead-letter":
            letter = msgspec.json.decode(raw)
            origin, _, position = letter["at"].partition(":")
            if origin == _PROFILE_INPUT:
                raise BadTest(("account",), f"the account is refused: {letter['reason']}")
            aside[numbers[int(position) - 1]] = letter["code"]
    return aside
