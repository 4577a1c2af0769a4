"""The place on a Prefect server that flows are registered in: a tenant, and a project of it.

State holds these under `prefect-aks:Tenant` and `prefect-aks:Project`; neither token may change.
"""

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from components.flow_provider import ProjectProvider, TenantProvider

ApiLocator = pulumi.Input[str] | pulumi.Input[Mapping[str, Any]]
"""Where a Prefect API answers: its URL, or the fields of a `registration.service_proxy.ServiceProxy`, each of which may
be unknown at a first preview. It never holds a credential."""


class Tenant(Resource, module="prefect-aks", name="Tenant"):
    """A tenant of the Prefect server, found or made; its id is the server's.

    Args:
        slug: Its name and slug.
        api: The server.
    """

    def __init__(self, name: str, *, slug: str, api: ApiLocator, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(TenantProvider(), name, {"slug": slug, "api": api}, opts)


class Project(Resource, module="prefect-aks", name="Project"):
    """A project of the Prefect server, found or made; its id is the server's.

    Args:
        project: Its name on the server.
        tenant_id: The id of its tenant.
        api: The server.
    """

    def __init__(
        self,
        name: str,
        *,
        project: str,
        tenant_id: pulumi.Input[str],
        api: ApiLocator,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(ProjectProvider(), name, {"name": project, "tenant_id": tenant_id, "api": api}, opts)
