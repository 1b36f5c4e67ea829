"""Filters: figures, money, dates and texts as people write them.

A filter takes plain values (str, int, Decimal, datetime, list) and returns text, except `default`, `first`, `last`,
`length` and `round`. Currency, zone and language come from `_format` in the mail's data: a Format, or a dict with the
same keys. What a filter cannot use is a FormatError, which becomes a failed render; messages never hold values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any, Final

from jinja2 import Undefined, UndefinedError, pass_context

from nudger.mail.locale import MINOR_DIGITS, Locale, locale_of

Number = int | Decimal

#: How an amount without a limit comes from the catalogue.
UNLIMITED: Final = "unlimited"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LIMIT: Final = 10**15
_STEP: Final = tuple(Decimal(1).scaleb(-digits) for digits in range(7))
_SECOND, _MINUTE, _HOUR, _DAY = 1_000, 60_000, 3_600_000, 86_400_000


_CURRENCY: Final = re.compile(r"[A-Z]{3}\Z")
_REMEMBERED: Final = 4_096
"""Results of `money` and `date` kept: prices and cycle ends repeat, within a mail and over accounts."""


class FormatError(ValueError):
    """A filter was given something it cannot show."""


@dataclass(frozen=True, slots=True)
class Format:
    """What figures and times are shown in.

    Attributes:
        currency: ISO 4217 code of every money amount in this mail.
        zone: Dates and times are shown in it.
        locale: Language tag, such as ``en`` or ``en-GB``.
    """

    currency: str = "USD"
    zone: tzinfo = UTC
    locale: str = "en"
    words: Locale = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not _CURRENCY.match(self.currency):
            raise FormatError("a currency is three capital letters")
        object.__setattr__(self, "words", locale_of(self.locale))


def format_of(value: Any) -> Format:
    """Return `_format` of a mail's data as a Format; raise FormatError when it is missing or something else."""
    if type(value) is Format:
        return value
    if isinstance(value, Mapping):
        return Format(**{key: value[key] for key in ("currency", "zone", "locale") if key in value})
    raise FormatError("the mail's data has no _format with currency and zone")


def number_in(value: Any, filter_name: str) -> Number:
    """Return *value* if it is a finite number below 10^15; raise FormatError for anything else."""
    kind = type(value)
    if kind is not int and kind is not Decimal:
        raise unfit(value, filter_name, "a number")
    if kind is Decimal and not value.is_finite():
        raise FormatError(f"'{filter_name}' needs a finite number")
    if not -_LIMIT < value < _LIMIT:
        raise FormatError(f"'{filter_name}' needs a number below 10^15")
    number: Number = value
    return number


def unfit(value: Any, user: str, needed: str) -> Exception:
    """Return the error for a value of the wrong kind: that it is missing, or what *user* needs in its place."""
    if isinstance(value, Undefined):
        return UndefinedError(str(value._undefined_name))
    return FormatError(f"'{user}' needs {needed}, not {kind_of(value)}")


def kind_of(value: Any) -> str:
    """Return the kind of *value* in plain words."""
    words = {bool: "yes or no", int: "a number", Decimal: "a number", str: "a text", list: "a list"}
    if isinstance(value, datetime):
        return "a time"
    return words.get(type(value), "a group of values" if isinstance(value, dict) else "this kind of value")


def rounded(value: Number, digits: int) -> Decimal:
    """Return *value* rounded half up to *digits* (0 to 6) places."""
    return Decimal(value).quantize(_STEP[digits], ROUND_HALF_UP)


def figure(value: Number, least: int, most: int, words: Locale) -> str:
    """Return *value* with grouped thousands, at most *most* places and, unless it is whole, at least *least*."""
    if type(value) is int:
        text = f"{value:,}"
    else:
        text = f"{rounded(value, most):,f}"
        if "." in text:
            text = _shorten(text, least)
    return text.translate(words.swap) if words.swap else text


def _shorten(text: str, least: int) -> str:
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    if not fraction:
        return "0" if whole == "-0" else whole
    return f"{whole}.{fraction.ljust(least, '0')}"


