"""The values that Azure sets and a program reads: ids, host names, client ids. The same inputs have the same answer."""

from collections.abc import Callable
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from emulators.pulumi_providers.azure.catalogue import AzureType
from emulators.pulumi_providers.shape import Resource

TENANT = "00000000-0000-4000-8000-000000000002"
_Answer = Callable[[str, dict[str, Any]], dict[str, Any]]


def guid(*of: str) -> str:
    """A GUID that is always the same for the same thing."""
    return str(uuid5(NAMESPACE_URL, "/".join(of).lower()))


def _identity(identity: str, inputs: dict[str, Any]) -> dict[str, Any]:
    del inputs
    return {"clientId": guid(identity, "client"), "principalId": guid(identity, "principal"), "tenantId": TENANT}


def _cluster(identity: str, inputs: dict[str, Any]) -> dict[str, Any]:
    _, _, subscription, _, group, *_, name = identity.split("/")
    location = str(inputs.get("location", "")).replace(" ", "").lower()
    prefix = f"{inputs.get('dnsPrefix') or inputs.get('fqdnSubdomain') or name}-{guid(identity)[:8]}"
    private = bool((inputs.get("apiServerAccessProfile") or {}).get("enablePrivateCluster"))
    nodes = inputs.get("nodeResourceGroup") or f"MC_{group}_{name}_{location}"
    kubelet = (inputs.get("identityProfile") or {}).get("kubeletidentity") or {
        "resourceId": f"/subscriptions/{subscription}/resourceGroups/{nodes}/providers"
        f"/Microsoft.ManagedIdentity/userAssignedIdentities/{name}-agentpool",
        "clientId": guid(identity, "kubelet", "client"),
        "objectId": guid(identity, "kubelet", "principal"),
    }
    answer: dict[str, Any] = {
        "fqdn": f"{prefix}.hcp.{location}.azmk8s.io",
        "azurePortalFQDN": f"{prefix}.portal.hcp.{location}.azmk8s.io",
        "currentKubernetesVersion": f"{inputs.get('kubernetesVersion') or '1.34'}",
        "nodeResourceGroup": nodes,
        "identityProfile": {"kubeletidentity": kubelet},
        "powerState": {"code": "Running"},
        "resourceUID": guid(identity, "uid").replace("-", "")[:24],
        "maxAgentPools": 100,
    }
    if private:
        answer["privateFQDN"] = f"{prefix}.{guid(identity, 'zone')}.privatelink.{location}.azmk8s.io"
    if (inputs.get("oidcIssuerProfile") or {}).get("enabled"):
        issuer = f"https://{location}.oic.prod-aks.azure.com/{TENANT}/{guid(identity, 'issuer')}/"
        answer["oidcIssuerProfile"] = {"enabled": True, "issuerURL": issuer}
    return answer


def _registry(identity: str, inputs: dict[str, Any]) -> dict[str, Any]:
    del inputs
    return {"loginServer": f"{_last(identity).lower()}.azurecr.io", "creationDate": "2024-01-01T00:00:00Z"}


def _storage(identity: str, inputs: dict[str, Any]) -> dict[str, Any]:
    del inputs
    name = _last(identity)
    endpoints = {kind: f"https://{name}.{kind}.core.windows.net/" for kind in ("blob", "dfs", "file", "queue", "table")}
    return {"primaryEndpoints": endpoints, "statusOfPrimary": "available"}


def _server(identity: str, inputs: dict[str, Any]) -> dict[str, Any]:
    del inputs
    return {"fullyQualifiedDomainName": f"{_last(identity)}.postgres.database.azure.com", "state": "Ready"}


def _workspace(identity: str, inputs: dict[str, Any]) -> dict[str, Any]:
    del inputs
    return {"customerId": guid(identity, "customer"), "createdDate": "2024-01-01T00:00:00Z"}


def _address(identity: str, inputs: dict[str, Any]) -> dict[str, Any]:
    # 203.0.113.0/24 is for documentation: nobody has such an address.
    return {"ipAddress": inputs.get("ipAddress") or f"203.0.113.{int(guid(identity)[:2], 16) % 254 + 1}"}


def _firewall(identity: str, inputs: dict[str, Any]) -> dict[str, Any]:
    del identity
    given = inputs.get("ipConfigurations") or []
    return {"ipConfigurations": [{"privateIPAddress": "10.0.0.4", **one} for one in given]}


def _vault(identity: str, inputs: dict[str, Any]) -> dict[str, Any]:
    return {"properties": {**inputs["properties"], "vaultUri": f"https://{_last(identity)}.vault.azure.net/"}}


def _rule(identity: str, inputs: dict[str, Any]) -> dict[str, Any]:
    del inputs
    return {"immutableId": f"dcr-{guid(identity).replace('-', '')}"}


_ANSWERS: dict[str, _Answer] = {
    "Microsoft.ManagedIdentity/userAssignedIdentities": _identity,
    "Microsoft.ContainerService/managedClusters": _cluster,
    "Microsoft.ContainerRegistry/registries": _registry,
    "Microsoft.Storage/storageAccounts": _storage,
    "Microsoft.DBforPostgreSQL/flexibleServers": _server,
    "Microsoft.OperationalInsights/workspaces": _workspace,
    "Microsoft.Network/publicIPAddresses": _address,
    "Microsoft.Network/azureFirewalls": _firewall,
    "Microsoft.KeyVault/vaults": _vault,
    "Microsoft.Insights/dataCollectionRules": _rule,
}


def assign(resource: Resource, row: AzureType, identity: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """The properties that Azure sets on a resource, of those that its type has."""
    general = {"name": _last(identity), "type": row.arm, "provisioningState": "Succeeded"}
    system = _system_assigned(identity, inputs)
    own = _ANSWERS[row.arm](identity, inputs) if row.arm in _ANSWERS else {}
    return {name: value for name, value in {**general, **system, **own}.items() if name in resource.outputs}


def _system_assigned(identity: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """The identity of a resource that is to have one of its own."""
    given = inputs.get("identity") or {}
    if "SystemAssigned" not in str(given.get("type", "")):
        return {}
    own = {"principalId": guid(identity, "principal"), "tenantId": TENANT}
    return {"identity": {**given, **own}}


def _last(identity: str) -> str:
    return identity.rsplit("/", 1)[-1]
