"""Laws of deciding: repeats, restarts, batches and neighbours change nothing, and a guard can only silence."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nudger.core import calendar
from nudger.core.account import decode, encode
from nudger.core.calendar import SendWindow
from nudger.core.stages import Case, nudge_id
from nudger.journals.memory import MemoryJournal
from nudger.project import Project
from tests.support.builders import METERS, World, at, customer, event, project

RULES = """
  up:     { when: plan == payg and bill > next_plan.price, offer: { plan: next_plan }, priority: 90 }
  leads:  { when: many_leads, guards: [solved], hold: 2 days, limits: 2 in 30 days }
  crowd:  { when: many_leads and credits >= 1, group: g, priority: 60 }
  quiet:  { when: credits >= 2, group: g, priority: 40, limits: none }
  left:   { trigger: { event: cart.started, unless: cart.paid, same: [cart], within: 4 hours }, limits: none, priority: 70 }
  asked:  { trigger: note.added, when: 'event.text mentions ["seats"]', limits: 2 in 7 days, send: any time }
  silent: { trigger: { event: user.active, unless: user.active, within: 1 day }, limits: none }
"""
POLICY = """
  guards: { solved: account.open_tickets == 0, staffed: account.seats >= 3 }
  caps: { account: 4 in 30 days, person: 3 in 7 days }
  send: { days: [mon, tue, wed, thu, fri], between: "09:00-17:00", zone: account }
