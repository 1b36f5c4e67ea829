"""The processor: what is counted, once; what is set aside; what a crash, another rule book or another clock changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

import nudger.processor
from nudger.core.account import Account
from nudger.core.calendar import HOUR
from nudger.core.decide import Decider
from nudger.core.event import Event
from nudger.core.stages import Case, RenderFailed
from nudger.errors import JournalRefused
from nudger.journals.memory import MemoryJournal
from nudger.project import Project
from tests.support.builders import (
    METERS,
    PROJECT,
    ROWS,
    World,
    at,
    credit,
    customer,
    event,
    leads,
    project,
    ready,
    traits,
)

# --- counting once ---------------------------------------------------------------------------------------------------------


def test_the_same_event_twice_counts_once() -> None:
    """A repeat is counted as a repeat and changes nothing."""
    once = credit("2026-03-02 10:00", price=40, id="c-1")
    world = ready().run(once, once, credit("2026-03-02 11:00", price=1), once)
    assert world.read_meter("credit_spend", "2026-03-02 12:00") == 41
    assert world.processor.summary.counts["repeated"] == 2
    assert world.set_aside() == []


def test_the_same_id_with_other_content_is_set_aside() -> None:
    """The first one stays counted."""
    world = ready().run(credit("2026-03-02 10:00", price=40, id="c-1"), credit("2026-03-02 10:00", price=41, id="c-1"))
    assert world.set_aside() == ["id_reused"]
    assert world.read_meter("credit_spend", "2026-03-02 12:00") == 40


def test_the_same_content_in_other_bytes_is_a_repeat() -> None:
    """Another order of keys, and 12.50 for 12.5."""
    head = b'"id":"c-1","type":"credit.purchased","account":"acme","time":"2026-03-02T10:00:00Z"'
    world = ready().run(
        b"{" + head + b',"data":{"price":12.5,"kind":"x"}}',
        b'{"data":{"kind":"x","price":12.50},' + head + b"}",
        b"{" + head + b',"data":{"price":"12.500","kind":"x"}}',
    )
    assert (world.processor.summary.counts["repeated"], world.set_aside()) == (2, [])


def test_an_id_is_remembered_over_a_restart() -> None:
    """Ids travel with the state they changed."""
    once = credit("2026-03-02 10:00", id="c-1")
    world = ready().run(once).crash().run(once)
    assert world.processor.summary.counts["repeated"] == 1
    assert world.read_meter("credits", "2026-03-02 12:00") == 1


@pytest.mark.parametrize(("behind", "code"), [(48 * HOUR, []), (48 * HOUR + 1, ["too_late"])])
def test_an_event_is_too_late_by_stream_time(behind: int, code: list[str]) -> None:
    """48 hours behind the newest event of the partition is the most."""
    newest = at("2026-03-10 10:00")
    world = ready().run(credit(newest, price=0), credit(newest - behind, price=0))
    assert world.set_aside() == code
    assert world.read_meter("credits", "2026-03-10 11:00") == 2 - len(code)


def test_an_old_backlog_is_not_too_late() -> None:
    """A billing system that was down for three months is read: only the order within the stream matters."""
    world = World(wall="2026-06-10 10:00", rows=[customer()])
    world.run(credit("2026-03-02 10:00", price=0), credit("2026-03-03 10:00", price=0))
    assert world.set_aside() == []
    assert world.read_meter("credits", "2026-03-03 11:00") == 2


def test_ids_are_forgotten_together_with_lateness() -> None:
    """Whatever comes again is a repeat or too late, never a second event."""
    once = credit("2026-03-02 10:00", id="c-1", price=0)
    world = ready().run(once)
    for hours in range(1, 130):
        world.run(credit(at("2026-03-02 10:00") + hours * HOUR, price=0, account="clock"), once)
    assert world.read_meter("credits", "2026-03-09 10:00") == 1
    fates = world.processor.summary
    assert fates.counts["repeated"] + fates.dead_letters["too_late"] == 129
    assert fates.counts["repeated"] == 48


@pytest.mark.parametrize("batch", [1, 5000])
def test_when_ids_are_forgotten_early_older_events_are_refused_openly(batch: int) -> None:
    """`max_ids` bounds the memory: the floor rises with it, so nothing counts twice, in small batches or large."""
    first = [credit(at("2026-03-02 10:00") + number, id=f"c-{number}", price=0) for number in range(1200)]
    later = credit("2026-03-03 12:00", id="later", price=0)
    world = ready(max_ids=1000, batch=batch).run(*first, later, first[0])
    assert world.set_aside() == ["too_late"]
    assert world.read_meter("credits", "2026-03-03 13:00") == 1201
    again = world.crash().run(first[1])
    assert again.set_aside() == ["too_late", "too_late"]


def test_an_event_that_was_set_aside_does_not_count_as_seen() -> None:
    """Corrected and sent again under its id it is counted."""
    wrong = event("credit.purchased", "2026-03-02 10:00", id="c-1", price="a lot")
    right = event("credit.purchased", "2026-03-02 10:00", id="c-1", price=100)
    world = ready().run(wrong, right)
    assert world.set_aside() == ["bad_money"]
    assert world.sent() == ["03-02 10:00 passed-scale"]


# --- what is set aside, and how it is told ----------------------------------------------------------------------------------------


def test_a_dead_letter_holds_the_bytes_their_place_a_code_and_a_reason() -> None:
    """Bytes that are no text are kept in base64."""
    world = ready().run(b"hello", b'{"id":"1","type":"credit.purchased","account":"\xff"}')
    first, second = (msgspec.json.decode(raw) for raw in world.out("dead-letter"))
    assert (first["code"], first["at"], first["value"]) == ("not_json", "events:1", "hello")
    assert first["reason"].startswith("not JSON")
    assert (second["code"], second["at"]) == ("not_json", "events:2")
    assert list(second["value"]) == ["base64"]


def test_every_record_has_one_fate() -> None:
    """Counted, repeated, of an undeclared type, or set aside with a code."""
    once = credit("2026-03-10 10:00", id="c-1")
    world = ready().run(
        once,
        once,
        credit("2026-03-10 10:00", id="c-1", price=3),
        credit("2026-03-01 10:00"),
        event("site.seen", "2026-03-10 10:00"),
        event("site.seen", "2026-03-10 10:00"),
        event("page.left", "2026-03-10 10:00"),
        b"hello",
        traits("2026-03-10 10:00", plan="platinum", seats=3),
    )
    summary = world.processor.summary
    fates = {"counted": 3, "repeated": 1, "undeclared": 3, "set aside": 3}  # counted with the customer's row
    assert summary.counts == fates
    assert summary.undeclared == {"site.seen": 2, "page.left": 1}
    assert summary.dead_letters == {"id_reused": 1, "too_late": 1, "not_json": 1}


def test_an_unknown_plan_is_counted_and_the_other_traits_are_taken() -> None:
    """The plan is missing until a known one comes."""
    world = ready().run(credit("2026-03-02 10:00", price=0), traits("2026-03-02 11:00", plan="platinum", seats=3))
    account = world.account()
    assert (account.plan, account.seats, world.project.reader.unknown_plans > 0) == (None, 3, True)


def test_a_jump_ahead_is_a_warning_on_the_events_clock_and_a_refusal_on_the_wall_clock() -> None:
    """Where there is no wall to compare with, a week of silence is only noted."""
    world = ready().run(credit("2026-03-02 10:00", price=0), credit("2026-03-20 10:00", price=0))
    assert (world.set_aside(), world.processor.summary.counts["jumps"]) == ([], 1)
    live = ready(wall="2026-03-02 10:00").run(credit("2026-03-02 10:10"), credit("2026-03-02 10:11"))
    assert live.set_aside() == ["in_future"]
    assert live.stream() == at("2026-03-02 10:10")


# --- an event that breaks the core ------------------------------------------------------------------------------------------------------


def buggy(found: Project) -> Project:
    """Return the project with a bug of ours in it: folding an event whose id begins with "bad" fails half-way."""

    def fold(account: Account, event: Event, home: str | None) -> None:
        if event.id.startswith("bad"):
            account.meters[0] = 10**9
            raise ZeroDivisionError("a bug of ours")

    touch = found.book.touches["credit.purchased"]
    touches = {**found.book.touches, "credit.purchased": replace(touch, folds=(*touch.folds, fold))}
    return replace(found, book=replace(found.book, touches=touches))


BUGGY = buggy(PROJECT)


def test_an_event_that_breaks_the_core_is_set_aside_alone() -> None:
    """Its account is as it was, the events before and after it in the batch are counted, the stream goes on."""
    world = ready(BUGGY).run(
        credit("2026-03-02 10:00", price=10),
        credit("2026-03-02 11:00", id="bad", price=1000),
        credit("2026-03-02 12:00", price=10),
        credit("2026-03-02 12:00", price=100, account="other"),
    )
    assert world.set_aside() == ["internal_error"]
    assert world.read_meter("credits", "2026-03-02 13:00") == 2
    assert world.read_meter("credit_spend", "2026-03-02 13:00") == 20
    assert world.read_meter("credits", "2026-03-02 13:00", "other") == 1
    assert world.processor.summary.counts["counted"] == 4


def test_several_events_that_break_the_core_are_set_aside_one_by_one() -> None:
    """Also when they are of one account and one batch."""
    world = ready(BUGGY).run(
        credit("2026-03-02 10:00", price=10),
        credit("2026-03-02 11:00", id="bad-1"),
        credit("2026-03-02 12:00", price=10),
        credit("2026-03-02 13:00", id="bad-2"),
        credit("2026-03-02 14:00", price=10),
    )
    assert world.set_aside() == ["internal_error", "internal_error"]
    assert world.read_meter("credits", "2026-03-02 15:00") == 3


def test_what_was_sent_before_an_event_broke_the_core_is_sent_once() -> None:
    """The account is decided again up to the bad event, without saying anything twice."""
    world = ready(BUGGY).run(
        credit("2026-03-02 10:00"), credit("2026-03-02 11:00", id="bad"), credit("2026-03-02 12:00")
    )
    assert world.story() == ["03-02 10:00 sent", "03-02 12:00 said"]
    assert world.sent() == ["03-02 10:00 passed-scale"]


def test_the_clock_is_right_again_after_an_event_broke_the_core() -> None:
    """What had come before is decided again on its own clock; what follows is decided on that of the stream."""
    world = ready(BUGGY).run(
        credit("2026-03-02 10:00", price=10), credit("2026-03-02 11:00", id="bad"), credit("2026-03-02 11:00")
    )
    assert world.story() == ["03-02 11:00 sent"]


def test_a_row_that_breaks_the_core_is_set_aside_too() -> None:
    """A row has no id of its own to be forgotten; the next one is taken."""

    def merge(account: Account, event: Event) -> list[str]:
        if event.account == "bad":
            raise ZeroDivisionError("a bug of ours")
        return PROJECT.book.merge(account, event)

    world = World(replace(PROJECT, book=replace(PROJECT.book, merge=merge)), rows=[customer("bad"), customer()]).read()
    assert world.set_aside() == ["internal_error"]
    assert world.account().plan == "payg"


def test_a_nudge_that_waits_for_the_backlog_still_waits_after_an_event_broke_the_core() -> None:
    """Deciding again happens on the clock of the first time, behind the wall as it was."""
    world = ready(BUGGY, wall="2026-03-02 12:00")
    world.run(credit("2026-03-02 10:00"), credit("2026-03-02 10:01", id="bad"))
    assert world.verdicts() == ["waiting(catch-up)"]
    world.step(2)
    assert world.verdicts() == ["waiting(catch-up)", "sent"]
    assert len(world.mails()) == 1


def test_an_event_that_broke_the_core_can_be_sent_again() -> None:
    """It does not count as seen, however far the stream has gone on in the same batch."""
    broken = credit("2026-03-02 10:00", id="bad", price=100)
    world = ready(BUGGY).run(broken, credit("2026-03-03 12:00", price=0))
    assert world.set_aside() == ["internal_error"]
    decider = world.processor.partitions[0].decider
    world.processor.partitions[0].decider = Decider(replace(decider.world, book=PROJECT.book), decider.render)  # mended
    world.run(broken)
    assert world.set_aside() == ["internal_error"]
    assert world.read_meter("credits", "2026-03-03 13:00") == 2


def test_a_hundred_failures_in_a_row_stop_the_worker() -> None:
    """A bug that hits everybody is no matter of single events."""
    with pytest.raises(JournalRefused, match="100"):
        ready(BUGGY).run(*(credit("2026-03-02 10:00", id=f"bad-{number}") for number in range(100)))


def test_failures_now_and_then_do_not_stop_the_worker() -> None:
    """A hundred over weeks are a hundred dead letters: only those in a row stop it."""
    world = ready(BUGGY)
    for number in range(110):
        world.run(credit("2026-03-02 10:00", id=f"bad-{number}"), credit("2026-03-02 10:01", price=0))
    assert len(world.set_aside()) == 110


def test_a_mail_that_cannot_be_made_is_a_verdict() -> None:
    """Not an error: the rule says `failed` with the reason, and tries at the next crossing or yes."""

    def render(case: Case) -> bytes:
        raise RenderFailed("`over` is missing")

    world = ready(render=render).run(credit("2026-03-02 10:00"))
    assert world.verdicts() == ["failed(`over` is missing)"]
    assert world.crash().run(credit("2026-03-02 11:00")).verdicts()[1:] == ["sent"]


# --- another rule book ---------------------------------------------------------------------------------------------------------------------

SECOND = project(
    """
  passed-scale: { when: plan == payg and bill > next_plan.price, offer: { plan: next_plan } }
  many-leads:   { when: leads >= 3 }
