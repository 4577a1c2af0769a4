"""The subnets of a network, as resources of their own.

They are made one after another, because Azure refuses two writes to a network at a time: a subnet that is added in the
middle of the row changes nothing, but whoever makes one outside the row meets that refusal.
"""

import pulumi
from pulumi_azure_native import network

from components.egress import Egress
from components.placement import Placement


class Row:
    """Subnets of one network, each made after the one before."""

    def __init__(
        self, name: str, *, placement: Placement, network: network.VirtualNetwork, parent: pulumi.Resource
    ) -> None:
        self._name = name
        self._placement = placement
        self._network = network
        self._parent = parent
        self._last: pulumi.Resource = network

    def add(  # noqa: PLR0913 - what tells one subnet from another; all of it by keyword
        self,
        label: str,
        *,
        physical_name: str,
        address_range: str,
        group: network.NetworkSecurityGroup | None = None,
        way_out: Egress | None = None,
        delegation: str | None = None,
        guards_endpoints: bool = False,
    ) -> network.Subnet:
        """Make the next subnet; only where it guards endpoints does its security group hold for what is behind them."""
        made = network.Subnet(
            f"{self._name}-{label}-subnet",
            subnet_name=physical_name,
            virtual_network_name=self._network.name,
            resource_group_name=self._placement.resource_group,
            address_prefix=address_range,
            default_outbound_access=False,
            network_security_group=network.NetworkSecurityGroupArgs(id=group.id) if group else None,
            nat_gateway=way_out.nat_gateway if way_out else None,
            route_table=way_out.route_table if way_out else None,
            delegations=[network.DelegationArgs(name="owner", service_name=delegation)] if delegation else None,
            private_endpoint_network_policies="Enabled" if guards_endpoints else "Disabled",
            opts=pulumi.ResourceOptions(parent=self._parent, depends_on=[self._last]),
        )
        self._last = made
        return made
