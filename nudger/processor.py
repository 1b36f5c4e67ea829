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

#: While a backlog is read with the events' clock, so many events are decided together, and committed.
WINDOW_EVENTS: Final = 200_000
#: With the wall clock every poll is decided; a commit is made when something is to go out, and at the latest after
#: so many accounts or seconds.
COMMIT_ACCOUNTS: Final = 20_000
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
        self._live = options.clock == "wall"

    def step(self, timeout: float = 0.5) -> bool:
        """Process one poll, and commit when it is time to; tell whether the input may bring more.

        Raises:
            JournalError: The journal cannot go on; nothing since the last commit has been committed.
        """
        batch = self.journal.poll(timeout)
        self._assign(batch)
        for part in batch.parts:
            partition = self.partitions[part.partition]
            partition.read(part, self.reader, batch.wall, self.summary)
            if self._live:
                partition.decide(self.summary, lambda clock: batch.wall - clock > SLACK)
            self._move_clock(partition, part, batch.wall)
        if self._is_time(batch):
            self._decide()
            for number, partition in self.partitions.items():
                caught_up = next((part.caught_up for part in batch.parts if part.partition == number), False)
                self._tick(partition, batch.wall, caught_up=caught_up)
            self.commit()
        return not batch.ended

    def _is_time(self, batch: Batch) -> bool:
        """Tell whether to commit now: nothing more to read, somebody waits for a mail, or enough is in hand."""
        if batch.ended or not batch.parts or all(part.caught_up for part in batch.parts):
            return True
        partitions = self.partitions.values()
        if not self._live:
            return sum(len(partition.taken) for partition in partitions) >= WINDOW_EVENTS
        return (
            any(partition.out for partition in partitions)
            or sum(partition.touched for partition in partitions) >= COMMIT_ACCOUNTS
            or time.monotonic() - self._committed >= COMMIT_SECONDS
        )

    def _decide(self) -> None:
        for partition in self.partitions.values():
            if partition.taken:
                partition.decide(self.summary)

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
        if self._live:
            state.clock = max(state.clock, wall if part.caught_up else min(state.stream, wall))
        self.summary.clock = state.clock

    def _tick(self, partition: Partition, wall: int, *, caught_up: bool) -> None:
        live = self._live
        if live and not caught_up:
            return  # after an outage a timer must not fire before the event that cancels it has been read
        clock = partition.state.clock
        partition.tick(self.summary, behind=live and wall - clock > SLACK)

    def commit(self) -> None:
        """Decide and commit what is in hand, if anything is."""
        self._decide()
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
