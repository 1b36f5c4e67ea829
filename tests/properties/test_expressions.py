"""The compiled expression and its tree-walking twin give the same answer, for any expression over any account."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nudger.core.account import Account, encode
from nudger.core.event import Event
from nudger.core.rule import Offer
from nudger.language.checker import Checker
from nudger.language.compile import code_object, expression
from nudger.language.grammar import parse
from nudger.language.tokens import SyntaxProblem
from nudger.language.typed import TRUTH, Typed
from nudger.language.walk import evaluate
from tests.support.builders import World, at, credit, customer, event, leads, project, traits

METERS = """
  credits:      { count: credit.purchased, over: billing cycle }
  credit_spend: { sum: price, of: credit.purchased, over: billing cycle }
  calls:        { sum: calls, of: api.called, over: billing cycle }
  leads:        { count: lead.created, over: 30 days }
  contacts:     { last: total, of: contacts.counted }
  inbound:      { share: event.source == "inbound", of: lead.created, over: 30 days }
  people:       { unique: user, of: user.active, over: 7 days }
  dearest:      { max: price, of: credit.purchased }
  last_note:    { last: text, of: note.added, over: 30 days }
"""
FACTS = """
  busy:     leads >= 3 or credits >= 2
  extra:    bill - plan.price
  per_seat: bill / account.seats
  midway:   account.created_at + 30 days / 2
  half_age: account.age / 2
"""
EVENTS = """
  credit.purchased: { kind: text, price: money, count: number, at: time, free: bool, plan: plan, addon: addon, tags: list }
  api.called:       { calls: number }
  lead.created:     { source: text }
  contacts.counted: { total: number }
  note.added:       { text: text }
  user.active:      { user: text }
  account.updated:  { qbr_at: time, tier: number, labels: list }
"""
LANGUAGE = project("", meters=METERS, facts=FACTS, events=EVENTS)
GROUND = LANGUAGE.definition.ground
assert GROUND is not None
SCOPE = GROUND.scope.within(
    event="credit.purchased",
    fields=GROUND.events["credit.purchased"],
    offers=True,
    saving="(None if o is None else o.saving)",
)
NOW = at("2026-03-10 12:00")

# --- expressions, by type ------------------------------------------------------------------------------------------------

LEAVES: dict[str, list[str]] = {
    "number": ["0", "1", "3", "2.5", "1000", "credits", "leads", "calls", "contacts", "people", "account.seats",
               "account.open_tickets", "account.tier", "plan.includes.api_calls", "next_plan.includes.assessment_credits", "event.count"],
    "money": ["125 USD", "$20", "0 USD", "bill", "credit_spend", "dearest", "plan.price", "next_plan.price", "best_plan.price",
              "account.plan_price", "bill_on(scale)", "bill_on(next_plan)", "event.price", "saving", "offer.price", "extra", "scheduling.price"],
    "percent": ["0%", "60%", "150%", "inbound", "bill / next_plan.price", "leads / contacts", "account.age / 30 days"],
    "duration": ["30 days", "4 hours", "90 seconds", "account.age", "cycle.left", "half_age", "now - account.created_at"],
    "time": ["now", "account.created_at", "account.qbr_at", "cycle.start", "cycle.end", "event.time", "event.at", "account.plan_since"],
    "text": ['"growth"', '""', "account.stage", "account.name", "event.kind", "plan.name", "next_plan.name", "offer.name", "last_note"],
    "texts": ['["growth", "seed"]', "account.milestones", "account.labels", "plan.features", "event.tags"],
    "plan": ["payg", "scale", "plus", "plan", "next_plan", "best_plan", "event.plan", "offer.plan"],
    "addon": ["scheduling", "event.addon"],
    "truth": ["true", "false", "account.unpaid", "event.free", "busy"],
}  # fmt: skip


def joined(template: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return texts made from a template with the parts in parentheses."""
    return st.tuples(*parts).map(lambda drawn: template.format(*(f"({part})" for part in drawn)))


