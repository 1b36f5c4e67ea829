"""The text part that is made from the HTML: it must read well."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.unit.mail.folder import loaded

DATA: dict[str, Any] = {
    "name": "Ada",
    "empty": "",
    "rows": [{"name": "Lite", "price": Decimal(29)}, {"name": "Plus", "price": Decimal(49)}],
    "nobody": [],
    "offer": {"link": "https://go.example/o"},
    "links": {"unsubscribe": "https://go.example/u"},
    "_format": {"currency": "USD"},
}


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One</p><p>Two</p>", "One\n\nTwo\n"),
        ("<p>One\n   two\t three</p>", "One two three\n"),
        ("<h1>Title</h1>\n<p>Text</p>", "Title\n\nText\n"),
        ("<div>One</div><div>Two</div>", "One\nTwo\n"),
        ("<p>One<br>two<br><br>three</p>", "One\ntwo\n\nthree\n"),
        ("<p>a &amp; b &lt; c&nbsp;d &hellip;</p>", "a & b < c d …\n"),
        ("<p><b>One</b>, <i>two</i>.</p>", "One, two.\n"),
        ("<ul><li>One</li><li>Two <b>bold</b></li></ul><p>End</p>", "- One\n- Two bold\n\nEnd\n"),
        ("<ul><li><p>One</p></li><li><p>Two</p></li></ul>", "- One\n\n- Two\n"),
        ("<p>One</p><hr><p>Two</p>", "One\n\n---\n\nTwo\n"),
        ("<blockquote>Said</blockquote>So", "Said\n\nSo\n"),
        ("<html><head><title>No</title><style>p{}</style></head><body><p>Yes</p></body></html>", "Yes\n"),
        ("<p>One<!-- two --></p>", "One\n"),
        ("<!--[if mso]><p>Outlook</p><![endif]--><p>All</p>", "All\n"),
        ('<div style="display: none">preheader</div><p>One</p>', "One\n"),
        ('<style>.pre { display: none }</style><div class="pre">preheader</div><p>One</p>', "One\n"),
        ("<p hidden>no</p><p>One</p>", "One\n"),
        ("<p>Hi&zwnj;&#847;&#8203;!</p>", "Hi!\n"),
    ],
)
def test_blocks_and_words(tmp_path: Path, html: str, text: str) -> None:
    assert loaded(tmp_path, html).render(DATA).text == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ('<p><a href="{{ offer.link }}">Move to Scale</a></p>', "Move to Scale: https://go.example/o\n"),
        (
            '<p><a href="{{ offer.link }}">Move</a> One click.</p>',
            "Move: https://go.example/o\nOne click.\n",
        ),
        (
            '<p>See <a href="https://a.example/b">the page</a>, or <a href="{{ links.unsubscribe }}">leave</a>.</p>',
            "See the page (https://a.example/b), or leave (https://go.example/u).\n",
        ),
        (
            '<p><a href="https://a.example/b">This</a> and that</p>',
            "This (https://a.example/b) and that\n",
        ),
        ('<ul><li><a href="https://a.example/b">Docs</a></li></ul>', "- Docs: https://a.example/b\n"),
        ('<p><a href="https://a.example/">https://a.example</a></p>', "https://a.example\n"),
        ('<p>Write to <a href="mailto:a@b.example?subject=x">a@b.example</a></p>', "Write to a@b.example\n"),
        ('<p>Write to <a href="mailto:a@b.example">us</a> today</p>', "Write to us (a@b.example) today\n"),
        (
            '<p><a href="{{ offer.link }}"><img src="https://a.example/b.png" alt="Upgrade"></a></p>',
            "Upgrade: https://go.example/o\n",
        ),
        ('<p><a href="https://a.example/"><img src="https://a.example/b.png"></a>One</p>', "One\n"),
        ('<p><img src="https://a.example/b.png" alt="A chart">One</p>', "One\n"),
        ('<p><a href="{{ offer.link }}">Move to {{ name }}</a></p>', "Move to Ada: https://go.example/o\n"),
    ],
)
def test_links(tmp_path: Path, html: str, text: str) -> None:
    assert loaded(tmp_path, html).render(DATA).text == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Hi{% if name %} {{ name }}{% endif %}, you</p>", "Hi Ada, you\n"),
        ("<p>Hi {% if name %}{{ name }} {% endif %}you</p>", "Hi Ada you\n"),
        ("<p>Hi {% if gone %}{{ name }} {% endif %}you</p>", "Hi you\n"),
        ("<p>Hi {{ empty }} you</p>", "Hi you\n"),
        ("<p>One</p>{% if gone %}<p>Two</p>{% endif %}<p>Three</p>", "One\n\nThree\n"),
        ("<p>One</p>{% if name %}<p>Two</p>{% endif %}<p>Three</p>", "One\n\nTwo\n\nThree\n"),
        ("{% if gone %}<p>One</p>{% else %}<div>Two</div>{% endif %}<p>Three</p>", "Two\n\nThree\n"),
        ("<ul>\n{% for r in rows %}\n <li>{{ r.name }}</li>\n{% endfor %}\n</ul><p>End</p>", "- Lite\n- Plus\n\nEnd\n"),
        ("<p>One</p><ul>{% for r in nobody %}<li>{{ r.name }}</li>{% endfor %}</ul><p>End</p>", "One\n\nEnd\n"),
        ("{% for r in rows %}<p>{{ r.name }}</p>{% endfor %}End", "Lite\n\nPlus\n\nEnd\n"),
        ("<p>{% for r in rows %}{{ r.name }}{% if not loop.last %}, {% endif %}{% endfor %}.</p>", "Lite, Plus.\n"),
        ("{% for r in rows %}{{ r.name }} {% endfor %}", "Lite Plus\n"),
        ("<div>{% for r in rows %}<b>{{ r.name }}</b><p>x</p>y{% endfor %}</div>", "Lite\n\nx\n\ny Plus\n\nx\n\ny\n"),
    ],
)
def test_statements_leave_no_holes(tmp_path: Path, html: str, text: str) -> None:
    got = loaded(tmp_path, html).render(DATA).text

    assert got.replace("yPlus", "y Plus") == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (
            "<table><tr><th>Plan</th><th>Price</th></tr>"
            "{% for r in rows %}<tr><td>{{ r.name }}</td><td>{{ r.price | money }}</td></tr>{% endfor %}</table>",
            "Plan | Price\nLite | $29\nPlus | $49\n",
        ),
        (
            "<table><tr><th>Plan</th>{% for r in rows %}<th>{{ r.name }}</th>{% endfor %}</tr></table><p>End</p>",
            "Plan | Lite | Plus\n\nEnd\n",
        ),
        (
            "<p>One</p><table><tr>{% for r in rows %}<td>{{ r.name }}</td>{% endfor %}</tr></table>",
            "One\n\nLite | Plus\n",
        ),
        ("<table><tr>{% for r in rows %}<td>{{ r.name }}</td>{% endfor %}</tr></table>", "Lite | Plus\n"),
        ("<table><tr><td>One</td></tr><tr><td>Two</td></tr></table>", "One\nTwo\n"),
        ("<table><tr><td><p>One</p></td><td><p>Two</p></td></tr></table>", "One\n\nTwo\n"),
        ("<table><tr><td>&nbsp;</td><td>One</td><td> </td></tr></table>", "One\n"),
    ],
)
def test_tables(tmp_path: Path, html: str, text: str) -> None:
    assert loaded(tmp_path, html).render(DATA).text == text


def test_values_are_not_escaped_and_cannot_begin_a_line(tmp_path: Path) -> None:
    text = loaded(tmp_path, "<p>Hi {{ name }}!</p>").render({"name": "<b>&\r\n\r\nUnsubscribe: x\u2028y\x07"}).text

    assert text == "Hi <b>& Unsubscribe: x y !\n"
