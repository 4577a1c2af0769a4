"""Every control, turned off in the plan of prod, is refused by the policy that holds it, in one line."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from policies import pack

CONTROLS = {*range(1, 38)}
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
"""Pulumi's sign for a secret, with its `value` beside it."""


OWN_TESTS = {"no-open-range", "images-by-digest", "job-template-hardened", "role-in-namespace"}
POD = "spec.template.spec"
CONTAINER = f"{POD}.containers.0"


@dataclass(frozen=True)
class Off:
    """One property of one resource, set so that a control is off; what the line must speak of."""

    control: int
    policy: str
    kind: str
    path: str
    value: Any
    says: str = ""
    start: str = ""

    def __str__(self) -> str:
        return f"{self.control}-{self.start or self.kind}.{self.path}"


@dataclass(frozen=True)
class Missing:
    """One resource that a control cannot do without."""

    control: int
    policy: str
    kind: str
    start: str
    says: str

    def __str__(self) -> str:
        return f"{self.control}-no-{self.start}"


OFF = [
    Off(1, "cluster-private", "ManagedCluster", "apiServerAccessProfile.enablePrivateCluster", False, "publicAccess"),
    Off(2, "cluster-public-network", "ManagedCluster", "publicNetworkAccess", "Enabled", "publicAccess"),
    Off(3, "cluster-run-command", "ManagedCluster", "apiServerAccessProfile.disableRunCommand", None),
    Off(4, "cluster-local-accounts", "ManagedCluster", "disableLocalAccounts", False),
    Off(5, "cluster-entra", "ManagedCluster", "aadProfile.managed", False),
    Off(5, "cluster-entra", "ManagedCluster", "aadProfile.enableAzureRBAC", None),
    Off(5, "cluster-entra", "ManagedCluster", "enableRBAC", False),
    Off(6, "cluster-workload-identity", "ManagedCluster", "oidcIssuerProfile.enabled", False),
    Off(6, "cluster-workload-identity", "ManagedCluster", "securityProfile.workloadIdentity", None),
    Off(7, "federation-subject", "FederatedIdentityCredential", "subject", "system:serviceaccount:prefect:*"),
    Off(7, "federation-subject", "FederatedIdentityCredential", "audiences", ["api://other"]),
    Off(7, "federation-subject", "FederatedIdentityCredential", "issuer", ""),
    Off(8, "cluster-identity", "ManagedCluster", "identity.type", "SystemAssigned"),
    Off(8, "cluster-identity", "ManagedCluster", "identityProfile", None),
    Off(8, "cluster-identity", "ManagedCluster", "servicePrincipalProfile", {"secret": {**SECRET, "value": "x"}}),
    Off(9, "cluster-azure-policy", "ManagedCluster", "addonProfiles.azurepolicy.enabled", False),
    Off(10, "cluster-key-vault", "ManagedCluster", "addonProfiles.azureKeyvaultSecretsProvider.enabled", False),
    Off(
        10,
        "cluster-key-vault",
        "ManagedCluster",
        "addonProfiles.azureKeyvaultSecretsProvider.config.enableSecretRotation",
        "false",
    ),
    Off(11, "cluster-add-ons-off", "ManagedCluster", "addonProfiles.kubeDashboard", None),
    Off(11, "cluster-add-ons-off", "ManagedCluster", "addonProfiles.httpApplicationRouting.enabled", True),
    Off(12, "cluster-network-policy", "ManagedCluster", "networkProfile.networkPolicy", "none"),
    Off(12, "cluster-network-policy", "ManagedCluster", "networkProfile.networkDataplane", "azure"),
    Off(12, "cluster-network-policy", "ManagedCluster", "networkProfile.networkPlugin", "kubenet"),
    Off(13, "cluster-egress", "ManagedCluster", "networkProfile.outboundType", "loadBalancer", "prefect-aks:egress"),
    Off(13, "route-to-firewall", "RouteTable", "routes.0.nextHopType", "Internet"),
    Off(13, "route-to-firewall", "RouteTable", "routes", []),
    Off(
        13,
        "firewall-destinations",
        "FirewallPolicyRuleCollectionGroup",
        "ruleCollections.0.rules.0.targetFqdns",
        ["pokeapi.co", "*"],
        "prefect-aks:egressFqdns",
    ),
    Off(
        13,
        "firewall-destinations",
        "FirewallPolicyRuleCollectionGroup",
        "ruleCollections.0.rules.0.destinationAddresses",
        ["0.0.0.0/1"],
    ),
    Off(13, "route-to-firewall", "RouteTable", "routes", [{"addressPrefix": "128.0.0.0/1", "nextHopType": "Internet"}]),
    Off(14, "cluster-upgrades", "ManagedCluster", "autoUpgradeProfile.upgradeChannel", "none", "upgradeChannel"),
    Off(14, "cluster-upgrades", "ManagedCluster", "autoUpgradeProfile.nodeOSUpgradeChannel", "Unmanaged"),
    Off(16, "node-pool-spread", "ManagedCluster", "agentPoolProfiles.0.availabilityZones", ["1"], "prefect-aks:zones"),
    Off(16, "node-pool-spread", "ManagedCluster", "agentPoolProfiles.0.minCount", 2, "prefect-aks:systemPoolMinimum"),
    Off(16, "node-pool-spread", "ManagedCluster", "agentPoolProfiles.0.enableAutoScaling", False),
    Off(16, "node-pool-spread", "containerservice:AgentPool", "availabilityZones", None, "prefect-aks:zones"),
    Off(17, "node-pool-host", "ManagedCluster", "agentPoolProfiles.0.enableEncryptionAtHost", False, "hostEncryption"),
    Off(17, "node-pool-host", "containerservice:AgentPool", "osDiskType", "Managed", "prefect-aks:osDiskType"),
    Off(17, "node-pool-host", "containerservice:AgentPool", "enableNodePublicIP", True),
    Off(18, "cluster-tier", "ManagedCluster", "sku.tier", "Free", "prefect-aks:clusterTier"),
    Off(19, "cluster-defender", "ManagedCluster", "securityProfile.defender", None),
    Off(19, "cluster-defender", "ManagedCluster", "securityProfile.imageCleaner.enabled", False),
    Off(20, "cluster-node-group", "ManagedCluster", "nodeResourceGroupProfile.restrictionLevel", "Unrestricted"),
    Off(21, "registry-accounts", "Registry", "adminUserEnabled", True),
    Off(21, "registry-accounts", "Registry", "anonymousPullEnabled", None),
    Off(22, "registry-network", "Registry", "sku.name", "Standard"),
    Off(22, "registry-network", "Registry", "publicNetworkAccess", "Enabled", "prefect-aks:publicAccess"),
    Off(22, "registry-network", "Registry", "networkRuleSet.defaultAction", "Allow"),
    Off(22, "registry-network", "Registry", "zoneRedundancy", "Disabled", "prefect-aks:zones"),
    Off(22, "registry-network", "Registry", "dataEndpointEnabled", False),
    Off(23, "registry-policies", "Registry", "policies.retentionPolicy.status", "disabled"),
    Off(23, "registry-policies", "Registry", "policies.retentionPolicy.days", None, "registryRetentionDays"),
    Off(23, "registry-policies", "Registry", "policies.exportPolicy", None, "prefect-aks:publicAccess"),
    Off(23, "registry-policies", "Registry", "policies.azureADAuthenticationAsArmPolicy.status", "enabled"),
    Off(24, "storage-identities", "StorageAccount", "allowSharedKeyAccess", True),
    Off(24, "storage-identities", "StorageAccount", "allowBlobPublicAccess", True),
    Off(24, "storage-identities", "StorageAccount", "allowCrossTenantReplication", None),
    Off(24, "storage-identities", "StorageAccount", "isLocalUserEnabled", True),
    Off(24, "storage-identities", "StorageAccount", "defaultToOAuthAuthentication", False),
    Off(24, "storage-identities", "BlobContainer", "publicAccess", "Blob"),
    Off(25, "storage-network", "StorageAccount", "minimumTlsVersion", "TLS1_1"),
    Off(25, "storage-network", "StorageAccount", "enableHttpsTrafficOnly", False),
    Off(25, "storage-network", "StorageAccount", "publicNetworkAccess", None, "prefect-aks:publicAccess"),
    Off(25, "storage-network", "StorageAccount", "networkRuleSet", None),
    Off(25, "storage-network", "StorageAccount", "sku.name", "Standard_LRS", "prefect-aks:storageRedundancy"),
    Off(25, "storage-network", "StorageAccount", "encryption.requireInfrastructureEncryption", False),
    Off(26, "storage-versions", "BlobServiceProperties", "isVersioningEnabled", False),
    Off(26, "storage-versions", "BlobServiceProperties", "deleteRetentionPolicy.enabled", False),
    Off(26, "storage-versions", "BlobServiceProperties", "containerDeleteRetentionPolicy.days", 1, "softDeleteDays"),
    Off(27, "database-network", "Server", "network.publicNetworkAccess", "Enabled"),
    Off(27, "database-network", "Server", "network.delegatedSubnetResourceId", None),
    Off(27, "database-network", "Server", "network.privateDnsZoneArmResourceId", None),
    Off(28, "database-entra", "Server", "authConfig.activeDirectoryAuth", "Disabled"),
    Off(29, "database-availability", "Server", "highAvailability.mode", "SameZone", "databaseHighAvailability"),
    Off(29, "database-availability", "Server", "sku.tier", "Burstable", "prefect-aks:databaseSku"),
    Off(30, "database-backup", "Server", "backup.backupRetentionDays", 13, "prefect-aks:databaseBackupDays"),
    Off(30, "database-backup", "Server", "backup.geoRedundantBackup", "Disabled", "prefect-aks:databaseGeoBackup"),
    Off(30, "deletion-protected", "Server", "protect", False, "prefect-aks:protection"),
    Off(30, "deletion-protected", "StorageAccount", "protect", False, "prefect-aks:protection"),
    Off(30, "deletion-protected", "ManagedCluster", "protect", False, "prefect-aks:protection"),
    Off(31, "database-parameters", "Configuration", "value", "off", "plain text", "database-require_secure"),
    Off(31, "database-parameters", "Configuration", "value", "TLSv1", "TLS", "database-ssl_min"),
    Off(31, "database-parameters", "Configuration", "value", "off", "who connected", "database-log_connections"),
    Off(31, "database-parameters", "Configuration", "value", "PGCRYPTO", "PG_TRGM", "database-azure.extensions"),
    Off(
        31,
        "database-parameters",
        "Configuration",
        "value",
        "PG_TRGM,PGCRYPTO,PLPERL",
        "PG_TRGM",
        "database-azure.extensions",
    ),
    Off(32, "namespace-restricted", "Namespace", "metadata.labels", {"pod-security.kubernetes.io/enforce": "baseline"}),
    Off(32, "deployment-restricted", "Deployment", f"{POD}.securityContext.runAsNonRoot", None),
    Off(32, "deployment-restricted", "Deployment", f"{POD}.securityContext.seccompProfile.type", "Unconfined"),
    Off(32, "deployment-restricted", "Deployment", f"{CONTAINER}.securityContext.allowPrivilegeEscalation", True),
    Off(32, "deployment-restricted", "Deployment", f"{CONTAINER}.securityContext.readOnlyRootFilesystem", False),
    Off(34, "secret-values", "Server", "administratorLoginPassword", "in plain sight"),
    Off(35, "service-inside", "Service", "spec.type", "LoadBalancer"),
    Off(35, "deployment-bounded", "Deployment", f"{POD}.serviceAccountName", "default"),
    Off(35, "deployment-bounded", "Deployment", f"{CONTAINER}.resources.limits", None, "a whole node"),
    Off(35, "deployment-bounded", "Deployment", f"{CONTAINER}.readinessProbe", None, "an update"),
    Off(36, "release-hardened", "Release", "chart", "prefecthq/prefect-server", "Hasura's console"),
    Off(36, "release-hardened", "Release", "atomic", False, "half done"),
    Off(37, "role-narrow", "Role", "rules.0.verbs", ["*"], "name what is needed"),
    Off(37, "role-narrow", "Role", "rules.1.resources", ["secrets"], "mount one instead"),
]
MISSING = [
    Missing(7, "federation-exists", "FederatedIdentityCredential", "", "ClusterArgs.service_accounts"),
    Missing(15, "cluster-maintenance", "MaintenanceConfiguration", "cluster-node", "aksManagedNodeOSUpgradeSchedule"),
    Missing(15, "cluster-maintenance", "MaintenanceConfiguration", "cluster-upg", "aksManagedAutoUpgradeSchedule"),
    Missing(19, "cluster-audit-log", "DiagnosticSetting", "cluster", "kube-audit"),
    Missing(22, "registry-private-endpoint", "PrivateEndpoint", "registry", "PrivateEndpoint for the Registry"),
    Missing(22, "registry-private-endpoint", "PrivateDnsZoneGroup", "registry", "PrivateDnsZoneGroup for the Registry"),
    Missing(23, "registry-pull", "RoleAssignment", "registry-pull", "AcrPull for the kubelet identity"),
    Missing(25, "storage-private-endpoint", "PrivateEndpoint", "storage", "PrivateEndpoint for the StorageAccount"),
    Missing(26, "storage-recovery", "BlobServiceProperties", "", "BlobServiceProperties"),
    Missing(28, "database-administrator", "AdministratorsMicrosoftEntra", "", "Administrator"),
    Missing(30, "database-lock", "ManagementLockByScope", "database", "prefect-aks:protection"),
    Missing(33, "namespace-closed", "NetworkPolicy", "agent-deny-all", "network_rule.deny_all"),
    Missing(33, "namespace-closed", "NetworkPolicy", "server-deny-all", "network_rule.deny_all"),
    Missing(31, "database-parameters-set", "Configuration", "database-azure.extensions", "azure.extensions"),
    Missing(31, "database-parameters-set", "Configuration", "database-require_secure", "require_secure_transport"),
]


