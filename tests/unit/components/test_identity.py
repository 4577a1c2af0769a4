"""What the identities of an environment are, and how little each of them may do."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from components.identity import Identity, IdentityArgs
from components.placement import Placement
from components.role import Role
from components.service_connection import ServiceConnection

GROUP = "/subscriptions/s/resourceGroups/rg-prefect-test"


def connection(name: str) -> ServiceConnection:
    return ServiceConnection(organization="acme", organization_id="o-1", project="data", name=name)


@pytest.fixture(scope="module")
def args(placement: Placement) -> IdentityArgs:
    return IdentityArgs(
        placement=placement,
        resource_group_id=GROUP,
        administrators=("b", "a"),
        pipeline=connection("deploy"),
        preview=None,
        ui_host="prefect.example.com",
    )


@pytest.fixture(scope="module")
def made(register: Callable[..., Any], args: IdentityArgs) -> Any:
    return register(lambda: Identity("identity", args))


def test_there_is_a_managed_identity_for_the_control_plane_the_kubelet_and_the_flows(made: Any) -> None:
    names = {each.inputs["resourceName"] for each in made.of("UserAssignedIdentity")}
    assert names == {"id-prefect-test-control-plane", "id-prefect-test-kubelet", "id-prefect-test-flow"}


def test_the_administrators_are_the_members_of_a_security_group_that_takes_over_no_other(made: Any) -> None:
    group = made.of("Group")[0].inputs
    assert group["members"] == ["a", "b"]
    assert group["securityEnabled"] is True
    assert group["preventDuplicateNames"] is True


def test_the_pipeline_proves_itself_by_its_service_connection(made: Any) -> None:
    (credential,) = [each.inputs for each in made if each.type.endswith(":ApplicationFederatedIdentityCredential")]
    assert credential["issuer"] == "https://vstoken.dev.azure.com/o-1"
    assert credential["subject"] == "sc://acme/data/deploy"
    assert credential["audiences"] == ["api://AzureADTokenExchange"]


def test_a_service_connection_with_a_subject_of_entra_id_is_trusted_by_entra_ids_issuer(
    register: Callable[..., Any], args: IdentityArgs, placement: Placement
) -> None:
    assert args.pipeline
    pipeline = replace(args.pipeline, subject="/eid1/c/pub/t/t-1/a/a-1/sc/o-1/c-1")
    made = register(lambda: Identity("identity", replace(args, pipeline=pipeline)))
    credential = made.one("ApplicationFederatedIdentityCredential").inputs
    assert credential["issuer"] == f"https://login.microsoftonline.com/{placement.tenant_id}/v2.0"
    assert credential["subject"] == "/eid1/c/pub/t/t-1/a/a-1/sc/o-1/c-1"


def test_no_application_has_a_secret(made: Any) -> None:
    assert not [each.type for each in made if "Password" in each.type or "Certificate" in each.type]
    assert not [each.name for each in made if "password" in each.inputs]


def test_the_pipeline_has_its_roles_on_the_resource_group_alone(made: Any) -> None:
    assignments = [each.inputs for each in made.of("RoleAssignment")]
    assert {each["scope"] for each in assignments} == {GROUP}
    assert {each["roleDefinitionId"].split("/")[-1] for each in assignments} == {
        Role.CONTRIBUTOR,
        Role.RBAC_ADMINISTRATOR,
    }
    assert {each["principalType"] for each in assignments} == {"ServicePrincipal"}


def test_the_pipeline_gives_no_privileged_role_and_lets_no_person_in(made: Any) -> None:
    (condition,) = [each.inputs["condition"] for each in made.of("RoleAssignment") if "condition" in each.inputs]
    assert Role.CONTRIBUTOR not in condition
    assert Role.RBAC_ADMINISTRATOR not in condition
    assert Role.ACR_PULL in condition
    assert "'User'" not in condition
    assert condition.count("(") == condition.count(")")
    for action in ("write", "delete"):
        assert f"Microsoft.Authorization/roleAssignments/{action}" in condition


def test_who_previews_reads_the_resource_group_and_no_more(register: Callable[..., Any], args: IdentityArgs) -> None:
    made = register(lambda: Identity("identity", replace(args, pipeline=None, preview=connection("look"))))
    assert made.one("ApplicationFederatedIdentityCredential").inputs["subject"] == "sc://acme/data/look"
    assignment = made.one("RoleAssignment").inputs
    assert assignment["roleDefinitionId"].split("/")[-1] == Role.READER
    assert assignment["scope"] == GROUP
    assert assignment["principalType"] == "ServicePrincipal"


def test_the_uis_login_is_open_to_the_administrators_and_to_whom_they_assign(made: Any) -> None:
    application = made.named("identity-ui").inputs
    assert application["web"]["redirectUris"] == ["https://prefect.example.com/oauth2/callback"]
    assert made.named("identity-ui-principal").inputs["appRoleAssignmentRequired"] is True
    assert {each.inputs["principalObjectId"] for each in made.of("AppRoleAssignment")} == {"a", "b"}


def test_without_a_pipeline_and_a_ui_there_is_no_application(register: Callable[..., Any], args: IdentityArgs) -> None:
    made = register(lambda: Identity("identity", replace(args, pipeline=None, ui_host=None)))
    assert not [each.type for each in made if "application" in each.type.lower() or "RoleAssignment" in each.type]
