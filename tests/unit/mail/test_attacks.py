"""Templates written to do harm: each is refused when it is loaded, or renders without any effect."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NoReturn

import pytest

from nudger.errors import DefinitionError
from nudger.mail.problems import EXPLANATIONS, RenderError
from nudger.mail.templates import compile_subject
from tests.unit.mail.folder import loaded

SECRET = "canary-secret"
LINES = (Path(__file__).parent / "attacks.txt").read_text().splitlines()
ATTACKS = [line.replace("\\n", "\n") for line in LINES if line and not line.startswith("# ")]


class Canary:
    """Remembers whether anything of it was touched. Everything a template must never do to a value is here."""

    def __init__(self) -> None:
        object.__setattr__(self, "touched", [])

    def __getattribute__(self, name: str) -> Any:
        if name in ("touched", "__class__", "jinja_pass_arg", "__html__", "__call__"):
            return object.__getattribute__(self, name)
        object.__getattribute__(self, "touched").append(name)
        return SECRET

    def _act(self, *_args: Any) -> NoReturn:
        object.__getattribute__(self, "touched").append("called")
        raise AssertionError("the canary was used")

    __str__ = __repr__ = __iter__ = __len__ = __getitem__ = __call__ = __format__ = _act  # type: ignore[assignment]
    __lt__ = __gt__ = __contains__ = __add__ = __mul__ = __mod__ = __html__ = _act


class Reader(HTMLParser):
    """Tells whether a mail holds anything that runs, or leads elsewhere."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.harm: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "iframe", "object", "embed", "form", "input", "base", "link", "svg", "math", "template"):
            self.harm.append(tag)
        for name, value in attrs:
            if name.startswith("on") or name in ("srcdoc", "ping", "formaction"):
                self.harm.append(name)
            if name in ("href", "src", "background", "action") and not (value or "").startswith(
                ("https://", "mailto:")
            ):
                self.harm.append(f"{name}={value}")
            if name == "style" and "url(" in (value or "") and "https://" not in (value or ""):
                self.harm.append(value or "")


def data(canary: Canary) -> dict[str, Any]:
    return {
        "canary": canary,
        "box": {"canary": canary},
        "name": "<script>alert('name')</script>",
        "rows": [{"a": 1, "link": "https://evil.example"}, {"a": 2, "link": "javascript:alert(1)"}],
        "many": [{"a": 1}] * 1000,
        "long": "x" * 10_000,
        "huge": Decimal("1e9999999"),
        "infinite": Decimal("Infinity"),
        "offer": {"link": "https://go.example/o", "name": "<b>"},
        "links": {"a": "https://go.example/u"},
        "_format": {"currency": "USD"},
    }


def outcome(make: Callable[[], Callable[[dict[str, Any]], str]], canary: Canary) -> str:
    """Return what was rendered, the failure's message, or codes that nobody can explain."""
    try:
        return make()(data(canary))
    except DefinitionError as refusal:
        unknown = [problem.code for problem in refusal.problems if problem.code not in EXPLANATIONS]
        return "".join(unknown)
    except RenderError as failure:
        return str(failure)


def test_there_are_enough() -> None:
    assert len(set(ATTACKS)) >= 200


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_template_does_harm(tmp_path: Path, attack: str) -> None:
    canary = Canary()

    html = outcome(lambda: lambda values: loaded(tmp_path, attack).render(values).html, canary)
    text = outcome(lambda: lambda values: loaded(tmp_path, "<p>x</p>", mail__txt=attack).render(values).text, canary)
    subject = outcome(lambda: compile_subject(attack).render, canary)

    assert canary.touched == []
    assert Reader(html).harm == []
    for result in (html, text, subject):
        assert not result.startswith("T2")
        assert SECRET not in result and "root:" not in result and len(result) < 300_000
