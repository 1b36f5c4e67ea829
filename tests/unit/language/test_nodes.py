"""Rule files become trees of texts with places; what YAML allows and rules do not need is refused with advice."""

from __future__ import annotations

import time
from typing import Any

import pytest
import yaml

from nudger.errors import Problem
from nudger.language import nodes
from nudger.language.nodes import Mapping, Scalar, Sequence, locate, read, to_data

LOADERS = [loader for name in ("CSafeLoader", "SafeLoader") if (loader := getattr(yaml, name, None))]


@pytest.fixture(params=LOADERS, ids=lambda loader: loader.__name__)
def _loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "LOADER", request.param)


pytestmark = pytest.mark.usefixtures("_loader")


def tree(text: str | bytes) -> nodes.Node:
    problems: list[Problem] = []
    node = read(text, "rules/a.yaml", problems)
    assert not problems
    assert node is not None
    return node


def refused(text: str | bytes) -> list[Problem]:
    problems: list[Problem] = []
    assert read(text, "rules/a.yaml", problems) is None
    assert all(problem.path == "rules/a.yaml" for problem in problems)
    return problems


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: yes\non: off\n", {"a": "yes", "on": "off"}),
        (
            "at: 2026-03-02 10:00\nn: 012\nx: 1:30\ny: 1e3\n",
            {"at": "2026-03-02 10:00", "n": "012", "x": "1:30", "y": "1e3"},
        ),
        ("a:\nb: ~\nc: null\nd: NULL\n", {"a": None, "b": None, "c": None, "d": None}),
        ("a: ''\nb: 'null'\nc: \"~\"\nd: |\n  null\n", {"a": "", "b": "null", "c": "~", "d": "null\n"}),
        ("a: { b: [c, d], e: {} }\nf:\n  - g\n  - h: i\n", {"a": {"b": ["c", "d"], "e": {}}, "f": ["g", {"h": "i"}]}),
        ("when: |\n  a\n  and b\nabout: >-\n  x\n  y\n", {"when": "a\nand b\n", "about": "x y"}),
        ("a: b # why\n# more\n", {"a": "b"}),
        ('a: "x\\ty\\u00e9"\n', {"a": "x\tyé"}),
        ("\ufeffa: b\r\nc: d\r\n", {"a": "b", "c": "d"}),
        ("---\na: b\n...\n", {"a": "b"}),
        ("- a\n- - b\n", ["a", ["b"]]),
        ("just words", "just words"),
        ('"<<": a', {"<<": "a"}),
        ("1: a", {"1": "a"}),
    ],
)
def test_every_value_stays_text(text: str, data: nodes.Data) -> None:
    assert to_data(tree(text)) == data


@pytest.mark.parametrize("text", ["", "\n", "# nothing yet\n", b"", "\ufeff"])
def test_a_file_without_content_is_no_problem(text: str | bytes) -> None:
    assert refused(text) == []


def test_nodes_know_their_places() -> None:
    root = tree("rules:\n  welcome:\n    offer: { plan: 'scale', days: [1] }\n")
    rule, key = locate(root, ("rules", "welcome"))
    assert key is not None
    assert (key.line, key.column, key.length) == (2, 3, 7)
    offer, _ = locate(rule, ("offer",))
    assert isinstance(offer, Mapping)
    assert (offer.line, offer.column) == (3, 12)
    plan, _ = locate(offer, ("plan",))
    assert isinstance(plan, Scalar)
    assert (plan.value, plan.line, plan.column, plan.length, plan.quoted) == ("scale", 3, 20, 7, True)
    days, _ = locate(offer, ("days",))
    assert isinstance(days, Sequence)
    assert (days.line, days.column) == (3, 35)


