"""The processor: raw records in, decided accounts and messages out, in one commit over all partitions.

It joins the rooms: the journal brings bytes and keeps states, intake makes events, the core decides, the renderer makes
messages; `partition` holds what belongs to one partition.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from nudger.core.rule import RuleBook
from nudger.core.stages import SLACK, Case
from nudger.intake.envelope import Reader
from nudger.journals.journal import Batch, Commit, Journal, OutKind, Part
from nudger.partition import Options, Partition, Summary

#: While a backlog is read, a commit is made when so many events, or changed accounts, are in hand.
COMMIT_EVENTS: Final = 200_000
COMMIT_ACCOUNTS: Final = 100_000
#: And at the latest after so many seconds, where the wall clock counts; else only the input decides.
COMMIT_SECONDS: Final = 0.5


class Processor:
    """Runs batches from a journal to their commits.

    Args:
        render: Makes the message of a case that is to be sent.
    """

    def __init__(
        self, journal: Journal, book: RuleBook, reader: Reader, render: Callable[[Case], bytes], options: Options
    ) -> None:
        self.journal, self.book, self.reader, self.render, self.options = journal, book, reader, render, options
        self.partitions: dict[int, Partition] = {}
        self.summary = Summary()
        self._committed = time.monotonic()

    def step(self, timeout: float = 0.5) -> bool:
        """Process one poll, and commit when it is time to; tell whether the input may bring more.

        Raises:
            JournalError: The journal cannot go on; nothing since the last commit has been committed.
        """
        batch = self.journal.poll(timeout)
        self._assign(batch)
        for part in batch.parts:
            partition = self.partitions[part.partition]
            taken = partition.read(part, self.reader, batch.wall, self.summary)
            partition.decide(taken, lambda clock: batch.wall - clock > SLACK, self.summary)
            self._move_clock(partition, part, batch.wall)
        if self._is_time(batch):
            for number, partition in self.partitions.items():
                caught_up = next((part.caught_up for part in batch.parts if part.partition == number), False)
                self._tick(partition, batch.wall, caught_up=caught_up)
            self.commit()
        return not batch.ended

    def _is_time(self, batch: Batch) -> bool:
        """Tell whether to commit now: nothing more to read, somebody waits for a mail, or enough is in hand."""
        if batch.ended or not batch.parts or all(part.caught_up for part in batch.parts):
            return True
        if self.options.clock == "wall" and any(partition.out for partition in self.partitions.values()):
            return True
        return (
            sum(partition.pending for partition in self.partitions.values()) >= COMMIT_EVENTS
            or sum(partition.touched for partition in self.partitions.values()) >= COMMIT_ACCOUNTS
            or (self.options.clock == "wall" and time.monotonic() - self._committed >= COMMIT_SECONDS)
        )

    def finish(self) -> None:
        """At the end of finite input, move every partition to the same instant and fire what is due by then."""
        if self.options.clock != "events":
            return
        last = max((partition.state.stream for partition in self.partitions.values()), default=0)
        last = max(last, self.options.until or 0)
        for partition in self.partitions.values():
            partition.state.clock = max(partition.state.clock, last)
        self.commit()
        while last and self._tick_all(final=True):
            self.commit()
        self.summary.clock = last

    def move_to(self, at: int) -> None:
        """With the events' clock, let time pass to *at* (ms) and fire the timers due before it."""
        for partition in self.partitions.values():
            partition.state.clock = max(partition.state.clock, at)
        while self._tick_all():
            self.commit()

    def _tick_all(self, *, final: bool = False) -> bool:
        """Tick every partition once; tell whether any had something due."""
        due = False
        for partition in self.partitions.values():
            due |= partition.tick(self.summary, final=final)
        return due

    def _assign(self, batch: Batch) -> None:
        for number in batch.revoked:
            self.partitions.pop(number, None)
        for number in batch.granted:
            self.partitions[number] = Partition(number, self.journal, self.book, self.render, self.options)

    def _move_clock(self, partition: Partition, part: Part, wall: int) -> None:
        state = partition.state
        if self.options.clock == "wall":
            state.clock = max(state.clock, wall if part.caught_up else min(state.stream, wall))
        self.summary.clock = state.clock

    def _tick(self, partition: Partition, wall: int, *, caught_up: bool) -> None:
        live = self.options.clock == "wall"
        if live and not caught_up:
            return  # after an outage a timer must not fire before the event that cancels it has been read
        clock = partition.state.clock
        partition.tick(self.summary, behind=live and wall - clock > SLACK)

    def commit(self) -> None:
        """Commit what is in hand, if anything is."""
        parts, out = [], list[tuple[OutKind, str, bytes]]()
        for partition in self.partitions.values():
            part = partition.commit_part(self.summary)
            out += partition.out
            partition.out = []
            if part is not None:
                parts.append(part)
        if parts or out:
            self.journal.commit(Commit(parts, out))
        self._committed = time.monotonic()
