"""Template files: how they are found, read, and joined."""

from __future__ import annotations

from pathlib import Path

import pytest

from nudger.errors import DefinitionError
from nudger.mail.templates import TemplateSet
from tests.unit.mail.folder import codes, folder, loaded, refused

BASE = "<html><body>{% block head %}<h1>Hello</h1>{% endblock %}{% block body %}{% endblock %}</body></html>"


def test_names_are_those_of_the_html_files_in_and_below_the_folder(tmp_path: Path) -> None:
    files = {"b.html.j2": "x", "a.html.j2": "x", "a.txt.j2": "x", "parts/foot.html.j2": "x", "notes.md": "x"}

    assert folder(tmp_path, files).names() == ["a", "b", "parts/foot"]


def test_a_template_is_loaded_once(tmp_path: Path) -> None:
    templates = folder(tmp_path, {"mail.html.j2": "<p>x</p>"})

    assert templates.html("mail") is templates.html("mail")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("mial", "did you mean 'mail'?"),
        ("zzz", "it would be templates/zzz.html.j2"),
        ("../mail", "did you mean 'mail'?"),
    ],
)
def test_a_template_that_is_not_there(tmp_path: Path, name: str, hint: str) -> None:
    with pytest.raises(DefinitionError) as refusal:
        folder(tmp_path, {"mail.html.j2": "x"}).html(name)

    problem = refusal.value.problems[0]
    assert (problem.code, problem.hint) == ("T201", hint)


@pytest.mark.parametrize(
    ("raw", "line", "words"),
    [
        (b"a\nb \xff c", 2, "UTF-8"),
        ("x".encode("utf-16"), 1, "UTF-8"),
        (b"a\n\x00b", 2, "control character"),
        (b"a\x1bb", 1, "control character"),
    ],
)
def test_a_file_that_is_no_text(tmp_path: Path, raw: bytes, line: int, words: str) -> None:
    with pytest.raises(DefinitionError) as refusal:
        folder(tmp_path, {"mail.html.j2": raw}).html("mail")

    problem = refusal.value.problems[0]
    assert (problem.code, problem.path, problem.line) == ("T202", "templates/mail.html.j2", line)
    assert words in problem.message


def test_byte_order_mark_and_carriage_returns_are_taken(tmp_path: Path) -> None:
    templates = folder(tmp_path, {"mail.html.j2": b"\xef\xbb\xbf<p>{% if a %}\r\nb\r{% endif %}</p>"})

    assert "<p>b\n</p>" in templates.html("mail").render({"a": True}).html


def test_a_file_over_256_kb_is_refused(tmp_path: Path) -> None:
    assert codes(refused(tmp_path, "x" * (256 * 1024 + 1))) == ["T203"]


def test_a_folder_or_a_link_out_of_the_folder_is_no_template(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "templates/odd.html.j2").mkdir(parents=True)
    (tmp_path / "templates/out.html.j2").symlink_to(tmp_path / "secret")

    for name in ("odd", "out"):
        with pytest.raises(DefinitionError) as refusal:
            TemplateSet(tmp_path / "templates").html(name)
        assert codes(refusal.value.problems) == ["T202"]


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../secret.html.j2", "..\\secret.html.j2", "a/../../secret.html.j2", ""]
)
def test_include_stays_inside_the_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.html.j2").write_text("secret")

    assert codes(refused(tmp_path, f"{{% include '{name}' %}}")) in (["T201"], ["T207"], ["T204"])


def test_blocks_of_the_child_replace_those_of_the_layout(tmp_path: Path) -> None:
    mail = loaded(
        tmp_path, "{% extends 'base.html.j2' %}\n{% block body %}<p>{{ a }}</p>{% endblock %}", base__html=BASE
    )

    assert "<h1>Hello</h1><p>1</p>" in mail.render({"a": 1}).html


def test_layouts_may_extend_layouts_and_blocks_may_hold_blocks(tmp_path: Path) -> None:
    middle = "{% extends 'base.html.j2' %}{% block body %}<p>{% block inner %}m{% endblock %}</p>{% endblock %}"
    mail = loaded(
        tmp_path, "{% extends 'mid.html.j2' %}{% block inner %}{{ a }}{% endblock %}", base__html=BASE, mid__html=middle
    )

    assert "<h1>Hello</h1><p>1</p>" in mail.render({"a": 1}).html


def test_a_block_inside_a_loop_knows_the_loops_name(tmp_path: Path) -> None:
    base = "<ul>{% for row in rows %}{% block item %}<li>{{ row.a }}</li>{% endblock %}{% endfor %}</ul>"
    child = "{% extends 'base.html.j2' %}{% block item %}<li>new {{ row.a }}</li>{% endblock %}"
    mail = loaded(tmp_path, child, base__html=base)

    assert "<ul><li>new 1</li><li>new 2</li></ul>" in mail.render({"rows": [{"a": 1}, {"a": 2}]}).html


