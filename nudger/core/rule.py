"""The compiled rule book: what the language makes of the YAML files, and all that `decide` reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import tzinfo
from decimal import Decimal
from typing import Any, Literal

from nudger.core.account import Account, Slot
from nudger.core.calendar import SendWindow
from nudger.core.catalog import Addon, Catalog, Plan
from nudger.core.contact import Contact
from nudger.core.event import Event, Snapshot
from nudger.core.meter import EMPTY, Fold, Meter
from nudger.core.money import Money

Status = Literal["live", "shadow", "paused"]
PeriodUnit = Literal["days", "cycle", "month", "lifetime"]


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer resolved for one account: what it is, its price per cycle now, and what it saves (None: not known)."""

    kind: Literal["plan", "addon"]
    plan: Plan | None
    addon: Addon | None
    price: Money
    saving: Money | None

    @property
    def id(self) -> str:
        """The plan's or add-on's id."""
        return self.plan.id if self.plan is not None else self.addon.id if self.addon is not None else ""

    @property
    def name(self) -> str:
        """The plan's or add-on's name for people."""
        return self.plan.name if self.plan is not None else self.addon.name if self.addon is not None else ""


#: (account, event or None, now, offer or None) -> a value; None = unknown.
Evaluate = Callable[[Account, "Event | None", int, "Offer | None"], Any]
#: The same arguments -> every name read and its value, as text, in reading order.
Trace = Callable[[Account, "Event | None", int, "Offer | None"], list[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression.

    `told` is its value as text. `parts` are the conditions that `and` joins: each with its answer and what it read.
    `reads` names what it depends on: ``meter:NAME``, ``on:EVENT``, ``trait:NAME``, ``event:FIELD``, ``offer``, ``now``,
    ``cycle``.
    `steady`: without an event it can change only where a cycle or month begins.
    """

    text: str
    value: Evaluate
    trace: Trace
    told: Callable[..., str]
    parts: Callable[..., list[tuple[str, bool | None, list[tuple[str, str]]]]]
    reads: frozenset[str] = frozenset()
    steady: bool = True


@dataclass(frozen=True, slots=True)
class Guard:
    """A named condition that must read yes; no and unknown hold the nudge."""

    name: str
    condition: Expression


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` in a period: N days (today and the N - 1 local days before), running cycle, month, or ever."""

    most: int
    unit: PeriodUnit
    days: int = 0


@dataclass(frozen=True, slots=True)
class Cap:
    """A limit over all rules: per account, per person, or per topic."""

    per: Literal["account", "person", "topic"]
    limit: Limit


@dataclass(frozen=True, slots=True)
class Cancel:
    """An event that ends an absence of the rule `rule`: which ones, and the fields that must be the same."""

    rule: int
    where: Callable[[Event], bool | None] | None
    same: Callable[[Event], str]


@dataclass(frozen=True, slots=True)
class Trigger:
    """What makes a rule look: an event, or the absence of another one within `within` ms of it."""

    event: str
    where: Callable[[Event], bool | None] | None = None
    within: int = 0
    same: Callable[[Event], str] | None = None

    @property
    def is_absence(self) -> bool:
        """Whether the trigger fires by its timer."""
        return self.within > 0


@dataclass(frozen=True, slots=True)
class OfferSpec:
    """How a rule's offer is found: `target` gives the plan or add-on (None = missing)."""

    kind: Literal["plan", "addon"]
    target: Expression
    expires: int | None = None  # ms after emission
    because: str | None = None  # a feature id, or "capacity"


@dataclass(frozen=True, slots=True)
class Start:
    """What happens to accounts that already qualify when the rule goes live; `days` for "over N days"."""

    kind: Literal["future", "everyone", "over"] = "future"
    days: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """One compiled rule.

    Attributes:
        key: A stable 32-bit number of the name, the key in an account's state.
        version: Content hash of everything in it. `life`: hash of what makes it go live anew when edited.
        starts, until: First and last local day (ordinals) on which it is live.
        to: Roles in order of preference.
        message: Opaque to the core: whatever the renderer wants.
    """

    name: str
    key: int
    version: str
    life: str
    about: str
    owner: str = ""
    status: Status = "live"
    trigger: Trigger | None = None
    when: Expression | None = None
    lets: tuple[tuple[str, Expression], ...] = ()
    guards: tuple[Guard, ...] = ()
    hold: int = 0
    offer: OfferSpec | None = None
    to: tuple[str, ...] = ()
    topic: str = ""
    limits: tuple[Limit, ...] = ()
    priority: int = 50
    group: str | None = None
    send: SendWindow | None = None
    starts: int | None = None
    until: int | None = None
    start: Start = Start()
    message: Any = None
    steady: bool = True


@dataclass(frozen=True, slots=True)
class Policy:
    """What holds for all rules."""

    zone: tzinfo
    caps: tuple[Cap, ...] = ()
    holdout: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Touch:
    """What an event of one type can change and start."""

    folds: tuple[Fold, ...] = ()
    conditions: tuple[Rule, ...] = ()  # rules without trigger whose `when` may read otherwise now
    triggered: tuple[Rule, ...] = ()
    starts: tuple[Rule, ...] = ()  # absences it begins
    cancels: tuple[Cancel, ...] = ()
    rereads: frozenset[int] = frozenset()  # keys of rules whose waiting nudge is looked at again


@dataclass(frozen=True, slots=True)
class RuleBook:
    """Everything compiled. `id` is a content hash; two books with one id decide alike."""

    id: str
    rules: tuple[Rule, ...]
    catalog: Catalog
    policy: Policy
    meters: tuple[Meter, ...] = ()
    touches: dict[str, Touch] = field(default_factory=dict)
    by_trait: dict[str, Touch] = field(default_factory=dict)
    contacts: Callable[[Account], list[Contact] | None] = lambda account: None
    features_used: Callable[[Account], tuple[str, ...] | None] = lambda account: None
    addons: Callable[[Account], list[str] | None] = lambda account: None
    merge: Callable[[Account, Event], list[str]] = lambda account, event: []
    wake: Callable[[Snapshot, str], Event] = lambda snapshot, account: Event(
        snapshot.type, account, snapshot.time, None, snapshot.source, snapshot.id, snapshot.currency
    )

    @property
    def layout(self) -> bytes:
        """The slot ids of all meters, in order."""
        return b"".join(meter.slot_id for meter in self.meters)

    def empty(self) -> tuple[list[Slot], list[Slot]]:
        """Return the meters and closed periods of an account that has seen nothing."""
        periods = sum(meter.closed_index >= 0 for meter in self.meters)
        return [EMPTY] * len(self.meters), [EMPTY] * periods


@dataclass(frozen=True, slots=True)
class World:
    """What stays the same from one commit to the next, for one partition.

    Attributes:
        number: How many books this partition has taken up, this one included.
        lives: Rule key -> the number of the book with which the rule went live as it is now.
        since: Stream time at which this book was taken up; new meters are counted from here.
        timers_at_due: With the events' clock a timer fires at its due instant, with the wall clock at the clock.
        settle: How long after it is due a timer is read (ms).
        gone: Key -> name of rules that earlier books had.
    """

    book: RuleBook
    number: int = 1
    lives: dict[int, int] = field(default_factory=dict)
    since: int = 0
    timers_at_due: bool = True
    settle: int = 0
    by_key: dict[int, Rule] = field(default_factory=dict)
    gone: dict[int, str] = field(default_factory=dict)
    layout: bytes = b""
