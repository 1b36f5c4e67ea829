"""The board: what every rule has done so far, what waits now, and what became of the records of a run.

Rules are counted over the whole life of the state, records over this run; so a run that goes on where another one ended
shows the same rules, and how little was new.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from nudger.core import account as accounts
from nudger.core.calendar import HOUR
from nudger.core.rule import RuleBook
from nudger.core.verdict import VERDICTS, WORDS, Outcome
from nudger.journals.journal import Journal
from nudger.partition import ACCOUNT_KEY, RULE_KEY, Summary, rule_counts
from nudger.tools.output import (
    WIDTH,
    Ink,
    as_json,
    counted,
    folded,
    moment,
    number,
    printable,
    rfc3339,
    several,
    shown,
    table,
)

MOST_WAITS: Final = 10
_CHUNK: Final = 10_000
_EVER: Final = 1 << 62
#: A larger share of too_late records than this is no accident of delivery.
_LATE_SHARE: Final = 0.05
#: Readings that are no firing of a rule: nothing has happened, or what fired is still on its way.
_NO_FIRING: Final = ("not_met", "unknown", "said", "outside", "held", "waiting")
_EMITTED: Final = tuple(word for word, (outcome, _) in VERDICTS.items() if outcome is Outcome.EMITTED)
_RIGHT: Final = "MET SENT SHADOW HOLDOUT WAITING HELD"


@dataclass(frozen=True, slots=True)
class Waiting:
    """One nudge that waits: for its guard or its send window, until when it is looked at again and when it lapses."""

    account: str
    rule: str
    verdict: str
    reason: str
    looks_again: int
    lapses: int

    @property
    def why(self) -> str:
        """The verdict with its reason."""
        return f"{self.verdict}({self.reason})" if self.reason else self.verdict


@dataclass(slots=True)
class RuleLine:
    """One rule: its status, how often its readings ended in each word, and how many of its nudges wait now."""

    name: str
    status: str
    words: dict[str, int]
    now: Counter[str] = field(default_factory=Counter)

    @property
    def met(self) -> int:
        """How often it fired: each time ended in a message or a reason for silence, or waits now."""
        return sum(times for word, times in self.words.items() if word not in _NO_FIRING) + self.now.total()

    def silent(self, room: int) -> str:
        """Return why it fired and was not heard, most frequent first; for one that never fired, what it read."""
        unknown = self.words.get("unknown", 0)
        if not self.met:
            return f"never fired; values missing {several(unknown, 'time')}" if unknown else "never fired"
        silences = {word: times for word, times in self.words.items() if word not in (*_NO_FIRING, *_EMITTED)}
        return counted(silences, room)


@dataclass(frozen=True, slots=True)
class Mailed:
    """One message as the board names it; nobody's address."""

    id: str
    created: str
    account: str
    rule: str
    subject: str


@dataclass(slots=True)
class Board:
    """Everything a run has to say when it ends.

    Attributes:
        seconds: How long it read. `clock`: the state's clock (ms). `was_empty`: the state was new.
        wall: It went by the wall's clock.
        new_messages: Emitted in this run. `first`: some of them, or of the first ones ever when there are none.
        stopped: The signal that ended it early, "" for none.
    """

    summary: Summary
    rules: list[RuleLine]
    waits: list[Waiting]
    waiting: Counter[str]
    clock: int
    unknown_plans: int = 0
    drafts: int = 0
    seconds: float = 0.0
    was_empty: bool = True
    backfill: bool = False
    wall: bool = False
    lateness: int = 48 * HOUR
    state: Path = Path()
    messages: Path | None = None
    dead_letters: Path = Path()
    new_messages: int = 0
    first: list[Mailed] = field(default_factory=list)
    mails: list[Path] = field(default_factory=list)
    stopped: str = ""

    @property
    def read(self) -> int:
        """How many records were read in this run."""
        return records(self.summary)

    @property
    def set_aside(self) -> int:
        """How many of them became dead letters."""
        return sum(self.summary.dead_letters.values())


def records(summary: Summary) -> int:
    """Return how many records a run has read so far."""
    kept = summary.counts.get("counted", 0) + summary.counts.get("repeated", 0)
    return kept + sum(summary.dead_letters.values()) + sum(summary.undeclared.values())


def gather(journal: Journal, book: RuleBook, summary: Summary) -> Board:
    """Return the board of a state: its rules' counts and what waits."""
    rules = {line.name: line for line in _rule_lines(journal, book)}
    waits: list[Waiting] = []
    waiting: Counter[str] = Counter()
    for item in _waiting(journal, book):
        rules[item.rule].now[item.verdict] += 1
        waiting[item.why] += 1
        waits.append(item)
    first = heapq.nsmallest(MOST_WAITS, waits, key=lambda item: (item.looks_again, item.account, item.rule))
    ordered = sorted(rules.values(), key=lambda line: (-line.words.get("sent", 0), -line.met, line.name))
    return Board(summary, ordered, first, waiting, summary.clock)


