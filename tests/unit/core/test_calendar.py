"""Local time: cycles, days and send windows, over month ends and the nights on which clocks change."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nudger.core import calendar
from nudger.core.calendar import DAY, HOUR, MINUTE, SendWindow
from tests.support.builders import at, iso

ZONES = [
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "America/Sao_Paulo",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/Havana",
    "Africa/Cairo",
]


def zone(name: str):  # type: ignore[no-untyped-def]
    found = calendar.zone(name)
    assert found is not None
    return found


def in_zone(text: str, name: str) -> int:
    """Return the instant of a local time with its offset left to the zone."""
    return calendar.from_local(datetime.fromisoformat(text), zone(name))


def seconds(instant: int) -> str:
    """Write an instant as "2026-03-08 07:00:00"."""
    return iso(instant)[:19].replace("T", " ")


# --- zones and local times ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "Europe", "europe/nowhere", "a\x00b"])
def test_a_name_that_is_no_zone_is_none(name: str) -> None:
    """What is no IANA name gives no zone and no error."""
    assert calendar.zone(name) is None


@pytest.mark.parametrize(
    ("local", "name", "utc"),
    [
        ("2026-03-08 01:59", "America/New_York", "2026-03-08 06:59:00"),
        ("2026-03-08 02:00", "America/New_York", "2026-03-08 07:00:00"),  # 02:00 to 03:00 do not exist
        ("2026-03-08 02:59:59", "America/New_York", "2026-03-08 07:00:00"),
        ("2026-03-08 03:00", "America/New_York", "2026-03-08 07:00:00"),
        ("2026-11-01 01:30", "America/New_York", "2026-11-01 05:30:00"),  # twice: the first one
        ("2026-11-01 02:00", "America/New_York", "2026-11-01 07:00:00"),
        ("2026-03-29 02:30", "Europe/Berlin", "2026-03-29 01:00:00"),
        ("2026-10-25 02:30", "Europe/Berlin", "2026-10-25 00:30:00"),
        ("2018-11-04 00:00", "America/Sao_Paulo", "2018-11-04 03:00:00"),  # the day begins at 01:00
        ("2018-11-04 00:59", "America/Sao_Paulo", "2018-11-04 03:00:00"),
        ("2024-03-31 00:00", "Asia/Beirut", "2024-03-30 22:00:00"),
        ("2011-12-30 12:00", "Pacific/Apia", "2011-12-30 10:00:00"),  # the whole day does not exist
        ("2026-10-04 02:15", "Australia/Lord_Howe", "2026-10-03 15:30:00"),  # a jump of half an hour
    ],
)
def test_a_local_time_that_does_not_exist_becomes_the_first_instant_that_does(local: str, name: str, utc: str) -> None:
    """A gap moves forward to its end, an overlap means its first pass."""
    assert seconds(in_zone(local, name)) == utc


def test_a_day_without_midnight_begins_at_its_first_instant() -> None:
    """In São Paulo 4 November 2018 began at 01:00, and 23:59 before it belongs to the day before."""
    tz = zone("America/Sao_Paulo")
    begins = in_zone("2018-11-04 01:00", "America/Sao_Paulo")
    assert calendar.midnight(calendar.day_of(begins, tz), tz) == begins
    assert calendar.next_day(begins - 1, tz) == begins
    assert calendar.day_of(begins - 1, tz) == calendar.day_of(begins, tz) - 1


def test_the_next_day_after_one_that_is_left_out_is_the_one_that_exists() -> None:
    """In Samoa 29 December 2011 was followed by the 31st."""
    tz = zone("Pacific/Apia")
    evening = in_zone("2011-12-29 23:00", "Pacific/Apia")
    assert calendar.next_day(evening, tz) == in_zone("2011-12-31 00:00", "Pacific/Apia")


@pytest.mark.parametrize(
    ("day", "name", "hours"),
    [
        ("2026-03-08", "America/New_York", 23),
        ("2026-11-01", "America/New_York", 25),
        ("2026-03-29", "Europe/Berlin", 23),
        ("2026-10-25", "Europe/Berlin", 25),
        ("2026-07-01", "Europe/Berlin", 24),
        ("2018-11-04", "America/Sao_Paulo", 23),
        ("2018-02-17", "America/Sao_Paulo", 25),
    ],
)
def test_a_local_day_is_as_long_as_the_zone_makes_it(day: str, name: str, hours: int) -> None:
    """The days on which clocks change have 23 or 25 hours."""
    begins = in_zone(f"{day} 01:00", name)
    tz = zone(name)
    length = calendar.next_day(begins, tz) - calendar.midnight(calendar.day_of(begins, tz), tz)
    assert length == hours * HOUR


# --- billing cycles -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "anchor", "name", "start", "end"),
    [
        ("2026-03-02 10:00", 1, "UTC", "2026-03-01 00:00:00", "2026-04-01 00:00:00"),
        ("2026-03-31 23:59", 1, "UTC", "2026-03-01 00:00:00", "2026-04-01 00:00:00"),
        ("2026-04-01 00:00", 1, "UTC", "2026-04-01 00:00:00", "2026-05-01 00:00:00"),
        ("2026-01-31 00:00", 31, "UTC", "2026-01-31 00:00:00", "2026-02-28 00:00:00"),
        ("2026-02-27 23:59", 31, "UTC", "2026-01-31 00:00:00", "2026-02-28 00:00:00"),
        ("2026-02-28 00:00", 31, "UTC", "2026-02-28 00:00:00", "2026-03-31 00:00:00"),
        ("2028-02-28 12:00", 31, "UTC", "2028-01-31 00:00:00", "2028-02-29 00:00:00"),  # a leap year
        ("2028-02-29 12:00", 30, "UTC", "2028-02-29 00:00:00", "2028-03-30 00:00:00"),
        ("2026-04-30 12:00", 31, "UTC", "2026-04-30 00:00:00", "2026-05-31 00:00:00"),
        ("2026-12-31 12:00", 31, "UTC", "2026-12-31 00:00:00", "2027-01-31 00:00:00"),
        ("2026-01-10 12:00", 15, "UTC", "2025-12-15 00:00:00", "2026-01-15 00:00:00"),
        ("2026-03-01 04:59", 1, "America/New_York", "2026-02-01 05:00:00", "2026-03-01 05:00:00"),
        ("2026-03-15 12:00", 8, "America/New_York", "2026-03-08 05:00:00", "2026-04-08 04:00:00"),
        ("2026-11-02 12:00", 1, "America/New_York", "2026-11-01 04:00:00", "2026-12-01 05:00:00"),
        ("2026-04-01 12:00", 29, "Europe/Berlin", "2026-03-28 23:00:00", "2026-04-28 22:00:00"),
        ("2018-11-10 12:00", 4, "America/Sao_Paulo", "2018-11-04 03:00:00", "2018-12-04 02:00:00"),
    ],
)
def test_a_billing_cycle_runs_from_anchor_day_to_anchor_day(
    now: str, anchor: int, name: str, start: str, end: str
) -> None:
    """Cycles begin at local midnight of the anchor day, in short months on the last one, whatever the clocks do."""
    found = calendar.cycle(at(now), anchor, zone(name))
    assert tuple(map(seconds, found)) == (start, end)


moments = st.integers(at("2012-01-01 00:00"), at("2037-12-31 00:00"))


@given(moments, st.integers(1, 31), st.sampled_from(ZONES))
@settings(max_examples=400, deadline=None)
def test_cycles_follow_each_other_without_gap_or_overlap(now: int, anchor: int, name: str) -> None:
    """Every instant lies in exactly one cycle, and where one ends the next begins."""
    tz = zone(name)
    start, end = calendar.cycle(now, anchor, tz)
    assert start <= now < end
    assert 27 * DAY < end - start < 32 * DAY
    assert calendar.cycle(end, anchor, tz)[0] == end
    assert calendar.cycle(start, anchor, tz) == (start, end)
    assert calendar.cycle(start - 1, anchor, tz)[1] == start


# --- send windows ---------------------------------------------------------------------------------------------------

WEEKDAYS = SendWindow(frozenset(range(5)), 9 * 60, 17 * 60, None)


@pytest.mark.parametrize(
    ("local", "is_open"),
    [
        ("2026-03-02 08:59:59", False),
        ("2026-03-02 09:00:00", True),
        ("2026-03-02 16:59:59", True),
        ("2026-03-02 17:00:00", False),
        ("2026-03-07 10:00:00", False),  # Saturday
        ("2026-03-08 10:00:00", False),
        ("2026-03-06 16:59:00", True),
    ],
)
@pytest.mark.parametrize("name", ["UTC", "America/New_York", "Asia/Kathmandu"])
def test_a_send_window_is_half_open_in_the_local_zone(local: str, is_open: bool, name: str) -> None:
    """09:00 is in and 17:00 is out, on the account's own clock."""
    assert WEEKDAYS.is_open(in_zone(local, name), zone(name)) is is_open


