"""Write a believable month of usage events for the example project: March 2026, about 300 accounts.

    python examples/month.py > month.ndjson
    python examples/month.py --out month.ndjson

One event a line, in nudger's own format (`id, type, account, time, data`), in the order in which a billing system would
have delivered them: by time, except for a few that come late, come twice, or are broken, because real streams are like
that. January and February are light: they only give each account closed cycles to look back on. The same file comes
out on every machine: chance comes from `random.Random.random` alone, and no clock is read. A summary goes to stderr.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

SEED = 20260301
YEAR = 2026
MARCH_DAYS = 31
HISTORY_START = datetime(2026, 1, 1, tzinfo=UTC)
HISTORY_END = datetime(2026, 3, 1, tzinfo=UTC)
LAST_ARRIVAL = datetime(2026, 4, 1, tzinfo=UTC)

Data = dict[str, Any]
T = TypeVar("T")

# How many accounts start on each plan, and how many seats or calls their plan is made for.
PLANS = {
    "payg": 70,
    "scale": 40,
    "lite": 72,
    "plus": 40,
    "premium": 12,
    "web_plus": 28,
    "basic": 28,
    "pro": 12,
}
CALLS_INCLUDED = {"lite": 10_000, "plus": 50_000, "scale": 50_000, "premium": 200_000}
CONTACTS_INCLUDED = {"lite": 1_000, "plus": 10_000, "premium": 50_000}
PRICES = {"payg": 75, "scale": 125, "lite": 29, "plus": 49, "premium": 99, "web_plus": 29}
LARGER = {"payg": "scale", "lite": "plus", "plus": "premium", "basic": "pro"}
FEATURES = {"plus": ["crm"], "premium": ["crm", "automation"], "pro": ["automation"]}

ZONES = [
    "America/New_York", "America/New_York", "America/Chicago", "America/Los_Angeles", "America/Sao_Paulo",
    "Europe/London", "Europe/London", "Europe/Berlin", "Europe/Copenhagen", "Africa/Nairobi",
    "Asia/Kolkata", "Asia/Tokyo", "Australia/Sydney", "UTC",
]  # fmt: skip
ANCHOR_DAYS = [1, 1, 1, 1, 1, 5, 10, 15, 15, 20, 28, 30, 31, 31]
INDUSTRIES = ["saas", "ecommerce", "recruiting", "education", "health", "agency", "nonprofit"]
FIRST_WORDS = [
    "Amber", "Birch", "Cedar", "Dune", "Ember", "Fern", "Glade", "Harbour", "Iris", "Juniper",
    "Kite", "Larch", "Maple", "North", "Olive", "Poppy", "Quay", "River", "Slate", "Tidal",
]  # fmt: skip
SECOND_WORDS = [
    "Labs", "Studio", "Hiring", "Books", "Clinic", "Travel", "Foods", "Media", "Tutors", "Parcels",
    "Museum", "Sales", "Flowers", "Coaching", "Systems",
]  # fmt: skip
PEOPLE = [
    "Ada Lindqvist", "Ben Carter", "Chidi Obi", "Dana Kowalska", "Elena Rossi", "Farid Haddad", "Grace Kim",
    "Hugo Martin", "Ines Duarte", "Jonas Weber", "Keiko Mori", "Liam Byrne", "Maya Patel", "Nils Berg", "Olu Ade",
    "Priya Nair", "Quentin Roy", "Rosa Silva", "Sam Tran", "Tara Singh",
]  # fmt: skip
ASKING_NOTES = [
    "We are running out of contacts, what can we do?",
    "Is there a way to get more capacity for the spring campaign?",
    "Customer says the quota is running out every month",
    "They would like more seats for the new office",
]
REVIEW_NOTES = [
    "Great tool. Only our newsletter still lives elsewhere.",
    "Five stars, and a real e-mail campaign tool would make it six.",
    "Does what it says. I send my newsletters from another product, though.",
]
PLAIN_NOTES = [
    "Thanks, the export works again",
    "Asked how to change the logo on the invoice",
    "Left a voice mail, no answer yet",
    "Password reset, solved on the phone",
    "Happy with the onboarding call",
]


class Chance:
    """Draws from one seeded stream; only `random()` is used, which is the same in every Python."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random

    def happens(self, share: float) -> bool:
        """Return True in *share* (0 to 1) of the calls."""
        return self._random() < share

    def real(self, low: float, high: float) -> float:
        """Return a number from *low* up to *high*."""
        return low + (high - low) * self._random()

    def whole(self, low: int, high: int) -> int:
        """Return an integer between *low* and *high*, both included."""
        return low + int(self._random() * (high - low + 1))

    def pick(self, choices: Sequence[T]) -> T:
        """Return one of *choices*."""
        return choices[int(self._random() * len(choices))]


