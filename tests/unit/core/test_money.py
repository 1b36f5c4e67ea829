"""Money: exact until it is compared or shown."""

from __future__ import annotations

from decimal import Decimal

import pytest

from nudger.core.money import plain
from tests.support.builders import project


@pytest.mark.parametrize(
    ("amount", "currency", "rounded"),
    [
        ("175", "USD", "175.00"),
        ("0.005", "USD", "0.01"),
        ("0.015", "USD", "0.02"),  # half up, not half to even
        ("0.025", "USD", "0.03"),
        ("2.674999", "USD", "2.67"),
        ("-0.005", "USD", "-0.01"),
        ("0.5", "JPY", "1"),
        ("1499.49", "JPY", "1499"),
        ("1.0005", "KWD", "1.001"),
        ("1.00049", "KWD", "1.000"),
        ("32.505", "EUR", "32.51"),
        ("999999999999999.995", "USD", "1000000000000000.00"),
    ],
)
def test_money_is_rounded_half_up_to_the_smallest_coin(amount: str, currency: str, rounded: str) -> None:
    """A hundredth for most currencies, a whole for yen, a thousandth for dinars."""
    catalog = project(
        "", catalog=f"{{ currency: {currency}, plans: {{ free: {{ name: Free, price: 0 }} }} }}", meters=""
    )
    assert str(catalog.book.catalog.round(Decimal(amount))) == rounded


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Decimal("175.00"), "175"),
        (Decimal("32.50"), "32.5"),
        (Decimal("1E+3"), "1000"),
        (Decimal("0.000"), "0"),
        (Decimal("-0.00"), "0"),
        (Decimal("100"), "100"),
        (Decimal("0.000000001"), "0.000000001"),
        (Decimal("-12.10"), "-12.1"),
        (1200, "1200"),
        (0, "0"),
    ],
)
def test_a_number_is_written_without_exponent_or_idle_zeros(value: Decimal | int, written: str) -> None:
    """Equal amounts are written alike, so 12.50 and 12.5 are the same content."""
    assert plain(value) == written
