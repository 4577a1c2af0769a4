"""A selection as rows: one SQL statement a table and level, however many rows each level has.

Rows come back keyed as the response keys them, so that two aliases of one relation keep their own arguments.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from emulators.prefect_api.hasura.filter import condition, count_argument, listed, order
from emulators.prefect_api.hasura.table import TABLES
from emulators.prefect_api.hasura.value import uuid_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy.orm import Session

    from emulators.prefect_api.hasura.selection import Document, Selected
    from emulators.prefect_api.hasura.table import Relation, Table

# Each value is a bound parameter, and SQLite takes at most 32,766 of them.
VALUES_A_STATEMENT = 10_000
AGGREGATE = "_aggregate"


class Row(dict[str, Any]):
    """One object of a response, keyed by response key."""


@dataclass(frozen=True)
class Scope:
    """Restricts rows to those whose column has one of the values: the children of a batch of parents."""

    column: str
    values: Sequence[Any]


class Loader:
    """Loads selections on one session's snapshot."""

    def __init__(self, session: Session, document: Document) -> None:
        self._session = session
        self._document = document

    def rows(self, table: Table, selected: Selected) -> list[Row]:
        """Return the rows that a root field selects."""
        arguments = selected.arguments
        if "order_by" not in arguments and table.table.columns["created"].index:
            # A client that asks for no order still relies on one: it takes the first tenant as its own.
            arguments = {**arguments, "order_by": {"created": "asc"}}
        return [row for _, row in self._rows(table, selected, arguments, None)]

    def by_id(self, table: Table, selected: Selected) -> Row | None:
        """Return the row with the id that a `…_by_pk` field names."""
        scope = Scope("id", [uuid_text(selected.arguments["id"])])
        found = self._rows(table, selected, {}, scope)
        return found[0][1] if found else None

    def aggregate(self, table: Table, selected: Selected) -> Row:
        """Return what a root `…_aggregate` field selects."""
        return self._aggregate(table, selected, None)[None]

    def _rows(
        self, table: Table, selected: Selected, arguments: Mapping[str, Any], scope: Scope | None
    ) -> list[tuple[Any, Row]]:
        fields = self._document.fields(selected.below)
        columns = {field.name for field in fields.values() if field.name in table.scalars}
        relations = {key: _relation(table, field.name) for key, field in fields.items() if field.name not in columns}
        columns |= {relation.local for relation in relations.values()} | ({scope.column} if scope else {"id"})
        position = {name: index for index, name in enumerate(sorted(columns))}
        found: list[sa.Row[Any]] = []
        for part in _parts(scope):
            entity = table.table.alias()
            statement = _select(table, entity, [entity.c[name] for name in position], arguments, part)
            found += self._session.execute(statement).all()
        plain = [(key, position[field.name]) for key, field in fields.items() if field.name in table.scalars]
        rows = [Row({key: values[index] for key, index in plain}) for values in found]
        for key, relation in relations.items():
            local = position[relation.local]
            self._attach(
                key, fields[key], relation, [(values[local], row) for values, row in zip(found, rows, strict=True)]
            )
        parent = position[scope.column if scope else "id"]
        return list(zip([values[parent] for values in found], rows, strict=True))

    def _attach(self, key: str, selected: Selected, relation: Relation, owners: Sequence[tuple[Any, Row]]) -> None:
        target = TABLES[relation.target]
        values = list(dict.fromkeys(value for value, _ in owners if value is not None))
        scope = Scope(relation.remote, values)
        if selected.name.endswith(AGGREGATE):
            groups = self._aggregate(target, selected, scope)
            for value, row in owners:
                row[key] = groups[value]
        elif relation.many:
            children = defaultdict(list)
            for value, child in self._rows(target, selected, selected.arguments, scope):
                children[value].append(child)
            for value, row in owners:
                row[key] = children[value]
        else:
            others = dict(self._rows(target, selected, {}, scope))
            for value, row in owners:
                row[key] = others.get(value)

    def _aggregate(self, table: Table, selected: Selected, scope: Scope | None) -> dict[Any, Row]:
        fields = self._document.fields(selected.below)
        groups: dict[Any, Row] = {value: Row() for value in (scope.values if scope else [None])}
        for key, field in fields.items():
            if field.name == "nodes":
                for row in groups.values():
                    row[key] = []
                for value, child in self._rows(table, field, selected.arguments, scope):
                    groups[value if scope else None][key].append(child)
            else:
                for value, figures in self._figures(table, field, selected.arguments, scope).items():
                    groups[value][key] = figures
        return groups

    def _figures(
        self, table: Table, selected: Selected, arguments: Mapping[str, Any], scope: Scope | None
    ) -> dict[Any, Row]:
        """Return the figures of a field `aggregate`, by the value that groups the rows."""
        groups: dict[Any, Row] = {}
        fields = self._document.fields(selected.below)
        wanted: list[tuple[tuple[str, ...], Any]] = []
        for name, field in fields.items():
            if field.name == "count":
                wanted.append(((name,), field.arguments))
            else:
                columns = self._document.fields(field.below)
                wanted += [((name, inner), (field.name, item.name)) for inner, item in columns.items()]
        for value in scope.values if scope else [None]:
            groups[value] = _empty(wanted, fields)
        for part in _parts(scope):
            entity = table.table.alias()
            inner = _select(table, entity, list(entity.c), arguments, part).subquery()
            figures = [_figure(inner, what) for _, what in wanted] or [sa.func.count()]
            if scope:
                statement = sa.select(inner.c[scope.column], *figures).group_by(inner.c[scope.column])
            else:
                statement = sa.select(sa.null(), *figures).select_from(inner)
            for group, *values in self._session.execute(statement):
                for (path, _), value in zip(wanted, values, strict=False):
                    target: Any = groups[group]
                    for step in path[:-1]:
                        target = target[step]
                    target[path[-1]] = value
        return groups


