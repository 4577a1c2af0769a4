"""Who acts in an environment: managed identities, the administrators' group, the pipeline's and the UI's applications.

None of them has a secret: each proves itself by federation, or to Azure by where it runs.
"""

from dataclasses import dataclass

import pulumi
import pulumi_azuread as azuread
from pulumi_azure_native import authorization, managedidentity

from components.placement import Placement
from components.role import Role, assign, definition_id
from components.service_connection import ServiceConnection

DEFAULT_ACCESS = "00000000-0000-0000-0000-000000000000"
"""The app role of whoever may use an application that declares no roles."""
PRIVILEGED = (Role.CONTRIBUTOR, Role.RBAC_ADMINISTRATOR)
"""Roles that the pipeline has, and may give to nobody."""


@dataclass(frozen=True, kw_only=True)
class IdentityArgs:
    """What the identities need from their environment."""

    placement: Placement
    resource_group_id: pulumi.Input[str]
    administrators: tuple[str, ...]
    """Object ids of the users and groups who administer the cluster and the database."""
    pipeline: ServiceConnection | None
    """What deploys the environment from Azure DevOps."""
    preview: ServiceConnection | None
    """What previews it there, and may change nothing."""
    ui_host: str | None
    """Host name of the UI where its login is on."""


class Identity(pulumi.ComponentResource):
    """The identities of one environment, each with the least it needs.

    Entra ID asks more of whoever deploys this than Azure does: the right to make groups and applications.
    """

    control_plane_id: pulumi.Output[str]
    control_plane_principal_id: pulumi.Output[str]
    kubelet_id: pulumi.Output[str]
    kubelet_client_id: pulumi.Output[str]
    kubelet_principal_id: pulumi.Output[str]
    flow_name: pulumi.Output[str]
    """The flows' managed identity, by its name in the resource group."""
    flow_client_id: pulumi.Output[str]
    flow_principal_id: pulumi.Output[str]
    administrators_group_id: pulumi.Output[str]
    administrators_group_name: pulumi.Output[str]
    pipeline_client_id: pulumi.Output[str | None]
    pipeline_principal_id: pulumi.Output[str | None]
    preview_client_id: pulumi.Output[str | None]
    preview_principal_id: pulumi.Output[str | None]
    ui_client_id: pulumi.Output[str | None]

    def __init__(self, name: str, args: IdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-aks:azure:Identity", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)

        control_plane = _managed_identity(name, "control-plane", args.placement, child)
        self.control_plane_id = control_plane.id
        self.control_plane_principal_id = control_plane.principal_id

        kubelet = _managed_identity(name, "kubelet", args.placement, child)
        self.kubelet_id = kubelet.id
        self.kubelet_client_id = kubelet.client_id
        self.kubelet_principal_id = kubelet.principal_id

        flow = _managed_identity(name, "flow", args.placement, child)
        self.flow_name = flow.name
        self.flow_client_id = flow.client_id
        self.flow_principal_id = flow.principal_id

        group = azuread.Group(
            f"{name}-administrators",
            display_name=f"{args.placement.base_name}-administrators",
            description="Administers the environment's cluster and database",
            security_enabled=True,
            members=sorted(args.administrators),
            prevent_duplicate_names=True,
            opts=child,
        )
        self.administrators_group_id = group.object_id
        self.administrators_group_name = group.display_name

        self.pipeline_client_id, self.pipeline_principal_id = _ids(
            _pipeline(name, args, args.pipeline, group, child) if args.pipeline else None
        )
        self.preview_client_id, self.preview_principal_id = _ids(
            _preview(name, args, args.preview, child) if args.preview else None
        )

        self.ui_client_id = pulumi.Output.from_input(None)
        if args.ui_host:
            self.ui_client_id = _ui(name, args, args.ui_host, child).client_id.apply(_optional)

        self.register_outputs(
            {
                "control_plane_id": self.control_plane_id,
                "control_plane_principal_id": self.control_plane_principal_id,
                "kubelet_id": self.kubelet_id,
                "kubelet_client_id": self.kubelet_client_id,
                "kubelet_principal_id": self.kubelet_principal_id,
                "flow_name": self.flow_name,
                "flow_client_id": self.flow_client_id,
                "flow_principal_id": self.flow_principal_id,
                "administrators_group_id": self.administrators_group_id,
                "administrators_group_name": self.administrators_group_name,
                "pipeline_client_id": self.pipeline_client_id,
                "pipeline_principal_id": self.pipeline_principal_id,
                "preview_client_id": self.preview_client_id,
                "preview_principal_id": self.preview_principal_id,
                "ui_client_id": self.ui_client_id,
            }
        )


def _optional(value: str) -> str | None:
    """An id, as the type of an attribute that is empty where there is no such application."""
    return value


def _managed_identity(
    name: str, role: str, placement: Placement, child: pulumi.ResourceOptions
) -> managedidentity.UserAssignedIdentity:
    return managedidentity.UserAssignedIdentity(
        f"{name}-{role}",
        resource_name_=f"id-{placement.base_name}-{role}",
        resource_group_name=placement.resource_group,
        location=placement.location,
        tags=placement.tags,
        opts=child,
    )


def _ids(principal: azuread.ServicePrincipal | None) -> tuple[pulumi.Output[str | None], pulumi.Output[str | None]]:
    """A principal's client id and object id."""
    if principal is None:
        return pulumi.Output.from_input(None), pulumi.Output.from_input(None)
    return principal.client_id.apply(_optional), principal.object_id.apply(_optional)


def _pipeline(
    name: str, args: IdentityArgs, connection: ServiceConnection, group: azuread.Group, child: pulumi.ResourceOptions
) -> azuread.ServicePrincipal:
    """Make the application behind the service connection, with its roles on the environment's resource group alone.

    Contributor may not write locks or roles. The second role lets it assign the roles that components assign, to
    services and to the administrators' group: it can neither raise itself nor let a person in. Locks are a person's.
    """
    principal = connection.trusted(
        f"{name}-pipeline",
        display_name=f"{args.placement.base_name}-pipeline",
        purpose="deploys this environment",
        tenant_id=args.placement.tenant_id,
        opts=child,
    )
    assign(
        f"{name}-pipeline-contributor",
        placement=args.placement,
        role=Role.CONTRIBUTOR,
        principal_id=principal.object_id,
        principal_type="ServicePrincipal",
        scope=args.resource_group_id,
        opts=child,
    )
    authorization.RoleAssignment(
        f"{name}-pipeline-rbac-administrator",
        principal_id=principal.object_id,
        principal_type=authorization.PrincipalType.SERVICE_PRINCIPAL,
        role_definition_id=definition_id(Role.RBAC_ADMINISTRATOR, args.placement),
        scope=args.resource_group_id,
        condition=group.object_id.apply(delegation_condition),
        condition_version="2.0",
        opts=child,
    )
    return principal


def _preview(
    name: str, args: IdentityArgs, connection: ServiceConnection, child: pulumi.ResourceOptions
) -> azuread.ServicePrincipal:
    """Make the application that looks at the environment for a pull request, whose code nobody has approved yet."""
    principal = connection.trusted(
        f"{name}-preview",
        display_name=f"{args.placement.base_name}-preview",
        purpose="previews this environment",
        tenant_id=args.placement.tenant_id,
        opts=child,
    )
    assign(
        f"{name}-preview-reader",
        placement=args.placement,
        role=Role.READER,
        principal_id=principal.object_id,
        principal_type="ServicePrincipal",
        scope=args.resource_group_id,
        opts=child,
    )
    return principal


def delegation_condition(group_id: str) -> str:
    """Azure's condition for giving and taking every role but the privileged ones, to services and to one group."""
    return f"{_delegation('write', '@Request', group_id)} AND {_delegation('delete', '@Resource', group_id)}"


def _delegation(action: str, source: str, group_id: str) -> str:
    assignment = f"{source}[Microsoft.Authorization/roleAssignments"
    roles = ", ".join(sorted(role.value for role in Role if role not in PRIVILEGED))
    return (
        f"((!(ActionMatches{{'Microsoft.Authorization/roleAssignments/{action}'}})) OR ("
        f"{assignment}:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {{{roles}}} AND "
        f"({assignment}:PrincipalType] ForAnyOfAnyValues:StringEqualsIgnoreCase {{'ServicePrincipal'}} OR "
        f"{assignment}:PrincipalId] ForAnyOfAnyValues:GuidEquals {{{group_id}}})))"
    )


def _ui(name: str, args: IdentityArgs, host: str, child: pulumi.ResourceOptions) -> azuread.Application:
    """Make the application of the UI's login, open to those who are assigned to it: at first the administrators."""
    application = azuread.Application(
        f"{name}-ui",
        display_name=f"{args.placement.base_name}-ui",
        sign_in_audience="AzureADMyOrg",
        prevent_duplicate_names=True,
        web=azuread.ApplicationWebArgs(
            homepage_url=f"https://{host}",
            redirect_uris=[f"https://{host}/oauth2/callback"],
            implicit_grant=azuread.ApplicationWebImplicitGrantArgs(
                id_token_issuance_enabled=True, access_token_issuance_enabled=False
            ),
        ),
        opts=child,
    )
    principal = azuread.ServicePrincipal(
        f"{name}-ui-principal", client_id=application.client_id, app_role_assignment_required=True, opts=child
    )
    for administrator in sorted(args.administrators):
        azuread.AppRoleAssignment(
            f"{name}-ui-{administrator}",
            app_role_id=DEFAULT_ACCESS,
            principal_object_id=administrator,
            resource_object_id=principal.object_id,
            opts=child,
        )
    return application
