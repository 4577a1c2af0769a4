"""An image that Azure builds inside a container registry, of a source that is handed over to it.

The flow image's plugin alone imports this, inside its methods: Azure's libraries take a second to load.
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from azure.mgmt.containerregistrytasks.models import (
    Argument,
    Credentials,
    DockerBuildRequest,
    PlatformProperties,
    SourceRegistryCredentials,
)

from components.build_log import BuildLog
from components.build_machine import BuildMachine
from components.build_service import asking
from components.registry_client import place_of
from components.signed_blob import ERRORS, open_blob
from registration.azure_endpoint import AzureError, UnreachableAzureError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from azure.mgmt.containerregistrytasks import ContainerRegistryTasksMgmtClient

BUILD_SECONDS = 1800
"""How long Azure lets a build run."""
QUEUE_SECONDS = 600
"""How long it may wait before, and how late Azure may tell of its end."""
POLL_SECONDS = 3.0
UPLOAD_LIMITS: dict[str, Any] = {
    "connection_timeout": 5,
    "read_timeout": 60,
    "retry_total": 3,
    "initial_backoff": 1,
    "increment_base": 2,
    "random_jitter_range": 0,
}

_UNDER_WAY = ("Queued", "Started", "Running")
_SUCCEEDED = "Succeeded"


@dataclass(frozen=True, kw_only=True)
class ImageBuild:
    """A build of one image; it raises AzureError, whose text is one line and says what to do."""

    registry_id: str
    agent_pool: str | None
    """Whose machine builds, and is there for that long; without one, those that Azure shares among all, which reach no
    closed registry."""
    image: str
    """`REPOSITORY:TAG`, where it is pushed to."""
    arguments: Mapping[str, str]
    """What the Dockerfile's ARGs are; they are no secrets, and the image tells them."""

    def run(self, source: bytes, tell: Callable[[str], None]) -> None:
        """Build and push; return when Azure says that it is done.

        Args:
            source: A compressed tar file with a Dockerfile at its top.
            tell: Takes each line of the log as it comes.
        """
        location = self._upload(source)
        machine = BuildMachine(registry_id=self.registry_id, pool=self.agent_pool) if self.agent_pool else None
        with machine.running(tell) if machine else nullcontext():
            self._build(location, tell)

    def _build(self, location: str, tell: Callable[[str], None]) -> None:
        """Queue the build, and follow it to its end."""
        run = self._begin(location)
        tell(f"build {run} is queued")
        log = BuildLog(lambda: self._log_link(run))
        deadline = time.monotonic() + BUILD_SECONDS + QUEUE_SECONDS
        while (now := self._look(run))[0] in _UNDER_WAY:
            for line in log.more():
                tell(line)
            if time.monotonic() > deadline:
                minutes = (BUILD_SECONDS + QUEUE_SECONDS) / 60
                raise AzureError(
                    f"build {run} is still {now[0].lower()} after {minutes:.0f} minutes; look at it with "
                    f"`{self._shown(run)}`, and run this again: it finds what was built, or builds it"
                )
            time.sleep(POLL_SECONDS)
        for line in log.rest():
            tell(line)
        status, said = now
        if status != _SUCCEEDED:
            raise AzureError(self._ended(run, status, log.last or said))

    def _upload(self, source: bytes) -> str:
        """Put the source where a build finds it, and give its path there."""
        with self._asking() as (client, group, registry, options):
            place = client.registries.get_build_source_upload_url(group, registry, **options)
        try:
            with open_blob(place.upload_url, UPLOAD_LIMITS) as blob:
                blob.upload_blob(source, overwrite=True)
        except ERRORS as error:
            raise _not_uploaded(error) from error
        return str(place.relative_path)

    def _begin(self, location: str) -> str:
        """Queue the build, and give its run's id."""
        request = DockerBuildRequest(
            docker_file_path="Dockerfile",
            source_location=location,
            image_names=[self.image],
            is_push_enabled=True,
            arguments=[Argument(name=name, value=value) for name, value in sorted(self.arguments.items())],
            platform=PlatformProperties(os="Linux", architecture="amd64"),
            # The base image is in the same registry.
            credentials=Credentials(source_registry=SourceRegistryCredentials(login_mode="Default")),
            timeout=BUILD_SECONDS,
            agent_pool_name=self.agent_pool,
        )
        with self._asking() as (client, group, registry, options):
            return str(client.registries.schedule_run(group, registry, request, **options).run_id)

    def _look(self, run: str) -> tuple[str, str]:
        """Ask for a run's status, and for what Azure says about it."""
        try:
            with self._asking() as (client, group, registry, options):
                found = client.runs.get(group, registry, run, **options)
        except AzureError as error:
            raise type(error)(f"{error} ({self._left(run)})") from error
        return str(getattr(found.status, "value", found.status)), str(found.run_error_message or "")

    def _log_link(self, run: str) -> str | None:
        with self._asking() as (client, group, registry, options):
            return client.runs.get_log_sas_url(group, registry, run, **options).log_link

    def _ended(self, run: str, status: str, said: str) -> str:
        """Say why there is no image."""
        because = f": {said[:300]}" if said else ""
        return {
            "Failed": f"build {run} failed{because}; mend that, and run it again; `{self._shown(run)}` has all its log",
            "Canceled": f"build {run} was cancelled by somebody; run it again",
            "Timeout": f"build {run} was not done in {BUILD_SECONDS / 60:.0f} minutes, and Azure ended it{because}; "
            f"run it again, or look at `{self._shown(run)}`",
        }.get(status, f"Azure could not carry out build {run} ({status}){because}; run it again in some minutes")

    def _left(self, run: str) -> str:
        """Say what becomes of a build that nobody follows any more."""
        if self.agent_pool:
            return f"its machine is stopped, so build {run} may not end; the next run finds what it made, or builds"
        return f"build {run} goes on, and the next run finds what it makes"

    def _shown(self, run: str) -> str:
        return f"az acr task logs --registry {place_of(self.registry_id)[2]} --run-id {run}"

    def _asking(self) -> AbstractContextManager[tuple[ContainerRegistryTasksMgmtClient, str, str, dict[str, Any]]]:
        return asking("a build", self.registry_id)


def _not_uploaded(error: Exception) -> AzureError:
    """Say why the source is not where a build would find it."""
    status = getattr(error, "status_code", None)
    if status:
        code = getattr(error, "error_code", None)
        said = getattr(code, "value", code) or "no reason given"
        return AzureError(
            f"the storage of Azure's build service answers {status} ({said}); run it again in some minutes"
        )
    return UnreachableAzureError(
        "the source cannot be put into the storage of Azure's build service; a firewall in between has to let "
        "*.blob.core.windows.net out; run it again when it does"
    )
