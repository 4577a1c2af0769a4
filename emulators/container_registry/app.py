"""The HTTP side: Azure's API below /arm, registries below /registry/LOGIN_SERVER, storage below /blob/ACCOUNT.

Below /emulator are the stand-in's own pages: the faults to come, the imports and the builds that were begun, the pools.
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emulators.container_registry.answer import Endpoint, faulty
from emulators.container_registry.blob import Blobs
from emulators.container_registry.build import LOGS, SOURCES, Builds
from emulators.container_registry.fault import Faults
from emulators.container_registry.image_import import Imports
from emulators.container_registry.pool import Pools
from emulators.container_registry.store import Store
from emulators.container_registry.tag import Tags

WHAT_THIS_IS = (
    "emulator of Azure's image import, image builds and blobs, and of a container registry's tags; it holds no image"
)
_PROVIDERS = "/arm/subscriptions/{subscription}/resourceGroups/{group}/providers"
_REGISTRY = f"{_PROVIDERS}/Microsoft.ContainerRegistry/registries/{{name}}"
_OPERATION = "/arm/subscriptions/{subscription}/providers/Microsoft.ContainerRegistry/operationResults/{operation}"
_SERVER = "/registry/{server}"


class Cloud:
    """The parts of the stand-in, over one store of tags."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.faults = Faults()
        self.blobs = Blobs()
        self.imports = Imports(store)
        self.pools = Pools()
        self.builds = Builds(store, self.blobs, self.pools)
        self.tags = Tags(store)

    def application(self) -> Starlette:
        """Make the ASGI application."""
        imports, builds, pools, tags = self.imports, self.builds, self.pools, self.tags
        return Starlette(
            routes=[
                Route("/health", self.health),
                Route("/emulator", self.forget, methods=["DELETE"]),
                Route("/emulator/faults", self.set_faults, methods=["PUT"]),
                Route("/emulator/imports", imports.show),
                Route("/emulator/builds", builds.show),
                Route("/emulator/pools", pools.show),
                self._route(_REGISTRY, "registry", imports.registry),
                self._route(f"{_REGISTRY}/importImage", "import", imports.begin, "POST"),
                Route(_OPERATION, faulty(self.faults, "operation", imports.result), name="result"),
                self._route(f"{_REGISTRY}/listBuildSourceUploadUrl", "source", builds.source, "POST"),
                self._route(f"{_REGISTRY}/scheduleRun", "schedule", builds.schedule, "POST"),
                self._route(f"{_REGISTRY}/runs/{{run}}", "run", builds.run),
                self._route(f"{_REGISTRY}/runs/{{run}}/listLogSasUrl", "link", builds.link, "POST"),
                self._route(f"{_REGISTRY}/agentPools/{{pool}}", "pool", pools.look),
                self._route(f"{_REGISTRY}/agentPools/{{pool}}", "scale", pools.scale, "PATCH"),
                self._route(f"{_SERVER}/oauth2/exchange", "token", tags.exchange, "POST"),
                self._route(f"{_SERVER}/oauth2/token", "token", tags.token, "POST"),
                self._route(f"{_SERVER}/acr/v1/{{repository:path}}/_tags/{{tag}}", "tag", tags.tag, "GET", "DELETE"),
                self._route(f"/blob/{SOURCES}/{{name:path}}", "upload", self.blobs.serve, "GET", "PUT"),
                self._route(f"/blob/{LOGS}/{{name:path}}", "log", self.blobs.serve),
                self._route("/blob/{account}/{container}/{name:path}", "blob", self.blobs.serve, "GET", "PUT"),
            ]
        )

    async def health(self, _: Request) -> Response:
        """Say what this is."""
        return JSONResponse({"status": "ok", "emulator": True, "about": WHAT_THIS_IS})

    async def forget(self, _: Request) -> Response:
        """Be as on the first day: no tag, no import, no build, no pool, no blob, no fault."""
        self.store.clear()
        self.builds.clear()
        self.pools.clear()
        self.blobs.held.clear()
        self.faults.replace([])
        return Response(status_code=204)

    async def set_faults(self, request: Request) -> Response:
        """Take a list of faults, in place of those that were to come."""
        try:
            self.faults.replace(await request.json())
        except (TypeError, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400)
        return Response(status_code=204)

    def _route(self, path: str, place: str, endpoint: Endpoint, *methods: str) -> Route:
        return Route(path, faulty(self.faults, place, endpoint), methods=methods or None)