@dataclass
class Account:
    """One customer: its traits as `account.updated` publishes them, and what the story needs to know."""

    key: str
    plan: str
    zone: str
    traits: Data
    profile_at: datetime
    offset_written: bool  # writes times with its own offset instead of Z
    users: list[str] = field(default_factory=list)
    quiet: bool = False  # uses next to nothing of what the plan includes
    contacts: int = 0  # kept at the end of February

    def local(self, day: int, hour: int, minute: int = 0, second: int = 0, month: int = 3) -> datetime:
        """Return a moment of 2026 on this account's own clock."""
        return datetime(YEAR, month, day, hour, minute, second, tzinfo=ZoneInfo(self.zone))


@dataclass(frozen=True)
class Line:
    """One line of the file: when it arrives, and what it says (or the broken text itself)."""

    arrives: datetime
    body: Data | str


class Month:
    """Gathers events in any order; `lines` puts them into the order of arrival."""

    def __init__(self) -> None:
        self.chance = Chance(SEED)
        self.events: list[tuple[datetime, Account, str, Data]] = []
        self.notes: Counter[str] = Counter()

    def say(self, account: Account, at: datetime, kind: str, data: Data) -> None:
        """Publish one event of *account*; nothing is said after the last moment of the month."""
        if at < LAST_ARRIVAL - timedelta(hours=1):
            self.events.append((at, account, kind, data))

    def office_hour(self, account: Account, day: int) -> datetime:
        """Return a moment between 08:00 and 18:00 of a March *day*, account's zone."""
        return account.local(day, self.chance.whole(8, 17), self.chance.whole(0, 59), self.chance.whole(0, 59))

    def any_hour(self, account: Account, day: int) -> datetime:
        """Return a moment of a March *day*: mostly in office hours, now and then in the evening or at night."""
        if self.chance.happens(0.75):
            return self.office_hour(account, day)
        return account.local(day, self.chance.pick([5, 6, 19, 20, 21, 22, 23]), self.chance.whole(0, 59))

    def note(self, what: str) -> None:
        """Count one special case for the summary."""
        self.notes[what] += 1


def is_weekend(day: int, month: int = 3) -> bool:
    """Return whether a day of 2026 is a Saturday or Sunday."""
    return datetime(YEAR, month, day, tzinfo=UTC).weekday() >= 5


# ---- accounts -------------------------------------------------------------------------------------------------------


def gorilla() -> Account:
    """The account of the story: it buys one assessment credit on Monday 2 March, 10:00 in New York."""
    return Account(
        key="gorilla",
        plan="payg",
        zone="America/New_York",
        offset_written=True,
        profile_at=HISTORY_START,
        traits={
            "name": "Gorilla Co",
            "plan": "payg",
            "created_at": "2025-04-14T09:30:00-04:00",
            "zone": "America/New_York",
            "anchor_day": 1,
            "stage": "growth",
            "industry": "recruiting",
            "milestones": ["first_value"],
            "open_tickets": 0,
            "addons": [],
            "contacts": [
                {"address": "ada@gorilla.example", "name": "Ada Lindqvist", "first_name": "Ada", "role": "billing"},
                {"address": "sam@gorilla.example", "name": "Sam Tran", "first_name": "Sam", "role": "admin"},
            ],
        },
    )


