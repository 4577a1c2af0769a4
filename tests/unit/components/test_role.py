"""How a role is given."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pulumi
import pytest

from components.placement import Placement
from components.role import Role, assign


@pytest.mark.parametrize("role", Role)
def test_a_role_is_a_definition_id(role: Role) -> None:
    assert str(UUID(role)) == role.value


def test_an_assignment_says_what_kind_of_principal_it_is_for(
    register: Callable[[Callable[[], object]], Any], placement: Placement
) -> None:
    made = register(
        lambda: assign(
            "pull",
            placement=placement,
            role=Role.ACR_PULL,
            principal_id="someone",
            principal_type="ServicePrincipal",
            scope="/registry",
            opts=pulumi.ResourceOptions(),
        )
    )
    assert made.one("RoleAssignment").inputs == {
        "principalId": "someone",
        "principalType": "ServicePrincipal",
        "roleDefinitionId": f"/subscriptions/{placement.subscription_id}/providers/Microsoft.Authorization"
        "/roleDefinitions/7f951dda-4ed3-4680-a7ca-43fe172d538d",
        "scope": "/registry",
    }
