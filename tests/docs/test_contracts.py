"""The contracts for machines: a change that breaks a consumer is refused, and what they say is what the code does."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from nudger.core.traits import BUILT_IN
from nudger.errors import EventError
from nudger.intake.envelope import Reader, Undeclared
from nudger.mail.message import json_schema
from tests.docs import contracts
from tests.docs.contracts import ASYNCAPI, SCHEMA, BreakingChange, asyncapi, breaking

Schema = dict[str, Any]
Change = Callable[[Schema], Any]


def nudge(schema: Schema) -> Schema:
    found: Schema = schema["$defs"]["Nudge"]
    return found


BREAKING: list[tuple[Change, str]] = [
    (lambda s: nudge(s)["properties"].pop("html"), "Nudge.html is gone"),
    (lambda s: nudge(s)["required"].remove("text"), "Nudge.text is not always there any more"),
    (lambda s: nudge(s)["properties"].update(rule={"type": "integer"}), "Nudge.rule can be integer"),
    (
        lambda s: nudge(s)["properties"].update(rule={"anyOf": [{"type": "string"}, {"type": "null"}]}),
        "Nudge.rule can be null",
    ),
    (lambda s: nudge(s)["properties"]["subject"].update(maxLength=900), "Nudge.subject may pass its maxLength of 200"),
    (lambda s: nudge(s)["properties"]["follow_up"].update(maximum=9), "Nudge.follow_up may pass its maximum of 3"),
    (lambda s: nudge(s)["properties"]["follow_up"].update(minimum=-1), "Nudge.follow_up may pass its minimum of 0"),
    (
        lambda s: s["$defs"]["Offer"]["properties"]["kind"]["enum"].append("gift"),
        "Offer.kind has other values",
    ),
    (lambda s: nudge(s)["properties"]["created"].update(pattern="^.*$"), "Nudge.created is written in another form"),
    (lambda s: s["$defs"].pop("Cause"), "Cause is gone"),
    (
        lambda s: nudge(s)["properties"].update(to={"$ref": "#/$defs/Cause"}),
        "Nudge.to can be #/$defs/Cause",
    ),
]


@pytest.mark.parametrize(("change", "said"), BREAKING, ids=[said for _, said in BREAKING])
def test_a_change_that_breaks_a_consumer_is_noticed(change: Change, said: str) -> None:
    changed = copy.deepcopy(json_schema())
    change(changed)

    assert breaking(json_schema(), changed) == [said]


SAFE: list[Change] = [
    lambda s: nudge(s)["properties"].update(mood={"type": "string"}),
    lambda s: nudge(s)["properties"].update(mood={"type": "string"}) or nudge(s)["required"].append("mood"),
    lambda s: nudge(s)["properties"]["subject"].update(maxLength=100),
    lambda s: s["$defs"]["Offer"]["properties"]["kind"]["enum"].pop(),
    lambda s: s["$defs"]["Offer"]["properties"].update(price=s["$defs"]["Offer"]["properties"]["currency"]),
    lambda s: nudge(s).update(description="otherwise"),
    lambda s: s["$defs"].update(Gift={"type": "object", "properties": {}}),
]


@pytest.mark.parametrize("change", SAFE)
def test_a_field_more_and_a_value_less_break_nobody(change: Change) -> None:
    changed = copy.deepcopy(json_schema())
    change(changed)

    assert [it for it in breaking(json_schema(), changed) if "price" not in it] == []


def test_another_version_may_be_another_contract() -> None:
    changed = copy.deepcopy(json_schema())
    nudge(changed)["properties"].pop("html")
    changed["$id"] = "urn:nudger:nudge:2"

    assert breaking(json_schema(), changed) == []


def test_the_committed_contract_is_kept() -> None:
    assert breaking(json.loads(SCHEMA.read_text("utf-8")), json_schema()) == []


def test_the_generator_refuses_to_break_the_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    promised = json_schema()
    nudge(promised)["properties"]["gone"] = {"type": "string"}
    committed = tmp_path / "nudge.schema.json"
    committed.write_text(json.dumps(promised), "utf-8")
    monkeypatch.setattr(contracts, "SCHEMA", committed)

    with pytest.raises(BreakingChange, match=r"Nudge\.gone is gone"):
        contracts.nudge_schema()


# --- AsyncAPI ------------------------------------------------------------------------------------


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def test_every_reference_leads_somewhere() -> None:
    document = yaml.safe_load(ASYNCAPI.read_text("utf-8"))
    for reference in references(document):
        name, _, path = reference.partition("#")
        assert not name or (ASYNCAPI.parent / name).exists()
        node = document if not name else json.loads((ASYNCAPI.parent / name).read_text("utf-8"))
        for step in path.strip("/").split("/") if path else ():
            node = node[step]


def test_channels_are_named_after_the_product() -> None:
    addresses = {channel["address"] for channel in asyncapi()["channels"].values()}
    assert addresses == {"nudger.events", "nudger.nudges", "nudger.dead-letters"}


# --- what the contract of events says is what intake does ------------------------------------------

WHOLE: dict[str, Any] = {
    "id": "e-1",
    "type": "credit.purchased",
    "account": "gorilla",
    "time": "2026-03-02T10:00:00Z",
    "source": "/billing",
    "data": {"price": "12.50"},
}
CLOUD = {key: value for key, value in WHOLE.items() if key != "account"} | {"specversion": "1.0", "subject": "gorilla"}


def reader() -> Reader:
    traits: dict[str, str] = dict(BUILT_IN)
    events = {"credit.purchased": {"price": "money"}, "account.updated": traits}
    return Reader(events, frozenset({"payg"}), frozenset())


@pytest.mark.parametrize("field", contracts.usage_event()["required"])
def test_an_event_needs_what_the_contract_requires(field: str) -> None:
    event = {key: value for key, value in WHOLE.items() if key != field}
    with pytest.raises(EventError):
        reader().read(json.dumps(event).encode())


@pytest.mark.parametrize("field", sorted(set(WHOLE) - set(contracts.usage_event()["required"])))
def test_an_event_can_do_without_the_rest(field: str) -> None:
    event = {key: value for key, value in WHOLE.items() if key != field}
    found = reader().read(json.dumps(event).encode())
    assert not isinstance(found, Undeclared)
    assert found.account == "gorilla"


@pytest.mark.parametrize("field", sorted(set(contracts.cloud_event()["required"]) - {"specversion", "source"}))
def test_a_cloud_event_needs_what_the_contract_requires(field: str) -> None:
    event = {key: value for key, value in CLOUD.items() if key != field}
    with pytest.raises(EventError):
        reader().read(json.dumps(event).encode())


@pytest.mark.parametrize("identity", ["id", "account"])
def test_ids_may_be_whole_numbers(identity: str) -> None:
    found = reader().read(json.dumps({**WHOLE, identity: 17}).encode())
    assert not isinstance(found, Undeclared)
    assert getattr(found, identity) == "17"


SAMPLES: dict[str, Any] = {
    "text": "UTC",
    "number": 3,
    "money": "75.00",
    "time": "2026-03-02T10:00:00+01:00",
    "bool": True,
    "list": ["first_value"],
    "plan": "payg",
    "plans": ["payg"],
    "addons": ["campaigns"],
    "contacts": [{"address": "ada@gorilla.example", "role": "billing"}],
    "owner": {"address": "kim@vendor.example"},
}


@pytest.mark.parametrize("trait", BUILT_IN)
def test_every_trait_of_the_contract_is_taken_and_may_be_null(trait: str) -> None:
    shape = contracts.account_updated()["properties"]["data"]["properties"]
    assert set(shape) == set(BUILT_IN)
    for value in (SAMPLES[BUILT_IN[trait]], None):
        event = {**WHOLE, "type": "account.updated", "data": {trait: value}}
        found = reader().read(json.dumps(event).encode())
        assert not isinstance(found, Undeclared)
        assert hasattr(found.data, trait)
