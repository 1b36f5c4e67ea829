"""The fields of declared events: the type each is decoded as, and what msgspec's types cannot check."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from nudger.core.contact import Contact, Owner
from nudger.core.event import PROFILE
from nudger.core.money import MOST_DECIMALS, TOO_MUCH
from nudger.errors import EventError
from nudger.intake.moment import Times

#: What a field's JSON must be. Numbers stay open, so that a text can be told from a number; see `Cleaner`.
_JSON: dict[str, Any] = {
    "text": str,
    "number": Any,
    "money": Any,
    "time": str,
    "bool": bool,
    "plan": str,
    "addon": str,
    "list": list[str],
    "plans": list[str],
    "addons": list[str],
    "contacts": list[Contact],
    "owner": Owner,
}
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,3})?", re.ASCII)
_WORDS = {
    "text": "a text",
    "number": "a number",
    "money": "an amount",
    "time": "a time",
    "bool": "true or false",
    "plan": "a plan's id",
    "addon": "an add-on's id",
    "list": "a list of texts",
    "plans": "a list of plan ids",
    "addons": "a list of add-on ids",
    "contacts": "a list of { address, name, first_name, role, locale, zone }",
    "owner": "{ address, name }",
}
_INT_MAX = 10**15
_MOST_AMOUNTS = 200_000


def data_type(event: str, fields: dict[str, str]) -> type[msgspec.Struct]:
    """Return the type that the data of one declared event is decoded as."""
    if event == PROFILE:  # a field that did not come is not the same as null
        traits = [(name, _JSON[kind] | None | msgspec.UnsetType, msgspec.UNSET) for name, kind in fields.items()]
        return msgspec.defstruct("Traits", traits, forbid_unknown_fields=True)
    declared: list[tuple[str, Any, Any]] = [(name, _JSON[kind] | None, None) for name, kind in fields.items()]
    if "currency" not in fields:
        declared.append(("currency", str | None, None))
    return msgspec.defstruct("Data", declared, gc=False)


def expected(kind: str) -> str:
    """Return what a field of a kind should be, in words."""
    return _WORDS[kind]


def exact(name: str, kind: str, value: Any) -> int | Decimal:
    """Return a number or amount, exact, in bounds and in one form: a whole one as int, no trailing zeros.

    Raises:
        EventError: `bad_money` or `bad_field`.
    """
    code = "bad_money" if kind == "money" else "bad_field"
    if isinstance(value, str):
        if len(value) > 64 or not _NUMBER.fullmatch(value):
            raise EventError(code, f"`{name}` is '{value[:40]}', which is no number; write one like 12.50")
        value = Decimal(value)
    elif type(value) is not int and type(value) is not Decimal:
        raise EventError(code, f"`{name}` is no number")
    if type(value) is int:
        if not -_INT_MAX < value < _INT_MAX:
            raise EventError(code, f"`{name}` is out of bounds: it must be below 10^15")
        return value
    number: Decimal = value
    # Only the exponent is looked at first: the digits of 1e9999999 are never written out.
    if number.adjusted() >= TOO_MUCH.adjusted():
        raise EventError(code, f"`{name}` is out of bounds: it must be below 10^15")
    if number.adjusted() < -MOST_DECIMALS - 1 and number:
        raise EventError(code, f"`{name}` has more than {MOST_DECIMALS} decimals")
    if number == number.to_integral_value():
        return int(number)
    number = number.normalize()
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and -exponent > MOST_DECIMALS:
        raise EventError(code, f"`{name}` has more than {MOST_DECIMALS} decimals")
    return number


class Amounts(dict[str, "int | Decimal"]):
    """Numbers with a fraction or exponent by their digits, each checked and brought to its one form once.

    A price list is short, so a stream repeats its amounts. Used as the decoder's hook: `amounts["12.50"]`.
    """

    def __missing__(self, digits: str) -> int | Decimal:
        if len(self) >= _MOST_AMOUNTS:
            self.clear()
        number = self[digits] = exact("number", "number", Decimal(digits))
        return number


Clean = Callable[[Any], None]


def cleaner(
    fields: dict[str, str], times: Times, plans: frozenset[str], addons: frozenset[str], event: str = ""
) -> Clean | None:
    """Return the function that checks and converts an event's decoded data in place; it raises EventError.

    None when the decoder has checked everything there is.
    """
    numbers = [(name, kind) for name, kind in fields.items() if kind in ("number", "money")]
    known = {"plan": plans, "addon": addons} if event != PROFILE else {}
    others = [(name, kind) for name, kind in fields.items() if kind == "time" or kind in known]
    if not numbers and not others:
        return None

    def clean(data: Any) -> None:
        for name, kind in numbers:
            value = getattr(data, name)
            if value.__class__ is Decimal or value is None or value is msgspec.UNSET:
                continue  # a Decimal comes from `Amounts`, which has checked it
            setattr(data, name, exact(name, kind, value))
        for name, kind in others:
            value = getattr(data, name)
            if value is None or value is msgspec.UNSET:
                continue
            if kind == "time":
                setattr(data, name, _time(name, value, times))
            elif value not in known[kind]:
                raise EventError("bad_field", f"`{name}` is '{value[:40]}', which is no {kind} of the catalogue")

    return clean


def _time(name: str, text: str, times: Times) -> int:
    try:
        return times.read(text)
    except EventError as error:
        raise EventError("bad_field", f"`{name}`: {error.reason}") from None
