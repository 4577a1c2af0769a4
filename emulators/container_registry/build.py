"""Azure's API of a registry, as far as building goes: where the source is put, a run, how it goes, and its log.

A run goes on when somebody asks for it: it is queued, it runs and half of its log is there, it is done. One that waits
for a pool without a machine stays queued.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from emulators.container_registry import context
from emulators.container_registry.answer import refused, signed_in
from emulators.container_registry.blob import SERVICE_ACCOUNT, SIGNATURE, Blob, Blobs
from emulators.container_registry.fault import Fault
from emulators.container_registry.pool import Pools
from emulators.container_registry.store import Store

SOURCES = f"{SERVICE_ACCOUNT}/source"
LOGS = f"{SERVICE_ACCOUNT}/logs"
_OVER = {
    "Succeeded": "successful",
    "Failed": "failed",
    "Canceled": "canceled",
    "Error": "internalerror",
    "Timeout": "timedout",
}
"""The statuses of a run that is over, and what its log calls them."""


@dataclass(kw_only=True)
class Run:
    """One build."""

    id: str
    registry: str
    asked: dict[str, Any]
    files: context.Files
    status: str = "Queued"

    def arguments(self) -> dict[str, str]:
        """Give the build's arguments by name."""
        return {each["name"]: each["value"] for each in self.asked.get("arguments") or []}

    def pool(self) -> str:
        """Name the pool whose machine builds it; empty for those that Azure shares among all."""
        return str(self.asked.get("agentPoolName") or "")

    def is_over(self) -> bool:
        """Tell whether its status will not change any more."""
        return self.status in _OVER


class Builds:
    """The endpoints, and every run there was."""

    def __init__(self, store: Store, blobs: Blobs, pools: Pools) -> None:
        self.store = store
        self.blobs = blobs
        self.pools = pools
        self.runs: dict[str, Run] = {}
        self.sources = 0

    def clear(self) -> None:
        """Have built nothing."""
        self.runs.clear()

    async def show(self, _: Request) -> Response:
        """List the runs, each with its request as it came, its context as text and its log."""
        return JSONResponse(
            [
                {
                    "run": run.id,
                    "registry": run.registry,
                    "status": run.status,
                    "request": run.asked,
                    "context": {path: content.decode("utf-8", "replace") for path, content in run.files.items()},
                    "log": self._log(run).content.decode(),
                }
                for run in self.runs.values()
            ]
        )

    async def source(self, request: Request) -> Response:
        """Say where the source of a build is put."""
        if not signed_in(request):
            return refused(401, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
        self.sources += 1
        path = f"{self.sources:08}.tar.gz"
        return JSONResponse({"uploadUrl": _signed(request, f"{SOURCES}/{path}"), "relativePath": path})

    async def schedule(self, request: Request) -> Response:
        """Queue a build of a source that was put."""
        if not signed_in(request):
            return refused(401, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
        asked = json.loads(await request.body())
        source = self.blobs.held.get(f"{SOURCES}/{asked.get('sourceLocation')}")
        if asked.get("type") != "DockerBuildRequest" or source is None:
            return refused(400, "InvalidRunRequest", "The run request has no type, or no source, that is known.")
        try:
            files = context.unpack(source.content)
        except ValueError as error:
            return refused(400, "InvalidRunRequest", str(error))
        run = Run(id=f"ca{len(self.runs) + 1}", registry=request.path_params["name"].lower(), asked=asked, files=files)
        self.runs[run.id] = run
        return JSONResponse(_described(run))

    async def run(self, request: Request) -> Response:
        """Tell how a run goes, and let it go on."""
        run = self.runs.get(request.path_params["run"])
        if run is None:
            return refused(404, "RunNotFound", "There is no such run.")
        if not run.is_over() and (not run.pool() or self.pools.has_machine(run.registry, run.pool())):
            self._go_on(run, request.state.fault)
        return JSONResponse(_described(run))

    async def link(self, request: Request) -> Response:
        """Say where the log of a run is."""
        run = self.runs.get(request.path_params["run"])
        if run is None:
            return refused(404, "RunNotFound", "There is no such run.")
        return JSONResponse({"logLink": _signed(request, f"{LOGS}/{run.id}")})

    def _go_on(self, run: Run, fault: Fault | None) -> None:
        outcome = context.build(run.files, run.asked["dockerFilePath"], run.arguments())
        half = len(outcome.log) // 2
        if fault:
            run.status = fault.ends
            self._write(run, [fault.message] if fault.message else [])
        elif run.status == "Queued":
            run.status = "Running"
            self._write(run, ["Sending build context to Docker daemon", *outcome.log[:half]])
        else:
            run.status = "Succeeded" if outcome.digest else "Failed"
            self._write(run, outcome.log[half:])
        if run.status == "Succeeded" and outcome.digest:
            for image in run.asked.get("imageNames") or []:
                self.store.set_tag(run.registry, image, outcome.digest)
        if run.is_over():
            verb = "was successful" if run.status == "Succeeded" else "failed"
            self._write(run, ["", f"Run ID: {run.id} {verb} after 1s"])
            self._log(run).metadata["complete"] = _OVER[run.status]

    def _write(self, run: Run, lines: Iterable[str]) -> None:
        """Add to a run's log, with the service's own line ends."""
        self._log(run).content += "".join(f"{line}\r\n" for line in lines).encode()

    def _log(self, run: Run) -> Blob:
        return self.blobs.held.setdefault(f"{LOGS}/{run.id}", Blob(content=b""))


def _signed(request: Request, path: str) -> str:
    return f"{str(request.base_url).rstrip('/')}/blob/{path}?sv=2024-11-04&sig={SIGNATURE}"


def _described(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "name": run.id,
        "type": "Microsoft.ContainerRegistry/registries/runs",
        "properties": {
            "runId": run.id,
            "status": run.status,
            "runType": "QuickBuild",
            "provisioningState": "Succeeded",
        },
    }
