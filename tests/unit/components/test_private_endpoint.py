"""The private way into a service."""

from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from components.placement import Placement
from components.private_endpoint import connect
from components.public_address import addresses


def test_an_endpoint_stands_in_the_subnet_and_its_name_in_the_zone(
    register: Callable[[Callable[[], object]], Any], placement: Placement
) -> None:
    made = register(
        lambda: connect(
            "endpoint",
            placement=placement,
            service_id="/service",
            group="blob",
            subnet_id="/subnet",
            zone_id="/zone",
            opts=pulumi.ResourceOptions(),
        )
    )
    endpoint, zone = made.one("PrivateEndpoint").inputs, made.one("PrivateDnsZoneGroup").inputs
    assert endpoint["privateEndpointName"] == zone["privateEndpointName"] == "pep-prefect-test-blob"
    assert endpoint["subnet"]["id"] == "/subnet"
    assert endpoint["privateLinkServiceConnections"] == [
        {"groupIds": ["blob"], "name": "pep-prefect-test-blob", "privateLinkServiceId": "/service"}
    ]
    assert zone["privateDnsZoneConfigs"] == [{"name": "blob", "privateDnsZoneId": "/zone"}]


@pytest.mark.parametrize(
    ("ranges", "written"),
    [
        (["203.0.113.0/24"], ["203.0.113.0/24"]),
        (["203.0.113.7/32", "203.0.113.8"], ["203.0.113.7", "203.0.113.8"]),
        (["203.0.113.8/31"], ["203.0.113.8", "203.0.113.9"]),
    ],
)
def test_a_range_too_small_for_azure_becomes_its_addresses(ranges: list[str], written: list[str]) -> None:
    assert addresses(ranges) == written
