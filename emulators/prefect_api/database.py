"""The connection to the database: snapshots to read, and one writer at a time.

An answer may be sent only after `write` has committed: clients take an answered mutation as done for good. Writers
are serialised because registration decides by what it reads, such as the newest version of a flow.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from emulators.prefect_api.error import RefusedError
from emulators.prefect_api.model import Base

if TYPE_CHECKING:
    from collections.abc import Iterator

# Any number serves: it only has to be the same for every emulator on one PostgreSQL database.
ADVISORY_LOCK = 4200141
POSTGRES_FOREIGN_KEY = "23503"
POSTGRES_UNIQUE = "23505"


class DatabaseUrlError(Exception):
    """The database URL is wrong or its database cannot be opened; the message is one line."""


class Database:
    """One open database, with its tables made.

    Args:
        url: `sqlite:///FILE`, or a `postgresql://` URL.

    Raises:
        DatabaseUrlError: the URL is malformed, or the database cannot be opened.
    """

    def __init__(self, url: str) -> None:
        self._url = _parse(url)
        self._sqlite = self._url.get_backend_name() == "sqlite"
        self._lock = threading.Lock()
        options: dict[str, Any] = {"connect_args": {"timeout": 10}} if self._sqlite else {"pool_pre_ping": True}
        self._engine = sa.create_engine(self._url, pool_size=20, max_overflow=20, **options)
        if self._sqlite:
            sa.event.listen(self._engine, "connect", _prepare_sqlite)
            sa.event.listen(self._engine, "begin", _begin_sqlite)
        self._writer = self._engine.execution_options(writer=True)
        try:
            Base.metadata.create_all(self._writer)
        except sa.exc.DBAPIError as error:
            self.close()
            reason = str(error.orig).strip().splitlines()[0]
            raise DatabaseUrlError(f"cannot open the database {self.name}: {reason}") from error

    @property
    def name(self) -> str:
        """The URL without its password."""
        return self._url.render_as_string(hide_password=True)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Give a session on one snapshot; nothing written to it is kept."""
        with Session(self._engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Give the only writing session; it is committed at the end, or rolled back on any error.

        Raises:
            RefusedError: a constraint of the database forbids the write.
        """
        with self._lock, Session(self._writer, expire_on_commit=False) as session:
            try:
                if not self._sqlite:
                    session.execute(sa.select(sa.func.pg_advisory_xact_lock(ADVISORY_LOCK)))
                yield session
                session.commit()
            except sa.exc.IntegrityError as error:
                raise RefusedError(_violation(error)) from error

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def _parse(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise DatabaseUrlError("not a database URL; use sqlite:///FILE or postgresql://USER@HOST:PORT/NAME") from error
    if parsed.drivername in {"postgresql", "postgres", "postgresql+psycopg"}:
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername != "sqlite":
        raise DatabaseUrlError(
            f"databases of type {parsed.drivername!r} are not supported; use sqlite:///FILE or postgresql://…"
        )
    if parsed.database in {None, "", ":memory:"}:
        raise DatabaseUrlError("a SQLite database must be a file, as in sqlite:///prefect.db")
    return parsed


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver must start no transaction of its own: _begin_sqlite says when, and of which kind.
    connection.isolation_level = None
    for pragma in (
        "journal_mode = WAL",  # readers never wait for the writer
        "synchronous = FULL",  # a commit is on the disk before it is acknowledged
        "foreign_keys = ON",
        "case_sensitive_like = ON",  # as PostgreSQL compares
        "temp_store = MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    # A deferred transaction that reads and then writes can fail half way; an immediate one waits at its start.
    writer = connection.get_execution_options().get("writer", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")


def _violation(error: sa.exc.IntegrityError) -> str:
    state = getattr(error.orig, "sqlstate", None)
    text = str(error.orig)
    if state == POSTGRES_FOREIGN_KEY or "FOREIGN KEY" in text:
        return "Foreign key violation."
    if state == POSTGRES_UNIQUE or "UNIQUE" in text:
        return "Uniqueness violation."
    return "Not-NULL violation."
