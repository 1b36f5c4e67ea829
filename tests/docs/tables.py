"""The generated parts of the pages, each a function that reads the code and returns Markdown."""

from __future__ import annotations

import ast
import html
import inspect
import re
import tomllib
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator

from nudger.cli import build_parser
from nudger.core.traits import BUILT_IN
from nudger.core.verdict import VERDICTS
from nudger.intake.fields import expected
from nudger.language import checker, schema
from nudger.language.codes import CODES
from nudger.language.scope import FIELD_TYPES, Scope, UnknownName
from nudger.language.typed import ROW, Symbol
from nudger.mail.formats import FILTERS
from nudger.mail.problems import EXPLANATIONS
from nudger.settings import Settings
from tests.docs import words
from tests.docs.contracts import fields_of
from tests.docs.pages import ROOT

_FORMS: Final = {
    "_text": "text",
    "_amount": "amount",
    "_quantity": "number or `unlimited`",
    "_share": "percentage",
    "_length": "length of time",
    "_whole": "whole number",
    "_flag": "`true` or `false`",
    "_name": "name",
    "_rule_name": "name",
}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


# --- keys of rule files --------------------------------------------------------------------------


def form(annotation: Any, metadata: Sequence[Any] = (), text: str = "") -> str:
    """Return the form of a value in words; *text* says what a text in it is."""
    for item in metadata:
        if isinstance(item, BeforeValidator):
            name = getattr(item.func, "__name__", "")
            if name == "_one_or_many":
                return f"{text or 'text'}, or a list"
            return text if name == "_text" and text else _FORMS[name]
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return form(inside[0], inside[1:], text)
    if origin is Literal:
        return ", ".join(f"`{option}`" for option in inside)
    if origin in (Union, types.UnionType):
        found = list(dict.fromkeys(form(part, text=text) for part in inside if part is not type(None)))
        *others, last = found
        several = bool(others) and last == "list of " + " or ".join(others)
        return f"{' or '.join(others)}, or a list of these" if several else " or ".join(found)
    if origin is dict:
        if inside == (str, Any):
            return "keys and values"
        key, value = form(inside[0], text=text), form(inside[1], text=text)
        return f"{key}: {value}, …" if key != text else f"{text}: {{ field: kind, … }}"
    if origin is list:
        item = form(inside[0], text=text)
        return f"list of {item}" if "," not in item else f"list of: {item}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[keys](#{anchor(annotation)})"
    return text or {str: "text", Any: "keys and values"}.get(annotation, "keys and values")


def anchor(model: type[BaseModel]) -> str:
    """Return the anchor of a model's table."""
    return f"keys-{model.__name__.removesuffix('Keys').lower()}"


def keys_of(model: type[BaseModel]) -> str:
    """Return the table of one model's keys.

    Raises:
        KeyError: The model has a key without words, or words name a key that it does not have.
    """
    told = words.KEYS[model]
    fields = {info.alias or name: info for name, info in model.model_fields.items()}
    if set(fields) != set(told.keys):
        raise KeyError(f"{model.__name__}: words for {sorted(set(fields) ^ set(told.keys))}")
    rows = []
    for name, info in fields.items():
        key = told.keys[name]
        shape = form(info.annotation, info.metadata, key.text)
        default = "**needed**" if info.is_required() else key.default or _default(info)
        rows.append((f"`{name}`", shape, default, key.says))
    return f'<a id="{anchor(model)}"></a>\n\n' + table((f"Key of {told.place}", "Form", "Default", "What it is"), rows)


def _default(info: Any) -> str:
    value = info.default
    if value is True or value is False:
        return f"`{str(value).lower()}`"
    if isinstance(value, Decimal):
        return f"`{value:.0%}`"
    if isinstance(value, (str, int)) and value != "":
        return f"`{value}`"
    return "none"


def field_kinds() -> str:
    """Return the kinds that a declared field can have."""
    rows = [(f"`{kind}`", expected(kind), str(FIELD_TYPES[kind])) for kind in get_args(schema.FieldKind)]
    return table(("Kind", "In JSON", "Read as"), rows)


def later() -> str:
    """Return the keys that the language knows and this release refuses, by where they would stand."""
    missing = {key for keys in schema.LATER.values() for key in keys} ^ set(words.LATER)
    if missing:
        raise KeyError(f"words for keys to come: {sorted(missing)}")
    rows = []
    for model, keys in schema.LATER.items():
        listed = [f"`{key}` ({words.LATER[key]})" for key in sorted(keys)]
        rows.append((words.KEYS[model].place, ", ".join(listed)))
    calls = ", ".join(f"`{name}(…)`" for name in checker._LATER_CALLS)
    rows.append(("an expression", f"{calls}; the names " + ", ".join(f"`{name}`" for name in words.LATER_NAMES)))
    rows.append(("`to`", "`account.owner`"))
    rows.append(("a test", "the feedback events `nudge.…`, `void`, `arm` with a variant"))
    return table(("Where", "Known, not built yet"), rows)


