"""What the HTML of a mail may consist of: tags, attributes, addresses and styles, and where marks may stand.

The same judge reads a template twice: as it was written, to point at lines, and as the style inliner's HTML parser
has understood it, which is what mail programs will see.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from nudger.mail.allow import path_of
from nudger.mail.marks import Mark, Marked
from nudger.mail.problems import did_you_mean
from nudger.mail.scan import MalformedError, Token, scan

Say = Callable[[str, str, int, str, str], None]
"""Takes code, message, offset in the text, what to point at, and advice."""


def words(text: str) -> frozenset[str]:
    """Return the words of *text* as a set."""
    return frozenset(text.split())


MAX_OPEN: Final = 100
"""Tags open inside each other: the HTML parser of the style inliner crashes beyond some thousands."""

MAX_ELEMENTS: Final = 5_000
MAX_FINDINGS: Final = 50
"""After so many the rest of a file is not read: they have one cause."""

VOID: Final = words("area base br col embed hr img input link meta param wbr")
_TAGS: Final = words(
    "a abbr address article aside b big blockquote body br caption center cite code col colgroup dd del "
    "details dfn div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 head header hr html i img ins "
    "kbd li main mark meta nav ol p pre q s samp section small span strike strong style sub summary sup table "
    "tbody td tfoot th thead time title tr tt u ul var wbr xml"
)
_OFFICE: Final = re.compile(r"[vow]:[a-z]+\Z")
_ATTRIBUTE: Final = re.compile(r"[a-z_][a-z0-9_.:-]*\Z")
_LINKS: Final = frozenset({"href", "src", "action", "background"})
_REFUSED: Final = words(
    "archive cite classid code codebase data dynsrc formaction icon longdesc lowsrc manifest ping poster "
    "profile srcdoc srcset usemap xlink:href xml:base"
)
_HTTP_EQUIV: Final = frozenset({"content-type", "x-ua-compatible"})
_HTTPS: Final = re.compile(r"https://[A-Za-z0-9][A-Za-z0-9.-]*(:\d{1,5})?([/?#][^\s\"'<>\\`\x00-\x1f\x7f]*)?\Z")
_MAILTO: Final = re.compile(r"mailto:[^\s\"'<>\\`\x00-\x1f\x7f]+\Z")
_ROW_GROUPS: Final = frozenset({"tbody", "thead", "tfoot", "caption", "colgroup"})
_CONDITION: Final = re.compile(r"<!--\[if [^\]<>]*\]>(<!-->|-->)?|(?:<!--)?<!\[endif\]-->", re.IGNORECASE)
"""Comments for Outlook begin and end with these; with group 1 they hide something from Outlook only."""

_CSS_ESCAPE: Final = re.compile(r"\\([0-9a-fA-F]{1,6})\s?|\\(.)", re.DOTALL)
_CSS_COMMENT: Final = re.compile(r"/\*.*?(\*/|\Z)", re.DOTALL)
_CSS_URL: Final = re.compile(r"url\(\s*+[\"']?+\s*+(?!https://)")
_CSS_REFUSED: Final = re.compile(
    r"@import|@charset|expression\s*\(|javascript:|vbscript:|-moz-binding|(?<![\w-])behavior\s*:|</?style|<!--"
)


@dataclass(slots=True)
class _Open:
    """An open tag, or a statement (`tag` is ""). Offsets: where it begins, and where what is inside begins."""

    tag: str
    at: int
    inside_at: int
    has_rows: bool = False
    has_groups: bool = False


class Judge:
    """Reads marked HTML and says what is not allowed.

    After `read`, `links` are the marks that fill an address, `elements` counts tags, `styles` is the text of all
    `<style>`, `has_body` tells about `<html>`, `<head>` and `<body>`, `fills_classes` about classes that only a value
    decides, and `repairs` are (offset, text) to insert so
    that a parser will not move rows: the `<tbody>` that authors leave out. `seen` are all marks in their order, those
    of one tag sorted: the order of attributes means nothing.
    """

    def __init__(self, marked: Marked, say: Say) -> None:
        self.links: set[int] = set()
        self.repairs: list[tuple[int, str]] = []
        self.elements = 0
        self.styles = ""
        self.seen: list[int] = []
        self.has_body = False
        self.fills_classes = False
        self._marks: list[Mark] = marked.marks
        self._word = marked.word
        self._pattern = marked.pattern()
        self._tell = say
        self._said = 0
        self._stack: list[_Open] = []

    def read(self, html: str) -> None:
        """Judge *html*. What stands in comments for Outlook is judged as if it stood outside."""
        self._judge_hidden(html)
        try:
            for token in scan(_CONDITION.sub(lambda found: " " * len(found[0]), html)):
                self._note_marks(html[token.at : token.end], token.kind == "start")
                self._judge(token)
                if self._said >= MAX_FINDINGS:
                    return
        except MalformedError as slip:
            self._say_malformed(str(slip), slip.at, html)
            return
        for still in [entry for entry in self._stack if entry.tag][:MAX_FINDINGS]:
            self._say("T216", f"<{still.tag}> is never closed", still.at, f"<{still.tag}", f"write </{still.tag}>")

    def _say(self, code: str, message: str, at: int, needle: str, hint: str) -> None:
        self._said += 1
        self._tell(code, message, at, needle, hint)

    def _judge(self, token: Token) -> None:
        if token.kind == "start":
            self._start(token)
        elif token.kind == "end":
            self._end(token.text, token.at)
        elif token.kind == "comment":
            self._comment(token.text, token.at)
        elif token.kind == "raw":
            self._raw(token)
        elif token.kind == "doctype" and self._word in token.text:
            self._say("T215", "{{ }} cannot stand inside <!DOCTYPE>", token.at, "{{", "")

    def _note_marks(self, text: str, in_tag: bool) -> None:
        numbers = [int(found[1] or found[2]) for found in self._pattern.finditer(text)]
        self.seen += sorted(numbers) if in_tag else numbers

    def _say_malformed(self, message: str, at: int, html: str) -> None:
        """Say what the reader stumbled over; a mark in the middle of a tag is what authors try most."""
        mark = self._pattern.match(html[at : at + 80].lstrip())
        if mark and mark[1]:
            self._say("T215", "{% %} cannot stand inside a tag", at, "{%", _IN_TAG)
        elif mark:
            self._say("T215", "{{ }} inside a tag stands in the quotes of an attribute", at, "{{", _QUOTES)
        else:
            code = "T217" if message.startswith("'") else "T216"
            self._say(code, message, at, html[at : at + 2].strip(), "")

    def _judge_hidden(self, html: str) -> None:
        """Judge that comments for Outlook are closed, and hold no statement: its mark would end them."""
        begun: re.Match[str] | None = None
        for found in _CONDITION.finditer(html):
            starts, ends = not found[1] and found[0][4] == "[", found[0].startswith("<![")
            if starts:
                begun = begun or found
            elif ends and begun:
                if f"<!--{self._word}" in html[begun.end() : found.start()]:
                    self._say(
                        "T215", "{% %} cannot stand inside a comment for Outlook", begun.start(), begun[0], _AROUND
                    )
                begun = None
        if begun:
            self._say("T216", "a comment for Outlook is never closed", begun.start(), begun[0], "write <![endif]-->")

    def _start(self, token: Token) -> None:
        tag, at = token.text, token.at
        self.elements += 1
        if self.elements > MAX_ELEMENTS:
            self._say("T203", f"there are more than {MAX_ELEMENTS:,} tags", at, f"<{tag}", "")
            self._said = MAX_FINDINGS
        self.has_body = self.has_body or tag in ("html", "body", "head")
        self._judge_tag(tag, at)
        self._judge_attributes(tag, token.attributes, at)
        around = next((entry for entry in reversed(self._stack) if entry.tag), None)
        if around and around.tag == "table":
            around.has_rows |= tag == "tr"
            around.has_groups |= tag in _ROW_GROUPS
        if tag in VOID or self._word in tag or (token.closed and ":" in tag):  # in Outlook's XML a tag may close itself
            return
        self._stack.append(_Open(tag, at, token.end))
        if len(self._stack) > MAX_OPEN:
            self._say("T216", f"more than {MAX_OPEN} tags are open inside each other", at, f"<{tag}", "")
            self._said = MAX_FINDINGS

    def _end(self, tag: str, at: int) -> None:
        top = self._stack[-1] if self._stack else None
        if self._word in tag:
            self._say("T215", "{{ }} cannot be the name of a tag", at, "{{", "")
        elif top and top.tag == tag:
            self._stack.pop()
            if tag == "table" and top.has_rows and not top.has_groups:
                self.repairs += [(top.inside_at, "<tbody>"), (at, "</tbody>")]
        else:
            hint = f"<{top.tag}> is still open here" if top and top.tag else ""
            if top and not top.tag:
                hint = "close it before the statement begins, or open it inside"
            self._say("T216", f"</{tag}> closes nothing that was opened here", at, f"</{tag}", hint)
            self._forget(tag)

    def _forget(self, tag: str) -> None:
        """After a wrong end tag go on as if its start had been the last, so that one slip is one problem."""
        for index in range(len(self._stack) - 1, -1, -1):
            if not self._stack[index].tag:
                return
            if self._stack[index].tag == tag:
                del self._stack[index:]
                return

    def _raw(self, token: Token) -> None:
        inside = self._stack[-1].tag
        if inside == "style":
            self.styles += token.text
            self._judge_style(token.text, token.at, "<style")
        elif f"<!--{self._word}" in token.text:
            self._say("T215", f"{{% %}} cannot stand inside <{inside}>", token.at, "", _BETWEEN)

    def _comment(self, text: str, at: int) -> None:
        found = self._pattern.fullmatch(f"<!--{text}-->")
        if found and found[1]:
            self._statement(int(found[1]), at)
        elif self._word in text:
            self._say("T215", "{{ }} and {% %} cannot stand inside an HTML comment", at, "<!--", _COMMENT)

    def _statement(self, number: int, at: int) -> None:
        """Keep statements and tags inside each other: each branch closes what it opens."""
        kind = self._marks[number].kind if number < len(self._marks) else "value"
        if kind in ("if", "for"):
            self._stack.append(_Open("", at, at))
            return
        for entry in self._take_until_statement():
            hint = f"write </{entry.tag}> before it, or open it before the statement"
            self._say("T216", f"<{entry.tag}> is not closed before the next {{% %}}", entry.at, f"<{entry.tag}", hint)
        if self._stack and kind == "end":
            self._stack.pop()
        elif not self._stack:
            self._say("T216", "an {% if %} or {% for %} cuts through tags", at, "", "")

    def _take_until_statement(self) -> list[_Open]:
        taken = []
        while self._stack and self._stack[-1].tag:
            taken.append(self._stack.pop())
        return taken[::-1]

    def _judge_tag(self, tag: str, at: int) -> None:
        if self._word in tag:
            self._say("T215", "{{ }} cannot be the name of a tag", at, "{{", "")
        elif tag not in _TAGS and not _OFFICE.match(tag):
            hint = _TAG_HINTS.get(tag) or did_you_mean(tag, _TAGS)
            self._say("T217", f"<{tag[:40]}> is not allowed in a mail", at, f"<{tag}", hint)

    def _judge_attributes(self, tag: str, attributes: tuple[tuple[str, str], ...], at: int) -> None:
        seen: set[str] = set()
        for name, value in attributes:
            if f"<!--{self._word}" in value:
                self._say("T215", "{% %} cannot stand inside a tag", at, "{%", _IN_TAG)
            elif self._word in name:
                self._say("T215", "{{ }} inside a tag stands in the quotes of an attribute", at, "{{", _QUOTES)
            elif name in seen:
                self._say("T218", f"the attribute {name} is there twice", at, name, "")
            else:
                self._judge_attribute(tag, name, value, at)
            seen.add(name)

    def _judge_attribute(self, tag: str, name: str, value: str, at: int) -> None:
        if not _ATTRIBUTE.match(name):
            self._say("T218", f"'{name[:40]}' cannot be an attribute", at, name, "is a quote missing before it?")
        elif name.startswith("on"):
            self._say("T218", f"the attribute {name} runs a script; mails run none", at, name, "")
        elif name in _REFUSED:
            self._say("T218", f"the attribute {name} is not allowed in a mail", at, name, "")
        elif name in _LINKS:
            self._judge_link(name, value.strip(), at)
        elif name in ("class", "id"):
            self.fills_classes = self.fills_classes or self._word in value
        elif name == "style":
            self._judge_style(value, at, "style")
        elif name == "http-equiv" and value.strip().lower() not in _HTTP_EQUIV:
            self._say("T218", f"<{tag}> with http-equiv may only give Content-Type", at, name, "")

    def _judge_link(self, name: str, value: str, at: int) -> None:
        found = self._pattern.fullmatch(value)
        if found and found[2] and int(found[2]) < len(self._marks):
            self._judge_filled_link(int(found[2]), at)
        elif self._word in value:
            hint = "{{ offer.link }} or {{ links.NAME }}, alone between the quotes"
            self._say("T219", f"{name} is put together from parts", at, "{{", hint)
        elif not (_HTTPS.match(value) or (name == "href" and _MAILTO.match(value))):
            hint = "write https://...; the engine's links are {{ offer.link }} and {{ links.NAME }}"
            self._say("T219", f"{name} is not a safe address", at, name, hint)

    def _judge_filled_link(self, number: int, at: int) -> None:
        path = path_of(self._marks[number].node)
        if path == ("offer", "link") or (path and len(path) == 2 and path[0] == "links"):
            self.links.add(number)
            return
        hint = "the engine's links are {{ offer.link }} and {{ links.NAME }}, without filters"
        self._say("T219", "this value cannot be an address", at, ".".join(path or ()) or "{{", hint)

    def _judge_style(self, text: str, at: int, needle: str) -> None:
        if self._word in text:
            self._say("T220", "{{ }} and {% %} cannot stand inside styles", at, "{{", "set a class instead")
            return
        without_comments = _CSS_COMMENT.sub("", text)
        for css in (_CSS_ESCAPE.sub(_unescaped, each).lower() for each in (text, without_comments)):
            refused = _CSS_REFUSED.search(css)
            if refused or _CSS_URL.search(css):
                found = refused[0] if refused else "url("
                hint = "" if refused else "url() needs an https:// address"
                self._say("T220", f"'{found}' is not allowed here in styles", at, found, hint)
                return


def _unescaped(found: re.Match[str]) -> str:
    if found[1] is None:
        return found[2]
    number = int(found[1], 16)
    return chr(number) if number < 0x110000 else "\ufffd"


_IN_TAG: Final = 'write class="{{ "new" if row.first else "" }}", or put the whole tag into {% if %}'
_QUOTES: Final = 'for example title="{{ plan.name }}"'
_AROUND: Final = "put it around whole tags"
_BETWEEN: Final = "it stands between tags only"
_COMMENT: Final = "to leave something out of the mail, write {# ... #}"
_TAG_HINTS: Final[Mapping[str, str]] = {
    "script": "mails run no scripts",
    "form": "link to a page instead",
    "input": "link to a page instead",
    "button": 'use <a class="btn" href="{{ offer.link }}">',
    "iframe": "link to the page instead",
    "link": "put styles into <style>, or include a file that holds it",
    "svg": "use <img> with an https:// address",
    "video": "link to it instead",
}
