"""Verdicts: every evaluation of a rule ends in one of these words, and each word has one of five outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Outcome(Enum):
    """What the engine does after a verdict.

    EMITTED: counts in the rule's limits; the crossing is used up. WAITS: taken up again. SPENT: the crossing is used up
    without a message. STOPPED: nothing waits, and the same crossing may come again. NO: nothing happened.
    """

    EMITTED = "emitted"
    WAITS = "waits"
    SPENT = "spent"
    STOPPED = "stopped"
    NO = "no"


#: Word -> (outcome, what it means, for people). The order is the number kept in the state: append only.
VERDICTS: dict[str, tuple[Outcome, str]] = {
    "not_met": (Outcome.NO, "`when` reads no; the next yes is a crossing"),
    "sent": (Outcome.EMITTED, "the message has been emitted"),
    "shadow": (Outcome.EMITTED, "would have been sent; the rule is in shadow"),
    "holdout": (Outcome.EMITTED, "withheld by lot, to measure what the nudges bring"),
    "said": (Outcome.NO, "still yes since a crossing that is used up; needs a no first"),
    "limited": (Outcome.SPENT, "this rule has said it often enough"),
    "held": (Outcome.WAITS, "a guard has not passed; looked at again when it may have"),
    "waiting": (Outcome.WAITS, "waits for the send window, or for the backlog to be read"),
    "lapsed": (Outcome.STOPPED, "waited in vain: its reason has gone, or the hold is over"),
    "capped": (Outcome.STOPPED, "the account or the person has had enough messages lately"),
    "unhelpful": (Outcome.STOPPED, "the offer would not help this customer"),
    "no_recipient": (Outcome.STOPPED, "nobody with the asked role can be written to"),
    "failed": (Outcome.STOPPED, "the mail could not be rendered"),
    "unknown": (Outcome.STOPPED, "a value that is needed is missing"),
    "outranked": (
        Outcome.STOPPED,
        "another rule won this moment; not before the account's next day (used up in a group)",
    ),
    "paused": (Outcome.SPENT, "the rule is paused; a crossing during the pause is gone"),
    "cancelled": (Outcome.SPENT, "its purpose is over"),
    "outside": (Outcome.STOPPED, "the rule is not live for this account"),
}

WORDS: tuple[str, ...] = tuple(VERDICTS)
NUMBERS: dict[str, int] = {word: number for number, word in enumerate(WORDS)}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One answer: the word, why (a guard, a cause, another rule's name; "" for none), and whether it spends.

    `spends` overrides the word's outcome: inside a group, `outranked` uses the crossing up.
    """

    word: str
    reason: str = ""
    spends: bool = False

    @property
    def outcome(self) -> Outcome:
        """What the engine does now."""
        return Outcome.SPENT if self.spends else VERDICTS[self.word][0]

    def __str__(self) -> str:
        return f"{self.word}({self.reason})" if self.reason else self.word
