"""Measure `check` of 500 generated rules, as a whole process and as a call.

python -m tests.bench.check_rules [--rules 500]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nudger.project import check
from tests.bench.generate import project

RULE = """  generated-{n}:
    about: Generated rule number {n}
    when: plan == {plan} and extra_credits >= {a} and bill > {b} USD and account.age >= {c} days
    offer: {{ plan: next_plan, expires: 14 days }}
    let: {{ over_{n}: bill - {b} USD }}
    message: {{ template: payg-to-scale, subject: "Rule {n}: {{{{ bill | money }}}}" }}
    priority: {p}
"""


def write(folder: Path, count: int) -> None:
    """Write a project with *count* rules into *folder*."""
    project(folder)
    plans = ("payg", "scale", "lite", "plus", "basic")
    rules = [
        RULE.format(n=n, plan=plans[n % 5], a=n % 17, b=50 + n, c=n % 400, p=n % 100).replace("let:", "let:")
        for n in range(count)
    ]
    (folder / "rules" / "bills.yaml").write_text("rules:\n" + "\n".join(rules).replace("over_", "over_by_"))
    template = folder / "templates" / "payg-to-scale"
    for suffix in (".html.j2", ".txt.j2"):
        Path(f"{template}{suffix}").write_text("<p>{{ bill | money }} {{ links.unsubscribe }}</p>")


def main() -> None:
    """Print both figures."""
    parser = argparse.ArgumentParser(description="time `check` of many rules")
    parser.add_argument("--rules", type=int, default=500)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, args.rules)
        begun = time.perf_counter()
        found, problems = check(folder)
        called = time.perf_counter() - begun
        errors = [problem for problem in problems if problem.severity == "error"]
        if found is None or errors:
            sys.exit(f"the generated rules do not check clean: {errors[:3]}")
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-m", "nudger", "-C", name, "check"], check=True, capture_output=True)
        whole = time.perf_counter() - begun
    print(f"check of {args.rules} rules: {called:.2f} s as a call, {whole:.2f} s as a whole process")


if __name__ == "__main__":
    main()
