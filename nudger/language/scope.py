"""The symbol table: every name an expression or a template can read, with its type and how it is read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from nudger.core.traits import HOISTED, TraitKind
from nudger.language.report import suggest
from nudger.language.typed import (
    ACCOUNT,
    ADDON,
    DURATION,
    EVENT,
    GROUP,
    MONEY,
    NUMBER,
    OFFER,
    PLAN,
    ROW,
    TEXT,
    TEXTS,
    TIME,
    TRUTH,
    Symbol,
    Type,
    Typed,
    list_of,
)

FIELD_TYPES: dict[str, Type] = {
    "text": TEXT,
    "number": NUMBER,
    "money": MONEY,
    "time": TIME,
    "bool": TRUTH,
    "plan": PLAN,
    "addon": ADDON,
    "list": TEXTS,
    "plans": list_of(PLAN),
    "addons": list_of(ADDON),
    "contacts": GROUP,
    "owner": GROUP,
}
_PLAN_READS = frozenset({"trait:plan"})


class UnknownName(LookupError):
    """A name that is not in scope: which part of it (index), the sentence and the advice."""

    def __init__(self, part: int, message: str, hint: str, code: str = "N102") -> None:
        super().__init__(message)
        self.part, self.message, self.hint, self.code = part, message, hint, code


@dataclass(slots=True)
class Scope:
    """What can be named in one place.

    Attributes:
        plans, addons: Ids of the catalogue. `units`, `features`: names used by plans.
        meters: Meter name -> symbol. `facts`, `lets`: name -> checked expression.
        pricing: What `bill` and its kin depend on. `pricing_steady`: see `Symbol.steady`.
        event: The event's type when `event.…` can be read here, with `fields` its declared fields.
        offers: `offer.…` can be read here. `saving`: the code that reads `saving`, "" where no plan is offered.
        `mail`: the names that exist only in mails can be.
        where: For messages: what this place is, such as "a meter's `where`".
    """

    plans: frozenset[str] = frozenset()
    addons: frozenset[str] = frozenset()
    units: frozenset[str] = frozenset()
    meters: dict[str, Symbol] = field(default_factory=dict)
    facts: dict[str, Typed] = field(default_factory=dict)
    lets: dict[str, Typed] = field(default_factory=dict)
    traits: dict[str, TraitKind] = field(default_factory=dict)
    pricing: frozenset[str] = frozenset()
    price_reads: frozenset[str] = frozenset()
    pricing_steady: bool = True
    event: str | None = None
    fields: dict[str, str] = field(default_factory=dict)
    offers: bool = False
    saving: str = ""
    mail: bool = False
    account: bool = True
    currency: str = "USD"

    def within(self, **changes: object) -> Scope:
        """Return the same scope with some things changed."""
        return replace(self, **changes)  # type: ignore[arg-type]

    # --- roots ---------------------------------------------------------------------------------

    def names(self) -> list[str]:
        """Return every first word that means something here, for suggestions."""
        roots = ["event"] if self.event is not None else []
        if self.account:
            roots += ["account", "plan", "next_plan", "best_plan", "bill", "cycle", "now", "saving"]
            roots += [*self.meters, *self.facts, *self.lets]
        if self.offers:
            roots.append("offer")
        if self.mail:
            roots += ["person", "comparison", "links"]
        return [*roots, *self.plans, *self.addons]

    def resolve(self, parts: tuple[str, ...]) -> Symbol | Typed:
        """Return the symbol of a dotted name; a fact or let comes back as its checked expression.

        Raises:
            UnknownName: No such name here.
        """
        root, rest = parts[0], parts[1:]
        if not rest:
            if root in self.lets and self.account:
                return self.lets[root]
            if root in self.facts and self.account:
                return self.facts[root]
        symbol = self._root(root)
        for index, name in enumerate(rest, start=1):
            symbol = self._attribute(symbol, name, index, parts)
        if symbol.type in (ACCOUNT, EVENT, GROUP, OFFER):
            inside = ", ".join(self._inside(symbol)[:6])
            raise UnknownName(len(parts) - 1, f"`{'.'.join(parts)}` is not one value", f"name one of {inside}, …")
        return symbol

    def _root(self, root: str) -> Symbol:
        if self.event is not None and root == "event":
            return Symbol(EVENT, "e")
        found = self._account_root(root) if self.account else None
        if found is not None:
            return found
        if root in self.plans:
            return Symbol(PLAN, f"P({root!r})", maybe=False)
        if root in self.addons:
            return Symbol(ADDON, f"ADDONS[{root!r}]", maybe=False)
        raise self._unknown_root(root)

    def _account_root(self, root: str) -> Symbol | None:
        if root in self.meters:
            return self.meters[root]
        pricing, steady = self.pricing, self.pricing_steady
        match root:
            case "account":
                return Symbol(ACCOUNT, "a")
            case "plan":
                return Symbol(PLAN, "P(a.plan)", reads=_PLAN_READS)
            case "next_plan":
                return Symbol(PLAN, "FOLLOWING.get(a.plan)", reads=_PLAN_READS)
            case "best_plan":
                reads = pricing | {"trait:features_used"}
                return Symbol(PLAN, "CAT.best_plan(a, n, FEATURES_USED(a))", reads=reads, steady=steady)
            case "bill":
                return Symbol(MONEY, "BILL(a, n)", reads=pricing, steady=steady)
            case "saving" if self.saving:
                return Symbol(MONEY, self.saving, reads=pricing | {"offer"}, steady=steady)
            case "cycle":
                return Symbol(GROUP, "cycle")
            case "now":
                return Symbol(TIME, "n", maybe=False, reads=frozenset({"now"}), steady=False)
            case "offer" if self.offers:
                return Symbol(OFFER, "o", reads=pricing | {"offer"})
            case "comparison" if self.mail:
                return Symbol(list_of(ROW), "COMPARISON(a, n, o)", maybe=False)
            case "person" | "links" if self.mail:
                return Symbol(GROUP, root)
        return None

    def _unknown_root(self, root: str) -> UnknownName:
        if root in ("largest", "groups", "peers", "trigger", "variant", "step"):
            return UnknownName(0, f"`{root}` is part of the language but not built in this release", "", "N103")
        if root == "saving":
            return UnknownName(0, "`saving` needs an offered plan", "give the rule an `offer: { plan: … }`")
        if root == "event":
            return UnknownName(0, "`event` can be read only in a rule with a trigger", "give the rule a `trigger`")
        if root == "offer":
            return UnknownName(0, "`offer` can be read only in guards, and in the mail of a rule with an `offer`", "")
        return UnknownName(0, f"unknown name '{root}'", suggest(root, self.names()))

    # --- attributes ------------------------------------------------------------------------------

    def _inside(self, symbol: Symbol) -> list[str]:
        match symbol.type.word, symbol.code:
            case "account", _:
                return ["age", *self.traits] + (["id"] if self.mail else [])
            case "event", _:
                return ["time", *self.fields]
            case "offer", _:
                inside = ["name", "price", "saving", "plan", "id", "kind"]
                return inside + (["link", "expires"] if self.mail else [])
            case "plan", _:
                return ["name", "price", "fixed_price", "seat_price", "features", "includes", "id"]
            case "add-on", _:
                return ["name", "price", "id"]
            case "comparison row", _:
                return ["plan", "price", "bill", "saving", "covers"]
            case _, "cycle":
                return ["start", "end", "left"]
            case _, "person":
                return ["first_name", "name", "address", "role"]
            case _, "links":
                return ["unsubscribe", "preferences"]
            case _, code if code.endswith(".includes"):
                return sorted(self.units)
            case _, code if code.endswith(".owner"):
                return ["name", "address"]
            case _:
                return []

    def _attribute(self, symbol: Symbol, name: str, part: int, parts: tuple[str, ...]) -> Symbol:
        inside = self._inside(symbol)
        if name not in inside:
            whole = ".".join(parts[:part])
            hint = suggest(name, inside) or (f"there is {', '.join(inside[:8])}" if inside else "")
            raise UnknownName(part, f"`{whole}` has no '{name}'", hint)
        match symbol.type.word:
            case "account":
                return self._trait(name)
            case "event":
                return self._field(name)
            case "offer":
                return self._of_offer(symbol, name)
            case "plan":
                return self._of_plan(symbol, name)
            case "add-on":
                kind = MONEY if name == "price" else TEXT
                return replace(symbol, type=kind, code=_of(symbol, name))
            case _:
                return self._of_group(symbol, name)

    def _of_group(self, symbol: Symbol, name: str) -> Symbol:
        code = symbol.code
        if code == "cycle":
            if name == "left":
                left = "(a.cycle_end - n if a.cycle_end else None)"
                return Symbol(DURATION, left, reads=frozenset({"cycle", "now"}), steady=False)
            return Symbol(TIME, f"(a.cycle_{name} or None)", reads=frozenset({"cycle"}))
        if code.endswith(".includes"):
            source = code.removesuffix(".includes")
            return replace(symbol, type=NUMBER, code=f"INCLUDES({source}, {name!r})", maybe=True)
        if code.endswith(".owner"):
            return replace(symbol, type=TEXT, code=f"ATTRIBUTE({code}, {name!r})", maybe=True)
        if symbol.type == ROW:
            types = {"plan": PLAN, "covers": TRUTH}
            return replace(
                symbol, type=types.get(name, MONEY), code=_of(symbol, name), maybe=name in ("bill", "saving")
            )
        return Symbol(TEXT, f"{code}.{name}", maybe=code == "person" and name in ("first_name", "name"))

    def _of_plan(self, symbol: Symbol, name: str) -> Symbol:
        match name:
            case "price":
                reads = symbol.reads | self.price_reads
                return replace(symbol, type=MONEY, code=f"PRICE({symbol.code}, a, n)", reads=reads, maybe=True)
            case "includes":
                return replace(symbol, type=GROUP, code=f"{symbol.code}.includes")
            case "features":
                return replace(symbol, type=TEXTS, code=_of(symbol, name))
            case "fixed_price" | "seat_price":
                return replace(symbol, type=MONEY, code=_of(symbol, name), maybe=True)
            case _:
                return replace(symbol, type=TEXT, code=_of(symbol, name))

    def _of_offer(self, symbol: Symbol, name: str) -> Symbol:
        types = {"price": MONEY, "saving": MONEY, "plan": PLAN, "expires": TIME}
        code = "mail.offer_" + name if name in ("link", "expires") else _of(symbol, name)
        return replace(symbol, type=types.get(name, TEXT), code=code, maybe=not self.mail or name in ("saving", "plan"))

    def _field(self, name: str) -> Symbol:
        if name == "time" and name not in self.fields:
            return Symbol(TIME, "e.time", maybe=False, reads=frozenset({"event:time"}))
        kind = self.fields[name]
        code = f"e.data.{name}"
        if kind == "plan":
            code = f"P({code})"
        elif kind == "addon":
            code = f"ADDONS.get({code})"
        return Symbol(FIELD_TYPES[kind], code, reads=frozenset({f"event:{name}"}))

    def _trait(self, name: str) -> Symbol:
        if name == "age":
            age = "(None if a.created_at is None else n - a.created_at)"
            return Symbol(DURATION, age, reads=frozenset({"trait:created_at", "now"}), steady=False)
        if name == "id":
            return Symbol(TEXT, "mail.account_id", maybe=False)
        kind, reads = self.traits[name], frozenset({f"trait:{name}"})
        if name == "plan":
            return Symbol(PLAN, "P(a.plan)", reads=reads)
        if name == "plan_since":
            return Symbol(TIME, "(T(a).plan_since or a.plan_since or None)", reads=reads | _PLAN_READS)
        code = f"a.{name}" if name in HOISTED else f"T(a).{name}"
        if kind == "plan":
            code = f"P({code})"
        return Symbol(FIELD_TYPES[kind], code, maybe=name != "anchor_day", reads=reads)


def _of(symbol: Symbol, name: str) -> str:
    """Return the code of an attribute that is missing where its owner is."""
    return f"ATTRIBUTE({symbol.code}, {name!r})" if symbol.maybe else f"{symbol.code}.{name}"
