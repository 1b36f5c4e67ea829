"""An account's billing cycles and calendar months: where they begin, and what closes when one ends."""

from __future__ import annotations

from datetime import tzinfo
from typing import Literal

from nudger.core import calendar
from nudger.core.account import Account
from nudger.core.meter import EMPTY
from nudger.core.rule import World


def zone_of(account: Account, world: World) -> tzinfo:
    """Return the account's zone, the policy's where it has none or an unknown one."""
    return (calendar.zone(account.zone) if account.zone else None) or world.book.policy.zone


def move(account: Account, world: World, now: int) -> bool:
    """Close the billing cycle and the calendar month that have ended by *now* (ms); tell whether one has.

    A row of an accounts file that comes before any event (now = 0) opens no cycle.
    """
    if (now < account.cycle_end and now < account.month_end) or not now:
        return False
    tz = zone_of(account, world)
    if now >= account.cycle_end:
        ended = account.cycle_end
        start, end = calendar.cycle(now, account.anchor_day, tz)
        if start < ended:
            start = ended  # a moved anchor or zone: the new cycle begins where the old one was told to end
        _close(account, world, "cycle", one_step=bool(ended) and start == ended)
        follows = bool(ended) and start == ended
        account.last_cycle = account.cycle_start if follows else calendar.cycle(start - 1, account.anchor_day, tz)[0]
        account.cycle_start, account.cycle_end = start, end
    if now >= account.month_end:
        start, end = calendar.cycle(now, 1, tz)
        _close(account, world, "month", one_step=account.month_end == start)
        account.last_month = calendar.cycle(start - 1, 1, tz)[0]
        account.month_start, account.month_end = start, end
    return True


def _close(account: Account, world: World, span: Literal["cycle", "month"], *, one_step: bool) -> None:
    """Put the meters of the period that has ended aside; when a whole period passed without events, it was empty."""
    for meter in world.book.meters:
        if meter.span == span:
            account.closed[meter.closed_index] = account.meters[meter.index] if one_step else EMPTY
            account.meters[meter.index] = EMPTY


def move_edges(account: Account, world: World, now: int) -> None:
    """After a new anchor day or zone, move the edges to come; what has been counted stays where it is."""
    tz = zone_of(account, world)
    if account.cycle_end:
        account.cycle_end = calendar.cycle(max(now, account.cycle_start), account.anchor_day, tz)[1]
        account.month_end = calendar.cycle(max(now, account.month_start), 1, tz)[1]


def start_cycle(account: Account, world: World, begun: int, now: int) -> bool:
    """Begin a cycle at *begun* because billing says so, and tell whether it has begun; one to come begins then."""
    if not account.cycle_end or begun <= account.cycle_start:
        return False
    if begun > now:
        account.cycle_end = min(account.cycle_end, begun)
        return False
    _close(account, world, "cycle", one_step=True)
    account.last_cycle, account.cycle_start = account.cycle_start, begun
    account.cycle_end = calendar.cycle(begun, account.anchor_day, zone_of(account, world))[1]
    return True
