"""Local time for the core: zones, days, months, billing cycles and send windows, all in and out as UTC milliseconds."""

from __future__ import annotations

import zoneinfo
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Zones come from the pinned tzdata package on every machine, never from the host: a replay must give the same bytes.
zoneinfo.reset_tzpath(to=())


@lru_cache(maxsize=1024)
def zone(name: str) -> tzinfo | None:
    """Return the zone of an IANA name, None when there is no such zone."""
    try:
        return UTC if name == "UTC" else zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


def local(at: int, tz: tzinfo) -> datetime:
    """Return the local time at an instant."""
    return (_EPOCH + timedelta(milliseconds=at)).astimezone(tz)


def instant(moment: datetime) -> int:
    """Return the milliseconds since 1970 of an aware *moment*, rounded down."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def from_local(naive: datetime, tz: tzinfo) -> int:
    """Return the instant of a local time; one that does not exist becomes the first instant that does."""
    aware = naive.replace(tzinfo=tz)
    at = instant(aware)
    if local(at, tz).replace(tzinfo=None) == naive:
        return at
    # In a gap: the zone's jump lies between the two readings of the same digits.
    before, after = sorted((at, instant(aware.replace(fold=1))))
    offset = local(before, tz).utcoffset()
    while after - before > 1:
        middle = (before + after) // 2
        if local(middle, tz).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


@lru_cache(maxsize=65536)
def midnight(ordinal: int, tz: tzinfo) -> int:
    """Return the first instant of a local day, given as a proleptic ordinal."""
    return from_local(datetime.combine(date.fromordinal(ordinal), time()), tz)


def day_of(at: int, tz: tzinfo) -> int:
    """Return the ordinal of the local day that holds an instant."""
    return local(at, tz).toordinal()


def next_day(at: int, tz: tzinfo) -> int:
    """Return the first instant of the next local day."""
    return midnight(day_of(at, tz) + 1, tz)


def _anchor(year: int, month: int, anchor: int) -> date:
    return date(year, month, min(anchor, monthrange(year, month)[1]))


def _shift(year: int, month: int, by: int) -> tuple[int, int]:
    index = year * 12 + month - 1 + by
    return index // 12, index % 12 + 1


@lru_cache(maxsize=65536)
def _cycle_of_day(ordinal: int, anchor: int, tz: tzinfo) -> tuple[int, int]:
    day = date.fromordinal(ordinal)
    start = _anchor(day.year, day.month, anchor)
    if day < start:
        start = _anchor(*_shift(day.year, day.month, -1), anchor)
    end = _anchor(*_shift(start.year, start.month, 1), anchor)
    return midnight(start.toordinal(), tz), midnight(end.toordinal(), tz)


def cycle(at: int, anchor: int, tz: tzinfo) -> tuple[int, int]:
    """Return start and end of the billing cycle around an instant; the end is not part of it.

    *anchor* is the day of the month on which cycles begin (1 to 31); a month too short begins on its last day.
    A calendar month is the cycle with anchor 1.
    """
    return _cycle_of_day(day_of(at, tz), anchor, tz)


@dataclass(frozen=True, slots=True)
class SendWindow:
    """When mail may go out: weekdays (Monday = 0) and local minutes of the day, the end not included."""

    days: frozenset[int]
    opens: int
    closes: int
    zone: str | None  # None: the account's own zone

    def is_open(self, at: int, tz: tzinfo) -> bool:
        """Tell whether mail may go out at an instant."""
        here = local(at, tz)
        return here.weekday() in self.days and self.opens <= here.hour * 60 + here.minute < self.closes

    def next_opening(self, at: int, tz: tzinfo) -> int:
        """Return the first instant after *at* at which the window opens."""
        first = day_of(at, tz)
        for ordinal in range(first, first + 9):
            day = date.fromordinal(ordinal)
            if day.weekday() not in self.days:
                continue
            opening = from_local(datetime.combine(day, time(self.opens // 60, self.opens % 60)), tz)
            if opening > at:
                return opening
        raise AssertionError("a send window has at least one day a week")
