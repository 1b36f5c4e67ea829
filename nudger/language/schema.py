"""The shape of rule files, as pydantic models: which keys exist, which are a must, which form their values have.

Every scalar arrives as text (see `nodes`); typed fields read it here. What belongs together (names, plans, types of
expressions) is checked afterwards, in `book`. `LATER` names the keys of the language that this release does not run.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from nudger.core.catalog import UNLIMITED
from nudger.core.money import MOST_DECIMALS, TOO_MUCH
from nudger.language import tree
from nudger.language.grammar import parse
from nudger.language.tokens import SyntaxProblem

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RULE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_PLAIN_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("expected text")
    return value


def _amount(value: Any) -> Decimal:
    text = _text(value)
    if not _PLAIN_NUMBER.fullmatch(text):
        raise ValueError(f"expected an amount such as 125 or 32.50, found '{value}'")
    amount = Decimal(text)
    exponent = amount.as_tuple().exponent
    if amount < 0 or amount >= TOO_MUCH or (isinstance(exponent, int) and -exponent > MOST_DECIMALS):
        raise ValueError(f"expected an amount from 0 to below 10^15 with at most 9 decimals, found '{value}'")
    return amount


def _quantity(value: Any) -> Decimal:
    if value == "unlimited":
        return UNLIMITED
    try:
        amount = Decimal(_text(value)) if _PLAIN_NUMBER.fullmatch(_text(value)) else None
    except InvalidOperation:  # pragma: no cover - the pattern admits only numbers
        amount = None
    if amount is None or amount < 0:
        raise ValueError(f"expected a number such as 50000, or unlimited, found '{value}'")
    return amount


def _share(value: Any) -> Decimal:
    text = _text(value)
    if not text.endswith("%") or not _PLAIN_NUMBER.fullmatch(text[:-1].strip()):
        raise ValueError(f"expected a percentage such as 5%, found '{value}'")
    share = Decimal(text[:-1].strip()) / 100
    if not 0 <= share <= 1:
        raise ValueError(f"expected a percentage from 0% to 100%, found '{value}'")
    return share


def _length(value: Any) -> int:
    try:
        parsed = parse(_text(value))
    except SyntaxProblem as problem:
        raise ValueError(f"expected a length of time such as 7 days; {problem.message}") from None
    if not isinstance(parsed, tree.Duration) or parsed.milliseconds <= 0:
        raise ValueError(f"expected a length of time such as 7 days, found '{value}'")
    return parsed.milliseconds


def _whole(value: Any) -> int:
    text = _text(value)
    if not re.fullmatch(r"-?\d{1,9}", text):
        raise ValueError(f"expected a whole number, found '{value}'")
    return int(text)


def _flag(value: Any) -> bool:
    if value not in ("true", "false"):
        raise ValueError(f"expected true or false, found '{value}'")
    return bool(value == "true")


def _name(value: Any) -> str:
    if not _NAME.fullmatch(_text(value)):
        raise ValueError(
            f"a name has letters, digits and _ and begins with no digit; '{value}' cannot be read in `when`"
        )
    return str(value)


def _rule_name(value: Any) -> str:
    if not _RULE.fullmatch(_text(value)) or len(value) > 100:
        raise ValueError(f"a rule's name has letters, digits, - _ . and no spaces, found '{value}'")
    return str(value)


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Amount = Annotated[Decimal, BeforeValidator(_amount)]
Quantity = Annotated[Decimal, Field(allow_inf_nan=True), BeforeValidator(_quantity)]
Share = Annotated[Decimal, BeforeValidator(_share)]
Length = Annotated[int, BeforeValidator(_length)]
Whole = Annotated[int, BeforeValidator(_whole)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Words = Annotated[str, BeforeValidator(_text)]
Ident = Annotated[str, BeforeValidator(_name)]
RuleName = Annotated[str, BeforeValidator(_rule_name)]
OneOrMany = Annotated[list[Words], BeforeValidator(_one_or_many)]


def _form(value: Any) -> str:
    """Tell the short form of a value from the one with keys; what is neither is refused as the short one."""
    return "long" if isinstance(value, (dict, BaseModel)) else "short"


class Keys(BaseModel):
    """A mapping whose keys are all known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StepKeys(Keys):
    """One step of a graduated price."""

    to: Quantity | None = None
    price: Amount


class ExtraKeys(Keys):
    """Extra use by begun packages, or graduated."""

    package: Quantity | None = None
    price: Amount | None = None
    steps: list[StepKeys] | None = None


Extra = Annotated[
    Annotated[Amount, Tag("short")] | Annotated[ExtraKeys, Tag("long")],
    Discriminator(_form),
]


class PlanKeys(Keys):
    """One plan of the catalogue."""

    name: Words
    price: Amount | None = None
    seat_price: Amount | None = None
    includes: dict[Ident, Quantity] = {}
    extra: dict[Ident, Extra] = {}
    features: list[Words] = []
    next: Words | None = None
    offerable: list[Words] | None = None
    sold: Flag = True


class AddonKeys(Keys):
    """One add-on of the catalogue."""

    name: Words
    price: Amount