"""
)


def test_a_rule_that_goes_live_does_not_mail_who_qualifies_already() -> None:
    """Two books over one store: the new rule waits for a crossing, the old one goes on as it was."""
    world = ready().run(credit("2026-03-02 10:00"), *leads(5, "2026-03-02 11:00"))
    world = world.crash(SECOND).run(*leads(1, "2026-03-03 10:00"), credit("2026-03-03 11:00"))
    assert world.sent() == ["03-02 10:00 passed-scale"]
    assert world.story()[1:] == ["03-03 10:00 many-leads outside(start)", "03-03 11:00 passed-scale said"]


def test_the_same_book_taken_up_again_is_no_change() -> None:
    """A restart makes no rule new."""
    world = ready().run(credit("2026-03-02 10:00", price=10)).crash().run(credit("2026-03-03 10:00"))
    assert world.story() == ["03-03 10:00 sent"]
    assert world.account().book == 1


def test_a_book_rolled_back_is_no_new_rule() -> None:
    """The rule that was there in both goes on; accounts not touched in between notice nothing."""
    world = ready().run(credit("2026-03-02 10:00")).crash(SECOND).run(credit("2026-03-02 11:00", account="other"))
    world = world.crash(PROJECT).run(credit("2026-03-03 10:00"))
    assert world.story() == ["03-02 10:00 sent", "03-03 10:00 said"]


def test_a_meter_added_later_is_unknown_until_its_window_has_been_seen() -> None:
    """A rule that reads it says unknown, and fires when the whole window has been seen."""
    added = project(
        "{ busy: { when: prices >= 2 } }", meters=METERS + "  prices: { count: credit.purchased, over: 7 days }\n"
    )
    world = ready(project("")).run(credit("2026-03-02 10:00")).crash(added)
    world.run(credit("2026-03-03 10:00"), credit("2026-03-04 10:00"))
    assert (world.story(), world.tally("busy")) == ([], {"unknown": 2})
    world.run(credit("2026-03-12 10:00"), credit("2026-03-13 10:00"), credit("2026-03-14 10:00"))
    assert world.sent() == ["03-13 10:00 busy"]


def test_a_meter_under_another_name_is_carried_for_a_week() -> None:
    """A rename that is taken back within seven days has lost nothing."""
    renamed = project("", meters=METERS.replace("  leads: ", "  leads_30: "))
    world = ready().run(*leads(3, "2026-03-02 10:00")).crash(renamed).run(*leads(1, "2026-03-03 10:00"))
    assert world.read_meter("leads_30", "2026-03-03 11:00") is None
    assert world.crash(PROJECT).run(credit("2026-03-09 09:00")).read_meter("leads", "2026-03-09 10:00") == 3


def test_a_removed_rule_cancels_its_wait() -> None:
    """And the rule that stays keeps its own."""
    held = project(
        "{ a: { when: credits >= 1, guards: [solved] }, b: { when: leads >= 1, guards: [solved] } }",
        policy="  guards: { solved: account.open_tickets == 0 }",
    )
    only_b = project(
        "{ b: { when: leads >= 1, guards: [solved] } }", policy="  guards: { solved: account.open_tickets == 0 }"
    )
    world = World(held, rows=[customer(open_tickets=1)]).run(credit("2026-03-02 10:00"), *leads(1, "2026-03-02 11:00"))
    world = world.crash(only_b).run(traits("2026-03-03 10:00", open_tickets=0))
    assert world.verdicts()[2:] == ["cancelled(rule gone)", "sent"]
    assert world.sent() == ["03-03 10:00 b"]


# --- backfill ----------------------------------------------------------------------------------------------------------------------------------


def test_a_backfill_builds_state_and_sends_nothing() -> None:
    """And the run after it does not mail who qualified in the past."""
    world = ready(backfill=True).run(credit("2026-03-02 10:00"), *leads(2, "2026-03-02 11:00"))
    assert (world.story(), world.sent()) == ([], [])
    assert world.read_meter("credits", "2026-03-02 12:00") == 1
    world = world.crash().run(credit("2026-03-03 10:00"))
    assert world.story() == ["03-03 10:00 outside(start)"]
    assert world.run(credit("2026-04-02 10:00")).sent() == ["04-02 10:00 passed-scale"]


def test_a_backfill_can_go_on_after_a_crash_but_not_into_a_live_state() -> None:
    """Older events would be missed there."""
    world = ready(backfill=True).run(credit("2026-03-02 10:00")).crash(backfill=True).run(credit("2026-03-02 11:00"))
    assert world.read_meter("credits", "2026-03-02 12:00") == 2
    live = world.crash().run(credit("2026-03-03 10:00"))
    with pytest.raises(JournalRefused, match="empty"):
        live.crash(backfill=True).step()


def test_a_crossing_right_after_a_backfill_is_a_crossing() -> None:
    """Who did not qualify in history is armed."""
    world = ready(backfill=True).run(credit("2026-03-02 10:00", price=10)).crash().run(credit("2026-03-03 10:00"))
    assert world.story() == ["03-03 10:00 sent"]


# --- the wall clock ---------------------------------------------------------------------------------------------------------------------------------

CART = project(
    "{ cart-left: { trigger: { event: cart.started, unless: cart.paid, same: [cart], within: 4 hours }, limits: none } }"
)


def cart(kind: str, when: str, **more: Any) -> bytes:
    return event(f"cart.{kind}", when, cart="c1", **more)


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_after_an_outage_an_absence_does_not_fire_before_its_cancelling_event_is_read(batch: int) -> None:
    """The wall is a day ahead, deadline and payment are both in the backlog: no mail."""
    world = ready(CART, wall="2026-03-03 12:00", batch=batch, settle=60_000)
    world.run(
        cart("started", "2026-03-02 10:00"),
        credit("2026-03-02 13:59", account="other"),
        cart("paid", "2026-03-02 13:30"),
        credit("2026-03-02 18:00", account="other"),
    )
    world.step(3)
    assert (world.sent(), world.verdicts()) == ([], [])


def test_on_the_wall_clock_a_timer_fires_once_the_stream_is_read_and_it_has_settled() -> None:
    """A quiet stream still nudges: a minute after the deadline, by the wall."""
    world = ready(CART, wall="2026-03-02 10:00", settle=60_000).run(cart("started", "2026-03-02 10:00"))
    for wall, sent in (
        ("2026-03-02 14:00", 0),
        ("2026-03-02 14:01", 0),
        ("2026-03-02 14:01:01", 1),
        ("2026-03-02 15:00", 1),
    ):
        world.journal.wall = at(wall)
        assert len(world.step(2).sent()) == sent
    assert world.mails()[0].created == "2026-03-02T14:01:01Z"
    assert world.mails()[0].cause.due == "2026-03-02T14:00:00Z"


def test_while_the_backlog_is_read_nudges_wait_and_then_go_out() -> None:
    """waiting(catch-up) for what the backlog opened; sent when the clock is right again, within the hold."""
    world = ready(wall="2026-03-03 12:00").feed(credit("2026-03-02 10:00")).step()
    assert world.story() == ["03-02 10:00 waiting(catch-up)"]
    world.step(2)
    assert world.story() == ["03-02 10:00 waiting(catch-up)", "03-03 12:00 sent"]
    assert world.mails()[0].created == "2026-03-03T12:00:00Z"


def test_a_nudge_from_a_backlog_older_than_its_hold_lapses() -> None:
    """Eight days after the crossing nobody is written to about it."""
    world = ready(wall="2026-03-10 12:00").feed(credit("2026-03-02 10:00")).step(3)
    assert world.story() == ["03-02 10:00 waiting(catch-up)", "03-10 12:00 lapsed(hold over)"]


def test_what_the_backlog_itself_settles_is_not_sent() -> None:
    """The plan was changed later in the same backlog."""
    world = ready(wall="2026-03-03 12:00", batch=1)
    world.feed(credit("2026-03-02 10:00"), traits("2026-03-02 11:00", plan="scale")).step(5)
    assert world.verdicts() == ["waiting(catch-up)", "cancelled(plan changed)", "not_met"]
    assert world.sent() == []


def test_within_ten_minutes_of_the_wall_nothing_waits() -> None:
    """An ordinary delay is no backlog."""
    world = ready(wall="2026-03-02 10:09").feed(credit("2026-03-02 10:00")).step()
    assert world.story() == ["03-02 10:00 sent"]


def test_the_clock_never_goes_back() -> None:
    """A wall that is set back changes nothing that was."""
    world = ready(wall="2026-03-02 12:00").feed(credit("2026-03-02 11:55", price=0)).step(2)
    world.journal.wall = at("2026-03-02 11:50")
    world.feed(credit("2026-03-02 11:56")).step(2)
    assert world.story() == ["03-02 12:00 sent"]


# --- the same bytes, however it is run ------------------------------------------------------------------------------------------------------------------

BUSY = project(
    """
  passed-scale: { when: plan == payg and bill > next_plan.price, offer: { plan: next_plan }, priority: 90 }
  many-leads:   { when: leads >= 4, guards: [solved], hold: 3 days }
  left:         { trigger: { event: cart.started, unless: cart.paid, same: [cart], within: 4 hours }, limits: none, priority: 70 }
  asked:        { trigger: note.added, when: 'event.text mentions ["seats"]', limits: 2 in 30 days }
  silent:       { trigger: { event: user.active, unless: user.active, within: 5 days }, limits: none }
