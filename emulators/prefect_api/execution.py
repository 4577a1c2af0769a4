"""One GraphQL request from its JSON to its response, with the error shapes that the Prefect client reads.

Nothing in here may raise: the client repeats a request that is answered 500, and a mutation would happen twice.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from graphql import GraphQLError, OperationDefinitionNode, OperationType, execute_sync

from emulators.prefect_api.document import DocumentCache, InvalidDocumentError
from emulators.prefect_api.error import RefusedError, RequestError
from emulators.prefect_api.resolver import Context, resolve_field
from emulators.prefect_api.schema import executable_schema

if TYPE_CHECKING:
    from emulators.prefect_api.database import Database
    from emulators.prefect_api.store.state import Caller

OK = 200
BAD_REQUEST = 400
MAX_BATCH = 50
INTERNAL = "INTERNAL_SERVER_ERROR"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """A response: its HTTP status and its JSON."""

    status: int
    body: Any


class Executor:
    """Executes requests against one database; safe to call from many threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._schema = executable_schema()
        self._documents = DocumentCache(self._schema)

    def answer(self, raw: bytes, caller: Caller) -> Answer:
        """Answer the body of a POST: one request, or a list of them.

        Raises:
            RequestError: the body is no GraphQL request.
        """
        body = _json(raw)
        if isinstance(body, list):
            if len(body) > MAX_BATCH:
                raise RequestError(BAD_REQUEST, f"A batch holds at most {MAX_BATCH} requests.")
            return Answer(OK, [self.answer_one(item, caller).body for item in body])
        return self.answer_one(body, caller)

    def answer_one(self, request: Any, caller: Caller) -> Answer:
        """Answer one request, given as an object with query, variables and operationName.

        Raises:
            RequestError: it is no such object.
        """
        query, variables, name = _parts(request)
        try:
            document = self._documents.get(query)
            with self._database.read() as session:
                result = execute_sync(
                    self._schema,
                    document,
                    context_value=Context(self._database, session, variables, caller),
                    variable_values=variables,
                    operation_name=name,
                    field_resolver=resolve_field,
                )
                errors = [_printed(error) for error in result.errors or ()]
        except InvalidDocumentError as error:
            return Answer(BAD_REQUEST, {"errors": error.errors})
        except Exception as error:  # noqa: BLE001 - see the module's docstring
            return Answer(OK, {"errors": [_printed(GraphQLError(str(error), original_error=error))], "data": None})
        if not errors:
            return Answer(OK, {"data": result.data})
        if result.data is None and all("path" not in error for error in errors):
            return Answer(BAD_REQUEST, {"errors": errors})
        # Apollo asks Hasura for all of a query at once, so one bad field spoils the whole.
        kept = None if _is_query(document.definitions, name) else result.data
        return Answer(OK, {"errors": errors, "data": kept})


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise RequestError(BAD_REQUEST, f"The body is not JSON: {_line(error)}") from None


def _parts(request: Any) -> tuple[str, dict[str, Any], str | None]:
    if not isinstance(request, dict):
        raise RequestError(BAD_REQUEST, "A GraphQL request is an object with a query.")
    query, variables, name = request.get("query"), request.get("variables"), request.get("operationName")
    if not isinstance(query, str) or not query:
        raise RequestError(BAD_REQUEST, "Must provide query string.")
    if isinstance(variables, str):
        # The Prefect client sends its variables as text.
        try:
            variables = json.loads(variables, parse_constant=_no_constant) if variables else None
        except (ValueError, RecursionError):
            raise RequestError(BAD_REQUEST, "Variables are invalid JSON.") from None
    if variables is not None and not isinstance(variables, dict):
        raise RequestError(BAD_REQUEST, "Variables must be an object.")
    if name is not None and not isinstance(name, str):
        raise RequestError(BAD_REQUEST, "operationName must be a text.")
    return query, variables or {}, name


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _is_query(definitions: Any, name: str | None) -> bool:
    operations = [node for node in definitions if isinstance(node, OperationDefinitionNode)]
    return any(
        node.operation is OperationType.QUERY and (name is None or (node.name is not None and node.name.value == name))
        for node in operations
    )


def _printed(error: GraphQLError) -> dict[str, Any]:
    """Return an error in Apollo's form."""
    message, code = _meaning(error)
    printed: dict[str, Any] = {"message": message}
    if error.locations:
        printed["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    if error.path:
        printed["path"] = error.path
    printed["extensions"] = {"code": code, "exception": {"message": message}}
    return printed


def _meaning(error: GraphQLError) -> tuple[str, str]:
    original = error.original_error
    if original is None or isinstance(original, GraphQLError):
        return error.message, INTERNAL
    if isinstance(original, RefusedError):
        return str(original), original.code
    if isinstance(original, sa.exc.DBAPIError):
        logger.error("the database refused a statement: %s", _line(original.orig))
        return f"The database refused: {_line(original.orig)}", INTERNAL
    if isinstance(original, UnicodeEncodeError):
        return "A text with half a surrogate pair cannot be stored.", "data-exception"
    if isinstance(original, RecursionError):
        return "The request is nested too deeply.", INTERNAL
    logger.error("a request failed", exc_info=original)
    return f"Unable to complete operation. An internal API error occurred. {type(original).__name__}", INTERNAL


def _line(error: object) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
