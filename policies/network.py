"""Policies on what can reach what: address ranges, ways out, private endpoints."""

from collections.abc import Iterator, Sequence
from typing import Any

from policies.address import open_ranges
from policies.cluster import CLUSTER
from policies.plan import UNKNOWN, Plan, Resource, listed
from policies.rule import on

ENDPOINT = "azure-native:network:PrivateEndpoint"
ENDPOINT_NAME = "azure-native:network:PrivateDnsZoneGroup"
SECURITY_GROUP = "azure-native:network:NetworkSecurityGroup"
SECURITY_RULE = "azure-native:network:SecurityRule"
ROUTES = "azure-native:network:RouteTable"
ROUTE = "azure-native:network:Route"
FIREWALLS = (
    "azure-native:network:AzureFirewall",
    "azure-native:network:FirewallPolicyRuleCollectionGroup",
)
DATABASE_RULE = "azure-native:dbforpostgresql:FirewallRule"
RULE_SETS = ("azure-native:containerregistry:Registry", "azure-native:storage:StorageAccount")


@on(*RULE_SETS, CLUSTER, SECURITY_GROUP, SECURITY_RULE, DATABASE_RULE, controls=(1, 22, 25, 27))
def no_open_range(resource: Resource) -> Iterator[str]:
    """No rule lets the whole internet in."""
    for text in open_ranges(_let_in(resource)):
        why = "it is as good as the whole internet"
        yield f"{text} is let in: {why}; name your own ranges in prefect-aks:authorizedIpRanges"
    if resource.type == DATABASE_RULE:
        yield "a firewall rule for the database: it has no public side to open; remove it in components/database.py"


@on(ROUTES, ROUTE, controls=(13,))
def route_to_firewall(routes: Resource) -> Iterator[str]:
    """A route to everywhere leads to the firewall."""
    parts = [routes.part(route, f"routes[{route.get('name')}]") for route in listed(routes.get("routes"))]
    why, fix = "traffic would pass the firewall by", "set it in components/egress.py"
    # Two halves of everywhere are everywhere too.
    wide = [part for part in (parts if routes.type == ROUTES else [routes]) if open_ranges([part.get("addressPrefix")])]
    for part in wide:
        yield from part.must("nextHopType", "VirtualAppliance", why, fix)
    if routes.type == ROUTES and not wide and routes.get("routes") is not UNKNOWN:
        yield f"routes has none to everywhere: {why}; {fix}"


@on(*FIREWALLS, controls=(13,))
def firewall_destinations(firewall: Resource) -> Iterator[str]:
    """The firewall names every destination."""
    for key in ("targetFqdns", "destinationFqdns", "destinationAddresses"):
        for names in _all(firewall.properties, key):
            for name in open_ranges(listed(names)):
                fix = "name the hosts in prefect-aks:egressFqdns or prefect-aks:deployerFqdns"
                yield f"{key} has {name}: a flow could send data anywhere; {fix}"


def unreached(plan: Plan, services: Sequence[Resource], file: str) -> Iterator[tuple[Resource, str]]:
    """The services without a private endpoint, or with one that no name leads to."""
    for service in services:
        endpoints = plan.using(service, ENDPOINT, "privateLinkServiceConnections")
        kind = service.type.rpartition(":")[2]
        if not endpoints:
            yield (
                service,
                f"no PrivateEndpoint for the {kind}: the network could not reach it; call connect() in {file}",
            )
        for endpoint in endpoints:
            if not plan.using(endpoint, ENDPOINT_NAME, "privateEndpointName"):
                why = "its name would go on leading to the public side"
                yield service, f"no PrivateDnsZoneGroup for the {kind}'s endpoint: {why}; call connect() in {file}"


def _let_in(resource: Resource) -> Iterator[Any]:
    yield from listed(resource.get("apiServerAccessProfile.authorizedIPRanges"))
    for rule in listed(resource.get("networkRuleSet.ipRules")):
        if rule.get("action") != "Deny":
            yield rule.get("iPAddressOrRange")
    single = [resource.properties] if resource.type == SECURITY_RULE else []
    for rule in [*listed(resource.get("securityRules")), *single]:
        if (str(rule.get("access")).lower(), str(rule.get("direction")).lower()) == ("allow", "inbound"):
            yield rule.get("sourceAddressPrefix")
            yield from listed(rule.get("sourceAddressPrefixes"))


def _all(value: Any, key: str) -> Iterator[Any]:
    """Every value of a key, however deep."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == key and inner is not UNKNOWN:
                yield inner
            yield from _all(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _all(inner, key)