""",
    policy="""
  guards: { solved: account.open_tickets == 0 }
  caps: { account: 6 in 30 days }
  send: { days: [mon, tue, wed, thu, fri], between: "09:00-17:00", zone: account }
""",
)
ACCOUNTS = [f"a{number}" for number in range(7)]


def stream() -> list[bytes]:
    """Return a month of events of seven accounts, in order of time, the same every time."""
    seed, records = 12345, []
    for number in range(700):
        seed = (seed * 1103515245 + 12345) % 2**31
        when, name = at("2026-03-01 00:00") + number * 62 * 60_000 + seed % 3_000_000, ACCOUNTS[seed // 7 % 7]
        kinds: list[tuple[str, dict[str, Any]]] = [
            ("credit.purchased", {"price": seed % 90, "kind": "x"}),
            ("lead.created", {"source": "inbound"}),
            ("cart.started", {"cart": f"c{seed % 5}"}),
            ("cart.paid", {"cart": f"c{seed % 5}", "amount": 5}),
            ("note.added", {"text": "more seats" if seed % 3 else "hello"}),
            ("user.active", {"user": "ann"}),
            ("account.updated", {"open_tickets": seed // 11 % 2}),
        ]
        kind, data = kinds[seed // 64 % 7]
        records.append((when, event(kind, when, account=name, id=f"e{number}", **data)))
    return [record for _, record in sorted(records, key=lambda item: item[0])]


STREAM = stream()
CUSTOMERS = [
    customer(name, open_tickets=0, zone=["UTC", "America/New_York", "Asia/Tokyo"][at_ % 3], anchor_day=1 + at_ * 5)
    for at_, name in enumerate(ACCOUNTS)
]


def per_account(world: World, kind: str) -> dict[str, list[bytes]]:
    return {name: world.out(kind, name) for name in ACCOUNTS}


@pytest.fixture
def commit_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every batch a commit."""
    monkeypatch.setattr(nudger.processor, "WINDOW_EVENTS", 1)


