"""Plans, add-ons and what the same usage costs on each plan.

Prices are per billing cycle. A price that cannot be known is None and spreads as *unknown*; a plan that does not cover
the usage is None too (`language`: not covered = unknown for `bill_on`, skipped by `best_plan`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

from nudger.core.account import Account
from nudger.core.money import Money

Quantity = int | Decimal
UsageReader = Callable[[Account, int], Quantity | None]

#: `includes: {unit: unlimited}`.
UNLIMITED = Decimal("Infinity")
_NEAR = Decimal("0.8")


@dataclass(frozen=True, slots=True)
class Tier:
    """One step of a graduated price: up to `to` units (None = the rest) at `price` each."""

    to: Decimal | None
    price: Money


@dataclass(frozen=True, slots=True)
class ExtraPrice:
    """What use above the included amount costs: per begun `package` of units, or graduated in `tiers`."""

    price: Money = Decimal(0)
    package: Decimal = Decimal(1)
    whole: bool = False
    tiers: tuple[Tier, ...] = ()

    def cost(self, units: Quantity) -> Money:
        """Return the price of *units* above the included amount."""
        if not self.tiers:
            packages = Decimal(units) / self.package
            return (packages.to_integral_value("ROUND_CEILING") if self.whole else packages) * self.price
        total, start = Decimal(0), Decimal(0)
        for tier in self.tiers:
            end = Decimal(units) if tier.to is None else min(Decimal(units), tier.to)
            if end > start:
                total += (end - start) * tier.price
                start = end
        return total


@dataclass(frozen=True, slots=True)
class Plan:
    """One plan of the catalogue. `next` and `offerable` are plan ids; `price` comes from `Catalog.price`."""

    id: str
    name: str
    fixed_price: Money | None = None
    seat_price: Money | None = None
    includes: dict[str, Decimal] = field(default_factory=dict)
    extra: dict[str, ExtraPrice] = field(default_factory=dict)
    features: tuple[str, ...] = ()
    next: str | None = None
    sold: bool = True
    offerable: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Addon:
    """Something bought beside a plan, for a price per billing cycle."""

    id: str
    name: str
    price: Money


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the side-by-side comparison; `bill` and `saving` are None when the plan does not cover the use."""

    plan: Plan
    price: Money | None
    bill: Money | None
    saving: Money | None
    covers: bool


