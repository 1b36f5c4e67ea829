"""What the code's tables mean, in plain words; a key of the code without words here fails, and so does the reverse."""

from __future__ import annotations

from typing import Final, NamedTuple

from pydantic import BaseModel

from nudger.language import schema as s


class Key(NamedTuple):
    """One key of a rule file.

    Attributes:
        says: What it does.
        text: What a text in it is (an expression, an event, …), where the model says no more than text.
        default: What holds without it, where the model says no more than nothing.
    """

    says: str
    text: str = ""
    default: str = ""


class Model(NamedTuple):
    """Where a model's keys stand, and what they mean."""

    place: str
    keys: dict[str, Key]


KEYS: Final[dict[type[BaseModel], Model]] = {
    s.FileKeys: Model(
        "a file under `rules/`",
        {
            "catalog": Key("What you sell. Once in the project."),
            "events": Key("What your billing system reports: each event's fields and their kinds.", "event"),
            "meters": Key("What is counted from these events."),
            "facts": Key("Names for expressions that several rules use.", "expression"),
            "policy": Key("What holds for all rules. Once in the project at most."),
            "rules": Key("The rules."),
            "tests": Key("Tests of the rules; mostly in a `*.test.yaml` beside them."),
        },
    ),
    s.CatalogKeys: Model(
        "`catalog`",
        {
            "currency": Key("The currency of all prices.", "text of three capitals"),
            "plans": Key("The plans, each under an id that expressions use."),
            "addons": Key("The add-ons, each under its id."),
            "units": Key("For each unit that plans include or charge: the meter of its use.", "meter"),
            "offerable": Key(
                "Plans that may be offered to everybody, instead of the family of each plan.",
                "plan",
                "each plan's family",
            ),
            "bill": Key(
                "How the bill to date is worked out, if your billing publishes charges.",
                "expression",
                "`bill_on(plan)`",
            ),
        },
    ),
    s.PlanKeys: Model(
        "`catalog: plans: ID`",
        {
            "name": Key("Its name in mails."),
            "price": Key("Price of a billing cycle. A plan has this, `seat_price` or both."),
            "seat_price": Key("Price of a seat and billing cycle."),
            "includes": Key("How much of each unit is included."),
            "extra": Key("What use above the included amount costs; a single price is for each unit."),
            "features": Key("Ids of what this plan can do and others may not."),
            "next": Key("The next plan up. Plans joined by `next` are a family.", "plan"),
            "offerable": Key(
                "Plans that may be offered to accounts on this plan.", "plan", "`catalog: offerable`, else its family"
            ),
            "sold": Key("`false` for a plan that nobody new gets. It is never offered."),
        },
    ),
    s.ExtraKeys: Model(
        "`extra: UNIT`, if it is more than a price",
        {
            "package": Key("Units sold together; a begun package counts whole."),
            "price": Key("Price of a package."),
            "steps": Key("Graduated prices, instead of the other two."),
        },
    ),
    s.StepKeys: Model(
        "a step of `extra: UNIT: steps`",
        {
            "to": Key("Up to so many units above the included amount; left out in the last step only."),
            "price": Key("Price of each unit within this step."),
        },
    ),
    s.AddonKeys: Model(
        "`catalog: addons: ID`",
        {"name": Key("Its name in mails."), "price": Key("Price of a billing cycle.")},
    ),
    s.MeterKeys: Model(
        "`meters: NAME`",
        {
            "count": Key("Counts the events of this type.", "event"),
            "sum": Key("Adds up this field of `of`.", "field"),
            "unique": Key("Counts the different values of this field of `of`.", "field"),
            "max": Key("The largest value of this field of `of`.", "field"),
            "min": Key("The smallest value of this field of `of`.", "field"),
            "last": Key("The latest value of this field of `of`, by event time.", "field"),
            "share": Key("Which part of the events `of` fits this condition.", "condition on `event`"),
            "of": Key("The event type, for all kinds but `count`.", "event"),
            "over": Key(
                "`billing cycle`, `calendar month`, `lifetime` or `N days` (1 to 1,100).",
                "window",
                "`lifetime` for `last`, `max` and `min`; the others must have it",
            ),
            "where": Key("Only events that fit this condition.", "condition on `event`"),
        },
    ),
    s.PolicyKeys: Model(
        "`policy`",
        {
            "guards": Key("Named conditions that must read yes before anything is sent.", "expression"),
            "always": Key("Guards that hold for every rule, in this order.", "guard"),
            "hold": Key("How long a nudge waits for its guards and its send window before it lapses.", "", "`7 days`"),
            "caps": Key("How much mail is enough, over all rules."),
            "send": Key("When mails go out; every rule can replace it.", "", "`any time`"),
            "holdout": Key("Share of the accounts, drawn by lot for good, that get no nudge at all."),
            "topics": Key("What a recipient can opt out of. The first one is the default of rules.", "", "`product`"),
            "zone": Key("Time zone of accounts that have not told theirs.", "zone"),
            "to": Key("Roles to write to, in order of preference.", "role", "`[billing, admin]`"),
        },
    ),
    s.CapKeys: Model(
        "`policy: caps`",
        {
            "account": Key("Messages to one account.", "limit"),
            "person": Key("Messages to one address of an account.", "limit"),
            "topic": Key("Messages to one account under the topic of the rule.", "limit"),
        },
    ),
    s.SendKeys: Model(
        "`send`",
        {
            "days": Key("Days of the week.", "", "every day"),
            "between": Key(
                "Begin and end of a day's hours: at 09:00 mails go out, at 17:00 no more.",
                "text `09:00-17:00`",
            ),
            "zone": Key("Whose clock: the account's, or a fixed zone.", "`account` or a zone"),
        },
    ),
    s.RuleKeys: Model(
        "`rules: NAME`",
        {
            "about": Key("What the rule is for, in a sentence."),
            "owner": Key("Who answers for it.", "", "nobody"),
            "status": Key("See [Status and dates](#status-and-dates)."),
            "trigger": Key("What makes the rule look; see [Triggers](#triggers).", "event"),
            "when": Key("The condition. A rule has this, a `trigger` or both.", "expression"),
            "let": Key("Names for values of this rule, for its texts.", "expression"),
            "guards": Key("Guards of this rule, after those in `always`.", "guard"),
            "skip_guards": Key("Guards in `always` that this rule does without. Say why in a comment.", "guard"),
            "hold": Key("As in the policy.", "", "the policy's"),
            "offer": Key("What is offered; see [Offers](#offers).", "", "no offer"),
            "to": Key("Roles to write to, in order of preference.", "role", "the policy's"),
            "message": Key("The mail."),
            "limits": Key(
                "How often this rule may speak to an account; all of them hold. `none` lifts the default.",
                "limit",
                "`1 in billing cycle`",
            ),
            "priority": Key("Who speaks if several rules want to at one moment: the largest."),
            "group": Key("Rules with the same word exclude each other.", "word"),
            "topic": Key("One of the policy's topics.", "topic", "the first one"),
            "send": Key("Replaces the policy's.", "", "the policy's"),
            "from": Key("First local day on which the rule is live.", "text `2026-03-31`"),
            "until": Key("Last local day on which the rule is live.", "text `2026-03-31`"),
            "start": Key(
                "What happens to accounts that qualify already when the rule goes live: `future`, `everyone` or "
                "`over N days`.",
                "one of these",
            ),
        },
    ),
    s.TriggerKeys: Model(
        "`trigger`, if it is more than an event",
        {
            "event": Key("The event that fires the rule, or that starts its clock.", "event"),
            "where": Key("Only such events that fit this condition.", "condition on `event`"),
            "unless": Key("The event, or any of several, that must not come for the rule to fire.", "event"),
            "same": Key("Fields that must be equal in both events, such as the cart.", "field"),
            "within": Key("How long to wait for `unless`."),
        },
    ),
    s.UnlessKeys: Model(
        "`trigger: unless`, if it is more than an event",
        {
            "event": Key("The event that must not come.", "event"),
            "where": Key("Only such events that fit this condition.", "condition on `event`"),
            "same": Key(
                "The fields of this event that match the trigger's `same`, in its order.", "field", "the same names"
            ),
        },
    ),
    s.OfferKeys: Model(
        "`offer`",
        {
            "plan": Key("The plan that is offered. An offer has this or `addon`.", "expression for a plan"),
            "addon": Key("The add-on that is offered.", "expression for an add-on"),
            "expires": Key("How long the offer and its link hold, from the sending.", "", "30 days for the link"),
            "because": Key(
                "A feature that the plan adds, or `capacity`: one more reason why it helps.", "feature, or `capacity`"
            ),
        },
    ),
    s.MessageKeys: Model(
        "`message`",
        {
            "template": Key("The file `templates/NAME.html.j2`, without its ending.", "name of a template"),
            "subject": Key("The subject line; a template of one line.", "template"),
        },
    ),
    s.TestKeys: Model(
        "an entry of `tests`",
        {
            "name": Key("What the test shows, in a sentence. Once in the project."),
            "like": Key("Another test, whose account and events this one takes over.", "name of a test"),
            "account": Key("Traits of the account, and `age`. With `like` they are laid over those of the other test."),
            "events": Key("What happens. With `like` they replace those of the other test."),
            "then": Key("What happens after that."),
            "expect": Key("What comes of it. `[]`: nothing is sent, held or made to wait."),
            "arm": Key("`holdout`: as if the account were held out.", "`holdout`"),
        },
    ),
}

