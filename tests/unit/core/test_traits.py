"""Traits: what the billing system says about an account, merged field by field."""

from __future__ import annotations

from typing import Any

import pytest

from nudger.core.contact import valid_address
from nudger.project import Project
from tests.support.builders import BILLING, World, at, credit, customer, project, traits

OWN = "  credit.purchased: { kind: text, price: money }\n  api.called: { calls: number }\n  lead.created: { source: text }\n"
OWN += "  contacts.counted: { total: number }\n"


def declaring(own: str) -> Project:
    """Return a project whose accounts have these traits of its own too."""
    return project("", events=f"{OWN}  account.updated: {{ {own} }}\n")


def read(world: World, name: str) -> Any:
    """Return a trait as the world's rule book reads it."""
    ground = world.project.definition.ground
    assert ground is not None
    return getattr(ground.traits.read(world.account()), name)


def test_an_update_changes_only_the_traits_it_names() -> None:
    """The others stay as they were."""
    world = World(rows=[customer(stage="growth", seats=3)]).run(traits("2026-03-02 10:00", stage="scale-up"))
    assert (read(world, "stage"), world.account().seats, world.account().plan) == ("scale-up", 3, "payg")


def test_null_takes_a_trait_away() -> None:
    """Missing is not zero and not empty; an anchor day that is taken away is the first again."""
    world = World(rows=[customer(stage="growth", seats=3, anchor_day=15, milestones=["a"])])
    world.run(traits("2026-03-02 10:00", stage=None, seats=None, anchor_day=None, milestones=None))
    account = world.account()
    assert (read(world, "stage"), read(world, "milestones"), account.seats, account.anchor_day) == (None, None, None, 1)


def test_a_list_is_replaced_whole() -> None:
    """What an update does not list is gone, people too."""
    other = {"address": "other@acme.example", "role": "admin"}
    world = World(rows=[customer(addons=["scheduling"], contacts=[BILLING])])
    world.run(traits("2026-03-02 10:00", addons=[], contacts=[other]))
    assert read(world, "addons") == []
    assert [contact.address for contact in read(world, "contacts")] == ["other@acme.example"]


def test_a_trait_of_the_company_s_own_is_kept_and_read() -> None:
    """Declared under `events: account.updated`, in its type."""
    world = World(declaring("qbr_at: time, tier: number")).run(
        traits("2026-03-02 10:00", qbr_at="2026-04-01T00:00:00Z", tier=2.5)
    )
    assert (read(world, "qbr_at"), float(read(world, "tier"))) == (at("2026-04-01 00:00"), 2.5)


def test_a_trait_that_is_not_declared_any_more_is_kept_until_it_is_again() -> None:
    """An edit that is rolled back loses nothing."""
    world = World(declaring("tier: number")).run(traits("2026-03-02 10:00", tier=2))
    world = world.crash(declaring("colour: text")).run(traits("2026-03-03 10:00", stage="growth"))
    assert world.set_aside() == []
    assert read(world.crash(declaring("tier: number")).run(credit("2026-03-04 10:00")), "tier") == 2


def test_a_trait_that_came_under_another_kind_is_missing() -> None:
    """A text is no number; the other traits can be read all the same."""
    world = World(declaring("tier: text, colour: text")).run(traits("2026-03-02 10:00", tier="gold", colour="red"))
    world = world.crash(declaring("tier: number, colour: text"))
    assert (read(world, "tier"), read(world, "colour"), read(world, "stage")) == (None, "red", None)


def test_the_same_update_again_changes_nothing() -> None:
    """No rule is read for a trait that was said again."""
    rule = project("{ r: { when: account.seats >= 10, limits: none } }")
    world = World(rule, rows=[customer()]).run(*(traits(f"2026-03-0{day} 10:00", seats=12) for day in (2, 3, 4)))
    assert world.tally("r") == {"sent": 1}


@pytest.mark.parametrize(
    ("address", "works"),
    [
        ("robin@acme.example", True),
        ("robin.sample+nudges@mail.acme.example", True),
        ("r@a.b", True),
        ("o'neil@acme.example", True),
        ("robin@localhost", False),
        ("robin", False),
        ("", False),
        ("@acme.example", False),
        ("robin@", False),
        ("robin@acme..example", False),
        (".robin@acme.example", False),
        ("robin.@acme.example", False),
        ("ro bin@acme.example", False),
        ("robin@acme.example, eve@evil.example", False),
        ("robin@acme.example\nBcc: eve@evil.example", False),
        ("Robin <robin@acme.example>", False),
        ('"robin"@acme.example', False),
        ("robin@-acme.example", False),
        ("röbin@acme.example", False),
        ("robin@" + "a" * 64 + ".example", False),
        ("r" * 64 + "@acme.example", True),
        ("r" * 65 + "@acme.example", False),
        ("robin@" + "a.b" * 90 + ".example", False),
    ],
)
def test_an_address_is_one_plain_address(address: str, works: bool) -> None:
    """No names, no quotes, no lists: a comma or a line feed would make two recipients."""
    assert valid_address(address) is works
