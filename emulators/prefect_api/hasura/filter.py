"""Filters and orders as SQL.

A comparison with null filters nothing: Prefect Server configures Hasura so, and the client sends many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from graphql import Undefined

from emulators.prefect_api.error import RefusedError
from emulators.prefect_api.hasura.sdl import LISTS
from emulators.prefect_api.hasura.table import TABLES
from emulators.prefect_api.hasura.value import duration, instant, storable, uuid_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from emulators.prefect_api.hasura.table import Relation, Table

READERS: Mapping[str, Callable[[object], object]] = {"uuid": uuid_text, "timestamptz": instant, "interval": duration}
# The comparisons, as the methods of a SQLAlchemy column.
METHODS: Mapping[str, str] = {
    "_eq": "__eq__",
    "_neq": "__ne__",
    "_gt": "__gt__",
    "_gte": "__ge__",
    "_lt": "__lt__",
    "_lte": "__le__",
    "_in": "in_",
    "_nin": "not_in",
    "_like": "like",
    "_nlike": "not_like",
    "_ilike": "ilike",
    "_nilike": "not_ilike",
}


def listed(value: Any) -> list[Any]:
    """Return a list argument as a list; GraphQL lets a client write one item without brackets."""
    items = value if isinstance(value, list) else [value]
    return [item for item in items if item is not None and item is not Undefined]


def condition(table: Table, entity: sa.FromClause, where: Any) -> Iterator[sa.ColumnElement[bool]]:
    """Yield the SQL conditions that a `…_bool_exp` means; all of them must hold."""
    for key, value in where.items() if isinstance(where, dict) else ():
        if value is None or value is Undefined:
            continue
        if key == "_and":
            for part in listed(value):
                yield from condition(table, entity, part)
        elif key == "_or":
            yield sa.or_(sa.false(), *(_all(table, entity, part) for part in listed(value)))
        elif key == "_not":
            yield sa.not_(_all(table, entity, value))
        elif key in table.relations:
            yield _exists(table.relations[key], entity, value)
        else:
            yield from _comparison(entity.c[key], table.scalars[key], value)


def _all(table: Table, entity: sa.FromClause, where: Any) -> sa.ColumnElement[bool]:
    return sa.and_(sa.true(), *condition(table, entity, where))


def _exists(relation: Relation, entity: sa.FromClause, where: Any) -> sa.ColumnElement[bool]:
    target = TABLES[relation.target]
    other = target.table.alias()
    return (
        sa.exists()
        .where(other.c[relation.remote] == entity.c[relation.local], *condition(target, other, where))
        .correlate(entity)
    )


def _comparison(column: sa.ColumnElement[Any], scalar: str, given: Any) -> Iterator[sa.ColumnElement[bool]]:
    read: Callable[[Any], Any] = READERS.get(scalar, storable)
    for operator, value in given.items():
        if value is None or value is Undefined:
            continue
        if operator == "_is_null":
            yield column.is_(None) if value else column.is_not(None)
            continue
        operand = [read(item) for item in listed(value)] if operator in LISTS else read(value)
        yield getattr(column, METHODS[operator])(operand)


def order(table: Table, entity: sa.FromClause, order_by: Any) -> Iterator[sa.ColumnElement[Any]]:
    """Yield the SQL order that a list of `…_order_by` means: nulls count as the greatest value."""
    for item in listed(order_by):
        for key, value in item.items():
            if value is None or value is Undefined:
                continue
            if key in table.relations:
                yield from _order_by_relation(table.relations[key], entity, value)
            else:
                yield _directed(entity.c[key], value, nullable=bool(table.table.columns[key].nullable))


def _order_by_relation(relation: Relation, entity: sa.FromClause, value: Any) -> Iterator[sa.ColumnElement[Any]]:
    target = TABLES[relation.target]
    other = target.table.alias()
    for ordering in order(target, other, [value]):
        direction: Any = ordering
        # The direction has to stand outside the subquery that finds the related value.
        modifiers = []
        while isinstance(direction, sa.UnaryExpression):
            modifiers.append(direction.modifier)
            direction = direction.element
        found: Any = (
            sa.select(direction)
            .where(other.c[relation.remote] == entity.c[relation.local])
            .correlate(entity)
            .scalar_subquery()
        )
        for modifier in reversed(modifiers):
            found = sa.UnaryExpression(found, modifier=modifier)
        yield found


def _directed(column: sa.ColumnElement[Any], direction: str, *, nullable: bool) -> sa.ColumnElement[Any]:
    name, _, nulls = direction.partition("_nulls_")
    ordering = column.asc() if name == "asc" else column.desc()
    if not nullable:
        return ordering
    first = nulls == "first" if nulls else name == "desc"
    return ordering.nulls_first() if first else ordering.nulls_last()


def count_argument(arguments: Mapping[str, Any], name: str) -> int | None:
    """Return `limit` or `offset`.

    Raises:
        RefusedError: it is negative.
    """
    value = arguments.get(name)
    if value is not None and int(value) < 0:
        raise RefusedError(f"unexpected negative value for {name}: {value}", "validation-failed")
    return None if value is None else int(value)
