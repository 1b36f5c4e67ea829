"""Times as billing systems write them: RFC 3339, with a zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from nudger.errors import EventError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORM = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|z|[+-]\d\d:\d\d)?", re.ASCII)
#: How a plain UTC time ends after its minute -> ms.
SECONDS = {f":{second:02}Z": second * 1000 for second in range(60)}
_MOST_MINUTES = 50_000
_LAST_YEAR = 2999  # far from where calendars end, so that a cycle or a hold never leaves them


class Times:
    """Reads times. The minutes of plain UTC times are remembered in `minutes` (the first 16 characters -> ms)."""

    def __init__(self) -> None:
        self.minutes: dict[str, int] = {}

    def read(self, text: str) -> int:
        """Return the milliseconds since 1970 of *text*; a finer fraction is cut off.

        Raises:
            EventError: `no_zone` without one, `no_time` for what is no time.
        """
        found = _FORM.fullmatch(text)
        if found is None:
            raise EventError("no_time", f"'{text[:40]}' is no time; write one like 2026-03-02T10:00:00Z")
        if found[8] is None:
            raise EventError("no_zone", f"the time {text} has no zone; end it with Z or an offset such as -05:00")
        try:
            year, month, day, hour, minute = (int(found[at]) for at in range(1, 6))
            moment = datetime(year, month, day, hour, minute, tzinfo=_offset(found[8]))
            begun = (moment - _EPOCH) // timedelta(milliseconds=1)
        except (ValueError, OverflowError):
            raise EventError("no_time", f"{text} is no time of the calendar") from None
        if year > _LAST_YEAR:
            raise EventError("no_time", f"{text} lies after the year {_LAST_YEAR}")
        seconds = int(found[6])
        if seconds > 60 or begun < 0:  # 60 is a leap second
            raise EventError(
                "no_time", f"{text} is no time of the calendar" if seconds > 60 else f"{text} is before 1970"
            )
        if found[8] == "Z" and text[10] == "T":
            if len(self.minutes) >= _MOST_MINUTES:
                self.minutes.clear()
            self.minutes[text[:16]] = begun
        fraction = int((found[7] or "0").ljust(3, "0")[:3])
        return begun + seconds * 1000 + fraction


def _offset(text: str) -> timezone:
    if text in "Zz":
        return UTC
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[4:6])))
