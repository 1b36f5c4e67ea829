"""One raw record into one event: our own JSON and CloudEvents 1.0 (structured mode).

The plain case is one typed decode: a union of envelopes told apart by `type`, with only the fields that are declared.
Whatever does not fit takes the slow path, which finds out what is wrong and says it in plain words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

import msgspec
import xxhash

from nudger.core import calendar
from nudger.core.event import PROFILE, Event
from nudger.errors import EventError
from nudger.intake.fields import Amounts, Clean, cleaner, data_type, exact, expected
from nudger.intake.moment import SECONDS, Times

MOST_BYTES = 64 * 1024
MOST_ID = 512
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_32 = 0xFFFFFFFF
_hash = xxhash.xxh3_64_intdigest
_pack = msgspec.msgpack.Encoder(decimal_format="string").encode


class Undeclared(NamedTuple):
    """An event of a type that no rule file declares: counted, not set aside."""

    type: str


class _Kind(NamedTuple):
    """What one declared event type needs: its data's type, the checks of its fields, and their kinds."""

    data: type[msgspec.Struct]
    clean: Clean | None
    kinds: dict[str, str]


class Reader:
    """Reads the records of one project.

    Args:
        events: Declared event type -> field -> kind; kept as `declared`.
        plans, addons: Ids of the catalogue.
    """

    def __init__(self, events: dict[str, dict[str, str]], plans: frozenset[str], addons: frozenset[str]) -> None:
        self.declared = events
        self._times = Times()
        self._plans = plans
        self.unknown_plans = 0
        self._kinds: dict[str, _Kind] = {}
        self._finish: dict[type, Callable[[Any, str], Event]] = {}
        envelopes = []
        for event, fields in events.items():
            data = data_type(event, fields)
            self._kinds[event] = _Kind(data, cleaner(fields, self._times, plans, addons, event), fields)
            envelope = _envelope(event, data)
            envelopes.append(envelope)
            self._finish[envelope] = self._finisher(event)
        union: Any = envelopes[0]
        for envelope in envelopes[1:]:
            union = union | envelope
        self._decode: Callable[[bytes], Any] = msgspec.json.Decoder(union, float_hook=Amounts().__getitem__).decode
        self._plain: Callable[[bytes], Any] = msgspec.json.Decoder(float_hook=_number).decode

    def read(self, raw: bytes) -> Event | Undeclared:
        """Return the event of one record.

        Raises:
            EventError: With the code and the reason for setting it aside.
        """
        found = self.read_all((raw,))[0]
        if isinstance(found, EventError):
            raise found
        return found

    def read_all(self, records: Sequence[bytes]) -> list[Event | Undeclared | EventError]:
        """Return what each record is: its event, or the reason for setting it aside."""
        decode, finish, slowly = self._decode, self._finish, self._slowly
        found: list[Event | Undeclared | EventError] = []
        add = found.append
        for raw in records:
            try:
                envelope = decode(raw)
                account, name = envelope.account, envelope.id
                if envelope.specversion is not None:
                    account = envelope.subject if _is_plain_cloud(envelope) else None
                if (
                    account
                    and name
                    and len(name) + len(account) <= MOST_ID
                    and len(raw) <= MOST_BYTES
                    and account.isprintable()
                    and name.isprintable()
                    and envelope.source.isprintable()
                ):
                    add(finish[envelope.__class__](envelope, account))
                    continue
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, InvalidOperation, EventError):
                pass  # the slow way knows what is out of order, and where
            add(slowly(raw))
        return found

    def row(self, raw: bytes) -> Event:
        """Return the event of one row of an accounts file: `account` and its traits, without a time of its own.

        Raises:
            EventError: With the code and the reason for setting it aside.
        """
        values = self._object(raw)
        account = _name(values.pop("account", None), "no_account", "account")
        if "traits" in values and isinstance(values["traits"], dict):
            values = values["traits"]
        data = self._data(PROFILE, values)
        return self._typed(PROFILE, account, "", f"row:{_hash(raw):016x}", 0, data)

    # --- the plain way -----------------------------------------------------------------------------

    def _finisher(self, event: str) -> Callable[[Any, str], Event]:
        """Return the function that makes an event of a decoded envelope of one type."""
        read, typed = self._times.read, self._typed
        clean = self._kinds[event].clean
        if event == PROFILE:
            return lambda found, account: typed(event, account, found.source, found.id, read(found.time), found.data)

        minutes, seconds, seed = self._times.minutes, SECONDS, _seed(event)

        def finish(found: Any, account: str) -> Event:
            data, source, name, text = found.data, found.source, found.id, found.time
            # 2026-03-02T10:00 with :00Z, in a minute that has been read before: nearly every event's time
            minute, second = minutes.get(text[:16]), seconds.get(text[16:])
            at = read(text) if minute is None or second is None else minute + second
            if clean is not None:
                clean(data)
            key = _hash(f"{account}\x1f{source}\x1f{name}".encode())
            return Event(
                event, account, at, data, source, name, data.currency, key, _hash(_pack(data), at ^ seed) & _32
            )

        return finish

    def _typed(self, kind: str, account: str, source: str, name: str, at: int, data: Any) -> Event:
        clean = self._kinds[kind].clean
        if clean is not None:
            clean(data)
        currency = None
        if kind == PROFILE:
            self._check_profile(data)
        else:
            currency = data.currency
        key = _hash(f"{account}\x1f{source}\x1f{name}".encode())
        return Event(kind, account, at, data, source, name, currency, key, _content(kind, at, data))

    def _check_profile(self, data: Any) -> None:
        plan = data.plan
        if plan is not msgspec.UNSET and plan is not None and plan not in self._plans:
            data.plan = None  # a stale plan would mail wrongly; the other traits are taken
            self.unknown_plans += 1
        zone = data.zone
        if zone is not msgspec.UNSET and zone is not None and calendar.zone(zone) is None:
            raise EventError(
                "bad_field", f"`zone` is '{zone[:40]}', which is no time zone; write one like Europe/Berlin"
            )
        anchor = data.anchor_day
        if anchor is not msgspec.UNSET and anchor is not None and not (isinstance(anchor, int) and 1 <= anchor <= 31):
            raise EventError("bad_field", "`anchor_day` is a day of the month, 1 to 31")
        seats = data.seats
        if seats is not msgspec.UNSET and seats is not None and not (isinstance(seats, int) and seats >= 0):
            raise EventError("bad_field", "`seats` is a whole number, 0 or more")

    # --- the slow way: find out what is wrong ----------------------------------------------------------

    def _object(self, raw: bytes) -> dict[str, Any]:
        try:
            values = self._plain(raw)
        except RecursionError:
            raise EventError("too_deep", "lists or objects are nested too deeply") from None
        except msgspec.DecodeError as error:
            raise EventError("not_json", f"not JSON: {error}") from None
        except UnicodeDecodeError:
            raise EventError("not_json", "not JSON: a text in it is not UTF-8") from None
        if not isinstance(values, dict):
            raise EventError("not_json", "not a JSON object")
        return values

    def _slowly(self, raw: bytes) -> Event | Undeclared | EventError:
        try:
            return self._look_into(raw)
        except EventError as error:
            return error

    def _look_into(self, raw: bytes) -> Event | Undeclared:
        if len(raw) > MOST_BYTES:
            raise EventError("too_large", f"the event has {len(raw):,} bytes; the most is {MOST_BYTES:,}")
        values = self._object(raw)
        kind = values.get("type")
        if not isinstance(kind, str) or not kind:
            raise EventError("bad_field", "`type` is missing" if kind is None else "`type` is no text")
        is_cloud = values.get("specversion") is not None
        if is_cloud and values["specversion"] != "1.0":
            raise EventError("bad_field", "`specversion` is not 1.0")
        if kind not in self._kinds:
            return Undeclared(kind)
        holder = "subject" if is_cloud else "account"
        account = _name(values.get(holder), "no_account", holder)
        name = _name(values.get("id"), "no_id", "id")
        source = values.get("source")
        if source is not None and not isinstance(source, str):
            raise EventError("bad_field", "`source` is no text")
        if source and _CONTROL.search(source):
            raise EventError("bad_field", "`source` has a control character in it")
        time = values.get("time")
        if not isinstance(time, str):
            raise EventError("no_time", "`time` is missing" if time is None else "`time` is no text")
        if is_cloud and values.get("data_base64") is not None:
            raise EventError("bad_field", "`data_base64` is not read; send `data` as JSON")
        at = self._times.read(time)
        data = self._data(kind, values.get("data") if values.get("data") is not None else {})
        return self._typed(kind, account, source or "", name, at, data)

    def _data(self, kind: str, values: Any) -> Any:
        """Return the typed data of an untyped object."""
        if not isinstance(values, dict):
            raise EventError("bad_field", "`data` is no object")
        known = self._kinds[kind]
        if kind == PROFILE:
            for name in values:
                if name not in known.kinds:
                    hint = "declare it under `events: account.updated`, or leave it out"
                    raise EventError("unknown_trait", f"`{name[:40]}` is no trait that is declared; {hint}")
        for name, value in values.items():
            field = known.kinds.get(name)
            if field is None or value is None:
                continue
            if field in ("number", "money"):
                values[name] = exact(name, field, value)
            else:
                _must_be(known.data, name, field, value)
        try:
            return msgspec.convert(values, known.data)
        except msgspec.ValidationError as error:
            raise EventError("bad_field", f"the data does not fit: {error}") from None


