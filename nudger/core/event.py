"""An event as the core sees it: already checked, dated and typed by the room `intake`."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

#: The one event that changes traits; every other event has no hidden effect.
PROFILE = "account.updated"


class Event(msgspec.Struct, gc=False):
    """One usage event.

    Attributes:
        type: The declared event type, such as ``credit.purchased``.
        account: Whose event it is.
        time: When it happened, ms since 1970 UTC; 0 for a row of an accounts file, which has no time of its own.
        data: The declared fields as attributes; a field that did not come is None.
        source: The producer's name, "" when it gave none; with `id` it names the event.
        id: The producer's id of the event.
        currency: The currency of its money fields, None for the account's own.
        key: 64 bits over (account, source, id). `content`: 32 bits over type, time and declared fields, by value.
    """

    type: str
    account: str
    time: int
    data: Any
    source: str = ""
    id: str = ""
    currency: str | None = None
    key: int = 0
    content: int = 0


class Snapshot(msgspec.Struct, array_like=True, gc=False):
    """An event kept in an account's state because something that waits will read it again."""

    type: str
    time: int
    source: str
    id: str
    data: bytes  # msgpack of the declared fields
    currency: str | None = None


_KEPT: dict[str, Any] = {
    "text": str,
    "number": int | Decimal,
    "money": int | Decimal,
    "time": int,
    "bool": bool,
    "plan": str,
    "addon": str,
    "list": list[str],
}
_encode = msgspec.msgpack.Encoder(decimal_format="string").encode


def keep(event: Event) -> Snapshot:
    """Return what has to be kept of an event that opened something that waits."""
    return Snapshot(event.type, event.time, event.source, event.id, _encode(event.data), event.currency)


def without_gaps(event: Event) -> Event:
    """Return an `account.updated` as rules and meters read it: a trait that did not come is missing, as null is."""
    data = event.data
    absent = {name: None for name in data.__struct_fields__ if getattr(data, name) is msgspec.UNSET}
    return msgspec.structs.replace(event, data=msgspec.structs.replace(data, **absent))


def waker(fields: dict[str, dict[str, str]]) -> Callable[[Snapshot, str], Event]:
    """Return the function that makes an event of a snapshot again.

    Args:
        fields: For each declared event type its fields and their kinds. A field that came under another kind, or that
            is no longer declared, is missing.
    """
    shapes = {
        event: msgspec.defstruct("Data", [(name, _KEPT.get(kind, Any) | None, None) for name, kind in declared.items()])
        for event, declared in fields.items()
    }

    def wake(snapshot: Snapshot, account: str) -> Event:
        shape = shapes.get(snapshot.type)
        data = None
        if shape is not None:
            try:
                data = msgspec.msgpack.decode(snapshot.data, type=shape)
            except msgspec.ValidationError:
                data = shape()
        source, at, currency = snapshot.source, snapshot.time, snapshot.currency
        return Event(snapshot.type, account, at, data, source, snapshot.id, currency)

    return wake
