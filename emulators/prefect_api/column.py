"""The column types that SQLite and PostgreSQL have in different forms, stored alike in both.

Timestamps are fixed-width text in UTC: they must sort as text, because that is how both databases compare them.
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa


def now() -> dt.datetime:
    """Return the present moment, in UTC."""
    return dt.datetime.now(dt.UTC)


def new_id() -> str:
    """Return a new random UUID as text."""
    return str(uuid.uuid4())


class UuidText(sa.types.TypeDecorator[str]):
    """A UUID in its canonical text form."""

    impl = sa.String(36)
    cache_ok = True


class Instant(sa.types.TypeDecorator[dt.datetime]):
    """A moment with microseconds, in UTC."""

    impl = sa.String(32)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: sa.Dialect) -> str | None:
        """Write the moment as text of one width."""
        del dialect
        if value is None:
            return None
        # Called on the base class: pendulum's own isoformat takes no timespec.
        return dt.datetime.isoformat(value.astimezone(dt.UTC), timespec="microseconds")

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> dt.datetime | None:
        """Read the text back as an aware datetime."""
        del dialect
        return None if value is None else dt.datetime.fromisoformat(value)


class Duration(sa.types.TypeDecorator[dt.timedelta]):
    """A length of time, stored in microseconds."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: dt.timedelta | None, dialect: sa.Dialect) -> int | None:
        """Write the duration in microseconds."""
        del dialect
        return None if value is None else value // dt.timedelta(microseconds=1)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> dt.timedelta | None:
        """Read the microseconds back as a timedelta."""
        del dialect
        return None if value is None else dt.timedelta(microseconds=value)


JsonValue = sa.JSON(none_as_null=True)
