"""Write the generated parts of the pages, and the machine-readable contracts.

    python -m tests.docs.generate

A change of the outbound contract that would break a consumer is refused: it needs a new version, see `contracts`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.docs.contracts import BreakingChange, documents
from tests.docs.pages import ROOT, filled, pages, parts_of
from tests.docs.tables import PARTS


def generated() -> dict[Path, str]:
    """Return every file that is generated, whole or in parts, as it should be.

    Raises:
        BreakingChange: The outbound contract would break its consumers.
    """
    parts = {name: make() for name, make in PARTS.items()}
    files = {path: path.read_text("utf-8") for path in pages()}
    found = {path: filled(text, parts) for path, text in files.items() if parts_of(text)}
    return {**found, **documents()}


def main() -> int:
    """Write what differs; name it."""
    try:
        files = generated()
    except BreakingChange as breaking:
        print(breaking, file=sys.stderr)
        return 1
    for path, text in files.items():
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            print(f"written: {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
