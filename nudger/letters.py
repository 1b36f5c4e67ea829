"""From a rule's message to the bytes that go out: which values a mail reads, and how one nudge is written.

Here the two sides meet that know nothing of each other: the language, which knows what a name means, and the mail side,
which knows what a template reads. Everything that can be checked or compiled is so once, when the project is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from nudger.core.catalog import UNLIMITED, Row
from nudger.core.money import plain
from nudger.core.settle import numbers_of
from nudger.core.stages import Case, RenderFailed, nudge_id
from nudger.errors import DefinitionError, Problem, SettingsError
from nudger.language.book import Definition
from nudger.language.catalogue import Ground
from nudger.language.compile import function
from nudger.language.rules import Draft
from nudger.language.scope import UnknownName
from nudger.language.typed import ADDON, NUMBER, PLAN, ROW, Symbol, Type, Typed
from nudger.mail.formats import Format
from nudger.mail.links import LinkKeys, offer_link, preferences_link, unsubscribe_link
from nudger.mail.message import (
    Cause,
    Nudge,
    Offer,
    Recipient,
    encode,
    envelope,
    rfc3339,
    safe_header,
    unsubscribe_headers,
)
from nudger.mail.problems import RenderError
from nudger.mail.templates import Subject, Template, TemplateSet, compile_subject
from nudger.mail.uses import Use
from nudger.settings import Settings

SOURCE = "/nudger"
MOST_SUBJECT = 60
# What only a mail knows; the rest is read by compiled expressions.
_MAIL_ONLY = ("person", "links", "comparison")
_Path = tuple[str, ...]
_Read = Callable[[Case], Any]


@dataclass(slots=True)
class Letter:
    """One rule's mail: its template and subject, and the values they read, by dotted path."""

    template: Template
    subject: Subject
    reads: list[tuple[_Path, _Read]] = field(default_factory=list)
    compares: bool = False


class Post:
    """Writes the mails of one project.

    Args:
        settings: Link keys and sender; what is missing is said when the first mail needs it.
    """

    def __init__(self, definition: Definition, templates: TemplateSet, settings: Settings) -> None:
        assert definition.ground is not None
        self._ground = definition.ground
        self._settings = settings
        self._keys = _link_keys(settings)
        self.letters: dict[str, Letter] = {}
        for draft in definition.drafts:
            letter = _letter(draft, definition.ground, templates, definition.problems)
            if letter is not None:
                self.letters[draft.rule.name] = letter

    def render(self, case: Case) -> bytes:
        """Return the outbound message of a case, one line of JSON.

        Raises:
            RenderFailed: A value that the mail needs is missing, or it came out too large.
        """
        return encode(envelope(SOURCE, self.compose(case)))

    def compose(self, case: Case, *, test: bool = False) -> Nudge:
        """Return the nudge of a case, rendered.

        Raises:
            RenderFailed: As `render`.
        """
        rule, moment, person = case.rule, case.moment, case.person
        assert person is not None
        letter = self.letters[rule.name]
        name = nudge_id(rule.name, moment.account_id, case.crossing)
        links = _Links(self, case, name)
        context = self._context(case, letter, links)
        try:
            subject = letter.subject.render(context)
            rendered = letter.template.render(context)
        except RenderError as error:
            raise RenderFailed(str(error)) from None
        return Nudge(
            id=name,
            rule=rule.name,
            rule_version=rule.version,
            account=moment.account_id,
            to=Recipient(person.address, safe_header(person.name or ""), person.role),
            from_=self._settings.mail.sender,
            subject=subject,
            html=rendered.html,
            text=rendered.text,
            headers=dict(unsubscribe_headers(links.unsubscribe)),
            topic=rule.topic,
            locale="en",
            offer=self._offer(case, links),
            reason=dict(numbers_of(case)),
            variant=None,
            follow_up=0,
            test=test,
            created=rfc3339(moment.clock),
            expires=rfc3339(case.expires),
            cause=_cause(case),
        )

    # --- parts of a message --------------------------------------------------------------------------

    def _offer(self, case: Case, links: _Links) -> Offer | None:
        offer = case.offer
        if offer is None:
            return None
        named = {"plan": offer.id} if offer.kind == "plan" else {"addon": offer.id}
        saving = plain(offer.saving) if offer.saving is not None and offer.saving > 0 else None
        currency = self._ground.catalog.currency
        expires = rfc3339(case.expires)
        return Offer(offer.kind, offer.name, plain(offer.price), currency, saving, links.offer, expires, **named)

    def _context(self, case: Case, letter: Letter, links: _Links) -> dict[str, Any]:
        """Return the values that this mail reads, as nested dicts; what is missing is left out."""
        moment, person = case.moment, case.person
        zone = moment.tz
        context: dict[str, Any] = {"_format": Format(self._ground.catalog.currency, zone, "en")}
        for path, read in letter.reads:
            value = read(case)
            if value is not None:
                _put(context, path, value)
        assert person is not None
        for key in ("first_name", "name", "address", "role"):
            value = getattr(person, key)
            if value:
                _put(context, ("person", key), value)
        _put(context, ("account", "id"), moment.account_id)
        context["links"] = {"unsubscribe": links.unsubscribe, "preferences": links.preferences}
        if case.offer is not None:
            _put(context, ("offer", "link"), links.offer)
            _put(context, ("offer", "expires"), case.expires)
        if letter.compares:
            context["comparison"] = self._comparison(case)
        return context

    def _comparison(self, case: Case) -> list[dict[str, Any]]:
        moment, catalog = case.moment, self._ground.catalog
        offered = case.offer.plan if case.offer is not None else None
        return [self._row(row) for row in catalog.comparison(offered, moment.account, moment.now)]

    @staticmethod
    def _row(row: Row) -> dict[str, Any]:
        plan = {
            "id": row.plan.id,
            "name": row.plan.name,
            "features": list(row.plan.features),
            "includes": {unit: _shown(amount) for unit, amount in row.plan.includes.items()},
        }
        values = {"plan": plan, "price": row.price, "bill": row.bill, "saving": row.saving, "covers": row.covers}
        return {key: value for key, value in values.items() if value is not None}


