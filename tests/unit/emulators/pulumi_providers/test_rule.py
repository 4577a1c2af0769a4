from collections.abc import Iterator
from typing import Any

import pytest

from emulators.pulumi_providers.value import UNKNOWN

GROUP = {"resourceGroupName": "rg-dev"}
HOME = {**GROUP, "location": "westeurope"}
GUID = "11111111-2222-4333-8444-555555555555"
ROLE = f"/subscriptions/{GUID}/providers/Microsoft.Authorization/roleDefinitions/{GUID}"
POOL = {"name": "system", "mode": "System", "count": 3, "minCount": 3, "maxCount": 5, "enableAutoScaling": True}
SOUND: dict[str, dict[str, Any]] = {
    "resources:ResourceGroup": {"resourceGroupName": "rg-dev", "location": "West Europe"},
    "network:VirtualNetwork": {
        **HOME,
        "virtualNetworkName": "vnet-dev",
        "addressSpace": {"addressPrefixes": ["10.1.0.0/16"]},
    },
    "network:Subnet": {
        **GROUP,
        "virtualNetworkName": "vnet-dev",
        "subnetName": "snet-nodes",
        "addressPrefix": "10.1.0.0/24",
    },
    "network:PublicIPAddress": {
        **HOME,
        "publicIpAddressName": "pip-dev",
        "sku": {"name": "Standard"},
        "publicIPAllocationMethod": "Static",
    },
    "network:NatGateway": {**HOME, "natGatewayName": "ng-dev", "zones": ["1"]},
    "managedidentity:FederatedIdentityCredential": {
        **GROUP,
        "resourceName": "id-dev",
        "federatedIdentityCredentialResourceName": "flow",
        "issuer": "https://issuer.example",
        "subject": "system:serviceaccount:prefect:flow",
        "audiences": ["api://AzureADTokenExchange"],
    },
    "authorization:RoleAssignment": {"scope": UNKNOWN, "principalId": GUID, "roleDefinitionId": ROLE},
    "containerregistry:Registry": {**HOME, "registryName": "crprefectdev", "sku": {"name": "Premium"}},
    "storage:StorageAccount": {
        **HOME,
        "accountName": "stprefectdev",
        "kind": "StorageV2",
        "sku": {"name": "Standard_GZRS"},
        "networkRuleSet": {"defaultAction": "Deny", "ipRules": [{"iPAddressOrRange": "203.0.113.7"}]},
    },
    "storage:BlobServiceProperties": {
        **GROUP,
        "accountName": "stprefectdev",
        "blobServicesName": "default",
        "isVersioningEnabled": True,
        "deleteRetentionPolicy": {"enabled": True, "days": 14},
    },
    "dbforpostgresql:Server": {
        **HOME,
        "serverName": "psql-prefect-dev",
        "administratorLogin": "prefect",
        "availabilityZone": "1",
        "sku": {"name": "Standard_D2ds_v5", "tier": "GeneralPurpose"},
        "storage": {"storageSizeGB": 64},
        "backup": {"backupRetentionDays": 14},
        "highAvailability": {"mode": "ZoneRedundant", "standbyAvailabilityZone": "2"},
    },
    "containerservice:AgentPool": {
        **GROUP,
        "resourceName": "aks-dev",
        "agentPoolName": "flows",
        **{name: value for name, value in POOL.items() if name != "name"},
    },
    "containerservice:ManagedCluster": {
        **HOME,
        "resourceName": "aks-dev",
        "agentPoolProfiles": [POOL],
        "identity": {"type": "UserAssigned", "userAssignedIdentities": [UNKNOWN]},
        "aadProfile": {"managed": True, "enableAzureRBAC": True},
        "disableLocalAccounts": True,
        "oidcIssuerProfile": {"enabled": True},
        "securityProfile": {"workloadIdentity": {"enabled": True}},
        "apiServerAccessProfile": {"enablePrivateCluster": True},
        "networkProfile": {
            "networkPlugin": "azure",
            "networkPluginMode": "overlay",
            "networkDataplane": "cilium",
            "networkPolicy": "cilium",
            "podCidr": "10.244.0.0/16",
            "serviceCidr": "10.2.0.0/16",
            "dnsServiceIP": "10.2.0.10",
        },
    },
}
NETWORK = "networkProfile"


