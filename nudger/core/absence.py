"""Absences: what an event begins to wait for, and what ends the wait before its timer."""

from __future__ import annotations

from nudger.core.account import Absence, Account
from nudger.core.event import Event, keep
from nudger.core.rule import Rule, Touch

#: Of one rule and account; beyond it the one that is due first goes.
MOST_ABSENCES = 100


def cancel(account: Account, event: Event, touch: Touch) -> None:
    """End the absences whose cancelling event this is, from their start to their deadline, both included."""
    for ending in touch.cancels:
        if ending.where is not None and not ending.where(event):
            continue
        same = ending.same(event)
        account.absences = [
            item
            for item in account.absences
            if item.rule != ending.rule or item.same != same or not item.event.time <= event.time <= item.due
        ]


def start(account: Account, event: Event, rule: Rule) -> None:
    """Begin to wait for what should come; a new start of the same key restarts its clock."""
    trigger = rule.trigger
    assert trigger is not None
    assert trigger.same is not None
    if trigger.where is not None and not trigger.where(event):
        return
    same, due = trigger.same(event), event.time + trigger.within
    if any(item.rule == rule.key and item.same == same and item.due > due for item in account.absences):
        return  # a late start, older than the one whose clock runs
    others = [item for item in account.absences if item.rule != rule.key or item.same != same]
    mine = [item for item in others if item.rule == rule.key]
    if len(mine) >= MOST_ABSENCES:
        others.remove(min(mine, key=lambda item: item.due))
    account.absences = [*others, Absence(rule.key, same, due, keep(event))]
