"""Look at a rule's mail before anybody gets it: `nudger preview`.

For a real account the mail is made of the state as it was last committed, as if the rule fired at its clock: guards,
limits and send windows are not asked, and nothing is changed. Without one, a test of the rule provides the account.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from nudger.core import account as accounts
from nudger.core.account import Account, RuleState
from nudger.core.event import Event
from nudger.core.meter import relay
from nudger.core.rule import Rule, World
from nudger.core.stages import Case, Moment, RenderFailed, find_person, resolve_offer
from nudger.core.timeline import move, zone_of
from nudger.errors import EventError, NudgerError, SettingsError
from nudger.intake.envelope import Undeclared
from nudger.journals.sqlite import SqliteReader
from nudger.language.report import suggest
from nudger.letters import require_mail
from nudger.mail.message import Nudge
from nudger.partition import ACCOUNT_KEY, PARTITION_KEY, partition_state
from nudger.project import Project, open_project
from nudger.tools.inputs import FOLDER, open_state, root
from nudger.tools.output import Ink, as_json, printable, rfc3339, safe_name, shown
from nudger.tools.scenario import run_tests

_NEAR: Final = 500


class CannotRender(NudgerError):
    """A mail cannot be made for this account; `missing` says what it lacks, a sentence each."""

    def __init__(self, missing: Iterable[str]) -> None:
        self.missing = tuple(missing)
        super().__init__("; ".join(self.missing))


@dataclass(frozen=True, slots=True)
class Found:
    """An account as the state knows it, and the state's clock (ms)."""

    account: Account
    now: int


@dataclass(frozen=True, slots=True)
class Preview:
    """A mail as it would be, and whose: an account of the state, or one that a test made up."""

    nudge: Nudge
    basis: str
    html: Path
    text: Path


def main(args: argparse.Namespace) -> int:
    """Run `nudger preview`: 1 when the mail cannot be made."""
    project = open_project(root(args))
    require_mail(project.settings)
    rule = _rule(project, args.rule)
    try:
        nudge, basis = _nudge(args, project, rule)
    except CannotRender as lacking:
        _print_missing(args, rule, lacking)
        return 1
    folder = Path(args.out) if args.out else root(args) / FOLDER / "preview"
    preview = _write(nudge, basis, folder)
    print(as_document(preview) if args.json else as_text(preview))
    return 0


def _nudge(args: argparse.Namespace, project: Project, rule: Rule) -> tuple[Nudge, str]:
    """Return the mail and whose it is."""
    if args.account is None:
        if args.event is not None:
            raise SettingsError("--event needs an --account to happen to")
        return _sample(project, rule)
    state = open_state(args)
    try:
        found = _account(state, args.account)
    finally:
        state.close()
    event = _event(project, rule, args, found)
    nudge = render_case(project, args.account, found.account, rule, event, found.now)
    return nudge, f"account {args.account}, as of {rfc3339(found.now)}"


def _rule(project: Project, name: str) -> Rule:
    rules = {rule.name: rule for rule in project.trial.rules}
    if name not in rules:
        raise SettingsError(f"there is no rule '{name}'; {suggest(name, rules) or 'there is ' + ', '.join(rules)}")
    return rules[name]


# --- a made-up account -------------------------------------------------------------------------------


def _sample(project: Project, rule: Rule) -> tuple[Nudge, str]:
    """Return the mail of the rule's first test that passes and sends it."""
    for outcome in run_tests(project, [rule.name]):
        for change in outcome.changes if outcome.passed else ():
            if change.rule == rule.name and change.message is not None:
                nudge = msgspec.structs.replace(change.message.data, test=True)
                return nudge, f"the test '{outcome.name}' ({outcome.path}:{outcome.line})"
    raise SettingsError(
        f"no test of {rule.name} passes and sends it, so there is no sample: write one, or name an account of the "
        "state with --account ID"
    )


# --- a real account ----------------------------------------------------------------------------------


def _account(state: SqliteReader, account_id: str) -> Found:
    key = ACCOUNT_KEY + account_id
    loaded = state.load(0, [key, PARTITION_KEY])
    raw, partition = loaded[key], partition_state(loaded[PARTITION_KEY])
    if raw is None or partition is None:
        near = [name.removeprefix(ACCOUNT_KEY) for name in state.scan(0, ACCOUNT_KEY + account_id[:1], _NEAR)]
        advice = suggest(account_id, near)
        raise SettingsError(f"the state knows no account '{account_id}'" + (f"; {advice}" if advice else ""))
    account = accounts.decode(raw)
    return Found(account, max(partition.clock, account.touched))


def _event(project: Project, rule: Rule, args: argparse.Namespace, found: Found) -> Event | None:
    """Return the event that the rule's mail can read: the one given, or the one that waits in the state."""
    if args.event is not None:
        return _given_event(project, rule, args, found)
    if rule.trigger is None:
        return None
    waits = [kept.wait.event for key, kept in found.account.rules.items() if key == rule.key and kept.wait]
    waits += [absence.event for absence in found.account.absences if absence.rule == rule.key]
    if waits:
        return project.trial.wake(waits[-1], args.account)
    fields = ", ".join(f'"{name}": …' for name in project.reader.declared[rule.trigger.event])
    raise SettingsError(
        f"{rule.name} is about an event {rule.trigger.event}, and none waits for this account; give one: "
        f'--event \'{{"type": "{rule.trigger.event}", "data": {{{fields}}}}}\''
    )


