"""The HTTP side: below /arm what Azure's API answers, below /registry/LOGIN_SERVER what that registry answers.

Below /emulator are the stand-in's own pages: the faults to come, and the imports that were begun.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from emulators.container_registry.fault import NEVER, Fault, Faults
from emulators.container_registry.store import ImportRefusedError, Store, Tag

WHAT_THIS_IS = "emulator of Azure's image import and of a container registry's tags; it holds no image"
_REGISTRY = (
    "/arm/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.ContainerRegistry/registries/{name}"
)
_OPERATION = "/arm/subscriptions/{subscription}/providers/Microsoft.ContainerRegistry/operationResults/{operation}"
_TAG = "/registry/{server}/acr/v1/{repository:path}/_tags/{tag}"
# Azure asks to be asked again in seconds; nobody waits for that in a test.
_SOON = {"x-ms-retry-after-ms": "20"}
_REFRESH, _ACCESS = "emulated-refresh-token", "emulated-access-token"

Endpoint = Callable[[Request], Awaitable[Response]]


class _Cut(Response):
    """A connection that ends before its answer does."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


class Cloud:
    """The endpoints over one store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.faults = Faults()

    def application(self) -> Starlette:
        """Make the ASGI application."""
        return Starlette(
            routes=[
                Route("/health", self.health),
                Route("/emulator", self.forget, methods=["DELETE"]),
                Route("/emulator/faults", self.set_faults, methods=["PUT"]),
                Route("/emulator/imports", self.show_imports),
                Route(_REGISTRY, self._faulty("registry", self.registry)),
                Route(f"{_REGISTRY}/importImage", self._faulty("import", self.begin), methods=["POST"]),
                Route(_OPERATION, self._faulty("operation", self.result), name="result"),
                Route("/registry/{server}/oauth2/exchange", self._faulty("token", self.exchange), methods=["POST"]),
                Route("/registry/{server}/oauth2/token", self._faulty("token", self.token), methods=["POST"]),
                Route(_TAG, self._faulty("tag", self.tag), methods=["GET", "DELETE"]),
            ]
        )

    async def health(self, _: Request) -> Response:
        """Say what this is."""
        return JSONResponse({"status": "ok", "emulator": True, "about": WHAT_THIS_IS})

    async def forget(self, _: Request) -> Response:
        """Be as on the first day: no tag, no import, no fault."""
        self.store.clear()
        self.faults.replace([])
        return Response(status_code=204)

    async def set_faults(self, request: Request) -> Response:
        """Take a list of faults, in place of those that were to come."""
        try:
            self.faults.replace(await request.json())
        except (TypeError, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400)
        return Response(status_code=204)

    async def show_imports(self, _: Request) -> Response:
        """List the imports that were begun."""
        return JSONResponse(self.store.imports)

    async def registry(self, request: Request) -> Response:
        """Describe a registry; every name has one."""
        name = request.path_params["name"]
        return JSONResponse(
            {"name": name, "location": "westeurope", "properties": {"loginServer": f"{name}.azurecr.io"}}
        )

    async def begin(self, request: Request) -> Response:
        """Begin an import."""
        if not request.headers.get("authorization", "").startswith("Bearer "):
            return _refused(
                401, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."
            )
        try:
            operation = self.store.begin(request.path_params["name"].lower(), json.loads(await request.body()))
        except ImportRefusedError as error:
            return _refused(error.status, error.code, str(error))
        except ValueError:
            return _refused(400, "InvalidRequestContent", "The request content was invalid.")
        where = request.url_for("result", subscription=request.path_params["subscription"], operation=operation)
        return Response(status_code=202, headers={"Location": str(where), **_SOON})

    async def result(self, request: Request) -> Response:
        """Tell how an import went; whoever asks for it finds it done."""
        if not self.store.finish(request.path_params["operation"]):
            return _refused(404, "OperationNotFound", "There is no such operation.")
        return Response(status_code=200)

    async def exchange(self, request: Request) -> Response:
        """Give a registry's refresh token for one of Entra ID."""
        given = (await _form(request)).get("access_token")
        return JSONResponse({"refresh_token": _REFRESH}) if given else _unauthorized(request)

    async def token(self, request: Request) -> Response:
        """Give an access token for a refresh token."""
        given = (await _form(request)).get("refresh_token")
        return JSONResponse({"access_token": _ACCESS}) if given == [_REFRESH] else _unauthorized(request)

    async def tag(self, request: Request) -> Response:
        """Describe a tag, or delete it."""
        if request.headers.get("authorization") != f"Bearer {_ACCESS}":
            return _unauthorized(request)
        parameters = request.path_params
        registry, repository, name = (
            parameters["server"].split(".")[0].lower(),
            parameters["repository"],
            parameters["tag"],
        )
        found = self.store.tag(registry, repository, name)
        if found is None:
            return _unknown_tag(name)
        if request.method == "DELETE":
            self.store.remove(registry, repository, name)
            return Response(status_code=202)
        return JSONResponse(_described(parameters["server"], repository, name, found))

    def _faulty(self, place: str, endpoint: Endpoint) -> Endpoint:
        async def answer(request: Request) -> Response:
            fault = self.faults.take(place)
            return _answer_of(fault, request) if fault else await endpoint(request)

        return answer


async def _form(request: Request) -> dict[str, list[str]]:
    return parse_qs((await request.body()).decode())


def _answer_of(fault: Fault, request: Request) -> Response:
    if fault.cut:
        return _Cut()
    if fault.status == NEVER:
        return Response(status_code=NEVER, headers={"Location": str(request.url), **_SOON, **fault.headers})
    return JSONResponse(fault.body(), fault.status, fault.headers)


def _refused(status: int, code: str, message: str) -> Response:
    return JSONResponse({"error": {"code": code, "message": message}}, status)


def _unauthorized(request: Request) -> Response:
    server, repository = request.path_params["server"], request.path_params.get("repository", "")
    challenge = (
        f'Bearer realm="https://{server}/oauth2/token",service="{server}",scope="repository:{repository}:metadata_read"'
    )
    body = {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}
    return JSONResponse(body, 401, {"WWW-Authenticate": challenge})


def _unknown_tag(tag: str) -> Response:
    return JSONResponse({"errors": [{"code": "TAG_UNKNOWN", "message": f"the tag {tag} does not exist"}]}, 404)


def _described(server: str, repository: str, name: str, found: Tag) -> dict[str, Any]:
    allowed = dict.fromkeys(("deleteEnabled", "writeEnabled", "listEnabled", "readEnabled"), True)
    tag = {
        "name": name,
        "digest": found["digest"],
        "createdTime": found["created"],
        "lastUpdateTime": found["updated"],
        "signed": False,
        "changeableAttributes": allowed,
    }
    return {"registry": server, "imageName": repository, "tag": tag}
