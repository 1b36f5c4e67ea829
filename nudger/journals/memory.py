"""The journal in memory: the readable specification of the protocol, and what tests of the other rooms run on.

A `Store` is what would survive a crash: the inputs, and whatever commits have made of states and output. A
`MemoryJournal` is one process at work on it; `reopen` is that process dying and another one starting.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from nudger.journals.journal import (
    FORMAT_BYTES,
    HEADER_BYTES,
    Batch,
    Commit,
    CommitPart,
    OutKind,
    Part,
    Run,
    Seen,
)

FIRST_POSITION = 1


@dataclass(slots=True)
class Source:
    """Everything fed under one name; the record at index i stands at position `FIRST_POSITION` + i."""

    values: list[bytes] = field(default_factory=list)
    keys: list[bytes | None] = field(default_factory=list)


@dataclass(slots=True)
class PartitionStore:
    """One partition: its sources, and what has been committed for it."""

    sources: defaultdict[str, Source] = field(default_factory=lambda: defaultdict(Source))
    positions: dict[str, int] = field(default_factory=dict)
    states: dict[str, bytes] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)


@dataclass(slots=True)
class Store:
    """What survives a crash. `out` holds (kind, key, bytes) of every commit, in the order of emission."""

    partitions: list[PartitionStore]
    out: list[tuple[OutKind, str, bytes]] = field(default_factory=list)
    closed: bool = False


class MemoryJournal:
    """A journal whose inputs are fed by hand.

    Attributes:
        store: What has been fed and committed; shared with whoever reopens.
        wall: The wall clock in ms since 1970 that polls show; set it as the test goes.
        batch_records: How many records one poll hands out per partition, at most.
    """

    def __init__(
        self,
        partitions: int = 1,
        *,
        wall: int = 0,
        batch_records: int = 1_000,
        finite: bool = False,
        store: Store | None = None,
    ) -> None:
        """Start on *store*, or on an empty one; with *finite*, what is fed before the first poll is all there is."""
        self.store = store or Store([PartitionStore() for _ in range(partitions)], closed=finite)
        self.wall = wall
        self.batch_records = batch_records
        self._granted = False
        self._next = [dict(partition.positions) for partition in self.store.partitions]

    def feed(
        self, partition: int, source: str, values: Iterable[bytes], keys: Iterable[bytes | None] | None = None
    ) -> None:
        """Put records at the end of *source*; *keys* has one entry a value, or is left out."""
        fed = list(values)
        into = self.store.partitions[partition].sources[source]
        into.values.extend(fed)
        into.keys.extend([None] * len(fed) if keys is None else keys)
        assert len(into.keys) == len(into.values), "keys and values differ in number"

    def close_input(self) -> None:
        """Say that nothing more will be fed."""
        self.store.closed = True

    def reopen(self) -> MemoryJournal:
        """Return a new journal on the same store, as after a crash: what was not committed is handed out again."""
        return MemoryJournal(wall=self.wall, batch_records=self.batch_records, store=self.store)

    def poll(self, timeout: float) -> Batch:
        """Return what follows the last poll, in the order the sources were first fed in; never waits."""
        granted = () if self._granted else tuple(range(len(self.store.partitions)))
        self._granted = True
        parts = [self._take(number) for number in range(len(self.store.partitions))]
        ended = self.store.closed and all(part.caught_up for part in parts)
        return Batch(granted, (), self.wall, parts, ended)

    def _take(self, number: int) -> Part:
        partition, reached = self.store.partitions[number], self._next[number]
        room, runs = self.batch_records, list[Run]()
        for name, source in partition.sources.items():
            first = reached.get(name, FIRST_POSITION)
            index = first - FIRST_POSITION
            values, keys = source.values[index : index + room], source.keys[index : index + room]
            if values:
                runs.append(Run(name, first, values, None if keys.count(None) == len(keys) else keys))
                reached[name] = first + len(values)
                room -= len(values)
        caught_up = all(
            reached.get(name, FIRST_POSITION) == FIRST_POSITION + len(source.values)
            for name, source in partition.sources.items()
        )
        return Part(number, runs, caught_up)

    def load(self, partition: int, keys: Iterable[str]) -> dict[str, bytes | None]:
        """Return the committed state of each key; None where there is none."""
        states = self.store.partitions[partition].states
        return {key: states.get(key) for key in keys}

    def due(self, partition: int, until: int, limit: int) -> list[str]:
        """Return up to *limit* keys to be woken at or before *until* (ms); of two at the same time, the lesser key."""
        waking = ((_due(state), key) for key, state in self.store.partitions[partition].states.items())
        return [key for _, key in heapq.nsmallest(limit, (entry for entry in waking if 0 < entry[0] <= until))]

    def scan(self, partition: int, after: str, limit: int) -> list[str]:
        """Return up to *limit* keys greater than *after*, ordered by code points."""
        return heapq.nsmallest(limit, (key for key in self.store.partitions[partition].states if key > after))

    def seen(self, partition: int) -> Iterable[Seen]:
        """Return every kept record of seen ids, oldest first."""
        return tuple(self.store.partitions[partition].seen)

    @property
    def out(self) -> Sequence[tuple[OutKind, str, bytes]]:
        """All output so far: (kind, key, bytes)."""
        return self.store.out

    def decisions(self, account: str, limit: int) -> list[bytes]:
        """Return the last *limit* decision records put out under the key *account*, oldest first."""
        kept = [record for kind, key, record in self.store.out if kind == "decision" and key == account]
        return kept[max(0, len(kept) - limit) :]

    def commit(self, commit: Commit) -> None:
        """Make *commit* part of the store; nothing in here can fail half-way."""
        for part in commit.parts:
            self._commit_part(self.store.partitions[part.partition], part)
        self.store.out.extend(commit.out)

    def _commit_part(self, partition: PartitionStore, part: CommitPart) -> None:
        partition.positions.update(part.positions)
        for key, state in part.states.items():
            if state is None:
                partition.states.pop(key, None)
            else:
                partition.states[key] = state
        kept = [seen for seen in partition.seen if seen.generation >= part.seen_from]
        partition.seen = kept if part.seen is None else [*kept, part.seen]

    def close(self) -> None:
        """Do nothing: the store stays for whoever wants to look."""


def _due(state: bytes) -> int:
    return int.from_bytes(state[FORMAT_BYTES:HEADER_BYTES], "big")