#: Every stage, what is asked there, and the verdicts in which it can end a case.
STAGES: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "profile": ("Is anything known of the account? Only a rule with a trigger waits for that.", ("held",)),
    "when": ("Does `when` read yes, for what waits too, on today's numbers?", ("not_met", "unknown", "held", "lapsed")),
    "live": ("Is the rule live: not paused, and within its dates?", ("paused", "outside")),
    "group": ("Is it the strongest of its group at this moment?", ("outranked",)),
    "offer": ("Which plan or add-on is it, and at which price?", ("unknown",)),
    "guards": ("Do all guards read yes, those in `always` first?", ("held",)),
    "helps": ("Can the account have the offer, and does it help?", ("unhelpful", "unknown")),
    "recipient": ("Is there somebody with one of the roles, and an address that works?", ("no_recipient",)),
    "limits": ("Has this rule said it often enough?", ("limited",)),
    "caps": ("Has the account, the person or the topic had enough mail?", ("capped",)),
    "contest": ("Of several rules at one moment: is it the winner?", ("outranked",)),
    "holdout": ("Is the account held out by lot?", ("holdout",)),
    "window": ("Is the send window open, and has the backlog been read?", ("waiting",)),
    "render": ("Can the mail be made? A rule in shadow stops here.", ("shadow", "failed")),
    "emit": ("Nothing has stopped it.", ("sent",)),
}