def _callers(address: str) -> dict[str, Any]:
    return {"defaultAction": "Deny", "ipRules": [{"iPAddressOrRange": address}]}


CALLERS = "networkRuleSet.ipRules[0].iPAddressOrRange: "
WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("resources:ResourceGroup", {"resourceGroupName": "rg-dev."}, "resourceGroupName: "),
    ("resources:ResourceGroup", {"location": "westeurop"}, "location: "),
    ("resources:ResourceGroup", {"tags": {"why": "x" * 257}}, "tags.why: "),
    ("resources:ResourceGroup", {"tags": {"a/b": "c"}}, "tags.a/b: "),
    ("resources:ResourceGroup", {"tags": {str(index): "" for index in range(51)}}, "tags: "),
    (
        "network:VirtualNetwork",
        {"addressSpace": {"addressPrefixes": ["10.0.0.0/33"]}},
        "addressSpace.addressPrefixes[0]",
    ),
    (
        "network:VirtualNetwork",
        {"addressSpace": {"addressPrefixes": ["10.0.0.1/16"]}},
        "addressSpace.addressPrefixes[0]",
    ),
    ("network:VirtualNetwork", {"addressSpace": {"addressPrefixes": ["10.0.0.0/8", "10.1.0.0/16"]}}, "addressSpace."),
    ("network:VirtualNetwork", {"virtualNetworkName": "-vnet"}, "virtualNetworkName: "),
    ("network:Subnet", {"addressPrefix": "10.1.0.0/30"}, "addressPrefix: 10.1.0.0/30 is too small"),
    ("network:Subnet", {"subnetName": "azurefirewallsubnet", "addressPrefix": "10.1.0.0/26"}, "subnetName: "),
    ("network:Subnet", {"subnetName": "AzureFirewallSubnet", "addressPrefix": "10.1.0.0/27"}, "addressPrefix: "),
    (
        "network:Subnet",
        {"addressPrefix": "10.1.0.0/29", "delegations": [{"serviceName": "Microsoft.DBforPostgreSQL/flexibleServers"}]},
        "addressPrefix: ",
    ),
    ("network:PublicIPAddress", {"publicIPAllocationMethod": "Dynamic"}, "publicIPAllocationMethod: "),
    ("network:NatGateway", {"zones": ["1", "2"]}, "zones: "),
    ("managedidentity:FederatedIdentityCredential", {"audiences": ["a", "b"]}, "audiences: "),
    ("managedidentity:FederatedIdentityCredential", {"issuer": "http://issuer.example"}, "issuer: "),
    ("authorization:RoleAssignment", {"principalId": "prefect"}, "principalId: "),
    ("authorization:RoleAssignment", {"roleDefinitionId": "Contributor"}, "roleDefinitionId: "),
    ("authorization:RoleAssignment", {"roleAssignmentName": "mine"}, "roleAssignmentName: "),
    ("containerregistry:Registry", {"registryName": "cr-dev"}, "registryName: "),
    (
        "containerregistry:Registry",
        {"sku": {"name": "Basic"}, "publicNetworkAccess": "Disabled"},
        "publicNetworkAccess: ",
    ),
    ("storage:StorageAccount", {"accountName": "stPrefect"}, "accountName: "),
    ("storage:StorageAccount", {"accountName": "st"}, 'accountName: "st" has 2 characters'),
    ("storage:StorageAccount", {"kind": "BlobStorage"}, "sku.name: "),
    (
        "storage:BlobServiceProperties",
        {"deleteRetentionPolicy": {"enabled": True, "days": 400}},
        "deleteRetentionPolicy.days",
    ),
    ("storage:StorageAccount", {"networkRuleSet": _callers("10.0.0.0/24")}, CALLERS),
    ("storage:StorageAccount", {"networkRuleSet": _callers("203.0.113.7/32")}, CALLERS),
    ("containerregistry:Registry", {"networkRuleSet": _callers("203.0.113.300")}, CALLERS),
    (
        "containerservice:ManagedCluster",
        {"apiServerAccessProfile": {"authorizedIPRanges": ["203.0.113.0/24", "192.168.1.0/24"]}},
        "apiServerAccessProfile.authorizedIPRanges[1]: ",
    ),
    ("storage:BlobServiceProperties", {"restorePolicy": {"enabled": True, "days": 7}}, "changeFeed.enabled: "),
    ("dbforpostgresql:Server", {"administratorLogin": "root"}, "administratorLogin: "),
    ("dbforpostgresql:Server", {"backup": {"backupRetentionDays": 6}}, "backup.backupRetentionDays: "),
    ("dbforpostgresql:Server", {"storage": {"storageSizeGB": 100}}, "storage.storageSizeGB: "),
    ("dbforpostgresql:Server", {"availabilityZone": "2"}, "highAvailability.standbyAvailabilityZone: "),
    ("dbforpostgresql:Server", {"sku": {"name": "Standard_B1ms", "tier": "Burstable"}}, "highAvailability.mode: "),
    (
        "dbforpostgresql:Server",
        {"network": {"delegatedSubnetResourceId": UNKNOWN}},
        "network.privateDnsZoneArmResourceId: ",
    ),
    ("containerservice:AgentPool", {"agentPoolName": "Flows"}, "agentPoolName: "),
    ("containerservice:AgentPool", {"minCount": 6}, "minCount: "),
    ("containerservice:AgentPool", {"count": 6}, "count: "),
    ("containerservice:AgentPool", {"enableAutoScaling": False}, "enableAutoScaling: "),
    ("containerservice:AgentPool", {"scaleSetPriority": "Spot"}, "scaleSetPriority: "),
    ("containerservice:ManagedCluster", {"agentPoolProfiles": [{**POOL, "mode": "User"}]}, "agentPoolProfiles: "),
    ("containerservice:ManagedCluster", {"agentPoolProfiles": None}, "agentPoolProfiles: "),
    ("containerservice:ManagedCluster", {NETWORK: {"podCidr": "10.244.0.0"}}, f"{NETWORK}.podCidr: "),
    ("network:Subnet", {"addressPrefix": "10.1.0.0/255.255.255.0"}, "addressPrefix: "),
    (
        "containerservice:ManagedCluster",
        {"agentPoolProfiles": [{**POOL, "name": "a-b"}]},
        "agentPoolProfiles[0].name: ",
    ),
    (
        "containerservice:ManagedCluster",
        {"apiServerAccessProfile": {"enablePrivateCluster": True, "authorizedIPRanges": ["1.2.3.4/32"]}},
        "apiServerAccessProfile.authorizedIPRanges: ",
    ),
    ("containerservice:ManagedCluster", {"aadProfile": None}, "disableLocalAccounts: "),
    ("containerservice:ManagedCluster", {"oidcIssuerProfile": None}, "securityProfile.workloadIdentity.enabled: "),
    ("containerservice:ManagedCluster", {NETWORK: {"podCidr": "10.2.0.0/16", "serviceCidr": "10.2.4.0/24"}}, NETWORK),
    ("containerservice:ManagedCluster", {NETWORK: {"podCidr": "172.30.0.0/16"}}, f"{NETWORK}.podCidr: "),
    ("containerservice:ManagedCluster", {NETWORK: {"serviceCidr": "10.0.0.0/8"}}, f"{NETWORK}.serviceCidr: "),
    (
        "containerservice:ManagedCluster",
        {NETWORK: {"serviceCidr": "10.2.0.0/16", "dnsServiceIP": "10.3.0.10"}},
        NETWORK,
    ),
    ("containerservice:ManagedCluster", {NETWORK: {"serviceCidr": "10.2.0.0/16", "dnsServiceIP": "10.2.0.1"}}, NETWORK),
    ("containerservice:ManagedCluster", {NETWORK: {"networkPlugin": "azure", "networkPolicy": "cilium"}}, NETWORK),
    (
        "containerservice:ManagedCluster",
        {NETWORK: {"outboundType": "userDefinedRouting"}},
        "agentPoolProfiles[0].vnetSubnetID",
    ),
]


