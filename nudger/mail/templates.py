"""The door of this room: a project's templates, loaded and checked once, rendered many times."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from jinja2 import nodes

from nudger.errors import DefinitionError, Problem
from nudger.mail.allow import parse, walk
from nudger.mail.flatten import Flattener, Origins
from nudger.mail.formats import Format, FormatError, format_of
from nudger.mail.inline import inline
from nudger.mail.marks import Marked, Rebuilder, marked, origins_of
from nudger.mail.plain import derive, spaced, tidied
from nudger.mail.problems import RenderError, Source, did_you_mean
from nudger.mail.sandbox import HTML, TEXT, Part
from nudger.mail.source import Folder
from nudger.mail.uses import Use, uses_of

HTML_SUFFIX: Final = ".html.j2"
TEXT_SUFFIX: Final = ".txt.j2"
MAX_SUBJECT: Final = 200
_MAX_SUBJECT_SOURCE: Final = 2_000

_GAPS: Final = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class Rendered(NamedTuple):
    """The two parts of one mail, as text to be written in UTF-8."""

    html: str
    text: str


class Template:
    """One mail's template, ready to render.

    Attributes:
        name: As rules name it.
        uses: Every read of the mail's data by the HTML or the text.
        has_text_file: Whether the text part was written by hand; else it is made from the HTML.
    """

    __slots__ = ("_html", "_text", "_tidy", "has_text_file", "name", "uses")

    def __init__(self, name: str, html: Part, text: Part, uses: tuple[Use, ...], has_text_file: bool) -> None:
        self.name = name
        self.uses = uses
        self.has_text_file = has_text_file
        self._html = html
        self._text = text
        self._tidy = spaced if has_text_file else tidied

    def render(self, context: Mapping[str, Any]) -> Rendered:
        """Return the mail for one account's data.

        Args:
            context: Names to plain values (str, int, Decimal, bool, datetime, list, dict, None), and `_format`
                (formats.Format, or a dict with its keys) for filters that show money or times.

        Raises:
            RenderError: A value is missing or of the wrong kind, or a part is larger than 256 kB.
        """
        values = _with_format(context)
        return Rendered(self._html.render(values), self._tidy(self._text.render(values)))


class Subject:
    """One subject, ready to render. `uses` are the reads of the mail's data."""

    __slots__ = ("_part", "_place", "uses")

    def __init__(self, part: Part, uses: tuple[Use, ...], place: str) -> None:
        self.uses = uses
        self._part = part
        self._place = place

    def render(self, context: Mapping[str, Any]) -> str:
        """Return the subject: one line, NFC, no control characters, 1 to 200 characters.

        Raises:
            RenderError: As for a Template, and when the subject is empty or longer than 200 characters.
        """
        text = self._part.render(_with_format(context))
        if not text.isascii() or not text.isprintable() or "  " in text:
            text = unicodedata.normalize("NFC", _GAPS.sub(" ", text))
        text = text.strip()
        if not text or len(text) > MAX_SUBJECT:
            why = f"is longer than {MAX_SUBJECT} characters" if text else "is empty"
            raise RenderError(f"{self._place}: the subject {why}")
        return text


class TemplateSet:
    """The templates of a project: files in and below *root*, its templates folder.

    Problems name files with the folder's own name before them: `templates/base.html.j2`.
    """

    def __init__(self, root: Path) -> None:
        self._folder = Folder(root)
        self._loaded: dict[str, Template] = {}

    def names(self) -> list[str]:
        """Return the names of all templates (layouts and parts too), sorted: NAME of each NAME.html.j2."""
        return [file.removesuffix(HTML_SUFFIX) for file in self._folder.files(HTML_SUFFIX)]

    def html(self, name: str) -> Template:
        """Return the template NAME.html.j2 with its text part NAME.txt.j2, if there is one.

        Raises:
            DefinitionError: With every problem of its files (codes T201 to T220).
        """
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def _load(self, name: str) -> Template:
        if not self._folder.exists(name + HTML_SUFFIX):
            where = self._folder.shown("").rstrip("/")
            hint = did_you_mean(name, self.names()) or f"it would be {where}/{name}{HTML_SUFFIX}"
            raise DefinitionError([Problem("T201", f"there is no template '{name}'", hint=hint)])
        problems: list[Problem] = []
        html = _HtmlLoad(self._folder, name, problems)
        written = self._folder.exists(name + TEXT_SUFFIX)
        text = _flat(self._folder, name + TEXT_SUFFIX, TEXT_SUFFIX, problems) if written else None
        if problems:
            raise DefinitionError(sorted(problems, key=lambda problem: (problem.path, problem.line, problem.column)))
        uses = html.uses
        text_part = html.derived_part() if text is None else _plain_part(text[0], text[1], name + TEXT_SUFFIX)
        if text is not None:
            uses = tuple(dict.fromkeys((*uses, *uses_of(*text))))
        return Template(name, html.part(), text_part, uses, written)


