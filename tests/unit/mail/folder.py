"""A templates folder for one test, and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from nudger.errors import DefinitionError, Problem
from nudger.mail.templates import Template, TemplateSet


def folder(root: Path, files: Mapping[str, str | bytes]) -> TemplateSet:
    """Return the set of a templates folder below *root* that holds *files*."""
    for name, content in files.items():
        path = root / "templates" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return TemplateSet(root / "templates")


def loaded(root: Path, html: str, **more: str) -> Template:
    """Return the template `mail` with this HTML; *more* are other files, with __ for the dot before html or txt."""
    files = {name.replace("__", ".") + ".j2": text for name, text in more.items()}
    return folder(root, {"mail.html.j2": html, **files}).html("mail")


def refused(root: Path, html: str, **more: str) -> tuple[Problem, ...]:
    """Return the problems for which the template `mail` with this HTML is refused."""
    with pytest.raises(DefinitionError) as refusal:
        loaded(root, html, **more)
    return refusal.value.problems


def codes(problems: tuple[Problem, ...]) -> list[str]:
    """Return the codes of problems, in order."""
    return [problem.code for problem in problems]
