"""The codes of advice: rules and tests that can be run, and probably do not do what was meant."""

from __future__ import annotations

from typing import Final

from nudger.language.codes_yaml import Entry

ADVICE_CODES: Final[dict[str, Entry]] = {
    "L203": Entry(
        "condition that time alone can make true",
        "A rule without a trigger is read when an event changes something that its condition reads. That an account "
        "gets older is no event, so this condition may be true for days before anybody notices. Give the rule a "
        "trigger that fits, and check the time there.",
        "when: account.age >= 60 days",
        "trigger: pricing.viewed\nwhen: account.age >= 60 days",
    ),
    "L206": Entry(
        "no text part of its own",
        "Every mail has a part in plain text for readers without HTML. Without a file of its own it is made from the "
        "HTML. Look at it with `nudger preview`, and write one if it does not read well.",
        "templates/welcome.html.j2",
        "templates/welcome.html.j2\ntemplates/welcome.txt.j2",
    ),
    "L209": Entry(
        "unit that nothing measures",
        "A plan includes or charges a unit, and the catalogue does not say which meter measures its use. Bills on that "
        "plan stay unknown, so it is never found cheaper or better.",
        "catalog:\n  currency: USD\n  plans:\n    lite: { name: Lite, price: 29, includes: { api_calls: 10000 } }",
        "catalog:\n  currency: USD\n  units: { api_calls: calls }\n"
        "  plans:\n    lite: { name: Lite, price: 29, includes: { api_calls: 10000 } }\n"
        "events:\n  api.called: {}\n"
        "meters:\n  calls: { count: api.called, over: billing cycle }",
    ),
    "L211": Entry(
        "value that can be missing in a mail",
        "The subject or template shows a value that not every account has. A mail with a gap is never sent: for such "
        "an account it fails. Ask for the value first, or say what stands there instead.",
        "when: plan == payg\nmessage: { template: welcome, subject: '{{ account.name }}: a better plan' }",
        "when: plan == payg\n"
        "message: { template: welcome, subject: '{{ account.name | default(\"You\") }}: a better plan' }",
    ),
    "L212": Entry(
        "test that expects nothing",
        "A test without `expect` passes while no rule sends, holds or waits, which is seldom what was meant. If "
        "silence is what it is about, say so: `expect: []`.",
        "tests:\n  - name: the first credit\n    account: { plan: payg }",
        "tests:\n  - name: the first credit\n    account: { plan: payg }\n    events:\n"
        "      - { at: 2026-03-02 10:00, credit.purchased: { kind: assessment, price: 100 } }\n"
        "    expect:\n      - { held: payg-to-scale, at: event 1 }",
    ),
}
