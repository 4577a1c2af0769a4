"""The container registry that the flow image and the mirrored images are pulled from.

A change of its name or its location makes another registry, without the images. Its zone redundancy is chosen once:
Azure refuses to change it.
"""

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import containerregistry

from components import private_endpoint, role
from components.diagnostic import diagnose
from components.placement import Placement
from components.public_address import addresses
from components.role import Role


@dataclass(frozen=True, kw_only=True)
class RegistryArgs:
    """What a registry needs from its environment."""

    placement: Placement
    name: str
    """Unique in all of Azure: 5 to 50 letters and digits."""
    endpoint_subnet_id: pulumi.Input[str]
    zone_id: pulumi.Input[str]
    """The private DNS zone of registries."""
    authorized_ip_ranges: tuple[str, ...]
    """Who may reach it from outside the network; none closes its public side."""
    zone_redundant: bool
    retention_days: int
    """How long an untagged manifest is kept."""
    kubelet_principal_id: pulumi.Input[str]
    """The one that pulls: the cluster's kubelet identity, not its control plane's."""
    pusher_principal_ids: dict[str, pulumi.Input[str]]
    """Service principals that push, by a logical name."""
    workspace_id: pulumi.Input[str]
    exports: bool = False
    """Whether its images may be copied into another registry; with a public side they always may."""
    build_subnet_id: pulumi.Input[str] | None = None
    """Where a machine of its own builds images: those that Azure shares among all reach no closed registry."""


class Registry(pulumi.ComponentResource):
    """A Premium container registry behind a private endpoint, that the cluster's nodes may pull from."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    login_server: pulumi.Output[str]
    agent_pool: pulumi.Output[str | None]
    """The name of its own build machines; None where it has none."""

    def __init__(self, name: str, args: RegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-aks:azure:Registry", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        registry = _registry(f"{name}-registry", args, child)
        private_endpoint.connect(
            f"{name}-endpoint",
            placement=args.placement,
            service_id=registry.id,
            group="registry",
            subnet_id=args.endpoint_subnet_id,
            zone_id=args.zone_id,
            opts=child,
        )
        role.assign(
            f"{name}-pull",
            placement=args.placement,
            role=Role.ACR_PULL,
            principal_id=args.kubelet_principal_id,
            principal_type="ServicePrincipal",
            scope=registry.id,
            opts=child,
        )
        for pusher, principal_id in args.pusher_principal_ids.items():
            role.assign(
                f"{name}-push-{pusher}",
                placement=args.placement,
                role=Role.ACR_PUSH,
                principal_id=principal_id,
                principal_type="ServicePrincipal",
                scope=registry.id,
                opts=child,
            )
        diagnose(
            f"{name}-logs",
            resource_id=registry.id,
            workspace_id=args.workspace_id,
            categories=("ContainerRegistryLoginEvents", "ContainerRegistryRepositoryEvents"),
            opts=child,
        )
        pool = None
        if args.build_subnet_id is not None:
            pool = _build_machine(f"{name}-builds", args, registry, args.build_subnet_id, child)
        self.id = registry.id
        self.name = registry.name
        self.login_server = registry.login_server
        self.agent_pool = pulumi.Output.from_input(pool.name if pool else None)
        self.register_outputs(
            {"id": self.id, "name": self.name, "login_server": self.login_server, "agent_pool": self.agent_pool}
        )


def _registry(name: str, args: RegistryArgs, opts: pulumi.ResourceOptions) -> containerregistry.Registry:
    closed = not args.authorized_ip_ranges
    return containerregistry.Registry(
        name,
        registry_name=args.name,
        resource_group_name=args.placement.resource_group,
        location=args.placement.location,
        sku=containerregistry.SkuArgs(name=containerregistry.SkuName.PREMIUM),
        admin_user_enabled=False,
        anonymous_pull_enabled=False,
        data_endpoint_enabled=True,
        public_network_access="Disabled" if closed else "Enabled",
        # Defender scans images as a trusted service.
        network_rule_bypass_options=containerregistry.NetworkRuleBypassOptions.AZURE_SERVICES,
        network_rule_set=containerregistry.NetworkRuleSetArgs(
            default_action=containerregistry.DefaultAction.DENY,
            ip_rules=[
                containerregistry.IPRuleArgs(i_p_address_or_range=address, action=containerregistry.Action.ALLOW)
                for address in addresses(args.authorized_ip_ranges)
            ],
        ),
        zone_redundancy="Enabled" if args.zone_redundant else "Disabled",
        policies=containerregistry.PoliciesArgs(
            # Soft delete is no second net: Azure refuses it together with retention.
            retention_policy=containerregistry.RetentionPolicyArgs(days=args.retention_days, status="enabled"),
            # Azure refuses to forbid exports while there is a public side.
            export_policy=containerregistry.ExportPolicyArgs(
                status="disabled" if closed and not args.exports else "enabled"
            ),
            azure_ad_authentication_as_arm_policy=containerregistry.AzureADAuthenticationAsArmPolicyArgs(
                status="disabled"
            ),
        ),
        tags=args.placement.tags,
        opts=opts,
    )


def _build_machine(
    name: str,
    args: RegistryArgs,
    registry: containerregistry.Registry,
    subnet_id: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> containerregistry.AgentPool:
    """Make the smallest pool that builds: one machine of two cores, paid for by the second, also while it waits.

    It has that machine until the first build ends; `components.build_machine` then has one for each build.
    """
    return containerregistry.AgentPool(
        name,
        agent_pool_name="builds",
        registry_name=registry.name,
        resource_group_name=args.placement.resource_group,
        location=args.placement.location,
        os=containerregistry.OS.LINUX,
        tier="S1",
        count=1,
        virtual_network_subnet_resource_id=subnet_id,
        tags=args.placement.tags,
        # A refresh finds none while nothing is built, which is no reason for an update.
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(ignore_changes=["count"])),
    )
