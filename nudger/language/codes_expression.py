"""The codes of what cannot be read in an expression."""

from __future__ import annotations

from typing import Final

from nudger.language.codes_yaml import Entry

EXPRESSION_CODES: Final[dict[str, Entry]] = {
    "N150": Entry(
        "empty expression",
        "A condition or a value is expected here, and there is none. Leave the key out if nothing is meant.",
        'when: ""',
        "when: plan == payg",
    ),
    "N151": Entry(
        "word that does not belong here",
        "The expression is complete before this word, and the word does not carry on with it. Operators are `and or "
        "not in has mentions is else` in small letters, `== != < <= > >= + - * /` and `30% of x`.",
        "when: seats equals 10",
        "when: seats == 10",
    ),
    "N152": Entry(
        "value missing",
        "An operator needs a value on each side.",
        "when: seats >= and plan == basic",
        "when: seats >= 10 and plan == basic",
    ),
    "N153": Entry(
        "chained comparison",
        "A comparison has two sides. Write two of them for a value between two others.",
        "when: 1 < seats < 10",
        "when: 1 < seats and seats < 10",
    ),
    "N154": Entry(
        "single =",
        "`==` asks whether two values are equal. Nothing is ever assigned in a condition.",
        "when: plan = payg",
        "when: plan == payg",
    ),
    "N155": Entry(
        "{{ }} in an expression",
        "{{ }} marks a place in a subject or a template where a value is put in. A condition is an expression from "
        "its first word on.",
        'when: "{{ bill }} > 125 USD"',
        "when: bill > 125 USD",
    ),
    "N156": Entry(
        "sign for a word",
        "`and`, `or` and `not` are written as words, so that a rule can be read aloud.",
        "when: seats > 5 && !account.unpaid",
        "when: seats > 5 and not account.unpaid",
    ),
    "N157": Entry(
        "operator of another language",
        "This operator does not exist here; the hint names the one that does the same.",
        'when: "plan <> payg"',
        "when: plan != payg",
    ),
    "N158": Entry(
        "% between two values",
        "`%` makes a percentage of the number before it: `20%`, `30% of x`. There is no remainder of a division.",
        "when: seats % 10 == 0",
        "when: offer.price <= 30% of plan.price",
    ),
    "N159": Entry(
        "quote never closed",
        "A text in an expression ends with the quote it began with, on the same line.",
        'when: |\n  event.kind == "assessment',
        'when: |\n  event.kind == "assessment"',
    ),
    "N160": Entry(
        "parenthesis never closed",
        "A `(` or `[` has no partner.",
        "when: not (plan == payg",
        "when: not (plan == payg)",
    ),
    "N161": Entry(
        "closing parenthesis too many",
        "A `)` or `]` closes something that was not opened.",
        "when: plan == payg)",
        "when: plan == payg",
    ),
    "N162": Entry(
        "month as a length of time",
        "Months, quarters and years have different lengths, so they are no durations. Say `30 days`. What is counted "
        "by the month is a meter `over: billing cycle` (the account's own) or `over: calendar month`.",
        "when: account.age > 2 months",
        "when: account.age > 60 days",
    ),
    "N163": Entry(
        "number with separators",
        "A number is written with digits and at most one point: 1000, 32.50, 0.5. A comma separates the items of a "
        "list.",
        "when: api_calls > 50,000",
        "when: api_calls > 50000",
    ),
    "N164": Entry(
        "expression too long",
        "An expression has 2,000 characters at most. Give parts of it names under `facts:`.",
        "when: (a page of conditions)",
        "facts: { heavy_user: api_calls > 50000 and seats > 20 }",
    ),
    "N165": Entry(
        "expression too deep",
        "Parentheses and operators stand within each other 50 steps deep at most; a chain of `or` counts a step for "
        "each. Write a list, or give a part a name under `facts:`.",
        "when: plan == a or plan == b or plan == c or …",
        "when: plan in [a, b, c]",
    ),
    "N166": Entry(
        "number and unit",
        "A unit is a whole word behind a space: seconds, minutes, hours, days, weeks, or a currency in three "
        "capitals. Thousands and millions are written out.",
        "when: account.age > 30d",
        "when: account.age > 30 days",
    ),
    "N167": Entry(
        "number out of range",
        "A number has 18 digits at most, a length of time is 100 years at most and whole milliseconds, and periods "
        "are counted in whole numbers.",
        "when: api_calls > 50000000000000000000",
        "when: api_calls > 50000",
    ),
    "N168": Entry(
        "sign that expressions do not use",
        "Word processors turn quotes and dashes into typographic ones; expressions use the plain ones of the "
        "keyboard. Names are written with the letters a to z, digits and `_`. Comments stand outside.",
        "when: seats ≥ 10",
        "when: seats >= 10",
    ),
    "N169": Entry(
        "unknown escape in a text",
        "Within a text a backslash comes before a quote, another backslash, n or t: \\\" \\' \\\\ \\n \\t.",
        "when: 'event.path == \"a\\d\"'",
        "when: 'event.path == \"a\\\\d\"'",
    ),
    "N170": Entry(
        "is without set or missing",
        "`is set` and `is missing` ask whether a value is known at all. Two values are compared with `==`.",
        "when: plan is payg",
        "when: plan == payg",
    ),
    "N171": Entry(
        "not in the middle",
        "`not` stands in front of what it turns round: at the beginning, behind `and` and `or`, or in parentheses.",
        'when: "plan not in [lite, plus]"',
        'when: "not (plan in [lite, plus])"',
    ),
}
