"""The one way from the network to the internet: a firewall that knows host names, or a NAT gateway that knows nothing.

A change of its kind changes the public address too: both ways stand for a moment, and cannot share one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_azure_native import network

from components import firewall
from components.address_plan import Subnets
from components.firewall import Passage
from components.placement import Placement

# Azure takes one zone or all of them for a public address.
ALL_ZONES = ("1", "2", "3")

LOGIN = ("login.microsoftonline.com", "management.azure.com", "graph.microsoft.com")
# What AKS's add-ons ask for besides Azure's own tag of host names: Azure Policy and Defender.
CLUSTER = (
    "data.policy.core.windows.net",
    "store.policy.core.windows.net",
    "dc.services.visualstudio.com",
    "*.cloud.defender.microsoft.com",
)
DEVOPS = ("dev.azure.com", "*.dev.azure.com", "*.visualstudio.com", "aadcdn.msftauth.net")
MACHINE = ("packages.microsoft.com", "www.microsoft.com", "azure.archive.ubuntu.com", "security.ubuntu.com")
DEPLOYER = {
    "none": (),
    "managedDevOpsPool": (
        "*.prod.manageddevops.microsoft.com",
        "rmprodbuilds.azureedge.net",
        "*.queue.core.windows.net",
        "server.pipe.aria.microsoft.com",
    ),
    "scaleSet": ("vstsagenttools.blob.core.windows.net",),
}
# What a registry's own agent pool works with; its machines and their storage accounts are Azure's.
BUILD_SERVICES = ("AzureActiveDirectory", "AzureKeyVault", "AzureMonitor", "EventHub", "Storage")


@dataclass(frozen=True, kw_only=True)
class Egress:
    """A way out: what a subnet is given to take it, and where the world sees it come from."""

    address: pulumi.Output[str]
    outbound_type: str
    nat_gateway: network.SubResourceArgs | None = None
    route_table: network.RouteTableArgs | None = None


def passages(
    subnets: Subnets,
    *,
    deployer: Literal["none", "managedDevOpsPool", "scaleSet"],
    flow_fqdns: tuple[str, ...],
    deployer_fqdns: tuple[str, ...],
    builds_images: bool,
) -> list[Passage]:
    """List what may leave which subnet."""
    nodes, deployers, builds = (subnets.nodes,), (subnets.deployer,), (subnets.builds,)
    allowed = [
        Passage(name="monitor", sources=nodes, service_tags=("AzureMonitor",)),
        Passage(name="build-services", sources=builds, service_tags=BUILD_SERVICES),
        Passage(name="kubernetes", sources=nodes, fqdn_tags=("AzureKubernetesService",), http=True),
        Passage(name="cluster", sources=nodes, fqdns=(*LOGIN, *CLUSTER)),
        Passage(name="flows", sources=nodes, fqdns=flow_fqdns),
        Passage(name="builds", sources=builds, fqdns=(*LOGIN, "mcr.microsoft.com", "*.data.mcr.microsoft.com")),
        Passage(name="deployment", sources=(*deployers, *builds), fqdns=deployer_fqdns),
    ]
    if deployer != "none" and builds_images:
        # Whoever deploys hands the source of an image to Azure's own storage, by names that are not fixed.
        allowed.append(Passage(name="build-source", sources=deployers, service_tags=("Storage",)))
    if deployer != "none":
        allowed += [
            Passage(name="deployer", sources=deployers, fqdns=(*LOGIN, *DEVOPS, *DEPLOYER[deployer])),
            Passage(name="deployer-packages", sources=deployers, fqdns=MACHINE, http=True),
        ]
    return [each for each in allowed if each.leads_somewhere]


def public_address(name: str, placement: Placement, way: str, opts: pulumi.ResourceOptions) -> network.PublicIPAddress:
    """Make the address that the world sees."""
    return network.PublicIPAddress(
        name,
        public_ip_address_name=f"pip-{placement.base_name}-{way}",
        resource_group_name=placement.resource_group,
        location=placement.location,
        sku=network.PublicIPAddressSkuArgs(
            name=network.PublicIPAddressSkuName.STANDARD, tier=network.PublicIPAddressSkuTier.REGIONAL
        ),
        public_ip_allocation_method=network.IPAllocationMethod.STATIC,
        public_ip_address_version=network.IPVersion.I_PV4,
        zones=list(placement.zones if len(placement.zones) == 1 else ALL_ZONES),
        tags=placement.tags,
        opts=opts,
    )


def by_firewall(  # noqa: PLR0913 - what a firewall stands on; all of it by keyword
    name: str,
    *,
    placement: Placement,
    subnet_id: pulumi.Input[str],
    allowed: Sequence[Passage],
    workspace_id: pulumi.Input[str],
    parent: pulumi.Resource,
) -> Egress:
    """Lead all that leaves a subnet to a firewall; what stays in the network takes Azure's own, narrower routes."""
    child = pulumi.ResourceOptions(parent=parent)
    address = public_address(f"{name}-firewall-address", placement, "firewall", child)
    inner_address = firewall.stand(
        f"{name}-firewall",
        placement=placement,
        subnet_id=subnet_id,
        public_ip_id=address.id,
        passages=allowed,
        workspace_id=workspace_id,
        parent=parent,
    )
    table = network.RouteTable(
        f"{name}-routes",
        route_table_name=f"rt-{placement.base_name}",
        resource_group_name=placement.resource_group,
        location=placement.location,
        disable_bgp_route_propagation=True,
        routes=[
            network.RouteArgs(
                name="internet",
                address_prefix="0.0.0.0/0",
                next_hop_type=network.RouteNextHopType.VIRTUAL_APPLIANCE,
                next_hop_ip_address=inner_address,
            )
        ],
        tags=placement.tags,
        opts=child,
    )
    return Egress(
        address=_known(address),
        outbound_type="userDefinedRouting",
        route_table=network.RouteTableArgs(id=table.id),
    )


def by_nat_gateway(name: str, *, placement: Placement, parent: pulumi.Resource) -> Egress:
    """Let everything out, from one address."""
    child = pulumi.ResourceOptions(parent=parent)
    address = public_address(f"{name}-gateway-address", placement, "gateway", child)
    gateway = network.NatGateway(
        f"{name}-gateway",
        nat_gateway_name=f"ng-{placement.base_name}",
        resource_group_name=placement.resource_group,
        location=placement.location,
        sku=network.NatGatewaySkuArgs(name=network.NatGatewaySkuName.STANDARD),
        public_ip_addresses=[network.SubResourceArgs(id=address.id)],
        # A gateway stands in one zone; without one, Azure picks it.
        zones=list(placement.zones) if len(placement.zones) == 1 else None,
        tags=placement.tags,
        opts=child,
    )
    return Egress(
        address=_known(address),
        outbound_type="userAssignedNATGateway",
        nat_gateway=network.SubResourceArgs(id=gateway.id),
    )


def _known(address: network.PublicIPAddress) -> pulumi.Output[str]:
    """A static address is given out when it is made."""
    return address.ip_address.apply(lambda known: known or "")
