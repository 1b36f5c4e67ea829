"""Rendering: what fails, how it is said, and what a subject may be."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from nudger.errors import DefinitionError, NudgerError
from nudger.mail.formats import Format
from nudger.mail.problems import RenderError
from nudger.mail.templates import compile_subject
from tests.unit.mail.folder import loaded

DATA: dict[str, Any] = {
    "name": "secret-value",
    "flag": True,
    "rows": [{"a": 1}, {}],
    "at": datetime(2026, 4, 14, tzinfo=UTC),
    "group": {"b": None},
    "offer": {"link": "javascript:alert(1)"},
    "long": "x" * 60_000,
    "many": [{"x": 1}] * 200,
}


@pytest.mark.parametrize(
    ("html", "message"),
    [
        ("a\n{{ gone }}", "templates/mail.html.j2:2: gone is missing"),
        ("{{ name }}{{ group.gone }}", "templates/mail.html.j2:1: group.gone is missing"),
        ("{{ group.b }}", "templates/mail.html.j2:1: group.b is missing"),
        ("{{ gone.a.b }}", "templates/mail.html.j2:1: gone.a.b is missing"),
        ("{{ name.a }}", "templates/mail.html.j2:1: name.a is missing"),
        ("{{ gone | money }}", "templates/mail.html.j2:1: gone is missing"),
        ("{% if gone > 3 %}x{% endif %}", "templates/mail.html.j2:1: gone is missing"),
        ("{% if gone == 3 %}x{% endif %}", "templates/mail.html.j2:1: gone is missing"),
        ("{% if 3 in gone %}x{% endif %}", "templates/mail.html.j2:1: gone is missing"),
        ("{% if name %}\n{% elif gone > 3 %}{% endif %}{% if gone < 1 %}{% endif %}", ":2: gone is missing"),
        ("\n\n{% for r in gone %}x{% endfor %}", "templates/mail.html.j2:3: gone is missing"),
        ("{% for r in rows %}\n{{ r.a }}{% endfor %}", "templates/mail.html.j2:2: r.a is missing"),
        ("{{ rows[9].a }}", "templates/mail.html.j2:1: entry 9 of a list is missing (rows.*.a)"),
        ("{{ name | money }}", "'money' needs a number, not a text (name)"),
        ("{{ flag }}", "yes or no cannot be shown; ask for it with {% if %} (flag)"),
        ("{{ at }}", "a time is shown with | date or | time (at)"),
        ("{{ rows }}", 'a list is shown with {% for %} or | join(", ") (rows)'),
        ("{{ group }}", "a group of values cannot be shown; name one of its parts with a dot (group)"),
        ("{{ at | date }}", "the mail's data has no _format with currency and zone (at)"),
        ("{% if name > 3 %}x{% endif %}", "values of two kinds cannot be compared (name)"),
        ("{% for r in name %}x{% endfor %}", "'for' needs a list, not a text (name)"),
        ("<a href='{{ offer.link }}'>x</a>", "a link must be an https:// address (offer.link)"),
        ("{{ long }}" * 5, "the result is larger than 256 kB"),
        ("{% for a in many %}{% for b in many %}{% endfor %}{% endfor %}", "go round more than 10,000 times (many)"),
        ("{% for a in many %}" + "x" * 2000 + "{% endfor %}", "the result is larger than 256 kB"),
    ],
)
def test_what_fails_is_said_without_the_values(tmp_path: Path, html: str, message: str) -> None:
    with pytest.raises(RenderError) as failure:
        loaded(tmp_path, html).render(DATA)

    assert message in str(failure.value)
    assert "secret-value" not in str(failure.value) and "javascript" not in str(failure.value)
    assert isinstance(failure.value, NudgerError)


def test_size_is_counted_in_bytes(tmp_path: Path) -> None:
    mail = loaded(tmp_path, "{{ a }}")

    assert len(mail.render({"a": "x" * 200_000}).html) > 200_000
    with pytest.raises(RenderError):
        mail.render({"a": "€" * 100_000})


def test_half_a_character_is_a_failed_render(tmp_path: Path) -> None:
    with pytest.raises(RenderError, match="lone surrogate"):
        loaded(tmp_path, "{{ a }}").render({"a": "\ud800"})


def test_missing_and_none_are_the_same_and_can_be_asked_for(tmp_path: Path) -> None:
    html = "{% if a is defined %}1{% endif %}{% if a %}2{% endif %}{% if not a.b %}3{% endif %}{{ a.b | default('4') }}"
    mail = loaded(tmp_path, html)

    assert mail.render({}).text == mail.render({"a": None}).text == mail.render({"a": {"b": None}}).text[-3:] == "34\n"


def test_numbers_are_shown_as_they_stand(tmp_path: Path) -> None:
    text = loaded(tmp_path, "{{ a }} {{ b }} {{ c }}").render({"a": 50000, "b": Decimal("1E+3"), "c": Decimal("0.10")})

    assert text.text == "50000 1000 0.10\n"


def test_loops_know_where_they_are(tmp_path: Path) -> None:
    shown = "{{ loop.index }}/{{ loop.length }}{% if loop.first %}f{% endif %}{{ loop.revindex }} "
    html = "{% for r in rows %}" + shown + "{% endfor %}"

    assert loaded(tmp_path, html).render({"rows": [1, 2]}).text == "1/2f2 2/21\n"


def test_a_format_may_be_a_dict(tmp_path: Path) -> None:
    mail = loaded(tmp_path, "{{ a | money }}")

    assert mail.render({"a": 5, "_format": {"currency": "EUR"}}).text == "€5\n"
    assert mail.render({"a": 5, "_format": Format("DKK")}).text == "DKK 5\n"
    with pytest.raises(RenderError, match="_format"):
        mail.render({"a": 5, "_format": {"currency": "<script>"}})


def test_rendering_leaves_the_data_alone(tmp_path: Path) -> None:
    data = {"rows": [{"a": 1}], "_format": {"currency": "USD"}}
    loaded(tmp_path, "{% for r in rows %}{{ r.a | money }}{% endfor %}").render(data)

    assert data == {"rows": [{"a": 1}], "_format": {"currency": "USD"}}


def test_the_same_data_gives_the_same_mail(tmp_path: Path) -> None:
    mail = loaded(tmp_path, "<style>p{a:b}</style><p>{{ name }}</p>")

    assert mail.render(DATA) == mail.render(dict(DATA))


# --- subjects ---


@pytest.mark.parametrize(
    ("source", "subject"),
    [
        ("Your bill is {{ bill | money }}", "Your bill is $175"),
        ("{{ name }} & <b>", "Ada & Co & <b>"),
        ("  a \n b\t c ", "a b c"),
        ("{{ dirty }}", "a Bcc: x y"),
        ("{% if bill > 3 %}yes{% else %}no{% endif %}", "yes"),
        ("e\u0301", "é"),
        ("a\u00a0b\u2028c\x85d\x1be", "a b c d e"),
    ],
)
def test_a_subject_is_one_clean_line(source: str, subject: str) -> None:
    data = {"bill": Decimal(175), "name": "Ada & Co", "dirty": "a\r\nBcc: x\x00\x0by", "_format": Format()}

    assert compile_subject(source).render(data) == subject


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ gone }}", "rules/a.yaml:7: gone is missing"),
        ("{{ long }}", "rules/a.yaml:7: the subject is longer than 200 characters"),
        (" {{ empty }} ", "rules/a.yaml:7: the subject is empty"),
    ],
)
def test_a_subject_that_cannot_be_sent(source: str, message: str) -> None:
    with pytest.raises(RenderError) as failure:
        compile_subject(source, "rules/a.yaml", 7, 3).render({"long": "x" * 201, "empty": "\n"})

    assert str(failure.value) == message


@pytest.mark.parametrize(
    ("source", "code", "line", "column"),
    [
        ("Hi {{ a() }}", "T209", 7, 24),
        ("Hi\n{{ a() }}", "T209", 8, 5),
        ("{{ a", "T204", 7, 17),
        ("{% block a %}{% endblock %}", "T208", 7, 17),
        ("{% include 'a.txt.j2' %}", "T208", 7, 17),
        ("x" * 2001, "T203", 0, 0),
    ],
)
def test_a_subject_that_is_no_template(source: str, code: str, line: int, column: int) -> None:
    with pytest.raises(DefinitionError) as refusal:
        compile_subject(source, "rules/a.yaml", 7, 17)

    problem = refusal.value.problems[0]
    assert (problem.code, problem.path, problem.line, problem.column) == (code, "rules/a.yaml", line, column)
