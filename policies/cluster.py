"""Policies on the AKS cluster itself; its nodes are in node_pool.py."""

from collections.abc import Iterator

from policies.address import open_ranges
from policies.plan import UNKNOWN, Plan, Resource, listed
from policies.rule import on, on_plan

CLUSTER = "azure-native:containerservice:ManagedCluster"
MAINTENANCE = "azure-native:containerservice:MaintenanceConfiguration"
DIAGNOSTIC = "azure-native:monitor:DiagnosticSetting"
WINDOWS = ("aksManagedAutoUpgradeSchedule", "aksManagedNodeOSUpgradeSchedule")
AUDITED = ("kube-audit", "kube-audit-admin")
FIX = "set it in components/cluster.py"
CLOSE = "set prefect-aks:publicAccess to disabled, or to authorizedRanges with prefect-aks:publicAccessReason"


@on(CLUSTER, controls=(1,), relaxed_by=("publicAccess",))
def cluster_private(cluster: Resource) -> Iterator[str]:
    """The API server is private, or open to authorized ranges alone."""
    if "publicAccess" not in cluster.relaxed:
        why = "anyone may try a stolen token on a public API server"
        yield from cluster.must("apiServerAccessProfile.enablePrivateCluster", True, why, CLOSE)
        return
    ranges = cluster.get("apiServerAccessProfile.authorizedIPRanges")
    if cluster.get("apiServerAccessProfile.enablePrivateCluster") in {True, UNKNOWN} or ranges is UNKNOWN:
        return
    if not ranges or open_ranges(ranges):
        complaint = "not a list of your own addresses"
        yield cluster.line(
            "apiServerAccessProfile.authorizedIPRanges",
            complaint,
            "a public API server is for known addresses alone",
            "set prefect-aks:authorizedIpRanges",
        )


@on(CLUSTER, controls=(2,), relaxed_by=("publicAccess",))
def cluster_public_network(cluster: Resource) -> Iterator[str]:
    """The cluster's public network access is off."""
    if "publicAccess" not in cluster.relaxed:
        yield from cluster.must("publicNetworkAccess", "Disabled", "a private cluster has no public side", CLOSE)


@on(CLUSTER, controls=(3,))
def cluster_run_command(cluster: Resource) -> Iterator[str]:
    """Commands cannot be run through Azure's own API."""
    why = "it is a way past the network to whoever may manage the resource"
    yield from cluster.must("apiServerAccessProfile.disableRunCommand", True, why, FIX)


@on(CLUSTER, controls=(4,))
def cluster_local_accounts(cluster: Resource) -> Iterator[str]:
    """There are no local accounts."""
    yield from cluster.must("disableLocalAccounts", True, "a local account's certificate outlives every leaver", FIX)


@on(CLUSTER, controls=(5,))
def cluster_entra(cluster: Resource) -> Iterator[str]:
    """Entra ID says who somebody is, and Azure's roles what they may do."""
    why = "access would be granted where nobody reviews it"
    for path in ("aadProfile.managed", "aadProfile.enableAzureRBAC", "enableRBAC"):
        yield from cluster.must(path, True, why, FIX)


@on(CLUSTER, controls=(6,))
def cluster_workload_identity(cluster: Resource) -> Iterator[str]:
    """Pods prove who they are by federation."""
    why = "flows would need a stored key"
    for path in ("oidcIssuerProfile.enabled", "securityProfile.workloadIdentity.enabled"):
        yield from cluster.must(path, True, why, FIX)


@on(CLUSTER, controls=(8,))
def cluster_identity(cluster: Resource) -> Iterator[str]:
    """The control plane and the nodes act as identities that exist beforehand."""
    why = "its rights would be granted only after it needs them"
    yield from cluster.must("identity.type", "UserAssigned", why, FIX)
    if cluster.get("identityProfile.kubeletidentity") is None:
        yield cluster.line("identityProfile.kubeletidentity", "not an identity", "nodes pull images as it", FIX)
    if cluster.get("servicePrincipalProfile.secret") is not None:
        yield "servicePrincipalProfile has a secret: a managed identity needs none; remove it in components/cluster.py"


@on(CLUSTER, controls=(9,))
def cluster_azure_policy(cluster: Resource) -> Iterator[str]:
    """The Azure Policy add-on is on."""
    why = "the organisation's own rules would not reach the cluster"
    yield from cluster.must("addonProfiles.azurepolicy.enabled", True, why, FIX)


@on(CLUSTER, controls=(10,))
def cluster_key_vault(cluster: Resource) -> Iterator[str]:
    """Secrets of Key Vault can be mounted, and follow their rotation."""
    add_on = "addonProfiles.azureKeyvaultSecretsProvider"
    yield from cluster.must(f"{add_on}.enabled", True, "a secret would be copied by hand", FIX)
    why = "a rotated secret would not arrive"
    yield from cluster.must(f"{add_on}.config.enableSecretRotation", "true", why, FIX)