OUTCOMES: Final[dict[str, str]] = {
    "emitted": "counts in the limits; the crossing is used up",
    "waits": "looked at again, see [Hold](#hold)",
    "spent": "the crossing is used up without a message",
    "stopped": "nothing waits; the next event that reads yes, or the next trigger, tries again",
    "no": "nothing happened",
}

#: What stands in the brackets behind a verdict where the code works it out: `held(no_ticket)`.
REASONS: Final[dict[str, str]] = {
    "held": "the guard, or the value of `when` that has become unknown",
    "limited": "the limit",
    "capped": "whose cap: account, person or topic",
    "outranked": "the rule that won",
    "unknown": "the value that is missing",
    "failed": "what the mail lacks",
    "no_recipient": "the roles asked for",
}

#: What the language knows and this release refuses, by what it would do.
LATER: Final[dict[str, str]] = {
    "billed": "how often a plan is billed, for texts",
    "cohorts": "figures of similar accounts",
    "gives": "what a credit pack contains",
    "by": "meters by group",
    "after_no": "how long a no holds",
    "breaker": "a rule that sends too much pauses itself",
    "experiment": "variants, and a holdout of one rule",
    "follow_up": "further mails after the first",
    "goal": "what the rule wants to reach",
    "deliver": "digests",
    "lasting": "true for some days or cycles in a row",
    "every": "at every further step of a meter",
    "rollout": "a share of the accounts first",
    "times": "the Nth occurrence",
    "in": "the Nth occurrence",
    "sequence": "one event after another",
    "schedule": "dates and times of day",
    "within": "a time of its own for `unless`",
    "trial": "trials",
    "days": "trials",
    "discount": "discounts",
    "for": "discounts",
    "credit_pack": "credit packs",
    "proof": "an example of the same trade",
}

