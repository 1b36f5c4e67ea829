"""Plans and prices: what the same usage costs on each plan, and which one is best."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from nudger.core.account import Account
from nudger.core.timeline import move
from nudger.project import Project
from tests.support.builders import World, at, credit, customer, event, project, traits

EVENTS = """
  used:             { calls: number, contacts: number }
  seat.used:        { user: text }
  credit.purchased: { kind: text, price: money }
"""
METERS = """
  calls:        { sum: calls, of: used, over: billing cycle }
  contacts:     { last: contacts, of: used }
  people:       { unique: user, of: seat.used, over: billing cycle }
  credits:      { count: credit.purchased, over: billing cycle }
  credit_spend: { sum: price, of: credit.purchased, over: billing cycle }
"""
NOW = "2026-03-20 10:00"


def priced(
    plans: str, *, units: str = "{ calls: calls, contacts: contacts, credits: credits }", more: str = ""
) -> Project:
    """Return a project that sells these plans."""
    catalog = f"  currency: USD\n  units: {units}\n{more}  plans:\n{plans}"
    return project("", catalog=catalog, events=EVENTS, meters=METERS)


class Buyer:
    """One account after some events, and what the catalogue says to it."""

    def __init__(self, project: Project, *records: bytes, now: str = NOW, **traits: Any) -> None:
        world = World(project, rows=[customer(**traits)]).run(*records)
        self.catalog, self.now = project.book.catalog, at(now)
        self.account: Account = world.account()
        self.features_used = project.book.features_used(self.account)
        move(self.account, world.processor.partitions[0].decider.world, self.now)

    def bill_on(self, plan: str) -> Decimal | None:
        return self.catalog.bill_on(self.catalog.plans[plan], self.account, self.now)

    def price(self, plan: str) -> Decimal | None:
        return self.catalog.price(self.catalog.plans[plan], self.account, self.now)

    def saving(self, plan: str) -> Decimal | None:
        return self.catalog.saving(self.catalog.plans[plan], self.account, self.now)

    @property
    def bill(self) -> Decimal | None:
        return self.catalog.bill(self.account, self.now)

    @property
    def best(self) -> str | None:
        found = self.catalog.best_plan(self.account, self.now, self.features_used)
        return found.id if found is not None else None

    @property
    def next(self) -> str | None:
        found = self.catalog.following.get(self.account.plan or "")
        return found.id if found is not None else None

    @property
    def reachable(self) -> list[str]:
        return [plan.id for plan in self.catalog.reachable(self.account)]


def calls(number: float, when: str = "2026-03-02 10:00", **more: Any) -> bytes:
    return event("used", when, calls=number, **more)


# --- prices ------------------------------------------------------------------------------------------------------------

SEATS = priced(
    """
    basic: { name: Basic, seat_price: 29, next: pro }
    pro:   { name: Pro, price: 10, seat_price: 69.50 }
"""
)


@pytest.mark.parametrize(
    ("seats", "basic", "pro"), [(5, 145, Decimal("357.50")), (0, 0, 10), (None, None, None)], ids=["5", "0", "unknown"]
)
def test_a_seat_price_is_paid_for_every_seat(seats: int | None, basic: Any, pro: Any) -> None:
    """Fixed price and seat price add up; without a number of seats the price is unknown."""
    buyer = Buyer(SEATS, calls(0), plan="basic", seats=seats)
    assert (buyer.price("basic"), buyer.price("pro")) == (basic, pro)
    assert buyer.bill_on("pro") == pro


def test_seats_can_be_counted_by_a_meter() -> None:
    """`catalog.units.seats` names the meter that replaces `account.seats`."""
    counted = priced("    basic: { name: Basic, seat_price: 29 }", units="{ seats: people }")
    people = [event("seat.used", "2026-03-02 10:00", user=name) for name in ("ann", "bob", "ann")]
    assert Buyer(counted, *people, plan="basic", seats=9).price("basic") == 58


def test_a_plan_without_a_seat_price_does_not_read_seats() -> None:
    """A missing number of seats spoils no plan of a fixed price."""
    flat = priced("    flat: { name: Flat, price: 20 }")
    assert Buyer(flat, calls(3), plan="flat").bill_on("flat") == 20


PLANS = priced(
    """
    payg:  { name: Payg, price: 75, extra: { credits: 100 }, next: scale }
    scale: { name: Scale, price: 125, includes: { credits: 15, calls: 50000 } }
