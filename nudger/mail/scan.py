"""A strict reader of HTML, in one pass: whatever two parsers could understand in two ways is an error.

(The standard library's forgiving parser needs minutes for a crafted file of 256 kB.)
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

_TAG: Final = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:-]*)")
_ATTRIBUTE: Final = re.compile(r"\s+([^\s\"'<>/=]+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'=<>`]+)))?")
_TAG_END: Final = re.compile(r"\s*(/?)>")
_DOCTYPE: Final = re.compile(r"<!doctype\s[^<>]*>", re.IGNORECASE)
_COMMENT_SLIPS: Final = re.compile(r"-?>|.*--!>", re.DOTALL)

#: Tags whose inside is text for a parser, whatever it looks like.
RAW: Final = frozenset({"style", "script", "title", "textarea"})


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of HTML.

    Attributes:
        kind: `raw` is the inside of a tag of RAW.
        at, end: Offsets of its first letter and behind its last.
        text: A tag's name in small letters; the text; what stands between `<!--` and `-->`.
        attributes: Of a start: names in small letters and values without character references, as often as given.
        closed: A start that ends in `/>`.
    """

    kind: Literal["start", "end", "text", "raw", "comment", "doctype"]
    at: int
    end: int
    text: str
    attributes: tuple[tuple[str, str], ...] = ()
    closed: bool = False


class MalformedError(Exception):
    """Something at offset `at` that is not written as HTML should be; the message is for people."""

    def __init__(self, message: str, at: int) -> None:
        self.at = at
        super().__init__(message)


def scan(text: str) -> Iterator[Token]:
    """Yield the tokens of *text*; raise MalformedError at the first thing that is not plain HTML."""
    at = 0
    while at < len(text):
        token = _next(text, at)
        yield token
        at = token.end
        if token.kind == "start" and token.text in RAW:
            end = _end_of_raw(text, token)
            yield Token("raw", at, end, text[at:end])
            at = end


def _next(text: str, at: int) -> Token:
    if text[at] != "<":
        return _text(text, at, at)
    tag = _TAG.match(text, at)
    if tag:
        return _end_tag(text, tag) if tag[1] else _start_tag(text, tag)
    if text.startswith("<!--", at):
        return _comment(text, at)
    doctype = _DOCTYPE.match(text, at)
    if doctype:
        return Token("doctype", at, doctype.end(), doctype[0])
    if text[at + 1 : at + 2] in ("!", "?", "/"):
        raise MalformedError(f"'{text[at : at + 2]}' begins nothing that a mail may hold", at)
    return _text(text, at, at + 1)


def _text(text: str, at: int, search_from: int) -> Token:
    end = text.find("<", search_from)
    end = len(text) if end < 0 else end
    return Token("text", at, end, text[at:end])


def _comment(text: str, at: int) -> Token:
    end = text.find("-->", at + 4)
    inside = text[at + 4 : end]
    if end < 0 or _COMMENT_SLIPS.match(inside):
        raise MalformedError("this comment does not end in -->", at)
    return Token("comment", at, end + 3, inside)


def _end_tag(text: str, tag: re.Match[str]) -> Token:
    end = _TAG_END.match(text, tag.end())
    if not end or end[1]:
        raise MalformedError(f"</{tag[2]} is not closed by >", tag.start())
    return Token("end", tag.start(), end.end(), tag[2].lower())


def _start_tag(text: str, tag: re.Match[str]) -> Token:
    attributes = []
    at = tag.end()
    while found := _ATTRIBUTE.match(text, at):
        value = next((value for value in found.groups()[1:] if value is not None), "")
        attributes.append((found[1].lower(), _unescaped(value, at)))
        at = found.end()
    end = _TAG_END.match(text, at)
    if not end:
        raise MalformedError(f"<{tag[2]} is not written correctly: a quote, a space or > is missing", at)
    return Token("start", tag.start(), end.end(), tag[2].lower(), tuple(attributes), bool(end[1]))


def _unescaped(value: str, at: int) -> str:
    try:
        return html.unescape(value)
    except (ValueError, OverflowError) as error:
        raise MalformedError("an attribute holds a character reference that stands for nothing", at) from error


def _end_of_raw(text: str, token: Token) -> int:
    end = re.compile(f"</{token.text}[\\s/>]", re.IGNORECASE).search(text, token.end)
    if not end:
        raise MalformedError(f"<{token.text}> is never closed", token.at)
    return end.start()
