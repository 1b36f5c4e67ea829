"""Why did this account (not) get this? `nudger explain ACCOUNT [RULE]`, and what a code or verdict means.

The account is read from the state as it was last committed; every rule is then put through the whole order of stages
once more, as of the partition's clock (or `--at`), without changing anything.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path
from typing import Any, Final

import msgspec

from nudger.core import account as accounts
from nudger.core.account import Account, RuleState
from nudger.core.calendar import local
from nudger.core.event import Event
from nudger.core.meter import relay
from nudger.core.rule import Rule, World
from nudger.core.stages import Case, Moment, judge
from nudger.core.timeline import move, zone_of
from nudger.core.verdict import VERDICTS, WORDS, Verdict
from nudger.errors import SettingsError
from nudger.intake.moment import Times
from nudger.journals.sqlite import SqliteJournal
from nudger.language.codes import CODES, describe
from nudger.language.report import suggest
from nudger.mail.problems import EXPLANATIONS
from nudger.partition import ACCOUNT_KEY, PARTITION_KEY, Options, partition_state, take_up
from nudger.project import Project, open_project

_HISTORY: Final = 200
_WORD: Final = {True: "yes", False: "NO", None: "unknown"}


@dataclass(slots=True)
class Answer:
    """What one rule says about one account now, and what it said before.

    Attributes:
        verdict: What would come out now. `parts`: each condition of `when` with its answer and numbers.
        notes: What every further stage found, in order. `history`: its changes of verdict, oldest first.
    """

    rule: str
    about: str
    verdict: str
    meaning: str
    last: str
    since: int
    parts: list[tuple[str, bool | None, list[tuple[str, str]]]] = field(default_factory=list)
    notes: list[tuple[str, str, tuple[tuple[str, str], ...]]] = field(default_factory=list)
    waits_until: int | None = None
    looks_at: int | None = None
    history: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Explanation:
    """An account as it is known, and every rule's answer."""

    account_id: str
    account: Account
    at: int
    tz: tzinfo
    book: str
    answers: list[Answer]


def main(args: argparse.Namespace) -> int:
    """Run `nudger explain`; see the command's help."""
    root = Path(args.directory)
    if args.rule is None and (args.account.upper() in {**CODES, **EXPLANATIONS} or args.account in VERDICTS):
        print(explain_word(args.account))
        return 0
    project = open_project(root)
    state = Path(args.state) if args.state else root / ".nudger" / "state.db"
    at = None if args.at is None else Times().read(args.at)
    found = explain(project, state, args.account, args.rule, at)
    print(as_json(found) if args.json else as_text(found))
    return 0


def explain_word(word: str) -> str:
    """Return what a code of `check` or a verdict means."""
    if word in VERDICTS:
        outcome, meaning = VERDICTS[word]
        return f"{word}: {meaning}.\nOutcome: {outcome.value}."
    if word.upper() in EXPLANATIONS:
        return f"{word.upper()}: {EXPLANATIONS[word.upper()]}"
    return describe(word)


def explain(project: Project, state: Path, account_id: str, rule: str | None, at: int | None) -> Explanation:
    """Read one account and question every rule about it, or only *rule*.

    Raises:
        SettingsError: There is no such state, account or rule.
    """
    names = [item.name for item in project.book.rules]
    if rule is not None and rule not in names:
        raise SettingsError(f"there is no rule '{rule}'; {suggest(rule, names) or 'there is ' + ', '.join(names)}")
    if not state.exists():
        raise SettingsError(f"there is no state at {state}; `nudger run` makes it, or name it with --state")
    journal = SqliteJournal.open_readonly(state)
    try:
        key = ACCOUNT_KEY + account_id
        loaded = journal.load(0, [key, PARTITION_KEY])
        raw, partition = loaded[key], partition_state(loaded[PARTITION_KEY])
        if raw is None or partition is None:
            near = [name.removeprefix(ACCOUNT_KEY) for name in journal.scan(0, ACCOUNT_KEY + account_id[:1], 500)]
            hint = suggest(account_id, near)
            raise SettingsError(f"the state knows no account '{account_id}'" + (f"; {hint}" if hint else ""))
        history = [msgspec.json.decode(record) for record in journal.decisions(account_id, _HISTORY)]
    finally:
        journal.close()
    fresh = partition.number == 0
    world = take_up(partition, project.book, Options(), fresh=fresh)
    clock = max(at or 0, partition.clock)
    answers = [
        _answer(account_id, raw, item, world, clock, [line for line in history if line["rule"] == item.name])
        for item in project.book.rules
        if rule is None or item.name == rule
    ]
    account = _advanced(raw, world, clock)
    return Explanation(account_id, account, clock, zone_of(account, world), project.book.id, answers)


def _advanced(raw: bytes, world: World, at: int) -> Account:
    account = accounts.decode(raw)
    if account.layout != world.layout:  # the rules have changed since it was last touched
        relay(account, world.layout, world.book.meters, world.since)
    move(account, world, max(account.touched, at))
    return account