def once() -> World:
    return World(BUSY, rows=CUSTOMERS).run(*STREAM, until="2026-05-01 00:00")


def test_the_stream_of_these_tests_brings_about_every_kind_of_verdict() -> None:
    """What is compared below is worth comparing."""
    words = {record["verdict"] for name in ACCOUNTS for record in once().decisions(name)}
    assert words >= {"sent", "said", "held", "waiting", "lapsed", "limited", "outranked", "capped"}
    assert len(once().mails(None)) > 30


@pytest.mark.parametrize("batch", [1, 7, 1000])
@pytest.mark.parametrize("kind", ["nudge", "decision"])
def test_any_batch_size_gives_the_same_bytes(batch: int, kind: str, commit_always: None) -> None:
    """Messages and decisions of every account are the same, in the same order, byte for byte."""
    world = World(BUSY, rows=CUSTOMERS, batch=batch).run(*STREAM, until="2026-05-01 00:00")
    assert per_account(world, kind) == per_account(once(), kind)


@pytest.mark.parametrize("batch", [1, 7])
def test_any_batch_size_leaves_the_same_accounts(batch: int, commit_always: None) -> None:
    """And the same state behind."""
    expected, world = once(), World(BUSY, rows=CUSTOMERS, batch=batch).run(*STREAM, until="2026-05-01 00:00")
    for name in ACCOUNTS:
        assert world.account(name) == expected.account(name)


