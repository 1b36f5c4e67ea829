"""Runs as their users meet them: what is printed, what is written, how they end, and how the next one goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.tools.shop import MONTH, Ended, Run, Shop, event, make_run, make_shop, profile


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    return make_shop(tmp_path, monkeypatch)


@pytest.fixture
def nudger(capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    return make_run(capsysbinary)


Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(shop: Shop) -> Iterator[Start]:
    """The command as a process of its own in the project's folder; what still runs when the test ends is killed."""
    running: list[subprocess.Popen[str]] = []

    def begin(*arguments: str, **options: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "nudger.cli", *arguments]
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        running.append(subprocess.Popen(command, cwd=shop.root, text=True, **{**streams, **options}))
        return running[-1]

    yield begin
    for started in running:
        with started:
            started.kill()


def ended(started: subprocess.Popen[str], given: str = "") -> Ended:
    """Put *given* on standard input, close it, and wait for the end."""
    out, err = started.communicate(given, timeout=30)
    return Ended(started.returncode, out or "", err or "")


def wait_for(true: Callable[[], bool], started: subprocess.Popen[str]) -> None:
    """Wait until something is so, while *started* runs, for as long as a slow machine may need."""
    until = time.monotonic() + 30
    while not true():
        assert started.poll() is None, started.communicate()
        assert time.monotonic() < until, "nothing happened for 30 seconds"
        time.sleep(0.02)


# --- to the end of the input -----------------------------------------------------------------------


def test_a_run_writes_messages_and_dead_letters_and_shows_the_board(shop: Shop, nudger: Run) -> None:
    found = nudger("run", "--events", shop.events(*MONTH))

    assert (found.code, found.err) == (0, "")
    assert [(nudge["account"], nudge["subject"]) for nudge in shop.messages] == [("amber", "Your bill is $60")]
    assert [(letter["code"], letter["at"]) for letter in shop.dead_letters] == [("not_json", "events.ndjson:6")]
    assert shop.dead_letters[0]["value"] == "this is no event"
    board = found.out
    assert "7 records read" in board
    assert "4  counted" in board
    assert "1  repeated" in board
    assert "page.viewed 1" in board
    assert "not_json 1" in board
    assert "1 nudge waiting now: held(no_ticket) 1" in board
    assert "2026-03-02 10:00 UTC  amber    Your bill is $60" in board
    assert ".nudger/messages.ndjson, 1 new" in board
    assert max(map(len, board.splitlines())) <= 100
    assert "ada@" not in board


def test_the_board_for_programs_is_one_object(shop: Shop, nudger: Run) -> None:
    board = nudger("run", "--events", shop.events(*MONTH), "--json").document

    assert board["records"] == {
        "read": 7,
        "counted": 4,
        "repeated": 1,
        "set_aside": {"not_json": 1},
        "undeclared": {"page.viewed": 1},
        "unknown_plans": 0,
        "jumps": 0,
    }
    assert board["clock"] == "2026-03-02T11:00:00Z"
    over = board["rules"]["over-large"]
    assert (over["met"], over["sent"], over["held_now"], over["waiting_now"]) == (2, 1, 1, 0)
    assert board["rules"]["help-asked"]["met"] == 0
    assert board["waiting"]["count"] == 1
    assert board["waiting"]["first"] == [
        {
            "account": "birch",
            "rule": "over-large",
            "verdict": "held",
            "reason": "no_ticket",
            "looks_again": "2026-03-09T11:00:00Z",
            "lapses": "2026-03-09T11:00:00Z",
        }
    ]
    assert board["messages"]["new"] == 1
    assert board["messages"]["first"][0]["account"] == "amber"
    assert board["dead_letters"]["new"] == 1
    assert board["stopped"] is None


def test_a_second_run_sends_nothing_twice_and_shows_the_same_rules(shop: Shop, nudger: Run) -> None:
    events = shop.events(*MONTH)
    first, second = (nudger("run", "--events", events, "--json").document for _ in range(2))
    text = nudger("run", "--events", "events.ndjson").out  # the same file, written otherwise

    assert second["rules"] == first["rules"]
    assert second["waiting"] == first["waiting"]
    assert second["messages"]["first"] == first["messages"]["first"]
    assert second["clock"] == first["clock"]
    assert (second["records"]["read"], second["messages"]["new"]) == (0, 0)
    assert text.startswith("0 new events; nothing was sent twice")
    assert len(shop.messages) == 1