def _answer(account_id: str, raw: bytes, rule: Rule, world: World, at: int, history: list[dict[str, Any]]) -> Answer:
    account = _advanced(raw, world, at)
    known = account.rules.get(rule.key)
    state = known or RuleState()
    wait = state.wait
    event = world.book.wake(wait.event, account_id) if wait is not None and wait.event.type else None
    now = max(account.touched, at)
    parts = _parts(rule, account, event, now)
    moment = Moment(account_id, account, world.book, now, at, zone_of(account, world), _no_mail)
    case = Case(rule, moment, state, event, wait.crossing if wait else "", now, wait, notes=[])
    verdict = _verdict(case, rule, state, event)
    meaning = VERDICTS[verdict.word][1]
    last = WORDS[state.verdict] + (f"({state.reason})" if state.reason else "")
    found = Answer(rule.name, rule.about, str(verdict), meaning, last if known else "", state.since, parts)
    found.notes = [note for note in case.notes or () if note[0] != "when"]
    if wait is not None:
        found.waits_until, found.looks_at = wait.deadline, wait.look_at
    found.history = history
    return found


def _parts(
    rule: Rule, account: Account, event: Event | None, now: int
) -> list[tuple[str, bool | None, list[tuple[str, str]]]]:
    if rule.when is None or (event is None and any(read.startswith("event:") for read in rule.when.reads)):
        return []
    return rule.when.parts(account, event, now, None)


def _verdict(case: Case, rule: Rule, state: RuleState, event: Event | None) -> Verdict:
    """Return what the rule would answer now, without an event of its own."""
    if rule.trigger is not None and case.wait is None:
        what = f"no {rule.trigger.event} has come" if not rule.trigger.is_absence else "its timer is not running"
        return Verdict("not_met", what if state.count == 0 else "waits for its trigger")
    if event is None and rule.when is not None and any(read.startswith("event:") for read in rule.when.reads):
        return Verdict("not_met", "waits for its trigger")
    judge([case])
    verdict = case.verdict
    assert verdict is not None
    if case.wait is None and not state.armed and verdict.word != "not_met":
        return Verdict(WORDS[state.verdict], state.reason) if WORDS[state.verdict] == "outside" else Verdict("said")
    return verdict


def _no_mail(case: Case) -> Any:
    raise AssertionError(f"explaining {case.rule.name} renders no mail")


# --- for people and for programs ---------------------------------------------------------------------


def _when(at: int, tz: tzinfo) -> str:
    return f"{local(at, tz):%Y-%m-%d %H:%M %Z}"


def as_text(found: Explanation) -> str:
    """Return an explanation as lines for a terminal."""
    account, tz = found.account, found.tz
    plan = account.plan or "no plan known"
    cycle = "no event yet"
    if account.cycle_end:
        cycle = f"cycle {_when(account.cycle_start, tz)[:10]} to {_when(account.cycle_end, tz)[:10]}"
    lines = [
        f"{found.account_id}: {plan}, {cycle}, zone {account.zone or 'default'}",
        f"as of {_when(found.at, tz)}, rule book {found.book}",
    ]
    for answer in found.answers:
        lines += ["", *_answer_lines(answer, tz)]
    return "\n".join(lines)


def _answer_lines(answer: Answer, tz: tzinfo) -> list[str]:
    lines = [f"{answer.rule}: {answer.about}", f"  now   {answer.verdict}: {answer.meaning}"]
    for text, holds, numbers in answer.parts:
        values = ", ".join(f"{name} = {value}" for name, value in numbers)
        lines.append(f"        {_WORD[holds]:<8}{text}" + (f"   [{values}]" if values else ""))
    for stage, text, read in answer.notes:
        values = ", ".join(f"{name} = {value}" for name, value in read)
        lines.append(f"        {stage}: {text}" + (f"   [{values}]" if values else ""))
    if answer.looks_at is not None and answer.waits_until is not None:
        lines.append(f"        looks again {_when(answer.looks_at, tz)}, lapses {_when(answer.waits_until, tz)}")
    for line in answer.history:
        reason = f"({line['reason']})" if line["reason"] else ""
        compared = ", ".join(f"{name} {value}" for name, value in line["numbers"].items())
        shown = f"   [{compared}]" if compared else ""
        lines.append(f"  was   {line['verdict']}{reason} {_when(line['at'], tz)}, {line['where']}{shown}")
    return lines


def as_json(found: Explanation) -> str:
    """Return an explanation as one JSON object."""
    document = {
        "account": found.account_id,
        "plan": found.account.plan,
        "at": found.at,
        "book": found.book,
        "rules": [msgspec.to_builtins(answer) for answer in found.answers],
    }
    return json.dumps(document, ensure_ascii=False, indent=2)
