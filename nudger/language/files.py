"""Read the files under `rules/` into checked shapes, and place every problem at the word it is about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError

from nudger.errors import Problem, Severity
from nudger.language import nodes
from nudger.language.report import suggest
from nudger.language.schema import LATER, FileKeys
from nudger.language.tokens import SyntaxProblem

Loc = tuple[str | int, ...]
SUFFIXES: Final = (".yaml", ".yml")


@dataclass(slots=True)
class Source:
    """One file: its path as the user knows it, its lines and nodes, its shape, and where problems are gathered."""

    path: str
    lines: list[str]
    node: nodes.Node
    problems: list[Problem]
    keys: FileKeys = field(default_factory=FileKeys)

    def add(
        self,
        code: str,
        message: str,
        loc: Loc,
        hint: str = "",
        *,
        on_key: bool = False,
        severity: Severity = "error",
    ) -> None:
        """Gather a problem at a key or value of the file."""
        node, key = nodes.locate(self.node, loc)
        at = key if on_key and key is not None else node
        length = at.length if isinstance(at, nodes.Scalar) else 1
        self._place(Problem(code, message, hint=hint, severity=severity), at.line, at.column, length)

    def add_within(self, problem: SyntaxProblem, loc: Loc) -> None:
        """Gather what is wrong inside the expression at *loc*."""
        node, _ = nodes.locate(self.node, loc)
        if not isinstance(node, nodes.Scalar):
            self.add(problem.code, problem.message, loc, problem.hint)
            return
        line, column = node.place(problem.start)
        found = Problem(problem.code, problem.message, hint=problem.hint)
        self._place(found, line, column, max(1, problem.end - problem.start))

    def place(self, loc: Loc) -> tuple[int, int]:
        """Return line and column of the first character of the value at *loc*."""
        node, _ = nodes.locate(self.node, loc)
        return node.place(0) if isinstance(node, nodes.Scalar) else (node.line, node.column)

    def _place(self, problem: Problem, line: int, column: int, length: int) -> None:
        text = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        self.problems.append(problem.at(self.path, line, column, length, text))


def read_all(root: Path, problems: list[Problem]) -> list[Source]:
    """Read every rule file under *root*/rules; a file with problems of its shape is left out."""
    folder = root / "rules"
    sources = []
    for path in sorted(found for found in folder.rglob("*") if found.suffix in SUFFIXES and found.is_file()):
        name = path.relative_to(root).as_posix()
        try:
            text = path.read_bytes()
        except OSError as error:
            problems.append(Problem("Y027", f"cannot be read: {error.strerror}", name))
            continue
        node = nodes.read(text, name, problems)
        if node is not None:
            source = Source(name, text.decode("utf-8-sig", "replace").splitlines(), node, problems)
            if _shape(source):
                sources.append(source)
    return sources


def _shape(source: Source) -> bool:
    """Validate one file; tell whether it can be used."""
    data = nodes.to_data(source.node)
    if not isinstance(data, dict):
        known = ", ".join(FileKeys.model_fields)
        source.add("N106", "a rule file is a mapping", (), f"begin with one of: {known}")
        return False
    try:
        source.keys = FileKeys.model_validate(data)
    except ValidationError as error:
        for found in error.errors(include_url=False, include_input=True):
            _explain(source, found["type"], found["loc"], found["msg"], found.get("ctx", {}), found["input"])
        return False
    return True


def _explain(source: Source, kind: str, loc: Loc, message: str, context: dict[str, Any], value: Any) -> None:
    """Say one of pydantic's findings in our own words."""
    if kind == "extra_forbidden":
        _unknown_key(source, loc)
    elif kind == "missing":
        owner = " ".join(f"`{part}`" for part in _visible(source, loc[:-1])[-1:]) or "the file"
        source.add("N105", f"{owner} needs the key `{loc[-1]}`", loc[:-1], on_key=True)
    elif kind == "literal_error":
        options = context.get("expected", "")
        hint = suggest(str(value), options.replace("'", "").replace(" or ", ", ").split(", "))
        source.add("N106", f"'{value}' is none of {options}", loc, hint)
    elif kind == "value_error":
        source.add("N106", message.removeprefix("Value error, "), loc, on_key="[key]" in loc)
    else:
        forms = {"dict_type": "keys and values", "list_type": "a list", "model_type": "keys and values"}
        wanted = forms.get(kind, "another form" if value is not None else "a value")
        if kind == "string_pattern_mismatch":
            wanted = "a value of the form " + context.get("pattern", "").strip("^$")
        found = (
            "nothing"
            if value is None
            else "a list"
            if isinstance(value, list)
            else "keys"
            if isinstance(value, dict)
            else f"'{value}'"
        )
        source.add("N106", f"expected {wanted}, found {found}", loc)


def _visible(source: Source, loc: Loc) -> list[str]:
    """Return the parts of *loc* that stand in the file: no tags of unions, no markers of keys."""
    parts, node = [], source.node
    for step in loc:
        found, key = nodes.locate(node, (step,))
        if found is not node or key is not None:
            parts.append(str(step))
            node = found
    return parts


def _unknown_key(source: Source, loc: Loc) -> None:
    key = str(loc[-1])
    model = _model_at(loc)
    if model is not None and key in LATER.get(model, ()):
        message = f"`{key}` is part of the language but not built in this release"
        source.add("N103", message, loc, "known, not built yet: leave it out for now", on_key=True)
        return
    names = [info.alias or name for name, info in model.model_fields.items()] if model is not None else []
    hint = suggest(key, names) or (f"known here: {', '.join(names)}" if names else "")
    source.add("N101", f"unknown key '{key}'", loc, hint, on_key=True)


def _model_at(loc: Loc) -> type[BaseModel] | None:
    """Return the model whose key the last step of *loc* was meant to be."""
    annotation: Any = FileKeys
    for step in loc[:-1]:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            fields = {info.alias or name: info for name, info in annotation.model_fields.items()}
            if step in fields:
                annotation = fields[str(step)].annotation
                annotation = _peel(annotation)
                continue
        annotation = _peel(annotation)
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _peel(annotation: Any) -> Any:
    """Return the one model inside an annotation such as dict[str, Model], list[Model] or a union with texts."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    models = list(_models(annotation))
    return models[0] if models else annotation


def _models(annotation: Any) -> Iterable[type[BaseModel]]:
    for part in get_args(annotation):
        if isinstance(part, type) and issubclass(part, BaseModel):
            yield part
        elif get_args(part):
            yield from _models(part)
