"""Ids that have been counted: remembered exactly, forgotten together with lateness."""

from __future__ import annotations

import pytest

from nudger.core.calendar import HOUR, MINUTE
from nudger.errors import EventError
from nudger.intake.seen import SeenIds

LATENESS, SLACK = 48 * HOUR, 10 * MINUTE


def seen(max_ids: int = 1_000_000) -> SeenIds:
    return SeenIds(LATENESS, SLACK, max_ids)


def test_an_id_is_new_once() -> None:
    """The same id with the same content is a repeat."""
    ids = seen()
    assert [ids.add(7, 1, 0), ids.add(7, 1, HOUR), ids.add(8, 1, HOUR)] == [True, False, True]


def test_the_same_id_with_other_content_is_refused() -> None:
    """And what was counted under it stays counted."""
    ids = seen()
    ids.add(7, 1, 0)
    with pytest.raises(EventError) as error:
        ids.add(7, 2, HOUR)
    assert error.value.code == "id_reused"
    assert ids.add(7, 1, 2 * HOUR) is False


@pytest.mark.parametrize("came", [0, 1, 23 * HOUR, 24 * HOUR - 1, 24 * HOUR, 47 * HOUR])
def test_an_id_is_kept_for_lateness_and_slack_at_least(came: int) -> None:
    """While an event of that time could still come again, its id is there."""
    ids = seen()
    ids.add(7, 1, came)
    assert ids.add(7, 1, came + LATENESS + SLACK) is False


def test_an_id_is_forgotten_when_no_repeat_could_be_counted_any_more() -> None:
    """Memory is bounded by the window: after two windows nothing of the first is left."""
    ids = seen()
    for key in range(100):
        ids.add(key, 1, key * MINUTE)
    ids.add(1000, 1, 2 * LATENESS + 2 * HOUR)
    assert len(ids) == 1
    assert ids.oldest == (2 * LATENESS + 2 * HOUR) // (LATENESS // 2)


def test_what_was_packed_and_restored_is_remembered() -> None:
    """Twelve bytes an id, and the same answers after a restart."""
    ids = seen()
    for key in (1, 2**63, 2**64 - 1):
        ids.add(key, 2**32 - key % 1000 - 1, HOUR)
    packed = ids.pack(HOUR)
    assert packed is not None
    generation, record = packed
    assert len(record) == 3 * 12
    again = seen()
    again.restore(generation, record)
    assert not again.add(2**63, 2**32 - 2**63 % 1000 - 1, 2 * HOUR)
    with pytest.raises(EventError):
        again.add(1, 5, 2 * HOUR)
    assert again.add(3, 1, 2 * HOUR)


def test_each_id_is_packed_once() -> None:
    """A commit holds what came since the last one; without anything new there is no record."""
    ids = seen()
    assert ids.pack(0) is None
    ids.add(1, 1, 0)
    assert ids.pack(0) is not None
    ids.add(1, 1, 0)
    assert ids.pack(0) is None


@pytest.mark.parametrize("later", [0, 25 * HOUR, 49 * HOUR])
def test_an_event_that_could_not_be_counted_is_forgotten(later: int) -> None:
    """A redriven one is no repeat, also when time has moved on to another generation in between."""
    ids = seen()
    ids.add(7, 1, 0)
    ids.add(8, 1, later)
    ids.remove(7)
    assert ids.add(7, 2, later) is True


def test_an_event_that_could_not_be_counted_is_in_no_record() -> None:
    """After a restart it is no repeat either."""
    ids, again = seen(), seen()
    for key in (7, 8, 9):
        ids.add(key, 1, HOUR)
    ids.remove(8)
    packed = ids.pack(HOUR)
    assert packed is not None
    again.restore(*packed)
    assert [again.add(key, 1, 2 * HOUR) for key in (7, 8, 9)] == [False, True, False]


def test_above_max_ids_the_oldest_go_and_the_floor_rises() -> None:
    """What can no longer be told from a repeat is refused openly: everything before the floor is too late."""
    ids = seen(max_ids=1000)
    for key in range(1200):
        ids.add(key, 1, key)
    assert ids.floor == 0
    ids.add(5000, 1, 25 * HOUR)
    assert ids.floor == 24 * HOUR
    assert len(ids) == 1
    assert ids.add(0, 1, 25 * HOUR) is True  # forgotten; the floor keeps it from being counted twice
