"""The contracts as files for machines: JSON Schema of the messages, AsyncAPI 3 of everything that goes in and out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from nudger.core.event import PROFILE
from nudger.core.traits import BUILT_IN, TraitKind
from nudger.intake.envelope import MOST_BYTES, MOST_ID
from nudger.mail.message import json_schema
from tests.docs import words
from tests.docs.pages import DOCS

SCHEMA: Final = DOCS / "contracts" / "nudge.schema.json"
ASYNCAPI: Final = DOCS / "contracts" / "asyncapi.yaml"

Schema = dict[str, Any]

_TIME: Final = r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$"
_NUMBER: Final[Schema] = {
    "description": "Exact: a JSON number, or the same digits in quotes. Below 10^15, at most 9 decimals.",
    "oneOf": [
        {"type": "number"},
        {"type": "string", "pattern": r"^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,3})?$"},
    ],
}
_KINDS: Final[dict[TraitKind, Schema]] = {
    "text": {"type": "string"},
    "number": _NUMBER,
    "money": _NUMBER,
    "time": {"type": "string", "pattern": _TIME},
    "bool": {"type": "boolean"},
    "list": {"type": "array", "items": {"type": "string"}},
    "plan": {"type": "string"},
    "plans": {"type": "array", "items": {"type": "string"}},
    "addons": {"type": "array", "items": {"type": "string"}},
    "contacts": {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["address"],
            "properties": {
                name: {"type": "string"} for name in ("address", "role", "name", "first_name", "locale", "zone")
            },
        },
    },
    "owner": {
        "type": "object",
        "required": ["address"],
        "properties": {"address": {"type": "string"}, "name": {"type": "string"}},
    },
}


class BreakingChange(Exception):
    """The outbound contract would break somebody who reads it; says how."""

    def __init__(self, changes: list[str]) -> None:
        self.changes = changes
        super().__init__(
            "this change of the outbound contract breaks its consumers:\n"
            + "\n".join(f"  {change}" for change in changes)
            + "\ngive it a new version (DATASCHEMA and VERSION in nudger/mail/message.py), or leave it out"
        )


# --- the outbound message ------------------------------------------------------------------------


def breaking(old: Schema, new: Schema) -> list[str]:
    """Return what a consumer written for *old* would stumble over in *new*; nothing for another version."""
    if old["$id"] != new["$id"]:
        return []
    found = []
    for name, before in old["$defs"].items():
        after = new["$defs"].get(name)
        if after is None:
            found.append(f"{name} is gone")
            continue
        required = set(before.get("required", ())) - set(after.get("required", ()))
        for field, shape in before.get("properties", {}).items():
            if field not in after.get("properties", {}):
                found.append(f"{name}.{field} is gone")
                continue
            found += [f"{name}.{field} {how}" for how in _widened(shape, after["properties"][field])]
            found += [f"{name}.{field} is not always there any more"] if field in required else []
    return sorted(found)


def _widened(old: Schema, new: Schema) -> Iterator[str]:
    """Yield how *new* allows values that *old* did not."""
    if kinds(new) - kinds(old):
        yield f"can be {', '.join(sorted(kinds(new) - kinds(old)))}"
    if "enum" in old and not set(new.get("enum", [object()])) <= set(old["enum"]):
        yield "has other values"
    for bound in ("maxLength", "maximum"):
        if bound in old and new.get(bound, float("inf")) > old[bound]:
            yield f"may pass its {bound} of {old[bound]}"
    if "minimum" in old and new.get("minimum", float("-inf")) < old["minimum"]:
        yield f"may pass its minimum of {old['minimum']}"
    if "pattern" in old and new.get("pattern") != old["pattern"]:
        yield "is written in another form"


def kinds(shape: Schema) -> set[str]:
    """Return the types that a value can have; a reference counts as one."""
    if "anyOf" in shape:
        return set[str]().union(*(kinds(part) for part in shape["anyOf"]))
    if "$ref" in shape:
        return {shape["$ref"]}
    if "enum" in shape:
        return {type(value).__name__ for value in shape["enum"]}
    given = shape.get("type", "anything")
    return {given} if isinstance(given, str) else set(given)


def nudge_schema() -> str:
    """Return the outbound contract as a file.

    Raises:
        BreakingChange: The file that is there promises more.
    """
    schema = json_schema()
    if SCHEMA.exists():
        changes = breaking(json.loads(SCHEMA.read_text("utf-8")), schema)
        if changes:
            raise BreakingChange(changes)
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def fields_of(name: str) -> list[tuple[str, str, str]]:
    """Return field, type and meaning of one part of the outbound message.

    Raises:
        KeyError: A field without words, or words for a field that is not there.
    """
    shapes = json_schema()["$defs"]
    known = {f"{part}.{field}" for part, shape in shapes.items() for field in shape["properties"]}
    if known != set(words.FIELDS):
        raise KeyError(f"words for fields: {sorted(known ^ set(words.FIELDS))}")
    shape = shapes[name]
    rows = []
    for field, inner in shape["properties"].items():
        kind = _kind(inner) + ("" if field in shape.get("required", ()) else ", or left out")
        rows.append((f"`{field}`", kind, words.FIELDS[f"{name}.{field}"] or _described(inner)))
    return rows


def _kind(shape: Schema) -> str:
    if "enum" in shape:
        return " ".join(f"`{value}`" for value in shape["enum"])
    if "anyOf" in shape:
        return " or ".join(_kind(part) for part in shape["anyOf"])
    if "$ref" in shape:
        return str(shape["$ref"].removeprefix("#/$defs/"))
    if shape.get("type") == "object":
        return "object of texts"
    kind: str = shape["type"]
    return {"string": "text", "integer": "whole number", "boolean": "true or false"}.get(kind, kind)


def _described(shape: Schema) -> str:
    said: str = shape.get("description", "")
    return said or next((_described(part) for part in shape.get("anyOf", ()) if _described(part)), "")


# --- what comes in -------------------------------------------------------------------------------


def _id(says: str) -> Schema:
    return {
        "description": says,
        "oneOf": [{"type": "string", "minLength": 1, "maxLength": MOST_ID}, {"type": "integer"}],
    }


def usage_event() -> Schema:
    """Return the schema of an event in nudger's own format."""
    return {
        "type": "object",
        "description": f"One usage event in nudger's own format, at most {MOST_BYTES // 1024} KiB.",
        "required": ["id", "type", "account", "time"],
        "properties": {
            "id": _id("Unique for this account and source. A repeat with the same content counts once."),
            "type": {"type": "string", "minLength": 1, "description": "One of the types that `events:` declares."},
            "account": _id("Whose event it is."),
            "time": {"type": "string", "pattern": _TIME, "description": "When it happened: RFC 3339 with a zone."},
            "source": {"type": "string", "default": "", "description": "Who says so. Part of the event's identity."},
            "data": _data(),
        },
    }


