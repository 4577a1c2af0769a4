"""The AKS cluster. Flow pools are resources of their own: an edit of a pool never touches the cluster."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_azure_native import containerservice as cs
from pulumi_azure_native import monitor

from components import cluster_access
from components import cluster_profile as profile
from components.diagnostic import diagnose
from components.federation import federate
from components.maintenance import Maintenance
from components.placement import Placement
from components.pool import NodeArgs, Pool, make_flow_pool, system_profile
from components.role import Role, assign

__all__ = ["Cluster", "ClusterArgs", "Pool"]

MAINTENANCE_HOURS = 4

LOGS = (
    "cloud-controller-manager",
    "cluster-autoscaler",
    "guard",
    "kube-apiserver",
    "kube-audit-admin",
    "kube-controller-manager",
    "kube-scheduler",
)
"""What the control plane logs; `kube-audit-admin` leaves out reads, which are most of an audit log and of its price."""


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    """What a cluster needs from its environment."""

    placement: Placement
    kubernetes_version: str
    """Minor version such as `1.34`; Azure picks the patch. A higher one upgrades the cluster and its pools in place."""
    tier: Literal["Free", "Standard", "Premium"]
    system_pool: Pool
    """Part of the cluster's own inputs: AKS makes no cluster without it."""
    flow_pools: Mapping[str, Pool]
    """By the pool's name: 1 to 12 lower-case letters and digits, a letter first."""
    os_disk_type: Literal["Ephemeral", "Managed"]
    host_encryption: bool
    authorized_ip_ranges: tuple[str, ...]
    """Who may reach the API server from outside the network; none makes the cluster private."""
    egress_address: pulumi.Input[str]
    """The address that nodes come from where the API server is public: they reach it from outside, too."""
    control_plane_id: pulumi.Input[str]
    control_plane_principal_id: pulumi.Input[str]
    kubelet_id: pulumi.Input[str]
    kubelet_client_id: pulumi.Input[str]
    kubelet_principal_id: pulumi.Input[str]
    administrators_group_id: pulumi.Input[str]
    pipeline_principal_id: pulumi.Input[str] | None
    """The service principal that deploys into the cluster; none where there is no pipeline."""
    preview_principal_id: pulumi.Input[str] | None
    """The service principal that compares with what is in the cluster, and may change nothing; none likewise."""
    network: pulumi.Resource
    """The whole network: nodes need its way out before they start."""
    network_id: pulumi.Input[str]
    node_subnet_id: pulumi.Input[str]
    outbound_type: pulumi.Input[str]
    pod_cidr: str
    service_cidr: str
    upgrade_channel: str
    """`patch` keeps to the minor version above; `stable` and `rapid` leave it behind, and AKS refuses to go back."""
    node_upgrade_channel: str
    maintenance: Maintenance
    workspace_id: pulumi.Input[str]
    collection_rule_id: pulumi.Input[str]
    """The data collection rule that feeds Container Insights."""
    service_accounts: Mapping[str, pulumi.Input[str]]
    """Names of the managed identities that Kubernetes service accounts act as, by `namespace:account`."""
    protect: bool