@pytest.mark.parametrize("partitions", [2, 4])
def test_any_number_of_partitions_gives_the_same_messages(partitions: int) -> None:
    """On the events' clock an account does not notice who shares its partition."""
    world = World(BUSY, rows=CUSTOMERS, partitions=partitions).run(*STREAM, until="2026-05-01 00:00")
    assert per_account(world, "nudge") == per_account(once(), "nudge")


@pytest.mark.parametrize("every", [1, 3, 11])
def test_a_crash_between_any_two_commits_changes_nothing(every: int, commit_always: None) -> None:
    """What was committed is not said again, what was not is; each account's output is that of a run without a crash."""
    expected = World(BUSY, rows=CUSTOMERS, batch=10).run(*STREAM, until="2026-05-01 00:00")
    world = World(BUSY, rows=CUSTOMERS, batch=10).feed(*STREAM)
    while world._unread():
        world = world.step(every).crash()
    world.run(until="2026-05-01 00:00")
    for kind in ("nudge", "decision"):
        assert per_account(world, kind) == per_account(expected, kind)


def test_a_crash_in_the_middle_of_a_batch_loses_and_doubles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit that fails leaves nothing behind; the next process reads the batch again."""
    expected, world = once(), World(BUSY, rows=CUSTOMERS, batch=50).feed(*STREAM)
    monkeypatch.setattr(nudger.processor, "WINDOW_EVENTS", 1)
    commit, calls = MemoryJournal.commit, [0]

    def fails_sometimes(journal: MemoryJournal, what: Any) -> None:
        calls[0] += 1
        if calls[0] % 3 == 0:
            raise OSError("the disk is full")
        commit(journal, what)

    monkeypatch.setattr(MemoryJournal, "commit", fails_sometimes)
    for _ in range(200):
        try:
            world.step()
            if not world._unread():
                break
        except OSError:
            world = world.crash()
    monkeypatch.undo()
    world = world.crash().run(until="2026-05-01 00:00")
    assert per_account(world, "nudge") == per_account(expected, "nudge")


def test_messages_have_ids_of_their_own() -> None:
    """Whatever was sent can be told apart by its id."""
    ids = [mail.id for mail in once().mails(None)]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("kind", ["nudge", "decision"])
def test_time_that_goes_on_in_small_steps_or_at_once_fires_the_same_timers(kind: str) -> None:
    """How often somebody ticks makes no difference."""
    steps = World(BUSY, rows=CUSTOMERS).run(*STREAM)
    for day in range(1, 31):
        steps.processor.move_to(at(f"2026-04-{day:02} 13:00"))
    steps.run(until="2026-05-01 00:00")
    assert per_account(steps, kind) == per_account(once(), kind)


def test_at_the_end_of_the_input_every_partition_moves_to_the_same_instant() -> None:
    """A timer due at the very end fires, whoever's event was the last one."""
    last = credit("2026-03-02 14:00", price=0, account="b")
    for partitions in (1, 2):
        world = World(CART, rows=[customer("a"), customer("b")], partitions=partitions)
        assert world.run(cart("started", "2026-03-02 10:00", account="a"), last).sent("a") == ["03-02 14:00 cart-left"]


