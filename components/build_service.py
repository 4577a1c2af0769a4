"""Azure's API of what builds images in a container registry, as the clients of one registry ask it.

Whoever needs it imports it inside a function: Azure's libraries take a second to load.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from azure.mgmt.containerregistrytasks import ContainerRegistryTasksMgmtClient

from components.azure_answer import told
from components.registry_client import place_of
from registration.azure_endpoint import UnreachableAzureError, azure_endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAY_BUILD = "Contributor, or Container Registry Tasks Contributor"
_QUESTION = "is the registry one of the Premium tier, and the agent pool there?"


@contextmanager
def asking(what: str, registry_id: str) -> Iterator[tuple[ContainerRegistryTasksMgmtClient, str, str, dict[str, Any]]]:
    """Open a client of Azure's API, with the registry's group and name, and the options of each call.

    Args:
        what: The thing that is asked for, for the line of an AzureError.
        registry_id: The registry's ARM id.
    """
    subscription, group, registry = place_of(registry_id)
    azure = azure_endpoint()
    with (
        told(what, registry=registry_id, role=_MAY_BUILD, scope=registry_id, question=_QUESTION),
        ContainerRegistryTasksMgmtClient(azure.credential, subscription, azure.arm, **azure.client_options) as client,
    ):
        try:
            yield client, group, registry, azure.call_options
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            # The library takes every answer for one of Azure's.
            raise UnreachableAzureError(
                "Azure gives no answer that can be read; is something else there, or in between?"
            ) from error
