"""Mails as they go out: flattened, styles in the tags, text made from the HTML. Looked at by people when they change.

``python -m tests.golden.mail.test_golden`` writes the files anew.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from nudger.mail.formats import Format
from nudger.mail.templates import Rendered, TemplateSet

HERE = Path(__file__).parent
CASES = ["headline", "comparison"]


def data() -> dict[str, Any]:
    plans = [("Pay-as-you-go", 75, 175, None), ("Scale", 125, 125, 50), ("Team", 300, 0, -125)]
    return {
        "person": {"first_name": "Ada <3"},
        "account": {"name": "Gorilla & Sons"},
        "bill": Decimal("175.00"),
        "over": Decimal("50.00"),
        "seats": 1200,
        "plan": {"name": "Pay-as-you-go"},
        "next_plan": {"name": "Scale", "price": Decimal("125.00"), "includes": {"assessment_credits": 15}},
        "offer": {"link": "https://go.example/accept/v1.k.p.s", "expires": 1_776_160_800_000},
        "links": {"preferences": "https://go.example/p/1", "unsubscribe": "https://go.example/u/1"},
        "comparison": [
            {
                "plan": {"name": name, "features": ["api", "sso"] if name == "Scale" else []},
                "price": Decimal(price),
                "bill": Decimal(bill) if bill else None,
                "saving": None if saving is None else Decimal(saving),
                "offered": name == "Scale",
            }
            for name, price, bill, saving in plans
        ],
        "_format": Format("USD", ZoneInfo("Europe/Copenhagen")),
    }


def rendered(case: str) -> Rendered:
    return TemplateSet(HERE / case).html("mail").render(data())


@pytest.mark.parametrize("case", CASES)
def test_a_mail_is_what_it_was(case: str) -> None:
    mail = rendered(case)

    assert mail.html == (HERE / case / "mail.html").read_text()
    assert mail.text == (HERE / case / "mail.txt").read_text()


def write() -> None:
    """Write what the templates give now."""
    for case in CASES:
        mail = rendered(case)
        (HERE / case / "mail.html").write_text(mail.html)
        (HERE / case / "mail.txt").write_text(mail.text)


if __name__ == "__main__":
    write()
