"""Times as billing systems write them: RFC 3339, with a zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from nudger.errors import EventError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORM = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|z|[+-]\d\d:\d\d)?", re.ASCII)
_SECONDS = {f"{second:02}": second * 1000 for second in range(60)}
_MOST_MINUTES = 50_000


class Times:
    """Reads times; minutes that have been read once are remembered, since a stream repeats them."""

    def __init__(self) -> None:
        self._minutes: dict[str, int] = {}

    def read(self, text: str) -> int:
        """Return the milliseconds since 1970 of *text*; a finer fraction is cut off.

        Raises:
            EventError: `no_zone` without one, `no_time` for what is no time.
        """
        # 2026-03-02T10:00:00Z, the form nearly every event has
        if len(text) == 20 and text[19] == "Z" and text[16] == ":":
            minute = self._minutes.get(text[:16])
            second = _SECONDS.get(text[17:19])
            if minute is not None and second is not None:
                return minute + second
        return self._whole(text)

    def _whole(self, text: str) -> int:
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
        seconds = int(found[6])
        if seconds > 60 or begun < 0:  # 60 is a leap second
            raise EventError(
                "no_time", f"{text} is no time of the calendar" if seconds > 60 else f"{text} is before 1970"
            )
        if found[8] == "Z" and text[10] == "T":
            if len(self._minutes) >= _MOST_MINUTES:
                self._minutes.clear()
            self._minutes[text[:16]] = begun
        fraction = int((found[7] or "0").ljust(3, "0")[:3])
        return begun + seconds * 1000 + fraction


def _offset(text: str) -> timezone:
    if text in "Zz":
        return UTC
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[4:6])))
