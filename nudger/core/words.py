"""Whole words in a text: what `mentions` means."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

# Scripts that do not separate words: a phrase matches anywhere in them.
_UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")


def mentions(text: str, phrases: Iterable[str]) -> bool:
    """Tell whether *text* contains any of *phrases* as whole words, in any case."""
    folded = text.casefold()
    return any(_contains(folded, phrase.casefold()) for phrase in phrases)


def _contains(text: str, phrase: str) -> bool:
    at = text.find(phrase) if phrase else -1
    while at >= 0:
        end = at + len(phrase)
        starts = at == 0 or _is_edge(text[at - 1], phrase[0])
        if starts and (end == len(text) or _is_edge(text[end], phrase[-1])):
            return True
        at = text.find(phrase, at + 1)
    return False


def _is_edge(outside: str, inside: str) -> bool:
    """Tell whether a word may end between two neighbouring characters."""
    return not (outside.isalnum() and inside.isalnum()) or _unspaced(outside) or _unspaced(inside)


def _unspaced(character: str) -> bool:
    return ord(character) > 0xE00 and unicodedata.name(character, "").startswith(_UNSPACED)