@pytest.fixture(scope="session")
def prod(planned: Callable[[str], Any]) -> Any:
    return planned("prod")


@pytest.mark.parametrize("off", OFF, ids=str)
def test_a_control_that_is_off_is_refused_by_its_policy_in_one_line(off: Off, prod: Any, host: Any) -> None:
    resource = prod.one(off.kind, off.start)
    assert host.resources(resource) == []
    (violation,) = host.resources(host.edited(resource, off.path, off.value))
    assert violation.policy == off.policy
    assert off.says in violation.line
    assert off.path.rpartition(".")[2] in violation.line or off.kind in violation.line


@pytest.mark.parametrize("missing", MISSING, ids=str)
def test_what_a_control_cannot_do_without_is_missed(missing: Missing, prod: Any, host: Any) -> None:
    (violation,) = host.whole(prod.without(prod.one(missing.kind, missing.start)))
    assert violation.policy == missing.policy
    assert missing.says in violation.line


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("Deployment", f"{CONTAINER}.image", "acme.azurecr.io/flows:latest"),
        ("Release", "values.images.hasura.digest", ""),
        ("Release", "values.images.hasura.digest", "sha256:latest"),
    ],
)
def test_an_image_without_a_digest_is_refused(kind: str, path: str, value: str, prod: Any, host: Any) -> None:
    (violation,) = host.whole(prod.with_(host.edited(prod.one(kind), path, value)))
    assert violation.policy == "images-by-digest"
    assert "; set prefect-aks:imageMirror to true" in violation.line


