"""The door of the language: a project folder in, its rule book and every problem in it out."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import msgspec

from nudger.core.event import waker
from nudger.core.meter import folder
from nudger.core.rule import Cancel, Rule, RuleBook, Touch
from nudger.errors import Problem
from nudger.language.catalogue import Ground, build
from nudger.language.files import Source, read_all
from nudger.language.rules import Draft, Guidance, build_policy, build_rules
from nudger.language.schema import TestKeys


@dataclass(slots=True)
class Definition:
    """A project's rules as loaded.

    Attributes:
        book: The compiled book, None when a problem is an error; it holds every rule but drafts. `trial`: all rules as
            if live and nobody held out, for tests and previews.
        drafts: Each rule with what the mail side needs. `tests`: with the file each stands in.
    """

    problems: list[Problem]
    sources: list[Source] = field(default_factory=list)
    ground: Ground | None = None
    drafts: list[Draft] = field(default_factory=list)
    tests: list[tuple[Source, int, TestKeys]] = field(default_factory=list)
    book: RuleBook | None = None
    trial: RuleBook | None = None


def load(root: Path) -> Definition:
    """Load all of *root*/rules; every problem of every file is gathered."""
    problems: list[Problem] = []
    if not (root / "rules").is_dir():
        hint = "nudger works in a project folder: -C DIR, or change into one"
        problems.append(Problem("N125", f"there is no folder `rules` in {root}", hint=hint))
        return Definition(problems)
    sources = read_all(root, problems)
    found = Definition(problems, sources)
    # A file that could not be read may declare what another one names: its errors come first, alone.
    if any(problem.severity == "error" for problem in problems):
        return found
    ground = build(sources)
    if ground is None:
        problems.append(Problem("N125", "no file under rules/ has a `catalog`", "rules"))
        return found
    guidance = build_policy(sources, ground)
    found.ground = ground
    found.drafts = build_rules(sources, ground, guidance)
    found.tests = [(source, at, test) for source in sources for at, test in enumerate(source.keys.tests)]
    if not any(problem.severity == "error" for problem in problems):
        as_live = [replace(draft, rule=replace(draft.rule, status="live")) for draft in found.drafts]
        nobody_out = replace(guidance, policy=replace(guidance.policy, holdout=Decimal(0)))
        found.trial = assemble(as_live, ground, nobody_out, sources)
        live = [draft for draft in found.drafts if draft.keys.status != "draft"]
        found.book = assemble(live, ground, guidance, sources)
    return found


def assemble(drafts: list[Draft], ground: Ground, guidance: Guidance, sources: Iterable[Source]) -> RuleBook:
    """Put compiled rules together into a book with its index event type -> what it can change."""
    rules = tuple(draft.rule for draft in drafts)
    meters = tuple(sorted(ground.meters.values(), key=lambda meter: meter.index))
    return RuleBook(
        id=_book_id(sources),
        rules=rules,
        catalog=ground.catalog,
        policy=guidance.policy,
        meters=meters,
        touches=_touches(drafts, ground),
        by_trait=_by_trait(drafts, ground),
        contacts=ground.traits.contacts,
        features_used=ground.traits.features_used,
        addons=ground.traits.addons,
        merge=ground.traits.merge,
        wake=waker(ground.events),
    )


def _book_id(sources: Iterable[Source]) -> str:
    """Return the content hash of everything but tests."""
    digest = hashlib.blake2b(digest_size=8)
    shapes = [source.keys.model_dump(mode="json", exclude={"tests"}, exclude_defaults=True) for source in sources]
    for shape in sorted(msgspec.json.encode(shape, order="sorted") for shape in shapes):
        digest.update(shape)
    return digest.hexdigest()


def _conditions(drafts: list[Draft], dependency: str) -> tuple[Rule, ...]:
    return tuple(
        draft.rule
        for draft in drafts
        if draft.rule.trigger is None and draft.rule.when is not None and dependency in draft.rule.when.reads
    )


def _rereads(drafts: list[Draft], dependency: str) -> frozenset[int]:
    return frozenset(draft.rule.key for draft in drafts if dependency in draft.reads)


def _touches(drafts: list[Draft], ground: Ground) -> dict[str, Touch]:
    cancels: dict[str, list[Cancel]] = defaultdict(list)
    for draft in drafts:
        for event, cancel in draft.cancels:
            cancels[event].append(cancel)
    touches = {}
    for event in ground.events:
        by_event = [draft.rule for draft in drafts if draft.rule.trigger and draft.rule.trigger.event == event]
        touch = Touch(
            folds=tuple(folder(meter) for meter in ground.meters.values() if meter.event == event),
            conditions=_conditions(drafts, f"on:{event}"),
            triggered=tuple(rule for rule in by_event if rule.trigger and not rule.trigger.is_absence),
            starts=tuple(rule for rule in by_event if rule.trigger and rule.trigger.is_absence),
            cancels=tuple(cancels[event]),
            rereads=_rereads(drafts, f"on:{event}"),
        )
        touches[event] = touch
    return touches


def _by_trait(drafts: list[Draft], ground: Ground) -> dict[str, Touch]:
    touches = {}
    for trait in ground.traits.kinds:
        dependency = f"trait:{trait}"
        touch = Touch(conditions=_conditions(drafts, dependency), rereads=_rereads(drafts, dependency))
        if touch.conditions or touch.rereads:
            touches[trait] = touch
    return touches
