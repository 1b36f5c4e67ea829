"""How a language writes figures, dates and plurals. English today; another language is one more entry in LOCALES."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

#: Digits after the point of currencies that do not have two (ISO 4217).
MINOR_DIGITS: Mapping[str, int] = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND"), 0),
    **dict.fromkeys(("VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}


@dataclass(frozen=True, slots=True)
class Locale:
    """One language's patterns.

    Attributes:
        swap: Turns the marks of `1,234.5` into the language's own; None when they are the same.
        symbols: Currency to what stands before or after the figure; others show their code.
        money, money_code: Patterns with a symbol, and with a code; `{symbol}` and `{figure}`.
        percent: Pattern with `{figure}`.
        months: January to December.
        date: Pattern with `{day}`, `{month}` (a name) and `{year}`.
        time: Pattern with `{hour}` and `{minute}`, both numbers.
        plural: A number to the index of its form (English: 0 for one, 1 for others).
        units: second, minute, hour, day: their forms, in the order of `plural`.
    """

    swap: dict[int, str] | None
    symbols: Mapping[str, str]
    money: str
    money_code: str
    percent: str
    months: tuple[str, ...]
    date: str
    time: str
    plural: Callable[[int | Decimal], int]
    units: Mapping[str, tuple[str, ...]]


ENGLISH = Locale(
    swap=None,
    symbols={"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"},
    money="{symbol}{figure}",
    money_code="{symbol} {figure}",
    percent="{figure}%",
    months=(
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
    date="{day} {month} {year}",
    time="{hour:02d}:{minute:02d}",
    plural=lambda count: 0 if abs(count) == 1 else 1,
    units={
        "second": ("second", "seconds"),
        "minute": ("minute", "minutes"),
        "hour": ("hour", "hours"),
        "day": ("day", "days"),
    },
)

LOCALES: Mapping[str, Locale] = {"en": ENGLISH}


def locale_of(tag: str) -> Locale:
    """Return the locale for a language tag such as ``en-GB``: the exact one, its language's, else English."""
    return LOCALES.get(tag) or LOCALES.get(tag.partition("-")[0]) or ENGLISH