class _HtmlLoad:
    """The steps from NAME.html.j2 to a compiled part, and to the text part made from it. Adds to *problems*."""

    def __init__(self, folder: Folder, name: str, problems: list[Problem]) -> None:
        self.uses: tuple[Use, ...] = ()
        self._name = name
        found = len(problems)
        body, self._origins = _flat(folder, name + HTML_SUFFIX, HTML_SUFFIX, problems)
        if len(problems) > found:
            return
        self.uses = uses_of(body, self._origins)
        self._marked = marked(body)
        inlined = inline(self._marked, self._origins)
        if isinstance(inlined, list):
            problems.extend(inlined)
        else:
            self._inlined = inlined

    def part(self) -> Part:
        """Return the compiled HTML."""
        tree = Rebuilder(self._marked.marks, self._inlined.links).tree(self._inlined.pieces)
        return Part(HTML, tree, origins_of(self._marked.marks, self._origins), self._name + HTML_SUFFIX)

    def derived_part(self) -> Part:
        """Return the compiled text made from the HTML."""
        pieces = derive(self._inlined.text, self._marked)
        tree = Rebuilder(self._marked.marks, self._inlined.links).tree(pieces)
        return Part(TEXT, tree, origins_of(self._marked.marks, self._origins), f"{self._name}{HTML_SUFFIX}, as text")


def compile_subject(source: str, file: str = "", line: int = 1, column: int = 1) -> Subject:
    """Return a subject that can be rendered.

    Args:
        source: The template, from a rule file.
        file: The rule file, as the user knows it.
        line: Where the subject begins in it, 1-based.
        column: Where it begins in its line, 1-based.

    Raises:
        DefinitionError: With every problem, at its place in the rule file.
    """
    text = Source(file, source, line, column)
    if len(source) > _MAX_SUBJECT_SOURCE:
        raise DefinitionError(
            [text.problem("T203", f"a subject is written in at most {_MAX_SUBJECT_SOURCE:,} letters")]
        )
    tree, problems = parse(text)
    for node in walk(tree) if tree else ():
        if isinstance(node, nodes.Block | nodes.Extends | nodes.Include):
            problems.append(
                text.problem("T208", "a subject is made of one line; it includes nothing", node.lineno, "{%")
            )
    if tree is None or problems:
        raise DefinitionError(problems)
    origins = Origins()
    origins.add(text, tree)
    uses = uses_of(tree.body, origins)
    return Subject(_plain_part(tree.body, origins, "subject"), uses, f"{file}:{line}" if file else "subject")


def _flat(folder: Folder, file: str, suffix: str, problems: list[Problem]) -> tuple[list[nodes.Node], Origins]:
    origins = Origins()
    flattener = Flattener(folder, suffix, origins)
    body = flattener.flatten(file)
    problems.extend(flattener.problems)
    return body, origins


def _plain_part(body: Sequence[nodes.Node], origins: Origins, name: str) -> Part:
    pieces: Marked = marked(body)
    return Part(TEXT, Rebuilder(pieces.marks).tree(pieces.pieces), origins_of(pieces.marks, origins), name)


def _with_format(context: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return *context* with `_format` as a Format, so that filters need not look again."""
    given = context.get("_format")
    if given is None or type(given) is Format:
        return context
    try:
        return {**context, "_format": format_of(given)}
    except (FormatError, TypeError) as error:
        raise RenderError(f"_format of the mail's data cannot be used: {error}") from error
