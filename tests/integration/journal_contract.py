"""What every journal promises, as tests: a class to inherit from, with a `world` fixture that knows the journal."""

import random
from collections.abc import Sequence
from typing import Protocol

import pytest

from nudger.journals.journal import Batch, Commit, CommitPart, Journal, OutKind, Run, Seen
from nudger.journals.memory import MemoryJournal

NOON = 1_700_000_000_000  # ms

Out = Sequence[tuple[OutKind, str, bytes]]


class World(Protocol):
    """One place where a journal lives, with one partition, one source and sinks for nudges and dead letters.

    Attributes:
        source: The name of the source.
    """

    source: str

    def feed(self, values: Sequence[bytes]) -> None:
        """Put records at the end of the source."""

    def open(self, *, batch_records: int = 1_000, finite: bool = False) -> Journal:
        """Open the journal; one that was opened before has crashed. With *finite*, no more will be fed."""

    def out(self, kind: OutKind) -> list[bytes]:
        """Return what has come out."""


def state(content: bytes, due: int = 0) -> bytes:
    """Return a state as journals see it."""
    return b"\x01" + due.to_bytes(8, "big") + content


def commit_of(
    states: dict[str, bytes | None] | None = None,
    *,
    positions: dict[str, int] | None = None,
    out: Out = (),
    seen: Seen | None = None,
    seen_from: int = 0,
) -> Commit:
    """Return a commit of partition 0."""
    return Commit([CommitPart(0, positions or {}, states or {}, seen, seen_from)], out)


def runs(batch: Batch) -> list[Run]:
    """Return what a batch brought for partition 0."""
    return [run for part in batch.parts if part.partition == 0 for run in part.runs]


def values(batch: Batch) -> list[bytes]:
    """Return the records of a batch, in order."""
    return [value for run in runs(batch) for value in run.values]


def positions(batch: Batch) -> dict[str, int]:
    """Return where a commit of this batch has come to."""
    return {run.source: run.first + len(run.values) for run in runs(batch)}


