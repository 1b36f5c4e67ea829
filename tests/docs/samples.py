"""The examples of the documentation and of the error codes, put into a project and checked as a user's files are."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from nudger.errors import Problem, SettingsError
from nudger.language import nodes
from nudger.language.schema import LATER, FileKeys, RuleKeys
from nudger.project import Project, check
from nudger.tools.scenario import problems as problems_of_tests
from nudger.tools.scenario import run_tests
from tests.docs.pages import ROOT

_RULE_KEYS = {info.alias or name for name, info in RuleKeys.model_fields.items()}
_FILLERS = {
    "about": "    about: An example",
    "when": "    when: plan == payg",
    "message": "    message: { template: welcome, subject: Hello }",
}
_OFFER = """
    when: plan == payg and bill > next_plan.price
    offer: { plan: next_plan, expires: 14 days }
    let: { over: bill - next_plan.price }
    message: { template: fragment, subject: Hello }
"""
_CATALOG = "catalog: { currency: USD, plans: { payg: { name: Pay-as-you-go, price: 75 } } }\n"


class Refused(AssertionError):
    """An example that is no YAML, or that has a place nowhere."""


def top_keys(text: str) -> list[str]:
    """Return the keys with which a piece of YAML begins."""
    found: list[Problem] = []
    node = nodes.read(text.encode(), "sample.yaml", found)
    if not isinstance(node, nodes.Mapping):
        raise Refused(f"no keys and values: {found or text}")
    return [key.value or "" for key, _ in node.pairs]


def as_file(text: str) -> str:
    """Return a whole rule file for a piece of one: a file as it is, a part of a rule within a rule."""
    keys = top_keys(text)
    if set(keys) <= set(FileKeys.model_fields):
        return text
    if set(keys) <= _RULE_KEYS | LATER[RuleKeys]:
        missing = [key for key in _FILLERS if key not in keys and not (key == "when" and "trigger" in keys)]
        indented = [f"    {line}" if line else line for line in text.rstrip("\n").split("\n")]
        return "\n".join(["rules:", "  example:", *indented, *(_FILLERS[key] for key in missing)]) + "\n"
    raise Refused(f"where do these keys stand? {', '.join(keys)}")


def project(folder: Path, sample: str, *, alone: bool = False, template: str = "") -> None:
    """Write a project with a sample into *folder*.

    Args:
        folder: Empty.
        sample: A whole rule file.
        alone: The sample is the whole project; else it stands beside the shipped catalogue and policy, as far as it
            does not bring its own.
        template: Body of the template `fragment`.
    """
    rules, templates = folder / "rules", folder / "templates"
    rules.mkdir()
    keys = top_keys(sample)
    (rules / "sample.yaml").write_text(sample, "utf-8")
    if not alone and "catalog" not in keys and "events" in keys:
        (rules / "catalog.yaml").write_text(_CATALOG, "utf-8")
    elif not alone and "catalog" not in keys:
        shutil.copy(ROOT / "rules" / "catalog.yaml", rules)
        if "policy" not in keys:
            shutil.copy(ROOT / "rules" / "policy.yaml", rules)
        if "tests" in keys and "rules" not in keys:
            shutil.copy(ROOT / "rules" / "bills.yaml", rules)
    shutil.copytree(ROOT / "templates", templates)
    shutil.copy(ROOT / "nudger.toml", folder)
    (templates / "welcome.html.j2").write_text("<p>Hello</p>\n", "utf-8")
    (templates / "welcome.txt.j2").write_text("Hello\n", "utf-8")
    if template:
        (templates / "fragment.html.j2").write_text(template, "utf-8")
        (templates / "fragment.txt.j2").write_text("Hello\n", "utf-8")


def check_sample(sample: str, *, alone: bool = False, template: str = "") -> list[Problem]:
    """Return what `nudger check` and `nudger test` find in a piece of YAML or its template; failed tests too."""
    with tempfile.TemporaryDirectory(prefix="nudger-docs-") as name:
        folder = Path(name)
        project(folder, as_file(sample), alone=alone, template=template)
        try:
            opened, found = check(folder)
        except SettingsError as error:
            raise Refused(str(error)) from None
        ours = ("", "rules/sample.yaml", "templates/fragment.html.j2")
        return [problem for problem in (*found, *_tested(opened)) if problem.path in ours]


def check_template(body: str) -> list[Problem]:
    """Return what `nudger check` finds in a piece of a template, within the headline rule."""
    whole = body
    if "{% extends" not in body:
        whole = '{% extends "base.html.j2" %}\n{% block body %}\n' + body + "{% endblock %}\n"
    return check_sample("rules:\n  example:\n    about: An example" + _OFFER, template=whole)


def _tested(opened: Project | None) -> list[Problem]:
    if opened is None:
        return []
    failures = [
        Problem("TEST", "; ".join(outcome.differences), outcome.path, outcome.line)
        for outcome in run_tests(opened)
        if not outcome.passed
    ]
    return [*problems_of_tests(opened), *failures]