def test_a_file_that_has_grown_is_read_on(shop: Shop, nudger: Run) -> None:
    nudger("run", "--events", shop.events(*MONTH))
    solved = event(6, "birch", "03T09:00:00", "account.updated", open_tickets=0)
    board = nudger("run", "--events", shop.events(*MONTH, solved), "--json").document

    assert (board["records"]["read"], board["messages"]["new"], board["waiting"]["count"]) == (1, 1, 0)
    assert [nudge["account"] for nudge in shop.messages] == ["amber", "birch"]


def test_a_file_that_was_changed_is_refused(shop: Shop, nudger: Run) -> None:
    nudger("run", "--events", shop.events(*MONTH))
    found = nudger("run", "--events", shop.events(*MONTH[1:], MONTH[0]))

    assert found.code == 4
    assert "events.ndjson has other content" in found.err


def test_a_missing_file_is_said_before_anything_is_made(shop: Shop, nudger: Run) -> None:
    found = nudger("run", "--events", "nowhere.ndjson")

    assert found.code == 3
    assert "there is no file nowhere.ndjson" in found.err
    assert not (shop.root / ".nudger").exists()


def test_a_state_in_use_is_5(shop: Shop, nudger: Run, start: Start) -> None:
    other = start("run", "--events", "-")
    wait_for((shop.root / ".nudger/messages.ndjson").exists, other)
    found = nudger("run", "--events", shop.events(*MONTH))

    assert (found.code, ended(other).code) == (5, 0)
    assert "is in use" in found.err


def test_old_dates_on_standard_input_are_read_by_their_own_clock(shop: Shop, start: Start) -> None:
    found = ended(start("run"), "".join(MONTH))

    assert found.code == 0
    assert "7 records read" in found.out
    assert shop.dead_letters[0]["at"] == "stdin:6"
    assert len(shop.messages) == 1


def test_nothing_to_read_is_said(start: Start) -> None:
    found = ended(start("run", stdin=subprocess.DEVNULL))

    assert found.code == 2
    assert "--events FILE" in found.err


def test_messages_go_to_standard_output_and_the_board_beside_it(shop: Shop, nudger: Run) -> None:
    found = nudger("run", "--events", shop.events(*MONTH), "--out", "-")
    again = nudger("run", "--events", shop.events(*MONTH), "--out", "-", "--json")

    assert [json.loads(line)["data"]["account"] for line in found.out.splitlines()] == ["amber"]
    assert "7 records read" in found.err
    assert again.out == ""
    assert json.loads(again.err)["records"]["read"] == 0
    assert nudger("run", "--events", shop.events(*MONTH), "--out", "-", "--mails", "m").code == 2


def test_strict_counts_what_was_set_aside(shop: Shop, nudger: Run) -> None:
    found = nudger("run", "--events", shop.events(*MONTH), "--strict")
    again = nudger("run", "--events", shop.events(*MONTH), "--strict")

    assert (found.code, again.code) == (1, 0)
    assert "1 record set aside" in found.err


def test_a_file_that_is_not_sorted_is_noticed(shop: Shop, nudger: Run) -> None:
    days = [event(day, "amber", f"{day:02}T10:00:00", price=1) for day in range(20, 2, -1)]
    found = nudger("run", "--events", shop.events(*days))

    assert found.code == 0
    assert "not sorted by time?" in found.out
    assert "begin with a new --state" in " ".join(found.out.split())


def test_time_passes_to_until_and_what_waits_lapses(shop: Shop, nudger: Run) -> None:
    board = nudger("run", "--events", shop.events(*MONTH), "--until", "2026-03-20", "--json").document

    assert board["clock"] == "2026-03-20T00:00:00Z"
    assert board["waiting"]["count"] == 0
    assert board["rules"]["over-large"]["readings"]["lapsed"] == 1
    assert nudger("run", "--events", shop.events(*MONTH), "--until", "2026-03-20", "--follow").code == 2


