"""The codes of rule files that can be read and do not fit together: keys, names, types, meters, triggers, offers."""

from __future__ import annotations

from typing import Final

from nudger.language.codes_yaml import Entry

RULE_CODES: Final[dict[str, Entry]] = {
    "Y027": Entry(
        "file that cannot be opened",
        "The file is there, but the system does not let nudger read it, mostly because of its access rights.",
        "rules/growth.yaml (may be read by its owner only)",
        "rules/growth.yaml (may be read by everybody)",
    ),
    "N101": Entry(
        "unknown key",
        "This word means nothing at this place of a rule file. Keys are never ignored, because a rule without the "
        "part that was meant does something else.",
        "when: plan == payg\noffer: { plan: scale, expire: 14 days }",
        "when: plan == payg\noffer: { plan: scale, expires: 14 days }",
    ),
    "N102": Entry(
        "unknown name",
        "An expression may read the meters, facts, plans, add-ons and traits of this project. This name is none of "
        "them. A text needs quotes.",
        "when: plan == pyag",
        "when: plan == payg",
    ),
    "N103": Entry(
        "known, but not built yet",
        "This word belongs to the rule language, and this release cannot run it yet. It is refused and not passed "
        "over, because the rule would do something else without it. docs/rules.md lists all such words.",
        "start: future\nrollout: 25%",
        "start: over 14 days",
    ),
    "N104": Entry(
        "unknown function, or called wrongly",
        "Only a few names take parentheses; `bill_on(PLAN)` is what there is. A meter is read by its name alone: "
        "what it counts, and over which window, stands where it is declared.",
        "when: count(leads) >= 20",
        "when: leads >= 20",
    ),
    "N105": Entry(
        "key that is needed",
        "Something is left out that has no sensible default. A count or a sum says over which window it runs, an "
        "absence says how long to wait, a rule says what it is about.",
        "meters:\n  calls: { sum: calls, of: api.called }",
        "meters:\n  calls: { sum: calls, of: api.called, over: billing cycle }",
    ),
    "N106": Entry(
        "value of the wrong form",
        "The key is right, and its value is not what belongs there: a number, a list, a percentage, keys and values, "
        "or one of a few words.",
        "priority: high",
        "priority: 90",
    ),
    "N107": Entry(
        "name used twice",
        "A name means one thing in the whole project, whatever file it stands in. Plans, add-ons, meters and facts "
        "share one set of names, and the words of the language belong to it too.",
        "when: bill > 125 USD\nlet: { bill: next_plan.price }",
        "when: bill > 125 USD\nlet: { next_price: next_plan.price }",
    ),
    "N110": Entry(
        "types that do not go together",
        "Numbers, money, shares, lengths of time, times, texts and lists are kinds of their own. They are compared "
        "and added within their kind, so that 30 can never mean days in one rule and dollars in the next.",
        "trigger: pricing.viewed\nwhen: account.age > 30",
        "trigger: pricing.viewed\nwhen: account.age > 30 days",
    ),
    "N111": Entry(
        "amount in another currency",
        "All prices of a project are in the catalogue's currency. An amount in another one would have to be converted, "
        "and no rate is guessed.",
        "when: bill > 125 EUR",
        "when: bill > 125 USD",
    ),
    "N112": Entry(
        "period where a length of time is needed",
        "`1 billing cycle` and `1 calendar month` name periods, and periods differ in length. Here a length of time is "
        "compared; write it in days.",
        "facts:\n  young: account.age < 1 calendar month",
        "facts:\n  young: account.age < 30 days",
    ),
    "N113": Entry(
        "list with a value that changes",
        "A list in an expression holds plans, add-ons, numbers, amounts or texts as they are written, not names that "
        "stand for another value in each account.",
        'when: "best_plan in [lite, next_plan]"',
        "when: best_plan == lite or best_plan == next_plan",
    ),
    "N114": Entry(
        "no order between these values",
        "`<` and `>` compare numbers, money, percentages, lengths of time and times. Plans and texts have no order of "
        "their own; compare what is meant, for example their prices.",
        "when: plan < scale",
        "when: plan.price < scale.price",
    ),
    "N115": Entry(
        "facts that read each other in a circle",
        "A fact is worked out from meters, traits and other facts. When two facts need each other, neither has a "
        "value to begin with.",
        "facts:\n  busy: api_calls > 1000 or large\n  large: leads > 20 and busy",
        "facts:\n  busy: api_calls > 1000\n  large: leads > 20 and busy",
    ),
    "N116": Entry(
        "unknown window",
        "A meter runs over `billing cycle`, `calendar month`, `lifetime` or a number of days from 1 to 1,100. Weeks "
        "and quarters are written in days.",
        "meters:\n  calls: { count: api.called, over: 3 months }",
        "meters:\n  calls: { count: api.called, over: 90 days }",
    ),
    "N117": Entry(
        "not exactly one kind of meter",
        "A meter does one thing: count, sum, unique, max, min, last or share. For two figures declare two meters.",
        "meters:\n  calls: { count: api.called, sum: calls, of: api.called, over: 30 days }",
        "meters:\n  calls: { sum: calls, of: api.called, over: 30 days }",
    ),
    "N118": Entry(
        "meter that does not measure a unit",
        "Prices are per billing cycle, so the use of a unit is counted over the billing cycle. A level, such as the "
        "number of contacts kept, is measured by a `last`, `max` or `unique` meter instead.",
        "catalog:\n  currency: USD\n  units: { api_calls: calls }\n"
        "  plans:\n    lite: { name: Lite, price: 29, includes: { api_calls: 10000 } }\n"
        "events:\n  api.called: {}\n"
        "meters:\n  calls: { count: api.called, over: 30 days }",
        "catalog:\n  currency: USD\n  units: { api_calls: calls }\n"
        "  plans:\n    lite: { name: Lite, price: 29, includes: { api_calls: 10000 } }\n"
        "events:\n  api.called: {}\n"
        "meters:\n  calls: { count: api.called, over: billing cycle }",
    ),
    "N119": Entry(
        "unknown time zone",
        "Zones are written by their name in the IANA list: a region and a city. Abbreviations and offsets change twice "
        "a year in most places, so they name no zone.",
        "policy:\n  zone: Copenhagen",
        "policy:\n  zone: Europe/Copenhagen",
    ),
    "N120": Entry(
        "not a limit",
        "A limit or cap is `N in PERIOD`, and PERIOD is `billing cycle`, `calendar month`, `lifetime` or `N days` "
        "(1 to 1,100). 0 is refused: to stop a rule there is `status: paused`.",
        "limits: once a month",
        "limits: 1 in calendar month",
    ),
    "N121": Entry(
        "not one offer",
        "An offer is one plan or one add-on. `because` names what a plan adds, so it goes with a plan only.",
        "when: plan == payg\noffer: { plan: scale, addon: leadbooster }",
        "when: plan == payg\noffer: { plan: scale }",
    ),
    "N122": Entry(
        "parts of a trigger that do not fit",
        "`within` and `same` say how long to wait for something that should come, and which fields tie it to the event "
        "that began. They need `unless`, the event that should come, and as many fields on both sides.",
        "trigger: { event: checkout.started, same: [cart], within: 4 hours }",
        "trigger: { event: checkout.started, unless: checkout.paid, same: [cart], within: 4 hours }",
    ),
    "N123": Entry(
        "day that does not exist",
        "`from` and `until` are days of the calendar, written year-month-day.",
        "when: plan == payg\nfrom: 2026-02-30",
        "when: plan == payg\nfrom: 2026-02-28",
    ),
    "N125": Entry(
        "no project here",
        "nudger works in a folder with `rules/`, and one file in there holds the `catalog`. `-C DIR` names the folder.",
        "my-project/rules.yaml",
        "my-project/rules/catalog.yaml",
    ),
}
