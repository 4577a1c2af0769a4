"""A container registry in Azure, as a client sees both its sides: Azure's API copies into it, it tells digests itself.

Whoever needs one imports this inside a function: Azure's libraries take a second to load.
"""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from azure.containerregistry import ContainerRegistryClient
from azure.core import exceptions
from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from azure.mgmt.containerregistry.models import ImportImageParameters, ImportSource

from components.azure_answer import DENIED, GONE, denied, reason, told, unexplained
from registration.azure_endpoint import AzureError, UnreachableAzureError, azure_endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azure.core.polling import LROPoller

IMPORT_SECONDS = 1800.0
POLL_SECONDS = 5.0
APPEARS_SECONDS = 60.0
"""How long a tag may take to show after its import or its build is done."""

_ID = re.compile(
    "/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)"
    "/providers/Microsoft[.]ContainerRegistry/registries/(?P<name>[^/]+)",
    re.IGNORECASE,
)
_DIGEST = re.compile("sha256:[0-9a-f]{64}")
_CONFLICT = 409
_FROM_INSIDE = (
    "a private registry answers inside its network alone: run this from the deployer's pool, "
    "or from an address in authorizedIpRanges"
)
_MAY_IMPORT = "Contributor, or Container Registry Data Importer and Data Reader"


@dataclass(frozen=True, kw_only=True)
class ContainerRegistry:
    """One registry; every method raises AzureError, whose text is one line and says what to do."""

    id: str
    """Its ARM id."""
    login_server: str

    def digest(self, repository: str, tag: str) -> str | None:
        """Ask the registry what a tag is now; None when it has no such tag."""
        azure = azure_endpoint()
        # The library asks for tokens of a registry's own audience: ours takes none that are for ARM.
        client = ContainerRegistryClient(azure.registry(self.login_server), azure.credential, **azure.client_options)
        with self._told_of_reading(), client:
            try:
                digest = client.get_tag_properties(repository, tag, **azure.call_options).digest
            except exceptions.ResourceNotFoundError:
                return None
            except (AttributeError, LookupError, TypeError):
                # The library takes every answer for a registry's.
                digest = None
        if not _DIGEST.fullmatch(digest or ""):
            raise AzureError(f"{self.login_server} tells no digest of the tag; is it a container registry of Azure?")
        return digest

    def digest_if_there(self, repository: str, tag: str) -> str | None:
        """Ask for a digest; a registry that is gone has none, one that does not answer may have it."""
        try:
            return self.digest(repository, tag)
        except UnreachableAzureError:
            if not self._is_gone():
                raise
        return None

    def await_digest(self, repository: str, tag: str, *, other_than: str = "") -> str:
        """Ask until the tag of a finished import or build shows; it may have been another image before."""
        deadline, pause = time.monotonic() + APPEARS_SECONDS, 0.1
        while (digest := self.digest(repository, tag)) in {None, other_than}:
            if time.monotonic() > deadline:
                raise AzureError(f"{self.login_server} still does not show the tag; run it again")
            time.sleep(pause)
            pause = min(2 * pause, POLL_SECONDS)
        return digest

    def copy(self, source: str, repository: str, tag: str, *, overwrite: bool) -> None:
        """Let Azure copy an image into it, all its platforms, and wait until it has.

        Args:
            source: `REGISTRY/REPOSITORY:TAG` or `REGISTRY/REPOSITORY@DIGEST`, open to everybody.
            repository: What it is called here.
            tag: Its tag here.
            overwrite: Move a tag that is there; without it, such a tag stays as it is.
        """
        registry, _, image = source.partition("/")
        upstream = ImportSource(registry_uri=registry, source_image=image)
        with self._told_of_importing(self.id, "is there such an image upstream, and may all pull it?"):
            self._import(upstream, f"{repository}:{tag}", overwrite=overwrite)

    def copy_from(self, other: ContainerRegistry, image: str, repository: str, tag: str) -> None:
        """Let Azure copy an image from another registry of ours, over what the tag is, and wait until it has.

        Args:
            other: The registry that has it.
            image: `REPOSITORY@DIGEST` there.
            repository: What it is called here.
            tag: Its tag here.
        """
        ours = ImportSource(resource_id=other.id, source_image=image)
        with self._told_of_importing(f"{self.id} and on {other.id}", f"does {other.login_server} have {image}?"):
            self._import(ours, f"{repository}:{tag}", overwrite=True)

    def forbids_exports(self) -> bool:
        """Tell whether Azure refuses to copy its images to another registry."""
        with self._told_of_importing(self.id, "is it the id of a registry?"), self._management() as (client, *place):
            policies = client.registries.get(*place, **azure_endpoint().call_options).policies
        return bool(policies and policies.export_policy and policies.export_policy.status == "disabled")

    def _import(self, source: ImportSource, target: str, *, overwrite: bool) -> None:
        parameters = ImportImageParameters(
            source=source, target_tags=[target], mode="Force" if overwrite else "NoForce"
        )
        with self._management() as (client, group, name):
            options = azure_endpoint().call_options
            try:
                poller = client.registries.begin_import_image(
                    group, name, parameters, polling_interval=POLL_SECONDS, **options
                )
                _wait(poller)
            except exceptions.HttpResponseError as error:
                # An earlier run, whose answer was lost, or another one has just copied it.
                if overwrite or error.status_code != _CONFLICT:
                    raise

    def _is_gone(self) -> bool:
        """Tell whether Azure says that there is no such registry; where it says nothing, there may be one."""
        with self._management() as (client, group, name):
            try:
                client.registries.get(group, name, **azure_endpoint().call_options)
            except exceptions.ResourceNotFoundError as error:
                return reason(error)[0] in GONE
            except exceptions.AzureError:
                return False
        return False

    @contextmanager
    def _management(self) -> Iterator[tuple[ContainerRegistryManagementClient, str, str]]:
        """Open a client of Azure's API, with the registry's resource group and name."""
        subscription, group, name = place_of(self.id)
        azure = azure_endpoint()
        with ContainerRegistryManagementClient(
            azure.credential, subscription, azure.arm, **azure.client_options
        ) as client:
            yield client, group, name

    @contextmanager
    def _told_of_reading(self) -> Iterator[None]:
        try:
            yield
        except exceptions.HttpResponseError as error:
            code, said = reason(error)
            if "firewall" in said or "not allowed access" in said:
                raise UnreachableAzureError(
                    f"{self.login_server} does not let this address in; {_FROM_INSIDE}"
                ) from error
            if error.status_code in DENIED:
                raise AzureError(denied(f"{self.login_server} may not be read", code, "AcrPull", self.id)) from error
            raise unexplained(error, self.login_server, "is it a container registry of Azure?") from error
        except exceptions.AzureError as error:
            raise UnreachableAzureError(f"{self.login_server} cannot be reached; {_FROM_INSIDE}") from error

    @contextmanager
    def _told_of_importing(self, scope: str, question: str) -> Iterator[None]:
        with told("an import", registry=self.id, role=_MAY_IMPORT, scope=scope, question=question):
            try:
                yield
            except exceptions.HttpResponseError as error:
                if "pull rate limit" not in reason(error)[1]:
                    raise
                raise AzureError(
                    "Docker Hub's limit for pulls without an account is used up; run it again in six hours, "
                    "or copy the image once with `az acr import --username`, and the next run finds it"
                ) from error


def place_of(registry_id: str) -> tuple[str, str, str]:
    """Take a registry's id apart: its subscription, its resource group and its name.

    Raises:
        AzureError: it is none.
    """
    found = _ID.fullmatch(registry_id)
    if found is None:
        raise AzureError(f"{registry_id!r} is not the id of a container registry in Azure")
    return found["subscription"], found["group"], found["name"]


def _wait(poller: LROPoller[None]) -> None:
    poller.wait(IMPORT_SECONDS)
    if not poller.done():
        raise AzureError(
            f"Azure did not finish the import in {IMPORT_SECONDS / 60:.0f} minutes; run it again: it goes on"
        )