def test_a_job_template_that_is_not_hardened_is_refused(prod: Any, host: Any) -> None:
    template = prod.one("ConfigMap")
    text = template.properties["data"]["job-template.yaml"]
    for old, new in (('"backoffLimit": 0', '"backoffLimit": 6'), ('"runAsNonRoot": true', '"runAsNonRoot": false')):
        assert old in text
        edited = host.edited(template, "data", {"job-template.yaml": text.replace(old, new)})
        (violation,) = host.resources(edited)
        assert (violation.policy, violation.line.startswith("data.job-template.")) == ("job-template-hardened", True)


def test_rights_in_the_whole_cluster_are_refused(host: Any) -> None:
    role = host.resource("kubernetes:rbac.authorization.k8s.io/v1:ClusterRole", "reader")
    (violation,) = host.resources(role)
    assert (violation.policy, violation.line.endswith("use a Role")) == ("role-in-namespace", True)


def test_a_line_says_what_is_wrong_why_and_what_to_do(prod: Any, host: Any) -> None:
    for off in OFF:
        (violation,) = host.resources(host.edited(prod.one(off.kind, off.start), off.path, off.value))
        assert ": " in violation.line
        assert "; " in violation.line
        assert len(violation.line) < 300


def test_every_control_is_turned_off_and_every_policy_that_holds_one_is_seen_at_work() -> None:
    assert {case.control for case in (*OFF, *MISSING)} == CONTROLS
    seen = {(case.policy, case.control) for case in (*OFF, *MISSING)}
    for rule in pack.rules():
        if rule.name not in OWN_TESTS:  # over several kinds, with tests of their own
            assert {(rule.name, control) for control in rule.controls} <= seen


def test_no_two_policies_have_one_name() -> None:
    names = [rule.name for rule in pack.rules()]
    assert len(names) == len(set(names))