@pytest.mark.parametrize("kind", SOUND)
def test_what_azure_accepts_is_accepted(azure: Any, kind: str) -> None:
    assert azure.problems(kind, **SOUND[kind]) == []


@pytest.mark.parametrize(("kind", "wrong", "line"), WRONG, ids=[f"{kind}-{line}" for kind, _, line in WRONG])
def test_what_azure_refuses_is_refused_in_one_line(azure: Any, kind: str, wrong: dict[str, Any], line: str) -> None:
    problems = azure.problems(kind, **{**SOUND[kind], **wrong})
    assert [problem for problem in problems if problem.startswith(line)], problems
    assert "\n" not in "".join(problems)


@pytest.fixture
def network(azure: Any) -> Any:
    """A run that has seen a network."""
    azure.problems("network:VirtualNetwork", "vnet", **SOUND["network:VirtualNetwork"])
    return azure


@pytest.mark.parametrize("name", ["vnet-dev", UNKNOWN])
def test_a_subnet_is_inside_its_network_even_where_a_preview_does_not_know_its_name(network: Any, name: Any) -> None:
    subnet = {**SOUND["network:Subnet"], "virtualNetworkName": name}
    assert network.problems("network:Subnet", "inside", **subnet) == []
    assert network.problems(
        "network:Subnet", "outside", **{**subnet, "subnetName": "snet-2", "addressPrefix": "10.2.0.0/24"}
    ) == ["addressPrefix: 10.2.0.0/24 is outside the network vnet-dev, which has 10.1.0.0/16"]