@lru_cache(_REMEMBERED)
def money_text(value: Number, currency: str, locale: str) -> str:
    """Return an amount with its currency: whole amounts without places; below one unit up to four places."""
    words = locale_of(locale)
    places = MINOR_DIGITS.get(currency, 2)
    size = value if value >= 0 else -value
    digits = figure(size, places, places if size >= 1 else max(places, 4), words)
    symbol = words.symbols.get(currency)
    pattern = words.money if symbol else words.money_code
    text = pattern.format(symbol=symbol or currency, figure=digits)
    return f"-{text}" if value < 0 and digits != "0" else text


def instant(value: Any, filter_name: str, zone: tzinfo) -> datetime:
    """Return a time (datetime with a zone, or int milliseconds since 1970 UTC) in *zone*."""
    try:
        if type(value) is int:
            value = _EPOCH + timedelta(milliseconds=value)
        if isinstance(value, datetime) and value.tzinfo is not None:
            return value.astimezone(zone)
    except OverflowError as error:
        raise FormatError(f"'{filter_name}' needs a time within the years 1 to 9999") from error
    raise unfit(value, filter_name, "a time with a zone")


def span(value: Number, unit: str, form: Format) -> str:
    """Return "1.5 hours", "1 day": at most one place, and the form of *unit* that fits the figure."""
    shown = value if type(value) is int else rounded(value, 1)
    return f"{figure(shown, 0, 1, form.words)} {form.words.units[unit][form.words.plural(shown)]}"


@pass_context
def money(context: Any, value: Any) -> str:
    """`{{ bill | money }}`: $175, $32.50, -$5, DKK 175."""
    amount, form = number_in(value, "money"), context.form
    return money_text(amount, form.currency, form.locale)


@pass_context
def number(context: Any, value: Any, digits: int = 2) -> str:
    """`{{ calls | number }}`: 10,400; 0.5. At most *digits* places. An unlimited amount is the word."""
    if value == UNLIMITED:
        return UNLIMITED
    return figure(number_in(value, "number"), 0, digits, context.form.words)


@pass_context
def percent(context: Any, value: Any) -> str:
    """`{{ share | percent }}`: 0.62 is 62%, 0.625 is 62.5%."""
    words = context.form.words
    text: str = words.percent.format(figure=figure(number_in(value, "percent") * Decimal(100), 0, 1, words))
    return text


@pass_context
def date(context: Any, value: Any) -> str:
    """`{{ offer.expires | date }}`: 14 April 2026, in the mail's zone."""
    if not isinstance(value, int | datetime):
        raise unfit(value, "date", "a time with a zone")
    form = context.form
    return date_text(value, form.zone, form.locale)


@lru_cache(_REMEMBERED, typed=True)
def date_text(value: int | datetime, zone: tzinfo, locale: str) -> str:
    """Return the day of a time (datetime with a zone, or int milliseconds since 1970 UTC) in *zone*."""
    words, day = locale_of(locale), instant(value, "date", zone)
    return words.date.format(day=day.day, month=words.months[day.month - 1], year=day.year)


@pass_context
def time(context: Any, value: Any) -> str:
    """`{{ call.at | time }}`: 10:00, in the mail's zone."""
    form = context.form
    at = instant(value, "time", form.zone)
    text: str = form.words.time.format(hour=at.hour, minute=at.minute)
    return text


@pass_context
def hours(context: Any, value: Any) -> str:
    """`{{ hours_saved | hours }}`, from milliseconds: 1.5 hours; 20 minutes below one hour; 45 seconds below one."""
    return _hours(number_in(value, "hours"), context.form)


def _hours(length: Number, form: Format) -> str:
    seconds, minutes = rounded(Decimal(length) / _SECOND, 0), rounded(Decimal(length) / _MINUTE, 0)
    if abs(seconds) < 60:
        return span(seconds, "second", form)
    if abs(minutes) < 60:
        return span(minutes, "minute", form)
    return span(Decimal(length) / _HOUR, "hour", form)


@pass_context
def days(context: Any, value: Any) -> str:
    """`{{ cycle.left | days }}`, from milliseconds: 14 days; 1.5 days; as `hours` below one day."""
    length = number_in(value, "days")
    if -_DAY < length < _DAY:
        return _hours(length, context.form)
    return span(Decimal(length) / _DAY, "day", context.form)


