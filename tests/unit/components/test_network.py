"""The network: who may come in, what may leave, and in which order it is made."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from components.address_plan import Subnets
from components.network import Network, NetworkArgs
from components.placement import Placement

SUBNETS = Subnets(
    nodes="10.0.0.0/22",
    firewall="10.0.4.0/24",
    endpoints="10.0.5.0/24",
    database="10.0.6.0/24",
    deployer="10.0.7.0/24",
    builds="10.0.8.0/24",
)


@pytest.fixture
def args(placement: Placement) -> NetworkArgs:
    return NetworkArgs(
        placement=placement,
        address_space="10.0.0.0/20",
        subnets=SUBNETS,
        pod_cidr="10.244.0.0/16",
        egress="firewall",
        flow_fqdns=("pokeapi.co",),
        deployer_fqdns=("packages.example.com",),
        deployer="managedDevOpsPool",
        workspace_id="/workspace",
        builds_images=True,
    )


@pytest.fixture
def make(register: Callable[[Callable[[], object]], Any], args: NetworkArgs) -> Callable[..., Any]:
    return lambda **changes: register(lambda: Network("net", replace(args, **changes)))


def collections(made: Any) -> dict[str, Any]:
    """The one rule of each collection, by the collection's name."""
    (group,) = made.of("FirewallPolicyRuleCollectionGroup")
    found = {each["name"]: each for each in group.inputs["ruleCollections"]}
    assert {each["action"]["type"] for each in found.values()} == {"Allow"}
    return {name: rule for name, each in found.items() for rule in each["rules"]}


def test_subnets_are_made_one_after_another_and_that_of_endpoints_last(make: Callable[..., Any]) -> None:
    subnets = make().of("Subnet")
    assert [each.inputs["subnetName"] for each in subnets] == [
        "AzureFirewallSubnet",
        *(f"snet-{name}" for name in ("nodes", "builds", "deployer", "database", "endpoints")),
    ]
    for before, after in pairwise(subnets):
        assert before.name in after.depends_on


def test_every_subnet_but_the_firewalls_has_a_guard_and_none_a_way_out_of_azures_own(make: Callable[..., Any]) -> None:
    firewall, *others = make().of("Subnet")
    assert "networkSecurityGroup" not in firewall.inputs
    assert len({each.inputs["networkSecurityGroup"]["id"] for each in others}) == len(others)
    assert not any(each.inputs["defaultOutboundAccess"] for each in (firewall, *others))


def test_a_guard_lets_in_what_it_names_and_denies_the_rest(make: Callable[..., Any]) -> None:
    groups = make().of("NetworkSecurityGroup")
    assert len(groups) == 5
    for group in groups:
        *allowed, last = group.inputs["securityRules"]
        assert (last["access"], last["priority"], last["sourceAddressPrefix"]) == ("Deny", 4096, "*")
        for rule in allowed:
            assert rule["access"] == "Allow"
            assert rule.get("sourceAddressPrefix") not in {"*", "Internet", "VirtualNetwork"}


def test_connected_networks_reach_https_among_the_nodes(make: Callable[..., Any]) -> None:
    rules = make(peer_address_spaces=("10.9.0.0/16",)).named("net-nodes-group").inputs["securityRules"]
    (https,) = [each for each in rules if each["name"] == "allow-https"]
    assert https["sourceAddressPrefixes"] == ["10.0.0.0/20", "10.9.0.0/16"]
    assert (https["destinationPortRange"], https["protocol"]) == ("443", "Tcp")


def test_pods_and_nodes_reach_each_other_and_only_nodes_reach_the_database(make: Callable[..., Any]) -> None:
    made = make()
    within = made.named("net-nodes-group").inputs["securityRules"][0]
    assert within["sourceAddressPrefixes"] == within["destinationAddressPrefixes"] == ["10.0.0.0/22", "10.244.0.0/16"]
    rules = made.named("net-database-group").inputs["securityRules"]
    outside = [each for each in rules if each["access"] == "Allow" and each["name"] == "allow-nodes"]
    assert [(each["sourceAddressPrefix"], each["destinationPortRanges"]) for each in outside] == [
        ("10.0.0.0/22", ["5432", "6432"])
    ]


