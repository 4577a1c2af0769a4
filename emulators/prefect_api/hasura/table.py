"""What the GraphQL side has to know of each table, read from the SQLAlchemy models.

The order of columns and relations is the order of their declaration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import configure_mappers

from emulators.prefect_api.column import Duration, Instant, UuidText
from emulators.prefect_api.model import Base

if TYPE_CHECKING:
    from collections.abc import Mapping

SCALARS: tuple[tuple[type[sa.types.TypeEngine[Any]], str], ...] = (
    (UuidText, "uuid"),
    (Instant, "timestamptz"),
    (Duration, "interval"),
    (sa.JSON, "jsonb"),
    (sa.Boolean, "Boolean"),
    (sa.Integer, "Int"),
    (sa.String, "String"),
)


@dataclass(frozen=True)
class Relation:
    """Rows of another table that belong to a row: at most one of them, or many."""

    target: str
    local: str
    remote: str
    many: bool


@dataclass(frozen=True)
class Table:
    """One table as GraphQL sees it."""

    name: str
    table: sa.Table
    scalars: Mapping[str, str]
    relations: Mapping[str, Relation]


def _scalar(column: sa.Column[object]) -> str:
    return next(name for kind, name in SCALARS if isinstance(column.type, kind))


def _tables() -> dict[str, Table]:
    configure_mappers()
    tables = {}
    for mapper in sorted(Base.registry.mappers, key=lambda mapper: mapper.class_.__tablename__):
        table = mapper.local_table
        assert isinstance(table, sa.Table)  # noqa: S101 - narrows the type: no model maps a join
        relations = {}
        for relation in mapper.relationships:
            local, remote = relation.local_remote_pairs[0]
            assert isinstance(relation.target, sa.Table)  # noqa: S101 - likewise
            relations[relation.key] = Relation(
                relation.target.name, str(local.key), str(remote.key), bool(relation.uselist)
            )
        scalars = {column.name: _scalar(column) for column in table.columns}
        tables[table.name] = Table(table.name, table, scalars, relations)
    return tables


TABLES: Mapping[str, Table] = _tables()