@pass_context
def plural(context: Any, value: Any, *forms: str) -> str:
    """The form that fits a number, without the number.

    `{{ seats }} {{ seats | plural("seat", "seats") }}` is "1 seat", "3 seats".
    """
    index: int = context.form.words.plural(number_in(value, "plural"))
    return forms[min(index, len(forms) - 1)]


def default(value: Any, instead: Any) -> Any:
    """Something else when the value is missing.

    `Hello {{ account.name | default("there") }}`.
    """
    return instead if isinstance(value, Undefined) else value


def _text(value: Any, filter_name: str) -> str:
    if type(value) is not str:
        raise unfit(value, filter_name, "a text")
    return value


def _list(value: Any, filter_name: str) -> list[Any]:
    if type(value) is not list:
        raise unfit(value, filter_name, "a list")
    return value


def upper(value: Any) -> str:
    """All letters large."""
    return _text(value, "upper").upper()


def lower(value: Any) -> str:
    """All letters small."""
    return _text(value, "lower").lower()


def title(value: Any) -> str:
    """Every word begins with a large letter; the rest stays as it is."""
    return " ".join(word[:1].upper() + word[1:] for word in _text(value, "title").split(" "))


def capitalize(value: Any) -> str:
    """The first letter large; the rest stays as it is."""
    text = _text(value, "capitalize")
    return text[:1].upper() + text[1:]


def trim(value: Any) -> str:
    """Without white space at both ends."""
    return _text(value, "trim").strip()


def join(value: Any, between: str = ", ") -> str:
    """The texts and numbers of a list, with *between* between them."""
    return between.join(plain(item) for item in _list(value, "join"))


def length(value: Any) -> int:
    """How many entries a list has, or letters a text."""
    return len(value) if type(value) is str else len(_list(value, "length"))


def first(value: Any) -> Any:
    """The first entry of a list that is not empty."""
    return _entry(value, 0, "first")


def last(value: Any) -> Any:
    """The last entry of a list that is not empty."""
    return _entry(value, -1, "last")


def _entry(value: Any, index: int, filter_name: str) -> Any:
    entries = _list(value, filter_name)
    if not entries:
        raise FormatError(f"'{filter_name}' needs a list that is not empty")
    return entries[index]


def round_(value: Any, digits: int = 0) -> Decimal:
    """Half up, to *digits* places."""
    return rounded(number_in(value, "round"), digits)


def plain(value: Any) -> str:
    """Return a text or number as it stands; raise FormatError for anything that has no one plain form."""
    kind = type(value)
    if kind is str:
        text: str = value
        return text
    if kind is int or kind is Decimal:
        return format(number_in(value, "{{ }}"), "f" if kind is Decimal else "d")
    raise FormatError(_advice(value))


def _advice(value: Any) -> str:
    if isinstance(value, datetime):
        return "a time is shown with | date or | time"
    if type(value) is bool:
        return "yes or no cannot be shown; ask for it with {% if %}"
    if isinstance(value, list):
        return 'a list is shown with {% for %} or | join(", ")'
    return f"{kind_of(value)} cannot be shown; name one of its parts with a dot"


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter and how many arguments of which kind it takes; `Any` is a value, all others are constants."""

    function: Callable[..., Any]
    least: int = 0
    most: int = 0
    kind: Any = str


FILTERS: Final[Mapping[str, Filter]] = {
    "money": Filter(money),
    "number": Filter(number, most=1, kind=int),
    "percent": Filter(percent),
    "date": Filter(date),
    "time": Filter(time),
    "hours": Filter(hours),
    "days": Filter(days),
    "plural": Filter(plural, least=2, most=4),
    "default": Filter(default, least=1, most=1, kind=Any),
    "upper": Filter(upper),
    "lower": Filter(lower),
    "title": Filter(title),
    "capitalize": Filter(capitalize),
    "trim": Filter(trim),
    "join": Filter(join, most=1),
    "length": Filter(length),
    "first": Filter(first),
    "last": Filter(last),
    "round": Filter(round_, most=1, kind=int),
}

PLAIN_FILTERS: Final = frozenset({"money", "number", "percent", "date", "time", "hours", "days"})
"""Their results are made of figures and the locale's words, and need no escaping."""