"""
)


def test_a_negotiated_price_holds_for_the_own_plan_only() -> None:
    """`account.plan_price` replaces the list price of the plan the account is on, nothing else."""
    buyer = Buyer(PLANS, calls(0), plan="payg", plan_price=50)
    assert (buyer.price("payg"), buyer.price("scale"), buyer.bill) == (50, 125, 50)


# --- extra use ----------------------------------------------------------------------------------------------------------

EXTRA = priced(
    """
    plain:     { name: Plain, price: 10, includes: { calls: 100 }, extra: { calls: 0.5 } }
    packages:  { name: Packages, price: 10, includes: { calls: 100 }, extra: { calls: { package: 1000, price: 2 } } }
    graduated: { name: Graduated, price: 10, extra: { calls: { steps: [{ to: 1000, price: 0.02 }, { to: 2000, price: 0.01 }, { price: 0.001 }] } } }
    tiny:      { name: Tiny, price: 10, extra: { calls: 0.005 } }
"""
)


@pytest.mark.parametrize(
    ("plan", "used", "bill"),
    [
        ("plain", 0, "10"),
        ("plain", 100, "10"),
        ("plain", 101, "10.50"),
        ("plain", 100.5, "10.25"),
        ("packages", 100, "10"),
        ("packages", 101, "12"),  # a begun package counts whole
        ("packages", 1100, "12"),
        ("packages", 1101, "14"),
        ("graduated", 500, "20"),
        ("graduated", 1000, "30"),
        ("graduated", 1500, "35"),
        ("graduated", 5000, "43"),
        ("tiny", 1, "10.01"),  # 10.005, half up
        ("tiny", 3, "10.02"),
    ],
)
def test_extra_use_is_priced_by_unit_by_package_or_in_steps(plan: str, used: float, bill: str) -> None:
    """What lies above the included amount costs what the plan says, rounded half up once, at the end."""
    buyer = Buyer(EXTRA, calls(used), plan=plan)
    assert buyer.bill_on(plan) == buyer.bill == Decimal(bill)


# --- what a plan covers ----------------------------------------------------------------------------------------------------

COVER = priced(
    """
    lite:    { name: Lite, price: 29, includes: { contacts: 1000, calls: 100 }, next: plus }
    plus:    { name: Plus, price: 49, includes: { contacts: 10000, calls: 1000 }, next: premium }
    premium: { name: Premium, price: 99, includes: { contacts: 2000000, calls: 10000 } }
    other:   { name: Other, price: 5, includes: { unmeasured: 3 } }
"""
)


def used(calls: float, contacts: float, when: str = "2026-03-02 10:00") -> bytes:
    return event("used", when, calls=calls, contacts=contacts)


@pytest.mark.parametrize(
    ("record", "bills"),
    [
        (used(50, 500), {"lite": 29, "plus": 49, "premium": 99}),
        (used(500, 500), {"lite": None, "plus": 49, "premium": 99}),
        (used(50, 5000), {"lite": None, "plus": 49, "premium": 99}),
        (used(50, 10**6), {"lite": None, "plus": None, "premium": 99}),
        (used(20000, 5), {"lite": None, "plus": None, "premium": None}),
    ],
)
def test_use_above_what_is_included_is_not_covered_without_an_extra_price(
    record: bytes, bills: dict[str, int | None]
) -> None:
    """Not covered is unknown, never the bare price of the plan."""
    buyer = Buyer(COVER, record, plan="plus")
    assert {plan: buyer.bill_on(plan) for plan in bills} == bills


def test_an_unlimited_amount_covers_any_use() -> None:
    """`includes: { calls: unlimited }` is a price without an end, and never near its limit."""
    unlimited = priced(
        """
    all:  { name: All, price: 90, includes: { calls: unlimited }, next: more }
    more: { name: More, price: 95, includes: { calls: unlimited } }
