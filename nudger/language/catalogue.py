"""Compile `catalog`, `events`, `meters` and `facts`: everything that rules are written over."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace
from itertools import pairwise
from operator import attrgetter
from typing import Any, Final, cast

from nudger.core.calendar import DAY
from nudger.core.catalog import Addon, Catalog, ExtraPrice, Plan, Tier, UsageReader, families, following
from nudger.core.event import PROFILE
from nudger.core.meter import PERIODIC, STEPS, Kind, Meter, Read, Span, closed_reader, reader
from nudger.core.money import coin
from nudger.core.traits import BUILT_IN, TraitKind, Traits
from nudger.language.compile import function
from nudger.language.files import Loc, Source
from nudger.language.names import Names, must_be_known
from nudger.language.schema import CatalogKeys, ExtraKeys, MeterKeys, PlanKeys
from nudger.language.scope import FIELD_TYPES, Scope
from nudger.language.typed import ADDON, MONEY, NUMBER, PERCENT, PLAN, TRUTH, Symbol, Type

KINDS: Final = ("count", "sum", "unique", "max", "min", "last", "share")
_DAYS: Final = re.compile(r"(\d{1,4}) days?")
_SPANS: Final[dict[str, Span]] = {"billing cycle": "cycle", "calendar month": "month", "lifetime": "lifetime"}
_RESERVED: Final = frozenset(
    {"account", "plan", "next_plan", "best_plan", "bill", "bill_on", "saving", "break_even", "cycle", "now", "event"}
    | {"offer", "person", "comparison", "links", "trigger", "step", "variant", "growth", "before", "projected"}
    | {"largest", "groups", "and", "or", "not", "in", "has", "mentions", "is", "else", "true", "false", "of", "set"}
)


@dataclass(slots=True)
class Ground:
    """What rules are written over.

    Attributes:
        events: Event type -> its declared fields and their kinds.
        scope: The names every rule sees. `definitions`: meter name -> text of its definition, for hashes.
    """

    names: Names
    scope: Scope
    catalog: Catalog
    traits: Traits
    events: dict[str, dict[str, str]] = field(default_factory=dict)
    meters: dict[str, Meter] = field(default_factory=dict)
    readers: dict[str, Read] = field(default_factory=dict)
    definitions: dict[str, str] = field(default_factory=dict)


def build(sources: list[Source]) -> Ground | None:
    """Compile the ground of a project; None when it has no catalogue. Problems are gathered in the sources."""
    holder = next((source for source in sources if source.keys.catalog is not None), None)
    if holder is None or holder.keys.catalog is None:
        return None
    for source in sources:
        if source.keys.catalog is not None and source is not holder:
            source.add("N107", f"there is a second catalogue; the first is in {holder.path}", ("catalog",), on_key=True)
    keys = holder.keys.catalog
    events = _events(sources)
    declared = {name: cast("TraitKind", kind) for name, kind in events.get(PROFILE, {}).items() if name not in BUILT_IN}
    events[PROFILE] = {**BUILT_IN, **declared}
    plans = _plans(holder, keys)
    addons = {name: Addon(name, addon.name, addon.price) for name, addon in keys.addons.items()}
    names = Names(keys.currency)
    offerable = tuple(keys.offerable) if keys.offerable is not None else None
    catalog = Catalog(
        keys.currency,
        plans,
        addons,
        families=families(plans, offerable),
        following=following(plans),
        smallest=coin(keys.currency),
    )
    scope = Scope(
        plans=frozenset(plans),
        addons=frozenset(addons),
        units=frozenset(unit for plan in plans.values() for unit in (*plan.includes, *plan.extra)),
        traits={**BUILT_IN, **declared},
        currency=keys.currency,
    )
    traits = Traits(declared)
    names.namespace.update(P=plans.get, ADDONS=addons, T=traits.read, FEATURES_USED=traits.features_used)
    ground = Ground(names, scope, catalog, traits, events)
    _meters(sources, ground)
    _pricing(holder, keys, ground)
    names.take_catalog(ground.catalog)
    _facts(sources, ground)
    _unique_names(sources, ground)
    return ground


# --- catalogue --------------------------------------------------------------------------------------


def _plans(source: Source, keys: CatalogKeys) -> dict[str, Plan]:
    plans = {}
    for name, plan in keys.plans.items():
        at: Loc = ("catalog", "plans", name)
        if plan.price is None and plan.seat_price is None:
            source.add("N105", f"plan `{name}` needs a `price` or a `seat_price`", at, on_key=True)
        if plan.next is not None:
            must_be_known(source, (*at, "next"), plan.next, keys.plans, "plan")
        for index, other in enumerate(plan.offerable or ()):
            must_be_known(source, (*at, "offerable", index), other, keys.plans, "plan")
        plans[name] = _plan(source, at, name, plan)
    for index, other in enumerate(keys.offerable or ()):
        must_be_known(source, ("catalog", "offerable", index), other, keys.plans, "plan")
    return plans


def _plan(source: Source, at: Loc, name: str, keys: PlanKeys) -> Plan:
    extra = {}
    for unit, price in keys.extra.items():
        extra[unit] = _extra(source, (*at, "extra", unit), price) if isinstance(price, ExtraKeys) else ExtraPrice(price)
    offerable = tuple(keys.offerable) if keys.offerable is not None else None
    return Plan(
        name,
        keys.name,
        keys.price,
        keys.seat_price,
        dict(keys.includes),
        extra,
        tuple(keys.features),
        keys.next,
        keys.sold,
        offerable,
    )


def _extra(source: Source, at: Loc, keys: ExtraKeys) -> ExtraPrice:
    if keys.steps is not None and keys.package is None and keys.price is None:
        tiers = tuple(Tier(step.to, step.price) for step in keys.steps)
        bounds = [tier.to for tier in tiers]
        rising = all(a is not None and (b is None or a < b) for a, b in pairwise(bounds))
        if not tiers or bounds[-1] is not None or not rising:
            source.add("N106", "steps rise, and only the last one has no `to`", (*at, "steps"), on_key=True)
        return ExtraPrice(tiers=tiers)
    if keys.price is None or keys.steps is not None:
        source.add("N106", "an extra price is `price`, `package` with `price`, or `steps`", at, on_key=True)
        return ExtraPrice()
    if keys.package is not None and keys.package > 0:
        return ExtraPrice(keys.price, keys.package, whole=True)
    return ExtraPrice(keys.price)


def _pricing(source: Source, keys: CatalogKeys, ground: Ground) -> None:
    """Attach the units' meters and the published bill to the catalogue, and say what prices depend on."""
    usage: dict[str, UsageReader] = {}
    closed: dict[str, UsageReader | None] = {}
    reads, steady = {"trait:plan", "trait:plan_price"}, True
    for unit, meter_name in keys.units.items():
        at: Loc = ("catalog", "units", unit)
        if unit == "seats" and meter_name.startswith("account."):
            continue
        if not must_be_known(source, at, meter_name, ground.meters, "meter"):
            continue
        meter = ground.meters[meter_name]
        symbol = ground.scope.meters[meter_name]
        if symbol.type != NUMBER or (meter.span != "cycle" and meter.kind not in ("last", "max", "unique")):
            hint = "a unit is measured over the billing cycle, or by a `last` or `max` meter"
            source.add("N118", f"meter `{meter_name}` does not measure a unit", at, hint)
        usage[unit] = ground.readers[meter_name]
        closed[unit] = closed_reader(meter) if meter.closed_index >= 0 else None
        reads |= symbol.reads
        steady = steady and symbol.steady
    seat_reads = {"trait:seats"}
    seats: UsageReader = lambda account, now: account.seats  # noqa: E731 - the default reader
    if "seats" in usage:
        seats = usage["seats"]
        seat_reads = set(ground.scope.meters[keys.units["seats"]].reads)
    for plan in ground.catalog.plans.values():
        for unit in {*plan.includes, *plan.extra} - set(keys.units):
            at = ("catalog", "plans", plan.id)
            hint = f"say how it is measured: units: {{ {unit}: METER }}"
            source.add("L209", f"nothing measures the unit `{unit}`", at, hint, on_key=True, severity="lint")
    price_reads = frozenset({"trait:plan_price", *seat_reads})
    ground.scope = ground.scope.within(
        pricing=frozenset(reads | seat_reads), price_reads=price_reads, pricing_steady=steady
    )
    priced = replace(ground.catalog, usage=usage, closed=closed, seats=seats)
    ground.catalog = priced
    if keys.bill is None:
        return
    ground.names.take_catalog(priced)
    checked = ground.names.check(source, ("catalog", "bill"), keys.bill, ground.scope, MONEY)
    if checked is None:
        return
    typed, constants = checked
    published = function(typed, constants, ground.names.namespace, "a, n, e=None, o=None")
    ground.catalog = replace(priced, published=published)
    ground.scope = ground.scope.within(
        pricing=ground.scope.pricing | typed.reads, pricing_steady=steady and typed.steady
    )


