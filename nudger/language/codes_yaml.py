"""The codes of what cannot be read in a YAML file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Entry:
    """What a code means: a title of a few words, the longer text, and one example each way."""

    title: str
    text: str
    wrong: str
    right: str


YAML_CODES: Final[dict[str, Entry]] = {
    "Y001": Entry(
        "not saved as UTF-8",
        "Rule files are texts in the encoding UTF-8. The editor has saved this one in another, so some letters "
        "cannot be told. Every editor offers the encoding under `save as`.",
        "saved as Windows-1252 or UTF-16",
        "saved as UTF-8",
    ),
    "Y002": Entry(
        "invisible character",
        "A character that no screen shows stands in the file, often brought along by copying from a web page or a "
        "PDF. It would make two names different that look the same.",
        'name: "Scale\\0"',
        "name: Scale",
    ),
    "Y003": Entry(
        "tab",
        "YAML tells what belongs together by the spaces at the beginning of a line. A tab has no agreed width, so "
        "rule files hold none. Editors can turn tabs into spaces.",
        "rules:\n<tab>welcome:",
        "rules:\n  welcome:",
    ),
    "Y004": Entry(
        "file too large",
        "A rule file has 1 MB at most. The order and number of files do not matter; split it.",
        "rules/all.yaml (3 MB)",
        "rules/catalog.yaml\nrules/trials.yaml",
    ),
    "Y005": Entry(
        "nested too deep",
        "Lists and mappings stand within each other 20 levels deep at most; a rule needs about six.",
        "a: [[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]",
        "a: [1]",
    ),
    "Y006": Entry(
        "anchor or alias",
        "`&name` and `*name` repeat a part of a YAML file elsewhere. Rule files do not use them: each rule can be "
        "read by itself. Common conditions go under `facts:` or `policy: guards:`. A text that begins with one of "
        "the two signs needs quotes.",
        "caps: &caps { account: 2 in 30 days }",
        "caps: { account: 2 in 30 days }",
    ),
    "Y007": Entry(
        "tag",
        "A value that begins with `!` is a tag in YAML, and rule files have none. In a condition write `not`; a "
        "text that begins with `!` needs quotes.",
        "when: !account.unpaid",
        "when: not account.unpaid",
    ),
    "Y008": Entry(
        "merge key",
        "`<<` would merge another mapping into this one. Nothing in a rule file overrides or extends another "
        "part of it; write the keys out.",
        "offer:\n  <<: { expires: 14 days }\n  plan: scale",
        "offer:\n  plan: scale\n  expires: 14 days",
    ),
    "Y009": Entry(
        "key written twice",
        "The same key stands twice in one mapping. YAML readers silently keep one of the two; here you choose.",
        "when: plan == lite\nwhen: contacts > 900",
        "when: plan == lite and contacts > 900",
    ),
    "Y010": Entry(
        "second document",
        "`---` begins a new document, and a rule file is one document.",
        "rules: {}\n---\nrules: {}",
        "rules: {}",
    ),
    "Y011": Entry(
        "bracket never closed",
        "A `{` or `[` has no partner, so everything below would belong to it.",
        "limits: [1 in billing cycle, 3 in lifetime",
        "limits: [1 in billing cycle, 3 in lifetime]",
    ),
    "Y012": Entry(
        "quote never closed",
        "A text that begins with a quote goes on to the next quote of the same kind, over several lines if need be. "
        "The one that was meant to close it is missing.",
        'subject: "Your bill is {{ bill | money }}',
        'subject: "Your bill is {{ bill | money }}"',
    ),
    "Y013": Entry(
        "text behind a closing quote",
        "A value that begins with a quote must end with it; what follows belongs to nothing. Put the whole value "
        "into the other kind of quotes, or write it below a `|`.",
        'when: "crm" in plan.features',
        "when: '\"crm\" in plan.features'",
    ),
    "Y014": Entry(
        "colon in a value without quotes",
        "A colon with a space behind it separates a key from its value. A text that holds one needs quotes.",
        "about: Reminder: the trial ends",
        'about: "Reminder: the trial ends"',
    ),
    "Y015": Entry(
        "value split by a comma",
        "Within `{ … }` a comma ends the value, also within parentheses, and what follows is read as a key of its "
        "own. Put quotes around a text or expression with commas, or write the mapping over several lines.",
        "message: { template: welcome, subject: Ready, set, go }",
        'message: { template: welcome, subject: "Ready, set, go" }',
    ),
    "Y016": Entry(
        "colon or its space missing",
        "A line of a mapping is a key, a colon, a space and a value.",
        "priority:90\nowner: ada",
        "priority: 90\nowner: ada",
    ),
    "Y017": Entry(
        "indentation",
        "Lines that belong together begin in the same column. This one begins in a column of its own.",
        "offer:\n    plan: scale\n  expires: 14 days",
        "offer:\n    plan: scale\n    expires: 14 days",
    ),
    "Y018": Entry(
        "value that begins with a reserved sign",
        "In YAML a value cannot begin with one of @ ` % & * ] } and the comma. Put it in quotes.",
        "template: @welcome",
        'template: "@welcome"',
    ),
    "Y019": Entry(
        "key that is no word",
        "A key is one word or one short text on one line, followed by a colon. Lists, mappings, nothing at all and "
        "the sign `?` are no keys.",
        "? plan\n: scale",
        "plan: scale",
    ),
    "Y020": Entry(
        "unknown escape",
        "In double quotes a backslash begins an escape such as \\n. Write two for one that is meant, or use single "
        "quotes, where a backslash is only that.",
        'about: "up\\down"',
        "about: 'up\\down'",
    ),
    "Y021": Entry(
        "{{ without quotes",
        "A `{` begins a mapping, so a text that begins with {{ needs quotes. Conditions and other expressions are "
        "written without {{ }} altogether.",
        "subject: {{ plan.name }} is full",
        'subject: "{{ plan.name }} is full"',
    ),
    "Y022": Entry(
        "directive",
        "A line that begins with `%` is an instruction to a YAML reader. Rule files need none.",
        "%YAML 1.1\n---\nrules: {}",
        "rules: {}",
    ),
    "Y023": Entry(
        "text behind | or >",
        "A lone `|` or `>` says that the text stands on the lines below. A value that only begins with the sign "
        "needs quotes.",
        "when: > 5",
        "when: contacts > 5",
    ),
    "Y024": Entry(
        "cannot be read",
        "The file stops being YAML at this place. Mostly a quote, a colon or the indentation is not as meant, here "
        "or on the line above.",
        "rules: {}\n... to be continued",
        "rules: {}\n# to be continued",
    ),
    "Y025": Entry(
        "sign that needs quotes within brackets",
        "Within `{ … }` and `[ … ]` the signs [ ] { } ? and the colon structure the file. A value that holds one "
        "needs quotes.",
        "let: { small: plan in [lite, plus] }",
        'let: { small: "plan in [lite, plus]" }',
    ),
    "Y026": Entry(
        "list that begins on the line of its key",
        "A list whose items begin with `-` starts on the line below its key.",
        "to: - billing",
        "to:\n  - billing",
    ),
}
