"""Compile `policy` and `rules` over the ground of a project."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date
from typing import Any, Final

from nudger.core import calendar
from nudger.core.calendar import DAY, SendWindow
from nudger.core.event import Event
from nudger.core.rule import Cancel, Cap, Expression, Guard, Limit, OfferSpec, Policy, Rule, Start, Trigger
from nudger.core.stages import rule_key
from nudger.language import tree
from nudger.language.catalogue import Ground, event_scope
from nudger.language.files import Loc, Source
from nudger.language.grammar import parse
from nudger.language.names import must_be_known
from nudger.language.schema import OfferKeys, PolicyKeys, RuleKeys, SendKeys, TriggerKeys, UnlessKeys
from nudger.language.scope import Scope
from nudger.language.typed import ADDON, PLAN, TRUTH, Typed

DEFAULT_HOLD: Final = 7 * DAY
DEFAULT_TO: Final = ("billing", "admin")
DEFAULT_TOPIC: Final = "product"
_LIMIT: Final = re.compile(r"(\d{1,4}) in (?:(\d{1,4}) days?|(billing cycle|calendar month|lifetime))")
_UNITS: Final = {"billing cycle": "cycle", "calendar month": "month", "lifetime": "lifetime"}
_START: Final = re.compile(r"over (\d{1,3}) days?")
_CYCLE_LEFT: Final = tree.Name(("cycle", "left"))
_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(slots=True)
class Draft:
    """One rule on its way: what the mail side still needs to know besides the compiled rule.

    Attributes:
        scope: The names its subject and template may use.
        lets: Let name -> its checked expression and constants; `local`: the run-time names of this rule.
        cancels: What ends its absences, by event type.
        reads: What `when`, the guards and the offer depend on, for looking again at what waits.
    """

    source: Source
    keys: RuleKeys
    rule: Rule
    scope: Scope
    local: dict[str, Any] = field(default_factory=dict)
    cancels: list[tuple[str, Cancel]] = field(default_factory=list)
    reads: frozenset[str] = frozenset()


@dataclass(slots=True)
class Guidance:
    """The compiled policy with what rules take over from it."""

    policy: Policy
    guards: dict[str, Guard] = field(default_factory=dict)
    always: tuple[str, ...] = ()
    hold: int = DEFAULT_HOLD
    send: SendWindow | None = None
    to: tuple[str, ...] = DEFAULT_TO
    topics: tuple[str, ...] = ()


# --- policy -------------------------------------------------------------------------------------------


def build_policy(sources: list[Source], ground: Ground) -> Guidance:
    """Compile the one policy of a project; without any, a policy that forbids nothing."""
    holder = next((source for source in sources if source.keys.policy is not None), None)
    if holder is None or holder.keys.policy is None:
        return Guidance(Policy(UTC))
    for source in sources:
        if source.keys.policy is not None and source is not holder:
            source.add("N107", f"there is a second policy; the first is in {holder.path}", ("policy",), on_key=True)
    keys = holder.keys.policy
    scope = ground.scope.within(offers=True, saving="(None if o is None else o.saving)")
    guards = {}
    for name, text in keys.guards.items():
        condition = ground.names.compile(holder, ("policy", "guards", name), text, scope, TRUTH)
        if condition is not None:
            guards[name] = Guard(name, condition)
    for index, name in enumerate(keys.always):
        must_be_known(holder, ("policy", "always", index), name, keys.guards, "guard")
    zone = calendar.zone(keys.zone)
    if zone is None:
        holder.add("N119", f"unknown zone '{keys.zone}'", ("policy", "zone"), "write one like Europe/Copenhagen")
    return Guidance(
        Policy(zone or UTC, _caps(holder, keys), keys.holdout),
        guards,
        tuple(keys.always),
        keys.hold or DEFAULT_HOLD,
        _send(holder, ("policy", "send"), keys.send),
        tuple(keys.to) if keys.to else DEFAULT_TO,
        tuple(keys.topics),
    )


def _caps(source: Source, keys: PolicyKeys) -> tuple[Cap, ...]:
    caps = []
    for per in ("account", "person", "topic"):
        for index, text in enumerate(getattr(keys.caps, per)):
            limit = _limit(source, ("policy", "caps", per, index), text)
            if limit is not None:
                caps.append(Cap(per, limit))
    return tuple(caps)


def _limit(source: Source, at: Loc, text: str) -> Limit | None:
    found = _LIMIT.fullmatch(text)
    if found is None:
        hint = "write N in PERIOD: 1 in billing cycle, 2 in 30 days, 3 in lifetime"
        source.add("N120", f"'{text}' is no limit", at, hint)
        return None
    if int(found[1]) == 0:
        source.add("N120", "a limit of 0 would silence the rule for ever", at, "use `status: paused` to stop it")
        return None
    if found[2] is not None:
        if not 1 <= int(found[2]) <= 1100:
            source.add("N120", "a limit counts over 1 to 1100 days", at)
            return None
        return Limit(int(found[1]), "days", int(found[2]))
    return Limit(int(found[1]), _UNITS[found[3]])  # type: ignore[arg-type]


def _send(source: Source, at: Loc, keys: SendKeys | str | None) -> SendWindow | None:
    if keys is None or isinstance(keys, str):
        return None
    opens, _, closes = keys.between.partition("-")
    window = SendWindow(
        frozenset(_WEEKDAYS.index(day) for day in keys.days),
        _minute(opens),
        _minute(closes),
        None if keys.zone == "account" else keys.zone,
    )
    if window.zone is not None and calendar.zone(window.zone) is None:
        source.add(
            "N119", f"unknown zone '{window.zone}'", (*at, "zone"), "write `account` or one like Europe/Copenhagen"
        )
    if not window.days or window.opens >= window.closes:
        source.add("N106", "a send window needs a day, and opens before it closes", at, on_key=True)
        return None
    return window


def _minute(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


# --- rules ----------------------------------------------------------------------------------------------


def build_rules(sources: list[Source], ground: Ground, guidance: Guidance) -> list[Draft]:
    """Compile every rule of a project that is not a draft; a rule with problems is left out."""
    drafts: dict[str, Draft] = {}
    for source in sources:
        for name, keys in source.keys.rules.items():
            if name in drafts:
                message = f"rule `{name}` is declared twice; also in {drafts[name].source.path}"
                source.add("N107", message, ("rules", name), on_key=True)
                continue
            draft = _Builder(source, name, keys, ground, guidance).build()
            if draft is not None:
                drafts[name] = draft
    keys_taken: dict[int, str] = {}
    for name, draft in drafts.items():
        other = keys_taken.setdefault(draft.rule.key, name)
        if other != name:
            message = f"by bad luck `{name}` has the same number as `{other}`"
            draft.source.add("N107", message, ("rules", name), "rename one of them", on_key=True)
    return [drafts[name] for name in sorted(drafts)]


class _Builder:
    """Compiles one rule."""

    def __init__(self, source: Source, name: str, keys: RuleKeys, ground: Ground, guidance: Guidance) -> None:
        self.source, self.name, self.keys, self.ground, self.guidance = source, name, keys, ground, guidance
        self.at: Loc = ("rules", name)
        self.local: dict[str, Any] = {}
        self.cancels: list[tuple[str, Cancel]] = []
        self.key = rule_key(name)

    def build(self) -> Draft | None:
        """Return the rule, None after its problems have been gathered."""
        before = len(self.source.problems)
        keys, guidance = self.keys, self.guidance
        if keys.when is None and keys.trigger is None:
            self._add("N105", "a rule needs `when`, `trigger` or both", ())
        trigger = self._trigger()
        scope = self._scope(trigger)
        offer = self._offer(scope)
        if offer is not None and offer.kind == "plan":
            self.local["OFFERED"] = offer.target.value
            scope = scope.within(saving="CAT.saving(OFFERED(a, e, n, o), a, n)")
        scope, lets = self._lets(scope)
        when = self._compile(("when",), keys.when, scope, TRUTH)
        if trigger is None and when is not None:
            self._lint_time()
        guards = self._guards()
        rule = Rule(
            name=self.name,
            key=self.key,
            version="",
            life="",
            about=keys.about,
            owner=keys.owner,
            status="live" if keys.status == "draft" else keys.status,
            trigger=trigger,
            when=when,
            lets=tuple(lets),
            guards=guards,
            hold=keys.hold or guidance.hold,
            offer=offer,
            to=self._roles(),
            topic=self._topic(),
            limits=self._limits(),
            priority=keys.priority,
            group=keys.group,
            send=_send(self.source, (*self.at, "send"), keys.send) if keys.send is not None else guidance.send,
            starts=self._day("from", keys.from_),
            until=self._day("until", keys.until),
            start=self._start(),
        )
        if any(problem.severity == "error" for problem in self.source.problems[before:]):
            return None
        parts = [when, *(guard.condition for guard in guards), offer.target if offer else None]
        reads = frozenset[str]().union(*(part.reads for part in parts if part is not None))
        mail = scope.within(
            offers=offer is not None, mail=True, saving="(None if o is None else o.saving)" if offer else ""
        )
        return Draft(self.source, keys, self._hashed(rule), mail, self.local, self.cancels, reads)

    # --- small parts -----------------------------------------------------------------------------------

    def _add(self, code: str, message: str, loc: Loc, hint: str = "") -> None:
        self.source.add(code, message, (*self.at, *loc), hint, on_key=not loc)

    def _compile(self, loc: Loc, text: str | None, scope: Scope, expected: Any = None) -> Expression | None:
        if text is None:
            return None
        return self.ground.names.compile(self.source, (*self.at, *loc), text, scope, expected, **self.local)

    def _scope(self, trigger: Trigger | None) -> Scope:
        scope = self.ground.scope
        if trigger is None:
            return scope
        return scope.within(event=trigger.event, fields=self.ground.events.get(trigger.event, {}))

    def _hashed(self, rule: Rule) -> Rule:
        data = self.keys.model_dump(mode="json", by_alias=True)
        version = hashlib.blake2b(json.dumps(data, sort_keys=True).encode(), digest_size=6).hexdigest()
        definitions = [
            self.ground.definitions.get(item.removeprefix("meter:"), "")
            for item in sorted(rule.when.reads if rule.when else ())
            if item.startswith("meter:")
        ]
        when = rule.when.text if rule.when else ""
        facts = {name: tree.unparse(typed.expr) for name, typed in self.ground.scope.facts.items()}
        life = [when, data["trigger"], rule.status, data["from"], definitions, _facts_in(when, facts)]
        digest = hashlib.blake2b(json.dumps(life, sort_keys=True, default=str).encode(), digest_size=6).hexdigest()
        return replace(rule, version=version, life=digest)

    def _lint_time(self) -> None:
        if self.keys.when is not None and _turns_by_time(parse(self.keys.when)):
            hint = "it is read only when an event changes something else that it reads"
            self.source.add("L203", "`when` can turn true by time alone", (*self.at, "when"), hint, severity="lint")

    # --- trigger ---------------------------------------------------------------------------------------

    def _trigger(self) -> Trigger | None:
        keys = self.keys.trigger
        if keys is None:
            return None
        if isinstance(keys, str):
            keys = TriggerKeys(event=keys)
            loc: Loc = ("trigger",)
        else:
            loc = ("trigger", "event")
        if not must_be_known(self.source, (*self.at, *loc), keys.event, self.ground.events, "event"):
            return None
        scope = event_scope(self.ground.scope, self.ground.events, keys.event)
        where = self.ground.names.of_event(self.source, (*self.at, "trigger", "where"), keys.where, scope, TRUTH)
        if keys.unless is None:
            if keys.within is not None or keys.same:
                self._add(
                    "N122", "`within` and `same` belong to `unless`", ("trigger",), "say which event must not come"
                )
            return Trigger(keys.event, where)
        if keys.within is None:
            self._add("N105", "an absence needs `within: TIME`; without it the rule would wait for ever", ("trigger",))
            return None
        same = self._same(("trigger", "same"), keys.event, keys.same)
        self._cancels(keys)
        return Trigger(keys.event, where, keys.within, same)

    def _cancels(self, keys: TriggerKeys) -> None:
        listed = keys.unless if isinstance(keys.unless, list) else [keys.unless]
        for index, item in enumerate(listed):
            loc: Loc = ("trigger", "unless", index) if isinstance(keys.unless, list) else ("trigger", "unless")
            unless = item if isinstance(item, UnlessKeys) else UnlessKeys(event=str(item))
            name_at = (*loc, "event") if isinstance(item, UnlessKeys) else loc
            if not must_be_known(self.source, (*self.at, *name_at), unless.event, self.ground.events, "event"):
                continue
            scope = event_scope(self.ground.scope, self.ground.events, unless.event)
            where = self.ground.names.of_event(self.source, (*self.at, *loc, "where"), unless.where, scope, TRUTH)
            fields = unless.same if unless.same is not None else keys.same
            if len(fields) != len(keys.same):
                self._add("N122", "`same` names as many fields here as in the trigger", loc)
                continue
            same = self._same((*loc, "same") if unless.same is not None else ("trigger", "same"), unless.event, fields)
            self.cancels.append((unless.event, Cancel(self.key, where, same)))

    def _same(self, loc: Loc, event: str, fields: list[str]) -> Callable[[Event], str]:
        for index, name in enumerate(fields):
            declared = self.ground.events[event]
            must_be_known(self.source, (*self.at, *loc, index), name, declared, f"field of {event}")
        names = tuple(fields)
        return lambda event: "\x1f".join(str(getattr(event.data, name, None)) for name in names)

    # --- offer, lets, guards -------------------------------------------------------------------------------

    def _offer(self, scope: Scope) -> OfferSpec | None:
        keys = self.keys.offer
        if keys is None:
            return None
        if (keys.plan is None) == (keys.addon is None):
            self._add("N121", "an offer is either a `plan` or an `addon`", ("offer",))
            return None
        kind, text, expected = ("plan", keys.plan, PLAN) if keys.plan is not None else ("addon", keys.addon, ADDON)
        target = self._compile(("offer", kind), text, scope, expected)
        self._check_because(keys)
        if target is None:
            return None
        return OfferSpec(kind, target, keys.expires, keys.because)  # type: ignore[arg-type]

    def _check_because(self, keys: OfferKeys) -> None:
        if keys.because is None:
            return
        if keys.plan is None:
            self._add("N121", "`because` says what a plan adds; it has no meaning for an add-on", ("offer", "because"))
            return
        features = {feature for plan in self.ground.catalog.plans.values() for feature in plan.features}
        must_be_known(self.source, (*self.at, "offer", "because"), keys.because, {*features, "capacity"}, "feature")

    def _lets(self, scope: Scope) -> tuple[Scope, list[tuple[str, Expression]]]:
        lets, typed_lets = [], dict[str, Typed]()
        for name, text in self.keys.let.items():
            if name in scope.names():
                self._add("N107", f"`{name}` means something already", ("let", name), "give it another name")
                continue
            inner = scope.within(lets=dict(typed_lets))
            checked = self.ground.names.check(self.source, (*self.at, "let", name), text, inner)
            if checked is None:
                continue
            compiled = self.ground.names.finish(*checked, **self.local)
            self.local[f"F_{name}"] = compiled.value
            typed_lets[name] = checked[0]
            lets.append((name, compiled))
        return scope.within(lets=typed_lets), lets

    def _guards(self) -> tuple[Guard, ...]:
        known, always = self.guidance.guards, self.guidance.always
        for key in ("guards", "skip_guards"):
            for index, name in enumerate(getattr(self.keys, key)):
                must_be_known(self.source, (*self.at, key, index), name, known, "guard")
        wanted = [name for name in always if name not in self.keys.skip_guards]
        wanted += [name for name in self.keys.guards if name not in wanted]
        return tuple(known[name] for name in wanted if name in known)

    # --- the rest ----------------------------------------------------------------------------------------

    def _roles(self) -> tuple[str, ...]:
        roles = tuple(self.keys.to) if self.keys.to else self.guidance.to
        for index, role in enumerate(roles):
            if role == "account.owner":
                self._add("N103", "`account.owner` comes with digests; known, not built yet", ("to", index))
            elif not re.fullmatch(r"[A-Za-z0-9_-]+", role):
                self._add("N106", f"'{role}' is no role", ("to", index), "write a role such as billing or admin")
        return roles

    def _topic(self) -> str:
        topics = self.guidance.topics
        if self.keys.topic is None:
            return topics[0] if topics else DEFAULT_TOPIC
        must_be_known(self.source, (*self.at, "topic"), self.keys.topic, topics or (DEFAULT_TOPIC,), "topic")
        return self.keys.topic

    def _limits(self) -> tuple[Limit, ...]:
        if self.keys.limits is None:
            return (Limit(1, "cycle"),)
        if self.keys.limits == ["none"]:
            return ()
        found = [_limit(self.source, (*self.at, "limits", at), text) for at, text in enumerate(self.keys.limits)]
        return tuple(limit for limit in found if limit is not None)

    def _day(self, key: str, text: str | None) -> int | None:
        if text is None:
            return None
        try:
            return date.fromisoformat(text).toordinal()
        except ValueError:
            self._add("N123", f"'{text}' is no day of the calendar", (key,), "write one like 2026-03-31")
            return None

    def _start(self) -> Start:
        text = self.keys.start
        if text in ("future", "everyone"):
            return Start(text)  # type: ignore[arg-type]
        over = _START.fullmatch(text)
        if over is None or int(over[1]) == 0:
            self._add("N106", f"'{text}' is no start", ("start",), "write future, everyone or over 14 days")
            return Start()
        return Start("over", int(over[1]))


def _turns_by_time(expr: tree.Expr) -> bool:
    """Tell whether a condition can turn true by time alone; `cycle.left >= …` can only turn false."""
    if isinstance(expr, tree.Compare) and expr.op in (">", ">="):
        return _turns_by_time(expr.right) or (expr.left != _CYCLE_LEFT and _turns_by_time(expr.left))
    if isinstance(expr, tree.Name):
        return expr.parts in (("account", "age"), ("now",), ("cycle", "left"))
    return any(_turns_by_time(child) for child in tree.children(expr))


def _facts_in(text: str, facts: dict[str, str]) -> list[str]:
    """Return the texts of the facts that an expression reads, those they read too, in the order of their names."""
    found: set[str] = set()
    texts = [text]
    while texts:
        words = set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", texts.pop()))
        for name in words & facts.keys() - found:
            found.add(name)
            texts.append(facts[name])
    return [facts[name] for name in sorted(found)]
