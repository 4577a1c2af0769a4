"""A private way into an Azure service: its endpoint in the network, and the name that leads to it.

The zone must be linked to the network already, or the service's name goes on leading to its public side.
"""

import pulumi
from pulumi_azure_native import network

from components.placement import Placement


def connect(  # noqa: PLR0913 - what an endpoint consists of; all of it by keyword
    name: str,
    *,
    placement: Placement,
    service_id: pulumi.Input[str],
    group: str,
    subnet_id: pulumi.Input[str],
    zone_id: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> network.PrivateEndpoint:
    """Put an endpoint of a service into a subnet, and its address into the private DNS zone.

    `group` is Azure's word for the part of the service that is reached, such as `blob` or `registry`.
    """
    physical_name = f"pep-{placement.base_name}-{group}"
    endpoint = network.PrivateEndpoint(
        name,
        private_endpoint_name=physical_name,
        resource_group_name=placement.resource_group,
        location=placement.location,
        subnet=network.SubnetArgs(id=subnet_id),
        private_link_service_connections=[
            network.PrivateLinkServiceConnectionArgs(
                name=physical_name, private_link_service_id=service_id, group_ids=[group]
            )
        ],
        tags=placement.tags,
        opts=opts,
    )
    network.PrivateDnsZoneGroup(
        f"{name}-zone",
        private_dns_zone_group_name="default",
        private_endpoint_name=endpoint.name,
        resource_group_name=placement.resource_group,
        private_dns_zone_configs=[network.PrivateDnsZoneConfigArgs(name=group, private_dns_zone_id=zone_id)],
        opts=opts,
    )
    return endpoint