def test_locate_walks_as_far_as_it_can() -> None:
    root = tree("rules:\n  welcome:\n    to: [billing, { role: admin }]\n")
    assert locate(root, ()) == (root, None)
    role, key = locate(root, ("rules", "welcome", "to", "ListOfRoles", 1, "role"))
    assert isinstance(role, Scalar)
    assert key is not None
    assert (role.value, key.value) == ("admin", "role")
    welcome, key = locate(root, ("rules", "welcome", "about"))
    assert isinstance(welcome, Mapping)
    assert key is not None
    assert key.value == "welcome"
    assert locate(root, ("rules", "welcome", "to", 7))[0] == locate(root, ("rules", "welcome", "to"))[0]
    assert locate(root, ("rules", "welcome", "to", 0))[1] is None


@pytest.mark.parametrize(
    ("text", "word", "place"),
    [
        ("when: plan == pyag\n", "pyag", (1, 15)),
        ("when: 'plan == pyag'\n", "pyag", (1, 16)),
        ("when: 'it''s == pyag'\n", "pyag", (1, 17)),
        ('when: "a == \\"x\\" and pyag"\n', "pyag", (1, 23)),
        ('when: "\\x41\\u0020\\n pyag"\n', "pyag", (1, 21)),
        ('when: "a and\n  \\\n  pyag or b"\n', "pyag", (3, 3)),
        ("when: a and\n  b == pyag\n", "pyag", (2, 8)),
        ("when: |\n  a\n\n  and pyag\n", "pyag", (4, 7)),
        ("when: | # why\n    a and\n      pyag\n", "pyag", (3, 7)),
        ("when: |2-\n   pyag\n", "pyag", (2, 4)),
        ("when: >\n  a and\n  b\n\n  or pyag\n", "pyag", (5, 6)),
        ("when: >-\n  größe and\n  pyag\n", "pyag", (3, 3)),
        ("- - when: '名前 pyag'\n", "pyag", (1, 15)),
    ],
)
def test_an_offset_in_a_value_leads_back_to_the_file(text: str, word: str, place: tuple[int, int]) -> None:
    node, _ = locate(tree(text), (0, 0, "when"))
    assert isinstance(node, Scalar)
    assert node.value is not None
    assert node.place(node.value.index(word)) == place
    line, column = node.place(node.value.index(word) + len(word))
    assert (line, column) == (place[0], place[1] + len(word))


