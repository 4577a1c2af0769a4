"""Azure's API of a registry's agent pools: how many machines a pool has, and that it is given others.

A pool is there as soon as somebody asks for it, with one machine: it is made in another cloud, the engine's. It goes
on when somebody asks for it, as a build does: it is updated, it is done.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from emulators.container_registry.answer import refused, signed_in


@dataclass(kw_only=True)
class Pool:
    """One agent pool."""

    registry: str
    name: str
    count: int = 1
    asked: list[int] = field(default_factory=list)
    """Each number of machines that was asked for."""
    updating: bool = False

    def go_on(self) -> None:
        """Have the machines that were asked for last."""
        if self.updating:
            self.count, self.updating = self.asked[-1], False


class Pools:
    """The endpoints, and every pool that was asked for."""

    def __init__(self) -> None:
        self.pools: dict[tuple[str, str], Pool] = {}

    def clear(self) -> None:
        """Have none."""
        self.pools.clear()

    def has_machine(self, registry: str, name: str) -> bool:
        """Tell whether a build would be taken."""
        return self._pool(registry, name).count > 0

    async def show(self, _: Request) -> Response:
        """List the pools."""
        return JSONResponse(
            [
                {"registry": pool.registry, "pool": pool.name, "count": pool.count, "asked": pool.asked}
                for pool in self.pools.values()
            ]
        )

    async def look(self, request: Request) -> Response:
        """Tell what a pool is, and let it go on."""
        if not signed_in(request):
            return refused(401, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
        pool = self._asked_for(request)
        described = _described(pool, request.state.fault.ends if request.state.fault else "")
        pool.go_on()
        return JSONResponse(described)

    async def scale(self, request: Request) -> Response:
        """Take another number of machines."""
        if not signed_in(request):
            return refused(401, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
        pool = self._asked_for(request)
        if pool.updating:
            return refused(409, "Conflict", "Another operation on the agent pool is in progress.")
        count = json.loads(await request.body())["properties"]["count"]
        if not isinstance(count, int) or count < 0:
            return refused(400, "InvalidParameters", "The count of an agent pool is a number of machines.")
        pool.asked.append(count)
        pool.updating = True
        return JSONResponse(_described(pool))

    def _asked_for(self, request: Request) -> Pool:
        return self._pool(request.path_params["name"].lower(), request.path_params["pool"])

    def _pool(self, registry: str, name: str) -> Pool:
        return self.pools.setdefault((registry, name), Pool(registry=registry, name=name))


def _described(pool: Pool, state: str = "") -> dict[str, Any]:
    return {
        "name": pool.name,
        "type": "Microsoft.ContainerRegistry/registries/agentPools",
        "location": "westeurope",
        "properties": {
            "count": pool.count,
            "tier": "S1",
            "os": "Linux",
            "provisioningState": state or ("Updating" if pool.updating else "Succeeded"),
        },
    }
