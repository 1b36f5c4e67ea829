"""Times as billing systems write them."""

from __future__ import annotations

import pytest

from nudger.errors import EventError
from nudger.intake.moment import Times
from tests.support.builders import at, iso


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-03-02T10:00:00Z", at("2026-03-02 10:00")),
        ("2026-03-02T10:00:00z", at("2026-03-02 10:00")),
        ("2026-03-02t10:00:00Z", at("2026-03-02 10:00")),
        ("2026-03-02 10:00:00Z", at("2026-03-02 10:00")),
        ("2026-03-02T10:00:00+00:00", at("2026-03-02 10:00")),
        ("2026-03-02T10:00:00-05:00", at("2026-03-02 15:00")),
        ("2026-03-02T10:00:00+05:45", at("2026-03-02 04:15")),
        ("2026-03-02T10:00:00.5Z", at("2026-03-02 10:00") + 500),
        ("2026-03-02T10:00:00.123456789Z", at("2026-03-02 10:00") + 123),
        ("2026-03-02T10:00:00.9999Z", at("2026-03-02 10:00") + 999),
        ("2026-03-02T10:00:59Z", at("2026-03-02 10:00") + 59_000),
        ("2026-06-30T23:59:60Z", at("2026-07-01 00:00")),  # a leap second
        ("1970-01-01T00:00:00Z", 0),
        ("2028-02-29T00:00:00Z", at("2028-02-29 00:00")),
    ],
)
def test_a_time_with_a_zone_is_read_to_the_millisecond(text: str, instant: int) -> None:
    """RFC 3339; a finer fraction is cut off."""
    assert Times().read(text) == instant


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("2026-03-02T10:00:00", "no_zone"),
        ("2026-03-02T10:00:00.5", "no_zone"),
        ("2026-03-02", "no_time"),
        ("2026-03-02T10:00Z", "no_time"),
        ("2026-3-2T10:00:00Z", "no_time"),
        ("2026-02-29T10:00:00Z", "no_time"),
        ("2026-13-01T10:00:00Z", "no_time"),
        ("2026-03-02T24:00:00Z", "no_time"),
        ("2026-03-02T10:60:00Z", "no_time"),
        ("2026-03-02T10:00:61Z", "no_time"),
        ("2026-03-02T10:00:00+25:00", "no_time"),
        ("2026-03-02T10:00:00+24:00", "no_time"),
        ("1969-12-31T23:59:59Z", "no_time"),
        ("0000-01-01T00:00:00Z", "no_time"),
        ("9999-12-31T23:59:59Z", "no_time"),  # a year that no cycle could end in
        ("1772445600", "no_time"),
        ("٢٠٢٦-03-02T10:00:00Z", "no_time"),
        ("2026-03-02T10:00:00ZZ", "no_time"),
        (" 2026-03-02T10:00:00Z", "no_time"),
        ("", "no_time"),
    ],
)
def test_what_is_no_time_or_has_no_zone_is_refused(text: str, code: str) -> None:
    """A local time is no time: nobody can know whose."""
    with pytest.raises(EventError) as error:
        Times().read(text)
    assert error.value.code == code


def test_a_minute_that_was_read_before_is_read_the_same() -> None:
    """Minutes are remembered; that changes no answer and lets no wrong second through."""
    times = Times()
    assert times.read("2026-03-02T10:00:00Z") == at("2026-03-02 10:00")
    assert times.read("2026-03-02T10:00:07Z") == at("2026-03-02 10:00") + 7_000
    assert times.read("2026-03-02T10:00:60Z") == at("2026-03-02 10:01")
    for wrong in ("2026-03-02T10:00:61Z", "2026-03-02T10:00:0xZ", "2026-03-02 10:00:61Z"):
        with pytest.raises(EventError):
            times.read(wrong)


def test_many_different_minutes_are_read_right() -> None:
    """More minutes than are remembered at once."""
    times, start = Times(), at("2026-01-01 00:00")
    for minute in range(0, 400_000, 7):
        instant = start + minute * 60_000
        assert times.read(iso(instant)[:19] + "Z") == instant
