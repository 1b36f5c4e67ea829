"""The table of states: whatever is written in whatever order, it reads like a dictionary, now and when reopened."""

import random
import sqlite3
from collections.abc import Iterator

import pytest

from nudger.journals import states
from nudger.journals.states import StateTable


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(":memory:")
    for statement in states.SCHEMA:
        database.execute(statement)
    yield database
    database.close()


def value(content: int, due: int = 0) -> bytes:
    return b"\x01" + due.to_bytes(8, "big") + b"%d" % content


@pytest.mark.parametrize("seed", range(20))
def test_any_history_reads_like_a_dictionary(database: sqlite3.Connection, seed: int) -> None:
    chance = random.Random(seed)
    keys = [f"a:{number}" for number in range(chance.choice((5, 50)))]
    table, model = _open(database), dict[str, bytes]()
    for step in range(150):
        wishes = {key: chance.choice((0, chance.randrange(1, 20))) for key in chance.sample(keys, chance.randrange(5))}
        made = {key: None if chance.random() < 0.3 else value(step, due) for key, due in wishes.items()}
        table.write(made)
        model = {key: state for key, state in {**model, **made}.items() if state is not None}
        if chance.random() < 0.2:
            table = _open(database)
        assert table.load(keys) == {key: model.get(key) for key in keys}
        assert table.scan("", 100) == sorted(model)
        assert table.due(10, 100) == [key for due, key in sorted(_wakers(model)) if due <= 10]


def _open(database: sqlite3.Connection) -> StateTable:
    return StateTable(database, recent_states=20, block_keys=4)


def _wakers(model: dict[str, bytes]) -> list[tuple[int, str]]:
    dues = ((int.from_bytes(state[1:9], "big"), key) for key, state in model.items())
    return [(due, key) for due, key in dues if due]


@pytest.mark.parametrize(("keys", "most"), [(10, 1_200), (400, 1_800)])
def test_what_is_kept_for_reopening_is_bounded(database: sqlite3.Connection, keys: int, most: int) -> None:
    """As many states as RECENT_STATES or twice the keys, and half a round of blocks more."""
    table = StateTable(database, recent_states=600, block_keys=16)
    chance = random.Random(1)
    for step in range(1_000):
        table.write({f"a:{number}": value(step) for number in chance.sample(range(keys), 10)})

    (rows,) = database.execute("SELECT count(*) FROM recent").fetchone()
    assert 0 < rows * 10 <= most
    assert database.execute("SELECT count(*) FROM blocks").fetchone() == (-(-keys // 16),)


def test_wishes_that_change_often_do_not_pile_up(database: sqlite3.Connection) -> None:
    table = _open(database)
    for step in range(5_000):
        table.write({"a:1": value(0, step + 1)})

    assert table.due(5_000, 10) == ["a:1"]
    assert len(table._wakers._queue) <= 1_002