def typed(depth: int) -> dict[str, st.SearchStrategy[str]]:
    """Return expressions of every type, nested at most so deep."""
    kinds = {kind: st.sampled_from(texts) for kind, texts in LEAVES.items()}
    for _ in range(depth):
        n, m, p, d, t = (kinds[kind] for kind in ("number", "money", "percent", "duration", "time"))
        words, lists, plans, addons, truths = (kinds[kind] for kind in ("text", "texts", "plan", "addon", "truth"))
        order = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
        compared = [st.tuples(kind, order, kind).map(lambda x: f"({x[0]}) {x[1]} ({x[2]})") for kind in (n, m, p, d, t)]
        same = [
            st.tuples(kind, st.sampled_from(["==", "!="]), kind).map(lambda x: f"({x[0]}) {x[1]} ({x[2]})")
            for kind in (words, plans, addons)
        ]
        grown = {
            "number": [joined("{} + {}", n, n), joined("{} - {}", n, n), joined("{} * {}", n, n), joined("-{}", n),
                       joined("{} else {}", n, n), n.map(lambda x: f"30% of ({x})")],
            "money": [joined("{} + {}", m, m), joined("{} - {}", m, m), joined("{} * {}", m, n), joined("{} * {}", p, m),
                      joined("{} / {}", m, n), joined("{} else {}", m, m), m.map(lambda x: f"80% of ({x})"), joined("-{}", m)],
            "percent": [joined("{} / {}", m, m), joined("{} / {}", n, n), joined("{} + {}", p, p), joined("{} * {}", p, p),
                        joined("{} else {}", p, p)],
            "duration": [joined("{} - {}", t, t), joined("{} + {}", d, d), joined("{} * {}", d, n), joined("{} / {}", d, n),
                         joined("{} * {}", p, d), joined("{} else {}", d, d), joined("-{}", d)],
            "time": [joined("{} + {}", t, d), joined("{} - {}", t, d), joined("{} + {}", d, t), joined("{} else {}", t, t)],
            "text": [joined("{} else {}", words, words)],
            "texts": [joined("{} else {}", lists, lists)],
            "plan": [],
            "addon": [],
            "truth": [
                *compared, *same,
                joined("{} and {}", truths, truths), joined("{} or {}", truths, truths), joined("not {}", truths),
                joined("{} else {}", truths, truths),
                joined("{} in {}", words, lists), joined("{} has {}", lists, words),
                plans.map(lambda x: f"({x}) in [payg, scale]"), addons.map(lambda x: f"account.addons has ({x})"),
                st.tuples(words, st.sampled_from(['"more seats"', '["growth", "inbound"]', "[\"a\"]"])).map(
                    lambda x: f"({x[0]}) mentions {x[1]}"),
                *(st.tuples(kind, st.sampled_from(["is set", "is missing"])).map(lambda x: f"({x[0]}) {x[1]}")
                  for kind in (n, m, d, t, words, plans, truths)),
            ],
        }  # fmt: skip
        kinds = {kind: st.one_of(kinds[kind], *more) if more else kinds[kind] for kind, more in grown.items()}
    return kinds


KINDS = typed(3)

# --- accounts with and without everything ------------------------------------------------------------------------------------


def pool() -> list[tuple[Account, int]]:
    """Return accounts in many states, each with an instant to read it at."""
    made = []
    usage = [
        credit("2026-03-02 10:00", price=40),
        credit("2026-03-05 10:00", price=90.5),
        *leads(4, "2026-03-06 10:00"),
    ]
    more = [
        event("lead.created", "2026-03-07 10:00", source="outbound"),
        event("contacts.counted", "2026-03-07 11:00", total=1200),
        event("api.called", "2026-03-07 12:00", calls=70),
        event("note.added", "2026-03-07 13:00", text="We need more seats and growth"),
        event("user.active", "2026-03-08 13:00", user="ann"),
    ]
    foreign = [event("credit.purchased", "2026-03-08 14:00", price=5, currency="EUR")]
    full = {
        "seats": 5, "open_tickets": 0, "stage": "growth", "name": "Acme", "unpaid": False, "addons": ["scheduling"],
        "milestones": ["growth", "first_value"], "labels": ["seed"], "tier": 2.5, "qbr_at": "2026-04-01T00:00:00Z",
        "plan_price": 70.25, "features_used": [], "plan": "payg",
    }  # fmt: skip
    rows: list[dict[str, Any]] = [
        full,
        {**full, "plan": "lite", "stage": "seed", "unpaid": True},
        {"plan": "scale", "addons": []},
        {"plan": "plus", "seats": 0, "milestones": []},
        {"plan": None, "created_at": None},
        {**full, "plan": None},
    ]
    for row in rows:
        for records in (
            [],
            usage,
            [*usage, *more],
            [*more, *foreign],
            [*usage, traits("2026-03-09 10:00", plan="scale")],
        ):
            world = World(LANGUAGE, rows=[customer(**row)]).run(*records)
            made += [(world.account(), at(when)) for when in ("2026-03-10 12:00", "2026-03-31 23:59")]
        if row is full:
            made.append((World(LANGUAGE).run(credit("2026-03-02 10:00")).account(), NOW))
    return made


