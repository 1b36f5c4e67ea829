"""Markdown pages: the parts that are generated, between marks, and the examples, with what is said about them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

_PART = re.compile(r"(<!-- generated: ([a-z][a-z -]*) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
_NOTE = re.compile(r"<!-- ([a-z][a-z ]*?)(?:: (.*?))? -->")
_FENCE = re.compile(r"( *)```(\w*)")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: the page, the line it begins in, its language, its text, and the remark above it.

    Attributes:
        note, detail: Of `<!-- note: detail -->` on the line above; "" without one.
    """

    page: str
    line: int
    language: str
    text: str
    note: str = ""
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """Return every page of the documentation that is written for people."""
    return [
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        *sorted(DOCS.rglob("*.md")),
        *sorted(ROOT.glob("examples/*/*.md")),
    ]


def parts_of(text: str) -> list[str]:
    """Return the names of the generated parts of a page."""
    return [found[2] for found in _PART.finditer(text)]


def filled(text: str, parts: Mapping[str, str]) -> str:
    """Return a page with its generated parts written anew.

    Raises:
        KeyError: A part that nothing generates.
    """
    return _PART.sub(lambda found: f"{found[1]}{parts[found[2]].strip()}\n{found[4]}", text)


def blocks(path: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    lines = path.read_text("utf-8").splitlines()
    page = path.relative_to(ROOT).as_posix()
    at = 0
    while at < len(lines):
        fence = _FENCE.fullmatch(lines[at])
        if fence is None:
            at += 1
            continue
        end = lines.index(f"{fence[1]}```", at + 1)
        note = _NOTE.fullmatch(lines[at - 1].strip()) if at else None
        inside = [line.removeprefix(fence[1]) for line in lines[at + 1 : end]]
        text = "\n".join(inside) + "\n"
        if note is None:
            yield Block(page, at + 1, fence[2], text)
        else:
            yield Block(page, at + 1, fence[2], text, note[1], note[2] or "")
        at = end + 1