def cloud_event() -> Schema:
    """Return the schema of an event as a CloudEvent in structured mode."""
    own = usage_event()["properties"]
    return {
        "type": "object",
        "description": "The same event as a CloudEvent 1.0 in JSON (structured mode).",
        "required": ["specversion", "id", "source", "type", "subject", "time"],
        "properties": {
            "specversion": {"type": "string", "enum": ["1.0"]},
            "id": own["id"],
            "source": own["source"],
            "type": own["type"],
            "subject": own["account"],
            "time": own["time"],
            "data": own["data"],
        },
    }


def _data() -> Schema:
    return {
        "type": "object",
        "description": (
            "The declared fields; others are ignored. A field that is left out, or null, is missing. `currency` names "
            "the currency of its money fields."
        ),
        "properties": {"currency": {"type": "string"}},
    }


def account_updated() -> Schema:
    """Return the schema of the one event that changes traits."""
    event = usage_event()
    event["description"] = "What is known of an account; the one event that changes traits."
    event["properties"]["type"] = {"type": "string", "enum": [PROFILE]}
    event["properties"]["data"] = {
        "type": "object",
        "description": (
            "A trait that is left out stays, null makes it missing, a list is replaced whole. A trait that is neither "
            "built in nor declared is refused."
        ),
        "properties": {name: _trait(name, kind) for name, kind in BUILT_IN.items()},
    }
    return event