"""
FACTS = "  many_leads: leads >= 3\n"
LAWS = project(RULES, policy=POLICY, facts=FACTS)
START = at("2026-03-01 00:00")
HOUR = 3_600_000

steps = st.integers(0, 9 * HOUR)
kinds = st.sampled_from(
    [
        ("credit.purchased", {"price": 40, "kind": "x"}),
        ("credit.purchased", {"price": 90}),
        ("lead.created", {"source": "inbound"}),
        ("lead.created", {"source": "outbound"}),
        ("cart.started", {"cart": "c1"}),
        ("cart.started", {"cart": "c2"}),
        ("cart.paid", {"cart": "c1"}),
        ("note.added", {"text": "more seats"}),
        ("note.added", {"text": "hello"}),
        ("user.active", {"user": "ann"}),
        ("account.updated", {"open_tickets": 0}),
        ("account.updated", {"open_tickets": 2}),
        ("account.updated", {"seats": 2}),
        ("account.updated", {"seats": 4, "stage": "growth"}),
        ("account.updated", {"plan": "scale"}),
        ("account.updated", {"plan": "payg"}),
        ("account.updated", {"zone": "America/New_York", "anchor_day": 15}),
        ("account.updated", {"cycle_started_at": "2026-03-05T00:00:00Z"}),
    ]
)
happenings = st.tuples(steps, kinds, st.sampled_from(["a", "a", "b"]))


@st.composite
def streams(draw: st.DrawFn) -> list[bytes]:
    """Draw a stream in order of time, of two accounts, over some days."""
    now, records = START, []
    drawn = draw(st.one_of(st.lists(happenings, max_size=10), st.lists(happenings, min_size=20, max_size=50)))
    for number, (step, (kind, data), name) in enumerate(drawn):
        now += step
        records.append(event(kind, now, account=name, id=f"e{number}", **data))
    return records


def mail(case: Case) -> bytes:
    """Write all that a mail could depend on, without a template."""
    offer = (case.offer.id, str(case.offer.price), str(case.offer.saving)) if case.offer else None
    to = case.person.address if case.person else None
    ids = nudge_id(case.rule.name, case.moment.account_id, case.crossing)
    return json.dumps([case.rule.name, ids, case.moment.clock, case.moment.now, case.expires, offer, to]).encode()


def begun(found: Project = LAWS, **more: Any) -> World:
    rows = [customer(name, open_tickets=0, seats=3) for name in ("a", "b")]
    return World(found, rows=rows, render=mail, **more)


def again(world: World, found: Project | None = None) -> World:
    """Return another process at work on a copy of what *world* has committed."""
    store = copy.deepcopy(world.journal.store)
    return World(found or world.project, journal=MemoryJournal(store=store), render=mail)


def said(world: World, name: str | None = None) -> list[Any]:
    """Return messages and decisions, without the place in the input that a decision names."""
    decisions = [json.loads(raw) for raw in world.out("decision", name)]
    for decision in decisions:
        decision.pop("where")
    decisions.sort(key=lambda decision: str(decision["account"]))  # of one account they stay in order
    return [sorted(world.out("nudge", name)), decisions]


UNTIL = "2026-04-20 00:00"


@given(streams(), st.lists(st.tuples(st.integers(0, 49), st.integers(1, 3)), max_size=8))
@settings(max_examples=150, deadline=None)
def test_the_same_event_twice_is_once(records: list[bytes], repeats: list[tuple[int, int]]) -> None:
    """A repeat soon after the event, or some events later, leaves no trace in what is said."""
    twice = list(records)
    for place, later in sorted(repeats, reverse=True):
        if place < len(records):
            twice.insert(min(len(twice), twice.index(records[place]) + later), records[place])
    once, both = begun().run(*records, until=UNTIL), begun().run(*twice, until=UNTIL)
    assert said(both) == said(once)
    assert both.processor.summary.counts.get("repeated", 0) == len(twice) - len(records)


@given(streams())
@settings(max_examples=150, deadline=None)
def test_two_accounts_never_touch_each_other(records: list[bytes]) -> None:
    """What one of them hears is the same with the other one there or not."""
    both = begun().run(*records, until=UNTIL)
    for name in ("a", "b"):
        alone = begun().run(*(raw for raw in records if json.loads(raw)["account"] == name), until=UNTIL)
        assert said(alone, name) == said(both, name)


@given(streams(), st.lists(st.integers(0, 50), max_size=4))
@settings(max_examples=150, deadline=None)
def test_a_snapshot_and_back_changes_no_decision(records: list[bytes], cuts: list[int]) -> None:
    """However often the process dies between two commits, the same is said; and every state comes back as it was."""
    whole = begun().run(*records, until=UNTIL)
    world, start = begun(), 0
    for cut in [*sorted(cuts), len(records)]:
        world = again(world.feed(*records[start : max(start, cut)]).read())
        start = max(start, cut)
    world.run(until=UNTIL)
    assert said(world) == said(whole)
    for name in ("a", "b"):
        account = world.account(name)
        assert decode(encode(account)) == account == whole.account(name)


@given(streams(), st.integers(1, 20))
@settings(max_examples=150, deadline=None)
def test_any_batch_split_says_the_same(records: list[bytes], batch: int) -> None:
    """With commits and ticks in between or not."""
    world = begun()
    for start in range(0, len(records), batch):
        world.feed(*records[start : start + batch]).read()
    assert said(world.run(until=UNTIL)) == said(begun().run(*records, until=UNTIL))


@given(streams(), st.integers(1, 4))
@settings(max_examples=150, deadline=None)
def test_any_number_of_partitions_says_the_same(records: list[bytes], partitions: int) -> None:
    """On the events' clock, for a stream in order."""
    one, several = begun().run(*records, until=UNTIL), begun(partitions=partitions).run(*records, until=UNTIL)
    assert said(several) == said(one)


def with_guard(name: str) -> Project:
    """Return the project in which the rule *name* has one more guard."""
    lines = RULES.splitlines()
    for index, line in enumerate(lines):
        if line.strip().startswith(f"{name}:"):
            bare = line.replace("guards: [solved], ", "")
            guards = "[solved, staffed]" if bare != line else "[staffed]"
            lines[index] = bare.replace("{ ", f"{{ guards: {guards}, ", 1)
    return project("\n".join(lines), policy=POLICY, facts=FACTS)


GUARDED = {name: with_guard(name) for name in ("up", "leads", "crowd", "left", "asked")}