# --- events, meters, facts ------------------------------------------------------------------------------


def _events(sources: list[Source]) -> dict[str, dict[str, str]]:
    events: dict[str, dict[str, str]] = {}
    for source in sources:
        for name, fields in source.keys.events.items():
            at: Loc = ("events", name)
            if name in events:
                source.add("N107", f"event `{name}` is declared twice", at, on_key=True)
            for trait in fields or {}:
                if name == PROFILE and trait in BUILT_IN:
                    source.add("N107", f"the trait `{trait}` is built in", (*at, trait), "leave it out", on_key=True)
                if trait in ("currency",) and name != PROFILE:
                    hint = "it is understood by itself: it names the currency of the event's money"
                    source.add("N107", "`currency` need not be declared", (*at, trait), hint, on_key=True)
            events[name] = dict(fields or {})
    return events


def event_scope(ground_scope: Scope, events: dict[str, dict[str, str]], event: str) -> Scope:
    """Return the scope of a `where`: the event's own fields, plans and add-ons, no account."""
    return ground_scope.within(event=event, fields=events.get(event, {}), account=False)


def _meters(sources: list[Source], ground: Ground) -> None:
    drafts: list[tuple[Source, str, MeterKeys]] = []
    for source in sources:
        for name, keys in source.keys.meters.items():
            if any(name == other for _, other, _ in drafts):
                source.add("N107", f"meter `{name}` is declared twice", ("meters", name), on_key=True)
                continue
            drafts.append((source, name, keys))
    index = closed = 0
    for source, name, keys in sorted(drafts, key=lambda draft: draft[1]):
        meter = _meter(source, name, keys, ground, index, closed)
        if meter is None:
            continue
        index += 1
        closed += meter.closed_index >= 0
        read = reader(meter)
        ground.meters[name] = meter
        ground.readers[name] = read
        ground.names.namespace[f"M_{name}"] = read
        ground.scope.meters[name] = _symbol(meter, keys, ground)