# --- rows of an accounts file ------------------------------------------------------------------------------------------------------------------------------------


def test_rows_before_any_event_say_what_is_and_fire_nothing() -> None:
    """A table of accounts is no news: rules are read at the first event."""
    rule = project("{ on-payg: { when: plan == payg and credits >= 0 } }")
    world = World(rule, rows=[customer()]).read()
    assert (world.story(), world.account().plan, world.account().first) == ([], "payg", 0)
    assert world.run(credit("2026-03-02 10:00")).sent() == ["03-02 10:00 on-payg"]


def test_a_row_that_comes_later_is_dated_by_the_clock() -> None:
    """It changes traits like an update at that time."""
    world = ready(rows=[customer(plan="scale")]).run(credit("2026-03-02 10:00", price=0))
    world.journal.feed(0, ROWS, [customer(plan="payg")])
    account = world.read().account()
    assert (account.plan, account.plan_changed) == ("payg", at("2026-03-02 10:00"))


def test_a_row_that_cannot_be_read_is_set_aside_with_its_place() -> None:
    """And the others are taken."""
    world = World(rows=[customer(), b'{"account": "b", "colour": "red"}', customer("c")]).read()
    letters = [msgspec.json.decode(raw) for raw in world.out("dead-letter")]
    assert [(letter["code"], letter["at"]) for letter in letters] == [("unknown_trait", f"{ROWS}:2")]
    assert world.account("c").plan == "payg"


