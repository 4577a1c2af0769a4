"""A container registry in Azure, as a client sees both its sides: Azure's API copies into it, it tells digests itself.

The image mirror's plugin alone imports this, inside its methods: Azure's libraries take a second to load.
"""

from __future__ import annotations

import json
import re
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from azure.containerregistry import ContainerRegistryClient
from azure.core import exceptions
from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from azure.mgmt.containerregistry.models import ImportImageParameters, ImportSource

from registration.azure_endpoint import AzureError, UnreachableAzureError, azure_endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azure.core.polling import LROPoller

IMPORT_SECONDS = 1800.0
POLL_SECONDS = 5.0
APPEARS_SECONDS = 60.0
"""How long a tag may take to show after its import is done."""

_ID = re.compile(
    "/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)"
    "/providers/Microsoft[.]ContainerRegistry/registries/(?P<name>[^/]+)",
    re.IGNORECASE,
)
_DIGEST = re.compile("sha256:[0-9a-f]{64}")
_CLIENT_ERROR = 400
_CONFLICT = 409
_DENIED = (401, 403)
_THROTTLED = 429
_SERVER_ERROR = 500
_GONE = ("ResourceNotFound", "ResourceGroupNotFound", "ParentResourceNotFound")
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

    def await_digest(self, repository: str, tag: str) -> str:
        """Ask until the tag of a finished import shows."""
        deadline, pause = time.monotonic() + APPEARS_SECONDS, 0.1
        while (digest := self.digest(repository, tag)) is None:
            if time.monotonic() > deadline:
                raise AzureError(f"{self.login_server} still does not show what was imported; run it again")
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
        parameters = ImportImageParameters(
            source=ImportSource(registry_uri=registry, source_image=image),
            target_tags=[f"{repository}:{tag}"],
            mode="Force" if overwrite else "NoForce",
        )
        with self._told_of_importing(), self._management() as (client, group, name):
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

    def is_gone(self) -> bool:
        """Tell whether Azure says that there is no such registry; where it says nothing, there may be one."""
        with self._management() as (client, group, name):
            try:
                client.registries.get(group, name, **azure_endpoint().call_options)
            except exceptions.ResourceNotFoundError as error:
                return _reason(error)[0] in _GONE
            except exceptions.AzureError:
                return False
        return False

    @contextmanager
    def _management(self) -> Iterator[tuple[ContainerRegistryManagementClient, str, str]]:
        """Open a client of Azure's API, with the registry's resource group and name."""
        found = _ID.fullmatch(self.id)
        if found is None:
            raise AzureError(f"{self.id!r} is not the id of a container registry in Azure")
        azure = azure_endpoint()
        with ContainerRegistryManagementClient(
            azure.credential, found["subscription"], azure.arm, **azure.client_options
        ) as client:
            yield client, found["group"], found["name"]

    @contextmanager
    def _told_of_reading(self) -> Iterator[None]:
        try:
            yield
        except exceptions.HttpResponseError as error:
            code, reason = _reason(error)
            if "firewall" in reason or "not allowed access" in reason:
                raise UnreachableAzureError(
                    f"{self.login_server} does not let this address in; {_FROM_INSIDE}"
                ) from error
            if error.status_code in _DENIED:
                raise AzureError(_denied(f"{self.login_server} may not be read", code, "AcrPull", self.id)) from error
            raise _unexplained(error, self.login_server, "is it a container registry of Azure?") from error
        except exceptions.AzureError as error:
            raise UnreachableAzureError(f"{self.login_server} cannot be reached; {_FROM_INSIDE}") from error

    @contextmanager
    def _told_of_importing(self) -> Iterator[None]:
        try:
            yield
        except exceptions.HttpResponseError as error:
            code, reason = _reason(error)
            if "pull rate limit" in reason:
                raise AzureError(
                    "Docker Hub's limit for pulls without an account is used up; run it again in six hours, "
                    "or copy the image once with `az acr import --username`, and the next run finds it"
                ) from error
            if error.status_code in _DENIED:
                raise AzureError(_denied("an import is not allowed", code, _MAY_IMPORT, self.id)) from error
            if code in _GONE:
                raise AzureError(f"Azure knows no registry {self.id}; run `pulumi refresh`, then again") from error
            raise _unexplained(error, "Azure", "is there such an image upstream, and may all pull it?") from error
        except exceptions.AzureError as error:
            raise UnreachableAzureError("Azure's API cannot be reached; run it again when it is") from error


def _wait(poller: LROPoller[None]) -> None:
    poller.wait(IMPORT_SECONDS)
    if not poller.done():
        raise AzureError(
            f"Azure did not finish the import in {IMPORT_SECONDS / 60:.0f} minutes; run it again: it goes on"
        )


def _denied(what: str, code: str, role: str, scope: str) -> str:
    said = f" ({code})" if code else ""
    return f"{what}{said}; it takes the role {role} on {scope}, and a role counts some minutes after it is given"


def _unexplained(error: exceptions.HttpResponseError, who: str, question: str) -> AzureError:
    if error.response is None and isinstance(error, exceptions.ClientAuthenticationError):
        return AzureError("nobody is signed in to Azure; run `az login`, or let a service connection run it")
    status = error.status_code or 0
    if status < _CLIENT_ERROR:
        return UnreachableAzureError(f"{who} gives no answer that can be read; is something else there, or in between?")
    code, reason = _reason(error)
    said = ": ".join(part for part in (code, reason) if part) or "no reason given"
    if status == _THROTTLED or status >= _SERVER_ERROR:
        return AzureError(f"{who} answers {status} ({said}); run it again in some minutes")
    return AzureError(f"{who} answers {status} ({said}); {question}")


def _reason(error: exceptions.HttpResponseError) -> tuple[str, str]:
    """Find the code and the message of an answer, of Azure's API or of a registry, each in one line."""
    try:
        body = json.loads(error.response.text()) if error.response is not None else {}
        said = body.get("error") or body["errors"][0]
        code, message = str(said.get("code") or ""), str(said.get("message") or "")
    except (ValueError, LookupError, TypeError, AttributeError, exceptions.AzureError):
        return "", ""
    return code, " ".join(message.split()).rstrip(".")[:300]