def _symbol(meter: Meter, keys: MeterKeys, ground: Ground) -> Symbol:
    kind = _meter_type(meter, keys, ground)
    reads = {f"on:{meter.event}", f"meter:{meter.name}"}
    if meter.span in ("cycle", "month"):
        reads.add("cycle")
    plainly = meter.kind in ("count", "sum") and meter.span != "days"
    code = f"a.meters[{meter.index}]" if plainly else f"M_{meter.name}(a, n)"
    if kind == PLAN:
        code = f"P({code})"
    elif kind == ADDON:
        code = f"ADDONS.get({code})"
    return Symbol(kind, code, True, frozenset(reads), steady=meter.span != "days")


def _meter_type(meter: Meter, keys: MeterKeys, ground: Ground) -> Type:
    if meter.kind in ("count", "unique"):
        return NUMBER
    if meter.kind == "share":
        return PERCENT
    field_name = getattr(keys, meter.kind) or ""
    return FIELD_TYPES.get(ground.events.get(meter.event, {}).get(field_name, "number"), NUMBER)


def _meter(source: Source, name: str, keys: MeterKeys, ground: Ground, index: int, closed: int) -> Meter | None:
    at: Loc = ("meters", name)
    given = [kind for kind in KINDS if getattr(keys, kind) is not None]
    if len(given) != 1:
        found = "none" if not given else " and ".join(given)
        source.add("N117", f"a meter has exactly one of {', '.join(KINDS)}; this one has {found}", at, on_key=True)
        return None
    kind = cast("Kind", given[0])
    subject = getattr(keys, kind)
    event = subject if kind == "count" else keys.of
    if event is None:
        source.add("N105", f"meter `{name}` needs `of: EVENT`", at, on_key=True)
        return None
    if kind == "count" and keys.of is not None:
        source.add("N106", "`count` names the event itself; leave `of` out", (*at, "of"), on_key=True)
    if not must_be_known(source, (*at, kind if kind == "count" else "of"), event, ground.events, "event"):
        return None
    span, step = _window(source, at, kind, keys)
    scope = event_scope(ground.scope, ground.events, event)
    where = ground.names.of_event(source, (*at, "where"), keys.where, scope, TRUTH)
    match = read_field = None
    kind_of_field = "number"
    if kind == "share":
        match = ground.names.of_event(source, (*at, "share"), subject, scope, TRUTH)
    elif kind != "count":
        fields = ground.events[event]
        if not must_be_known(source, (*at, kind), subject, fields, f"field of {event}"):
            return None
        kind_of_field = fields[subject]
        _must_suit(source, (*at, kind), kind, kind_of_field)
        read_field = _field_reader(subject)
    keeps = span in ("cycle", "month")
    definition = f"{kind}|{subject}|{keys.of}|{keys.over}|{keys.where}|{kind_of_field}"
    ground.definitions[name] = definition
    return Meter(
        name,
        _slot_id(name, definition, keeps=keeps),
        index,
        closed if keeps else -1,
        kind,
        span,
        event,
        step,
        text=kind in ("last", "unique") and kind_of_field in ("text", "plan", "addon"),
        money=kind_of_field == "money",
        where=where,
        field=read_field,
        match=match,
    )