def test_a_backfill_builds_the_state_and_sends_nothing(shop: Shop, nudger: Run) -> None:
    found = nudger("run", "--events", shop.events(*MONTH), "--backfill")
    more = event(7, "birch", "04T09:00:00", "account.updated", open_tickets=0)
    after = nudger("run", "--events", shop.events(more, name="new.ndjson"), "--json")
    refused = nudger("run", "--events", shop.events(more, name="newer.ndjson"), "--backfill")

    assert "Backfill: the state is built" in found.out
    assert (found.code, after.code, refused.code) == (0, 0, 4)
    assert after.document["records"]["counted"] == 1


def test_an_accounts_file_makes_accounts_known(shop: Shop, nudger: Run) -> None:
    contacts = json.dumps([{"address": "ada@cedar.example", "role": "billing"}]).replace('"', '""')
    header = "account,name,plan,open_tickets,contacts\n"
    shop.write("accounts.csv", f'{header}cedar,Cedar,small,0,"{contacts}"\n')
    bought = event(1, "cedar", "02T10:00:00", price=50)
    board = nudger("run", "--events", shop.events(bought), "--accounts", "accounts.csv", "--json").document

    assert board["messages"]["first"][0]["account"] == "cedar"
    assert board["records"]["counted"] == 2


def test_mails_are_written_under_safe_names_and_only_those_that_lack(shop: Shop, nudger: Run) -> None:
    reachable = [{"address": "ada@up.example", "role": "billing"}]
    bold = profile(1, "../up/ö", contacts=reachable), event(2, "../up/ö", "02T10:00:00", price=50)
    first = nudger("run", "--events", shop.events(*bold), "--mails", "mails")
    more = profile(3, "amber"), event(4, "amber", "02T11:00:00", price=50)
    (mail,) = (shop.root / "mails").iterdir()
    second = nudger("run", "--events", shop.events(*bold, *more), "--mails", "mails", "--json")
    nudger("run", "--events", shop.events(*bold, *more), "--mails", "all")

    assert mail.name.startswith("_up_--over-large--")
    assert "Large is $30" in mail.read_text()
    assert f"mails/{mail.name}" in first.out
    assert [Path(path).name.split("--")[0] for path in second.document["mails"]] == ["amber"]
    assert second.document["messages"]["first"][0]["account"] == "amber"
    assert len(list((shop.root / "all").iterdir())) == 2  # whoever asks late gets all of them


def test_files_that_would_be_one_are_refused(shop: Shop, nudger: Run) -> None:
    events = shop.events(*MONTH)

    assert nudger("run", "--events", events, "--out", "x", "--dead-letters", "./x").code == 2
    assert nudger("run", "--events", events, "--events", "events.ndjson").code == 2


def test_a_followed_file_is_read_as_it_grows_until_somebody_stops_it(shop: Shop, nudger: Run, start: Start) -> None:
    path = Path(shop.events(*MONTH[:3]))
    started = start("run", "--events", path.name, "--follow", "--clock", "events")
    wait_for(lambda: len(shop.messages) == 1, started)
    with path.open("a") as file:
        file.writelines([profile(8, "cedar"), event(9, "cedar", "02T13:00:00", price=50)])
    wait_for(lambda: len(shop.messages) == 2, started)
    started.send_signal(signal.SIGINT)
    found = ended(started)
    after = nudger("run", "--events", path.name, "--json").document

    assert (found.code, found.err) == (130, "")
    assert "Stopped by SIGINT. All that was read is committed" in found.out
    assert (after["records"]["read"], len(shop.messages)) == (0, 2)


def test_terminating_a_run_that_follows_is_fine(shop: Shop, start: Start) -> None:
    shop.events(*MONTH)
    started = start("run", "--events", "events.ndjson", "--follow")
    wait_for(lambda: bool((shop.root / ".nudger/dead-letters.ndjson").exists() and shop.dead_letters), started)
    started.terminate()
    found = ended(started)

    assert found.code == 0
    assert "long past" in " ".join(found.out.split())  # by the wall's clock these nudges lapsed


def test_terminating_a_run_before_its_input_ended_is_no_success(shop: Shop, start: Start) -> None:
    started = start("run", "--events", "-")
    wait_for((shop.root / ".nudger/messages.ndjson").exists, started)
    started.terminate()

    assert started.wait(30) == 143


def test_somebody_who_stops_reading_is_no_fault(start: Start) -> None:
    read, write = os.pipe()
    os.close(read)
    found = ended(start("check", stdout=write))
    os.close(write)

    assert (found.code, found.err) == (141, "")