class Cluster(pulumi.ComponentResource):
    """An AKS cluster with a system pool, flow pools and workload identity, that Entra ID alone lets people into."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    kubeconfig: pulumi.Output[str]
    """For `kubelogin`: it names the cluster, and holds no credential; a secret all the same."""
    server: pulumi.Output[str]
    """Address of the API server."""
    certificate_authority: pulumi.Output[str]
    """The API server's, as kubeconfigs have it."""
    oidc_issuer: pulumi.Output[str]
    node_resource_group: pulumi.Output[str]

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-aks:azure:Cluster", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)

        nodes = NodeArgs(
            placement=args.placement,
            kubernetes_version=args.kubernetes_version,
            subnet_id=args.node_subnet_id,
            os_disk_type=args.os_disk_type,
            host_encryption=args.host_encryption,
        )
        cluster = _cluster(name, args, nodes, self)
        for pool_name, pool in sorted(args.flow_pools.items()):
            make_flow_pool(
                f"{name}-{pool_name}-pool",
                pool_name=pool_name,
                pool=pool,
                nodes=nodes,
                cluster_name=cluster.name,
                parent=self,
            )
        _maintenance(name, args, cluster, child)
        _access(name, args, cluster, child)
        self.oidc_issuer = cluster.oidc_issuer_profile.apply(_issuer)
        federate(
            name,
            placement=args.placement,
            issuer=self.oidc_issuer,
            service_accounts=args.service_accounts,
            parent=self,
        )
        monitor.DataCollectionRuleAssociation(
            f"{name}-container-insights",
            # The name that Azure's portal looks for; by another it would add a second one, and every row twice.
            association_name="ContainerInsightsExtension",
            resource_uri=cluster.id,
            data_collection_rule_id=args.collection_rule_id,
            opts=child,
        )
        diagnose(
            f"{name}-diagnostics",
            resource_id=cluster.id,
            workspace_id=args.workspace_id,
            categories=LOGS,
            opts=child,
        )

        credentials = cs.list_managed_cluster_user_credentials_output(
            resource_group_name=args.placement.resource_group,
            resource_name=cluster.name,
            opts=pulumi.InvokeOutputOptions(parent=self, depends_on=[cluster]),
        )
        self.id = cluster.id
        self.name = cluster.name
        access = credentials.apply(_access_by)
        self.kubeconfig = pulumi.Output.secret(access.apply(lambda known: known.kubeconfig))
        # Where to, not who: registration has both in its locator, in plain text.
        self.server = pulumi.Output.unsecret(access.apply(lambda known: known.server))
        self.certificate_authority = pulumi.Output.unsecret(access.apply(lambda known: known.certificate_authority))
        self.node_resource_group = cluster.node_resource_group.apply(str)
        self.register_outputs(
            {
                "id": self.id,
                "name": self.name,
                "kubeconfig": self.kubeconfig,
                "server": self.server,
                "certificate_authority": self.certificate_authority,
                "oidc_issuer": self.oidc_issuer,
                "node_resource_group": self.node_resource_group,
            }
        )


def _issuer(oidc: "cs.outputs.ManagedClusterOIDCIssuerProfileResponse | None") -> str:
    return oidc.issuer_url if oidc else ""


def _access_by(credentials: cs.ListManagedClusterUserCredentialsResult) -> cluster_access.Access:
    return cluster_access.read(base64.b64decode(credentials.kubeconfigs[0].value).decode())


def _cluster(name: str, args: ClusterArgs, nodes: NodeArgs, parent: pulumi.Resource) -> cs.ManagedCluster:
    placement = args.placement
    return cs.ManagedCluster(
        f"{name}-cluster",
        resource_name_=f"aks-{placement.base_name}",
        resource_group_name=placement.resource_group,
        location=placement.location,
        dns_prefix=placement.base_name,
        node_resource_group=f"rg-{placement.base_name}-nodes",
        node_resource_group_profile=cs.ManagedClusterNodeResourceGroupProfileArgs(
            restriction_level=cs.RestrictionLevel.READ_ONLY
        ),
        kubernetes_version=args.kubernetes_version,
        sku=cs.ManagedClusterSKUArgs(name=cs.ManagedClusterSKUName.BASE, tier=args.tier),
        identity=cs.ManagedClusterIdentityArgs(
            type=cs.ResourceIdentityType.USER_ASSIGNED, user_assigned_identities=[args.control_plane_id]
        ),
        identity_profile={
            "kubeletidentity": cs.UserAssignedIdentityArgs(
                resource_id=args.kubelet_id, client_id=args.kubelet_client_id, object_id=args.kubelet_principal_id
            )
        },
        disable_local_accounts=True,
        enable_rbac=True,
        aad_profile=cs.ManagedClusterAADProfileArgs(
            managed=True,
            enable_azure_rbac=True,
            admin_group_object_ids=[args.administrators_group_id],
            tenant_id=placement.tenant_id,
        ),
        oidc_issuer_profile=cs.ManagedClusterOIDCIssuerProfileArgs(enabled=True),
        security_profile=profile.security(args.workspace_id),
        api_server_access_profile=profile.api_server(args.authorized_ip_ranges, args.egress_address),
        public_network_access=cs.PublicNetworkAccess.ENABLED
        if args.authorized_ip_ranges
        else cs.PublicNetworkAccess.DISABLED,
        network_profile=profile.network(
            outbound_type=args.outbound_type, pod_cidr=args.pod_cidr, service_cidr=args.service_cidr
        ),
        # The system pool alone. A refresh lists the flow pools here too, and the next update leaves them out again:
        # AKS neither deletes a pool nor makes one by way of the cluster.
        agent_pool_profiles=[system_profile(args.system_pool, nodes)],
        addon_profiles=profile.addons(args.workspace_id),
        auto_upgrade_profile=cs.ManagedClusterAutoUpgradeProfileArgs(
            upgrade_channel=args.upgrade_channel, node_os_upgrade_channel=args.node_upgrade_channel
        ),
        storage_profile=profile.storage(),
        tags=placement.tags,
        opts=pulumi.ResourceOptions(
            parent=parent,
            protect=args.protect,
            depends_on=[args.network, *_control_plane_roles(name, args, pulumi.ResourceOptions(parent=parent))],
        ),
    )