def test_the_same_row_again_changes_nothing() -> None:
    """A table that is read again every night makes no plan change."""
    world = ready().run(credit("2026-03-02 10:00"))
    world.journal.feed(0, ROWS, [customer()])
    world.read()
    assert (world.account().plan_changed, world.verdicts()) == (0, ["sent"])


# --- what is kept -----------------------------------------------------------------------------------------------------------------------------------------------------


def test_how_often_each_rule_ended_in_each_word_is_kept() -> None:
    """Counts of a run and, in the state, of all runs."""
    world = ready().run(credit("2026-03-02 10:00", price=1), credit("2026-03-02 11:00"), credit("2026-03-02 12:00"))
    assert world.tally("passed-scale") == {"not_met": 1, "sent": 1, "said": 1}
    world = world.crash().run(credit("2026-03-02 13:00"))
    held = world.journal.load(0, ["r:passed-scale"])["r:passed-scale"]
    assert held is not None
    assert msgspec.msgpack.decode(held[9:]) == {"not_met": 1, "sent": 1, "said": 2}


def test_a_state_of_another_release_is_refused() -> None:
    """In plain words, before anything is read."""
    world = ready().run(credit("2026-03-02 10:00"))
    states = world.journal.store.partitions[0].states
    for key in ("m:", "a:acme"):
        good = states[key]
        states[key] = b"\x09" + good[1:]
        with pytest.raises(JournalRefused, match="format 9"):
            world.crash().run(credit("2026-03-02 11:00"))
        states[key] = good


def test_the_processor_needs_no_account_to_be_known_before() -> None:
    """An event of an account nobody has described is counted; a rule on its plan says unknown."""
    world = World().run(credit("2026-03-02 10:00"))
    assert (world.story(), world.tally("passed-scale")) == ([], {"unknown": 1})
    assert world.read_meter("credits", "2026-03-02 11:00") == 1
