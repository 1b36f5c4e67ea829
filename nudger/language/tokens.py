"""Cut the text of an expression into tokens; the first thing that is no token ends the list.

Spellings of other languages (``&&``, ``=``, ``{{``, ``1,000``) are recognised here, because here they are one
token: each becomes a problem with advice. A problem is put into the list in its place instead of being raised, so
that the parser meets whatever is wrong in the order in which a person reads it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from nudger.errors import NudgerError

DIGITS_MAX: Final = 18  # characters of one number; times the milliseconds of a week it fits Decimal's 28 digits


class SyntaxProblem(NudgerError):
    """What is wrong in one expression; `start` and `end` are offsets into its text, in characters."""

    def __init__(self, code: str, message: str, start: int, end: int, hint: str = "") -> None:
        self.code = code
        self.message = message
        self.start = start
        self.end = end
        self.hint = hint
        super().__init__(f"{start}: {code} {message}")


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text.

    Attributes:
        kind: What it is; a `bad` one carries its problem, an `end` stands behind the last.
        text: As written; of a `text` the value, without quotes and escapes.
        start: Offset of its first character.
        end: Offset behind its last character.
        problem: What is wrong with a `bad` one.
    """

    kind: Literal["number", "text", "word", "sign", "currency", "bad", "end"]
    text: str
    start: int
    end: int
    problem: SyntaxProblem | None = None


DURATIONS: Final = {"second": 1_000, "minute": 60_000, "hour": 3_600_000, "day": 86_400_000, "week": 604_800_000}
CURRENCIES: Final = {"$": "USD", "€": "EUR", "£": "GBP"}
SHORT_UNITS: Final = {
    **dict.fromkeys(("s", "sec", "secs"), "seconds"),
    **dict.fromkeys(("m", "min", "mins"), "minutes"),
    **dict.fromkeys(("h", "hr", "hrs"), "hours"),
    "d": "days",
    **dict.fromkeys(("w", "wk", "wks"), "weeks"),
}

_SPACE: Final = re.compile(r"\s+")
_NUMBER: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
_TEXT: Final = re.compile(r""""((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)'""")
_SIGN: Final = re.compile(r"==|!=|<=|>=|[-+*/<>()\[\],.%]")
_ESCAPE: Final = re.compile(r"\\(.)")
_ESCAPED: Final = {'"': '"', "'": "'", "\\": "\\", "n": "\n", "t": "\t"}

_SEPARATED: Final = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?(?![0-9])|[0-9]+(?:_+[0-9]+)+(?:\.[0-9]+)?")
_HALF: Final = re.compile(r"\.[0-9]+")
_STUCK: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)([A-Za-z_][A-Za-z0-9_]*)")

# Spellings of other languages: pattern, code, message, hint; the first that matches counts.
_FOREIGN: Final = tuple(
    (re.compile(pattern), code, message, hint)
    for pattern, code, message, hint in (
        (
            r"\{\{|\}\}|\{%|%\}",
            "N155",
            "conditions are written without {{ }}",
            "{{ }} belongs in subjects and templates only",
        ),
        (r"&&?", "N156", "`&&` is not used here", "write `and`"),
        (r"\|\|", "N156", "`||` is not used here", "write `or`"),
        (r"\|", "N156", "`|` is not used here", "write `or`; filters such as `| money` belong in templates"),
        (r"!==", "N157", "`!==` is not used here", "write `!=`"),
        (r"!(?!=)", "N156", "`!` is not used here", "write `not`"),
        (r"===", "N157", "`===` is not used here", "write `==`"),
        (r"=>", "N157", "`=>` is not used here", "write `>=`"),
        (r"=<", "N157", "`=<` is not used here", "write `<=`"),
        (r"=(?!=)", "N154", "a single `=` compares nothing", "write `==`"),
        (r"<>", "N157", "`<>` is not used here", "write `!=`"),
        (r"\*\*|\^", "N157", "there are no powers here", "write `x * x`"),
        (r"//", "N157", "`//` is not used here", "write `/`"),
        (r"[“”„«»‘’‚`]", "N168", "this quote is not a straight one", 'write texts as "…"'),
        ("≥", "N168", "`≥` is not used here", "write `>=`"),
        ("≤", "N168", "`≤` is not used here", "write `<=`"),
        ("≠", "N168", "`≠` is not used here", "write `!=`"),
        ("[×·]", "N168", "this sign is not used here", "write `*`"),
        ("÷", "N168", "`÷` is not used here", "write `/`"),
        ("[−–—]", "N168", "this dash is not a minus", "write `-`"),
        ("#", "N168", "a comment cannot stand inside an expression", "put it on a line above"),
        (r"[{}]", "N168", "braces are not used in expressions", "write a list as [a, b]"),
        (r"[^\W\d_]", "N168", "names are written with the letters a to z", ""),
    )
)