def contacts_of(month: Month, key: str) -> list[Data]:
    """Return the people of an account: mostly one for the bills, often an admin, sometimes nobody of use."""
    chance = month.chance
    draw = chance.real(0, 1)
    if draw < 0.03:
        month.note("accounts without any contact")
        return []
    both, bills_only, admin_only = 0.55, 0.8, 0.97
    if draw < both:
        roles = ["billing", "admin"]
    else:
        roles = ["billing"] if draw < bills_only else ["admin"] if draw < admin_only else ["user"]
    people = []
    for role in roles:
        name = chance.pick(PEOPLE)
        first = name.split()[0]
        person: Data = {"address": f"{first.lower()}.{role}@{key}.example", "name": name, "role": role}
        if chance.happens(0.9):
            person["first_name"] = first
        people.append(person)
    return people


def make_account(month: Month, number: int, plan: str) -> Account:
    """Return account *number* on *plan*; one in fifteen signs up during March."""
    chance = month.chance
    name = f"{FIRST_WORDS[number % 20]} {SECOND_WORDS[number // 20]}"
    key = name.lower().replace(" ", "-")
    zone = chance.pick(ZONES)
    new = chance.happens(0.07)
    if new:
        born = datetime(2026, 3, chance.whole(1, 24), chance.whole(7, 16), 0, tzinfo=UTC)
        profile_at = born
        month.note("accounts that sign up in March")
    else:
        recent = chance.happens(0.08)  # these pass the thirty days of the onboarding guard in March
        born = datetime(2026, 2, chance.whole(1, 22), 9, 0, tzinfo=UTC) if recent else _long_ago(chance)
        profile_at = max(born, HISTORY_START + timedelta(seconds=number + 1))
    account = Account(
        key=key,
        plan=plan,
        zone=zone,
        offset_written=number % 3 == 0,
        profile_at=profile_at,
        traits={
            "name": name,
            "plan": plan,
            "created_at": _z(born),
            "zone": zone,
            "anchor_day": chance.pick(ANCHOR_DAYS),
            "stage": "pre-revenue" if chance.happens(0.06) else chance.pick(["growth", "growth", "mature"]),
            "industry": chance.pick(INDUSTRIES),
            "milestones": [] if new else ["first_value"],
            "open_tickets": 0,
            "addons": [],
            "contacts": contacts_of(month, key),
        },
    )
    if plan in ("basic", "pro"):
        account.traits["seats"] = chance.whole(2, 12)
        extra = chance.whole(1, 3) if chance.happens(0.25) else 0
        account.users = [f"u{n + 1}" for n in range(account.traits["seats"] + extra)]
    if plan in FEATURES:
        used = [feature for feature in FEATURES[plan] if chance.happens(0.7)]
        account.traits["features_used"] = used
        account.quiet = not used or chance.happens(0.2)
    if plan in CONTACTS_INCLUDED:
        account.contacts = int(CONTACTS_INCLUDED[plan] * (0.05 if account.quiet else chance.real(0.2, 0.9)))
    if plan in ("basic", "pro") and chance.happens(0.2):
        account.traits["addons"] = ["leadbooster"]
    if plan == "web_plus" and chance.happens(0.2):
        account.traits["addons"] = ["advanced_scheduling"]
    return account


def _long_ago(chance: Chance) -> datetime:
    return datetime(2025, 12, 20, 9, tzinfo=UTC) - timedelta(days=chance.whole(0, 900))