"""
    )
    buyer = Buyer(unlimited, calls(10**9), plan="all")
    assert (buyer.bill_on("all"), buyer.bill_on("more")) == (90, 95)
    assert buyer.catalog.lifts_limit(buyer.catalog.plans["more"], buyer.account, buyer.now) is False


def test_a_unit_that_the_own_plan_does_not_name_costs_nothing_on_it() -> None:
    """`payg` says nothing of calls: they are free there, and on Scale the included ones cover them."""
    buyer = Buyer(PLANS, calls(60000), plan="payg")
    assert buyer.bill_on("payg") == 75
    assert buyer.bill_on("scale") is None


def test_a_unit_of_the_own_plan_that_another_plan_does_not_name_is_not_covered_there() -> None:
    """Who uses what only the own plan includes cannot be priced elsewhere."""
    assert Buyer(PLANS, calls(10), plan="scale").bill_on("payg") is None
    assert Buyer(PLANS, calls(0), plan="scale").bill_on("payg") == 75


def test_a_unit_without_a_meter_makes_its_plans_unknown() -> None:
    """What nobody measures is not taken for zero."""
    buyer = Buyer(COVER, used(1, 1), plan="other")
    assert buyer.bill_on("other") is None
    assert buyer.bill_on("lite") is None


def test_a_gauge_without_a_value_is_unknown() -> None:
    """No contacts were ever counted, so plans that limit them cannot be priced."""
    assert Buyer(COVER, calls(1), plan="plus").bill_on("plus") is None


# --- the bill ------------------------------------------------------------------------------------------------------------


def test_the_bill_is_what_the_own_plan_costs_on_this_use() -> None:
    """Two credits at 100 on top of 75."""
    buyer = Buyer(PLANS, credit("2026-03-02 10:00"), credit("2026-03-03 10:00"), plan="payg")
    assert (buyer.bill, buyer.bill_on("payg"), buyer.bill_on("scale"), buyer.saving("scale")) == (275, 275, 125, 150)


def test_a_published_bill_is_taken_as_billing_says() -> None:
    """Where billing publishes charges the bill is their sum; the comparison on the own plan stays with the units."""
    published = priced(
        """
    payg:  { name: Payg, price: 75, extra: { credits: 100 }, next: scale }
    scale: { name: Scale, price: 125, includes: { credits: 15 } }
""",
        more="  bill: plan.price + credit_spend\n",
    )
    buyer = Buyer(published, credit("2026-03-02 10:00", price=80.005), plan="payg")
    assert buyer.bill == Decimal("155.01")
    assert buyer.bill_on("payg") == 175
    assert buyer.saving("scale") == Decimal("30.01")


def test_without_a_plan_nothing_is_priced() -> None:
    """An account whose plan is not known has no bill, no saving and no best plan."""
    buyer = Buyer(PLANS, calls(1), plan=None)
    assert (buyer.bill, buyer.bill_on("scale"), buyer.saving("scale"), buyer.best, buyer.next) == (None,) * 5


def test_in_a_cycle_in_which_the_plan_changed_bills_are_unknown() -> None:
    """No proration is guessed; the next cycle is priced again."""
    changed = [calls(0, "2026-03-05 10:00"), traits("2026-03-10 10:00", plan="payg")]
    buyer = Buyer(PLANS, *changed, plan="scale")
    assert (buyer.bill, buyer.bill_on("scale"), buyer.bill_on("payg"), buyer.saving("scale"), buyer.best) == (None,) * 5
    april = Buyer(PLANS, *changed, credit("2026-04-02 10:00"), plan="scale", now="2026-04-03 10:00")
    assert (april.bill, april.saving("scale")) == (175, 50)


def test_the_first_plan_of_an_account_is_no_change_of_plan() -> None:
    """A profile that comes after the first events does not make the bill unknown."""
    buyer = Buyer(PLANS, credit("2026-03-02 10:00"), traits("2026-03-03 10:00", plan="payg"), plan=None)
    assert buyer.bill == 175


# --- the best plan -----------------------------------------------------------------------------------------------------------


def test_the_best_plan_is_the_cheapest_that_covers_the_use() -> None:
    """A bill of 175 on payg would be 125 on Scale."""
    buyer = Buyer(PLANS, credit("2026-03-02 10:00"), plan="payg")
    assert buyer.best == "scale"


def test_a_plan_that_does_not_cover_the_use_is_not_the_best_however_cheap() -> None:
    """60,000 calls are free on payg and more than Scale includes: stay, although the bill is 275."""
    records = [credit("2026-03-02 10:00"), credit("2026-03-03 10:00"), calls(60000)]
    assert Buyer(PLANS, *records, plan="payg").best == "payg"


def test_with_equal_bills_the_best_plan_is_the_own_one() -> None:
    """Nobody is moved for nothing."""
    even = priced(
        """
    payg:  { name: Payg, price: 75, extra: { credits: 50 }, next: scale }
    scale: { name: Scale, price: 125, includes: { credits: 15 } }
