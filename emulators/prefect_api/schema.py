"""The executable schema: the mutations as written in schema/, the read side as generated from the tables.

Every mutation needs a function of its own name in the store; a missing one stops the start.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ariadne import MutationType, QueryType, ScalarType, load_schema_from_path, make_executable_schema
from graphql import GraphQLError, StringValueNode
from graphql.utilities import value_from_ast_untyped

from emulators.prefect_api.hasura.sdl import schema_text
from emulators.prefect_api.hasura.table import TABLES
from emulators.prefect_api.hasura.value import print_duration, print_instant
from emulators.prefect_api.resolver import MUTATIONS, QUERIES, resolve_aggregate, resolve_by_id, resolve_rows

if TYPE_CHECKING:
    from graphql import GraphQLSchema, ValueNode

SCHEMA_FOLDER = Path(__file__).parent / "schema"


def executable_schema() -> GraphQLSchema:
    """Build the whole schema, with its resolvers."""
    text = [load_schema_from_path(str(SCHEMA_FOLDER)), schema_text()]
    return make_executable_schema(text, _query(), _mutation(), *_scalars())


def _query() -> QueryType:
    query = QueryType()
    for name, resolver in QUERIES.items():
        query.set_field(name, resolver)
    for name, table in TABLES.items():
        query.set_field(name, resolve_rows(table))
        query.set_field(f"{name}_by_pk", resolve_by_id(table))
        query.set_field(f"{name}_aggregate", resolve_aggregate(table))
    return query


def _mutation() -> MutationType:
    mutation = MutationType()
    for name, resolver in MUTATIONS.items():
        mutation.set_field(name, resolver)
    return mutation


def _scalars() -> list[ScalarType]:
    json_literal = ScalarType("JSON", literal_parser=_json_literal, value_parser=_unchanged, serializer=_unchanged)
    moments = [ScalarType(name, serializer=print_instant) for name in ("timestamptz", "DateTime")]
    return [json_literal, *moments, ScalarType("interval", serializer=print_duration)]


def _unchanged(value: Any) -> Any:
    return value


def _json_literal(node: ValueNode, variables: dict[str, Any] | None = None) -> Any:
    # A text written in the document holds JSON; a text in a variable is that text.
    if not isinstance(node, StringValueNode):
        return value_from_ast_untyped(node, variables)
    try:
        return json.loads(node.value)
    except (ValueError, RecursionError) as error:
        raise GraphQLError(f"This text is not JSON: {error}", node) from None