def test_the_firewall_is_the_way_out_of_nodes_builds_and_deployer(make: Callable[..., Any]) -> None:
    made = make()
    (route,) = made.one("RouteTable").inputs["routes"]
    assert (route["addressPrefix"], route["nextHopType"]) == ("0.0.0.0/0", "VirtualAppliance")
    assert route["nextHopIpAddress"] == "10.0.4.4"
    routed = {each.inputs["subnetName"] for each in made.of("Subnet") if "routeTable" in each.inputs}
    assert routed == {"snet-nodes", "snet-builds", "snet-deployer"}
    assert made.one("FirewallPolicy").inputs["threatIntelMode"] == "Deny"
    assert made.one("FirewallPolicyRuleCollectionGroup").name in made.one("AzureFirewall").depends_on


def test_a_host_name_passes_for_those_who_asked_for_it(make: Callable[..., Any]) -> None:
    rules = collections(make())
    assert (rules["flows"]["targetFqdns"], rules["flows"]["sourceAddresses"]) == (["pokeapi.co"], [SUBNETS.nodes])
    assert rules["deployment"]["targetFqdns"] == ["packages.example.com"]
    assert rules["deployment"]["sourceAddresses"] == [SUBNETS.deployer, SUBNETS.builds]
    assert rules["kubernetes"]["fqdnTags"] == ["AzureKubernetesService"]


def test_no_rule_names_every_host_or_every_address(make: Callable[..., Any]) -> None:
    for rule in collections(make()).values():
        kinds = ("targetFqdns", "fqdnTags", "destinationAddresses", "destinationFqdns")
        named = [each for kind in kinds for each in rule.get(kind, [])]
        assert named
        assert not {"*", "Internet", "0.0.0.0/0"} & {*named, *rule["sourceAddresses"]}


def test_a_deployer_reaches_azures_storage_to_hand_over_what_is_built_and_not_otherwise(
    make: Callable[..., Any],
) -> None:
    rule = collections(make())["build-source"]
    assert (rule["destinationAddresses"], rule["sourceAddresses"]) == (["Storage"], [SUBNETS.deployer])
    assert "build-source" not in collections(make(builds_images=False))


def test_nothing_asked_for_is_no_rule(make: Callable[..., Any]) -> None:
    rules = collections(make(flow_fqdns=(), deployer_fqdns=(), deployer="none"))
    assert not {"flows", "deployment", "deployer"} & set(rules)


def test_a_nat_gateway_replaces_firewall_and_routes(make: Callable[..., Any], placement: Placement) -> None:
    made = make(egress="natGateway", placement=replace(placement, zones=("2",)))
    assert not made.of("AzureFirewall")
    assert not made.of("RouteTable")
    assert made.one("NatGateway").inputs["zones"] == made.one("PublicIPAddress").inputs["zones"] == ["2"]
    out = {each.inputs["subnetName"] for each in made.of("Subnet") if "natGateway" in each.inputs}
    assert out == {"snet-nodes", "snet-builds", "snet-deployer"}


def test_a_nat_gateway_of_several_zones_is_pinned_to_none(make: Callable[..., Any]) -> None:
    made = make(egress="natGateway")
    assert "zones" not in made.one("NatGateway").inputs
    assert made.one("PublicIPAddress").inputs["zones"] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("deployer", "owner"),
    [("managedDevOpsPool", "Microsoft.DevOpsInfrastructure/pools"), ("scaleSet", None), ("none", None)],
)
def test_subnets_are_delegated_to_what_stands_in_them(
    make: Callable[..., Any], deployer: str, owner: str | None
) -> None:
    owners = {
        each.inputs["subnetName"]: [one["serviceName"] for one in each.inputs.get("delegations", [])]
        for each in make(deployer=deployer).of("Subnet")
    }
    assert owners.pop("snet-database") == ["Microsoft.DBforPostgreSQL/flexibleServers"]
    assert owners.pop("snet-deployer") == ([owner] if owner else [])
    assert not any(owners.values())


def test_every_private_zone_is_linked_to_the_network(make: Callable[..., Any]) -> None:
    made = make()
    zones = {each.inputs["privateZoneName"] for each in made.of("PrivateZone")}
    assert zones == {
        "privatelink.blob.core.windows.net",
        "privatelink.azurecr.io",
        "prefect-test.private.postgres.database.azure.com",
    }
    assert {each.inputs["privateZoneName"] for each in made.of("VirtualNetworkLink")} == zones