"""
    )
    buyer = Buyer(even, credit("2026-03-02 10:00"), plan="payg")
    assert (buyer.bill, buyer.bill_on("scale"), buyer.saving("scale"), buyer.best) == (125, 125, 0, "payg")


def test_a_smaller_plan_is_judged_on_the_larger_of_two_cycles() -> None:
    """Twelve credits in March, none yet on 3 April: payg is 75 to date, but 1,275 on 12 credits, so stay on Scale."""
    march = [credit(f"2026-03-{day:02} 10:00", price=0) for day in range(2, 14)]
    before = calls(0, "2026-02-03 10:00")
    buyer = Buyer(PLANS, before, *march, calls(0, "2026-04-03 10:00"), plan="scale", now="2026-04-03 11:00")
    assert buyer.bill_on("payg") == 75
    assert buyer.saving("payg") == 125 - 1275
    assert buyer.best == "scale"


def test_a_smaller_plan_that_covers_both_cycles_is_the_best() -> None:
    """You could pay less: no credit in either month, so 75 instead of 125."""
    quiet = [calls(0, when) for when in ("2026-02-03 10:00", "2026-03-03 10:00", "2026-04-03 10:00")]
    buyer = Buyer(PLANS, *quiet, plan="scale", now="2026-04-03 11:00")
    assert (buyer.saving("payg"), buyer.best) == (50, "payg")


@pytest.mark.parametrize(
    ("first", "saving"), [("2026-03-01 00:00", 50), ("2026-03-01 00:01", None), ("2026-04-02 10:00", None)]
)
def test_a_smaller_plan_is_unknown_before_one_whole_cycle(first: str, saving: int | None) -> None:
    """Who came in the middle of March has no whole cycle behind them on 3 April."""
    buyer = Buyer(PLANS, calls(0, first), calls(0, "2026-04-03 10:00"), plan="scale", now="2026-04-03 11:00")
    assert buyer.saving("payg") == saving
    assert buyer.best == ("payg" if saving else "scale")


def test_the_best_plan_of_an_account_that_has_outgrown_its_plan_covers_its_use() -> None:
    """A plan that no longer covers the use is skipped as any other, so the best one is the cheapest that does."""
    assert Buyer(COVER, used(500, 500), plan="lite").best == "plus"


FEATURES = priced(
    """
    small: { name: Small, price: 29, next: large }
    large: { name: Large, price: 99, features: [crm, automation] }
"""
)
QUIET = [calls(0, when) for when in ("2026-02-03 10:00", "2026-03-03 10:00", "2026-04-03 10:00")]


@pytest.mark.parametrize(
    ("features_used", "best"),
    [(None, "large"), (["crm"], "large"), ([], "small"), (["exports"], "small"), (["automation", "x"], "large")],
)
def test_a_plan_that_lacks_a_feature_in_use_is_not_the_best(features_used: list[str] | None, best: str) -> None:
    """A feature of the own plan may be lost only when it is known not to be used."""
    buyer = Buyer(FEATURES, *QUIET, plan="large", features_used=features_used, now="2026-04-03 11:00")
    assert buyer.best == best


# --- reachable plans -------------------------------------------------------------------------------------------------------------

FAMILY = """
    old:     { name: Old, price: 10, next: lite, sold: false }
    lite:    { name: Lite, price: 29, next: legacy }
    legacy:  { name: Legacy, price: 39, next: plus, sold: false }
    plus:    { name: Plus, price: 49 }
    island:  { name: Island, price: 5 }
    chosen:  { name: Chosen, price: 7, offerable: [island, old, plus] }
