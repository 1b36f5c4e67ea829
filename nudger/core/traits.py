"""An account's traits: what the billing system says about it, merged field by field, kept packed.

The traits that the engine reads at every event stand as fields in the state (`HOISTED`); the others stay bytes until a
rule or a mail asks for one. A trait that today's rule book does not declare is kept as it is.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal, cast

import msgspec

from nudger.core.account import Account
from nudger.core.contact import Contact, Owner
from nudger.core.event import Event

TraitKind = Literal["text", "number", "money", "time", "bool", "list", "plan", "plans", "addons", "contacts", "owner"]

#: Every account has these; a company declares its own under `events: account.updated`.
BUILT_IN: dict[str, TraitKind] = {
    "name": "text",
    "plan": "plan",
    "plan_price": "money",
    "seats": "number",
    "addons": "addons",
    "trial": "plan",
    "trial_ends_at": "time",
    "tried": "plans",
    "features_used": "list",
    "created_at": "time",
    "plan_since": "time",
    "renews_at": "time",
    "anchor_day": "number",
    "cycle_started_at": "time",
    "currency": "text",
    "zone": "text",
    "locale": "text",
    "stage": "text",
    "industry": "text",
    "size": "text",
    "milestones": "list",
    "open_tickets": "number",
    "unpaid": "bool",
    "owner": "owner",
    "contacts": "contacts",
}
#: Kept as fields of `Account`, under their own names.
HOISTED = frozenset({"plan", "plan_price", "seats", "currency", "zone", "anchor_day", "created_at"})

_TYPES: dict[TraitKind, Any] = {
    "text": str,
    "number": int | Decimal,
    "money": Decimal,
    "time": int,
    "bool": bool,
    "list": list[str],
    "plan": str,
    "plans": list[str],
    "addons": list[str],
    "contacts": list[Contact],
    "owner": Owner,
}
_encode = msgspec.msgpack.Encoder(decimal_format="string").encode
_packed = msgspec.msgpack.Decoder(dict[str, msgspec.Raw])


class Traits:
    """Reads and merges the packed traits of accounts, as one rule book declares them."""

    def __init__(self, declared: dict[str, TraitKind]) -> None:
        self.kinds: dict[str, TraitKind] = {**BUILT_IN, **declared}
        fields = [(name, _TYPES[kind] | None, None) for name, kind in self.kinds.items() if name not in HOISTED]
        self._type = msgspec.defstruct("Traits", fields, gc=False)
        self._decoder = msgspec.msgpack.Decoder(self._type)

    def read(self, account: Account) -> Any:
        """Return the packed traits as attributes; one that is missing is None."""
        cached = account.__dict__.get("traits_read")
        if cached is None:
            cached = account.__dict__["traits_read"] = self._unpack(account)
        return cached

    def _unpack(self, account: Account) -> Any:
        try:
            return self._decoder.decode(account.traits)
        except msgspec.ValidationError:
            # A trait was declared otherwise when it came: each that still fits counts, the others are missing.
            values = {}
            for name, raw in _packed.decode(account.traits).items():
                kind = self.kinds.get(name)
                if kind is not None and name not in HOISTED:
                    try:
                        values[name] = msgspec.msgpack.decode(raw, type=_TYPES[kind])
                    except msgspec.ValidationError:
                        continue
            return self._type(**values)

    def contacts(self, account: Account) -> list[Contact] | None:
        """Return the account's people, None when nothing is known of them."""
        return cast("list[Contact] | None", self.read(account).contacts)

    def addons(self, account: Account) -> list[str] | None:
        """Return the ids of the add-ons it has; None when that is not known, [] when it has none."""
        return cast("list[str] | None", self.read(account).addons)

    def features_used(self, account: Account) -> tuple[str, ...] | None:
        """Return the features it is known to use, None when that is not known."""
        used = self.read(account).features_used
        return None if used is None else tuple(used)

    def merge(self, account: Account, event: Event) -> list[str]:
        """Merge the traits of an `account.updated` into the account; return the names that changed.

        A field that did not come (UNSET) stays, None makes the trait missing, a list is replaced whole.
        """
        packed = _packed.decode(account.traits)
        changed = []
        for name in self.kinds:
            value = getattr(event.data, name, msgspec.UNSET)
            if value is msgspec.UNSET:
                continue
            if name in HOISTED:
                if name == "anchor_day" and value is None:
                    value = 1
                if getattr(account, name) != value:
                    setattr(account, name, value)
                    changed.append(name)
                continue
            raw = None if value is None else _encode(value)
            held = packed.get(name)
            if raw == (None if held is None else bytes(held)):
                continue
            changed.append(name)
            if raw is None:
                del packed[name]
            else:
                packed[name] = msgspec.Raw(raw)
        if changed:
            account.traits = msgspec.Raw(_encode(packed))
            account.__dict__.pop("traits_read", None)
        return changed
