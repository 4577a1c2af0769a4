"""The schema text of the read side, generated from the tables.

Type and argument names are Hasura's: documents of the Prefect UI name them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulators.prefect_api.hasura.table import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulators.prefect_api.hasura.table import Table

COMPARABLE = ("_eq", "_neq", "_gt", "_gte", "_lt", "_lte")
LISTS = ("_in", "_nin")
TEXTUAL = ("_like", "_nlike", "_ilike", "_nilike")
# JSON has no order, and SQLite has no containment.
UNORDERED = frozenset({"jsonb"})
ORDERS = ("asc", "asc_nulls_first", "asc_nulls_last", "desc", "desc_nulls_first", "desc_nulls_last")


def schema_text() -> str:
    """Return the type definitions, as an extension of the type Query."""
    scalars = sorted({scalar for table in TABLES.values() for scalar in table.scalars.values()})
    parts = [f"scalar {scalar}" for scalar in scalars if scalar.islower()]
    parts.append(_block("enum", "order_by", ORDERS))
    parts += [_comparison(scalar) for scalar in scalars]
    for table in TABLES.values():
        parts += _types(table)
    parts.append("extend type Query {\n" + "\n".join(_root_fields()) + "\n}")
    return "\n\n".join(parts)


def _block(kind: str, name: str, lines: Iterator[str] | tuple[str, ...] | list[str]) -> str:
    return f"{kind} {name} {{\n" + "\n".join(f"  {line}" for line in lines) + "\n}"


def _comparison(scalar: str) -> str:
    lines = ["_is_null: Boolean"]
    if scalar not in UNORDERED:
        lines += [f"{operator}: {scalar}" for operator in COMPARABLE]
        lines += [f"{operator}: [{scalar}!]" for operator in LISTS]
    if scalar == "String":
        lines += [f"{operator}: String" for operator in TEXTUAL]
    return _block("input", f"{scalar}_comparison_exp", lines)


def _arguments(name: str) -> str:
    return (
        f"(where: {name}_bool_exp, order_by: [{name}_order_by!], limit: Int, offset: Int,"
        f" distinct_on: [{name}_select_column!])"
    )


def _types(table: Table) -> Iterator[str]:
    name = table.name
    yield _block("type", name, list(_object_fields(table)))
    filters = [f"{column}: {scalar}_comparison_exp" for column, scalar in table.scalars.items()]
    filters += [f"{relation}: {link.target}_bool_exp" for relation, link in table.relations.items()]
    logic = [f"_and: [{name}_bool_exp!]", f"_or: [{name}_bool_exp!]", f"_not: {name}_bool_exp"]
    yield _block("input", f"{name}_bool_exp", logic + filters)
    orders = [f"{column}: order_by" for column in table.scalars]
    orders += [f"{key}: {link.target}_order_by" for key, link in table.relations.items() if not link.many]
    yield _block("input", f"{name}_order_by", orders)
    yield _block("enum", f"{name}_select_column", list(table.scalars))
    yield _block("type", f"{name}_aggregate", [f"aggregate: {name}_aggregate_fields", f"nodes: [{name}!]!"])
    fields = [f"count(columns: [{name}_select_column!], distinct: Boolean): Int!"]
    fields += [f"max: {name}_extreme_fields", f"min: {name}_extreme_fields"]
    yield _block("type", f"{name}_aggregate_fields", fields)
    ordered = [f"{c}: {s}" for c, s in table.scalars.items() if s not in UNORDERED and s != "Boolean"]
    yield _block("type", f"{name}_extreme_fields", ordered)


def _object_fields(table: Table) -> Iterator[str]:
    for column, scalar in table.scalars.items():
        yield f"{column}: {scalar}" + ("" if table.table.columns[column].nullable else "!")
    for relation, link in table.relations.items():
        if link.many:
            yield f"{relation}{_arguments(link.target)}: [{link.target}!]!"
            yield f"{relation}_aggregate{_arguments(link.target)}: {link.target}_aggregate!"
        else:
            required = not table.table.columns[link.local].nullable
            yield f"{relation}: {link.target}" + ("!" if required else "")


def _root_fields() -> Iterator[str]:
    for name in TABLES:
        yield f"  {name}{_arguments(name)}: [{name}!]!"
        yield f"  {name}_by_pk(id: uuid!): {name}"
        yield f"  {name}_aggregate{_arguments(name)}: {name}_aggregate!"
