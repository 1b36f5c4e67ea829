"""People of an account: whom a nudge may be written to."""

from __future__ import annotations

import re

import msgspec

MOST_ADDRESS = 254

# One plain addr-spec: no quoting, no comments, no list. Stricter than the standard, since a comma makes two recipients.
_LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"{_LOCAL}@{_LABEL}(?:\.{_LABEL})+")


class Contact(msgspec.Struct, gc=False, omit_defaults=True):
    """One person with a role, such as billing or admin."""

    address: str
    role: str = ""
    name: str | None = None
    first_name: str | None = None
    locale: str | None = None
    zone: str | None = None


class Owner(msgspec.Struct, gc=False, omit_defaults=True):
    """The account's owner inside the company."""

    address: str
    name: str | None = None


def valid_address(text: str) -> bool:
    """Tell whether *text* is exactly one mail address that a message can be sent to."""
    if len(text) > MOST_ADDRESS or "@" not in text or len(text.rpartition("@")[0]) > 64:
        return False
    return _ADDRESS.fullmatch(text) is not None
