"""What every code means: the text of `nudger explain N102`, with a wrong and a right example.

The codes of YAML files are in `codes_yaml`, those of an expression's spelling in `codes_expression`; the others,
found once a file and its expressions can be read, stand here.
"""

from __future__ import annotations

from typing import Final

from nudger.errors import SettingsError
from nudger.language.codes_expression import EXPRESSION_CODES
from nudger.language.codes_yaml import YAML_CODES, Entry
from nudger.language.report import suggest

LANGUAGE_CODES: Final[dict[str, Entry]] = {
    "N101": Entry(
        "unknown key",
        "This word means nothing at this place of a rule file. Keys are never ignored, because a rule without the "
        "part that was meant does something else.",
        "rules:\n  welcome:\n    mesage: { template: welcome }",
        "rules:\n  welcome:\n    message: { template: welcome }",
    ),
    "N102": Entry(
        "unknown name",
        "An expression may read the meters, facts, plans, add-ons and traits of this project. This name is none of "
        "them. A text needs quotes.",
        "when: plan == pyag",
        "when: plan == payg",
    ),
    "N110": Entry(
        "types that do not go together",
        "Numbers, money, shares, lengths of time, times, texts and lists are kinds of their own. They are compared "
        "and added within their kind, so that 30 can never mean days in one rule and dollars in the next.",
        "when: account.age > 30",
        "when: account.age > 30 days",
    ),
}

CODES: Final[dict[str, Entry]] = {**YAML_CODES, **EXPRESSION_CODES, **LANGUAGE_CODES}


def describe(code: str) -> str:
    """Return the explanation of *code* for people, several lines; capitals do not matter.

    Raises:
        SettingsError: There is no such code.
    """
    known = code.strip().upper()
    entry = CODES.get(known)
    if entry is None:
        advice = suggest(known, CODES)
        raise SettingsError(f"there is no code '{code}'" + (f"; {advice}" if advice else ""))
    parts = [f"{known}: {entry.title}", entry.text, "wrong:\n" + _indented(entry.wrong)]
    return "\n\n".join([*parts, "right:\n" + _indented(entry.right)])


def _indented(example: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in example.split("\n"))