@pytest.mark.parametrize("name", ["vnet-dev", UNKNOWN])
def test_subnets_of_a_network_do_not_overlap(network: Any, name: Any) -> None:
    subnet = {**SOUND["network:Subnet"], "virtualNetworkName": name}
    network.problems("network:Subnet", "one", **subnet)
    other = {**subnet, "subnetName": "snet-other", "addressPrefix": "10.1.0.128/25"}
    assert network.problems("network:Subnet", "two", **other) == [
        "addressPrefix: 10.1.0.128/25 overlaps 10.1.0.0/24 of one"
    ]


def test_subnets_of_networks_that_cannot_be_told_apart_may_have_the_same_range(network: Any) -> None:
    hub = {**SOUND["network:VirtualNetwork"], "virtualNetworkName": "vnet-hub"}
    network.problems("network:VirtualNetwork", "hub", **hub)
    subnet = {**SOUND["network:Subnet"], "virtualNetworkName": UNKNOWN}
    network.problems("network:Subnet", "one", **subnet)
    assert network.problems("network:Subnet", "two", **{**subnet, "subnetName": "snet-two"}) == []


def test_the_ranges_of_a_cluster_are_apart_from_its_network(network: Any) -> None:
    profile = {"podCidr": "10.0.0.0/14", "serviceCidr": "10.1.128.0/20"}
    problems = network.problems(
        "containerservice:ManagedCluster", **{**SOUND["containerservice:ManagedCluster"], NETWORK: profile}
    )
    assert "networkProfile.podCidr: 10.0.0.0/14 overlaps 10.1.0.0/16 of vnet-dev" in problems
    assert "networkProfile.serviceCidr: 10.1.128.0/20 overlaps 10.1.0.0/16 of vnet-dev" in problems


