"""Values written to do harm: whatever a customer's record holds, a mail keeps its tags, attributes and addresses."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from nudger.mail.problems import RenderError
from nudger.mail.templates import Template, TemplateSet, compile_subject
from tests.unit.mail.folder import folder

NAMES = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}
LINES = (Path(__file__).parent / "values.txt").read_text().splitlines()
VALUES = [
    re.sub(r"\\(?:u([0-9a-f]{4})|([nrt0]))", lambda m: chr(int(m[1], 16)) if m[1] else NAMES[m[2]], line)
    for line in LINES
    if line and not line.startswith("# ")
]
TEMPLATE = """<html><head><title>{{ v }}</title><style>p { color: red }</style></head><body>
<!--[if mso]><p title="{{ v }}">{{ v }}</p><![endif]-->
<p title="{{ v }}" class='{{ v }}'>Hi {{ v }}{{ v }}, <b>{{ v | upper }}</b> {{ v | default("x") }}</p>
{% for row in rows %}<td class={{ row.v }}>{{ row.v }}</td>{% endfor %}
{% if v %}<a href="{{ offer.link }}" title="{{ v }}">{{ v }}</a>{% endif %}
<img src="https://cdn.example/a.png" alt="{{ v }}">{{ rows_of_v | join(v0) }}
</body></html>""".replace("<td class={{ row.v }}>{{ row.v }}</td>", "<i class={{ row.v }}>{{ row.v }}</i>").replace(
    "{{ rows_of_v | join(v0) }}", "{{ list | join }}"
)


class Skeleton(HTMLParser):
    """Everything of a mail but its text and the values of harmless attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.parts: list[Any] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        shown = ("href", "src", "style")
        self.parts.append((tag, tuple((name, value if name in shown else "") for name, value in attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.parts.append(f"/{tag}")

    def handle_comment(self, data: str) -> None:
        inside = data.removeprefix("[if mso]>").removesuffix("<![endif]")
        self.parts.append(("comment", Skeleton(inside).parts if inside != data else ""))


def data(value: str) -> dict[str, Any]:
    return {"v": value, "rows": [{"v": value}], "list": [value], "offer": {"link": "https://go.example/o"}}


@pytest.fixture(scope="module")
def mail(tmp_path_factory: pytest.TempPathFactory) -> Template:
    templates: TemplateSet = folder(tmp_path_factory.mktemp("values"), {"mail.html.j2": TEMPLATE})
    return templates.html("mail")


def test_there_are_enough() -> None:
    assert len(set(VALUES)) >= 100


@pytest.mark.parametrize("value", VALUES)
def test_a_value_adds_no_tag_attribute_or_address(mail: Template, value: str) -> None:
    assert Skeleton(mail.render(data(value)).html).parts == Skeleton(mail.render(data("Ada")).html).parts


@pytest.mark.parametrize("value", VALUES)
def test_a_value_adds_no_line_to_the_text(mail: Template, value: str) -> None:
    text = mail.render(data(value)).text

    assert text.count("\n") == mail.render(data("Ada")).text.count("\n")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]", text)


@pytest.mark.parametrize("value", VALUES)
def test_a_value_in_an_address_fails_the_mail(mail: Template, value: str) -> None:
    with pytest.raises(RenderError, match="must be an https:// address"):
        mail.render({**data("Ada"), "offer": {"link": value}})


@pytest.mark.parametrize("value", VALUES)
def test_a_subject_is_one_line_whatever_it_holds(value: str) -> None:
    subject = compile_subject("For {{ v }}").render({"v": value[:150]})

    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", subject)