POOL = pool()


def occasions() -> list[Event]:
    """Return events with and without their fields."""
    datas: list[dict[str, Any]] = [
        {},
        {"kind": "assessment", "price": 100, "count": 3, "at": "2026-03-01T00:00:00Z", "free": True, "plan": "scale",
         "addon": "scheduling", "tags": ["growth", "a"]},
        {"kind": "growth", "price": 0, "count": 0.5, "free": False, "plan": "payg", "tags": []},
    ]  # fmt: skip
    found = []
    for data in datas:
        read = LANGUAGE.reader.read(event("credit.purchased", "2026-03-09 10:00", **data))
        assert isinstance(read, Event)
        found.append(read)
    return found


OCCASIONS = occasions()
PLANS, ADDONS = LANGUAGE.book.catalog.plans, LANGUAGE.book.catalog.addons
OFFERS = [
    Offer("plan", PLANS["scale"], None, Decimal(125), Decimal("12.50")),
    Offer("plan", PLANS["plus"], None, Decimal(49), None),
    Offer("addon", None, ADDONS["scheduling"], Decimal(8), None),
]


@dataclass
class Both:
    """One expression, compiled and as a tree."""

    text: str

    def __post_init__(self) -> None:
        assert GROUND is not None
        checker = Checker(SCOPE)
        self.typed = checker.check(parse(self.text))
        self.namespace = {**GROUND.names.namespace, **checker.constants}
        self.compiled = expression(self.typed, checker.constants, GROUND.names.namespace, "USD")

    def walked(self, account: Account, occasion: Event, now: int, offer: Offer) -> Any:
        """Return the value step by step; the leaves are read by code of their own."""

        def leaf(node: Typed) -> Any:
            return eval(code_object(f"lambda a, e, n, o: {node.code}"), self.namespace)(account, occasion, now, offer)

        return evaluate(self.typed, leaf, lambda node, value: None)


def both(text: str) -> Both | None:
    """Return the expression, None where the language refuses it (a comparison of two equal literals may be)."""
    try:
        return Both(text)
    except SyntaxProblem:
        return None


places = st.tuples(st.sampled_from(range(len(POOL))), st.sampled_from(OCCASIONS), st.sampled_from(OFFERS))


@given(
    st.one_of(
        KINDS["truth"],
        KINDS["truth"],
        *(KINDS[kind] for kind in ("number", "money", "percent", "duration", "time", "text")),
    ),
    places,
)
@settings(max_examples=1500, deadline=None)
def test_the_compiled_expression_gives_what_its_tree_gives(text: str, place: tuple[int, Event, Offer]) -> None:
    """Operators are written out twice, once as code and once as steps: they agree, on missing values too."""
    found = both(text)
    if found is None:
        return
    (account, now), occasion, offer = POOL[place[0]], place[1], place[2]
    value = found.compiled.value(account, occasion, now, offer)
    walked = found.walked(account, occasion, now, offer)
    assert value == walked
    assert (value is None) == (walked is None)
    if found.typed.type == TRUTH:
        assert value is None or isinstance(value, bool)
    if not found.typed.maybe:
        assert value is not None


@given(KINDS["truth"], places)
@settings(max_examples=300, deadline=None)
def test_what_an_expression_read_can_always_be_told(text: str, place: tuple[int, Event, Offer]) -> None:
    """The trace names every value it read, as text, and never fails."""
    found = both(text)
    if found is None:
        return
    (account, now), occasion, offer = POOL[place[0]], place[1], place[2]
    told = found.compiled.trace(account, occasion, now, offer)
    assert all(isinstance(name, str) and isinstance(value, str) for name, value in told)
    assert len({name for name, _ in told}) == len(told)
    if found.compiled.value(account, occasion, now, offer) is None:
        assert "missing" in [value for _, value in told] or "/" in text


