"""Which names a template reads, and which of them it can do without."""

from __future__ import annotations

from pathlib import Path

import pytest

from nudger.mail.templates import compile_subject
from tests.unit.mail.folder import loaded


def reads(root: Path, html: str, **more: str) -> list[tuple[str, bool]]:
    return [(".".join(use.path), use.optional) for use in loaded(root, html, **more).uses]


@pytest.mark.parametrize(
    ("html", "uses"),
    [
        ("{{ a }}", [("a", False)]),
        ("{{ a.b.c | money }}", [("a.b.c", False)]),
        ('{{ a["b"] }}{{ a.b }}', [("a.b", False), ("a.b", False)]),
        ("{{ rows[0].a }}", [("rows.*.a", False)]),
        ("{{ a | default(b) }}", [("a", True), ("b", False)]),
        ("{{ a | upper | default('x') }}", [("a", False)]),
        ("{% if a is defined %}{{ a }}{% else %}{{ a }}{% endif %}", [("a", True), ("a", True), ("a", False)]),
        ("{% if a is not defined %}{{ a }}{% else %}{{ a }}{% endif %}", [("a", True), ("a", False), ("a", True)]),
        ("{% if not a %}{{ a }}{% else %}{{ a }}{% endif %}", [("a", True), ("a", False), ("a", True)]),
        ("{% if a %}{{ a.b }}{{ c }}{% endif %}", [("a", True), ("a.b", True), ("c", False)]),
        ("{% if a.b %}{{ a.b }}{{ a.c }}{% endif %}", [("a.b", True), ("a.b", True), ("a.c", False)]),
        ("{% if a and a > 3 %}{{ a }}{% endif %}", [("a", True)] * 3),
        ("{% if a or b %}{{ a }}{% endif %}", [("a", True), ("b", True), ("a", False)]),
        ("{% if not a or a > 3 %}x{% endif %}", [("a", True), ("a", True)]),
        ("{% if a > 3 %}x{% elif b %}{{ b }}{% endif %}", [("a", False), ("b", True), ("b", True)]),
        ("{% if not a %}x{% elif a > 3 %}y{% endif %}", [("a", True), ("a", True)]),
        ("{{ a if a else b }}", [("a", True), ("a", True), ("b", False)]),
        ("{{ a or b }}", [("a", True), ("b", False)]),
        (
            "{% for row in comparison %}{{ row.plan.name }}{{ row }}{{ loop.index }}{% endfor %}",
            [("comparison", False), ("comparison.*.plan.name", False), ("comparison.*", False)],
        ),
        (
            "{% for a in x.y %}{% for b in a.z %}{{ b.c }}{{ a.d }}{% endfor %}{% endfor %}{{ a }}",
            [("x.y", False), ("x.y.*.z", False), ("x.y.*.z.*.c", False), ("x.y.*.d", False), ("a", False)],
        ),
        (
            "{% if rows %}{% for r in rows %}{{ r.a }}{% endfor %}{% endif %}",
            [("rows", True), ("rows", True), ("rows.*.a", True)],
        ),
        ("{% for r in rows | default([]) %}{{ r.a }}{% endfor %}", [("rows", True), ("rows.*.a", False)]),
        ("{% block name %}{{ a }}{% endblock %}", [("a", False)]),
        ("<a href='{{ links.unsubscribe }}' title='{{ t }}'>x</a>", [("links.unsubscribe", False), ("t", False)]),
    ],
)
def test_reads(tmp_path: Path, html: str, uses: list[tuple[str, bool]]) -> None:
    assert reads(tmp_path, html) == list(dict.fromkeys(uses)) or reads(tmp_path, html) == uses


def test_the_text_files_reads_come_too(tmp_path: Path) -> None:
    assert reads(tmp_path, "{{ a }}", mail__txt="{{ a }}{{ b }}") == [("a", False), ("a", False), ("b", False)]


def test_each_read_has_its_place(tmp_path: Path) -> None:
    child = "{% extends 'base.html.j2' %}\n{% block body %}\n  {{ plan.name }} and {{ plan.price }}\n{% endblock %}"
    uses = loaded(tmp_path, child, base__html="<p>{{ person.name }}</p>\n{% block body %}{% endblock %}").uses

    assert [(use.path, use.file, use.line, use.column) for use in uses] == [
        (("person", "name"), "templates/base.html.j2", 1, 7),
        (("plan", "name"), "templates/mail.html.j2", 3, 6),
        (("plan", "price"), "templates/mail.html.j2", 3, 26),
    ]


def test_a_subjects_reads_are_placed_in_its_rule_file() -> None:
    uses = compile_subject("Hi {{ a }}\n {{ b.c }}", "rules/a.yaml", 12, 16).uses

    assert [(use.path, use.file, use.line, use.column) for use in uses] == [
        (("a",), "rules/a.yaml", 12, 22),
        (("b", "c"), "rules/a.yaml", 13, 5),
    ]
