"""Money: exact decimals, rounded only where they are compared or shown."""

from __future__ import annotations

from decimal import Decimal

Money = Decimal

#: Amounts at or above this, or with more than `MOST_DECIMALS` decimals, are no money: they are set aside.
TOO_MUCH = Decimal(10) ** 15
MOST_DECIMALS = 9

_CENT = Decimal("0.01")
# ISO 4217 currencies whose smallest coin is not a hundredth.
_COINS = {
    **dict.fromkeys(
        (
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ),
        Decimal(1),
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), Decimal("0.001")),
}


def coin(currency: str) -> Money:
    """Return the smallest coin of *currency* (an ISO 4217 code), such as 0.01 for USD."""
    return _COINS.get(currency, _CENT)


def plain(value: Decimal | int) -> str:
    """Write a number without exponent or trailing zeros: 175, 32.5, 0."""
    if isinstance(value, int):
        return str(value)
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