def _field_reader(name: str) -> Any:
    return attrgetter(f"data.{name}")


def _must_suit(source: Source, at: Loc, kind: str, field_kind: str) -> None:
    suits = {
        "sum": ("number", "money"),
        "max": ("number", "money", "time"),
        "min": ("number", "money", "time"),
        "last": ("number", "money", "time", "text", "plan", "addon", "bool"),
        "unique": ("text", "plan", "addon", "number"),
    }[kind]
    if field_kind not in suits:
        source.add("N110", f"`{kind}` needs a field of type {' or '.join(suits)}; this one is {field_kind}", at)


def _window(source: Source, at: Loc, kind: Kind, keys: MeterKeys) -> tuple[Span, int]:
    if keys.over is None:
        if kind not in ("last", "max", "min"):
            options = "billing cycle, calendar month, N days or lifetime"
            source.add("N105", f"a {kind} needs `over`: {options}", at, on_key=True)
        return "lifetime", 0
    if keys.over in _SPANS:
        return _SPANS[keys.over], 0
    days = _DAYS.fullmatch(keys.over)
    if days is None or not 1 <= int(days[1]) <= 1100:
        hint = "write billing cycle, calendar month, lifetime or a number of days such as 30 days"
        source.add("N116", f"'{keys.over}' is no window", (*at, "over"), hint)
        return "lifetime", 0
    return "days", int(days[1]) * DAY // STEPS


def _slot_id(name: str, definition: str, *, keeps: bool) -> bytes:
    digest = hashlib.blake2b(f"{name}|{definition}".encode(), digest_size=5).digest()
    return digest[:4] + bytes([(digest[4] & 0x7F) | (PERIODIC if keeps else 0)])


def _facts(sources: list[Source], ground: Ground) -> None:
    """Check facts in the order in which they read each other; a circle is a problem."""
    open_facts: dict[str, tuple[Source, str]] = {}
    for source in sources:
        for name, text in source.keys.facts.items():
            if name in open_facts:
                source.add("N107", f"fact `{name}` is declared twice", ("facts", name), on_key=True)
            open_facts[name] = (source, text)
    path: list[str] = []

    def settle(name: str) -> None:
        source, text = open_facts[name]
        if name in path:
            circle = " -> ".join([*path[path.index(name) :], name])
            source.add("N115", f"facts read each other in a circle: {circle}", ("facts", name), on_key=True)
            return
        path.append(name)
        for other in _words(text):
            if other in open_facts and other not in ground.scope.facts and other != name:
                settle(other)
        if name in _words(text):
            source.add("N115", f"the fact `{name}` reads itself", ("facts", name), on_key=True)
        elif name not in ground.scope.facts:
            checked = ground.names.check(source, ("facts", name), text, ground.scope)
            if checked is not None:
                ground.scope.facts[name] = checked[0]
                ground.names.define(name, *checked)
        path.pop()

    for name in open_facts:
        if name not in ground.scope.facts:
            settle(name)


def _words(text: str) -> set[str]:
    return set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", text))


def _unique_names(sources: list[Source], ground: Ground) -> None:
    """Names are unique in the project, over plans, add-ons, meters and facts."""
    taken: dict[str, str] = dict.fromkeys(_RESERVED, "a word of the language")
    for source in sources:
        catalog = source.keys.catalog
        groups: list[tuple[str, Loc, Any]] = [
            ("a plan", ("catalog", "plans"), catalog.plans if catalog else {}),
            ("an add-on", ("catalog", "addons"), catalog.addons if catalog else {}),
            ("a meter", ("meters",), source.keys.meters),
            ("a fact", ("facts",), source.keys.facts),
        ]
        for what, at, names in groups:
            for name in names:
                if taken.get(name, what) != what:
                    source.add("N107", f"`{name}` is {taken[name]} already", (*at, name), on_key=True)
                taken.setdefault(name, what)
