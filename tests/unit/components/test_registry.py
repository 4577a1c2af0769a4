"""The registry's controls."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from components.placement import Placement
from components.registry import Registry, RegistryArgs
from components.role import Role


@pytest.fixture
def make(register: Callable[[Callable[[], object]], Any], placement: Placement) -> Callable[..., Any]:
    args = RegistryArgs(
        placement=placement,
        name="crprefecttest",
        endpoint_subnet_id="/subnet",
        zone_id="/zone",
        authorized_ip_ranges=(),
        zone_redundant=True,
        retention_days=15,
        kubelet_principal_id="kubelet",
        pusher_principal_ids={"pipeline": "pipeline"},
        workspace_id="/workspace",
    )
    return lambda **changes: register(lambda: Registry("registry", replace(args, **changes)))


def test_a_registry_is_closed_and_known_to_entra_alone(make: Callable[..., Any]) -> None:
    inputs = make().one("containerregistry:Registry").inputs
    assert inputs["sku"] == {"name": "Premium"}
    assert (inputs["adminUserEnabled"], inputs["anonymousPullEnabled"], inputs["dataEndpointEnabled"]) == (
        False,
        False,
        True,
    )
    assert inputs["publicNetworkAccess"] == "Disabled"
    assert inputs["networkRuleSet"] == {"defaultAction": "Deny", "ipRules": []}
    assert inputs["zoneRedundancy"] == "Enabled"
    assert inputs["policies"] == {
        "azureADAuthenticationAsArmPolicy": {"status": "disabled"},
        "exportPolicy": {"status": "disabled"},
        "retentionPolicy": {"days": 15, "status": "enabled"},
    }


def test_a_public_side_opens_to_the_authorized_alone_and_exports_cannot_be_forbidden(make: Callable[..., Any]) -> None:
    inputs = make(authorized_ip_ranges=("203.0.113.0/24",)).one("containerregistry:Registry").inputs
    assert inputs["publicNetworkAccess"] == "Enabled"
    assert inputs["networkRuleSet"] == {
        "defaultAction": "Deny",
        "ipRules": [{"action": "Allow", "iPAddressOrRange": "203.0.113.0/24"}],
    }
    assert inputs["policies"]["exportPolicy"] == {"status": "enabled"}


def test_a_closed_registry_that_is_promoted_from_lets_its_images_out(make: Callable[..., Any]) -> None:
    inputs = make(exports=True).one("containerregistry:Registry").inputs
    assert inputs["publicNetworkAccess"] == "Disabled"
    assert inputs["policies"]["exportPolicy"] == {"status": "enabled"}


def test_the_kubelet_pulls_and_pushers_push(make: Callable[..., Any]) -> None:
    given = {
        (each.inputs["principalId"], each.inputs["roleDefinitionId"].rsplit("/", 1)[1])
        for each in make().of("RoleAssignment")
    }
    assert given == {("kubelet", Role.ACR_PULL), ("pipeline", Role.ACR_PUSH)}


def test_machines_of_its_own_build_where_it_is_given_a_subnet_for_them(make: Callable[..., Any]) -> None:
    made = make(build_subnet_id="/builds")
    pool = made.one("containerregistry:AgentPool")
    inputs = pool.inputs
    assert (inputs["virtualNetworkSubnetResourceId"], inputs["agentPoolName"]) == ("/builds", "builds")
    assert (inputs["os"], inputs["tier"], inputs["count"]) == ("Linux", "S1", 1)
    assert pool.ignore_changes == ("count",)
    assert inputs["registryName"] == made.one("containerregistry:Registry").inputs["registryName"]


def test_a_registry_without_such_a_subnet_has_none(make: Callable[..., Any]) -> None:
    assert make().of("containerregistry:AgentPool") == []


def test_a_registry_is_reached_by_a_private_endpoint_and_logs(make: Callable[..., Any]) -> None:
    made = make()
    (connection,) = made.one("PrivateEndpoint").inputs["privateLinkServiceConnections"]
    assert connection["groupIds"] == ["registry"]
    assert made.one("DiagnosticSetting").inputs["resourceUri"] == connection["privateLinkServiceId"]
