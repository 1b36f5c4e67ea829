"""A project folder, loaded: rules, templates and settings, checked together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nudger.core.rule import RuleBook
from nudger.errors import DefinitionError, Problem
from nudger.intake.envelope import Reader
from nudger.language.book import Definition, load
from nudger.letters import Post
from nudger.mail.templates import TemplateSet
from nudger.settings import Settings
from nudger.settings import load as load_settings


@dataclass(slots=True)
class Project:
    """A project that can run.

    Attributes:
        book: What is live; `trial`: every rule as if live, nobody held out, for tests and previews.
    """

    root: Path
    settings: Settings
    definition: Definition
    book: RuleBook
    trial: RuleBook
    post: Post
    reader: Reader

    @property
    def lints(self) -> list[Problem]:
        """Advice about the rules and templates."""
        return self.definition.problems


def check(root: Path) -> tuple[Project | None, list[Problem]]:
    """Load a project and return it with every problem; None when one of them is an error.

    Raises:
        SettingsError: `nudger.toml` cannot be used.
    """
    settings = load_settings(root)
    definition = load(root)
    ground = definition.ground
    if ground is None:
        return None, definition.problems
    post = Post(definition, TemplateSet(root / "templates"), settings)
    if any(problem.severity == "error" for problem in definition.problems):
        return None, definition.problems
    assert definition.book is not None
    assert definition.trial is not None
    reader = Reader(ground.events, frozenset(ground.catalog.plans), frozenset(ground.catalog.addons))
    return Project(root, settings, definition, definition.book, definition.trial, post, reader), definition.problems


def open_project(root: Path) -> Project:
    """Load a project to run it.

    Raises:
        DefinitionError: With every error in its rules and templates.
        SettingsError: `nudger.toml` cannot be used.
    """
    project, problems = check(root)
    if project is None:
        raise DefinitionError([problem for problem in problems if problem.severity == "error"])
    return project
