"""Reading template files: only ordinary UTF-8 files inside the templates folder, each at most 256 kB."""

from __future__ import annotations

import re
from pathlib import Path

from nudger.errors import Problem
from nudger.mail.problems import Source, did_you_mean

MAX_BYTES = 256 * 1024
"""Of one file, of one mail's template with all it includes, and of one rendered part."""

_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)*\Z")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f]")


class Folder:
    """The templates folder. Files are named as in `{% include %}`: relative to it, with forward slashes."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def shown(self, file: str) -> str:
        """Return how *file* is named to people: with the folder's own name before it."""
        return f"{self.root.name}/{file}" if self.root.name else file

    def files(self, suffix: str) -> list[str]:
        """Return all files that end in *suffix*, sorted."""
        found = (path.relative_to(self.root).as_posix() for path in self.root.rglob(f"*{suffix}") if path.is_file())
        return sorted(file for file in found if _NAME.match(file))

    def exists(self, file: str) -> bool:
        """Tell whether *file* has a sound name and something by that name is in the folder."""
        return bool(_NAME.match(file)) and (self.root / file).exists()

    def read(self, file: str) -> Source | Problem:
        """Return the text of *file*, or what is wrong with it (T201, T202, T203)."""
        empty = Source(self.shown(file), "")
        if not self.exists(file):
            suffix = "".join(re.findall(r"\.\w+\.j2\Z", file)) or ".j2"
            hint = did_you_mean(file, self.files(suffix)) or f"the files are in {self.root.name}/"
            return empty.problem("T201", f"there is no template '{file}'", hint=hint)
        path = self.root / file
        if not path.resolve().is_relative_to(self.root.resolve()) or not path.is_file():
            return empty.problem("T202", f"'{file}' is no ordinary file inside {self.root.name}/")
        try:
            with path.open("rb") as stream:
                raw = stream.read(MAX_BYTES + 1)
        except OSError as error:
            return empty.problem("T202", f"'{file}' cannot be read: {error.strerror}")
        if len(raw) > MAX_BYTES:
            return empty.problem("T203", f"'{file}' is larger than {MAX_BYTES // 1024} kB")
        return _decode(raw, empty.path)


def _decode(raw: bytes, path: str) -> Source | Problem:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return Problem("T202", "this file is not saved as UTF-8", path, line, hint="save it again as UTF-8")
    source = Source(path, text.replace("\r\n", "\n").replace("\r", "\n"))
    control = _CONTROL.search(source.text)
    if control:
        line = source.text.count("\n", 0, control.start()) + 1
        return source.problem("T202", "an invisible control character stands here", line, control[0], "delete it")
    return source