def _rule_lines(journal: Journal, book: RuleBook) -> Iterator[RuleLine]:
    keys: dict[str, str] = {RULE_KEY + rule.name: rule.status for rule in book.rules}
    for key in journal.scan(0, RULE_KEY, _CHUNK):  # rules that have gone are still in the counts
        if key.startswith(RULE_KEY):
            keys.setdefault(key, "gone")
    for key, state in journal.load(0, keys).items():
        yield RuleLine(key.removeprefix(RULE_KEY), keys[key], rule_counts(state))


def _waiting(journal: Journal, book: RuleBook) -> Iterator[Waiting]:
    """Yield every nudge that waits; an account with one wants to be woken, so the others need not be read."""
    by_key = {rule.key: rule for rule in book.rules}
    keys = journal.due(0, _EVER, _EVER)
    for start in range(0, len(keys), _CHUNK):
        for key, state in journal.load(0, keys[start : start + _CHUNK]).items():
            assert state is not None
            for rule_key, kept in accounts.decode(state).rules.items():
                wait = kept.wait
                if wait is not None and rule_key in by_key:
                    name, word = key.removeprefix(ACCOUNT_KEY), WORDS[kept.verdict]
                    yield Waiting(name, by_key[rule_key].name, word, kept.reason, wait.look_at, wait.deadline)


# --- for people --------------------------------------------------------------------------------------


def as_text(board: Board, ink: Ink) -> str:
    """Return the board for a terminal, at most 100 columns wide."""
    parts = [_records(board, ink), _rules(board, ink), _waits(board, ink), _first(board, ink), _places(board, ink)]
    parts.append([ink.yellow(folded(hint, "  ")) for hint in hints(board)])
    return "\n\n".join("\n".join(part) for part in parts if part)


def _records(board: Board, ink: Ink) -> list[str]:
    counts, summary = board.summary.counts, board.summary
    until = f"; the clock stands at {moment(board.clock)}" if board.clock else ""
    if not board.read:
        return [_nothing_new(board) + until]
    pace = f", {number(round(board.read / board.seconds))} a second" if board.seconds >= 1 else ""
    lines = [ink.bold(f"{several(board.read, 'record')} read in {board.seconds:.1f} s{pace}{until}")]
    for count, words in (
        (counts.get("counted", 0), "counted"),
        (counts.get("repeated", 0), "repeated: had been counted before"),
        (sum(summary.undeclared.values()), f"of a type that no rule file declares: {counted(summary.undeclared)}"),
        (board.set_aside, f"set aside: {counted(summary.dead_letters)}"),
    ):
        if count:
            lines.append(folded(f"{number(count):>12}  {words}", " " * 14))
    return lines


def _nothing_new(board: Board) -> str:
    if board.was_empty:
        return "0 events: the input is empty"
    return "0 new events" + ("" if board.new_messages else "; nothing was sent twice")


def _rules(board: Board, ink: Ink) -> list[str]:
    if board.backfill:
        return ["Backfill: the state is built; no rule was read, and nothing was sent."]
    emitted = [word for word in _EMITTED if word == "sent" or any(line.words.get(word) for line in board.rules)]
    head = ["RULE", "MET", *(word.upper() for word in emitted), "WAITING", "HELD", "WHY SILENT"]
    whole = [*board.rules, _total(board.rules)]
    rows = [_row(line, emitted) for line in whole]
    taken = sum(max(map(len, column)) + 2 for column in zip(head[:-1], *rows, strict=True))
    for line, row in zip(whole, rows, strict=True):
        row.append(line.silent(WIDTH - taken))
    lines = table(head, rows, ink, _RIGHT)
    lines.append(
        ink.dim("MET: how often the rule fired, since this state began. Each ended in one of these, or waits.")
    )
    if board.drafts:
        lines.append(ink.dim(f"{several(board.drafts, 'draft')} not read; `nudger test` and `nudger preview` use them"))
    return lines


def _row(line: RuleLine, emitted: list[str]) -> list[str]:
    return [
        printable(line.name, 32) + (f" ({line.status})" if line.status not in ("live", "") else ""),
        number(line.met),
        *(number(line.words.get(word, 0)) for word in emitted),
        number(line.now["waiting"]),
        number(line.now["held"]),
    ]


def _total(lines: list[RuleLine]) -> RuleLine:
    words: Counter[str] = Counter()
    now: Counter[str] = Counter()
    for line in lines:
        words.update(line.words)
        now.update(line.now)
    return RuleLine("all", "", words, now)


