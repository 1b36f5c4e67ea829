"""Whole words: what `mentions` finds."""

from __future__ import annotations

import pytest

from nudger.core.words import mentions


@pytest.mark.parametrize(
    ("text", "phrase", "found"),
    [
        ("We need more seats soon", "more seats", True),
        ("MORE SEATS!", "more seats", True),
        ("more seatsbelts", "more seats", False),
        ("anymore seats", "more seats", False),
        ("more  seats", "more seats", False),  # letter for letter between its ends
        ("(more seats)", "more seats", True),
        ("more seats", "more seats", True),
        ("seat", "seats", False),
        ("we run out of storage. running out!", "running out", True),
        ("seats2 are not seats", "seats", True),  # the second one is a whole word
        ("seats2", "seats", False),
        ("C++ is fine", "C++", True),
        ("ab+c", "+", True),  # no letter at its ends, so any place will do
        ("Straße", "STRASSE", True),
        ("größer als", "größer", True),
        ("übergrößer", "größer", False),
        ("我们需要更多席位", "更多席位", True),  # no spaces between words
        ("ノートを増やしたい", "増やし", True),
        ("อยากได้ที่นั่งเพิ่ม", "ที่นั่ง", True),
        ("需要newsletter功能", "newsletter", True),
        ("мы хотим больше мест", "больше мест", True),
        ("небольше мест", "больше мест", False),
        ("anything", "", False),
        ("", "more", False),
    ],
)
def test_a_phrase_is_found_as_whole_words_in_any_case(text: str, phrase: str, found: bool) -> None:
    """Words end at letters and digits, except in scripts that do not separate them."""
    assert mentions(text, [phrase]) is found


def test_any_phrase_of_the_list_is_enough() -> None:
    """Of several phrases one has to be there; of none, none is."""
    assert mentions("we are running out", ["more capacity", "running out"])
    assert not mentions("we are fine", ["more capacity", "running out"])
    assert not mentions("we are fine", [])
