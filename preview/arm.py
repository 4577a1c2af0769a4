"""A plan's Azure resources as an ARM template, for judges that read nothing else.

The provider lays `properties` flat and renames a few; only the types that the judges have a rule for are here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from preview.plan import Plan, Step

_SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
# What ARM has beside `properties`.
_OUTER = ("location", "tags", "sku", "kind", "identity", "zones", "plan", "extendedLocation")
_SECRET = "4dabf18193072939515e22adb298388d"  # noqa: S105 - how Pulumi marks a value as secret


@dataclass(frozen=True)
class Kind:
    """A type of ARM's: its name, its version, the input that names a resource, and what the provider renames."""

    type: str
    version: str
    name: str
    renames: Mapping[str, str] = field(default_factory=dict)


KINDS = {
    "azure-native:containerregistry:Registry": Kind(
        "Microsoft.ContainerRegistry/registries", "2023-01-01-preview", "registryName"
    ),
    "azure-native:containerservice:ManagedCluster": Kind(
        "Microsoft.ContainerService/managedClusters", "2025-09-01", "resourceName"
    ),
    "azure-native:containerservice:AgentPool": Kind(
        "Microsoft.ContainerService/managedClusters/agentPools", "2025-09-01", "agentPoolName"
    ),
    "azure-native:dbforpostgresql:Configuration": Kind(
        "Microsoft.DBforPostgreSQL/flexibleServers/configurations", "2025-08-01", "configurationName"
    ),
    "azure-native:dbforpostgresql:Server": Kind(
        "Microsoft.DBforPostgreSQL/flexibleServers", "2025-08-01", "serverName"
    ),
    "azure-native:network:AzureFirewall": Kind("Microsoft.Network/azureFirewalls", "2024-07-01", "azureFirewallName"),
    "azure-native:network:FirewallPolicy": Kind(
        "Microsoft.Network/firewallPolicies", "2024-07-01", "firewallPolicyName"
    ),
    "azure-native:network:NetworkSecurityGroup": Kind(
        "Microsoft.Network/networkSecurityGroups", "2024-07-01", "networkSecurityGroupName"
    ),
    "azure-native:network:VirtualNetwork": Kind(
        "Microsoft.Network/virtualNetworks", "2024-07-01", "virtualNetworkName"
    ),
    "azure-native:storage:BlobContainer": Kind(
        "Microsoft.Storage/storageAccounts/blobServices/containers", "2024-01-01", "containerName"
    ),
    "azure-native:storage:StorageAccount": Kind(
        "Microsoft.Storage/storageAccounts",
        "2024-01-01",
        "accountName",
        {"enableHttpsTrafficOnly": "supportsHttpsTrafficOnly", "networkRuleSet": "networkAcls"},
    ),
    "azure-native:compute:VirtualMachineScaleSet": Kind(
        "Microsoft.Compute/virtualMachineScaleSets", "2024-11-01", "vmScaleSetName"
    ),
}


def template(plan: Plan) -> dict[str, Any]:
    """Make a template of what the plan leaves in place."""
    steps = [step for step in plan.steps if step.op != "delete"]
    found = [_resource(step, kind) for step in steps if (kind := KINDS.get(step.token))]
    return {"$schema": _SCHEMA, "contentVersion": "1.0.0.0", "resources": found}


def _resource(step: Step, kind: Kind) -> dict[str, Any]:
    given = {key: _open(value) for key, value in step.new.items()}
    name = str(given.pop(kind.name, step.name))
    outer = {key: given.pop(key) for key in _OUTER if key in given}
    given.pop("resourceGroupName", None)
    properties = {kind.renames.get(key, key): value for key, value in given.items()}
    return {"type": kind.type, "apiVersion": kind.version, "name": name, **outer, "properties": properties}


def _open(value: Any) -> Any:
    """Put a word in place of a secret, so that no judge sees its mark."""
    if isinstance(value, Mapping):
        return "[secret]" if _SECRET in value else {key: _open(each) for key, each in value.items()}
    return [_open(each) for each in value] if isinstance(value, list) else value