# --- names and types -----------------------------------------------------------------------------

_PLAN, _ADDON, _UNIT = "PLAN", "ADDON", "UNIT"
_WHERE: Final[dict[tuple[str, ...], str]] = {
    ("where", "when", "event", "plan offer", "guard", "mail"): "everywhere",
    ("where", "event", "mail"): "`where`; rules with a trigger, and their mails",
    ("when", "event", "plan offer", "guard", "mail"): "everywhere but `where`",
    ("plan offer", "guard", "mail"): "rules with a plan offer, and their mails; guards",
    ("guard", "mail"): "guards; mails of rules with an offer",
    ("mail",): "subjects and templates",
}


def scopes() -> dict[str, Scope]:
    """Return a scope of each kind of place, over a made-up catalogue."""
    ground = Scope(
        plans=frozenset({_PLAN}), addons=frozenset({_ADDON}), units=frozenset({_UNIT}), traits=dict(BUILT_IN), saving=""
    )
    return {
        "where": ground.within(event="EVENT", account=False),
        "when": ground,
        "event": ground.within(event="EVENT"),
        "plan offer": ground.within(saving="x"),
        "guard": ground.within(offers=True, saving="x"),
        "mail": ground.within(offers=True, saving="x", mail=True, event="EVENT"),
    }


