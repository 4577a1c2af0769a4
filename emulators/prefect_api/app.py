"""The HTTP side: GraphQL on any path, health pages, and limits on what is read.

Work is done in a few threads, because a SQLite statement blocks; the threads wait for each other only to write.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from emulators.prefect_api.error import RequestError
from emulators.prefect_api.execution import BAD_REQUEST, Executor
from emulators.prefect_api.store.state import Caller

if TYPE_CHECKING:
    from starlette.requests import Request

    from emulators.prefect_api.database import Database
    from emulators.prefect_api.execution import Answer

logger = logging.getLogger(__name__)

WHAT_THIS_IS = "emulator of the Prefect 1 API for one machine; not Prefect Server, not for production"
MAX_BODY = 5 * 1024 * 1024
# What is too large is still read up to here: a client that is cut off while it sends never reads why.
MAX_DRAINED = 64 * 1024 * 1024
TOO_LARGE = 413
THREADS = 12
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET,HEAD,PUT,PATCH,POST,DELETE",
    "Access-Control-Allow-Headers": "*",
}


class GraphQLResponse(JSONResponse):
    """JSON with Apollo's final line break."""

    media_type = "application/json; charset=utf-8"

    def render(self, content: Any) -> bytes:
        """Print an answer; a lone surrogate cannot reach it, because none is stored."""
        return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def application(database: Database) -> Starlette:
    """Build the ASGI application on an open database."""
    executor = Executor(database)
    limiter = anyio.CapacityLimiter(THREADS)

    async def graphql(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=CORS)
        try:
            answer = await anyio.to_thread.run_sync(_answer, executor, request, await _body(request), limiter=limiter)
            return GraphQLResponse(answer.body, status_code=answer.status, headers=CORS)
        except RequestError as error:
            if error.status == TOO_LARGE:
                return HTMLResponse(f"<!DOCTYPE html><pre>{error}</pre>\n", status_code=TOO_LARGE, headers=CORS)
            return PlainTextResponse(f"{error}\n", status_code=error.status, headers=CORS)
        except Exception:
            # Never 500: the client repeats what is answered so, and a mutation would happen twice.
            logger.exception("an answer could not be made")
            return GraphQLResponse({"errors": [{"message": "An internal API error occurred."}]}, headers=CORS)

    methods = ["GET", "POST", "OPTIONS"]
    routes = [
        Route("/health", health, methods=["GET"]),
        Route("/.well-known/apollo/server-health", apollo_health, methods=["GET"]),
        Route("/{path:path}", graphql, methods=methods),
    ]
    return Starlette(routes=routes)


async def health(_request: Request) -> Response:
    """Say that the server is up, and what it is."""
    return JSONResponse({"status": "ok", "service": "prefect-api", "emulator": True, "about": WHAT_THIS_IS})


async def apollo_health(_request: Request) -> Response:
    """Answer the probe of Prefect Server's own chart."""
    return JSONResponse({"status": "pass"})


async def _body(request: Request) -> bytes:
    received, size = bytearray(), 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= MAX_BODY:
            received += chunk
        elif size > MAX_DRAINED:
            break
    if size > MAX_BODY:
        raise RequestError(TOO_LARGE, f"PayloadTooLargeError: a body may have {MAX_BODY} bytes")
    return bytes(received)


def _answer(executor: Executor, request: Request, body: bytes) -> Answer:
    caller = Caller(
        core_version=request.headers.get("x-prefect-core-version"),
        agent_id=request.headers.get("x-prefect-agent-id"),
    )
    if request.method == "POST":
        return executor.answer(body, caller)
    if "query" not in request.query_params:
        raise RequestError(BAD_REQUEST, "GET query missing.")
    return executor.answer_one(dict(request.query_params), caller)