def _z(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# ---- what accounts do -----------------------------------------------------------------------------------------------


def profile(month: Month, account: Account) -> None:
    """Publish the profile; new accounts reach their first value some days later."""
    month.say(account, account.profile_at, "account.updated", dict(account.traits))
    if not account.traits["milestones"]:
        reached = account.profile_at + timedelta(days=month.chance.whole(2, 12), hours=3)
        month.say(account, reached, "account.updated", {"milestones": ["first_value"]})


def tickets(month: Month, account: Account) -> None:
    """Open a support ticket for some accounts, and solve it two to nine days later."""
    chance = month.chance
    if not chance.happens(0.12):
        return
    day = chance.whole(1, 24)
    opened = month.office_hour(account, day)
    month.say(account, opened, "account.updated", {"open_tickets": 1})
    month.say(account, opened + timedelta(days=chance.whole(2, 9)), "account.updated", {"open_tickets": 0})
    month.note("tickets opened and solved")


def history(month: Month, account: Account) -> None:
    """Leave a light trace in January and February, so that there are closed cycles to look back on."""
    if account.plan not in CALLS_INCLUDED:
        return
    chance = month.chance
    monthly = CALLS_INCLUDED[account.plan] * (0.02 if account.quiet else chance.real(0.15, 0.55))
    moment = account.profile_at + timedelta(hours=chance.whole(1, 20))
    while moment < HISTORY_END:
        if account.plan in CONTACTS_INCLUDED and chance.happens(0.5):
            month.say(account, moment, "contacts.counted", {"total": account.contacts})
        calls = max(1, int(monthly / 9 * chance.real(0.6, 1.4)))
        month.say(account, moment + timedelta(minutes=5), "api.called", {"calls": calls})
        moment += timedelta(days=3, hours=chance.whole(8, 16))


def api_calls(month: Month, account: Account) -> None:
    """Call the API through March: most steady, some growing, some up to the limit or past it."""
    if account.plan not in CALLS_INCLUDED:
        return
    chance = month.chance
    draw = chance.real(0, 1)
    if account.quiet:
        share, ramp = 0.02, 0.0
    elif draw < 0.66:
        share, ramp = chance.real(0.1, 0.6), 0.0
    elif draw < 0.8:
        share, ramp = chance.real(0.45, 0.75), chance.real(0.03, 0.08)  # growing day by day
    elif draw < 0.92:
        share, ramp = chance.real(0.85, 0.99), 0.01
    else:
        share, ramp = chance.real(1.05, 1.5), 0.02
    target = CALLS_INCLUDED[account.plan] * share
    weights = [(0.3 if is_weekend(d) else 1.0) * (1 + ramp) ** d for d in range(1, MARCH_DAYS + 1)]
    for day, weight in enumerate(weights, start=1):
        times = chance.whole(0, 2) if is_weekend(day) else chance.whole(3, 6)
        for _ in range(times):
            calls = int(target * weight / sum(weights) / times * chance.real(0.7, 1.3))
            at = month.any_hour(account, day)
            if calls and at > account.profile_at:
                month.say(account, at, "api.called", {"calls": calls})
    if account.plan in CONTACTS_INCLUDED:
        for day in (2, 9, 16, 23, 30):
            at = account.local(day, 6, chance.whole(0, 59))
            if at > account.profile_at:
                grown = int(account.contacts * (1 + 0.006 * day))
                month.say(account, at, "contacts.counted", {"total": grown})


def big_import(month: Month, account: Account) -> None:
    """Pass 80 % and 100 % of the included calls in one event, on a Wednesday morning."""
    included = CALLS_INCLUDED[account.plan]
    for day in (3, 6, 10, 13):
        month.say(account, account.local(day, 11, 5), "api.called", {"calls": int(included * 0.15)})
    month.say(account, account.local(18, 10, 20), "api.called", {"calls": int(included * 0.5)})
    month.note("imports that pass 80 % and 100 % at once")


def top_ups(month: Month, account: Account) -> None:
    """Buy extra calls once or twice."""
    chance = month.chance
    if account.plan not in ("lite", "plus") or not chance.happens(0.2):
        return
    first = chance.whole(3, 14)
    for day in [first, first + chance.whole(3, 12)][: chance.whole(1, 2)]:
        at = month.any_hour(account, day)
        if at > account.profile_at:
            month.say(account, at, "credit.purchased", {"kind": "api", "price": 15})
            month.note("top-ups of calls")


def buy_credits(month: Month, account: Account) -> None:
    """Buy assessment credits: dear ones on pay-as-you-go, included ones (price 0) on Scale."""
    chance = month.chance
    if account.plan == "scale":
        for _ in range(chance.whole(2, 14)):
            at = month.office_hour(account, chance.whole(1, MARCH_DAYS))
            if at > account.profile_at:
                month.say(account, at, "credit.purchased", {"kind": "assessment", "price": 0})
    if account.plan != "payg":
        return
    if chance.happens(0.5):
        at = month.office_hour(account, chance.whole(1, MARCH_DAYS))
        if at > account.profile_at:
            month.say(account, at, "credit.purchased", {"kind": "proctoring", "price": "19.50"})
    if not chance.happens(0.45):
        return
    bought = []
    for _ in range(chance.pick([1, 1, 1, 2, 2, 3])):
        at = month.any_hour(account, chance.whole(2, 29))
        if at > account.profile_at:
            month.say(account, at, "credit.purchased", {"kind": "assessment", "price": 100})
            bought.append(at)
    if any(is_weekend(at.day) or not 9 <= at.hour < 17 for at in bought):
        month.note("credit buyers outside the send window")
    if bought and chance.happens(0.3):
        change_plan(month, account, min(bought) + timedelta(days=chance.whole(1, 5), hours=2))


def weekend_buyer_who_moves(month: Month, account: Account) -> None:
    """Buy on a Saturday, change the plan on Sunday: the nudge that waits for Monday is cancelled."""
    month.say(account, account.local(14, 11, 40), "credit.purchased", {"kind": "assessment", "price": 100})
    change_plan(month, account, account.local(15, 20, 5))
    month.note("plan changes while a nudge waits")


def change_plan(month: Month, account: Account, at: datetime) -> None:
    """Move to the next larger plan: a checkout, its payment, and the new plan in the profile."""
    larger = LARGER[account.plan]
    cart = f"{account.key}-upgrade"
    amount = PRICES.get(larger, 69)
    month.say(account, at, "checkout.started", {"cart": cart, "plan": larger, "aim": "move up a plan"})
    month.say(account, at + timedelta(minutes=6), "checkout.paid", {"cart": cart, "amount": amount})
    month.say(account, at + timedelta(minutes=7), "plan.changed", {"to": larger})
    month.say(account, at + timedelta(minutes=7, seconds=2), "account.updated", {"plan": larger})
    month.note("plan changes")


def ticket_then_purchase(month: Month, account: Account) -> None:
    """Buy while a ticket is open: the nudge is held, and sent when the ticket is solved three days later."""
    month.say(account, account.local(9, 16, 30), "account.updated", {"open_tickets": 1})
    month.say(account, account.local(10, 11, 15), "credit.purchased", {"kind": "assessment", "price": 100})
    month.say(account, account.local(13, 10, 5), "account.updated", {"open_tickets": 0})
    month.note("purchases under an open ticket that is solved in time")


def carts(month: Month, account: Account) -> None:
    """Begin a checkout: paid in time, paid too late, or left for good."""
    chance = month.chance
    if account.plan not in LARGER or account.plan == "basic" or not chance.happens(0.2):
        return
    at = month.any_hour(account, chance.whole(2, 28))
    if at < account.profile_at:
        return
    larger = LARGER[account.plan]
    cart = f"{account.key}-{at.day}"
    started: Data = {"cart": cart, "plan": larger, "aim": f"move to {larger.capitalize()}"}
    if chance.happens(0.15):
        del started["aim"]
    month.say(account, at, "checkout.started", started)
    draw = chance.real(0, 1)
    if draw < 0.35:
        month.say(account, at + timedelta(minutes=chance.whole(5, 200)), "checkout.paid", _payment(cart, larger))
        month.note("carts paid in time")
    elif draw < 0.55:
        month.say(account, at + timedelta(hours=chance.whole(5, 30)), "checkout.paid", _payment(cart, larger))
        month.note("carts paid after four hours")
    else:
        month.note("carts left")


def _payment(cart: str, plan: str) -> Data:
    return {"cart": cart, "amount": f"{PRICES[plan]}.00"}


def prices_viewed(month: Month, account: Account) -> None:
    """Look at the prices: most once or twice, some three times and more within a week."""
    chance = month.chance
    if not chance.happens(0.3):
        return
    first = chance.whole(2, 22)
    often = chance.happens(0.35)
    for look in range(chance.whole(3, 5) if often else chance.whole(1, 2)):
        at = month.any_hour(account, first + (look if often else look * 4))
        if at > account.profile_at:
            month.say(account, at, "pricing.viewed", {})
    if often:
        month.note("accounts with three looks at the prices")


def talk(month: Month, account: Account) -> None:
    """Write a note now and then; a few name a need."""
    chance = month.chance
    for _ in range(chance.pick([0, 0, 0, 1, 1, 2])):
        at = month.office_hour(account, chance.whole(1, MARCH_DAYS))
        if at > account.profile_at:
            draw = chance.real(0, 1)
            if draw < 0.15:
                data = {"text": chance.pick(ASKING_NOTES), "channel": chance.pick(["support", "call"])}
                month.note("notes that ask for more")
            elif draw < 0.25:
                data = {"text": chance.pick(REVIEW_NOTES), "channel": "review"}
                month.note("reviews that name a need")
            else:
                data = {"text": chance.pick(PLAIN_NOTES), "channel": chance.pick(["support", "call", "review"])}
            month.say(account, at, "note.added", data)


def try_features(month: Month, account: Account) -> None:
    """Try what the plan does not have: the CRM on Lite, scheduling on Websites Plus."""
    chance = month.chance
    wanted = {"lite": "crm", "web_plus": "scheduling"}.get(account.plan)
    if wanted is None or not chance.happens(0.25):
        return
    first = chance.whole(2, 18)
    for _ in range(chance.whole(1, 5)):
        at = month.any_hour(account, first + chance.whole(0, 10))
        if at > account.profile_at:
            month.say(account, at, "feature.tried", {"feature": wanted})


def publish(month: Month, account: Account) -> None:
    """Publish sites; a third of the website customers do so almost every other day."""
    if account.plan != "web_plus":
        return
    chance = month.chance
    times = chance.whole(11, 16) if chance.happens(0.35) else chance.whole(0, 4)
    for _ in range(times):
        at = month.any_hour(account, chance.whole(1, MARCH_DAYS))
        if at > account.profile_at:
            month.say(account, at, "site.published", {})


def sell(month: Month, account: Account) -> None:
    """Work as a sales team: people log in, leads arrive, deals move."""
    if account.plan not in ("basic", "pro"):
        return
    chance = month.chance
    paid_for = account.traits["seats"]
    inbound = chance.pick([0.2, 0.4, 0.7, 0.85])
    leads_a_day = chance.real(0.3, 2.2)
    for day in range(1, MARCH_DAYS + 1):
        if is_weekend(day):
            continue
        for number, user in enumerate(account.users):
            if number >= paid_for and day < 9:
                continue  # the people beyond the paid seats join in the second week
            if not chance.happens(0.85):
                continue
            at = account.local(day, chance.whole(8, 10), chance.whole(0, 59))
            if at < account.profile_at:
                continue
            month.say(account, at, "seat.used", {"user": user})
            if chance.happens(0.45):
                deal = f"d{chance.whole(1, 40)}"
                logged = month.office_hour(account, day)
                month.say(account, logged, "activity.logged", {"user": user, "deal": deal})
                if chance.happens(0.6):
                    moved = logged + timedelta(minutes=chance.whole(1, 8))
                    month.say(account, moved, "deal.moved", {"user": user, "deal": deal, "by": "hand"})
        while chance.happens(leads_a_day / (1 + leads_a_day)):
            at = month.any_hour(account, day)
            if at > account.profile_at:
                source = "inbound" if chance.happens(inbound) else chance.pick(["import", "cold call", "event"])
                month.say(account, at, "lead.created", {"source": source})


def buy_addon(month: Month, account: Account) -> None:
    """Buy an add-on without being asked: lists in a profile are replaced whole."""
    addon = {"basic": "leadbooster", "pro": "leadbooster", "web_plus": "advanced_scheduling"}.get(account.plan)
    if addon is None or addon in account.traits["addons"] or not month.chance.happens(0.12):
        return
    at = month.office_hour(account, month.chance.whole(10, 27))
    if at > account.profile_at:
        month.say(account, at, "addon.bought", {"addon": addon})
        month.say(account, at + timedelta(seconds=2), "account.updated", {"addons": [*account.traits["addons"], addon]})
        month.note("add-ons bought")


BEHAVIOURS: tuple[Callable[[Month, Account], None], ...] = (
    tickets, history, api_calls, top_ups, buy_credits, carts,
    prices_viewed, talk, try_features, publish, sell, buy_addon,
)  # fmt: skip


# ---- single cases ---------------------------------------------------------------------------------------------------


def story(month: Month) -> None:
    """One assessment credit for 100 makes the bill 175, and Scale is 125: one mail, at once."""
    account = gorilla()
    profile(month, account)
    month.say(account, account.local(2, 10), "credit.purchased", {"kind": "assessment", "price": 100})


def before_the_profile(month: Month) -> None:
    """Two accounts whose use arrives before anybody says who they are."""
    for number, (key, plan) in enumerate([("early-bird", "payg"), ("early-owl", "lite")]):
        account = gorilla()
        account.key, account.plan = key, plan
        account.traits = dict(account.traits, name=key.replace("-", " ").title(), plan=plan)
        account.traits["contacts"] = [{"address": f"rosa@{key}.example", "name": "Rosa Silva", "role": "billing"}]
        account.profile_at = account.local(11 + number, 11)
        if plan == "payg":
            bought = account.local(11, 10, 15)
            month.say(account, bought, "credit.purchased", {"kind": "assessment", "price": 100})
        else:
            month.say(account, account.local(12, 10), "note.added", {"text": ASKING_NOTES[0], "channel": "support"})
        profile(month, account)
        month.note("accounts whose use comes before the profile")


def unknown_plan(month: Month) -> None:
    """An account on a plan that the catalogue does not know: the other traits are taken all the same."""
    account = gorilla()
    account.key = "heritage"
    account.traits = dict(account.traits, name="Heritage Trust", plan="enterprise_2019", contacts=[])
    profile(month, account)
    month.say(account, account.local(6, 14), "credit.purchased", {"kind": "assessment", "price": 100})
    month.note("accounts on an unknown plan")


def undeclared(month: Month, accounts: Sequence[Account]) -> None:
    """Events of a type that no rule file declares: counted, and passed over."""
    for _ in range(25):
        account = month.chance.pick(accounts)
        at = month.any_hour(account, month.chance.whole(1, MARCH_DAYS))
        month.say(account, at, "page.viewed", {"path": "/help"})


def is_settled(account: Account) -> bool:
    """Return whether every guard lets this account pass all through March, in a cycle that is the month itself."""
    traits = account.traits
    reachable = any(person["role"] != "user" for person in traits["contacts"])
    return (
        reachable and traits["created_at"] < "2026" and traits["anchor_day"] == 1 and traits["stage"] != "pre-revenue"
    )


def populate(month: Month) -> list[Account]:
    """Create all accounts and let each live its month."""
    story(month)
    accounts = []
    number = 0
    for plan, count in PLANS.items():
        for _ in range(count - (2 if plan == "payg" else 0)):
            if number < len(FIRST_WORDS) * len(SECOND_WORDS):
                accounts.append(make_account(month, number, plan))
                number += 1
    settled = [a for a in accounts if is_settled(a)]
    payers = [a for a in settled if a.plan == "payg"]
    single = {id(a): weekend_buyer_who_moves for a in payers[:3]}
    single |= {id(a): ticket_then_purchase for a in payers[3:7]}
    single |= {id(a): big_import for a in [a for a in settled if a.plan == "lite"][:4]}
    for account in accounts:
        profile(month, account)
        for behave in (single[id(account)],) if id(account) in single else BEHAVIOURS:
            behave(month, account)
    before_the_profile(month)
    unknown_plan(month)
    undeclared(month, accounts)
    return accounts


# ---- the stream -----------------------------------------------------------------------------------------------------


def numbered(month: Month) -> list[Line]:
    """Give every event its id, in order of time; some arrive hours late, a few arrive days late."""
    month.events.sort(key=lambda event: event[0])
    lines = []
    for number, (at, account, kind, data) in enumerate(month.events, start=1):
        time = at.isoformat() if account.offset_written else _z(at)
        body = {"id": f"evt-{number:06d}", "type": kind, "account": account.key, "time": time, "data": data}
        delay = delay_of(month, kind) if HISTORY_END < at < datetime(2026, 3, 27, tzinfo=UTC) else timedelta(0)
        arrives = at if account.key == "gorilla" else at + delay
        lines.append(Line(arrives, body))
    return lines


def delay_of(month: Month, kind: str) -> timedelta:
    """Return how much later than it happened an event of *kind* is delivered: nearly always, not at all."""
    late, too_late = {"api.called": (0.002, 0.0026), "credit.purchased": (0.03, 0.04)}.get(kind, (0.0, 0.0))
    draw = month.chance.real(0, 1)
    if draw < late:
        month.note("events that arrive late and count")
        return timedelta(hours=month.chance.whole(1, 40), seconds=1)
    if draw < too_late:
        month.note("events that arrive too late (over 48 h)")
        return timedelta(hours=month.chance.whole(52, 90), seconds=1)
    return timedelta(0)


def repeated(month: Month, lines: Sequence[Line]) -> list[Line]:
    """Send some events a second time, unchanged, and one with the same id but other content."""
    chance = month.chance
    again = []
    for line in lines:
        if HISTORY_END < line.arrives < datetime(2026, 3, 30, tzinfo=UTC) and chance.happens(0.002):
            again.append(Line(line.arrives + timedelta(minutes=chance.whole(0, 600), seconds=1), line.body))
            month.note("events sent twice")
    reused = next(x for x in lines if isinstance(x.body, dict) and x.body["data"].get("kind") == "api")
    assert isinstance(reused.body, dict)
    other = dict(reused.body, data={"kind": "api", "price": 45})
    month.note("ids used again with other content")
    return [*again, Line(reused.arrives + timedelta(hours=1), other)]


def broken() -> list[Line]:
    """Return the lines that nobody can count; each should be set aside with its own reason."""
    good = {"type": "credit.purchased", "account": "cedar-labs", "time": "2026-03-10T10:00:00Z"}
    money = {"kind": "assessment", "price": 100}
    bodies: list[tuple[int, Data | str]] = [
        (4, "this line is not JSON"),
        (5, '{"id":"bad-002","type":"api.called","account":"cedar-labs","time":"2026-03-05T12:00:00Z","data":{'),
        (9, {"id": "bad-003", "type": "credit.purchased", "time": "2026-03-09T12:00:00Z", "data": money}),
        (10, dict(good, id="bad-004", data={"kind": "assessment", "price": "abc"})),
        (11, dict(good, id="bad-005", time="2026-03-11T12:00:00", data=money)),
        (12, dict(good, time="2026-03-12T12:00:00Z", data=money)),
        (13, {"id": "bad-007", "type": "credit.purchased", "account": "cedar-labs", "data": money}),
        (16, dict(good, id="bad-008", type="api.called", time="2026-03-16T12:00:00Z", data={"calls": "many"})),
        (17, dict(good, id="bad-009", type="account.updated", time="2026-03-17T12:00:00Z", data={"shoe_size": 43})),
    ]
    return [Line(datetime(2026, 3, day, 12, 0, 1, tzinfo=UTC), body) for day, body in bodies]


def month_lines() -> tuple[list[str], Counter[str], Counter[str]]:
    """Return the lines of the file, how many of each type, and the special cases among them."""
    month = Month()
    accounts = populate(month)
    regular = numbered(month)
    bad = broken()
    lines = [*regular, *repeated(month, regular), *bad]
    lines.sort(key=lambda line: line.arrives)  # stable: equal moments keep their order
    month.notes["accounts"] = len({a.key for a in accounts}) + 4
    month.notes["broken lines"] = len(bad)
    types = Counter(kind for _, _, kind, _ in month.events)
    texts = [x.body if isinstance(x.body, str) else json.dumps(x.body, separators=(",", ":")) for x in lines]
    return texts, types, month.notes


def main() -> None:
    """Write the month to stdout or to a file, and its summary to stderr."""
    parser = argparse.ArgumentParser(description="Write a month of usage events as NDJSON.")
    parser.add_argument("--out", metavar="FILE", help="write here instead of to stdout")
    out = parser.parse_args().out
    lines, types, notes = month_lines()
    text = "\n".join(lines) + "\n"
    if out:
        Path(out).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    print(f"{len(lines):,} lines", file=sys.stderr)
    for title, counts in (("events by type", types), ("among them", notes)):
        print(f"{title}:", file=sys.stderr)
        for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
            print(f"  {count:7,}  {name}", file=sys.stderr)


if __name__ == "__main__":
    main()
