"""The HTML of a mail: where marks may stand, which tags, attributes, addresses and styles it may have."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.mail.folder import codes, loaded, refused

ROWS = {"rows": [{"a": "1"}, {"a": "2"}], "v": "x", "offer": {"link": "https://go.example/o"}}


@pytest.mark.parametrize(
    ("html", "within"),
    [
        ("<p>a < b &amp; c > d</p>", "<p>a &lt; b &amp; c &gt; d</p>"),
        ('<p title="{{ v }}">y</p>', '<p title="x">y</p>'),
        ("<p title='{{ v }}'>y</p>", '<p title="x">y</p>'),
        ("<p class={{ v }}>y</p>", '<p class="x">y</p>'),
        ("<P CLASS=Big>y</P>", '<p class="Big">y</p>'),
        ("<title>{{ v }}</title>", "<title>x</title>"),
        ("{% if v %}<p>{{ v }}</p>{% else %}<b>no</b>{% endif %}", "<body><p>x</p></body>"),
        (
            "<table>{% for r in rows %}<tr><td>{{ r.a }}</td></tr>{% endfor %}</table>",
            "<tr><td>1</td></tr><tr><td>2</td></tr>",
        ),
        ("<table><tr>{% for r in rows %}<td>{{ r.a }}</td>{% endfor %}</tr></table>", "<tr><td>1</td><td>2</td></tr>"),
        (
            "<table><thead><tr><th>h</th></tr></thead><tbody>{% for r in rows %}<tr></tr>{% endfor %}</tbody></table>",
            "<tr></tr><tr></tr>",
        ),
        ("<!--[if mso]><i>{{ v }}</i><![endif]-->", "<!--[if mso]><i>x</i><![endif]-->"),
        ("<!--[if !mso]><!--><i>{{ v }}</i><!--<![endif]-->", "<!--[if !mso]><!--><i>x</i><!--<![endif]-->"),
        (
            '<!--[if mso]><v:rect href="{{ offer.link }}"><w:anchorlock/></v:rect><![endif]-->',
            '<v:rect href="https://go.example/o"><w:anchorlock/></v:rect>',
        ),
        ("<p>{% raw %}{{ v }} {# {%x{% endraw %}</p>", "<p>{{ v }} {# {%x</p>"),
        ("<p>&#123;{ v }} {&#37; if</p>", "<p>{{ v }} {% if</p>"),
        ("<p>nudge0xn0z {{ v }}</p>", "<p>nudge0xn0z x</p>"),
        ('<img src="https://cdn.example/a.png" alt="{{ v }}">', '<img src="https://cdn.example/a.png" alt="x">'),
        ('<a href="https://a.example/?b=1&amp;c=2">y</a>', 'href="https://a.example/?b=1&amp;c=2"'),
        ('<a href=" mailto:help@a.example ">y</a>', "mailto:help@a.example"),
        ('<a href="{{ offer.link }}">y</a>', '<a href="https://go.example/o">'),
        ("<a href='{{ offer[\"link\"] }}'>y</a>", '<a href="https://go.example/o">'),
    ],
)
def test_these_are_mails(tmp_path: Path, html: str, within: str) -> None:
    assert within in loaded(tmp_path, html).render(ROWS).html


@pytest.mark.parametrize(
    ("html", "code", "line", "column"),
    [
        ("\n<p {% if v %}class='x'{% endif %}>y</p>", "T215", 2, 4),
        ("<p title='{% if v %}x{% endif %}'>y</p>", "T215", 1, 11),
        ("<p {{ v }}>y</p>", "T215", 1, 4),
        ("<p {{ v }}='x'>y</p>", "T215", 1, 4),
        ("<{{ v }}>y</{{ v }}>", "T215", 1, 2),
        ("<!-- {{ v }} -->", "T215", 1, 1),
        ("<!-- {% if v %} --> x <!-- {% endif %} -->", "T215", 1, 1),
        ("<!--[if mso]>{% if v %}<b></b>{% endif %}<![endif]-->", "T215", 1, 1),
        ("<title>{% if v %}x{% endif %}</title>", "T215", 1, 0),
        ("<!DOCTYPE {{ v }}>", "T215", 1, 11),
        ("&#110;udge0xn0z", "T215", 1, 1),
        ("<p>a", "T216", 1, 1),
        ("a</p>", "T216", 1, 2),
        ("<b><i>x</b></i>", "T216", 1, 8),
        ("{% if v %}<b>{% endif %}</b>", "T216", 1, 11),
        ("<b>{% if v %}</b>{% endif %}", "T216", 1, 1),
        ("{% if v %}<b>{% else %}</b>{% endif %}", "T216", 1, 11),
        ("{% for r in rows %}<tr>{% endfor %}", "T216", 1, 20),
        ("<p>{% if v %}<ul><li>x</li></ul>{% endif %}</p>", "T216", 1, 0),
        ("<p a='x'b='y'>z</p>", "T216", 1, 9),
        ("<p a='x>z</p>", "T216", 1, 5),
        ("<p a=x", "T216", 1, 7),
        ("<a/href=x>y</a>", "T216", 1, 3),
        ("<style>p{}", "T216", 1, 1),
        ("<!-- x", "T216", 1, 1),
        ("<!-- x --!> y -->", "T216", 1, 1),
        ("<!--> x -->", "T216", 1, 1),
        ("<!--[if mso]> <b></b>", "T216", 1, 1),
        ("<div>" * 101 + "</div>" * 101, "T216", 1, 501),
        ("<script>x</script>", "T217", 1, 1),
        ("<SCRIPT>x</SCRIPT>", "T217", 1, 1),
        ("<iframe></iframe>", "T217", 1, 1),
        ("<form></form>", "T217", 1, 1),
        ("<object></object>", "T217", 1, 1),
        ("<base href='https://a.example/'>", "T217", 1, 1),
        ("<link rel='stylesheet' href='https://a.example/a.css'>", "T217", 1, 1),
        ("<svg></svg>", "T217", 1, 1),
        ("<blink></blink>", "T217", 1, 1),
        ("<?xml version='1.0'?>", "T217", 1, 1),
        ("<![CDATA[x]]>", "T217", 1, 1),
        ("<!--[if mso]><script></script><![endif]-->", "T217", 1, 14),
        ("<p onclick='x'>y</p>", "T218", 1, 4),
        ("<p ONCLICK='x'>y</p>", "T218", 1, 4),
        ("<p id='a' id='b'>y</p>", "T218", 1, 4),
        ("<img srcset='https://a.example/b 2x'>", "T218", 1, 6),
        ("<meta http-equiv='refresh' content='0'>", "T218", 1, 7),
        ("<p $x='y'>z</p>", "T218", 1, 4),
        ("<a href='http://a.example/'>x</a>", "T219", 1, 4),
        ("<a href='javascript:x'>x</a>", "T219", 1, 4),
        ("<a href='java&#10;script:x'>x</a>", "T219", 1, 4),
        ("<a href='&#106;avascript:x'>x</a>", "T219", 1, 4),
        ("<a href='data:text/html,x'>x</a>", "T219", 1, 4),
        ("<a href='//a.example/'>x</a>", "T219", 1, 4),
        ("<a href='/a'>x</a>", "T219", 1, 4),
        ("<a href='#a'>x</a>", "T219", 1, 4),
        ("<a href=''>x</a>", "T219", 1, 4),
        ("<a href>x</a>", "T219", 1, 4),
        ("<a href='https://a b/'>x</a>", "T219", 1, 4),
        ("<a href='https://user@a.example/'>x</a>", "T219", 1, 4),
        ("<img src='mailto:a@b.example'>", "T219", 1, 6),
        ("<td background='http://a.example/b'></td>", "T219", 1, 5),
        ("<a href='{{ v }}'>x</a>", "T219", 1, 13),
        ("<a href='{{ offer.link }}?x=1'>x</a>", "T219", 1, 10),
        ("<a href='https://a.example/{{ v }}'>x</a>", "T219", 1, 28),
        ("<a href='{{ offer.link | lower }}'>x</a>", "T219", 1, 10),
        ("<a href='{{ offer.url }}'>x</a>", "T219", 1, 13),
        ("<a href='{{ links }}'>x</a>", "T219", 1, 13),
        ("<a href='{{ offer.link if v else v }}'>x</a>", "T219", 1, 10),
        ("<p style='color:{{ v }}'>x</p>", "T220", 1, 17),
        ("<style>p{color:{{ v }}}</style>", "T220", 1, 16),
        ("<style>{% if v %}p{}{% endif %}</style>", "T220", 1, 0),
        ("<style>@import url(https://a.example/a.css);</style>", "T220", 1, 8),
        ("<style>p{background:url(http://a.example/b)}</style>", "T220", 1, 21),
        ("<p style='background:url(javascript:x)'>y</p>", "T220", 1, 26),
        ("<p style='background:u\\72 l(http://a.example)'>y</p>", "T220", 1, 1),
        ("<p style='width:expr/**/ession(alert(1))'>y</p>", "T220", 1, 1),
        ("<p style='behavior:x'>y</p>", "T220", 1, 11),
        ("<style>" + "".join(f"p{{--a{n}:1}}" for n in range(301)) + "</style>", "T203", 1, 1),
        ("<i></i>" * 5001, "T203", 1, 35001),
    ],
)
def test_these_are_not(tmp_path: Path, html: str, code: str, line: int, column: int) -> None:
    first = refused(tmp_path, html)[0]

    assert (first.code, first.line, first.column) == (code, line, column), first
    assert first.path == "templates/mail.html.j2"


def test_one_slip_is_one_problem(tmp_path: Path) -> None:
    assert codes(refused(tmp_path, "<div><p>a</div><b>c</b>")) == ["T216"]


def test_all_findings_come_together(tmp_path: Path) -> None:
    html = "<p onclick='x'>a</p>\n<a href='http://b'>c</a>\n<script></script>"

    assert [(p.code, p.line) for p in refused(tmp_path, html)] == [("T218", 1), ("T219", 2), ("T217", 3)]


def test_the_line_is_that_of_the_file_that_holds_it(tmp_path: Path) -> None:
    child = "{% extends 'base.html.j2' %}\n{% block body %}\n\n<p onclick='x'>y</p>\n{% endblock %}"
    first = refused(tmp_path, child, base__html="<div>\n{% block body %}{% endblock %}</div>")[0]

    assert (first.path, first.line) == ("templates/mail.html.j2", 4)


def test_styles_move_into_the_tags_and_dark_mode_stays(tmp_path: Path) -> None:
    html = (
        "<html><head><style>p { color: red } a:hover { color: blue }\n"
        "@media (prefers-color-scheme: dark) { p { color: white !important } }</style></head>"
        "<body>{% if v %}<p style='margin: 0'>{{ v }}</p>{% endif %}</body></html>"
    )
    out = loaded(tmp_path, html).render(ROWS).html

    assert '<p style="color: red;margin: 0">x</p>' in out
    assert "@media (prefers-color-scheme: dark) { p { color: white !important } }" in out
    assert "a:hover" in out and "p { color: red }" not in out


def test_nothing_is_fetched_for_styles(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("p { color: red }")

    assert codes(refused(tmp_path, f"<link rel=stylesheet href='{tmp_path}/a.css'><p>x</p>")) == ["T217", "T219"]