def test_included_files_have_layouts_of_their_own(tmp_path: Path) -> None:
    mail = loaded(
        tmp_path,
        "{% block body %}{% include 'part.html.j2' %}{% endblock %}",
        part__html="{% extends 'frame.html.j2' %}{% block body %}<b>{{ a }}</b>{% endblock %}",
        frame__html="<p>{% block body %}{% endblock %}</p>",
    )

    assert "<p><b>1</b></p>" in mail.render({"a": 1}).html


@pytest.mark.parametrize(
    ("child", "code", "line", "column", "words"),
    [
        ("{% extends 'bse.html.j2' %}", "T201", 1, 13, "there is no template 'bse.html.j2'"),
        ("\n{% include 'nope.html.j2' %}", "T201", 2, 13, "there is no template"),
        ("{% extends 'base.html.j2' %}\n{% block boddy %}{% endblock %}", "T207", 2, 10, "no block 'boddy'"),
        ("{% extends 'base.html.j2' %}\n\nlost", "T207", 3, 0, "never shown"),
        ("{% extends 'base.html.j2' %}\n{{ a }}", "T207", 2, 0, "never shown"),
        (
            "{% extends 'base.html.j2' %}{% if a %}{% block body %}{% endblock %}{% endif %}",
            "T207",
            1,
            0,
            "never shown",
        ),
        ("x{% extends 'base.html.j2' %}", "T207", 1, 5, "before everything else"),
        ("{% extends 'base.html.j2' %}{% extends 'base.html.j2' %}", "T207", 1, 4, "once"),
        ("{% if a %}{% extends 'base.html.j2' %}{% endif %}", "T207", 1, 14, "before everything else"),
        ("{% block a %}{% endblock %}\n{% block a %}{% endblock %}", "T207", 2, 10, "there twice"),
        ("{% include 'mail.html.j2' %}", "T206", 1, 13, "in a circle"),
        ("{% include 'loop.html.j2' %}", "T206", 1, 13, "in a circle"),
        ("{% extends 'deep1.html.j2' %}", "T206", 1, 13, "more than 10 deep"),
        ("{% include 'note.txt.j2' %}", "T207", 1, 13, "is no .html.j2 file"),
    ],
)
def test_layouts_that_cannot_work(tmp_path: Path, child: str, code: str, line: int, column: int, words: str) -> None:
    deep = {f"deep{n}__html": f"{{% extends 'deep{n + 1}.html.j2' %}}" for n in range(1, 13)}
    problems = refused(
        tmp_path, child, base__html=BASE, loop__html="{% include 'mail.html.j2' %}", note__txt="x", **deep
    )

    assert (problems[0].code, problems[0].line, problems[0].column) == (code, line, column)
    assert words in problems[0].message


def test_a_problem_names_the_file_it_is_in(tmp_path: Path) -> None:
    child = "{% extends 'base.html.j2' %}{% block body %}{{ a() }}{% endblock %}"
    problems = refused(tmp_path, child, base__html="<p>\n{{ b | nope }}</p>{% block body %}{% endblock %}")

    assert [(problem.path, problem.line) for problem in problems] == [
        ("templates/base.html.j2", 2),
        ("templates/mail.html.j2", 1),
    ]


def test_includes_cannot_multiply(tmp_path: Path) -> None:
    files = {f"f{n}__html": f"{{% include 'f{n + 1}.html.j2' %}}" * 20 for n in range(8)}

    assert "T203" in codes(refused(tmp_path, "{% include 'f0.html.j2' %}", f8__html="", **files))


def test_included_text_is_measured(tmp_path: Path) -> None:
    assert codes(refused(tmp_path, "{% include 'big.html.j2' %}" * 3, big__html="x" * 200_000)) == ["T203"]


def test_the_text_file_has_layouts_too(tmp_path: Path) -> None:
    mail = loaded(
        tmp_path,
        "<p>x</p>",
        mail__txt="{% extends 'base.txt.j2' %}{% block body %}Hi {{ a }} & <b>\n{% endblock %}",
        base__txt="{% block body %}{% endblock %}\n\n-- \nUs\n",
    )

    assert mail.has_text_file
    assert mail.render({"a": "<i>"}).text == "Hi <i> & <b>\n\n-- \nUs\n"


def test_problems_of_html_and_text_come_together(tmp_path: Path) -> None:
    problems = refused(tmp_path, "<p>{{ a() }}</p>", mail__txt="{{ b() }}")

    assert [problem.path for problem in problems] == ["templates/mail.html.j2", "templates/mail.txt.j2"]
