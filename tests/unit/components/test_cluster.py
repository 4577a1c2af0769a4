"""What the cluster and its pools ask Azure for."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from components.cluster import Cluster, ClusterArgs
from components.maintenance import Maintenance
from components.placement import Placement
from components.pool import Pool
from components.role import Role

FLOWS = Pool(vm_size="Standard_D4ds_v5", minimum=1, maximum=10, labels={"team": "data"})
SPOT = Pool(vm_size="Standard_D4ds_v5", minimum=0, maximum=20, spot=True)


@pytest.fixture(scope="module")
def build(register: Callable[..., Any], anything: Callable[..., Any], placement: Placement) -> Callable[..., Any]:
    def run(**changes: Any) -> Any:
        def program() -> None:
            args = ClusterArgs(
                placement=placement,
                kubernetes_version="1.34",
                tier="Standard",
                system_pool=Pool(vm_size="Standard_D2ds_v5", minimum=3, maximum=5),
                flow_pools={"flows": FLOWS, "spot": SPOT},
                os_disk_type="Ephemeral",
                host_encryption=True,
                authorized_ip_ranges=(),
                egress_address="198.51.100.7",
                control_plane_id="control-plane",
                control_plane_principal_id="control-plane-principal",
                kubelet_id="kubelet",
                kubelet_client_id="kubelet-client",
                kubelet_principal_id="kubelet-principal",
                administrators_group_id="group",
                pipeline_principal_id="pipeline",
                preview_principal_id=None,
                network=anything("network"),
                network_id="network-id",
                node_subnet_id="subnet",
                outbound_type="userDefinedRouting",
                pod_cidr="10.244.0.0/16",
                service_cidr="10.245.0.0/16",
                upgrade_channel="patch",
                node_upgrade_channel="NodeImage",
                maintenance=Maintenance(day="Sunday", hour=3),
                workspace_id="workspace",
                collection_rule_id="rule",
                service_accounts={"prefect:agent": "id-agent", "flows:flow": "id-flow"},
                protect=True,
            )
            Cluster("cluster", replace(args, **changes))

        return register(program)

    return run


@pytest.fixture(scope="module")
def made(build: Callable[..., Any]) -> Any:
    return build()


@pytest.fixture(scope="module")
def cluster(made: Any) -> Any:
    return made.one("ManagedCluster")


CONTROLS = {
    "publicNetworkAccess": "Disabled",
    "disableLocalAccounts": True,
    "enableRBAC": True,
    "apiServerAccessProfile": {
        "enablePrivateCluster": True,
        "enablePrivateClusterPublicFQDN": False,
        "privateDNSZone": "system",
        "disableRunCommand": True,
    },
    "oidcIssuerProfile": {"enabled": True},
    "nodeResourceGroupProfile": {"restrictionLevel": "ReadOnly"},
    "sku": {"name": "Base", "tier": "Standard"},
    "identity": {"type": "UserAssigned", "userAssignedIdentities": ["control-plane"]},
    "autoUpgradeProfile": {"upgradeChannel": "patch", "nodeOSUpgradeChannel": "NodeImage"},
}


@pytest.mark.parametrize("key", CONTROLS)
def test_a_control_is_on_without_asking(cluster: Any, key: str) -> None:
    assert cluster.inputs[key] == CONTROLS[key]


def test_people_come_by_entra_id_and_azures_roles(cluster: Any) -> None:
    profile = cluster.inputs["aadProfile"]
    assert profile["managed"] is True
    assert profile["enableAzureRBAC"] is True
    assert profile["adminGroupObjectIDs"] == ["group"]


def test_addons_are_said_to_be_on_or_off(cluster: Any) -> None:
    addons = {name: profile["enabled"] for name, profile in cluster.inputs["addonProfiles"].items()}
    assert addons == {
        "azurepolicy": True,
        "azureKeyvaultSecretsProvider": True,
        "omsagent": True,
        "httpApplicationRouting": False,
        "kubeDashboard": False,
    }
    assert cluster.inputs["addonProfiles"]["azureKeyvaultSecretsProvider"]["config"]["enableSecretRotation"] == "true"
    assert cluster.inputs["addonProfiles"]["omsagent"]["config"]["useAADAuth"] == "true"


def test_it_is_watched_and_cleaned(cluster: Any) -> None:
    profile = cluster.inputs["securityProfile"]
    assert profile["defender"]["securityMonitoring"] == {"enabled": True}
    assert profile["imageCleaner"]["enabled"] is True
    assert profile["workloadIdentity"] == {"enabled": True}


def test_pods_have_a_network_of_their_own_with_policies(cluster: Any) -> None:
    network = cluster.inputs["networkProfile"]
    assert (network["networkPluginMode"], network["networkDataplane"]) == ("overlay", "cilium")
    assert network["networkPolicy"] == "cilium"
    assert network["outboundType"] == "userDefinedRouting"
    assert network["dnsServiceIP"] == "10.245.0.10"


def test_authorized_ranges_open_a_public_side_to_them_and_to_the_nodes(build: Callable[..., Any]) -> None:
    cluster = build(authorized_ip_ranges=("203.0.113.0/24",)).one("ManagedCluster").inputs
    assert cluster["publicNetworkAccess"] == "Enabled"
    assert cluster["apiServerAccessProfile"]["authorizedIPRanges"] == ["203.0.113.0/24", "198.51.100.7/32"]
    assert cluster["apiServerAccessProfile"]["disableRunCommand"] is True


def test_the_cluster_knows_its_system_pool_alone(cluster: Any) -> None:
    (pool,) = cluster.inputs["agentPoolProfiles"]
    assert pool["mode"] == "System"
    assert pool["nodeTaints"] == ["CriticalAddonsOnly=true:NoSchedule"]
    assert (pool["count"], pool["minCount"], pool["maxCount"]) == (3, 3, 5)
    assert pool["availabilityZones"] == ["1", "2", "3"]
    assert pool["enableEncryptionAtHost"] is True
    assert pool["enableNodePublicIP"] is False


@pytest.mark.parametrize(
    "edit", [{"minimum": 2}, {"maximum": 11}, {"labels": {"team": "other"}}, {"vm_size": "Standard_D8ds_v5"}]
)
def test_an_edit_of_a_flow_pool_changes_that_pool_and_nothing_else(
    made: Any, build: Callable[..., Any], edit: dict[str, Any]
) -> None:
    before = {each.name: each.inputs for each in made}
    after = {each.name: each.inputs for each in build(flow_pools={"flows": replace(FLOWS, **edit), "spot": SPOT})}
    assert [name for name in before if before[name] != after[name]] == ["cluster-flows-pool"]


@pytest.mark.parametrize("edit", [{"vm_size": "Standard_D8ds_v5"}, {"spot": True}])
def test_a_pool_that_azure_cannot_change_gets_another_name(build: Callable[..., Any], edit: dict[str, Any]) -> None:
    names = [
        build(flow_pools={"flows": pool}).one("AgentPool").inputs["agentPoolName"]
        for pool in (FLOWS, replace(FLOWS, **edit))
    ]
    assert names[0] != names[1]
    assert all(name.startswith("flows") and name.isalnum() and len(name) <= 12 for name in names)


def test_a_pool_that_azure_can_change_keeps_its_name(build: Callable[..., Any]) -> None:
    edited = replace(FLOWS, minimum=3, maximum=4, labels={})
    names = {build(flow_pools={"flows": pool}).one("AgentPool").inputs["agentPoolName"] for pool in (FLOWS, edited)}
    assert len(names) == 1


def test_two_pools_that_begin_alike_have_two_names(build: Callable[..., Any]) -> None:
    made = build(flow_pools={"dataflows1": FLOWS, "dataflows2": FLOWS})
    assert len({each.inputs["agentPoolName"] for each in made.of("AgentPool")}) == 2


def test_flow_jobs_find_the_flow_pools_and_nothing_else_does(made: Any) -> None:
    pool = made.named("cluster-flows-pool")
    assert pool.inputs["nodeLabels"] == {"team": "data", "prefect-aks/pool": "flows"}
    assert pool.inputs["nodeTaints"] == ["prefect-aks/pool=flows:NoSchedule"]


def test_an_autoscaler_begins_within_its_limits(build: Callable[..., Any]) -> None:
    pool = build(flow_pools={"flows": replace(FLOWS, minimum=4)}).one("AgentPool").inputs
    assert (pool["count"], pool["minCount"], pool["maxCount"]) == (4, 4, 10)


def test_a_spot_pool_pays_the_going_price_and_takes_no_surge(made: Any) -> None:
    pool = made.named("cluster-spot-pool").inputs
    assert (pool["scaleSetPriority"], pool["scaleSetEvictionPolicy"], pool["spotMaxPrice"]) == ("Spot", "Delete", -1)
    assert "kubernetes.azure.com/scalesetpriority=spot:NoSchedule" in pool["nodeTaints"]
    assert "upgradeSettings" not in pool


def test_the_control_plane_has_its_roles_before_there_is_a_cluster(made: Any) -> None:
    roles = {each.name: each.inputs for each in made.of("RoleAssignment") if each.name.startswith("cluster-control")}
    given = {each["scope"]: each["roleDefinitionId"].split("/")[-1] for each in roles.values()}
    assert given == {"network-id": Role.NETWORK_CONTRIBUTOR, "kubelet": Role.MANAGED_IDENTITY_OPERATOR}
    assert {*roles, "network"} <= made.one("ManagedCluster").depends_on


@pytest.mark.parametrize(("pipeline", "principals"), [("pipeline", {"group", "pipeline"}), (None, {"group"})])
def test_administrators_and_the_pipeline_come_in(
    build: Callable[..., Any], pipeline: str | None, principals: set[str]
) -> None:
    roles = [each.inputs for each in build(pipeline_principal_id=pipeline).of("RoleAssignment")]
    admins = [each for each in roles if each["roleDefinitionId"].endswith(Role.AKS_RBAC_CLUSTER_ADMIN)]
    assert {each["principalId"] for each in admins} == principals


def test_who_previews_may_read_in_the_cluster_and_no_more(build: Callable[..., Any]) -> None:
    roles = [each.inputs for each in build(preview_principal_id="preview").of("RoleAssignment")]
    given = {each["roleDefinitionId"].split("/")[-1] for each in roles if each["principalId"] == "preview"}
    assert given == {Role.AKS_RBAC_READER, Role.AKS_CLUSTER_USER}


def test_each_service_account_has_a_credential_and_azure_gets_one_write_at_a_time(made: Any) -> None:
    first, second = made.of("FederatedIdentityCredential")
    assert first.inputs["subject"] == "system:serviceaccount:flows:flow"
    assert first.inputs["resourceName"] == "id-flow"
    assert second.inputs["issuer"] == "https://issuer.example.com/"
    assert first.name in second.depends_on


def test_azure_upgrades_cluster_and_nodes_in_the_window(made: Any) -> None:
    windows = {
        each.inputs["configName"]: each.inputs["maintenanceWindow"] for each in made.of("MaintenanceConfiguration")
    }
    assert set(windows) == {"aksManagedAutoUpgradeSchedule", "aksManagedNodeOSUpgradeSchedule"}
    for window in windows.values():
        assert window["schedule"]["weekly"] == {"dayOfWeek": "Sunday", "intervalWeeks": 1}
        assert (window["startTime"], window["durationHours"]) == ("03:00", 4)


def test_what_the_control_plane_logs_reaches_the_workspace(made: Any) -> None:
    setting = made.one("DiagnosticSetting").inputs
    enabled = {log["category"] for log in setting["logs"] if log["enabled"]}
    assert {"kube-audit-admin", "guard", "cluster-autoscaler", "kube-controller-manager"} <= enabled


def test_a_higher_version_is_one_of_the_cluster_and_of_every_pool(build: Callable[..., Any]) -> None:
    made = build(kubernetes_version="1.35")
    assert made.one("ManagedCluster").inputs["kubernetesVersion"] == "1.35"
    assert made.one("ManagedCluster").inputs["agentPoolProfiles"][0]["orchestratorVersion"] == "1.35"
    assert {each.inputs["orchestratorVersion"] for each in made.of("AgentPool")} == {"1.35"}


def test_the_cluster_is_protected_and_its_pools_are_not(made: Any) -> None:
    assert made.one("ManagedCluster").protect
    assert not any(pool.protect for pool in made.of("AgentPool"))
