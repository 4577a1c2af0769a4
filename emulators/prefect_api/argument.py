"""The input of a mutation, with every identifier, time and JSON value in it checked by the type of its field.

GraphQL has done the shapes. What is checked here fails the mutation and not the whole document, as on Prefect Server.
"""

from __future__ import annotations

from typing import Any

from graphql import GraphQLInputObjectType, GraphQLInputType, GraphQLList, GraphQLNonNull, is_named_type

from emulators.prefect_api.hasura.value import instant, storable, uuid_text


def checked(value: Any, kind: GraphQLInputType) -> Any:
    """Return an input value with UUIDs in canonical form and times as datetimes.

    Raises:
        RefusedError: a value in it is none of its type, or cannot be stored.
    """
    if isinstance(kind, GraphQLNonNull):
        kind = kind.of_type
    if value is None:
        return None
    if isinstance(kind, GraphQLList):
        return [checked(item, kind.of_type) for item in value]
    if isinstance(kind, GraphQLInputObjectType):
        return {name: checked(item, kind.fields[name].type) for name, item in value.items()}
    name = kind.name if is_named_type(kind) else ""
    if name == "UUID":
        return uuid_text(value)
    if name == "DateTime":
        return instant(value)
    return storable(value)
