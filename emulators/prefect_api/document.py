"""GraphQL documents: parsed, held to their limits and validated, with recent ones remembered.

The limits protect a single process; they must let every document of the Prefect 1.4.1 client pass.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    parse,
    validate,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from graphql import DocumentNode, GraphQLSchema, SelectionSetNode

MAX_DEPTH = 7
MAX_ALIASES = 15
MAX_TOKENS = 1_000
REMEMBERED = 500
# Longer documents are made for one call, and are not sent again.
REMEMBERED_LENGTH = 5_000


class InvalidDocumentError(Exception):
    """The document cannot be executed; `errors` are in the form of the response."""

    def __init__(self, errors: list[GraphQLError], code: str) -> None:
        super().__init__(errors[0].message)
        self.errors = [{**_located(error), "extensions": {"code": code}} for error in errors]


class DocumentCache:
    """Gives the validated document of a query text."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._known: OrderedDict[str, DocumentNode] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, text: str) -> DocumentNode:
        """Return the document of a text.

        Raises:
            InvalidDocumentError: it has a syntax error, does not fit the schema, or exceeds a limit.
        """
        with self._lock:
            document = self._known.get(text)
            if document is not None:
                self._known.move_to_end(text)
                return document
        document = self._validated(text)
        if len(text) <= REMEMBERED_LENGTH:
            with self._lock:
                self._known[text] = document
                if len(self._known) > REMEMBERED:
                    self._known.popitem(last=False)
        return document

    def _validated(self, text: str) -> DocumentNode:
        try:
            document = parse(text, max_tokens=MAX_TOKENS)
            errors = validate(self._schema, document, max_errors=20)
        except GraphQLSyntaxError as error:
            raise InvalidDocumentError([error], "GRAPHQL_PARSE_FAILED") from error
        except RecursionError as error:
            nested = GraphQLError("Syntax Error: the document is nested too deeply.")
            raise InvalidDocumentError([nested], "GRAPHQL_PARSE_FAILED") from error
        if not errors:
            errors = list(_beyond_limits(document))
        if errors:
            raise InvalidDocumentError(errors, "GRAPHQL_VALIDATION_FAILED")
        return document


def _located(error: GraphQLError) -> dict[str, Any]:
    located: dict[str, Any] = {"message": error.message}
    if error.locations:
        located["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    return located


def _beyond_limits(document: DocumentNode) -> Iterator[GraphQLError]:
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    aliases = 0
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            depth, found = _measure(node.selection_set, fragments, {})
            aliases += found
            # The root fields are at depth 0, as Apollo's limit counts.
            if depth - 1 > MAX_DEPTH:
                name = node.name.value if node.name else ""
                yield GraphQLError(f"'{name}' exceeds maximum operation depth of {MAX_DEPTH}", [node])
    if aliases > MAX_ALIASES:
        yield GraphQLError(f"The document has {aliases} aliases; at most {MAX_ALIASES} are allowed.")


def _measure(
    selection_set: SelectionSetNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    known: dict[str, tuple[int, int]],
) -> tuple[int, int]:
    """Return the depth of a selection and how many aliases it has, those of its fragments at each use."""
    depth, aliases = 0, 0
    for node in selection_set.selections:
        if isinstance(node, FragmentSpreadNode):
            name = node.name.value
            if name not in known:
                known[name] = _measure(fragments[name].selection_set, fragments, known)
            below, found, level = *known[name], 0
        elif isinstance(node, FieldNode):
            found, below, level = int(node.alias is not None), 0, 1
            if node.name.value.startswith("__"):
                level = 0
            elif node.selection_set:
                below, inner = _measure(node.selection_set, fragments, known)
                found += inner
        else:
            below, found = _measure(node.selection_set, fragments, known)  # type: ignore[attr-defined] # the third kind, an inline fragment, always has one
            level = 0
        depth, aliases = max(depth, below + level), aliases + found
    return depth, aliases
