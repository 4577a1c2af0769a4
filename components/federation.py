"""How Kubernetes service accounts act as managed identities, without a secret."""

from collections.abc import Mapping

import pulumi
from pulumi_azure_native import managedidentity

from components.placement import Placement

TOKEN_EXCHANGE = "api://AzureADTokenExchange"  # noqa: S105 - an audience, the same in every tenant


def federate(
    name: str,
    *,
    placement: Placement,
    issuer: pulumi.Input[str],
    service_accounts: Mapping[str, pulumi.Input[str]],
    parent: pulumi.Resource,
) -> None:
    """Let each `namespace:account` act as the managed identity of that name.

    They are made one after the other: Azure refuses two writes to one identity at a time.
    """
    last: list[pulumi.Resource] = []
    for account, identity_name in sorted(service_accounts.items()):
        qualified = account.replace(":", "-")
        last = [
            managedidentity.FederatedIdentityCredential(
                f"{name}-{qualified}-federation",
                federated_identity_credential_resource_name=qualified,
                resource_name_=identity_name,
                resource_group_name=placement.resource_group,
                issuer=issuer,
                subject=f"system:serviceaccount:{account}",
                audiences=[TOKEN_EXCHANGE],
                opts=pulumi.ResourceOptions(parent=parent, depends_on=last),
            )
        ]
