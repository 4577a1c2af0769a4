"""Azure's API of a registry, as far as copying images goes: the registry itself, an import, and how an import went."""

import json

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from emulators.container_registry.answer import SOON, refused, signed_in
from emulators.container_registry.store import ImportRefusedError, Store


class Imports:
    """The endpoints."""

    def __init__(self, store: Store) -> None:
        self.store = store

    async def show(self, _: Request) -> Response:
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
        if not signed_in(request):
            return refused(401, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
        try:
            operation = self.store.begin(request.path_params["name"].lower(), json.loads(await request.body()))
        except ImportRefusedError as error:
            return refused(error.status, error.code, str(error))
        except ValueError:
            return refused(400, "InvalidRequestContent", "The request content was invalid.")
        where = request.url_for("result", subscription=request.path_params["subscription"], operation=operation)
        return Response(status_code=202, headers={"Location": str(where), **SOON})

    async def result(self, request: Request) -> Response:
        """Tell how an import went; whoever asks for it finds it done."""
        if not self.store.finish(request.path_params["operation"]):
            return refused(404, "OperationNotFound", "There is no such operation.")
        return Response(status_code=200)