def _waits(board: Board, ink: Ink) -> list[str]:
    if not board.waiting:
        return []
    total = board.waiting.total()
    title = f"{several(total, 'nudge')} waiting now: {counted(board.waiting)}"
    rows = [
        [printable(item.account, 24), item.rule, item.why, moment(item.looks_again), moment(item.lapses)]
        for item in board.waits
    ]
    lines = [ink.bold(title), *table(["ACCOUNT", "RULE", "WHY", "LOOKS AGAIN", "LAPSES"], rows, ink)]
    if total > len(rows):
        lines.append(ink.dim(f"and {number(total - len(rows))} more"))
    return lines


def _first(board: Board, ink: Ink) -> list[str]:
    if not board.first:
        return []
    title = "First messages of this run" if board.new_messages else "First messages"
    rows = [[_minute(item.created), printable(item.account, 24), printable(item.subject)] for item in board.first]
    return [ink.bold(title), *table(["WHEN", "ACCOUNT", "SUBJECT"], rows, ink)]


def _minute(text: str) -> str:
    return f"{text[:10]} {text[11:16]} UTC"


def _places(board: Board, ink: Ink) -> list[str]:
    messages = "standard output" if board.messages is None else shown(board.messages)
    lines = [
        f"{'messages':<14}{messages}, {number(board.new_messages)} new",
        f"{'dead letters':<14}{shown(board.dead_letters)}, {number(board.set_aside)} new",
        f"{'state':<14}{shown(board.state)}",
    ]
    if board.mails:
        lines.append(f"{'mails':<14}{shown(board.mails[0])}" + _and_more(len(board.mails) - 1))
    if not board.backfill:
        lines.append(ink.dim("Why did an account get a nudge, or none? nudger explain ACCOUNT"))
    return lines


def _and_more(count: int) -> str:
    return f" and {number(count)} more beside it" if count else ""


def hints(board: Board) -> list[str]:
    """Return what deserves a look, in plain words."""
    found = []
    late = board.summary.dead_letters.get("too_late", 0)
    if late > _LATE_SHARE * board.read:
        share = f"{number(late)} of {several(board.read, 'record')} came too late (over {board.lateness // HOUR} hours)"
        found.append(f"{share}: not sorted by time? {_late_advice(board)}")
    if board.summary.counts.get("jumps"):
        jumps = several(board.summary.counts["jumps"], "jump")
        found.append(f"{jumps} of more than 7 days from one event to the next: is a date wrong?")
    if board.unknown_plans:
        times = several(board.unknown_plans, "record")
        found.append(f"{times} named a plan that is not in the catalogue: taken as no plan, so nothing is offered")
    if board.wall and not board.new_messages and any(words.get("lapsed") for words in board.summary.rules.values()):
        found.append("By the clock on the wall these events are long past, so their nudges lapsed: try --clock events")
    if board.stopped:
        found.append(f"Stopped by {board.stopped}. All that was read is committed; the same command goes on from here.")
    return found


def _late_advice(board: Board) -> str:
    if board.was_empty:
        return "Sort the file, or raise `lateness` in nudger.toml, and begin with a new --state."
    return (
        "Or counted already, or older than what this --state has read: history needs a --state, --out and "
        "--dead-letters of its own."
    )


# --- for programs ------------------------------------------------------------------------------------


def as_document(board: Board) -> str:
    """Return the board as one JSON object."""
    summary = board.summary
    return as_json(
        {
            "records": {
                "read": board.read,
                "counted": summary.counts.get("counted", 0),
                "repeated": summary.counts.get("repeated", 0),
                "set_aside": summary.dead_letters,
                "undeclared": summary.undeclared,
                "unknown_plans": board.unknown_plans,
                "jumps": summary.counts.get("jumps", 0),
            },
            "seconds": round(board.seconds, 3),
            "clock": rfc3339(board.clock),
            "backfill": board.backfill,
            "stopped": board.stopped or None,
            "rules": {line.name: _rule_document(line) for line in board.rules},
            "drafts": board.drafts,
            "waiting": {
                "count": board.waiting.total(),
                "why": dict(board.waiting),
                "first": [_waiting_document(item) for item in board.waits],
            },
            "messages": {
                "path": None if board.messages is None else str(board.messages),
                "new": board.new_messages,
                "first": [{name: getattr(item, name) for name in Mailed.__slots__} for item in board.first],
            },
            "dead_letters": {"path": str(board.dead_letters), "new": board.set_aside},
            "state": str(board.state),
            "mails": [str(path) for path in board.mails],
            "hints": hints(board),
        }
    )


def _rule_document(line: RuleLine) -> dict[str, Any]:
    return {
        "status": line.status,
        "met": line.met,
        "sent": line.words.get("sent", 0),
        "waiting_now": line.now["waiting"],
        "held_now": line.now["held"],
        "readings": line.words,
    }


def _waiting_document(item: Waiting) -> dict[str, Any]:
    return {
        "account": item.account,
        "rule": item.rule,
        "verdict": item.verdict,
        "reason": item.reason,
        "looks_again": rfc3339(item.looks_again),
        "lapses": rfc3339(item.lapses),
    }