@given(KINDS["truth"], places)
@settings(max_examples=200, deadline=None)
def test_reading_changes_nothing(text: str, place: tuple[int, Event, Offer]) -> None:
    """An expression is asked as often as anybody likes."""
    found = both(text)
    if found is None:
        return
    (account, now), occasion, offer = POOL[place[0]], place[1], place[2]
    before = encode(account)
    first = found.compiled.value(account, occasion, now, offer)
    assert found.compiled.value(account, occasion, now, offer) == first
    assert encode(account) == before


def test_the_generated_expressions_are_nearly_all_good_and_often_unknown() -> None:
    """What the laws above run over is worth running over."""
    drawn: list[str] = []

    @given(st.lists(KINDS["truth"], min_size=10, max_size=10))
    @settings(max_examples=20, deadline=None, database=None)
    def draw(texts: list[str]) -> None:
        drawn.extend(texts)

    draw()
    good = [found for text in drawn if (found := both(text)) is not None]
    assert len(good) > 0.9 * len(drawn)
    asked = [(POOL[4][0], OCCASIONS[1], NOW, OFFERS[1]), (POOL[-1][0], OCCASIONS[0], NOW, OFFERS[2])]
    answers = [found.compiled.value(*place) for found in good for place in asked]
    assert {True, False, None} <= set(answers)


@pytest.mark.parametrize("fact", ["midway", "half_age", "busy", "extra", "per_seat"])
def test_every_fact_can_be_told_whatever_its_type(fact: str) -> None:
    """A time that comes out of a division is a time, in whole milliseconds."""
    found = Both(f"{fact} is set")
    for account, now in POOL:
        (line,) = [value for name, value in found.compiled.trace(account, OCCASIONS[0], now, OFFERS[0]) if name == fact]
        assert line


@pytest.mark.parametrize(("text", "value"), [
    ("30 days / 2 == 15 days", True),
    ("(credits / 0) is missing", True),
    ("7% of $50 == 3.50 USD", True),
    ("0.1 + 0.2 == 0.3", True),
    ("not (1 > 2)", True),
    ("-(3) < -2", True),
])  # fmt: skip
def test_numbers_are_exact(text: str, value: bool) -> None:
    """Decimal digits, no binary fractions; a division keeps 28 digits."""
    found = Both(text)
    assert found.compiled.value(POOL[2][0], OCCASIONS[0], NOW, OFFERS[0]) is value


UNLIMITED = """
  currency: USD
  units: { api_calls: calls }
  plans:
    big:    { name: Big, price: 10, includes: { api_calls: unlimited }, next: bigger }
    bigger: { name: Bigger, price: 20, includes: { api_calls: unlimited } }
"""


@pytest.mark.parametrize(
    ("condition", "tally"),
    [
        ("calls < 80% of plan.includes.api_calls", "sent"),
        ("plan.includes.api_calls == next_plan.includes.api_calls", "sent"),
        ("plan.includes.api_calls - calls > 1000000", "sent"),
        ("calls / plan.includes.api_calls < 1%", "sent"),
        ("next_plan.includes.api_calls - plan.includes.api_calls > 10", "unknown"),
        ("plan.includes.api_calls / next_plan.includes.api_calls > 10%", "unknown"),
        ("0% of plan.includes.api_calls == 0", "unknown"),
    ],
)
def test_an_unlimited_amount_can_be_reckoned_with(condition: str, tally: str) -> None:
    """What no number can be told of, such as unlimited less unlimited, is missing; it breaks nothing."""
    found = project(
        f"{{ r: {{ when: 'calls >= 1 and {condition}' }} }}",
        catalog=UNLIMITED,
        events="{ api.called: { calls: number } }",
        meters="calls: { sum: calls, of: api.called, over: billing cycle }",
    )
    world = World(found, rows=[customer(plan="big")]).run(event("api.called", "2026-03-02 10:00", calls=5))
    assert world.set_aside() == []
    assert world.tally("r") == {tally: 1}