def _given_event(project: Project, rule: Rule, args: argparse.Namespace, found: Found) -> Event:
    if rule.trigger is None:
        raise SettingsError(f"{rule.name} has no trigger, so its mail is about no event; leave --event out")
    try:
        values = json.loads(args.event)
    except ValueError as error:
        raise SettingsError(f"--event is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise SettingsError("--event is a JSON object, like a line of the events file")
    kind = rule.trigger.event
    whole: dict[str, Any] = {"id": "preview", "type": kind, "time": rfc3339(found.now), **values}
    whole["account"] = args.account
    try:
        event = project.reader.read(json.dumps(whole).encode())
    except EventError as error:
        raise SettingsError(f"--event: {error.reason}") from None
    if isinstance(event, Undeclared) or event.type != kind:
        raise SettingsError(f"--event: {rule.name} is about {kind}, not {event.type}")
    return event


def render_case(
    project: Project, account_id: str, account: Account, rule: Rule, event: Event | None, now: int
) -> Nudge:
    """Return the mail that *rule* would send to an account, marked as a test.

    Args:
        project: Where the rule and its template are from; its drafts count as live.
        account_id: The account's id.
        account: Its state; it is brought up to *now* in place.
        rule: One of the project's rules.
        event: What triggered it, for a rule that has a trigger.
        now: When it would be sent (ms).

    Raises:
        CannotRender: With everything that is missing.
    """
    book = project.trial
    world = World(book, layout=book.layout)
    if account.layout != world.layout:
        relay(account, world.layout, book.meters, now)
    move(account, world, now)
    moment = Moment(account_id, account, book, now, now, zone_of(account, world), project.post.render)
    crossing = f"t:{now}:preview" if event is None else f"e:{event.source}:{event.id}"
    case = Case(rule, moment, RuleState(), event, crossing, now)
    return _compose(project, case)


def _compose(project: Project, case: Case) -> Nudge:
    missing = []
    offer = resolve_offer(case)
    if offer is not None:
        missing.append(f"its offer needs `{offer.reason}`, which is not known")
    person = find_person(case)
    if person is not None:
        missing.append(f"there is nobody to write to: {person.reason}")
    missing += [f"the mail needs `{name}`, which is not known" for name in _values_missing(project, case)]
    if missing:
        raise CannotRender(missing)
    try:
        return project.post.compose(case, test=True)
    except RenderFailed as failure:
        raise CannotRender([str(failure)]) from None


def _values_missing(project: Project, case: Case) -> list[str]:
    """Return the names of the values that the mail cannot do without and this account lacks."""
    letter = project.post.letters[case.rule.name]
    needed = {use.path for use in (*letter.subject.uses, *letter.template.uses) if not use.optional}
    return [".".join(path) for path, read in letter.reads if path in needed and read(case) is None]


# --- what comes of it --------------------------------------------------------------------------------


def _write(nudge: Nudge, basis: str, folder: Path) -> Preview:
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{safe_name(nudge.rule)}--{safe_name(nudge.account)}"
    html, text = folder / f"{name}.html", folder / f"{name}.txt"
    html.write_text(nudge.html, encoding="utf-8")
    text.write_text(nudge.text, encoding="utf-8")
    return Preview(nudge, basis, html, text)


def as_text(preview: Preview) -> str:
    """Return a preview as lines for a terminal."""
    ink, nudge = Ink(sys.stdout), preview.nudge
    lines = [
        f"{'from':<10}{nudge.from_}",
        f"{'to':<10}{_recipient(nudge)}",
        f"{'subject':<10}{ink.bold(nudge.subject)}",
    ]
    lines += [f"{label:<10}{name} = {printable(value)}" for label, (name, value) in _labelled("because", nudge.reason)]
    if nudge.offer is not None:
        lines.append(f"{'offer':<10}{nudge.offer.name} at {nudge.offer.price} {nudge.offer.currency}")
    lines += [
        f"{'basis':<10}{preview.basis}",
        f"{'html':<10}{shown(preview.html)}",
        f"{'text':<10}{shown(preview.text)}",
        ink.dim("A test mail: guards, limits and send windows were not asked, and nothing was sent."),
    ]
    return "\n".join(lines)


def _labelled(label: str, values: dict[str, str]) -> list[tuple[str, tuple[str, str]]]:
    return [(label if index == 0 else "", item) for index, item in enumerate(values.items())]


def _recipient(nudge: Nudge) -> str:
    name = f"{nudge.to.name} " if nudge.to.name else ""
    return f"{name}<{nudge.to.address}>, role {nudge.to.role}"


def as_document(preview: Preview) -> str:
    """Return a preview as one JSON object."""
    nudge = preview.nudge
    return as_json(
        {
            "rule": nudge.rule,
            "account": nudge.account,
            "basis": preview.basis,
            "test": nudge.test,
            "subject": nudge.subject,
            "to": msgspec.to_builtins(nudge.to),
            "offer": msgspec.to_builtins(nudge.offer),
            "reason": nudge.reason,
            "html": str(preview.html),
            "text": str(preview.text),
            "missing": [],
        }
    )


def _print_missing(args: argparse.Namespace, rule: Rule, lacking: CannotRender) -> None:
    if args.json:
        print(as_json({"rule": rule.name, "account": args.account, "missing": list(lacking.missing)}))
        return
    print(f"{rule.name} cannot be written for {printable(args.account)}:")
    for sentence in lacking.missing:
        print(f"  {sentence}")
