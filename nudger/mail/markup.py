"""What the HTML of a mail may consist of: tags, attributes, addresses and styles, and where marks may stand.

The same judge reads a template twice: as it was written, to point at lines, and as the style inliner's HTML parser
has understood it, which is what mail programs will see.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Final

from nudger.mail.allow import path_of
from nudger.mail.marks import Mark, Marked
from nudger.mail.problems import did_you_mean

Say = Callable[[str, str, int, str, str], None]
"""Takes code, message, offset in the text, what to point at, and advice."""


def words(text: str) -> frozenset[str]:
    """Return the words of *text* as a set."""
    return frozenset(text.split())


MAX_OPEN: Final = 100
"""Tags open inside each other: the HTML parser of the style inliner crashes beyond some thousands."""

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
_CSS_URL: Final = re.compile(r"url\(\s*[\"']?\s*(?!https://)")
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


class Judge(HTMLParser):
    """Reads marked HTML and says what is not allowed.

    After `read`, `links` are the marks that fill an address, `elements` counts tags, `styles` the letters of all
    styles, `has_body` tells about `<html>` and `<body>`, and `repairs` are (offset, text) to insert so that a parser
    will not move rows: the `<tbody>` that authors leave out.
    """

    def __init__(self, marked: Marked, say: Say) -> None:
        super().__init__(convert_charrefs=True)
        self.links: set[int] = set()
        self.repairs: list[tuple[int, str]] = []
        self.elements = 0
        self.styles = 0
        self.has_body = False
        self._marks: list[Mark] = marked.marks
        self._word = marked.word
        self._pattern = marked.pattern()
        self._say = say
        self._stack: list[_Open] = []
        self._starts: list[int] = []

    def read(self, html: str) -> None:
        """Judge *html*. What stands in comments for Outlook is judged as if it stood outside."""
        self._judge_hidden(html)
        shown = _CONDITION.sub(lambda found: " " * len(found[0]), html)
        self._starts = [0, *(found.end() for found in re.finditer("\n", shown))]
        self.feed(shown)
        self.close()
        for still in self._stack:
            if still.tag:
                self._say("T216", f"<{still.tag}> is never closed", still.at, f"<{still.tag}", f"write </{still.tag}>")

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

    def _here(self) -> int:
        line, column = self.getpos()
        return self._starts[line - 1] + column

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Judge a tag and remember that it is open."""
        at = self._here()
        self.elements += 1
        self.has_body = self.has_body or tag in ("html", "body", "head")
        self._judge_tag(tag, at)
        self._judge_attributes(tag, attrs, at)
        around = next((entry for entry in reversed(self._stack) if entry.tag), None)
        if around and around.tag == "table":
            around.has_rows |= tag == "tr"
            around.has_groups |= tag in _ROW_GROUPS
        if tag in VOID:
            return
        self._stack.append(_Open(tag, at, at + len(self.get_starttag_text() or "")))
        if len(self._stack) == MAX_OPEN:
            self._say("T216", f"more than {MAX_OPEN} tags are open inside each other", at, f"<{tag}", "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Judge `<x/>`, which closes itself in the XML of Outlook only."""
        self.handle_starttag(tag, attrs)
        if ":" in tag:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close the tag that was opened last; refuse any other."""
        at = self._here()
        if self._word in tag:
            self._say("T215", "{{ }} cannot be the name of a tag", at, "{{", "")
            return
        top = self._stack[-1] if self._stack else None
        if top and top.tag == tag:
            self._stack.pop()
            if tag == "table" and top.has_rows and not top.has_groups:
                self.repairs += [(top.inside_at, "<tbody>"), (at, "</tbody>")]
            return
        inside = next((entry.tag for entry in reversed(self._stack) if entry.tag), "")
        hint = f"<{inside}> is still open here" if inside and not (top and not top.tag) else ""
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

    def handle_data(self, data: str) -> None:
        """Judge styles, and find statements in places that HTML takes for text."""
        inside = self._stack[-1].tag if self._stack else ""
        if inside == "style":
            self.styles += len(data)
            self._judge_style(data, self._here(), "<style")
        elif f"<!--{self._word}" in data:
            self._say("T215", f"{{% %}} cannot stand inside <{inside}>", self._here(), "", _BETWEEN)

    def handle_comment(self, data: str) -> None:
        """Follow a statement; refuse marks in other comments."""
        found = self._pattern.fullmatch(f"<!--{data}-->")
        if found and found[1]:
            self._statement(int(found[1]))
        elif self._word in data:
            self._say("T215", "{{ }} and {% %} cannot stand inside an HTML comment", self._here(), "<!--", _COMMENT)

    def handle_decl(self, decl: str) -> None:
        """Let `<!DOCTYPE html>` pass."""
        if not decl.lower().startswith("doctype"):
            self._say("T217", "<! > is not allowed in a mail", self._here(), "<!", "")
        elif self._word in decl:
            self._say("T215", "{{ }} cannot stand inside <!DOCTYPE>", self._here(), "{{", "")

    def handle_pi(self, data: str) -> None:
        """Refuse `<?xml ?>` and the like."""
        self._say("T217", "<? > is not allowed in a mail", self._here(), "<?", "")

    def unknown_decl(self, data: str) -> None:
        """Refuse `<![CDATA[` and the like."""
        hint = "comments for mail programs other than Outlook are written <!--[if !mso]><!--> ... <!--<![endif]-->"
        self._say("T217", "<![ ]> is not allowed in a mail", self._here(), "<![", hint)

    def _statement(self, number: int) -> None:
        """Keep statements and tags inside each other: each branch closes what it opens."""
        kind = self._marks[number].kind if number < len(self._marks) else "value"
        if kind in ("if", "for"):
            self._stack.append(_Open("", self._here(), self._here()))
            return
        for entry in self._take_until_statement():
            hint = f"write </{entry.tag}> before it, or open it before the statement"
            self._say("T216", f"<{entry.tag}> is not closed before the next {{% %}}", entry.at, f"<{entry.tag}", hint)
        if self._stack and kind == "end":
            self._stack.pop()
        elif not self._stack:
            self._say("T216", "an {% if %} or {% for %} cuts through tags", self._here(), "", "")

    def _take_until_statement(self) -> list[_Open]:
        taken = []
        while self._stack and self._stack[-1].tag:
            taken.append(self._stack.pop())
        return taken[::-1]

    def _judge_tag(self, tag: str, at: int) -> None:
        if self._word in tag:
            inside = "{{ }} cannot be the name of a tag" if "<!--" not in tag else "{% %} cannot stand inside a tag"
            self._say("T215", inside, at, "<", _AROUND)
        elif tag not in _TAGS and not _OFFICE.match(tag):
            hint = _TAG_HINTS.get(tag) or did_you_mean(tag, _TAGS)
            self._say("T217", f"<{tag[:40]}> is not allowed in a mail", at, f"<{tag}", hint)

    def _judge_attributes(self, tag: str, attrs: list[tuple[str, str | None]], at: int) -> None:
        seen: set[str] = set()
        for name, value in attrs:
            if self._word in name or f"<!--{self._word}" in (value or ""):
                self._inside_tag(name + (value or ""), at)
            elif name in seen:
                self._say("T218", f"the attribute {name} is there twice", at, name, "")
            else:
                self._judge_attribute(tag, name, value or "", at)
            seen.add(name)

    def _inside_tag(self, text: str, at: int) -> None:
        if f"<!--{self._word}" in text:
            hint = 'write class="{{ "new" if row.first else "" }}", or put the whole tag into {% if %}'
            self._say("T215", "{% %} cannot stand inside a tag", at, "{%", hint)
        else:
            self._say("T215", "{{ }} inside a tag stands in the quotes of an attribute", at, "{{", 'title="{{ name }}"')

    def _judge_attribute(self, tag: str, name: str, value: str, at: int) -> None:
        if not _ATTRIBUTE.match(name):
            self._say("T218", f"'{name[:40]}' cannot be an attribute", at, name, "is a quote missing before it?")
        elif name.startswith("on"):
            self._say("T218", f"the attribute {name} runs a script; mails run none", at, name, "")
        elif name in _REFUSED:
            self._say("T218", f"the attribute {name} is not allowed in a mail", at, name, "")
        elif name in _LINKS:
            self._judge_link(name, value.strip(), at)
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
