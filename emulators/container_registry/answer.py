"""What the stand-in's parts answer alike: refusals, as each of Azure's services words them, and the faults of tests."""

from collections.abc import Awaitable, Callable
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from emulators.container_registry.fault import NEVER, Fault, Faults

Endpoint = Callable[[Request], Awaitable[Response]]

# Azure asks to be asked again in seconds; nobody waits for that in a test.
SOON = {"x-ms-retry-after-ms": "20"}
_OF_BLOBS = ("upload", "log", "blob")


class _Cut(Response):
    """A connection that ends before its answer does."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


def refused(status: int, code: str, message: str) -> Response:
    """Refuse as Azure's API does."""
    return JSONResponse({"error": {"code": code, "message": message}}, status)


def refused_blob(status: int, code: str, message: str) -> Response:
    """Refuse as Azure's storage does."""
    body = (
        f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>'
    )
    return Response(body, status, {"x-ms-error-code": code}, media_type="application/xml")


def signed_in(request: Request) -> bool:
    """Tell whether somebody asks; whom Azure would let in is not known here."""
    return request.headers.get("authorization", "").startswith("Bearer ")


def faulty(faults: Faults, place: str, endpoint: Endpoint) -> Endpoint:
    """Answer with the faults of a place while there are some; an endpoint is given those that only bend its answer."""

    async def answer(request: Request) -> Response:
        fault = faults.take(place)
        request.state.fault = fault
        if fault is None or fault.ends:
            return await endpoint(request)
        if fault.done:
            await endpoint(request)
        return _answer_of(fault, request)

    return answer


def _answer_of(fault: Fault, request: Request) -> Response:
    if fault.cut:
        return _Cut()
    if fault.status == NEVER:
        return Response(status_code=NEVER, headers={"Location": str(request.url), **SOON, **fault.headers})
    if fault.at in _OF_BLOBS:
        answer = refused_blob(fault.status, fault.code or "InternalError", fault.message or "It failed.")
        answer.headers.update(fault.headers)
        return answer
    return JSONResponse(fault.body(), fault.status, fault.headers)