def _control_plane_roles(name: str, args: ClusterArgs, child: pulumi.ResourceOptions) -> list[pulumi.Resource]:
    """What the control plane may do before there is a cluster: join nodes to the network, and act as their kubelet."""
    return [
        assign(
            f"{name}-control-plane-{what}",
            placement=args.placement,
            role=role,
            principal_id=args.control_plane_principal_id,
            principal_type="ServicePrincipal",
            scope=scope,
            opts=child,
        )
        for what, role, scope in (
            ("network", Role.NETWORK_CONTRIBUTOR, args.network_id),
            ("kubelet", Role.MANAGED_IDENTITY_OPERATOR, args.kubelet_id),
        )
    ]


def _access(name: str, args: ClusterArgs, cluster: cs.ManagedCluster, child: pulumi.ResourceOptions) -> None:
    """Let in the administrators and the pipeline, and nobody else but whoever looks."""

    def let_in(
        who: str, role: Role, principal_id: pulumi.Input[str], principal_type: Literal["Group", "ServicePrincipal"]
    ) -> None:
        assign(
            f"{name}-{who}",
            placement=args.placement,
            role=role,
            principal_id=principal_id,
            principal_type=principal_type,
            scope=cluster.id,
            opts=child,
        )

    let_in("administrators-access", Role.AKS_RBAC_CLUSTER_ADMIN, args.administrators_group_id, "Group")
    if args.pipeline_principal_id is not None:
        let_in("pipeline-access", Role.AKS_RBAC_CLUSTER_ADMIN, args.pipeline_principal_id, "ServicePrincipal")
    if args.preview_principal_id is not None:
        let_in("preview-access", Role.AKS_RBAC_READER, args.preview_principal_id, "ServicePrincipal")
        # The other two may ask for the kubeconfig as Contributor, or by what else they are.
        let_in("preview-kubeconfig", Role.AKS_CLUSTER_USER, args.preview_principal_id, "ServicePrincipal")


def _maintenance(name: str, args: ClusterArgs, cluster: cs.ManagedCluster, child: pulumi.ResourceOptions) -> None:
    for what, config_name in (
        ("upgrade", "aksManagedAutoUpgradeSchedule"),
        ("node", "aksManagedNodeOSUpgradeSchedule"),
    ):
        cs.MaintenanceConfiguration(
            f"{name}-{what}-maintenance",
            config_name=config_name,
            resource_name_=cluster.name,
            resource_group_name=args.placement.resource_group,
            maintenance_window=cs.MaintenanceWindowArgs(
                schedule=cs.ScheduleArgs(
                    weekly=cs.WeeklyScheduleArgs(day_of_week=args.maintenance.day, interval_weeks=1)
                ),
                start_time=f"{args.maintenance.hour:02}:00",
                utc_offset="+00:00",
                duration_hours=MAINTENANCE_HOURS,
            ),
            opts=child,
        )
