"""What every code means: the text of `nudger explain N102`, with a wrong and a right example.

The codes of YAML files are in `codes_yaml`, those of an expression's spelling in `codes_expression`, what is found once
both can be read in `codes_rules`, and advice in `codes_advice`.
"""

from __future__ import annotations

from typing import Final

from nudger.errors import SettingsError
from nudger.language.codes_advice import ADVICE_CODES
from nudger.language.codes_expression import EXPRESSION_CODES
from nudger.language.codes_rules import RULE_CODES
from nudger.language.codes_yaml import YAML_CODES, Entry
from nudger.language.report import suggest

CODES: Final[dict[str, Entry]] = {**YAML_CODES, **EXPRESSION_CODES, **RULE_CODES, **ADVICE_CODES}


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
