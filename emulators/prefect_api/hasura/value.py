"""Values on their way in and out: what each scalar accepts, and how it is printed.

Printed forms are PostgreSQL's, because clients parse them.
"""

from __future__ import annotations

import datetime as dt
import math
import uuid
from typing import Any

from emulators.prefect_api.error import BadDataError, RefusedError

# What is stored must be readable again: Python reads and prints JSON by recursion.
MAX_DEPTH = 200


def uuid_text(value: object) -> str:
    """Return a UUID in its canonical form.

    Raises:
        BadDataError: it is none.
    """
    try:
        return str(uuid.UUID(str(value)))
    except ValueError:
        raise BadDataError("uuid", value) from None


def instant(value: object) -> dt.datetime:
    """Return an ISO 8601 text as a moment in UTC; a time without an offset is UTC.

    Raises:
        BadDataError: it is no moment that a database can hold.
    """
    try:
        moment = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(str(value))
        return moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    except (ValueError, OverflowError):
        raise BadDataError("timestamp with time zone", value) from None


def duration(value: object) -> dt.timedelta:
    """Return `HH:MM:SS` as a duration.

    Raises:
        BadDataError: it has another form.
    """
    try:
        hours, minutes, seconds = str(value).split(":")
        return dt.timedelta(hours=int(hours), minutes=int(minutes), seconds=float(seconds))
    except (ValueError, OverflowError):
        raise BadDataError("interval", value) from None


def storable(value: Any, depth: int = 0) -> Any:
    """Return a JSON value that a database can hold.

    Raises:
        RefusedError: it holds a NUL, half a surrogate pair, or a number that JSON does not have, or it is too deep.
    """
    if depth > MAX_DEPTH:
        raise RefusedError(f"JSON of more than {MAX_DEPTH} levels cannot be stored.", "data-exception")
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_text(key)
            storable(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            storable(item, depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise RefusedError(f"{value} is not a JSON number.", "data-exception")
    return value


def _check_text(text: str) -> None:
    if "\0" in text:
        raise RefusedError("A text with a NUL character cannot be stored.", "data-exception")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise RefusedError("A text with half a surrogate pair cannot be stored.", "data-exception") from None


def print_instant(value: dt.datetime) -> str:
    """Print a moment as PostgreSQL does: with its offset, and without trailing zeros."""
    text = value.isoformat(timespec="microseconds")
    head, fraction = text[:19], text[20:26].rstrip("0")
    return f"{head}.{fraction}+00:00" if fraction else f"{head}+00:00"


def print_duration(value: dt.timedelta) -> str:
    """Print a duration as PostgreSQL does: `[N days ]HH:MM:SS[.ffffff]`."""
    sign = "-" if value < dt.timedelta(0) else ""
    value = abs(value)
    minutes, seconds = divmod(value.seconds, 60)
    text = f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
    if value.microseconds:
        text += f".{value.microseconds:06}".rstrip("0")
    days = f"{sign}{value.days} day{'' if value.days == 1 else 's'} " if value.days else ""
    return f"{days}{sign}{text}"
