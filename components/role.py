"""Azure's built-in roles, and how one is given to somebody.

A role assignment names its principal's type, so that Azure need not find a principal that it made a moment ago.
"""

from enum import StrEnum
from typing import Literal

import pulumi
from pulumi_azure_native import authorization

from components.placement import Placement


class Role(StrEnum):
    """The ids of Azure's built-in role definitions, the same in every tenant.

    What is listed here, the pipeline may give to services: no role without a component that gives it.
    """

    ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
    ACR_PUSH = "8311e382-0749-4cb8-b61a-304f252e45ec"
    AKS_CLUSTER_USER = "4abbcc35-e782-43d8-92c5-2d3f1bd2253f"
    AKS_RBAC_CLUSTER_ADMIN = "b1ff04bb-8a4e-4dc4-8eb5-8693973ce19b"
    AKS_RBAC_READER = "7f6c6a51-bcf8-42ba-9220-52d62157d7db"
    CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
    MANAGED_IDENTITY_OPERATOR = "f1a07417-d97a-45cb-824c-7a7467783830"
    NETWORK_CONTRIBUTOR = "4d97b98b-1d4f-4787-a291-c67834d212e7"
    RBAC_ADMINISTRATOR = "f58310d9-a9f6-439a-9e8d-f62e7b41a168"
    READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
    STORAGE_BLOB_DATA_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
    STORAGE_BLOB_DATA_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"


def definition_id(role: Role, placement: Placement) -> pulumi.Output[str]:
    """The role's definition as the subscription names it."""
    return pulumi.Output.concat(
        "/subscriptions/", placement.subscription_id, "/providers/Microsoft.Authorization/roleDefinitions/", role.value
    )


def assign(  # noqa: PLR0913 - what an assignment consists of; all of it by keyword
    name: str,
    *,
    placement: Placement,
    role: Role,
    principal_id: pulumi.Input[str],
    principal_type: Literal["Group", "ServicePrincipal", "User"],
    scope: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> authorization.RoleAssignment:
    """Give a principal a role on a resource and all that lies in it; any change of it makes another assignment."""
    return authorization.RoleAssignment(
        name,
        principal_id=principal_id,
        principal_type=principal_type,
        role_definition_id=definition_id(role, placement),
        scope=scope,
        opts=opts,
    )