def test_a_server_needs_a_subnet_that_is_delegated_to_it(network: Any) -> None:
    server = SOUND["dbforpostgresql:Server"]
    server = {**server, "network": {"delegatedSubnetResourceId": UNKNOWN, "privateDnsZoneArmResourceId": UNKNOWN}}
    subnet = SOUND["network:Subnet"]
    network.problems("network:Subnet", "database", **subnet)
    service = "Microsoft.DBforPostgreSQL/flexibleServers"
    assert network.problems("dbforpostgresql:Server", **server) == [
        f"network.delegatedSubnetResourceId: no subnet of this plan is delegated to {service}"
    ]
    delegation = {"name": "database", "serviceName": service}
    network.problems("network:Subnet", "database", **subnet, delegations=[delegation])
    assert network.problems("dbforpostgresql:Server", **server) == []


def test_a_firewall_needs_the_subnet_of_its_name(network: Any) -> None:
    firewall = {
        **HOME,
        "azureFirewallName": "afw-dev",
        "ipConfigurations": [{"name": "one", "subnet": {"id": UNKNOWN}}],
    }
    network.problems("network:Subnet", "firewall", **SOUND["network:Subnet"])
    assert network.problems("network:AzureFirewall", **firewall) == [
        "ipConfigurations[0].subnet.id: a firewall is in a subnet named AzureFirewallSubnet"
    ]
    network.problems("network:Subnet", "firewall", **{**SOUND["network:Subnet"], "subnetName": "AzureFirewallSubnet"})
    assert network.problems("network:AzureFirewall", **firewall) == []


def test_an_id_that_names_nothing_is_refused_where_its_group_is_known(azure: Any) -> None:
    azure.problems("resources:ResourceGroup", "group", **SOUND["resources:ResourceGroup"])
    subscription = azure.provider.subscription
    network = (
        f"/subscriptions/{subscription}/resourceGroups/rg-dev/providers/Microsoft.Network/virtualNetworks/vnet-dev"
    )
    link = {**GROUP, "location": "global", "privateZoneName": "privatelink.azurecr.io", "virtualNetworkLinkName": "dev"}
    refused = [f"virtualNetwork.id: {network} neither exists nor is planned"]
    assert azure.problems("privatedns:VirtualNetworkLink", **link, virtualNetwork={"id": network}) == refused
    elsewhere = network.replace("rg-dev", "rg-of-another-team")
    assert azure.problems("privatedns:VirtualNetworkLink", **link, virtualNetwork={"id": elsewhere}) == []
    azure.problems("network:VirtualNetwork", **SOUND["network:VirtualNetwork"])
    assert azure.problems("privatedns:VirtualNetworkLink", **link, virtualNetwork={"id": network.upper()}) == []


def test_two_resources_of_a_plan_do_not_have_the_same_name(azure: Any) -> None:
    account = SOUND["storage:StorageAccount"]
    assert azure.problems("storage:StorageAccount", "one", **account) == []
    problem = ['accountName: "stprefectdev" is the name of one already']
    assert azure.problems("storage:StorageAccount", "two", **{**account, "resourceGroupName": UNKNOWN}) == problem


def _with_unknown(value: Any) -> Iterator[Any]:
    """The value with each of its parts in turn, and then the whole of it, not known yet."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from ({**value, name: changed} for changed in _with_unknown(item))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from ([*value[:index], changed, *value[index + 1 :]] for changed in _with_unknown(item))
    yield UNKNOWN


@pytest.mark.parametrize("kind", SOUND)
def test_what_is_not_known_yet_is_never_refused(azure: Any, kind: str) -> None:
    variants = [variant for variant in _with_unknown(SOUND[kind]) if isinstance(variant, dict)]
    assert len(variants) >= len(SOUND[kind])
    for variant in variants:
        assert azure.problems(kind, **variant) == [], variant