@on(CLUSTER, controls=(11,))
def cluster_add_ons_off(cluster: Resource) -> Iterator[str]:
    """The dashboard and HTTP routing are off, in words."""
    for add_on in ("kubeDashboard", "httpApplicationRouting"):
        why = "it opens the cluster to the internet, and audits look for the word"
        yield from cluster.must(f"addonProfiles.{add_on}.enabled", False, why, FIX)


@on(CLUSTER, controls=(12,))
def cluster_network_policy(cluster: Resource) -> Iterator[str]:
    """Network policies are enforced."""
    why = "the chart's network policies would be ignored in silence"
    yield from cluster.must("networkProfile.networkPlugin", "azure", why, FIX)
    yield from cluster.must("networkProfile.networkPolicy", ("cilium", "azure", "calico"), why, FIX)
    if cluster.get("networkProfile.networkPolicy") == "cilium":
        yield from cluster.must("networkProfile.networkDataplane", "cilium", why, FIX)


@on(CLUSTER, controls=(13,), relaxed_by=("egress",))
def cluster_egress(cluster: Resource) -> Iterator[str]:
    """What leaves the cluster takes a controlled way."""
    nat = ("userAssignedNATGateway",) if "egress" in cluster.relaxed else ()
    yield from cluster.must(
        "networkProfile.outboundType",
        ("userDefinedRouting", *nat),
        "a flow could send data anywhere",
        "set prefect-aks:egress to firewall, or to natGateway with prefect-aks:egressReason",
    )


@on(CLUSTER, controls=(14,))
def cluster_upgrades(cluster: Resource) -> Iterator[str]:
    """Kubernetes and the nodes' images upgrade by themselves."""
    why = "known holes would stay open"
    for path, allowed, key in (
        ("upgradeChannel", ("patch", "stable", "rapid"), "upgradeChannel"),
        ("nodeOSUpgradeChannel", ("NodeImage", "SecurityPatch"), "nodeUpgradeChannel"),
    ):
        yield from cluster.must(f"autoUpgradeProfile.{path}", allowed, why, f"set prefect-aks:{key}")


@on_plan(controls=(15,))
def cluster_maintenance(plan: Plan) -> Iterator[tuple[Resource, str]]:
    """Upgrades have a maintenance window."""
    for cluster in plan.of(CLUSTER):
        found = {window.get("configName", "name") for window in plan.using(cluster, MAINTENANCE, "resourceName")}
        for name in WINDOWS:
            if name not in found and UNKNOWN not in found:
                why = "nodes would be drained during working hours; add it in components/cluster.py"
                yield cluster, f"no MaintenanceConfiguration {name}: {why}"


@on(CLUSTER, controls=(18,), relaxed_by=("clusterTier",))
def cluster_tier(cluster: Resource) -> Iterator[str]:
    """The API server has an uptime agreement."""
    free = ("Free",) if "clusterTier" in cluster.relaxed else ()
    why = "the Free tier has no uptime agreement and a small API server"
    fix = "set prefect-aks:clusterTier to Standard, or to Free with prefect-aks:clusterTierReason"
    yield from cluster.must("sku.tier", ("Standard", "Premium", *free), why, fix)


@on(CLUSTER, controls=(19,))
def cluster_defender(cluster: Resource) -> Iterator[str]:
    """Defender watches the cluster, and stale images are removed."""
    why = "an attack on a node would go unseen"
    yield from cluster.must("securityProfile.defender.securityMonitoring.enabled", True, why, FIX)
    yield from cluster.must("securityProfile.imageCleaner.enabled", True, "vulnerable images would stay on nodes", FIX)


@on_plan(controls=(19,))
def cluster_audit_log(plan: Plan) -> Iterator[tuple[Resource, str]]:
    """The cluster's audit log is kept."""
    for cluster in plan.of(CLUSTER):
        settings = plan.using(cluster, DIAGNOSTIC, "resourceUri")
        if not any(_audits(setting) for setting in settings):
            why = "nobody could tell who did what; call diagnose() in components/cluster.py"
            yield cluster, f"no DiagnosticSetting keeps {' or '.join(AUDITED)} of the cluster: {why}"


@on(CLUSTER, controls=(20,))
def cluster_node_group(cluster: Resource) -> Iterator[str]:
    """The nodes' resource group is read-only."""
    why = "an edit by hand there breaks the cluster"
    yield from cluster.must("nodeResourceGroupProfile.restrictionLevel", "ReadOnly", why, FIX)


def _audits(setting: Resource) -> bool:
    logs = setting.get("logs")
    return logs is UNKNOWN or any(
        log.get("enabled") and (log.get("category") in AUDITED or log.get("categoryGroup") in {"audit", "allLogs"})
        for log in listed(logs)
    )