@dataclass(frozen=True, slots=True)
class Catalog:
    """The company's plans and how their units are measured.

    Attributes:
        usage: For each unit, the reader of its meter in the running cycle; `closed` the same for the last closed one,
            None for a meter that runs over no period.
        seats: Reads the number of seats.
        published: The expression `catalog.bill` where the billing system itself publishes charges.
        families: Plan id -> the ids reachable from it, in catalogue order. `following`: -> the next plan that is sold.
        smallest: The currency's smallest coin.
    """

    currency: str
    plans: dict[str, Plan]
    addons: dict[str, Addon] = field(default_factory=dict)
    usage: dict[str, UsageReader] = field(default_factory=dict)
    closed: dict[str, UsageReader | None] = field(default_factory=dict)
    seats: UsageReader = lambda account, now: account.seats
    published: UsageReader | None = None
    families: dict[str, tuple[str, ...]] = field(default_factory=dict)
    following: dict[str, Plan | None] = field(default_factory=dict)
    smallest: Money = Decimal("0.01")

    def own(self, account: Account) -> Plan | None:
        """Return the account's plan."""
        return self.plans.get(account.plan) if account.plan is not None else None

    def round(self, amount: Money) -> Money:
        """Round half up to the currency's smallest coin."""
        return amount.quantize(self.smallest, ROUND_HALF_UP)

    def price(self, plan: Plan | None, account: Account, now: int) -> Money | None:
        """Return what this account pays a cycle for *plan* before extra use; its negotiated price on its own plan."""
        if plan is None:
            return None
        if account.plan_price is not None and plan.id == account.plan:
            return account.plan_price
        if plan.seat_price is None:
            return plan.fixed_price
        seats = self.seats(account, now)
        return None if seats is None else (plan.fixed_price or Decimal(0)) + plan.seat_price * seats

    def bill(self, account: Account, now: int) -> Money | None:
        """Return the running cycle's bill to date on the account's own plan."""
        if account.plan_changed >= account.cycle_start and account.plan_changed:
            return None  # no proration is guessed
        if self.published is None:
            return self.bill_on(self.own(account), account, now)
        amount = self.published(account, now)
        if amount is None:
            return None
        exact = amount if isinstance(amount, Decimal) else Decimal(amount)
        return exact.quantize(self.smallest, ROUND_HALF_UP)

    def bill_on(self, plan: Plan | None, account: Account, now: int, *, last: bool = False) -> Money | None:
        """Return this cycle's usage priced on *plan*; with *last*, on the larger one of this cycle's and the last's.

        Without usage that *plan* leaves uncovered; None when it does, when a figure is missing, or when the account's
        plan changed within the cycle.
        """
        price = self.price(plan, account, now)
        own = self.own(account)
        if plan is None or price is None or own is None:
            return None
        if account.plan_changed and account.plan_changed >= account.cycle_start:
            return None
        total = price
        for unit in {**plan.includes, **plan.extra, **own.includes, **own.extra}:
            cost = self._extra(plan, unit, account, now, last)
            if cost is None:
                return None
            total += cost
        return self.round(total)

    def _extra(self, plan: Plan, unit: str, account: Account, now: int, last: bool) -> Money | None:
        named = unit in plan.includes or unit in plan.extra
        used = self._used(unit, account, now, last)
        if used is None:
            return None
        if not named:
            return Decimal(0) if not used else None
        above = used - plan.includes.get(unit, Decimal(0))
        if above <= 0:
            return Decimal(0)
        extra = plan.extra.get(unit)
        return None if extra is None else extra.cost(above)

    def _used(self, unit: str, account: Account, now: int, last: bool) -> Quantity | None:
        read = self.usage.get(unit)
        used = read(account, now) if read else None
        closed = self.closed.get(unit) if last else None
        if used is None or closed is None:
            return used
        before = closed(account, now)
        return None if before is None else max(used, before)

    def comparable(self, plan: Plan, account: Account, now: int) -> tuple[Money | None, Money | None]:
        """Return (own bill, bill on *plan*) on the usage by which the two can fairly be compared.

        A plan cheaper than the own one is judged on each unit's larger figure of this and the last closed cycle, since
        early in a cycle every smaller plan looks big enough; unknown before one whole cycle has been seen.
        """
        own = self.own(account)
        mine, theirs = self.price(own, account, now), self.price(plan, account, now)
        if own is None or mine is None or theirs is None:
            return None, None
        smaller = theirs < mine
        if smaller and not (account.first and account.first <= account.last_cycle):
            return None, None
        return self.bill_on(own, account, now, last=smaller), self.bill_on(plan, account, now, last=smaller)

    def saving(self, plan: Plan | None, account: Account, now: int) -> Money | None:
        """Return the bill less the bill on *plan*; negative when it is dearer."""
        if plan is None:
            return None
        mine, theirs = self.comparable(plan, account, now)
        if theirs is None or mine is None:
            return None
        own, other = self.price(self.own(account), account, now), self.price(plan, account, now)
        if self.published is not None and own is not None and other is not None and other >= own:
            mine = self.bill(account, now)
        return None if mine is None else mine - theirs

    def reachable(self, account: Account) -> Iterator[Plan]:
        """Yield the sold plans that this account may be offered, its own left out."""
        own = self.own(account)
        for plan_id in self.families.get(own.id, ()) if own else ():
            yield self.plans[plan_id]

    def best_plan(self, account: Account, now: int, features_used: tuple[str, ...] | None) -> Plan | None:
        """Return the plan with the lowest bill that covers the usage; the own one where bills are equal."""
        own = self.own(account)
        if own is None:
            return None
        known = self.bill_on(own, account, now) is not None
        if not known and not self._outgrown(own, account, now):
            return None
        best, gain, least = own if known else None, Decimal(0), UNLIMITED
        for plan in self.reachable(account):
            lost = set(own.features) - set(plan.features)
            if lost and (features_used is None or lost & set(features_used)):
                continue
            mine, theirs = self.comparable(plan, account, now)
            if theirs is None:
                continue
            if known:
                if mine is not None and mine - theirs > gain:
                    best, gain = plan, mine - theirs
            elif theirs < least:  # the own plan does not cover the use: it is skipped as any other
                best, least = plan, theirs
        return best

    def _outgrown(self, own: Plan, account: Account, now: int) -> bool:
        """Tell whether the use is known to lie above what the own plan includes, where it sells nothing extra."""
        for unit, included in own.includes.items():
            used = self._used(unit, account, now, last=False)
            if used is not None and used > included and unit not in own.extra:
                return True
        return False

    def includes_more(self, plan: Plan, own: Plan, unit: str) -> bool:
        """Tell whether *plan* includes more of *unit* than the own plan does."""
        return plan.includes.get(unit, Decimal(0)) > own.includes.get(unit, Decimal(0))

    def lifts_limit(self, plan: Plan, account: Account, now: int) -> bool | None:
        """Tell whether the own plan's included amount of some unit is used to 80 % and *plan* includes more of it."""
        own = self.own(account)
        if own is None:
            return None
        answer: bool | None = False
        for unit, included in own.includes.items():
            if included == UNLIMITED or not self.includes_more(plan, own, unit):
                continue
            used = self._used(unit, account, now, last=False)
            if used is None:
                answer = None
            elif used >= included * _NEAR:
                return True
        return answer

    def comparison(self, offered: Plan | None, account: Account, now: int) -> list[Row]:
        """Return own, offered and up to two further reachable plans, side by side, cheapest price first."""
        own = self.own(account)
        wanted = [plan for plan in (own, offered, *self.reachable(account)) if plan is not None]
        rows = []
        for plan in list({plan.id: plan for plan in wanted}.values())[:4]:
            bill = self.bill_on(plan, account, now)
            saving = self.saving(plan, account, now) if plan is not own else None
            rows.append(Row(plan, self.price(plan, account, now), bill, saving, bill is not None))
        return sorted(rows, key=lambda row: (row.price is None, row.price or 0, row.plan.id))


