"""Run-time settings, read from the environment of the flow run.

Tasks read them while they run, never at import: a value that reached a task's own settings at import
would make the flow's fingerprint depend on the machine that registers it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

PUBLIC_API = "https://pokeapi.co/api/v2"


class ConfigError(ValueError):
    """A setting has a value that cannot be used; the message names the variable and what is expected."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Where the data comes from, and how patient to be; both times are in seconds."""

    api_url: str
    connect_timeout: float
    read_timeout: float
    retries: int


def load(environ: Mapping[str, str] | None = None) -> Config:
    """Read the settings from `environ`, by default the process's own.

    Raises:
        ConfigError: a variable holds a value that cannot be used.
    """
    values = os.environ if environ is None else environ
    return Config(
        api_url=_url(values, "POKEMON_API_URL", PUBLIC_API),
        connect_timeout=_seconds(values, "POKEMON_API_CONNECT_TIMEOUT", 5.0),
        read_timeout=_seconds(values, "POKEMON_API_READ_TIMEOUT", 30.0),
        retries=_count(values, "POKEMON_API_RETRIES", 3),
    )


def _url(values: Mapping[str, str], name: str, default: str) -> str:
    value = values.get(name) or default
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise ConfigError(f"{name} is {value!r}; it has to be an http or https URL")
    return value.rstrip("/")


def _seconds(values: Mapping[str, str], name: str, default: float) -> float:
    value = values.get(name)
    if not value:
        return default
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 3600:  # noqa: PLR2004 - an hour is longer than any request; it keeps out inf and nan
        raise ConfigError(f"{name} is {value!r}; it has to be a number of seconds above 0, at most 3600")
    return seconds


def _count(values: Mapping[str, str], name: str, default: int) -> int:
    value = values.get(name)
    if not value:
        return default
    if not value.isascii() or not value.isdigit() or int(value) > 100:  # noqa: PLR2004 - more is a typing error
        raise ConfigError(f"{name} is {value!r}; it has to be a whole number from 0 to 100")
    return int(value)