def _relation(table: Table, name: str) -> Relation:
    return table.relations.get(name) or table.relations[name.removesuffix(AGGREGATE)]


def _empty(wanted: Iterable[tuple[tuple[str, ...], Any]], fields: Mapping[str, Selected]) -> Row:
    row = Row({name: 0 if field.name == "count" else Row() for name, field in fields.items()})
    for path, _ in wanted:
        if len(path) > 1:
            row[path[0]][path[1]] = None
    return row


def _figure(inner: sa.Subquery, what: Any) -> sa.ColumnElement[Any]:
    if isinstance(what, dict):
        columns = [inner.c[name] for name in listed(what.get("columns"))]
        if not columns:
            return sa.func.count()
        # Several columns are counted as one text, which is null, and so not counted, when one of them is.
        combined = columns[0]
        if len(columns) > 1:
            combined = sa.cast(columns[0], sa.Text)
            for column in columns[1:]:
                combined = combined + sa.literal("\x1f") + sa.cast(column, sa.Text)
        return sa.func.count(combined.distinct() if what.get("distinct") else combined)
    kind, name = what
    column = inner.c[name]
    return sa.func.max(column) if kind == "max" else sa.func.min(column)


def _parts(scope: Scope | None) -> Iterable[Scope | None]:
    if scope is None:
        return [None]
    starts = range(0, len(scope.values), VALUES_A_STATEMENT)
    return [Scope(scope.column, scope.values[start : start + VALUES_A_STATEMENT]) for start in starts]


def _select(
    table: Table,
    entity: sa.FromClause,
    columns: Sequence[sa.ColumnElement[Any]],
    arguments: Mapping[str, Any],
    scope: Scope | None,
) -> sa.Select[Any]:
    conditions = list(condition(table, entity, arguments.get("where")))
    if scope:
        conditions.append(entity.c[scope.column].in_(scope.values))
    orders = list(order(table, entity, arguments.get("order_by")))
    limit, offset = count_argument(arguments, "limit"), count_argument(arguments, "offset")
    partition = [entity.c[scope.column]] if scope else []
    distinct = [entity.c[name] for name in listed(arguments.get("distinct_on"))]
    if distinct:
        conditions = [_numbered(entity, conditions, [*partition, *distinct], orders, (0, 1))]
    if scope and (limit is not None or offset):
        conditions = [_numbered(entity, conditions, partition, orders, (offset or 0, limit))]
        limit = offset = None
    return sa.select(*columns).where(*conditions).order_by(*orders).limit(limit).offset(offset)


def _numbered(
    entity: sa.FromClause,
    conditions: Sequence[sa.ColumnElement[bool]],
    partition: Sequence[sa.ColumnElement[Any]],
    orders: Sequence[sa.ColumnElement[Any]],
    span: tuple[int, int | None],
) -> sa.ColumnElement[bool]:
    """Keep the rows of each partition from an offset on, as many as a limit says."""
    offset, limit = span
    number = sa.func.row_number().over(partition_by=partition, order_by=orders or [entity.c.id])
    inner = sa.select(entity.c.id, number.label("number")).where(*conditions).subquery()
    kept = inner.c.number > offset
    if limit is not None:
        kept = sa.and_(kept, inner.c.number <= offset + limit)
    return entity.c.id.in_(sa.select(inner.c.id).where(kept))