class JournalContract:
    """Inherit, and define the fixture `world`."""

    @pytest.fixture
    def world(self) -> World:
        raise NotImplementedError

    def test_the_first_poll_grants_the_partitions_and_later_ones_nothing_new(self, world: World) -> None:
        journal = world.open()

        assert list(journal.poll(0).granted) == [0]
        second = journal.poll(0)
        assert (list(second.granted), list(second.revoked)) == ([], [])

    def test_records_come_in_order_at_consecutive_positions(self, world: World) -> None:
        records = [b"%d" % number for number in range(25)]
        world.feed(records)
        journal = world.open(batch_records=10)
        polls = [journal.poll(0) for _ in range(3)]

        assert [len(values(poll)) for poll in polls] == [10, 10, 5]
        assert [value for poll in polls for value in values(poll)] == records
        ends = [positions(poll)[world.source] for poll in polls]
        starts = [runs(poll)[0].first for poll in polls]
        assert starts[1:] == ends[:-1]

    def test_a_poll_says_when_there_is_nothing_more_to_read_now(self, world: World) -> None:
        world.feed([b"one", b"two"])
        journal = world.open(batch_records=1)

        assert not journal.poll(0).parts[0].caught_up
        journal.poll(0)
        last = journal.poll(0)
        assert values(last) == [] and last.parts[0].caught_up and not last.ended

    def test_what_is_fed_later_comes_later(self, world: World) -> None:
        journal = world.open()
        assert values(journal.poll(0)) == []
        world.feed([b"late"])

        assert values(journal.poll(1)) == [b"late"]

    def test_a_finite_input_ends(self, world: World) -> None:
        world.feed([b"one", b"two"])
        journal = world.open(finite=True)
        polls = [journal.poll(0), journal.poll(0)]

        assert values(polls[0]) == [b"one", b"two"] and values(polls[1]) == []
        assert polls[1].ended and polls[1].parts[0].caught_up

    def test_records_that_were_not_committed_are_handed_out_again(self, world: World) -> None:
        world.feed([b"one", b"two", b"three"])
        journal = world.open(batch_records=1)
        first, _ = journal.poll(0), journal.poll(0)
        journal.commit(commit_of(positions=positions(first)))
        again = world.open()

        assert values(again.poll(0)) == [b"two", b"three"]

    def test_a_commit_may_lag_behind_the_polls(self, world: World) -> None:
        world.feed([b"one", b"two", b"three", b"four"])
        journal = world.open(batch_records=1)
        polls = [journal.poll(0) for _ in range(3)]
        journal.commit(commit_of(positions=positions(polls[0])))
        journal.commit(commit_of(positions=positions(polls[1])))

        assert values(world.open().poll(0)) == [b"three", b"four"]

    def test_states_are_loaded_as_committed_and_none_where_there_is_none(self, world: World) -> None:
        journal = world.open()
        journal.commit(commit_of({"a:1": state(b"x"), "a:2": state(b"y")}))
        journal.commit(commit_of({"a:1": state(b"z"), "a:2": None, "a:3": None}))

        expected = {"a:1": state(b"z"), "a:2": None, "a:3": None, "a:4": None}
        assert journal.load(0, expected) == expected
        assert world.open().load(0, expected) == expected

    def test_a_state_may_be_deleted_and_come_back(self, world: World) -> None:
        journal = world.open()
        for content in (b"x", None, b"y", None, b"z"):
            journal.commit(commit_of({"a:1": state(content, NOON) if content else None}))

        for opened in (journal, world.open()):
            assert opened.load(0, ["a:1"]) == {"a:1": state(b"z", NOON)}
            assert opened.scan(0, "", 10) == ["a:1"]
            assert opened.due(0, NOON, 10) == ["a:1"]

    def test_keys_are_any_text(self, world: World) -> None:
        keys = ["a:", "a:Å\u0000b", "a:😀", "a:\uffff", "a:'", "a:\n"]
        journal = world.open()
        journal.commit(commit_of({key: state(key.encode()) for key in keys}))

        for opened in (journal, world.open()):
            assert opened.load(0, keys) == {key: state(key.encode()) for key in keys}
            assert opened.scan(0, "", 10) == sorted(keys)

    def test_due_gives_the_soonest_first_and_no_more_than_asked(self, world: World) -> None:
        journal = world.open()
        wishes = {"a:late": NOON + 1, "a:third": NOON, "a:second": 5, "b:second": 5, "a:first": 1, "a:never": 0}
        journal.commit(commit_of({key: state(b"", due) for key, due in wishes.items()}))

        for opened in (journal, world.open()):
            assert opened.due(0, NOON, 10) == ["a:first", "a:second", "b:second", "a:third"]
            assert opened.due(0, NOON, 2) == ["a:first", "a:second"]
            assert opened.due(0, 0, 10) == []

    def test_due_follows_the_latest_state(self, world: World) -> None:
        journal = world.open()
        journal.commit(commit_of({"a:1": state(b"", 1), "a:2": state(b"", 2), "a:3": state(b"", 3)}))
        journal.commit(commit_of({"a:1": state(b"", 4), "a:2": state(b""), "a:3": None}))
        journal.commit(commit_of({"a:1": state(b"", 1)}))

        assert journal.due(0, NOON, 10) == ["a:1"]

    def test_scan_pages_through_all_keys_in_order(self, world: World) -> None:
        keys = [f"a:{number}" for number in range(20)]
        journal = world.open()
        journal.commit(commit_of({key: state(b"") for key in keys[::2]}))
        journal.commit(commit_of({key: state(b"") for key in keys[1::2]}))
        journal.commit(commit_of({"a:7": None}))

        found: list[str] = []
        while page := journal.scan(0, found[-1] if found else "", 6):
            found += page
        assert found == sorted(set(keys) - {"a:7"})

    def test_seen_ids_are_kept_in_order_until_their_generation_goes(self, world: World) -> None:
        journal = world.open()
        for generation, ids in ((1, b"a"), (1, b"b"), (2, b"c"), (3, b"d")):
            journal.commit(commit_of(seen=Seen(generation, ids)))
        assert list(journal.seen(0)) == [Seen(1, b"a"), Seen(1, b"b"), Seen(2, b"c"), Seen(3, b"d")]
        journal.commit(commit_of(seen=Seen(3, b"e"), seen_from=2))

        for opened in (journal, world.open()):
            assert list(opened.seen(0)) == [Seen(2, b"c"), Seen(3, b"d"), Seen(3, b"e")]

    def test_output_arrives_once_and_in_order_over_a_crash(self, world: World) -> None:
        journal = world.open()
        journal.commit(commit_of(out=[("nudge", "a", b"n1"), ("dead-letter", "b", b"d1"), ("nudge", "c", b"n2")]))
        assert (world.out("nudge"), world.out("dead-letter")) == ([b"n1", b"n2"], [b"d1"])
        journal = world.open()
        journal.commit(commit_of(out=[("nudge", "a", b"n3")]))
        world.open()

        assert (world.out("nudge"), world.out("dead-letter")) == ([b"n1", b"n2", b"n3"], [b"d1"])

    def test_decisions_are_found_by_account_the_latest_last(self, world: World) -> None:
        journal = world.open()
        for number in range(5):
            record = b"%d" % number
            journal.commit(commit_of(out=[("decision", "a", b"a" + record), ("decision", "b", b"b" + record)]))

        for opened in (journal, world.open()):
            assert opened.decisions("a", 2) == [b"a3", b"a4"]
            assert opened.decisions("b", 9) == [b"b0", b"b1", b"b2", b"b3", b"b4"]
            assert opened.decisions("c", 9) == []

    def test_what_was_not_committed_is_gone(self, world: World) -> None:
        world.feed([b"one"])
        world.open().poll(0)
        again = world.open()

        assert again.load(0, ["a:1"]) == {"a:1": None}
        assert values(again.poll(0)) == [b"one"]

    @pytest.mark.parametrize("seed", range(4))
    def test_any_history_reads_like_the_journal_in_memory(self, world: World, seed: int) -> None:
        """Random commits, with crashes in between, against the specification."""
        chance = random.Random(seed)
        keys = [f"a:{number}" for number in range(60)]
        journal, model = world.open(), MemoryJournal()
        for step in range(120):
            if chance.random() < 0.1:
                journal = world.open()
            made = _random_commit(chance, keys, step)
            journal.commit(made)
            model.commit(made)
            _assert_alike(journal, model, chance, keys)


def _random_commit(chance: random.Random, keys: list[str], step: int) -> Commit:
    touched = chance.sample(keys, chance.randrange(12))
    states = {
        key: None if chance.random() < 0.2 else state(b"%d" % step, chance.choice((0, 0, chance.randrange(1, 50))))
        for key in touched
    }
    out: Out = [("decision", chance.choice(keys), b"%d" % step) for _ in range(chance.randrange(3))]
    return commit_of(states, out=out, seen=Seen(step // 20, b"%d" % step), seen_from=step // 20 - 1)


def _assert_alike(journal: Journal, model: Journal, chance: random.Random, keys: list[str]) -> None:
    assert journal.load(0, keys) == model.load(0, keys)
    until, limit, after = chance.randrange(60), chance.randrange(1, 70), chance.choice(["", *keys])
    assert journal.due(0, until, limit) == model.due(0, until, limit)
    assert journal.scan(0, after, limit) == model.scan(0, after, limit)
    assert list(journal.seen(0)) == list(model.seen(0))
    assert journal.decisions(after, limit) == model.decisions(after, limit)