def tokenize(text: str) -> list[Token]:
    """Return the tokens of *text*, closed by one `end` or, at the first piece that is none, one `bad`."""
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        if space := _SPACE.match(text, position):
            position = space.end()
            continue
        try:
            token = _token(text, position)
        except SyntaxProblem as problem:
            tokens.append(Token("bad", text[problem.start : problem.end], problem.start, problem.end, problem))
            return tokens
        tokens.append(token)
        position = token.end
    tokens.append(Token("end", "", len(text), len(text)))
    return tokens


def _token(text: str, position: int) -> Token:
    first = text[position]
    if first in "\"'":
        return _quoted(text, position)
    if first in CURRENCIES:
        return Token("currency", first, position, position + 1)
    if first in "0123456789" or _HALF.match(text, position):
        return _number(text, position)
    if word := _WORD.match(text, position):
        return Token("word", word[0], position, word.end())
    for pattern, code, message, hint in _FOREIGN:
        if found := pattern.match(text, position):
            raise SyntaxProblem(code, message, position, found.end(), hint)
    if sign := _SIGN.match(text, position):
        return Token("sign", sign[0], position, sign.end())
    raise SyntaxProblem("N168", f"{_shown(first)} is not used in expressions", position, position + 1)


def _quoted(text: str, position: int) -> Token:
    found = _TEXT.match(text, position)
    if found is None:
        line_end = text.find("\n", position)
        end = len(text) if line_end < 0 else line_end
        quote = text[position]
        raise SyntaxProblem("N159", "this quote is never closed", position, end, f"end the text with {quote} too")
    body = found[1] if found[1] is not None else found[2]
    for escape in _ESCAPE.finditer(body):
        if escape[1] not in _ESCAPED:
            start = position + 1 + escape.start()
            message = rf"`\{escape[1]}` means nothing in a text"
            raise SyntaxProblem("N169", message, start, start + 2, r"write \\ for a backslash")
    value = _ESCAPE.sub(lambda escape: _ESCAPED[escape[1]], body)
    return Token("text", value, position, found.end())


def _number(text: str, position: int) -> Token:
    if half := _HALF.match(text, position):
        raise SyntaxProblem("N163", "a number begins with a digit", position, half.end(), f"write 0{half[0]}")
    if separated := _SEPARATED.match(text, position):
        plain = separated[0].replace(",", "").replace("_", "")
        hint = f"write {plain}" + ("; in a list put a space after the comma" if "," in separated[0] else "")
        raise SyntaxProblem("N163", "numbers are written without separators", position, separated.end(), hint)
    if stuck := _STUCK.match(text, position):
        raise _stuck(stuck, position)
    number = _NUMBER.match(text, position)
    assert number is not None  # the caller has seen a digit
    if len(number[0]) > DIGITS_MAX:
        raise SyntaxProblem("N167", f"a number has at most {DIGITS_MAX} digits", position, number.end())
    return Token("number", number[0], position, number.end())


def _stuck(found: re.Match[str], position: int) -> SyntaxProblem:
    """Return the problem of digits with letters at their end: `30days`, `125USD`, `10k`."""
    digits, letters = found[1], found[2]
    unit = unit_of(letters) or (letters if re.fullmatch("[A-Z]{3}", letters) else "")
    hint = f"write {digits} {unit}" if unit else "write the number with digits only, as in 10000"
    return SyntaxProblem("N166", f"`{found[0]}` is neither a number nor a name", position, found.end(), hint)


def unit_of(word: str) -> str:
    """Return the unit of time that *word* means, such as `days` for `Days` and `d`; "" for none (`M` is millions)."""
    low = word.lower()
    return low if low.removesuffix("s") in DURATIONS else SHORT_UNITS.get(word, "")


def _shown(character: str) -> str:
    return f"`{character}`" if character.isprintable() else f"the character U+{ord(character):04X}"
