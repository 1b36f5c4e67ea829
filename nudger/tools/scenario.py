"""The growth team's tests, run: `nudger test`. See `script` for how one is played and `expect` for how it is judged."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path

from nudger.errors import Problem, SettingsError
from nudger.language.files import Loc, Source
from nudger.language.report import render
from nudger.language.schema import TestKeys
from nudger.project import Project, open_project
from nudger.tools import script
from nudger.tools.expect import compare


def run_tests(project: Project, names: Iterable[str] = ()) -> list[script.Outcome]:
    """Run the project's tests, or those whose name or rule contains one of *names*; in the order of the files."""
    wanted = [name.casefold() for name in names]
    tests = project.definition.tests
    by_name = {test.name: test for _, _, test in tests}
    outcomes = []
    for source, index, test in tests:
        if wanted and not any(name in _searchable(test) for name in wanted):
            continue
        outcomes.append(run_one(project, source, index, test, by_name))
    return outcomes


def _searchable(test: TestKeys) -> str:
    rules = " ".join(str(value) for entry in test.expect or () for value in entry.values())
    return f"{test.name} {rules}".casefold()


def problems(project: Project) -> list[Problem]:
    """Return what is wrong with tests as they are written: names twice, unknown `like`, no expectation."""
    found: list[Problem] = []
    seen: dict[str, str] = {}
    for source, index, test in project.definition.tests:
        here = Source(source.path, source.lines, source.node, found, source.keys)
        at: Loc = ("tests", index)
        if test.name in seen:
            here.add("N107", f"a test of this name stands in {seen[test.name]} too", (*at, "name"))
        seen[test.name] = source.path
        if test.expect is None:
            here.add("L212", "the test expects nothing, so any nudge fails it", (*at, "name"), severity="lint")
    return found


def run_one(
    project: Project, source: Source, index: int, test: TestKeys, by_name: dict[str, TestKeys]
) -> script.Outcome:
    """Run one test."""
    line, _ = source.place(("tests", index, "name"))
    outcome = script.Outcome(test.name, source.path, line)
    try:
        found = script.read(project, test, by_name)
        played = script.play(project, found, test)
        outcome.changes = played.changes
        compare(project, found, test, played, outcome)
    except script.BadTest as bad:
        place, _ = source.place(("tests", index, *bad.loc))
        outcome.differences.append(f"line {place}: {bad.message}" + (f"; {bad.hint}" if bad.hint else ""))
    return outcome


# --- the command ------------------------------------------------------------------------------------------


def main(args: argparse.Namespace) -> int:
    """Run `nudger test`: print what differs, and how many tests passed; 1 when one failed."""
    project = open_project(Path(args.directory))
    findings = problems(project)
    outcomes = run_tests(project, args.names)
    failed = [outcome for outcome in outcomes if not outcome.passed]
    if args.json:
        document = {
            "tests": len(outcomes),
            "failed": len(failed),
            "outcomes": [
                {"name": it.name, "path": it.path, "line": it.line, "passed": it.passed, "differences": it.differences}
                for it in outcomes
            ],
        }
        print(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        for outcome in failed:
            print(f"{outcome.path}:{outcome.line}: {outcome.name}")
            print("".join(f"    {line}\n" for line in outcome.differences))
        if findings:
            print(render(findings))
        print(f"{len(outcomes)} tests: {len(outcomes) - len(failed)} passed, {len(failed)} failed")
    if not outcomes:
        asked = f" with {' or '.join(args.names)} in its name" if args.names else ""
        raise SettingsError(f"there is no test{asked}; tests stand under `tests:` in rules/*.yaml")
    return 1 if failed or any(problem.severity == "error" for problem in findings) else 0
