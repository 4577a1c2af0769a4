"""The virtual network: subnets, private DNS zones, and the one way out.

The endpoints' subnet is the last to be made, so that what waits for it never meets a write to the network. A range
that moves makes another subnet, which Azure refuses while anything stands in the old one.
"""

from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_azure_native import network, privatedns

from components import egress, security_group
from components.address_plan import Subnets
from components.egress import Egress
from components.placement import Placement
from components.subnet import Row

FIREWALL_SUBNET = "AzureFirewallSubnet"
"""Azure finds a firewall's subnet by this name."""
POSTGRES = "Microsoft.DBforPostgreSQL/flexibleServers"
DEVOPS_POOLS = "Microsoft.DevOpsInfrastructure/pools"
WITH_WAY_OUT = ("nodes", "builds", "deployer")


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """What a network needs from its environment."""

    placement: Placement
    address_space: str
    subnets: Subnets
    pod_cidr: str
    """The pods' own range: their traffic between nodes shows it, and has to pass."""
    peer_address_spaces: tuple[str, ...] = ()
    """Networks that this one is connected to: they reach the private API server and internal load balancers."""
    egress: Literal["firewall", "natGateway"]
    flow_fqdns: tuple[str, ...]
    """Host names that flows may reach through the firewall."""
    deployer_fqdns: tuple[str, ...]
    """Host names that the deployer subnet and image builds may reach through the firewall, besides Azure's own.

    The storage account and the key vault of Pulumi's state are among them, and where packages and tools come from.
    """
    deployer: Literal["none", "managedDevOpsPool", "scaleSet"]
    """Whose delegation the deployer subnet gets."""
    workspace_id: pulumi.Input[str]
    """The Log Analytics workspace that the firewall's logs go to."""
    builds_images: bool
    """Whether the registry builds images of what deployers hand over."""


class Network(pulumi.ComponentResource):
    """A virtual network whose subnets have one controlled way out, and the private DNS zones of what it reaches."""

    id: pulumi.Output[str]
    node_subnet_id: pulumi.Output[str]
    database_subnet_id: pulumi.Output[str]
    endpoint_subnet_id: pulumi.Output[str]
    deployer_subnet_id: pulumi.Output[str]
    build_subnet_id: pulumi.Output[str]
    blob_zone_id: pulumi.Output[str]
    registry_zone_id: pulumi.Output[str]
    database_zone_id: pulumi.Output[str]
    egress_address: pulumi.Output[str]
    """The public IPv4 address that all traffic to the internet comes from."""
    outbound_type: pulumi.Output[str]
    """AKS's word for the way out: `userDefinedRouting` or `userAssignedNATGateway`."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-aks:azure:Network", name, None, opts)
        place = args.placement
        whole = network.VirtualNetwork(
            f"{name}-network",
            virtual_network_name=f"vnet-{place.base_name}",
            resource_group_name=place.resource_group,
            location=place.location,
            address_space=network.AddressSpaceArgs(address_prefixes=[args.address_space]),
            tags=place.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        blob, registry, database = (
            _zone(f"{name}-{label}-zone", zone, place, whole, self)
            for label, zone in (
                ("blob", "privatelink.blob.core.windows.net"),
                ("registry", "privatelink.azurecr.io"),
                ("database", f"{place.base_name}.private.postgres.database.azure.com"),
            )
        )
        row = Row(name, placement=place, network=whole, parent=self)
        way_out = _way_out(f"{name}-egress", args, row, self)
        subnets = _subnets(name, args, row, way_out, self)
        self.id = whole.id
        self.node_subnet_id = subnets["nodes"].id
        self.build_subnet_id = subnets["builds"].id
        self.deployer_subnet_id = subnets["deployer"].id
        self.database_subnet_id = subnets["database"].id
        self.endpoint_subnet_id = subnets["endpoints"].id
        self.blob_zone_id = blob.id
        self.registry_zone_id = registry.id
        self.database_zone_id = database.id
        self.egress_address = way_out.address
        self.outbound_type = pulumi.Output.from_input(way_out.outbound_type)
        self.register_outputs(
            {
                "id": self.id,
                "node_subnet_id": self.node_subnet_id,
                "build_subnet_id": self.build_subnet_id,
                "deployer_subnet_id": self.deployer_subnet_id,
                "database_subnet_id": self.database_subnet_id,
                "endpoint_subnet_id": self.endpoint_subnet_id,
                "blob_zone_id": self.blob_zone_id,
                "registry_zone_id": self.registry_zone_id,
                "database_zone_id": self.database_zone_id,
                "egress_address": self.egress_address,
                "outbound_type": self.outbound_type,
            }
        )


def _way_out(name: str, args: NetworkArgs, row: Row, parent: pulumi.Resource) -> Egress:
    if args.egress == "natGateway":
        return egress.by_nat_gateway(name, placement=args.placement, parent=parent)
    subnet = row.add("firewall", physical_name=FIREWALL_SUBNET, address_range=args.subnets.firewall)
    return egress.by_firewall(
        name,
        placement=args.placement,
        subnet_id=subnet.id,
        allowed=egress.passages(
            args.subnets,
            deployer=args.deployer,
            flow_fqdns=args.flow_fqdns,
            deployer_fqdns=args.deployer_fqdns,
            builds_images=args.builds_images,
        ),
        workspace_id=args.workspace_id,
        parent=parent,
    )


def _subnets(
    name: str, args: NetworkArgs, row: Row, way_out: Egress, parent: pulumi.Resource
) -> dict[str, network.Subnet]:
    neighbours = (args.address_space, *args.peer_address_spaces)
    ways = security_group.ways(args.subnets, pod_cidr=args.pod_cidr, neighbours=neighbours)
    delegations = {
        "database": POSTGRES,
        "deployer": DEVOPS_POOLS if args.deployer == "managedDevOpsPool" else None,
    }
    return {
        subnet: row.add(
            subnet,
            physical_name=f"snet-{subnet}",
            address_range=getattr(args.subnets, subnet),
            group=security_group.guard(
                f"{name}-{subnet}-group",
                placement=args.placement,
                subnet=subnet,
                ways_in=ways_in,
                opts=pulumi.ResourceOptions(parent=parent),
            ),
            way_out=way_out if subnet in WITH_WAY_OUT else None,
            delegation=delegations.get(subnet),
            guards_endpoints=subnet == "endpoints",
        )
        for subnet, ways_in in ways.items()
    }


def _zone(
    name: str, zone_name: str, placement: Placement, whole: network.VirtualNetwork, parent: pulumi.Resource
) -> privatedns.PrivateZone:
    """Make a private DNS zone that the network asks first."""
    child = pulumi.ResourceOptions(parent=parent)
    zone = privatedns.PrivateZone(
        name,
        private_zone_name=zone_name,
        resource_group_name=placement.resource_group,
        location="global",
        tags=placement.tags,
        opts=child,
    )
    privatedns.VirtualNetworkLink(
        f"{name}-link",
        virtual_network_link_name=f"link-{placement.base_name}",
        private_zone_name=zone.name,
        resource_group_name=placement.resource_group,
        location="global",
        registration_enabled=False,
        # Somebody else's private account, such as that of Pulumi's state, is asked for on the internet.
        resolution_policy=privatedns.ResolutionPolicy.NX_DOMAIN_REDIRECT
        if zone_name.startswith("privatelink.")
        else privatedns.ResolutionPolicy.DEFAULT,
        virtual_network=privatedns.SubResourceArgs(id=whole.id),
        tags=placement.tags,
        opts=child,
    )
    return zone
