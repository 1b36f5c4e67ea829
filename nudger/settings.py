"""Settings: one `nudger.toml` in the project, or the environment (`NUDGER_LINKS_BASE_URL` for `links.base_url`)."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from nudger.core.contact import valid_address
from nudger.errors import SettingsError

FILE = "nudger.toml"
_UNITS = {"second": 1_000, "minute": 60_000, "hour": 3_600_000, "day": 86_400_000}
_LENGTH = re.compile(r"(\d{1,6}) (second|minute|hour|day)s?")
_SENDER = re.compile(r"\s*(?:(?P<name>[^<>]*?)\s*<(?P<address>[^<>]+)>|(?P<bare>\S+))\s*")


def _length(value: Any) -> int:
    found = _LENGTH.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"expected a length of time such as 48 hours, found {value!r}")
    return int(found[1]) * _UNITS[found[2]]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Links(_Table):
    """Signed links.

    Attributes:
        base_url: Where links lead, https, without a slash at its end.
        keys: Key id -> secret of 32 characters or more; the first one signs, all of them verify.
    """

    base_url: str = Field(default="", pattern=r"^(https://[^\s/?#]+(/[^\s?#]*)?)?$")
    keys: dict[str, SecretStr] = {}

    @field_validator("base_url")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @field_validator("keys")
    @classmethod
    def _long_enough(cls, value: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, secret in value.items():
            if not re.fullmatch(r"[A-Za-z0-9_-]{1,16}", name):
                raise ValueError(f"the key id {name!r} has 1 to 16 letters, digits, - and _")
            if len(secret.get_secret_value()) < 32:
                raise ValueError(f"the key {name!r} is shorter than 32 characters")
        return value


class Mail(_Table):
    """What every mail says of its sender: a name and one address."""

    sender: str = Field(default="", alias="from")

    @field_validator("sender")
    @classmethod
    def _one_address(cls, value: str) -> str:
        if value:
            found = _SENDER.fullmatch(value)
            address = (found["address"] or found["bare"]) if found else ""
            if not valid_address(address) or len(value) > 200 or not value.isprintable():
                raise ValueError("expected a name and one address, such as Acme <growth@acme.example>")
        return value


class Dedupe(_Table):
    """How many ids are remembered at most."""

    max_ids: int = Field(default=20_000_000, ge=1_000)


class Timers(_Table):
    """How long after it is due a timer is read."""

    settle: int = 60_000

    @field_validator("settle", mode="before")
    @classmethod
    def _read(cls, value: Any) -> int:
        return value if type(value) is int else _length(value)


class Settings(_Table):
    """All settings.

    Attributes:
        clock: Which clock decides; unset = the events' for files, the wall for `--follow`.
        lateness: Events older than this by stream time are set aside; 48 hours, at most 40 days (ms).
    """

    links: Links = Links()
    mail: Mail = Mail(**{"from": ""})
    dedupe: Dedupe = Dedupe()
    timers: Timers = Timers()
    clock: Literal["events", "wall"] | None = None
    lateness: int = 48 * 3_600_000

    @field_validator("lateness", mode="before")
    @classmethod
    def _bounded(cls, value: Any) -> int:
        length = value if type(value) is int else _length(value)
        if not _UNITS["hour"] <= length <= 40 * _UNITS["day"]:
            raise ValueError("lateness lies between 1 hour and 40 days")
        return length


def load(root: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Read *root*/nudger.toml and the environment over it.

    Raises:
        SettingsError: One sentence that names the key and says what to do.
    """
    path = root / FILE
    values: dict[str, Any] = {}
    try:
        if path.exists():
            values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: {error}") from None
    _overlay(values, os.environ if environment is None else environment)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in found["loc"])
        raise SettingsError(f"{path}: {key}: {_words(found['type'], found['msg'])}") from None


def _words(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "there is no such setting; see docs/operations.md for all of them"
    if kind == "string_pattern_mismatch":
        return "expected an address that begins with https://"
    return message.removeprefix("Value error, ")


def _overlay(values: dict[str, Any], environment: Mapping[str, str]) -> None:
    """Lay NUDGER_SECTION_KEY over the file's values; NUDGER_LINKS_KEYS holds `id=secret` pairs, separated by commas."""
    for section, model in Settings.model_fields.items():
        table = model.annotation
        if not (isinstance(table, type) and issubclass(table, BaseModel)):
            given = environment.get(f"NUDGER_{section.upper()}")
            if given is not None:
                values[section] = given
            continue
        for name, info in table.model_fields.items():
            key = info.alias or name
            given = environment.get(f"NUDGER_{section.upper()}_{key.upper()}")
            if given is None:
                continue
            if (section, key) == ("links", "keys"):
                values.setdefault(section, {})[key] = dict(
                    pair.split("=", 1) for pair in given.split(",") if "=" in pair
                )
            else:
                values.setdefault(section, {})[key] = given