#: Names and functions that are refused with N103 where an expression reads them.
LATER_NAMES: Final = ("largest", "groups", "peers", "trigger", "variant", "step")

#: Why a record is set aside: what it means, and what its sender should do.
DEAD_LETTERS: Final[dict[str, tuple[str, str]]] = {
    "not_json": ("The line is not a JSON object.", "Write one object a line, in UTF-8."),
    "too_large": ("The line is longer than 64 KiB.", "Send what rules read, not whole documents."),
    "too_deep": ("Lists or objects stand within each other too deeply.", "Flatten the data."),
    "no_account": ("`account` (in CloudEvents `subject`) is missing or cannot be one.", "Name the account."),
    "no_id": ("`id` is missing or cannot be one.", "Give each event an id of its own."),
    "no_time": ("`time` is missing, no time, or before 1970.", "Send when it happened, in RFC 3339."),
    "no_zone": ("`time` has no zone, so the instant is not known.", "End it with `Z` or an offset."),
    "bad_field": ("A field has the wrong type or an impossible value.", "Send what `events:` declares."),
    "bad_money": ("An amount is no number, too large, or too fine.", "Send a JSON number, or the same in quotes."),
    "unknown_trait": (
        "`account.updated` carries a trait that nobody declared.",
        "Declare it under `events: account.updated`, or leave it out.",
    ),
    "too_late": (
        "The event is further behind the newest one than `lateness`, so a repeat could not be told.",
        "Send earlier, or raise `lateness`.",
    ),
    "in_future": ("By the wall clock the event is more than 10 minutes ahead.", "Set the sender's clock."),
    "id_reused": ("An event with this id was counted with other content.", "Give a correction an id of its own."),
    "internal_error": ("nudger failed on this event; its log says how.", "Report it."),
}


class Setting(NamedTuple):
    """One setting: the form of its value, its default in words, and what it does."""

    form: str
    default: str
    says: str


SETTINGS: Final[dict[str, Setting]] = {
    "links.base_url": Setting(
        "https address without a query", "none; `run` and `preview` need it", "Where all links in mails lead."
    ),
    "links.keys": Setting(
        "id = secret of 32 characters or more",
        "none; `run` and `preview` need one",
        "Keys that sign links: the first signs, all are accepted. An id is 1 to 16 letters, digits, `-` and `_`.",
    ),
    "mail.from": Setting("name and one address", "none; `run` and `preview` need it", "The sender of every mail."),
    "dedupe.max_ids": Setting("whole number from 1,000", "20,000,000", "How many ids are remembered at most."),
    "timers.settle": Setting(
        "length of time", "1 minute", "How long after it is due a timer is read, by the wall clock only."
    ),
    "clock": Setting(
        "`events` or `wall`", "`events`; with `--follow` `wall`", "Which clock decides; `--clock` goes before it."
    ),
    "lateness": Setting(
        "length of time, 1 hour to 40 days",
        "48 hours",
        "Events further behind the newest one are set aside; ids are remembered as long.",
    ),
}

#: Exit codes of the process: what happened, and who does something about it.
EXITS: Final[dict[int, tuple[str, str]]] = {
    0: ("Fine.", "Nobody."),
    1: ("`check` or `test` found something, `preview` cannot make the mail, or `--strict` is not met.", "Growth team."),
    2: ("A wrong argument or setting.", "Whoever started it."),
    3: ("A file or folder cannot be read or written.", "Operator; starting again is safe."),
    4: ("State, inputs and outputs do not fit together.", "Operator; the message says what to put back."),
    5: ("Another process is at work on this state or output.", "Operator: end one of them."),
    70: ("A fault of nudger itself.", "Report it; `--debug` logs the details."),
    130: ("Interrupted (SIGINT).", "Nobody; the same command goes on."),
    141: ("Whoever read standard output has gone.", "Nobody; the same command goes on."),
    143: ("Ended by SIGTERM before the end of the input, without `--follow`.", "Nobody; the same command goes on."),
}

