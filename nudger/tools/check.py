"""Read the whole project as `run` would, and say what is wrong with it: `nudger check`."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Final

from nudger.errors import DefinitionError, Problem, SettingsError
from nudger.language.report import Style, render
from nudger.letters import require_mail
from nudger.project import Project
from nudger.project import check as check_project
from nudger.settings import Settings
from nudger.tools.inputs import root
from nudger.tools.output import Ink, as_json, folded, length, number, several

#: Measured: what one remembered id takes in memory.
ID_BYTES: Final = 95


def main(args: argparse.Namespace) -> int:
    """Run `nudger check`: 1 when there is an error, or with `--strict` any advice."""
    style: Style = "json" if args.json else args.format
    project, problems = check_project(root(args))
    errors = [problem for problem in problems if problem.severity == "error"]
    assert project is not None or errors, "a project that cannot be used has an error"
    if style == "json":
        print(_document(project, problems))
    else:
        _print(project, problems, style)
    return 1 if errors or (args.strict and problems) else 0


def _print(project: Project | None, problems: list[Problem], style: Style) -> None:
    found = render(problems, style)
    if found:
        print(found)
    if project is None or style == "github":
        return
    if style == "full" and found:
        print()
    print(Ink(sys.stdout).bold(_found(project) + ("no error" if problems else "fine")))
    if style == "full":
        for line in (_memory(project.settings), *_before_run(project.settings)):
            print(line)


def _counts(project: Project) -> dict[str, int]:
    definition = project.definition
    return {
        "rule": len(definition.drafts),
        "meter": len(project.book.meters),
        "test": len(definition.tests),
    }


def _found(project: Project) -> str:
    """Return `14 rules, 9 meters, 57 tests: `."""
    return ", ".join(several(count, noun) for noun, count in _counts(project).items()) + ": "


def _memory(settings: Settings) -> str:
    """Return the arithmetic of remembered ids: how long, how many, at what pace, in how much memory."""
    most, seconds = settings.dedupe.max_ids, settings.lateness // 1000
    pace = 100
    return folded(
        f"Counting once: ids are remembered for {length(settings.lateness)} (`lateness`). {pace} events a second are "
        f"{pace * seconds / 1e6:.1f} million ids; `dedupe.max_ids` has room for {number(most // seconds)} a second, "
        f"in {_size(most * ID_BYTES)} of memory.",
        "  ",
    )


def _size(amount: int) -> str:
    return f"{amount / 1e9:.1f} GB" if amount >= 1e9 else f"{amount / 1e6:.1f} MB"


def _before_run(settings: Settings) -> list[str]:
    """Return what `run` would refuse to start without."""
    try:
        require_mail(settings)
    except SettingsError as missing:
        return [f"Before `nudger run`: {missing}."]
    return []


def _document(project: Project | None, problems: list[Problem]) -> str:
    found = {} if project is None else {f"{noun}s": count for noun, count in _counts(project).items()}
    return as_json({**json.loads(render(problems, "json")), "found": found})


def report(error: DefinitionError) -> None:
    """Print what another command cannot run with, on standard error."""
    style: Style = "full" if sys.stderr.isatty() else "concise"
    print(render(error.problems, style), file=sys.stderr)