def _trait(name: str, kind: TraitKind) -> Schema:
    shape = _KINDS[kind]
    nullable = (
        {"oneOf": [*shape["oneOf"], {"type": "null"}]}
        if "oneOf" in shape
        else {
            **shape,
            "type": [shape["type"], "null"],
        }
    )
    return {"description": words.TRAITS[name], **nullable}


def dead_letter() -> Schema:
    """Return the schema of a record that was set aside."""
    return {
        "type": "object",
        "description": "A record that could not be counted, with the reason in plain words.",
        "required": ["code", "reason", "at", "value"],
        "properties": {
            "code": {"type": "string", "enum": list(words.DEAD_LETTERS)},
            "reason": {"type": "string"},
            "at": {"type": "string", "description": "Where it came from: the input, a colon, the line."},
            "value": {
                "description": "The bytes as they came: a text, or base64 if they are no UTF-8.",
                "oneOf": [
                    {"type": "string"},
                    {"type": "object", "required": ["base64"], "properties": {"base64": {"type": "string"}}},
                ],
            },
        },
    }


def asyncapi() -> dict[str, Any]:
    """Return the AsyncAPI document of everything that goes in and out."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "nudger",
            "version": "1.0.0",
            "license": {"name": "Apache-2.0"},
            "description": (
                "Usage events in, explained upgrade e-mails out. In this release every channel is a file, or a pipe, "
                "with one JSON object a line (`nudger run --events … --out … --dead-letters …`); the addresses name "
                "the topics that will carry the same bytes."
            ),
        },
        "defaultContentType": "application/json",
        "channels": {
            "events": {
                "address": "nudger.events",
                "description": "Usage events and traits, keyed by account, roughly in the order of their time.",
                "messages": {
                    name: {"$ref": f"#/components/messages/{name}"}
                    for name in ("usageEvent", "cloudEvent", "accountUpdated")
                },
            },
            "nudges": {
                "address": "nudger.nudges",
                "description": "One rendered e-mail each, keyed by account. De-duplicate by `id`.",
                "messages": {"nudge": {"$ref": "#/components/messages/nudge"}},
            },
            "deadLetters": {
                "address": "nudger.dead-letters",
                "description": "Records that could not be counted.",
                "messages": {"deadLetter": {"$ref": "#/components/messages/deadLetter"}},
            },
        },
        "operations": {
            "readEvents": {"action": "receive", "channel": {"$ref": "#/channels/events"}},
            "writeNudges": {"action": "send", "channel": {"$ref": "#/channels/nudges"}},
            "writeDeadLetters": {"action": "send", "channel": {"$ref": "#/channels/deadLetters"}},
        },
        "components": {
            "messages": {
                "usageEvent": {"title": "A usage event", "payload": {"$ref": "#/components/schemas/usageEvent"}},
                "cloudEvent": {"title": "As a CloudEvent", "payload": {"$ref": "#/components/schemas/cloudEvent"}},
                "accountUpdated": {"title": "Traits", "payload": {"$ref": "#/components/schemas/accountUpdated"}},
                "nudge": {"title": "An e-mail to be sent", "payload": {"$ref": "./nudge.schema.json"}},
                "deadLetter": {"title": "A record set aside", "payload": {"$ref": "#/components/schemas/deadLetter"}},
            },
            "schemas": {
                "usageEvent": usage_event(),
                "cloudEvent": cloud_event(),
                "accountUpdated": account_updated(),
                "deadLetter": dead_letter(),
            },
        },
    }


class _Plain(yaml.SafeDumper):
    """Writes every value out, so that a reader needs no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def documents() -> dict[Path, str]:
    """Return the contracts as files.

    Raises:
        BreakingChange: See `nudge_schema`.
    """
    head = "# Generated by `python -m tests.docs.generate`.\n"
    text = yaml.dump(asyncapi(), Dumper=_Plain, sort_keys=False, allow_unicode=True, width=110)
    return {SCHEMA: nudge_schema(), ASYNCAPI: head + text}