TRAITS: Final[dict[str, str]] = {
    "name": "The account's name for people.",
    "plan": "The plan it pays for: an id of the catalogue.",
    "plan_price": "What it pays for its own plan a cycle, if that is not the list price.",
    "seats": "Seats it pays for, a whole number.",
    "addons": "Add-ons it has. Missing is not known; `[]` is none.",
    "trial": "The plan it is trying.",
    "trial_ends_at": "When the trial ends.",
    "tried": "Plans it has tried before.",
    "features_used": "Features it really uses. Missing is not known.",
    "created_at": "When it became a customer; `account.age` is counted from here.",
    "plan_since": "When its plan became the present one; nudger notes it by itself too.",
    "renews_at": "When its contract renews.",
    "anchor_day": "Day of the month on which its billing cycle begins, 1 to 31.",
    "cycle_started_at": "Begins a new billing cycle at once.",
    "currency": "Currency of its money fields, if not the catalogue's.",
    "zone": "Time zone, such as `Europe/Copenhagen`.",
    "locale": "Language. Kept; mails are in English in this release.",
    "stage": "Free text, such as `growth`.",
    "industry": "Free text, such as `recruiting`.",
    "size": "Free text.",
    "milestones": "What it has reached, such as `first_value`.",
    "open_tickets": "Support tickets that are open.",
    "unpaid": "Whether an invoice is unpaid.",
    "owner": "Who looks after it in your company: `{ address, name }`.",
    "contacts": "Its people: a list of `{ address, role, name, first_name, locale, zone }`.",
}

#: What the fields of an outbound message mean, beyond what the schema itself says.
FIELDS: Final[dict[str, str]] = {
    "Message.specversion": "CloudEvents 1.0.",
    "Message.id": "The nudge's id. **De-duplicate by it**: a message that comes again carries the same id.",
    "Message.source": "Which nudger decided.",
    "Message.type": "Read only what you know.",
    "Message.subject": "The account. Also the key of the message.",
    "Message.time": "When the nudge was decided.",
    "Message.datacontenttype": "",
    "Message.dataschema": "The version of this contract.",
    "Message.data": "The nudge.",
    "Nudge.version": "The version of this contract.",
    "Nudge.id": "As in the envelope.",
    "Nudge.rule": "The rule that spoke.",
    "Nudge.rule_version": "Hash of everything in that rule, for your figures.",
    "Nudge.account": "The account.",
    "Nudge.to": "The one person it goes to.",
    "Nudge.from": "The sender, a name and one address.",
    "Nudge.subject": "The subject line, ready.",
    "Nudge.html": "The HTML part, whole, with its styles in the tags.",
    "Nudge.text": "The plain text part.",
    "Nudge.headers": "Set them as they are and sign them with DKIM.",
    "Nudge.topic": "What the recipient can opt out of.",
    "Nudge.locale": "The language of the mail; `en` in this release.",
    "Nudge.offer": "What is offered, null for a mail without an offer.",
    "Nudge.reason": "The numbers that were compared, as text, by their names in the rule.",
    "Nudge.variant": "null in this release.",
    "Nudge.follow_up": "0 in this release.",
    "Nudge.test": "Do not count it; `run` writes false.",
    "Nudge.created": "When the nudge was decided.",
    "Nudge.expires": "Do not send it from then on.",
    "Nudge.cause": "What opened it: an event, or a timer that was due.",
    "Recipient.address": "",
    "Recipient.name": "Empty if it is not known.",
    "Recipient.role": "Why this person: `billing`, `admin`, …",
    "Offer.kind": "`plan` or `addon` in this release.",
    "Offer.name": "For people.",
    "Offer.price": "A billing cycle.",
    "Offer.currency": "ISO 4217.",
    "Offer.saving": "What this account would have saved; null if nothing, or not known.",
    "Offer.link": "The signed link that accepts the offer. A GET must change nothing.",
    "Offer.expires": "Until when link and price hold.",
    "Offer.plan": "Its id, for a plan.",
    "Offer.addon": "Its id, for an add-on.",
    "Cause.source": "Of the event.",
    "Cause.id": "Of the event.",
    "Cause.type": "Of the event.",
    "Cause.time": "Of the event.",
    "Cause.due": "When the timer was due.",
}
