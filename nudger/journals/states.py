"""States under keys: all in memory as bytes, kept in SQLite so that neither many keys nor many commits slow a write.

Writing 18,000 of 100,000 states in place would rewrite nearly every page of their table at each commit. So a commit
appends its states, packed, as one row of `recent`, and a share of all states, block by block in turn, is written
anew to `blocks`. Once every block has been written since a row of `recent`, that row is dropped. To open is to read
the blocks and then the rows over them, in order.

The share is such that `recent` never holds much more than RECENT_STATES, or twice as many as there are keys. So a
state costs one and a half writes at most, however many there are, and no commit has to tidy up for the others.
"""

from __future__ import annotations

import bisect
import heapq
import itertools
import sqlite3
from collections.abc import Container, Iterable, Mapping
from struct import Struct

import msgspec

from nudger.journals.journal import FORMAT_BYTES

SCHEMA = (
    "CREATE TABLE recent (number INTEGER PRIMARY KEY, states BLOB NOT NULL)",
    # upto: the last row of `recent` that is in it
    "CREATE TABLE blocks (block INTEGER PRIMARY KEY, upto INTEGER NOT NULL, states BLOB NOT NULL)",
)

RECENT_STATES = 300_000
BLOCK_KEYS = 4_096

States = Mapping[str, bytes | None]

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, bytes | None]).decode
_due = Struct(f">{FORMAT_BYTES}xQ").unpack_from


class StateTable:
    """The states of one partition. Not to be used any more after a transaction around `write` has failed."""

    def __init__(
        self, database: sqlite3.Connection, recent_states: int = RECENT_STATES, block_keys: int = BLOCK_KEYS
    ) -> None:
        self._database = database
        self._recent_states = recent_states
        self._block_keys = block_keys
        self._states: dict[str, bytes | None] = {}  # None only while it is being taken out
        self._blocks: list[list[str]] = []  # the keys in each; one that was deleted may still be among them
        self._upto: list[int] = []
        self._number = 0  # of the last row of `recent`
        self._owed = 0.0  # how many states are to be written to blocks
        self._read()
        self._wakers = _Wakers(self._states)
        self._order = _Order(self._states)

    def _read(self) -> None:
        for upto, packed in self._database.execute("SELECT upto, states FROM blocks ORDER BY block"):
            states = _decode(packed)
            self._blocks.append(list(states))
            self._upto.append(upto)
            self._apply(states)
        for number, packed in self._database.execute("SELECT number, states FROM recent ORDER BY number"):
            self._number = number
            self._give_block(self._apply(_decode(packed)))
        self._number = max([self._number, *self._upto])

    def _apply(self, states: States) -> list[str]:
        """Take *states* over and return the keys that are new."""
        before = len(self._states)
        self._states.update(states)
        new = list(itertools.islice(reversed(self._states), len(self._states) - before))  # a dict grows at its end
        if None in states.values():
            for key in [key for key, state in states.items() if state is None]:
                del self._states[key]
        return new

    def _give_block(self, keys: list[str]) -> None:
        """Give *keys*, which first appear in row `_number`, a place in a block: it needs that row from now on."""
        for key in keys:
            if not self._blocks or len(self._blocks[-1]) >= self._block_keys:
                self._blocks.append([])
                self._upto.append(self._number)
            self._blocks[-1].append(key)
            self._upto[-1] = min(self._upto[-1], self._number - 1)

    def write(self, states: States) -> None:
        """Write *states* (None deletes) within the caller's transaction."""
        if not states:
            return
        self._number += 1
        row = self._number, _encode(states)
        self._database.execute("INSERT INTO recent (number, states) VALUES (?, ?)", row)
        new = self._apply(states)
        self._give_block(new)
        self._order.add(new)
        self._wakers.update(states)
        self._owed += len(states) * len(self._states) / max(self._recent_states, 2 * len(self._states))
        self._write_blocks()

    def _write_blocks(self) -> None:
        """Write what is owed, least recently written blocks first, and drop the rows that no block needs now."""
        needed = min(self._upto, default=0)
        while self._blocks:
            block = min(range(len(self._blocks)), key=self._upto.__getitem__)
            cost = max(1, len(self._blocks[block]))
            if cost > self._owed:
                break
            self._owed -= cost
            self._write_block(block)
        if min(self._upto, default=0) > needed:
            self._database.execute("DELETE FROM recent WHERE number <= ?", (min(self._upto),))

    def _write_block(self, block: int) -> None:
        known = self._states
        states = {key: known[key] for key in self._blocks[block] if key in known}
        self._blocks[block] = list(states)
        self._upto[block] = self._number
        row = block, self._number, _encode(states)
        self._database.execute("INSERT OR REPLACE INTO blocks (block, upto, states) VALUES (?, ?, ?)", row)

    def load(self, keys: Iterable[str]) -> dict[str, bytes | None]:
        """Return the state of each key; None where there is none."""
        known = self._states.get
        return {key: known(key) for key in keys}

    def due(self, until: int, limit: int) -> list[str]:
        """Return up to *limit* keys to be woken at or before *until* (ms), soonest first, then by key."""
        return self._wakers.due(until, limit)

    def scan(self, after: str, limit: int) -> list[str]:
        """Return up to *limit* keys greater than *after*, in the order of their code points."""
        return self._order.after(after, limit, self._states)


class _Wakers:
    """Which keys want to be woken, and when."""

    def __init__(self, states: States) -> None:
        self._dues = {key: due for key, state in states.items() if state and (due := _due(state)[0])}
        self._renew()

    def _renew(self) -> None:
        """Make a heap of `_dues`; later on, entries of it that are not in there like this are stale."""
        self._queue = [(due, key) for key, due in self._dues.items()]
        heapq.heapify(self._queue)

    def update(self, states: States) -> None:
        """Take over when *states* want to be woken; None never does."""
        dues, queue = self._dues, self._queue
        for key, state in states.items():
            due = 0 if state is None else _due(state)[0]
            if due == dues.get(key, 0):
                continue
            if due:
                dues[key] = due
                heapq.heappush(queue, (due, key))
            else:
                del dues[key]
        if len(queue) > 2 * len(dues) + 1_000:
            self._renew()

    def due(self, until: int, limit: int) -> list[str]:
        """Return the first *limit* keys up to *until*; they stay."""
        queue, found = self._queue, list[tuple[int, str]]()
        while queue and queue[0][0] <= until and len(found) < limit:
            entry = heapq.heappop(queue)
            if self._dues.get(entry[1]) == entry[0] and entry not in found[-1:]:
                found.append(entry)
        for entry in found:
            heapq.heappush(queue, entry)
        return [key for _, key in found]


class _Order:
    """All keys in order, put in order when somebody asks."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._ordered: list[str] = []
        self._new = list(keys)

    def add(self, keys: Iterable[str]) -> None:
        """Take in keys that are new, or new again after they were deleted."""
        self._new.extend(keys)

    def after(self, after: str, limit: int, alive: Container[str]) -> list[str]:
        """Return the first *limit* keys greater than *after* that are *alive*."""
        if self._new:
            self._ordered += self._new
            self._ordered.sort()  # which is quick where most is in order
            self._new = []
        found: list[str] = []
        for index in range(bisect.bisect_right(self._ordered, after), len(self._ordered)):
            if len(found) == limit:
                break
            key = self._ordered[index]
            if key in alive and key not in found[-1:]:
                found.append(key)
        return found