class _Links:
    """The signed links of one nudge, made when they are read."""

    def __init__(self, post: Post, case: Case, nudge: str) -> None:
        keys = post._keys
        base = post._settings.links.base_url
        if keys is None or not base:
            raise RenderFailed("links need `links.base_url` and `links.keys` in nudger.toml")
        account, topic = case.moment.account_id, case.rule.topic
        self.unsubscribe = unsubscribe_link(base, keys, account=account, nudge=nudge, topic=topic)
        self.preferences = preferences_link(base, keys, account=account, nudge=nudge, topic=topic)
        self.offer = base
        offer = case.offer
        if offer is not None:
            self.offer = offer_link(
                base,
                keys,
                account=account,
                nudge=nudge,
                topic=topic,
                kind=offer.kind,
                plan=offer.id if offer.kind == "plan" else "",
                addon=offer.id if offer.kind == "addon" else "",
                price=plain(offer.price),
                currency=case.moment.book.catalog.currency,
                expires=case.expires // 1000,
            )


def _link_keys(settings: Settings) -> LinkKeys | None:
    if not settings.links.keys:
        return None
    return LinkKeys({name: secret.get_secret_value().encode() for name, secret in settings.links.keys.items()})


def require_mail(settings: Settings) -> None:
    """Refuse settings with which no mail could be written.

    Raises:
        SettingsError: Names what is missing.
    """
    for key, given in (
        ("links.base_url", settings.links.base_url),
        ("links.keys", settings.links.keys),
        ("mail.from", settings.mail.sender),
    ):
        if not given:
            raise SettingsError(f"`{key}` is missing: every mail needs it; set it in nudger.toml")


def _cause(case: Case) -> Cause:
    if case.crossing.startswith("t:"):
        return Cause(due=rfc3339(int(case.crossing.split(":", 2)[1])))
    event = case.event
    assert event is not None
    return Cause(source=event.source, id=event.id, type=event.type, time=rfc3339(event.time or case.moment.now))


def _put(context: dict[str, Any], path: _Path, value: Any) -> None:
    for name in path[:-1]:
        context = context.setdefault(name, {})
    context[path[-1]] = value


def _shown(value: Any) -> Any:
    return "unlimited" if value == UNLIMITED else value


# --- checking and compiling, once ----------------------------------------------------------------------


def _letter(draft: Draft, ground: Ground, templates: TemplateSet, problems: list[Problem]) -> Letter | None:
    """Load a rule's template and subject, and check every name they read."""
    source, at = draft.source, ("rules", draft.rule.name, "message")
    message = draft.keys.message
    before = len(problems)
    template = subject = None
    try:
        template = templates.html(message.template)
    except DefinitionError as error:
        for problem in error.problems:
            if problem.path:
                if problem not in problems:
                    problems.append(problem)
            else:
                source.add(problem.code, problem.message, (*at, "template"), problem.hint)
    line, column = source.place((*at, "subject"))
    try:
        subject = compile_subject(message.subject, source.path, line, column)
    except DefinitionError as error:
        problems += error.problems
    if template is None or subject is None:
        return None
    letter = Letter(template, subject)
    compiler = _Compiler(draft, ground, problems)
    for use in (*subject.uses, *template.uses):
        compiler.use(use, letter)
    if not template.has_text_file:
        hint = f"write templates/{message.template}.txt.j2 if the one made from the HTML does not read well"
        source.add("L206", "no text part of its own", (*at, "template"), hint, severity="lint")
    return letter if not any(problem.severity == "error" for problem in problems[before:]) else None