# Text, code, line, column, what is underlined (None: not looked at).
REFUSALS: list[tuple[str, str, int, int, str | None]] = [
    ("name: a\x07b\n", "Y002", 1, 8, "\x07"),
    ("a: b\nname: a\u2028b\n", "Y002", 2, 8, "\u2028"),
    ("name: a\ud800b\n", "Y002", 1, 8, None),
    ('name: "a\\0b"\n', "Y002", 1, 7, None),
    ("rules:\n\twelcome: a\n", "Y003", 2, 1, "\t"),
    ("a: b\t# why\n", "Y003", 1, 5, "\t"),
    ("[" * 30 + "]" * 30, "Y005", 1, 21, "["),
    ("a: &x b\n", "Y006", 1, 4, "&x"),
    ("a: *x\n", "Y006", 1, 4, "*x"),
    ("*x : a\n", "Y006", 1, 1, "*x"),
    ("a: !!str b\n", "Y007", 1, 4, "!"),
    ("a: !account.unpaid\n", "Y007", 1, 4, "!"),
    ("a: !<b\n", "Y007", 1, 4, "!"),
    ("a:\n  <<: { b: c }\n", "Y008", 2, 3, "<<"),
    ("a: 1\nb: 2\na: 3\n", "Y009", 3, 1, "a"),
    ("x: { a: 1, 'a': 2 }\n", "Y009", 1, 12, "'a'"),
    ("a: 1\n---\nb: 2\n", "Y010", 2, 1, "---"),
    ("a: 1\n...\nb: 2\n", "Y010", 3, 1, "b"),
    ("a: { b: c\nd: 1\n", "Y011", 1, 4, "{"),
    ("a: [b, c\n", "Y011", 1, 4, "["),
    ("a: [", "Y011", 1, 4, "["),
    ("a: { b: [1, 2 }\n", "Y011", 1, 9, "["),
    ('a: "abc\nb: 2\n', "Y012", 1, 4, '"abc'),
    ("a: 'abc\nb: 'def'\n", "Y012", 1, 4, "'abc"),
    ('a: { b: "x }\nc: "y"\n', "Y012", 1, 9, '"x }'),
    ('a: "b\nc: 1\n---\n', "Y012", 1, 4, '"b'),
    ('when: "x" == y\n', "Y013", 1, 11, "== y"),
    ('a: { when: "x" == y }\n', "Y013", 1, 16, "== y }"),
    ("when: [a] has b\n", "Y013", 1, 11, "has b"),
    ("about: Reminder: pay\n", "Y014", 1, 16, ":"),
    ("let: { x: growth(m, 90 days) }\n", "Y015", 1, 21, "90 days)"),
    ("let: { x: growth(m, 90 days) >= 2, y: z }\n", "Y015", 1, 21, "90 days) >= 2"),
    ("event: { kind, price: money }\n", "Y015", 1, 10, "kind"),
    ("a: 1\nfoo bar\nb: 2\n", "Y016", 2, 1, "foo bar"),
    ("a: 1\nfoo", "Y016", 2, 1, "foo"),
    ("a:b\nc: 1\n", "Y016", 1, 1, "a:"),
    ("a: 1\nb:2\nc: 3\n", "Y016", 2, 1, "b:"),
    ("to: [billing:]\n", "Y016", 1, 13, ":"),
    ("a: {b:[c]}\n", "Y016", 1, 6, ":"),
    ("a: 1\n  b: 2\n", "Y017", 2, 3, "b: 2"),
    ("a:\n    b: 1\n  c: 2\n", "Y017", 3, 3, "c: 2"),
    ("a:\n - b\n c: 1\n", "Y017", 3, 2, "c: 1"),
    ("a: 1\n- b\n", "Y017", 2, 1, "- b"),
    ("a: @b\n", "Y018", 1, 4, "@"),
    ("a: `b`\n", "Y018", 1, 4, "`"),
    ("a: %\n", "Y018", 1, 4, "%"),
    ("a: *\n", "Y018", 1, 4, "*"),
    ("a: & b\n", "Y018", 1, 4, "&"),
    ("a: ]\n", "Y018", 1, 4, "]"),
    (": a\n", "Y019", 1, 1, ":"),
    ("{: a}\n", "Y019", 1, 2, ":"),
    ("null: a\n", "Y019", 1, 1, "null"),
    ("'': a\n", "Y019", 1, 1, "''"),
    ("[a]: b\n", "Y019", 1, 1, "["),
    ("? a\n: b\n", "Y019", 1, 3, "a"),
    ("a: ? b\n", "Y019", 1, 4, "?"),
    ('"a\\nb": c\n', "Y019", 1, 1, '"a\\nb"'),
    ('a: "\\d"\n', "Y020", 1, 5, "\\d"),
    ('a: "\\UFFFFFFFF"\n', "Y020", 1, 5, "\\UFFFFFFFF"),
    ('a: "\\x4"\n', "Y020", 1, 5, None),
    ("when: {{ bill }} > 3\n", "Y021", 1, 7, "{{"),
    ("a:\n  - {{ bill }} b\n", "Y021", 2, 5, "{{"),
    ("a: { s: {{ bill }} }\n", "Y021", 1, 9, "{{"),
    ("subject: {{ bill }}\n", "Y021", 1, 10, "{{"),
    ("%YAML 1.1\n---\na: b\n", "Y022", 1, 1, "%"),
    ("%FOO\n---\na: b\n", "Y022", 1, 1, "%"),
    ("when: >= 5\n", "Y023", 1, 7, ">"),
    ("when: | a\n  b\n", "Y023", 1, 7, "|"),
    ("when: |# why\n  b\n", "Y023", 1, 7, "|"),
    ("a: b\n... c\n", "Y024", 2, 5, None),
    ("let: { x: plan in [a, b] }\n", "Y025", 1, 19, "["),
    ("a: { about: Ready to grow? }\n", "Y025", 1, 26, "?"),
    ("a: { b: 1 c: 2 }\n", "Y025", 1, 12, ":"),
    ("to: - billing\n", "Y026", 1, 5, "-"),
]


