"""The journal: bytes in, bytes out, one atomic commit. The only part that differs between a laptop and a fleet.

A journal knows no account, no event and no rule. It hands out batches of raw records, keeps states under keys and
takes one `Commit` for a whole batch over all its partitions: either everything in it is durable, or nothing is.
`memory` is the readable specification; every journal passes `tests/integration/journal_contract.py`.

What the processor may rely on:
- a record is handed out again after a restart unless a commit with a later position has been made;
- `load`, `due`, `scan` and `seen` show what was committed, never what a crashed process had in hand;
- `out` reaches its sink exactly once per commit (stdout: at least once, by nature).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, Protocol

OutKind = Literal["nudge", "decision", "dead-letter"]

#: The first bytes of every state: format, then when it wants to be woken (ms since 1970, 0 = never), big-endian.
FORMAT_BYTES = 1
DUE_BYTES = 8
HEADER_BYTES = FORMAT_BYTES + DUE_BYTES


class Run(NamedTuple):
    """Raw records of one source with consecutive positions, as they came: values[i] stands at `first` + i.

    `source` and the position name a record for people and for the commit: a file's path as the user gave it and a
    line number (1-based), or a topic and an offset. `keys` are the records' keys where the transport has them.
    """

    source: str
    first: int
    values: Sequence[bytes]
    keys: Sequence[bytes | None] | None = None


class Part(NamedTuple):
    """What one poll brought for one partition. `caught_up`: there was nothing more to read when it was asked."""

    partition: int
    runs: Sequence[Run]
    caught_up: bool


class Batch(NamedTuple):
    """One poll. `wall` is the wall clock in ms, read before the inputs were asked whether there is more.

    `granted` are partitions that are new since the last poll, `revoked` those that have gone. `ended`: no input
    will ever bring another record (all files read and not followed).
    """

    granted: Sequence[int]
    revoked: Sequence[int]
    wall: int
    parts: Sequence[Part]
    ended: bool = False


class Seen(NamedTuple):
    """Ids applied by one commit, packed by the processor. Journals keep them by generation and drop old ones."""

    generation: int
    ids: bytes


class CommitPart(NamedTuple):
    """One partition's share of a commit.

    `positions` maps each source to the position after the last record taken (always the end of what a poll gave);
    `states` maps a key to its new bytes (None deletes), at least HEADER_BYTES of them. `seen_from`: generations before
    this one are no longer needed and may be dropped.
    """

    partition: int
    positions: dict[str, int]
    states: dict[str, bytes | None]
    seen: Seen | None = None
    seen_from: int = 0


class Commit(NamedTuple):
    """Everything one batch changed, over all partitions. `out` holds (kind, key, bytes) in the order of emission."""

    parts: Sequence[CommitPart]
    out: Sequence[tuple[OutKind, str, bytes]]


class Journal(Protocol):
    """Where events come from and where state, messages and positions go."""

    def poll(self, timeout: float) -> Batch:
        """Return the next records, waiting at most *timeout* seconds for the first of them."""

    def load(self, partition: int, keys: Iterable[str]) -> dict[str, bytes | None]:
        """Return the committed state of each key; None where there is none."""

    def due(self, partition: int, until: int, limit: int) -> list[str]:
        """Return up to *limit* keys whose state's header wants to be woken at or before *until* (ms), soonest first."""

    def scan(self, partition: int, after: str, limit: int) -> list[str]:
        """Return up to *limit* keys greater than *after* in key order ("" = from the beginning)."""

    def seen(self, partition: int) -> Iterable[Seen]:
        """Return every kept record of seen ids, oldest first."""

    def decisions(self, account: str, limit: int) -> list[bytes]:
        """Return the last *limit* decision records put out under the key *account*, oldest first."""

    def commit(self, commit: Commit) -> None:
        """Make *commit* durable as a whole, then let its output go on to where it is read."""

    def close(self) -> None:
        """Release files and locks. A journal that is not closed loses nothing."""