"""


@pytest.mark.parametrize(
    ("plan", "reachable", "following"),
    [
        ("old", ["lite", "plus"], "lite"),
        ("lite", ["plus"], "plus"),  # over the plan that is not sold any more
        ("legacy", ["lite", "plus"], "plus"),
        ("plus", ["lite"], None),
        ("island", [], None),
        ("chosen", ["island", "plus"], None),
    ],
)
def test_plans_joined_by_next_are_a_family_up_and_down(plan: str, reachable: list[str], following: str | None) -> None:
    """Sold plans of the family can be reached, or those of the plan's own list; at the top no plan comes next."""
    buyer = Buyer(priced(FAMILY), calls(0), plan=plan)
    assert (buyer.reachable, buyer.next) == (reachable, following)


def test_the_catalogue_can_list_what_is_offerable_to_all() -> None:
    """A list in the catalogue replaces the families; a plan's own list goes before it."""
    listed = priced(FAMILY, more="  offerable: [lite, island]\n")
    assert Buyer(listed, calls(0), plan="plus").reachable == ["lite", "island"]
    assert Buyer(listed, calls(0), plan="lite").reachable == ["island"]
    assert Buyer(listed, calls(0), plan="chosen").reachable == ["island", "plus"]


def test_plans_that_follow_each_other_in_a_circle_end_somewhere() -> None:
    """A circle of `next` never leads back to the own plan."""
    circle = priced("    a: { name: A, price: 1, next: b }\n    b: { name: B, price: 2, next: a, sold: false }\n")
    assert Buyer(circle, calls(0), plan="a").next is None


# --- help and comparison -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "lifts"),
    [
        (used(79, 100), False),
        (used(80, 100), True),
        (used(10, 799), False),
        (used(10, 800), True),
        (used(10, 5000), True),
        (calls(10), None),  # contacts unknown
        (calls(90), True),  # one known yes is enough
    ],
)
def test_a_larger_plan_lifts_a_limit_from_80_percent_on(record: bytes, lifts: bool | None) -> None:
    """Some included amount is used to 80 % and the other plan includes more of it."""
    buyer = Buyer(COVER, record, plan="lite")
    assert buyer.catalog.lifts_limit(buyer.catalog.plans["plus"], buyer.account, buyer.now) is lifts


def test_a_plan_that_includes_no_more_lifts_no_limit() -> None:
    """Down the family no limit is lifted."""
    buyer = Buyer(COVER, used(9990, 10**6), plan="premium")
    assert buyer.catalog.lifts_limit(buyer.catalog.plans["lite"], buyer.account, buyer.now) is False


def test_the_comparison_shows_own_offered_and_two_more_by_price() -> None:
    """Each plan with its price, this month's bill on it, the saving, and whether it covers the use."""
    catalog = """
    a: { name: A, price: 10, includes: { calls: 10 }, next: b }
    b: { name: B, price: 20, includes: { calls: 100 }, extra: { calls: 1 }, next: c }
    c: { name: C, price: 30, includes: { calls: 1000 }, next: d }
    d: { name: D, price: 40, includes: { calls: 10000 }, next: e }
    e: { name: E, price: 50, includes: { calls: 100000 } }
"""
    buyer = Buyer(priced(catalog), calls(150), plan="b")
    rows = buyer.catalog.comparison(buyer.catalog.plans["e"], buyer.account, buyer.now)
    assert [(row.plan.id, row.price, row.bill, row.saving, row.covers) for row in rows] == [
        ("a", 10, None, None, False),
        ("b", 20, 70, None, True),
        ("c", 30, 30, 40, True),
        ("e", 50, 50, 20, True),
    ]


def test_a_saving_is_negative_on_a_dearer_plan() -> None:
    """Scale costs 50 more than a month without extra credits."""
    assert Buyer(PLANS, calls(0), plan="payg").saving("scale") == -50


def test_nothing_is_saved_by_a_plan_that_is_none() -> None:
    """Without an offered plan there is no saving."""
    buyer = Buyer(PLANS, calls(0), plan="payg")
    assert buyer.catalog.saving(None, buyer.account, buyer.now) is None
    assert buyer.catalog.bill_on(None, replace_plan(buyer.account), buyer.now) is None


def replace_plan(account: Account) -> Account:
    """Return the account on a plan that the catalogue does not know any more."""
    account.plan = "gone"
    return account