@given(streams(), kinds, st.sampled_from(sorted(GUARDED)))
@settings(max_examples=150, deadline=None)
def test_one_more_guard_can_only_silence(records: list[bytes], last: tuple[str, dict[str, Any]], name: str) -> None:
    """From one state, with one more guard on a rule, an event brings no mail of that rule that it would not have brought."""
    world = begun().feed(*records).read()
    now = max(world.stream(), START) + 1
    final = event(last[0], now, account="a", id="last", **last[1])
    free, guarded = (again(world, found).feed(final).step() for found in (LAWS, GUARDED[name]))
    sent = [
        {tuple(json.loads(raw)[:2]) for raw in it.out("nudge", "a") if json.loads(raw)[0] == name}
        for it in (free, guarded)
    ]
    assert sent[1] <= sent[0]


# --- promises that hold whatever happens ------------------------------------------------------------------------------

OTHERS = [
    LAWS,
    project(RULES, policy=POLICY, facts="  many_leads: leads >= 2\n"),
    project(
        """
  up:     { when: plan == payg and bill > next_plan.price, offer: { plan: next_plan }, status: shadow }
  leads:  { when: many_leads, guards: [solved], hold: 2 days, start: over 5 days, limits: none, from: 2026-03-04 }
  crowd:  { when: many_leads and credits >= 1, group: g, priority: 30 }
  quiet:  { when: notes >= 1, group: g, priority: 40 }
  silent: { trigger: { event: user.active, unless: [user.active, note.added], within: 2 days } }
  seats:  { trigger: account.updated, when: event.seats >= 3, offer: { addon: scheduling } }
""",
        policy=POLICY,
        facts=FACTS,
        meters=METERS + "  notes: { count: note.added, over: 7 days }\n",
    ),
]
DAY = 24 * HOUR


@st.composite
def disorders(draw: st.DrawFn) -> list[list[bytes]]:
    """Draw parts of a stream, each to be read by another process, with events up to three days late."""
    now, number, parts = START, 0, []
    for part in draw(st.lists(st.lists(st.tuples(happenings, late), max_size=25), min_size=1, max_size=4)):
        records = []
        for (step, (kind, data), name), behind in part:
            now, number = now + step, number + 1
            records.append(event(kind, now - behind, account=name, id=f"e{number}", **data))
        parts.append(records)
    return parts


late = st.one_of(st.just(0), st.just(0), st.integers(0, 3 * DAY))


@given(disorders(), st.lists(st.sampled_from(OTHERS), min_size=4, max_size=4))
@settings(max_examples=200, deadline=None)
def test_whatever_comes_the_promises_to_the_customer_hold(parts: list[list[bytes]], books: list[Project]) -> None:
    """Late events, restarts and edited rules: nothing breaks, doubles, goes out at night, above the caps, or waits for ever."""
    world = begun(books[0])
    for found, records in zip(books, parts, strict=False):
        world = again(world.feed(*records).read(), found)
    world.run(until="2026-07-01 00:00")
    assert set(world.set_aside()) <= {"too_late"}
    for name in ("a", "b"):
        mails = [json.loads(raw) for raw in world.out("nudge", name)]
        ids = [nudge for _, nudge, *_ in mails]
        assert len(set(ids)) == len(ids)
        assert ids == [decision["nudge"] for decision in world.decisions(name) if decision["verdict"] == "sent"]
        times = sorted(clock for _, _, clock, *_ in mails)
        assert all(fifth - first > 28 * DAY for first, fifth in zip(times, times[4:], strict=False))
        for rule, _, clock, *_ in mails:
            assert rule == "asked" or any(WINDOW.is_open(clock, zone) for zone in ZONES)
        waits = [state.wait for state in accounts_of(world, name) if state.wait is not None]
        assert waits == []


def accounts_of(world: World, name: str) -> list[Any]:
    """Return what an account remembers of its rules."""
    state = world.journal.load(0, [f"a:{name}"])[f"a:{name}"]
    return [] if state is None else list(decode(state).rules.values())


WINDOW = SendWindow(frozenset(range(5)), 9 * 60, 17 * 60, None)
ZONES = [found for found in map(calendar.zone, ("UTC", "America/New_York")) if found is not None]
