"""What a test expects, held against what happened: every difference as one line, with the compared numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from html.parser import HTMLParser
from typing import Any, Final

import msgspec

from nudger.core import calendar
from nudger.core.verdict import VERDICTS
from nudger.language.files import Loc
from nudger.language.report import suggest
from nudger.language.schema import TestKeys
from nudger.project import Project
from nudger.tools.script import BadTest, Change, Outcome, Played, Script, moment

#: What must be listed in full; other verdicts are looked at when they are listed.
COMPLETE: Final = ("sent", "held", "waiting")
_DETAILS: Final = frozenset({"at", "by", "until", "to", "offer", "template", "values", "says", "never_says", "code"})
_EVENT_REF: Final = re.compile(r"event (\d+)")


def compare(project: Project, script: Script, test: TestKeys, played: Played, outcome: Outcome) -> None:
    """Write every difference between what a test expects and what happened into its outcome."""
    left = list(played.changes)
    refused = dict(played.aside)
    for index, entry in enumerate(test.expect or ()):
        loc: Loc = ("expect", index)
        if "set_aside" in entry:
            _expect_aside(entry, refused, loc, outcome)
            continue
        word, rule = _subject(project, entry, loc)
        found = _find(script, entry, word, rule, left, loc)
        if found is not None:
            left.remove(found)
            outcome.differences += [f"{word} {rule}: {line}" for line in _details(project, script, entry, found, loc)]
        elif len(entry) > 1 or not played.words.get(rule, {}).get(word):
            # A reading that changed nothing, such as a first `not_met`, is counted and not recorded.
            outcome.differences += _missed(entry, word, rule, played.changes, project)
    for change in left:
        if change.word in COMPLETE:
            outcome.differences.append(f"not expected: {_told(change, script)}")
    for number, code in refused.items():
        outcome.differences.append(f"not expected: event {number} was set aside as {code}")


def _expect_aside(entry: dict[str, Any], refused: dict[int, str], loc: Loc, outcome: Outcome) -> None:
    reference = _EVENT_REF.fullmatch(str(entry["set_aside"]))
    if reference is None:
        raise BadTest((*loc, "set_aside"), "write set_aside: event 2")
    number = int(reference[1])
    code = refused.pop(number, None)
    wanted = entry.get("code")
    if code is None:
        outcome.differences.append(f"expected event {number} to be set aside; it was not")
    elif wanted is not None and wanted != code:
        outcome.differences.append(f"event {number} was set aside as {code}, not as {wanted}")


def _subject(project: Project, entry: dict[str, Any], loc: Loc) -> tuple[str, str]:
    words = [key for key in entry if key in VERDICTS]
    unknown = [key for key in entry if key not in VERDICTS and key not in _DETAILS]
    if unknown:
        raise BadTest((*loc, unknown[0]), f"unknown key '{unknown[0]}'", suggest(unknown[0], [*VERDICTS, *_DETAILS]))
    if len(words) != 1:
        raise BadTest(loc, "an expectation names one verdict and its rule: sent: payg-to-scale")
    rule = str(entry[words[0]])
    names = [rule.name for rule in project.trial.rules]
    if rule not in names:
        raise BadTest((*loc, words[0]), f"unknown rule '{rule}'", suggest(rule, names))
    return words[0], rule


def _find(script: Script, entry: dict[str, Any], word: str, rule: str, left: list[Change], loc: Loc) -> Change | None:
    """Return the change that an expectation is about: the first of its word and rule at its time."""
    for change in left:
        if change.word != word or change.rule != rule:
            continue
        if "at" in entry and not _is_at(str(entry["at"]), change, script, (*loc, "at")):
            continue
        if "by" in entry and change.reason != entry["by"]:
            continue
        return change
    return None


def _is_at(text: str, change: Change, script: Script, loc: Loc) -> bool:
    reference = _EVENT_REF.fullmatch(text)
    if reference is not None:
        return change.event == int(reference[1])
    return change.at == moment(text, script.zone, loc)


def _missed(entry: dict[str, Any], word: str, rule: str, changes: list[Change], project: Project) -> list[str]:
    details = ", ".join(f"{key} {entry[key]}" for key in ("at", "by") if key in entry)
    line = f"expected {word} {rule}" + (f" ({details})" if details else "")
    happened = [change for change in changes if change.rule == rule]
    if not happened:
        when = next(item.when for item in project.trial.rules if item.name == rule)
        return [f"{line}; the rule changed no verdict" + (f" (when: {when.text})" if when is not None else "")]
    told = "; ".join(_told(change, None) for change in happened)
    return [f"{line}; it was {told}"]


def _told(change: Change, script: Script | None) -> str:
    where = f"at event {change.event}" if change.event is not None else "by its timer"
    if script is not None and change.event is None:
        where = f"at {calendar.local(change.at, script.zone):%Y-%m-%d %H:%M}"
    reason = f"({change.reason})" if change.reason else ""
    numbers = ", ".join(f"{name} {value}" for name, value in list(change.numbers.items())[:6])
    return f"{change.word}{reason} {change.rule} {where}" + (f" [{numbers}]" if numbers else "")


def _details(project: Project, script: Script, entry: dict[str, Any], change: Change, loc: Loc) -> Iterator[str]:
    """Yield what differs in the details of an expectation whose verdict came."""
    if "until" in entry:
        wanted = moment(entry["until"], script.zone, (*loc, "until"))
        if change.deadline != wanted:
            ends = (
                "never" if change.deadline is None else f"{calendar.local(change.deadline, script.zone):%Y-%m-%d %H:%M}"
            )
            yield f"it waits until {ends}, not until {entry['until']}"
    for name, value in (entry.get("values") or {}).items():
        held = change.numbers.get(name)
        if held is None:
            yield f"no value `{name}` was compared; there was {', '.join(change.numbers) or 'none'}"
        elif not _same(held, str(value)):
            yield f"`{name}` was {held}, not {value}"
    if change.message is None:
        return
    nudge = change.message.data
    if "to" in entry and entry["to"] not in (nudge.to.role, nudge.to.address):
        yield f"it went to {nudge.to.role}, not to {entry['to']}"
    if "template" in entry:
        template = project.post.letters[change.rule].template.name
        if template != entry["template"]:
            yield f"its template was {template}, not {entry['template']}"
    for name, value in (entry.get("offer") or {}).items():
        offer = msgspec.to_builtins(nudge.offer) or {}
        if not _same(str(offer.get(name)), str(value)):
            yield f"the offer's {name} was {offer.get(name)}, not {value}"
    yield from _says(entry.get("says"), nudge.subject, nudge.html, nudge.text, wanted=True)
    yield from _says(entry.get("never_says"), nudge.subject, nudge.html, nudge.text, wanted=False)


def _same(held: str, wanted: str) -> bool:
    if held == wanted:
        return True
    try:
        return Decimal(held.split(" ")[0]) == Decimal(wanted.split(" ")[0].removeprefix("$").removesuffix("%"))
    except InvalidOperation:
        return False


def _says(phrases: Any, subject: str, html: str, text: str, *, wanted: bool) -> Iterator[str]:
    """Yield the phrases that are not said (or are, unless *wanted*): in the subject, or in HTML and text both."""
    if phrases is None:
        return
    parts = {"subject": _flat(subject), "html": _flat(as_read(html)), "text": _flat(text)}
    if isinstance(phrases, dict):
        for part, listed in phrases.items():
            for phrase in [listed] if isinstance(listed, str) else listed:
                if (_flat(phrase) in parts.get(part, "")) != wanted:
                    yield f"the {part} {'does not say' if wanted else 'says'} {phrase!r}"
        return
    for phrase in [phrases] if isinstance(phrases, str) else phrases:
        flat = _flat(str(phrase))
        both = flat in parts["subject"] or (flat in parts["html"] and flat in parts["text"])
        anywhere = any(flat in part for part in parts.values())
        if wanted and not both:
            missing = [part for part in ("html", "text") if flat not in parts[part]]
            yield f"the mail does not say {phrase!r} (neither its subject nor its {' and '.join(missing)})"
        elif not wanted and anywhere:
            yield f"the mail says {phrase!r}"


def _flat(text: str) -> str:
    return " ".join(text.split())


class _Reading(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in ("style", "title", "script")

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in ("style", "title", "script")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.words.append(data)


def as_read(html: str) -> str:
    """Return the text that a reader of an HTML mail sees, styles left out."""
    reading = _Reading()
    reading.feed(html)
    return "".join(reading.words)