class _Compiler:
    """Checks the names of one rule's mail and compiles their readers, each path once."""

    def __init__(self, draft: Draft, ground: Ground, problems: list[Problem]) -> None:
        self._draft, self._ground, self._problems = draft, ground, problems
        self._done: set[_Path] = set()
        self._known = draft.rule.when.reads if draft.rule.when is not None else frozenset()

    def use(self, use: Use, letter: Letter) -> None:
        """Check one place that reads a value."""
        if use.path[0] == "comparison":
            letter.compares = True
        path, item = use.path, None
        if "*" in path:
            star = path.index("*")
            path, item = path[:star], path[star + 1 :]
        try:
            found = self._resolve(path, use)
            if found is None:
                return
            self._check(found, path, item, use)
        except UnknownName as unknown:
            self._report(use, unknown.code, unknown.message, unknown.hint)
            return
        if path not in self._done:
            self._done.add(path)
            read = self._reader(path, found)
            if read is not None:
                letter.reads.append((path, read))

    def _resolve(self, path: _Path, use: Use) -> Symbol | Typed | None:
        scope = self._draft.scope
        try:
            return scope.resolve(path)
        except UnknownName as unknown:
            # `{% if offer is defined %}` asks about a whole group; that is fine, reading one is not.
            if use.optional and unknown.part == len(path) - 1 and "not one value" in unknown.message:
                return None
            raise

    def _check(self, found: Symbol | Typed, path: _Path, item: _Path | None, use: Use) -> None:
        kind: Type = found.type
        if item is not None:
            if kind.of is None:
                raise UnknownName(0, f"`{'.'.join(path)}` is {kind}, no list to loop over", "")
            if kind.of == ROW and item:
                self._row(item)
        elif kind in (PLAN, ADDON) and not use.optional:
            raise UnknownName(0, f"`{'.'.join(path)}` is a {kind}, not a text", f"write {'.'.join(path)}.name")
        elif isinstance(found, Symbol) and found.maybe and not use.optional and not found.reads <= self._known:
            shy = any(read.startswith(("trait:", "event:")) for read in found.reads) or path[0] == "person"
            plans = path[0] in ("plan", "next_plan", "best_plan", "offer")
            if shy and not plans:
                hint = f"guard it: {{% if {'.'.join(path)} is defined %}}, or give it a default"
                self._report(use, "L211", f"`{'.'.join(path)}` can be missing; then this mail fails", hint, lint=True)

    @staticmethod
    def _row(item: _Path) -> None:
        inside = {"plan", "price", "bill", "saving", "covers"}
        if item[0] not in inside:
            raise UnknownName(0, f"a row of `comparison` has no '{item[0]}'", f"it has {', '.join(sorted(inside))}")
        if item == ("plan",):
            raise UnknownName(0, "`plan` is a plan, not a text", "write plan.name")

    def _reader(self, path: _Path, found: Symbol | Typed) -> _Read | None:
        if path[0] in _MAIL_ONLY or path in (("offer", "link"), ("offer", "expires"), ("account", "id")):
            return None
        if isinstance(found, Typed):
            run = self._ground.names.namespace.get(f"F_{path[0]}") or self._draft.local[f"F_{path[0]}"]
        else:
            typed = Typed("name", found.type, None, found.code)  # type: ignore[arg-type]  # has no place in a rule
            run = function(typed, {}, {**self._ground.names.namespace, **self._draft.local})
        named, counted = found.type in (PLAN, ADDON), found.type == NUMBER

        def read(case: Case) -> Any:
            value = run(case.moment.account, case.event, case.moment.now, case.offer)
            if named:
                return None if value is None else value.name
            return _shown(value) if counted else value

        return read

    def _report(self, use: Use, code: str, message: str, hint: str, *, lint: bool = False) -> None:
        length = max(1, len(".".join(part for part in use.path if part != "*")))
        text = self._line(use)
        found = Problem(code, message, hint=hint, severity="lint" if lint else "error")
        placed = found.at(use.file, use.line, use.column, length if use.column else 1, text)
        if placed not in self._problems:
            self._problems.append(placed)

    def _line(self, use: Use) -> str:
        source: Sequence[str] = self._draft.source.lines if use.file == self._draft.source.path else ()
        return source[use.line - 1] if 0 < use.line <= len(source) else ""
