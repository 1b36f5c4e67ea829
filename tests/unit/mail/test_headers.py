"""What may stand in a header: one plain address, one clean line."""

from __future__ import annotations

import pytest

from nudger.mail.message import safe_header, valid_address

ONE_LINE = [
    "Ada\r\nBcc: evil@evil.example",
    "Ada\nBcc: evil@evil.example",
    "Ada\rBcc: evil@evil.example",
    "Ada\r\n\r\n<html>",
    "Ada\r\n Bcc: folded",
    "Ada\x0bBcc: x",
    "Ada\x0cBcc: x",
    "Ada\x85Bcc: x",
    "Ada\u2028Bcc: x",
    "Ada\u2029Bcc: x",
    "Ada\x00Bcc: x",
    "Ada\x1b[31m",
    "Ada\x7f\x80\x9f",
    "\r\n\r\nAda",
    "Ada\t\tLovelace",
    "  Ada  ",
]


@pytest.mark.parametrize("text", ONE_LINE)
def test_a_header_is_one_clean_line(text: str) -> None:
    header = safe_header(text)

    assert header.startswith("Ada") and header.isprintable() and header == header.strip()


def test_a_header_is_composed_and_not_too_long() -> None:
    assert safe_header("Ame\u0301lie") == "Am\u00e9lie"
    assert safe_header("x" * 200) == "x" * 200
    assert safe_header("x" * 201) == "x" * 199 + "…"


@pytest.mark.parametrize(
    "address",
    [
        "ada@example.com",
        "ada.lovelace@example.co.uk",
        "ada+nudges@example.com",
        "ada_l-2@sub.example.com",
        "1@example.com",
        "a@xn--mnchen-3ya.example",
        "a@b-c.example",
        f"{'a' * 64}@example.com",
    ],
)
def test_these_are_addresses(address: str) -> None:
    assert valid_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "@",
        "@example.com",
        "ada@",
        "ada@localhost",
        "ada@example.com, evil@evil.example",
        "ada@example.com,evil@evil.example",
        "ada@example.com;evil@evil.example",
        "ada,evil@example.com",
        "ada@example.com evil@evil.example",
        "ada@example.com\nevil@evil.example",
        "ada@example.com\r\nBcc: evil@evil.example",
        "ada@example.com\r\n",
        "ada@example.com\n",
        "\nada@example.com",
        " ada@example.com",
        "ada@example.com ",
        "ada@exam\u2028ple.com",
        "ada\x00@example.com",
        "ada@example.com\x00",
        "Ada <ada@example.com>",
        "<ada@example.com>",
        "ada@example.com (work)",
        "(work)ada@example.com",
        '"ada"@example.com',
        '"ada@evil.example"@example.com',
        '"a b"@example.com',
        "ada\\@evil.example@example.com",
        "ada@evil.example@example.com",
        "group:ada@example.com;",
        "ada@[127.0.0.1]",
        "ada@127.0.0.1",
        "ada@example.123",
        "ada@example..com",
        "ada@.example.com",
        "ada@example.com.",
        "ada@-example.com",
        "ada@example-.com",
        "ada@exa_mple.com",
        "ada@exam ple.com",
        "ada@münchen.example",
        "ada@例え.example",
        "ådå@example.com",
        "аda@example.com",
        "ada@example。com",
        "ada＠example.com",
        "ada@example.com%0aBcc:x@y.example",
        "ada%evil.example@example.com",
        "evil.example!ada@example.com",
        "ada=40evil@example.com",
        ".ada@example.com",
        "ada.@example.com",
        "a..b@example.com",
        "-oQ/tmp@example.com",
        "-ada@example.com",
        "ada'@example.com",
        "ada`id`@example.com",
        "ada$(id)@example.com",
        "ada|id@example.com",
        "ada&x@example.com",
        "ada*@example.com",
        "ada/x@example.com",
        "ada?subject=x@example.com",
        "ada#x@example.com",
        "mailto:ada@example.com",
        f"{'a' * 65}@example.com",
        f"a@{'b' * 64}.example",
        f"a@{'b.' * 130}example",
        f"{'a' * 60}@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.example",
    ],
)
def test_these_are_not(address: str) -> None:
    assert not valid_address(address)