@pytest.mark.parametrize(("text", "code", "line", "column", "marked"), REFUSALS, ids=[row[0][:30] for row in REFUSALS])
def test_what_cannot_be_used_is_pointed_at(text: str, code: str, line: int, column: int, marked: str | None) -> None:
    problem = refused(text)[0]
    assert (problem.code, problem.line, problem.column) == (code, line, column)
    assert problem.source == text.split("\n")[line - 1]
    if marked is not None:
        assert problem.source[column - 1 : column - 1 + problem.length] == marked
    assert problem.hint


def test_a_comma_that_splits_an_expression_advises_quotes() -> None:
    [problem] = refused("let: { x: growth(m, 90 days) }\n")
    assert "put quotes around the whole expression" in problem.hint


def test_a_key_written_twice_names_both_places() -> None:
    [problem] = refused("a: 1\nb:\n  c: 2\n  d: 3\n  c: 4\n")
    assert problem.message == "key 'c' stands here twice, first on line 3, column 3"
    assert (problem.line, problem.column) == (5, 3)


def test_all_problems_of_a_file_are_told() -> None:
    found = refused("a: &x 1\nb: { c, d: 1 }\na: 2\ne: !t 3\n")
    assert [(problem.code, problem.line) for problem in found] == [("Y006", 1), ("Y015", 2), ("Y009", 3), ("Y007", 4)]


def test_problems_are_added_to_those_of_other_files() -> None:
    problems = [Problem("N102", "unknown name 'x'")]
    assert read("a: b", "rules/a.yaml", problems) is not None
    assert read("a: @", "rules/b.yaml", problems) is None
    assert [problem.path for problem in problems] == ["", "rules/b.yaml"]


@pytest.mark.parametrize(
    ("content", "line", "column"),
    [
        ("a: b\r\nname: Größe\n".encode("latin-1"), 2, 9),
        ("name: é".encode("utf-16"), 1, 1),
        (b"a: \xc3", 1, 4),
    ],
)
def test_other_encodings_are_refused(content: bytes, line: int, column: int) -> None:
    [problem] = refused(content)
    assert (problem.code, problem.line, problem.column) == ("Y001", line, column)


def test_bytes_are_read_as_utf8() -> None:
    assert to_data(tree("\ufeffname: Größe".encode())) == {"name": "Größe"}


@pytest.mark.parametrize("content", ["a" * 1_000_001, "é" * 500_001, b"a" * 1_000_001])
def test_a_large_file_is_refused_unread(content: str | bytes) -> None:
    [problem] = refused(content)
    assert (problem.code, problem.line) == ("Y004", 0)


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "{a: " * 100_000, "- " * 100_000, "[a," * 100_000, "[\n" * 100_000, "- &a a\n" * 100_000],
    ids=lambda text: text[:4],
)
def test_a_bomb_is_refused_at_once(text: str) -> None:
    taken = 60.0
    for _ in range(3):  # the best of three, as the machine may be busy with other tests
        begin = time.perf_counter()
        problems = refused(text)
        taken = min(taken, time.perf_counter() - begin)

    assert problems[0].code in ("Y005", "Y006")
    assert len(problems) <= nodes.PROBLEMS_MAX
    limit = 0.1 if nodes.LOADER is not yaml.SafeLoader else 1.0  # seconds; the Python scanner looks far ahead
    assert taken < limit


def test_twenty_levels_are_read() -> None:
    node: Any = to_data(tree("[" * 20 + "a" + "]" * 20))
    for _ in range(20):
        [node] = node
    assert node == "a"


def test_aliases_never_unfold() -> None:
    text = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    assert {problem.code for problem in refused(text)} == {"Y006"}
