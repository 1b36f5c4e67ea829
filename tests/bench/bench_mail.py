"""How long one mail takes: HTML, text and subject. ``python -m tests.bench.bench_mail --help``."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from nudger.mail.links import LinkKeys, offer_link, verify
from nudger.mail.templates import TemplateSet, compile_subject
from tests.golden.mail.test_golden import HERE, data


def microseconds(run: Callable[[], object], times: int, rounds: int) -> float:
    """Return the time of one call in us: the best of several rounds, in which other programs disturbed least."""
    best = float("inf")
    for _ in range(rounds):
        begun = time.perf_counter()
        for _ in range(times):
            run()
        best = min(best, (time.perf_counter() - begun) / times)
    return best * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--templates", type=Path, default=HERE / "headline", help="a templates folder")
    parser.add_argument("--name", default="mail", help="the template, whose values must be those of the golden mails")
    parser.add_argument("--times", type=int, default=2_000, help="calls in a round")
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()

    begun = time.perf_counter()
    template = TemplateSet(args.templates).html(args.name)
    print(f"load              {(time.perf_counter() - begun) * 1e3:8.1f} ms")
    subject = compile_subject("Your bill is {{ bill | money }}. {{ next_plan.name }} is {{ next_plan.price | money }}")
    values, keys = data(), LinkKeys({"k1": b"sixteen bytes or more"})

    def link() -> str:
        offer = {"kind": "plan", "plan": "scale", "price": "125.00", "currency": "USD", "expires": 1_776_160_800}
        return offer_link("https://go.example", keys, account="acme", nudge="n-1", topic="product", **offer)  # type: ignore[arg-type]

    token = link().rpartition("/")[2]
    runs: dict[str, Callable[[], object]] = {
        "HTML and text": lambda: template.render(values),
        "subject": lambda: subject.render(values),
        "whole mail": lambda: (template.render(values), subject.render(values)),
        "sign a link": link,
        "verify a link": lambda: verify(token, "accept", 0, keys),
    }
    for name, run in runs.items():
        print(f"{name:<16}  {microseconds(run, args.times, args.rounds):8.1f} us")
    print(f"size              {len(template.render(values).html):8} characters of HTML")


if __name__ == "__main__":
    main()