def following(plans: dict[str, Plan]) -> dict[str, Plan | None]:
    """Return for each plan the next one up its family that is sold, None at the top."""

    def after(plan: Plan) -> Plan | None:
        seen = {plan.id}
        while plan.next is not None and plan.next in plans and plan.next not in seen:
            plan = plans[plan.next]
            seen.add(plan.id)
            if plan.sold:
                return plan
        return None

    return {plan.id: after(plan) for plan in plans.values()}


def families(plans: dict[str, Plan], offerable: tuple[str, ...] | None) -> dict[str, tuple[str, ...]]:
    """Return for each plan the sold plans reachable from it: its `offerable` list, the catalogue's, or its family.

    Plans joined by `next`, up and down, are one family.
    """
    parent = {plan_id: plan_id for plan_id in plans}

    def root(plan_id: str) -> str:
        while parent[plan_id] != plan_id:
            plan_id = parent[plan_id]
        return plan_id

    for plan in plans.values():
        if plan.next in plans:
            parent[root(plan.id)] = root(plan.next)
    reach = {}
    for plan in plans.values():
        listed = plan.offerable if plan.offerable is not None else offerable
        found = listed if listed is not None else [other for other in plans if root(other) == root(plan.id)]
        reach[plan.id] = tuple(other for other in found if other != plan.id and other in plans and plans[other].sold)
    return reach