@pytest.mark.parametrize(
    ("window", "now", "name", "opens"),
    [
        (WEEKDAYS, "2026-03-02 08:00", "UTC", "2026-03-02 09:00:00"),
        (WEEKDAYS, "2026-03-02 09:00", "UTC", "2026-03-03 09:00:00"),  # after, never at
        (WEEKDAYS, "2026-03-06 17:00", "UTC", "2026-03-09 09:00:00"),
        (WEEKDAYS, "2026-03-06 18:00", "America/New_York", "2026-03-09 13:00:00"),  # 14:00 before the clocks change
        (WEEKDAYS, "2026-10-30 18:00", "America/New_York", "2026-11-02 14:00:00"),
        (SendWindow(frozenset({6}), 150, 240, None), "2026-03-07 12:00", "America/New_York", "2026-03-08 07:00:00"),
        (SendWindow(frozenset({6}), 90, 240, None), "2026-10-31 12:00", "America/New_York", "2026-11-01 05:30:00"),
        (SendWindow(frozenset({2}), 0, 1440, None), "2026-03-04 00:00", "UTC", "2026-03-11 00:00:00"),
        (SendWindow(frozenset({6}), 0, 1440, None), "2018-11-03 12:00", "America/Sao_Paulo", "2018-11-04 03:00:00"),
    ],
)
def test_the_next_opening_is_on_the_next_day_that_has_one(window: SendWindow, now: str, name: str, opens: str) -> None:
    """The next opening lies after the instant asked about, over weekends and changes of the clock."""
    assert seconds(window.next_opening(in_zone(now, name), zone(name))) == opens


def test_a_window_until_midnight_is_open_in_its_last_minute() -> None:
    """24:00 as an end leaves no minute of the day out."""
    window = SendWindow(frozenset(range(7)), 0, 24 * 60, None)
    assert window.is_open(at("2026-03-02 23:59:59"), zone("UTC"))


@given(
    moments,
    st.sampled_from(["UTC", "America/New_York", "Europe/Berlin", "Asia/Kathmandu"]),
    st.sets(st.integers(0, 6), min_size=1),
    st.integers(0, 1000),
    st.integers(240, 439),
)
@settings(max_examples=300, deadline=None)
def test_the_window_is_open_at_its_next_opening(now: int, name: str, days: set[int], opens: int, length: int) -> None:
    """What waits for the window finds it open, and no earlier than at its first minute."""
    window, tz = SendWindow(frozenset(days), opens, opens + length, None), zone(name)
    opening = window.next_opening(now, tz)
    assert opening > now
    assert window.is_open(opening, tz)
    assert not window.is_open(opening - MINUTE, tz)
    assert opening - now <= timedelta(days=8) // timedelta(milliseconds=1)
