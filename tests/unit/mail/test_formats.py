"""Figures, money, dates and texts, as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from nudger.mail import formats
from nudger.mail.formats import FILTERS, Format, FormatError, format_of
from nudger.mail.locale import LOCALES, locale_of

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
HOUR, DAY = 3_600_000, 86_400_000


def shown(name: str, value: Any, *arguments: Any, currency: str = "USD", zone: Any = UTC) -> Any:
    function = FILTERS[name].function
    if hasattr(function, "jinja_pass_arg"):
        return function(SimpleNamespace(form=Format(currency, zone)), value, *arguments)
    return function(value, *arguments)


@pytest.mark.parametrize(
    ("value", "currency", "text"),
    [
        (175, "USD", "$175"),
        (Decimal("175.00"), "USD", "$175"),
        (Decimal("32.50"), "USD", "$32.50"),
        (Decimal("32.5"), "USD", "$32.50"),
        (Decimal("1234.5"), "USD", "$1,234.50"),
        (Decimal("1234567"), "USD", "$1,234,567"),
        (Decimal("32.505"), "USD", "$32.51"),
        (Decimal("32.504"), "USD", "$32.50"),
        (Decimal("31.999"), "USD", "$32"),
        (Decimal("1E+3"), "USD", "$1,000"),
        (0, "USD", "$0"),
        (Decimal("0.00"), "USD", "$0"),
        (Decimal("0.5"), "USD", "$0.50"),
        (Decimal("0.002"), "USD", "$0.002"),
        (Decimal("-0.00001"), "USD", "$0"),
        (-5, "USD", "-$5"),
        (Decimal("-5.5"), "USD", "-$5.50"),
        (Decimal("99.99"), "EUR", "€99.99"),
        (Decimal("8"), "GBP", "£8"),
        (Decimal("12500"), "JPY", "¥12,500"),
        (Decimal("12500.5"), "JPY", "¥12,501"),
        (175, "DKK", "DKK 175"),
        (Decimal("175.5"), "DKK", "DKK 175.50"),
        (-175, "DKK", "-DKK 175"),
        (Decimal("1.5"), "KWD", "KWD 1.500"),
    ],
)
def test_money(value: Any, currency: str, text: str) -> None:
    assert shown("money", value, currency=currency) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (10400, "10,400"),
        (Decimal("10400"), "10,400"),
        (Decimal("0.5"), "0.5"),
        (Decimal("0.333333"), "0.33"),
        (Decimal("-0.001"), "0"),
        (Decimal("-1234.50"), "-1,234.5"),
        (0, "0"),
    ],
)
def test_number(value: Any, text: str) -> None:
    assert shown("number", value) == text


def test_number_with_places() -> None:
    assert [shown("number", Decimal("3.14159"), places) for places in (0, 1, 4)] == ["3", "3.1", "3.1416"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("0.62"), "62%"),
        (Decimal("0.625"), "62.5%"),
        (Decimal("0.6249"), "62.5%"),
        (Decimal("0.9999"), "100%"),
        (2, "200%"),
        (Decimal("-0.25"), "-25%"),
        (0, "0%"),
    ],
)
def test_percent(value: Any, text: str) -> None:
    assert shown("percent", value) == text


@pytest.mark.parametrize(
    ("value", "zone", "day", "clock"),
    [
        (0, UTC, "1 January 1970", "00:00"),
        (datetime(2026, 4, 14, 10, 0, tzinfo=UTC), UTC, "14 April 2026", "10:00"),
        (datetime(2026, 4, 14, 23, 5, tzinfo=UTC), COPENHAGEN, "15 April 2026", "01:05"),
        (1_776_160_800_000, COPENHAGEN, "14 April 2026", "12:00"),
        (datetime(2026, 4, 14, 1, tzinfo=timezone(timedelta(hours=5))), UTC, "13 April 2026", "20:00"),
    ],
)
def test_dates_and_times_are_shown_in_the_zone_of_the_mail(value: Any, zone: Any, day: str, clock: str) -> None:
    assert shown("date", value, zone=zone) == day
    assert shown("time", value, zone=zone) == clock


@pytest.mark.parametrize(
    ("value", "hours", "days"),
    [
        (0, "0 seconds", "0 seconds"),
        (1000, "1 second", "1 second"),
        (45_000, "45 seconds", "45 seconds"),
        (59_600, "1 minute", "1 minute"),
        (20 * 60_000, "20 minutes", "20 minutes"),
        (HOUR - 1, "1 hour", "1 hour"),
        (HOUR, "1 hour", "1 hour"),
        (3 * HOUR // 2, "1.5 hours", "1.5 hours"),
        (36 * HOUR, "36 hours", "1.5 days"),
        (DAY, "24 hours", "1 day"),
        (14 * DAY, "336 hours", "14 days"),
        (Decimal(2 * HOUR), "2 hours", "2 hours"),
        (-2 * DAY, "-48 hours", "-2 days"),
    ],
)
def test_lengths_of_time(value: Any, hours: str, days: str) -> None:
    assert (shown("hours", value), shown("days", value)) == (hours, days)


def test_plural_is_the_form_that_fits_the_number() -> None:
    forms = [shown("plural", count, "seat", "seats") for count in (0, 1, 2, -1, Decimal("1.5"))]

    assert forms == ["seats", "seat", "seats", "seat", "seats"]


@pytest.mark.parametrize(
    ("name", "value", "arguments", "result"),
    [
        ("upper", "ada", (), "ADA"),
        ("lower", "ADA", (), "ada"),
        ("title", "o'neil and McKay", (), "O'neil And McKay"),
        ("capitalize", "next plan", (), "Next plan"),
        ("trim", "  x ", (), "x"),
        ("join", ["crm", 2, Decimal("0.5")], (), "crm, 2, 0.5"),
        ("join", ["a", "b"], (" / ",), "a / b"),
        ("length", ["a", "b"], (), 2),
        ("length", "abc", (), 3),
        ("first", ["a", "b"], (), "a"),
        ("last", ["a", "b"], (), "b"),
        ("round", Decimal("2.345"), (2,), Decimal("2.35")),
        ("round", Decimal("2.5"), (), Decimal("3")),
        ("default", "x", ("y",), "x"),
    ],
)
def test_texts_and_lists(name: str, value: Any, arguments: tuple[Any, ...], result: Any) -> None:
    assert shown(name, value, *arguments) == result


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("money", "175"),
        ("money", 1.5),
        ("money", True),
        ("money", None),
        ("money", Decimal("NaN")),
        ("money", Decimal("Infinity")),
        ("money", 10**15),
        ("number", Decimal("1e9999999")),
        ("round", Decimal("1e9999999")),
        ("percent", []),
        ("date", "2026-04-14"),
        ("date", datetime(2026, 4, 14)),
        ("date", 10**20),
        ("date", True),
        ("date", ["x"]),
        ("time", datetime(2026, 4, 14)),
        ("hours", "1"),
        ("days", timedelta(days=1)),
        ("plural", "3"),
        ("upper", 3),
        ("join", "abc"),
        ("join", [["a"]]),
        ("first", []),
        ("last", "abc"),
        ("length", 3),
        ("trim", ["a"]),
    ],
)
def test_what_cannot_be_shown_is_said_without_its_value(name: str, value: Any) -> None:
    arguments = ("a", "b") if name == "plural" else ()

    with pytest.raises(FormatError) as error:
        shown(name, value, *arguments)

    assert "2026" not in str(error.value) and "abc" not in str(error.value) and "175" not in str(error.value)


def test_format_is_taken_from_a_dict_too() -> None:
    assert format_of({"currency": "EUR", "zone": COPENHAGEN}) == Format("EUR", COPENHAGEN, "en")


@pytest.mark.parametrize("given", [None, "USD", {"currency": "<b>"}, {"currency": "usd"}])
def test_a_format_that_cannot_be_used_is_refused(given: Any) -> None:
    with pytest.raises(FormatError):
        format_of(given)


def test_a_locale_can_be_added(monkeypatch: pytest.MonkeyPatch) -> None:
    """Danish, as far as this test needs it: marks swapped, another pattern, plurals of its own."""
    danish = locale_of("en")
    danish = type(danish)(
        swap=str.maketrans(",.", ".,"),
        symbols={},
        money="{figure} {symbol}",
        money_code="{figure} {symbol}",
        percent="{figure} %",
        months=danish.months,
        date="{day}. {month} {year}",
        time="{hour:02d}.{minute:02d}",
        plural=danish.plural,
        units=danish.units,
    )
    monkeypatch.setattr("nudger.mail.locale.LOCALES", {**LOCALES, "da": danish})
    form = Format("DKK", UTC, "da-DK")

    assert formats.money(SimpleNamespace(form=form), Decimal("1234.5")) == "1.234,50 DKK"
    assert formats.date(SimpleNamespace(form=form), 0) == "1. January 1970"
    assert locale_of("da-DK") is danish and locale_of("fr") is LOCALES["en"]
