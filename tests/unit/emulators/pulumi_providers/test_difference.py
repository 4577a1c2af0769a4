from typing import Any

import pytest

from emulators.pulumi_providers.difference import compare
from emulators.pulumi_providers.value import UNKNOWN, Secret

OLD: dict[str, Any] = {
    "name": "a",
    "tags": {"x": "1"},
    "pools": [{"size": 1}],
    "profile": {"cidr": "10.0.0.0/8", "sku": "a"},
}


@pytest.mark.parametrize(
    ("new", "changes"),
    [
        ({}, []),
        ({"name": "b"}, [("name", "UPDATE_REPLACE")]),
        ({"name": UNKNOWN}, [("name", "UPDATE_REPLACE")]),
        ({"tags": {"x": "2", "y": "1"}}, [("tags.x", "UPDATE"), ("tags.y", "ADD")]),
        ({"tags": None}, [("tags", "DELETE")]),
        ({"pools": [{"size": 2}]}, [("pools[0].size", "UPDATE_REPLACE")]),
        ({"pools": [{"size": 1}, {"count": 3}]}, [("pools[1]", "ADD")]),
        ({"profile": {"cidr": "10.0.0.0/8", "sku": "b"}}, [("profile.sku", "UPDATE")]),
        ({"profile": None}, [("profile", "DELETE_REPLACE")]),
        ({"name": Secret("a")}, []),
    ],
)
def test_every_change_is_told_by_its_path_and_replaces_where_it_must(new: dict[str, Any], changes: Any) -> None:
    found = compare(OLD, {**OLD, **new}, ["name", "pools.size", "profile.cidr"])
    assert [(change.path, change.wire_kind) for change in found] == changes


CLUSTER = "containerservice:ManagedCluster"


@pytest.mark.parametrize(
    ("kind", "old", "new", "replaces"),
    [
        ("resources:ResourceGroup", {"location": "westeurope"}, {"location": "northeurope"}, ["location"]),
        ("network:PrivateEndpoint", {"subnet": {"id": "a"}}, {"subnet": {"id": "b"}}, ["subnet.id"]),
        ("network:Subnet", {"addressPrefix": "10.0.0.0/24"}, {"addressPrefix": "10.0.1.0/24"}, []),
        ("network:Subnet", {"virtualNetworkName": "a"}, {"virtualNetworkName": "b"}, ["virtualNetworkName"]),
        ("storage:StorageAccount", {"resourceGroupName": "a"}, {"resourceGroupName": "b"}, ["resourceGroupName"]),
        ("storage:StorageAccount", {"sku": {"name": "Standard_LRS"}}, {"sku": {"name": "Standard_ZRS"}}, []),
        (
            CLUSTER,
            {"networkProfile": {"podCidr": "a"}},
            {"networkProfile": {"podCidr": "b"}},
            ["networkProfile.podCidr"],
        ),
        (CLUSTER, {"kubernetesVersion": "1.33"}, {"kubernetesVersion": "1.34"}, []),
        (CLUSTER, {"agentPoolProfiles": [{"vmSize": "a"}]}, {"agentPoolProfiles": [{"vmSize": "b"}]}, []),
        ("containerservice:AgentPool", {"vmSize": "a"}, {"vmSize": "b"}, ["vmSize"]),
        ("containerservice:AgentPool", {"maxCount": 3}, {"maxCount": 5}, []),
        ("dbforpostgresql:Server", {"administratorLogin": "a"}, {"administratorLogin": "b"}, ["administratorLogin"]),
        ("dbforpostgresql:Server", {"storage": {"storageSizeGB": 32}}, {"storage": {"storageSizeGB": 64}}, []),
        ("authorization:RoleAssignment", {"principalId": "a"}, {"principalId": "b"}, ["principalId"]),
    ],
)
def test_azure_types_replace_what_the_genuine_provider_replaces(
    azure: Any, kind: str, old: dict[str, Any], new: dict[str, Any], replaces: list[str]
) -> None:
    changes = azure.provider.diff(azure.urn(kind, "it"), old, new)
    assert [change.path for change in changes if change.replaces] == replaces
    assert len(changes) == 1


def test_a_location_may_be_written_in_two_ways(azure: Any) -> None:
    urn = azure.urn("resources:ResourceGroup", "it")
    assert azure.provider.diff(urn, {"location": "West Europe"}, {"location": "westeurope"}) == []
