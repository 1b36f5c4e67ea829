"""Whatever is put together from the pieces of templates: it is refused with problems, or its mails keep their shape."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from nudger.errors import DefinitionError
from nudger.mail.problems import RenderError
from nudger.mail.templates import Template
from tests.unit.mail.folder import codes, loaded, refused
from tests.unit.mail.test_values import Skeleton

ATOMS = """<p>¦</p>¦<b>¦</b>¦<a href="{{ offer.link }}">¦</a>¦<table>¦</table>¦<tr>¦</tr>¦<td>¦</td>¦<ul>¦<li>¦</li>
</ul>¦<div class="a">¦</div>¦<br>¦<img src="https://x.example/z" alt="{{ v }}">¦{{ v }}¦{{ v | upper }}
{% if v %}¦{% else %}¦{% endif %}¦{% for r in rows %}¦{% endfor %}¦{{ r.x }}¦text¦&lt;script&gt;¦&#123;{ v }}
<!-- c -->¦<!--[if mso]>¦<![endif]-->¦<!--[if !mso]><!-->¦<!--<![endif]-->
<style>p{color:red}a:hover{b:c}</style>¦<title>¦</title>¦<html>¦</html>¦<span title="{{ v }}" id='q'>¦</span>
<body>¦</body>¦<font color="{{ v }}">¦</font>¦{% raw %}{{ z }}{% endraw %}¦{# c #}
<v:rect href="{{ offer.link }}"/>¦<p style="color:blue">¦&nbsp;¦nudge0xn0z¦&#110;udge0xn0z¦<!--nudge0xn0z-->
<hr>¦"¦'¦<¦{{ v if v else "q" }}¦<td {% if v %}a{% endif %}>¦<{{ v }}>¦{% block a %}¦{% endblock %}¦-->¦{{¦}}
%}""".replace("\n", "¦")
EVIL = "\"'></p></title></style>--><![endif]--><script>alert(1)</script> onclick=x {{ 7 }} javascript:x\n\x00"

atom = some.sampled_from(ATOMS.split("¦"))
balanced = some.recursive(
    some.sampled_from(["{{ v }}", "text ", "&amp;", "<br>", "\n", "<!--[if mso]><i>{{ v }}</i><![endif]-->"]),
    lambda inner: some.tuples(
        some.sampled_from(
            [
                ("<p>", "</p>"),
                ("<b>", "</b>"),
                ("<ul><li>", "</li></ul>"),
                ("<table><tr><td>", "</td></tr></table>"),
                ("<table>{% for r in rows %}<tr><td title='{{ r.x }}'>", "</td></tr>{% endfor %}</table>"),
                ('<a href="{{ offer.link }}">', "</a>"),
                ("{% if v %}", "{% endif %}"),
                ("{% if gone %}x{% else %}", "{% endif %}"),
                ("{% for r in rows %}", "{% endfor %}"),
                ("<div style='display:none'>", "</div>"),
            ]
        ),
        some.lists(inner, max_size=3),
    ).map(lambda made: made[0][0] + "".join(made[1]) + made[0][1]),
    max_leaves=12,
)


def data(value: str) -> dict[str, Any]:
    return {"v": value, "rows": [{"x": value}, {"x": value}], "offer": {"link": "https://go.example/o"}}


def made(html: str) -> Template | None:
    with tempfile.TemporaryDirectory() as root:
        try:
            return loaded(Path(root), html)
        except DefinitionError as refusal:
            assert refusal.problems  # noqa: PT017
            return None


def keeps_its_shape(html: str) -> None:
    mail = made(html)
    if mail is None:
        return
    try:
        plain, evil = mail.render(data("Ada")), mail.render(data(EVIL))
    except RenderError:
        return
    assert Skeleton(plain.html).parts == Skeleton(evil.html).parts
    assert plain.text.count("\n") == evil.text.count("\n")
    assert "  " not in plain.text and "\n\n\n" not in plain.text and "\x1f" not in plain.text


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(some.lists(atom, max_size=12).map("".join))
def test_any_pieces(html: str) -> None:
    keeps_its_shape(html)


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(some.lists(balanced, min_size=1, max_size=4).map("".join))
def test_any_whole_tags(html: str) -> None:
    keeps_its_shape(html)


@pytest.mark.parametrize(
    "piece",
    [
        "<!--",
        "<!--[if a]>",
        "<a",
        "<a ",
        '<a b="',
        "</",
        "<div>",
        "</p>",
        "{% if a %}",
        "{{ a.",
        "<style>",
        "<i></i>",
        "&#",
    ],
)
def test_no_repetition_stops_the_reader(tmp_path: Path, piece: str) -> None:
    """Up to the largest file; the forgiving parser of the standard library needs minutes for some of these."""
    assert codes(refused(tmp_path, piece * (255_000 // len(piece))))[0] in ("T203", "T204", "T215", "T216", "T217")