def _leaves(scope: Scope, parts: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield every name at or below *parts* that has a value of its own."""
    try:
        scope.resolve(parts)
    except UnknownName as unknown:
        if "not one value" not in unknown.message:
            raise
    else:
        yield parts
        if len(parts) > 1:  # a plan's own names are listed once, under `plan`
            return
    symbol = scope._root(parts[0])
    for index, name in enumerate(parts[1:], start=1):
        symbol = scope._attribute(symbol, name, index, parts)
    for name in scope._inside(symbol):
        yield from _leaves(scope, (*parts, name))


_SAYS: Final[dict[str, str]] = {
    "PLAN": "any plan's id; it has the same names inside as `plan`",
    "ADDON": "any add-on's id; it has the same names inside as an offered add-on",
    "plan": "the account's plan",
    "plan.price": "what this account pays for it a cycle, before extra use: price and seats",
    "plan.fixed_price": "its `price` as written",
    "plan.seat_price": "its `seat_price` as written",
    "plan.features": "empty for a plan without features",
    "plan.includes.UNIT": "how much of a unit it includes; missing if it names none",
    "next_plan": "the next plan up that is sold; missing at the top",
    "best_plan": "the plan with the lowest bill for this use, among the own one and those it can have",
    "bill": "the bill of the running cycle to date",
    "saving": "`bill` less the bill on the offered plan; below zero if that is dearer",
    "cycle.start": "first instant of the running billing cycle",
    "cycle.end": "first instant of the next one",
    "cycle.left": "time until then",
    "now": "the event's or the timer's time",
    "account.age": "since `account.created_at`",
    "account.id": "its id, as in the events",
    "event.time": "when it happened; its declared fields are `event.FIELD`",
    "offer.price": "a cycle, on this account's seats",
    "offer.kind": "`plan` or `addon`",
    "offer.id": "the id of the plan or add-on",
    "offer.plan": "the offered plan",
    "offer.saving": "as `saving`; missing for an add-on",
    "offer.link": "the signed link that accepts the offer",
    "offer.expires": "until when it can be accepted",
    "comparison": "for `{% for row in comparison %}`: own plan, offered plan and up to two more",
    "links.unsubscribe": "the signed link to opt out of the topic",
    "links.preferences": "the signed link to choose topics",
    "person.role": "the role for which they were chosen",
}


def names() -> str:
    """Return every name that an expression or a template can read, with its type and where."""
    everywhere = scopes()
    rows = []
    seen: dict[str, tuple[Symbol, list[str]]] = {}
    for place, scope in everywhere.items():
        for root in dict.fromkeys(scope.names()):
            if root == "saving" and not scope.saving:
                continue  # suggested everywhere, and readable only where a plan is offered
            inner = (_PLAN, _ADDON, "next_plan", "best_plan")
            for parts in [(root,)] if root in inner else _leaves(scope, (root,)):
                symbol = scope.resolve(parts)
                assert isinstance(symbol, Symbol)
                seen.setdefault(".".join(parts), (symbol, []))[1].append(place)
    unknown = set(_SAYS) - set(seen)
    if unknown:
        raise KeyError(f"words for names that nobody can read: {sorted(unknown)}")
    for name, (symbol, places) in seen.items():
        if name in ("plan.name", "plan.id") or (name.startswith("account.") and name.split(".")[1] in BUILT_IN):
            continue
        missing = "can be missing" if symbol.maybe else ""
        rows.append((f"`{name}`", str(symbol.type), missing, _WHERE[tuple(places)], _SAYS.get(name, "")))
    inside = ", ".join(f"`row.{name}`" for name in everywhere["mail"]._inside(Symbol(ROW, "")))
    said = table(("Name", "Type", "", "Where it can be read", "What it is"), rows)
    return f"{said}\n\nInside a loop over `comparison`: {inside}."


def traits() -> str:
    """Return the built-in traits of an account."""
    if set(words.TRAITS) != set(BUILT_IN):
        raise KeyError(f"words for traits: {sorted(set(words.TRAITS) ^ set(BUILT_IN))}")
    rows = [(f"`{name}`", expected(kind), words.TRAITS[name]) for name, kind in BUILT_IN.items()]
    return table(("Trait", "In JSON", "What it is"), rows)


def mixing() -> str:
    """Return what `+ - * /` make of each two types."""
    found: dict[tuple[str, str], dict[str, list[str]]] = {}
    for (op, first, second), result in checker._SUMS.items():
        found.setdefault((str(first), str(second)), {}).setdefault(str(result), []).append(f"`{op}`")
    kinds = list(dict.fromkeys(left for left, _ in found))
    rows = []
    for left in kinds:
        cells = []
        for right in kinds:
            results = found.get((left, right), {})
            cells.append(", ".join(f"{' '.join(ops)} {result}" for result, ops in results.items()) or "–")
        rows.append((f"**{left}**", *cells))
    return table(("left \\ right", *kinds), rows)


# --- order and verdicts --------------------------------------------------------------------------


def stages() -> str:
    """Return the order in which a nudge is questioned."""
    from nudger.core.stages import STAGES

    order = [name for name, _ in STAGES]
    if order != list(words.STAGES):
        raise KeyError(f"words for stages, in their order: {order}")
    rows = [
        (str(number), name, words.STAGES[name][0], ", ".join(f"`{word}`" for word in words.STAGES[name][1]))
        for number, name in enumerate(order, start=1)
    ]
    return table(("", "Stage", "What is asked", "Can end in"), rows)


def verdicts() -> str:
    """Return every verdict with its meaning, and what comes of it."""
    reasons = verdict_reasons()
    unknown = (set(words.REASONS) | set(reasons)) - set(VERDICTS)
    if unknown:
        raise KeyError(f"reasons of verdicts that do not exist: {sorted(unknown)}")
    rows = []
    for word, (outcome, meaning) in VERDICTS.items():
        why = [*([words.REASONS[word]] if word in words.REASONS else []), *(f"`{it}`" for it in reasons.get(word, ()))]
        rows.append((f"`{word}`", meaning, ", ".join(why), f"{outcome.value}: {words.OUTCOMES[outcome.value]}"))
    return table(("Verdict", "Meaning", "In brackets", "Afterwards"), rows)


def verdict_reasons() -> dict[str, list[str]]:
    """Return the reasons that the core writes out, by verdict; what it fills in is shown as three dots."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "nudger" / "core").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Verdict"):
                continue
            word, reason = (*node.args, None, None)[:2]
            if isinstance(word, ast.Constant) and (text := _template(reason)):
                found.setdefault(str(word.value), []).append(text)
    return {word: sorted(set(reasons)) for word, reasons in found.items()}


def _template(node: ast.expr | None) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if not isinstance(node, ast.JoinedStr):
        return ""
    return "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)  # type: ignore[misc]


# --- templates, codes ----------------------------------------------------------------------------


def filters() -> str:
    """Return the filters of templates."""
    rows = []
    for name, spec in FILTERS.items():
        lines = (inspect.getdoc(spec.function) or "").splitlines()
        least, most = spec.least, spec.most
        count = "none" if not most else str(most) if least == most else f"{least} to {most}"
        rows.append((f"`{name}`", count, " ".join(line for line in lines if line)))
    return table(("Filter", "Arguments", "What it makes"), rows)


def codes() -> str:
    """Return every code of `nudger check` with its title."""
    titles = {code: entry.title for code, entry in CODES.items()}
    titles.update((code, _first_sentence(text)) for code, text in EXPLANATIONS.items())
    rows = [(f"`{code}`", html.escape(title, quote=False)) for code, title in sorted(titles.items())]
    return table(("Code", "What it is about"), rows)


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[a-z%}>\)])[.:] ", text, maxsplit=1)[0].rstrip(".")