class CatalogKeys(Keys):
    """Plans, add-ons and how units are measured."""

    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    plans: dict[Ident, PlanKeys]
    addons: dict[Ident, AddonKeys] = {}
    units: dict[Ident, Words] = {}
    offerable: list[Words] | None = None
    bill: Words | None = None


FieldKind = Literal["text", "number", "money", "time", "bool", "plan", "addon", "list"]


class MeterKeys(Keys):
    """What is counted, over which window."""

    count: Words | None = None
    sum: Words | None = None
    unique: Words | None = None
    max: Words | None = None
    min: Words | None = None
    last: Words | None = None
    share: Words | None = None
    of: Words | None = None
    over: Words | None = None
    where: Words | None = None


class SendKeys(Keys):
    """When mail may go out."""

    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] = [
        "mon",
        "tue",
        "wed",
        "thu",
        "fri",
        "sat",
        "sun",
    ]
    between: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$")] = "00:00-24:00"
    zone: Words = "account"


Send = Annotated[
    Annotated[Literal["any time"], Tag("short")] | Annotated[SendKeys, Tag("long")],
    Discriminator(_form),
]


class CapKeys(Keys):
    """How much mail is enough, over all rules."""

    account: OneOrMany = []
    person: OneOrMany = []
    topic: OneOrMany = []


class PolicyKeys(Keys):
    """What holds for all rules."""

    guards: dict[Ident, Words] = {}
    always: list[Words] = []
    hold: Length | None = None
    caps: CapKeys = CapKeys()
    send: Send | None = None
    holdout: Share = Decimal(0)
    topics: list[Words] = []
    zone: Words = "UTC"
    to: OneOrMany | None = None


class UnlessKeys(Keys):
    """The event that cancels an absence, with its conditions."""

    event: Words
    where: Words | None = None
    same: list[Words] | None = None


Unless = Annotated[
    Annotated[Words, Tag("short")] | Annotated[UnlessKeys, Tag("long")],
    Discriminator(_form),
]


class TriggerKeys(Keys):
    """An event, or with `unless` its absence."""

    event: Words
    where: Words | None = None
    unless: (
        Annotated[
            Annotated[Words, Tag("short")] | Annotated[UnlessKeys, Tag("long")] | Annotated[list[Unless], Tag("many")],
            Discriminator(lambda value: "many" if isinstance(value, list) else _form(value)),
        ]
        | None
    ) = None
    same: list[Words] = []
    within: Length | None = None


Trigger = Annotated[
    Annotated[Words, Tag("short")] | Annotated[TriggerKeys, Tag("long")],
    Discriminator(_form),
]


class OfferKeys(Keys):
    """A plan or an add-on, possibly for a limited time."""

    plan: Words | None = None
    addon: Words | None = None
    expires: Length | None = None
    because: Words | None = None


class MessageKeys(Keys):
    """Which template, under which subject."""

    template: Words
    subject: Words


class RuleKeys(Keys):
    """One rule."""

    about: Words
    owner: Words = ""
    status: Literal["draft", "shadow", "live", "paused"] = "live"
    trigger: Trigger | None = None
    when: Words | None = None
    let: dict[Ident, Words] = {}
    guards: list[Words] = []
    skip_guards: list[Words] = []
    hold: Length | None = None
    offer: OfferKeys | None = None
    to: OneOrMany | None = None
    message: MessageKeys
    limits: OneOrMany | None = None
    priority: Whole = 50
    group: Words | None = None
    topic: Words | None = None
    send: Send | None = None
    from_: Annotated[str | None, Field(alias="from", pattern=r"^\d{4}-\d{2}-\d{2}$")] = None
    until: Annotated[str | None, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] = None
    start: Words = "future"


class TestKeys(Keys):
    """One test in the growth team's words; its parts are read by `scenario`."""

    name: Words
    like: Words | None = None
    account: Any = None
    events: list[dict[str, Any]] = []
    then: list[dict[str, Any]] = []
    expect: list[dict[str, Any]] | None = None
    arm: Words | None = None


class FileKeys(Keys):
    """One file under `rules/`."""

    catalog: CatalogKeys | None = None
    events: dict[Words, dict[Ident, FieldKind] | None] = {}
    meters: dict[Ident, MeterKeys] = {}
    facts: dict[Ident, Words] = {}
    policy: PolicyKeys | None = None
    rules: dict[RuleName, RuleKeys] = {}
    tests: list[TestKeys] = []


#: Keys of the language that this release refuses, by the model that would hold them.
LATER: Final[dict[type[BaseModel], frozenset[str]]] = {
    FileKeys: frozenset({"cohorts"}),
    PlanKeys: frozenset({"billed"}),
    AddonKeys: frozenset({"gives"}),
    MeterKeys: frozenset({"by"}),
    PolicyKeys: frozenset({"after_no", "breaker"}),
    RuleKeys: frozenset({"experiment", "follow_up", "goal", "deliver", "lasting", "every", "rollout"}),
    TriggerKeys: frozenset({"times", "in", "sequence", "schedule"}),
    UnlessKeys: frozenset({"within"}),
    OfferKeys: frozenset({"trial", "days", "discount", "for", "credit_pack"}),
    MessageKeys: frozenset({"proof"}),
    TestKeys: frozenset({"cohorts"}),
}
