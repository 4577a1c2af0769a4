"""What may come into each subnet: what is named here, and nothing else.

A rule of the priority 4096 replaces Azure's own ones, which let the whole network and its peers in.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import network

from components.address_plan import Subnets
from components.placement import Placement

LOAD_BALANCER = "AzureLoadBalancer"
HTTPS = "443"
POSTGRES = ("5432", "6432")
ANY = "*"


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way in, by a name: from where, to which ports."""

    name: str
    sources: Sequence[str]
    ports: Sequence[str] = (ANY,)
    tcp: bool = False
    destinations: Sequence[str] = (ANY,)


def ways(subnets: Subnets, *, pod_cidr: str, neighbours: Sequence[str]) -> dict[str, tuple[Way, ...]]:
    """List the ways into each subnet, in the order that these are made in: that of endpoints is the last.

    Neighbours are the network itself and those it is connected to, by their ranges: Azure's tag `VirtualNetwork` would
    take in the default route to the firewall, and with it every address.
    """
    cluster = (subnets.nodes, pod_cidr)
    return {
        "nodes": (
            # Pods keep their own addresses between nodes, and AKS supports no blocking among these.
            Way(name="cluster", sources=cluster, destinations=cluster),
            Way(name="load-balancer", sources=(LOAD_BALANCER,)),
            # The private API server's endpoint and internal load balancers stand among the nodes.
            Way(name="https", sources=neighbours, ports=(HTTPS,), tcp=True),
        ),
        "builds": (),
        "deployer": (),
        "database": (
            Way(name="nodes", sources=(subnets.nodes,), ports=POSTGRES, tcp=True),
            # A standby follows its primary.
            Way(name="replication", sources=(subnets.database,)),
            Way(name="load-balancer", sources=(LOAD_BALANCER,)),
        ),
        "endpoints": (
            Way(name="https", sources=(subnets.nodes, subnets.deployer, subnets.builds), ports=(HTTPS,), tcp=True),
        ),
    }


def guard(
    name: str, *, placement: Placement, subnet: str, ways_in: Sequence[Way], opts: pulumi.ResourceOptions
) -> network.NetworkSecurityGroup:
    """Make the security group of a subnet."""
    return network.NetworkSecurityGroup(
        name,
        network_security_group_name=f"nsg-{placement.base_name}-{subnet}",
        resource_group_name=placement.resource_group,
        location=placement.location,
        security_rules=[*(_allow(way, 100 + 10 * index) for index, way in enumerate(ways_in)), DENY_THE_REST],
        tags=placement.tags,
        opts=opts,
    )


def _allow(way: Way, priority: int) -> network.SecurityRuleArgs:
    def one_or_more(values: Sequence[str]) -> tuple[str | None, list[str] | None]:
        # Azure takes service tags and `*` in the singular property alone.
        return (values[0], None) if len(values) == 1 else (None, list(values))

    source, sources = one_or_more(way.sources)
    destination, destinations = one_or_more(way.destinations)
    port, ports = one_or_more(way.ports)
    return network.SecurityRuleArgs(
        name=f"allow-{way.name}",
        priority=priority,
        direction=network.SecurityRuleDirection.INBOUND,
        access=network.SecurityRuleAccess.ALLOW,
        protocol=network.SecurityRuleProtocol.TCP if way.tcp else network.SecurityRuleProtocol.ASTERISK,
        source_address_prefix=source,
        source_address_prefixes=sources,
        source_port_range=ANY,
        destination_address_prefix=destination,
        destination_address_prefixes=destinations,
        destination_port_range=port,
        destination_port_ranges=ports,
    )


DENY_THE_REST = network.SecurityRuleArgs(
    name="deny-the-rest",
    priority=4096,
    direction=network.SecurityRuleDirection.INBOUND,
    access=network.SecurityRuleAccess.DENY,
    protocol=network.SecurityRuleProtocol.ASTERISK,
    source_address_prefix=ANY,
    source_port_range=ANY,
    destination_address_prefix=ANY,
    destination_port_range=ANY,
)