# --- events, settings, commands -------------------------------------------------------------------


def dead_letter_codes() -> set[str]:
    """Return every code under which the sources set a record aside."""
    paths = [*(ROOT / "nudger" / "intake").glob("*.py"), *(ROOT / "nudger").glob("*.py")]
    return {code for path in paths for code in _codes_in(path)}


def _codes_in(path: Path) -> Iterator[str]:
    positions = {"EventError": 0, "_name": 1, "_set_aside": 3}
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            at = positions.get(called)
            if at is not None and len(node.args) > at:
                yield from _texts(node.args[at])
        elif isinstance(node, ast.Assign) and any(isinstance(it, ast.Name) and it.id == "code" for it in node.targets):
            yield from _texts(node.value)


def _texts(node: ast.expr) -> Iterator[str]:
    branches = [node.body, node.orelse] if isinstance(node, ast.IfExp) else [node]
    for branch in branches:
        if isinstance(branch, ast.Constant) and isinstance(branch.value, str):
            yield branch.value


def dead_letters() -> str:
    """Return the codes of dead letters."""
    missing = dead_letter_codes() ^ set(words.DEAD_LETTERS)
    if missing:
        raise KeyError(f"words for dead letters: {sorted(missing)}")
    return table(("Code", "Why", "What to do"), [(f"`{code}`", *told) for code, told in words.DEAD_LETTERS.items()])


def fields() -> str:
    """Return the fields of an outbound message, part by part."""
    head = ("Field", "Type", "What it is")
    titles = {"Message": "The envelope", "Nudge": "`data`", "Recipient": "`data.to`", "Offer": "`data.offer`"}
    parts = [f"### {title}\n\n{table(head, fields_of(name))}" for name, title in titles.items()]
    return "\n\n".join([*parts, f"### `data.cause`\n\n{table(head, fields_of('Cause'))}"])


def setting_names(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[str]:
    """Yield every setting as it is written with dots."""
    for name, info in model.model_fields.items():
        key, inner = prefix + (info.alias or name), info.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from setting_names(inner, f"{key}.")
        else:
            yield key


def environment_name(setting: str) -> str:
    """Return the environment's name of a setting."""
    return "NUDGER_" + setting.upper().replace(".", "_")


def settings() -> str:
    """Return all settings."""
    known = list(setting_names())
    if set(known) != set(words.SETTINGS):
        raise KeyError(f"words for settings: {sorted(set(known) ^ set(words.SETTINGS))}")
    rows = []
    for name in known:
        told = words.SETTINGS[name]
        rows.append((f"`{name}`", f"`{environment_name(name)}`", told.form, told.default, told.says))
    return table(("Setting", "Environment", "Form", "Default", "What it does"), rows)


def exits() -> str:
    """Return the exit codes."""
    return table(("Code", "What happened", "Who acts"), [(f"`{code}`", *told) for code, told in words.EXITS.items()])


def commands() -> str:
    """Return the commands and their options, from the parser itself."""
    rows = []
    for name, parser in command_parsers().items():
        options = [_option(action) for action in parser._actions if action.dest != "help"]
        rows.append((f"`nudger {name}`", (parser.description or "").strip(), " ".join(options)))
    return table(("Command", "What it does", "Options"), rows)


def command_parsers() -> dict[str, Any]:
    """Return each command's parser."""
    parser = build_parser()
    return next(dict(action.choices) for action in parser._actions if isinstance(action.choices, dict))


def _option(action: Any) -> str:
    if not action.option_strings:
        return f"`{action.metavar or action.dest}`"
    value = action.metavar or ("{" + ",".join(action.choices) + "}" if action.choices else "")
    shown = " ".join(part for part in (action.option_strings[0], "" if action.nargs == 0 else value) if part)
    return f"`{shown}`"


def layers() -> str:
    """Return the layers of the code, as the linter that checks them reads them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    listed = project["tool"]["importlinter"]["contracts"][0]["layers"]
    return "```text\n" + "\n".join(layer.replace("nudger.", "") for layer in listed) + "\n```"


PARTS: Final[dict[str, Callable[[], str]]] = {
    **{f"keys {anchor(model).removeprefix('keys-')}": lambda model=model: keys_of(model) for model in words.KEYS},  # type: ignore[misc]
    "field kinds": field_kinds,
    "later": later,
    "names": names,
    "traits": traits,
    "mixing": mixing,
    "stages": stages,
    "verdicts": verdicts,
    "filters": filters,
    "codes": codes,
    "dead letters": dead_letters,
    "fields": fields,
    "settings": settings,
    "exits": exits,
    "commands": commands,
    "layers": layers,
}
