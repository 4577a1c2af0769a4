"""Where a component's Azure resources lie, and what they are named and tagged after: one for a whole environment."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where an environment's resources lie."""

    base_name: str
    """What names that need be unique in their resource group alone are made of, such as `prefect-dev`."""
    subscription_id: pulumi.Input[str]
    tenant_id: pulumi.Input[str]
    resource_group: pulumi.Input[str]
    location: str
    zones: tuple[str, ...]
    """Availability zones that zonal resources are spread over; one alone pins them to it."""
    tags: Mapping[str, str]