def _envelope(event: str, data: type[msgspec.Struct]) -> type[msgspec.Struct]:
    fields: list[tuple[str, Any, Any]] = [
        ("id", str, ""),
        ("account", str | None, None),
        ("subject", str | None, None),
        ("source", str, ""),
        ("specversion", str | None, None),
        ("data_base64", Any, None),
        ("time", str, ""),
        ("data", data, msgspec.field(default_factory=data)),
    ]
    return msgspec.defstruct("Envelope", fields, tag_field="type", tag=event, gc=False)


def _number(text: str) -> Decimal | float:
    """Return a JSON number exactly; one whose exponent nobody could hold is infinite, which no field takes."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return float("inf")


def _must_be(shape: type[msgspec.Struct], name: str, kind: str, value: Any) -> None:
    try:
        msgspec.convert({name: value}, shape)
    except msgspec.ValidationError:
        raise EventError("bad_field", f"`{name}` is not {expected(kind)}") from None


def _name(value: Any, code: str, field: str) -> str:
    if value is None or value == "":
        raise EventError(code, f"`{field}` is missing")
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise EventError(code, f"`{field}` is no text")
    if len(value) > MOST_ID:
        raise EventError(code, f"`{field}` has more than {MOST_ID} characters")
    if _CONTROL.search(value):
        raise EventError(code, f"`{field}` has a control character in it")
    return value


def _is_plain_cloud(envelope: Any) -> bool:
    return envelope.specversion == "1.0" and envelope.data_base64 is None


def _seed(event: str) -> int:
    return _hash(event.encode()) >> 1


def _content(event: str, at: int, data: Any) -> int:
    """Return 32 bits over type, time and declared fields, by value: `cleaner` has brought numbers to one form."""
    return _hash(_pack(data), at ^ _seed(event)) & _32
