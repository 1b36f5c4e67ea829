"""What a template may consist of, and how the rest is refused: code, line, column and advice."""

from __future__ import annotations

import pytest

from nudger.errors import Problem
from nudger.mail.allow import parse
from nudger.mail.problems import EXPLANATIONS, Source


def problems(text: str) -> list[Problem]:
    return parse(Source("templates/t.html.j2", text))[1]


@pytest.mark.parametrize(
    "text",
    [
        "plain text",
        "{{ bill }}",
        "{{ plan.name }}",
        '{{ plan["name"] }}',
        "{{ rows[0].name }}",
        "{{ rows.0.name }}",
        "{{ bill | money }}",
        "{{ name | default('there') | upper }}",
        "{{ name | default(other.name) }}",
        "{{ 5 | number(2) }}{{ -5 | number }}",
        "{{ n | plural('seat', 'seats') }}",
        "{{ plan.features | join(' / ') }}",
        "{% if a > 3 and not b or c == 'x' %}x{% elif d %}y{% else %}z{% endif %}",
        "{% if 1 < a <= 3 %}x{% endif %}",
        "{% if 'crm' in plan.features %}x{% endif %}{% if a not in ['x', 'y', 3] %}x{% endif %}",
        "{% if a is defined %}x{% endif %}{% if a.b is not defined %}x{% endif %}",
        "{% for row in comparison %}{{ loop.index }}{{ loop.first }}{{ loop.last }}{{ row.name }}{% endfor %}",
        "{% for row in comparison | default([]) %}{{ row.name }}{% endfor %}",
        "{{ 'new' if row.first else '' }}",
        "{% extends 'base.html.j2' %}{% block body %}x{% endblock %}",
        "{% include 'footer.html.j2' %}",
        "{% raw %}{{ x() }}{% endraw %}",
        "{# {{ x() }} #}",
        "{%- if a -%} x {%- endif -%}",
    ],
)
def test_these_are_templates(text: str) -> None:
    assert problems(text) == []


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("a\n {{ x", "T204", 2, 2),
        ("{% if a %}", "T204", 1, 1),
        ("x\n{% foo %}", "T204", 2, 1),
        ("{% endif %}", "T204", 1, 1),
        ("{{ a..b }}", "T204", 1, 1),
        ("{{ '\\ud800' }}", "T209", 1, 5),
        ("x {% set a = 1 %}", "T208", 1, 6),
        ("{% macro m() %}{% endmacro %}", "T208", 1, 4),
        ("{% call m() %}{% endcall %}", "T208", 1, 4),
        ("{% import 'a' as b %}", "T208", 1, 4),
        ("{% from 'a' import b %}", "T208", 1, 4),
        ("{% with %}{% endwith %}", "T208", 1, 4),
        ("{% filter upper %}x{% endfilter %}", "T208", 1, 4),
        ("{% autoescape false %}x{% endautoescape %}", "T208", 1, 4),
        ("{{ a() }}", "T209", 1, 5),
        ("{{ a.b('c') }}", "T209", 1, 7),
        ("{{ a + 1 }}", "T209", 1, 6),
        ("{{ a - 1 }}", "T209", 1, 6),
        ("{{ a * 9 }}", "T209", 1, 6),
        ("{{ a ** 9 }}", "T209", 1, 6),
        ("{{ a / 2 }}", "T209", 1, 6),
        ("{{ a // 2 }}", "T209", 1, 6),
        ("{{ a % 2 }}", "T209", 1, 6),
        ("{{ a ~ b }}", "T209", 1, 6),
        ("{{ -a }}", "T209", 1, 4),
        ("{{ {'a': 1} }}", "T209", 1, 1),
        ("{{ [a] }}", "T209", 1, 4),
        ("{{ a[b] }}", "T209", 1, 5),
        ("{{ a[1:2] }}", "T209", 1, 5),
        ("{{ (a | upper).b }}", "T209", 1, 0),
        ("{{ 'a'.b }}", "T209", 1, 0),
        ("{{ a if b }}", "T209", 1, 6),
        ("{{ none }}", "T209", 1, 0),
        ("{{ true }}", "T209", 1, 0),
        ("{% for offer in x %}{% endfor %}", "T210", 1, 4),
        ("{% for links in x %}{% endfor %}", "T210", 1, 4),
        ("{{ 9999999999999999 }}", "T209", 1, 0),
        ("{{ _format }}", "T210", 1, 4),
        ("{{ a.__class__ }}", "T210", 1, 6),
        ('{{ a["__class__"] }}', "T210", 1, 7),
        ("{{ self }}", "T210", 1, 4),
        ("{{ ﬁnd }}", "T210", 1, 4),
        ("{{ a | mony }}", "T211", 1, 8),
        ("{{ a | safe }}", "T211", 1, 8),
        ("{{ a | attr('b') }}", "T211", 1, 8),
        ("{{ a | money(1) }}", "T212", 1, 8),
        ("{{ a | number('2') }}", "T212", 1, 8),
        ("{{ a | number(99) }}", "T212", 1, 8),
        ("{{ a | join(b) }}", "T212", 1, 8),
        ("{{ a | plural('x') }}", "T212", 1, 8),
        ("{{ a | default }}", "T212", 1, 8),
        ("{{ a | join(between='x') }}", "T212", 1, 8),
        ("{{ a is none }}", "T213", 1, 9),
        ("{{ a is divisibleby(2) }}", "T213", 1, 9),
        ("{{ 'x' is defined }}", "T213", 1, 11),
        ("{{ loop.index }}", "T214", 1, 4),
        ("{% for a in b %}{{ loop }}{% endfor %}", "T214", 1, 20),
        ("{% for a in b %}{{ loop.previtem }}{% endfor %}", "T214", 1, 20),
        ("{% for a in b recursive %}{% endfor %}", "T214", 1, 15),
        ("{% for a in b if a %}{% endfor %}", "T214", 1, 15),
        ("{% for a in b %}{% else %}x{% endfor %}", "T214", 1, 4),
        ("{% for a, b in c %}{% endfor %}", "T214", 1, 4),
        ("{% for a in [1, 2] %}{% endfor %}", "T214", 1, 10),
        ("{% for a in range(9) %}{% endfor %}", "T214", 1, 10),
        ("{% for a in x %}" * 5 + "{% endfor %}" * 5, "T214", 1, 4),
        ("{% extends base %}", "T207", 1, 4),
        ("{% include base %}", "T207", 1, 4),
        ("{% include ['a', 'b'] %}", "T207", 1, 4),
        ("{% include 'a' ignore missing %}", "T207", 1, 4),
        ("{% include 'a' without context %}", "T207", 1, 4),
        ("{% block a required %}{% endblock %}", "T207", 1, 12),
        ("{% if a %}" * 21 + "{% endif %}" * 21, "T205", 1, 1),
        ("{{ a" + " | upper" * 21 + " }}", "T205", 1, 1),
        ("{{ a" + ".b" * 21 + " }}", "T205", 1, 4),
        ("{{ " + "not " * 21 + "a }}", "T205", 1, 1),
    ],
)
def test_these_are_not(text: str, code: str, line: int, column: int) -> None:
    first = problems(text)[0]

    assert (first.code, first.line, first.column) == (code, line, column)
    assert first.path == "templates/t.html.j2"
    assert first.message and first.code in EXPLANATIONS


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("{{ a | mony }}", "did you mean 'money'?"),
        ("{{ a is define }}", "did you mean 'defined'?"),
        ("{{ bill() }}", "filters do such work: {{ bill | money }}"),
        ("{{ a ~ b }}", "write the parts one after the other: {{ a }}{{ b }}"),
        ("{{ a + b }}", "calculations belong into the rule's let"),
        ("{{ a | safe }}", "values are always escaped; write HTML into the template, not into values"),
    ],
)
def test_advice_says_what_to_write_instead(text: str, hint: str) -> None:
    assert problems(text)[0].hint == hint


def test_the_excerpt_underlines_the_word() -> None:
    problem = problems("<p>\n  {{ bill | mony }}")[0]

    assert problem.source[problem.column - 1 :][: problem.length] == "mony"


def test_all_problems_of_a_file_come_together() -> None:
    found = problems("{{ a() }}\n{% set b = 1 %}\n{{ c | nope }}")

    assert [(problem.code, problem.line) for problem in found] == [("T209", 1), ("T208", 2), ("T211", 3)]


@pytest.mark.parametrize(
    "text",
    [
        "{{ " + "(" * 3000,
        "{{ " + "(" * 3000 + ")" * 3000 + " }}",
        "{{ " + "9" * 5000 + " }}",
        "{{ a }}" * 2001,
        "{{ " + "not " * 5000 + "a }}",
        "{{ " + "[" * 5000,
        "{{ a" + "[0]" * 5000 + " }}",
        "{{ a" + "|upper" * 5000 + " }}",
    ],
)
def test_no_file_can_make_the_parser_stumble(text: str) -> None:
    assert problems(text)[0].code in ("T203", "T204", "T205")
