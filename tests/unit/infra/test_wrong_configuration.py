"""Every rule of an Azure environment refuses what breaks it, in one line that names the key and says what to do."""

from collections.abc import Callable
from dataclasses import asdict
from ipaddress import IPv4Network
from itertools import combinations
from typing import Any

import pulumi
import pytest

from infra import address, naming, rule
from infra.azure import pools

REASON = "because a test says so"
RANGES = ", ".join(f"198.51.{third}.0/24" for third in range(201))
OPEN = {"publicAccess": "authorizedRanges", "publicAccessReason": REASON}
IMAGE = f"acme.azurecr.io/flows@sha256:{'0' * 64}"
IMAGES = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/images/providers/Microsoft.Compute"
NO_DEVOPS = dict.fromkeys(
    ["devopsOrganization", "devopsOrganizationId", "devopsProject", "devopsServiceConnection"], ""
)
SUBJECT = "/eid1/c/pub/t/t-1/a/a-1/sc" + "/00000000-0000-0000-0000-00000000000a" * 2
SCALE_SET = {"deployer": "scaleSet", "deployerSshPublicKey": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43}
MANAGED_DISK = {"osDiskType": "Managed", "osDiskTypeReason": REASON}
FREE = {"clusterTier": "Free", "clusterTierReason": REASON}

Change = dict[str, str]

# What is set, the key that is named, and words of what to do.
WRONG: list[tuple[Change, str, str]] = [
    ({"locaton": "westeurope"}, "locaton", "is it misspelt?"),
    ({"platform": "aws"}, "platform", "use 'azure' or 'local'"),
    # Where it lies, and what it is called.
    ({"location": "West Europe"}, "location", "did you mean westeurope?"),
    ({"location": "atlantis"}, "location", "programmatic name"),
    ({"location": "", "databaseGeoBackup": "true"}, "location", "programmatic name"),
    ({"location": "westus"}, "location", "use a region that has them, such as eastus"),
    ({"nameSuffix": ""}, "nameSuffix", "3 to 8 lower-case letters and digits"),
    ({"nameSuffix": "Acme"}, "nameSuffix", "3 to 8 lower-case letters and digits"),
    ({"nameSuffix": "windows"}, "nameSuffix", "use another or a shorter one"),
    # Addresses.
    ({"addressPlan": "everything"}, "addressPlan", "write ADDRESS/PREFIX"),
    ({"addressPlan": "8.0.0.0/6"}, "addressPlan", "use a range inside 10.0.0.0/8"),
    ({"addressSpace": ""}, "addressSpace", "write ADDRESS/PREFIX"),
    ({"addressSpace": "10.20.0.0/33"}, "addressSpace", "write ADDRESS/PREFIX"),
    ({"addressSpace": "10.20.0.1/20"}, "addressSpace", "write 10.20.0.0/20"),
    ({"addressSpace": "10.20.0.0/15"}, "addressSpace", "use a /16 to /20"),
    ({"addressSpace": "10.20.0.0/21"}, "addressSpace", "use a /16 to /20"),
    ({"addressSpace": "8.8.0.0/16"}, "addressSpace", "use a range inside 10.0.0.0/8"),
    ({"addressSpace": "10.64.0.0/16"}, "addressSpace", "use a range inside it"),
    ({"addressSpace": "172.30.0.0/16", "addressPlan": "172.16.0.0/12"}, "addressSpace", "use another private range"),
    ({"addressSpace": "10.31.16.0/20"}, "addressSpace", "use 10.16.0.0/20, which is free"),
    ({"addressSpace": "10.31.0.0/16", "addressPlan": "10.31.0.0/16"}, "addressSpace", "enlarge addressPlan"),
    ({"peerAddressSpaces": "10.40.0.0/16, home"}, "peerAddressSpaces", "write ADDRESS/PREFIX"),
    ({"addressSpace": "10.20.0.0/20", "peerAddressSpaces": "10.20.8.0/24"}, "addressSpace", "that no peer has"),
    ({"podCidr": "10.244.0.0/16", "peerAddressSpaces": "10.244.0.0/24"}, "podCidr", "that no peer has"),
    ({"serviceCidr": "172.16.0.0/20", "peerAddressSpaces": "172.16.0.0/12"}, "serviceCidr", "that no peer has"),
    ({"podCidr": "169.254.0.0/16"}, "podCidr", "use another private range"),
    ({"podCidr": "1.2.0.0/16"}, "podCidr", "use a range inside 10.0.0.0/8"),
    ({"addressSpace": "10.20.0.0/20", "podCidr": "10.20.0.0/16"}, "podCidr", "use a range of its own"),
    ({"podCidr": "10.244.0.0/23", "flowPoolMaximum": "100"}, "podCidr", "use a larger range, or lower a maximum"),
    ({"serviceCidr": "172.31.0.0/20"}, "serviceCidr", "use another private range"),
    ({"serviceCidr": "192.0.2.0/24"}, "serviceCidr", "use another private range"),
    ({"serviceCidr": "10.32.0.0/12"}, "serviceCidr", "use a /13 to /24"),
    ({"serviceCidr": "172.16.0.0/28"}, "serviceCidr", "use a /13 to /24"),
    ({"addressSpace": "10.20.0.0/20", "serviceCidr": "10.20.0.0/20"}, "serviceCidr", "use a range of its own"),
    ({"podCidr": "10.244.0.0/16", "serviceCidr": "10.244.0.0/20"}, "serviceCidr", "use a range of its own"),
    # Who gets in, and who deploys.
    ({"publicAccess": "enabled"}, "publicAccess", "use 'disabled' or 'authorizedRanges'"),
    (OPEN | {"authorizedIpRanges": ""}, "authorizedIpRanges", "list the public ranges"),
    ({"publicAccess": "disabled", "publicAccessReason": "", "deployer": "managedDevOpsPool"}
     | {"authorizedIpRanges": "198.51.0.0/24"}, "authorizedIpRanges", "set publicAccess to authorizedRanges"),
    (OPEN | {"authorizedIpRanges": "0.0.0.0/0"}, "authorizedIpRanges", "list your own ranges"),
    (OPEN | {"authorizedIpRanges": "198.0.0.0/8"}, "authorizedIpRanges", "list your own ranges"),
    (OPEN | {"authorizedIpRanges": "192.168.1.0/24"}, "authorizedIpRanges", "list the public addresses"),
    (OPEN | {"authorizedIpRanges": "2001:db8::/32"}, "authorizedIpRanges", "write ADDRESS/PREFIX"),
    (OPEN | {"authorizedIpRanges": "198.51.0.7/24"}, "authorizedIpRanges", "write 198.51.0.0/24"),
    (OPEN | {"authorizedIpRanges": "198.51.0.7, 198.51.0.7"}, "authorizedIpRanges", "name each once"),
    (OPEN | {"authorizedIpRanges": RANGES}, "authorizedIpRanges", "join neighbours"),
    ({"publicAccess": "disabled", "publicAccessReason": "", "authorizedIpRanges": "", "deployer": "none"},
     "deployer", "use managedDevOpsPool or scaleSet"),
    ({"deployer": "laptop"}, "deployer", "use 'none', 'managedDevOpsPool' or 'scaleSet'"),
    ({"deployer": "scaleSet", "deployerSshPublicKey": ""}, "deployerSshPublicKey", "public half of a key pair"),
    ({"deployer": "managedDevOpsPool", "deployerPrincipalId": ""}, "deployerPrincipalId", "write the object id of"),
    ({"deployerPrincipalId": "DevOpsInfrastructure"}, "deployerPrincipalId", "write the object id"),
    ({"deployerSshPublicKey": "-----BEGIN OPENSSH PRIVATE KEY-----"}, "deployerSshPublicKey", "a .pub file"),
    ({"deployerMaximum": "0"}, "deployerMaximum", "use 1 to 100"),
    ({"deployerVmSize": "large"}, "deployerVmSize", "such as Standard_D4ds_v5"),
    ({"deployerImage": "ubuntu-24.04"}, "deployerImage", "write /subscriptions/…/galleries/GALLERY/images/NAME"),
    ({"deployerImage": f"{IMAGES}/galleries/shared"}, "deployerImage", "/galleries/GALLERY/images/NAME"),
    ({"deployerImage": f"{IMAGES}/galleries/shared/images/agent/versions/latest"}, "deployerImage", "/versions/1.2.3"),
    ({"deployerImage": f"{IMAGES}/images/agent"}, "deployerImage", "copy it into an Azure Compute Gallery"),
    ({"deployerFqdns": "https://example.com/"}, "deployerFqdns", "write host names"),
    (NO_DEVOPS | {"deployer": "managedDevOpsPool"}, "devopsOrganization", "set the four devops keys"),
    ({"devopsProject": ""}, "devopsProject", "set all four of them, or none"),
    ({"devopsOrganization": "https://dev.azure.com/acme"}, "devopsOrganization", "write NAME of"),
    ({"devopsOrganizationId": "acme"}, "devopsOrganizationId", "the organisation's GUID"),
    ({"devopsProject": "data/prefect"}, "devopsProject", "the project's name"),
    ({"devopsSubject": "sc://acme/data/prefect-qa"}, "devopsSubject", "copy the subject identifier"),
    (NO_DEVOPS | SCALE_SET | {"devopsSubject": SUBJECT}, "devopsSubject", "set the four devops keys"),
    ({"devopsPreviewConnection": "a/b"}, "devopsPreviewConnection", "the service connection's name"),
    ({"devopsPreviewConnection": "prefect-qa"}, "devopsPreviewConnection", "make a second service connection"),
    (NO_DEVOPS | SCALE_SET | {"devopsPreviewConnection": "look"}, "devopsPreviewConnection", "set the four"),
    ({"devopsPreviewSubject": SUBJECT}, "devopsPreviewSubject", "set devopsPreviewConnection"),
    ({"devopsPreviewSubject": "prefect-qa"}, "devopsPreviewSubject", "copy the subject identifier"),
    ({"devopsServiceConnection": "a/b"}, "devopsServiceConnection", "the service connection's name"),
    ({"administrators": ""}, "administrators", "name the object ids"),
    ({"administrators": "ada@example.com"}, "administrators", "write object ids"),
    ({"administrators": ", ".join(["00000000-0000-0000-0000-00000000000a"] * 2)}, "administrators", "name each once"),
    ({"uiLogin": "true", "uiHost": ""}, "uiHost", "name the UI's host"),
    ({"uiHost": "https://prefect.example.com"}, "uiHost", "write a host name"),
    ({"uiLogin": "perhaps"}, "uiLogin", "use true or false"),
    ({"egress": "proxy"}, "egress", "use 'firewall' or 'natGateway'"),
    ({"egressFqdns": "pokeapi"}, "egressFqdns", "write host names"),
    # The cluster.
    ({"zones": ""}, "zones", "use 1,2,3"),
    ({"zones": "1,2,4"}, "zones", "use some of 1, 2, 3"),
    ({"clusterTier": "Gold"}, "clusterTier", "use 'Free', 'Standard' or 'Premium'"),
    ({"kubernetesVersion": "1.34.2"}, "kubernetesVersion", "use a minor version"),
    ({"kubernetesVersion": "1.29"}, "kubernetesVersion", "use 1.30 or newer"),
    ({"systemPoolVmSize": "D4ds_v5"}, "systemPoolVmSize", "such as Standard_D4ds_v5"),
    (MANAGED_DISK | {"systemPoolVmSize": "Standard_B4ms"}, "systemPoolVmSize", "use a size of the D family"),
    (MANAGED_DISK | {"systemPoolVmSize": "Standard_D2as_v5"}, "systemPoolVmSize", "or larger"),
    ({"flowPoolVmSize": "Standard_D4pds_v5"}, "flowPoolVmSize", "use a size without a p"),
    ({"osDiskType": "Ephemeral", "osDiskTypeReason": "", "flowPoolVmSize": "Standard_D4s_v5"}
     | {"systemPoolVmSize": "Standard_D4ds_v5", "spotPool": "false"}, "flowPoolVmSize", "set osDiskType to Managed"),
    ({"osDiskType": "Ephemeral", "osDiskTypeReason": "", "flowPoolVmSize": "Standard_D4ds_v5"}
     | {"spotPool": "true", "spotPoolVmSize": "Standard_D2ds_v5"}, "spotPoolVmSize", "set osDiskType to Managed"),
    ({"systemPoolMinimum": "1", "systemPoolMinimumReason": REASON}, "systemPoolMinimum", "use 2 to 1000"),
    ({"systemPoolMinimum": "4", "systemPoolMinimumReason": "", "systemPoolMaximum": "3"}, "systemPoolMaximum",
     "lower systemPoolMinimum"),
    ({"flowPoolMinimum": "6", "flowPoolMaximum": "5"}, "flowPoolMaximum", "lower flowPoolMinimum"),
    ({"flowPoolMaximum": "1001"}, "flowPoolMaximum", "use 1 to 1000"),
    ({"flowPoolMinimum": "few"}, "flowPoolMinimum", "write digits alone"),
    ({"spotPoolMaximum": "0"}, "spotPoolMaximum", "use 1 to 1000"),
    (FREE | {"flowPoolMaximum": "999", "podCidr": "10.192.0.0/10", "addressSpace": "10.20.0.0/16"}, "clusterTier",
     "use Standard"),
    ({"flowPoolMaximum": "1000", "spotPool": "true", "spotPoolMaximum": "1000", "clusterTier": "Standard"}
     | {"clusterTierReason": "", "podCidr": "10.192.0.0/10", "addressSpace": "10.20.0.0/20"}, "addressSpace",
     "use a larger range, or lower a maximum"),
    ({"flowPoolLabels": "gpu"}, "flowPoolLabels", "write Kubernetes labels as name=value"),
    ({"flowPoolLabels": "a=1, a=2"}, "flowPoolLabels", "give it one"),
    ({"flowPoolLabels": "kubernetes.azure.com/mode=user"}, "flowPoolLabels", "use a prefix of your own"),
    ({"flowPoolLabels": "node.kubernetes.io/role=flow"}, "flowPoolLabels", "use a prefix of your own"),
    ({"upgradeChannel": "none"}, "upgradeChannel", "use 'patch', 'stable' or 'rapid'"),
    ({"nodeUpgradeChannel": "Unmanaged"}, "nodeUpgradeChannel", "use 'NodeImage' or 'SecurityPatch'"),
    ({"maintenanceDay": "Sun"}, "maintenanceDay", "'Sunday'"),
    ({"maintenanceHour": "24"}, "maintenanceHour", "use 0 to 23"),
    # What holds data.
    ({"storageRedundancy": "GRS"}, "storageRedundancy", "use 'GZRS', 'ZRS' or 'LRS'"),
    ({"location": "polandcentral", "storageRedundancy": "GZRS", "storageRedundancyReason": ""}
     | {"databaseGeoBackup": "false", "databaseGeoBackupReason": REASON}, "storageRedundancy", "use ZRS"),
    ({"softDeleteDays": "366"}, "softDeleteDays", "use 7 to 365"),
    ({"resultRetentionDays": "0"}, "resultRetentionDays", "use 1 to 3650"),
    ({"registryRetentionDays": "366"}, "registryRetentionDays", "use 0 to 365"),
    ({"databaseVersion": "12"}, "databaseVersion", "'16'"),
    ({"databaseSku": "GP_Standard_D2s"}, "databaseSku", "such as Standard_D2ds_v5"),
    ({"databaseStorageGib": "100"}, "databaseStorageGib", "use one of 32, 64, 128"),
    ({"databaseSku": "Standard_B2s", "databaseHighAvailability": "SameZone"}
     | {"databaseHighAvailabilityReason": REASON}, "databaseSku", "set databaseHighAvailability to Disabled"),
    ({"zones": "1", "zonesReason": REASON, "databaseHighAvailability": "ZoneRedundant", "databaseSku":
      "Standard_D2ds_v5", "databaseHighAvailabilityReason": ""}, "databaseHighAvailability", "name more zones"),
    ({"databaseBackupDays": "36"}, "databaseBackupDays", "use 7 to 35"),
    ({"location": "polandcentral", "databaseGeoBackup": "true", "databaseGeoBackupReason": ""}
     | {"storageRedundancy": "ZRS", "storageRedundancyReason": ""}, "databaseGeoBackup", "set it to false"),
    # What runs in the cluster.
    ({"serverReplicas": "0"}, "serverReplicas", "use 1 to 5"),
    ({"imageMirror": "false", "imageMirrorReason": REASON, "egress": "firewall", "egressReason": ""}, "imageMirror",
     "or egress to natGateway"),
    ({"flowImageRevision": "0" * 40}, "flowImageRevision", "promote an image"),
    ({"flowImage": IMAGE, "flowImageRevision": "HEAD"}, "flowImageRevision", "the whole hash of a commit"),
    ({"flowImage": "acme.azurecr.io/flows:latest"}, "flowImage", "write REGISTRY/NAME@sha256:DIGEST"),
    ({"flowLabels": "aks, gpu", "agentLabels": "aks"}, "agentLabels", "add what is lacking"),
    ({"flowLabels": "", "agentLabels": "aks"}, "agentLabels", "give flowLabels some of them"),
    ({"agentLabels": "a b"}, "agentLabels", "without spaces inside"),
    ({"flowNetworks": "the internet"}, "flowNetworks", "write ADDRESS/PREFIX"),
    ({"dask": "true", "daskWorkersMinimum": "5", "daskWorkersMaximum": "4"}, "daskWorkersMaximum",
     "lower daskWorkersMinimum"),
    ({"daskWorkersMinimum": "0"}, "daskWorkersMinimum", "use 1 to 500"),
    # Who is told.
    ({"logRetentionDays": "7"}, "logRetentionDays", "use 30 to 730"),
    ({"logDailyCapGb": "0"}, "logDailyCapGb", "or -1 for no cap"),
    ({"alertEmails": ""}, "alertEmails", "name whom"),
    ({"alertEmails": "the team"}, "alertEmails", "such as oncall@example.com"),
    ({"alertWebhook": "http://hook.example.com/token"}, "alertWebhook", "https address as a secret"),
    ({"alertWebhook": "https://hook.example.com/token"}, "alertWebhook", "pulumi config set --secret"),
    # Reasons.
    ({"egress": "natGateway", "egressReason": ""}, "egressReason", "set egress to firewall"),
    ({"protection": "false", "protectionReason": "cheap"}, "protectionReason", "in 3 words or more"),
    ({"hostEncryption": "true", "hostEncryptionReason": REASON}, "hostEncryptionReason", "remove it"),
    ({"zones": "1,2", "zonesReason": ""}, "zonesReason", "set zones to 1,2,3"),
    ({"databaseBackupDays": "13", "databaseBackupDaysReason": ""}, "databaseBackupDaysReason", "14 or more"),
]  # fmt: skip

Check = Callable[..., Any]


def refused(check: Check, values: Change, stack: str = "qa") -> list[str]:
    with pytest.raises(pulumi.RunError) as refusal:
        check(values, stack)
    return str(refusal.value).splitlines()


def passes(check: Check, values: Change, stack: str) -> bool:
    try:
        check(values, stack)
    except pulumi.RunError:
        return False
    return True


@pytest.mark.parametrize(("change", "key", "fix"), WRONG, ids=[f"{key}-{fix}" for _, key, fix in WRONG])
def test_a_wrong_configuration_is_refused_in_one_line_that_names_the_key_and_the_fix(
    check: Check, valid: Change, change: Change, key: str, fix: str
) -> None:
    (line,) = refused(check, valid | change)
    assert line.startswith(f"Pulumi.qa.yaml: prefect-aks:{key}")
    assert fix in line.partition("; ")[2]


def test_at_least_45_rules_are_held() -> None:
    assert len({(key, fix) for _, key, fix in WRONG}) >= 45


@pytest.mark.parametrize("stack", ["Qa", "q", "4qa", "q-a", "far-too-long-a-name"])
def test_a_stack_whose_name_cannot_be_in_azures_names_is_refused(check: Check, valid: Change, stack: str) -> None:
    (line,) = refused(check, valid, stack)
    assert line.startswith(f"Pulumi.{stack}.yaml: the stack's name ")
    assert "2 to 10 lower-case letters and digits" in line


def test_a_name_that_gets_too_long_for_the_storage_account_is_refused(check: Check, valid: Change) -> None:
    (line,) = refused(check, valid | {"nameSuffix": "acmecorp"}, "rehearsal")
    assert "prefect-aks:nameSuffix: makes the storage account's name stprefectrehearsalacmecorp 26 characters" in line


def test_all_problems_are_told_at_once(check: Check, valid: Change) -> None:
    changes = [{"location": "atlantis"}, {"serviceCidr": "172.16.0.0/28"}, {"uiLogin": "true"}, {"zones": "1,2"}]
    lines = refused(check, valid | {key: value for change in changes for key, value in change.items()})
    assert [line.split(":")[2] for line in lines] == ["location", "serviceCidr", "uiHost", "zonesReason"]


@pytest.mark.parametrize(
    ("key", "value"), [("alertWebhook", "http://token.example.com"), ("alertEmails", "token"), ("location", "token")]
)
def test_a_secret_is_not_shown_whether_declared_or_not(check: Check, valid: Change, key: str, value: str) -> None:
    with pytest.raises(pulumi.RunError) as refusal:
        check(valid | {key: value}, sealed=["alertEmails", "location"])
    assert f"prefect-aks:{key}: is wrong (it is a secret, and not shown); " in str(refusal.value)
    assert "token" not in str(refusal.value)


def test_a_right_configuration_stays_right(check: Check, valid: Change) -> None:
    assert check(valid).relaxations == {}


def test_a_thousand_generated_configurations_are_right_down_to_names_and_addresses(
    check: Check, generate: Callable[[int], Change]
) -> None:
    for seed in range(1000):
        azure = check(generate(seed)).azure
        assert list(naming.faults(naming.names("qa", azure.name_suffix))) == [], seed
        subnets = [IPv4Network(each) for each in asdict(address.subnets(azure.address_space)).values()]
        assert all(each.subnet_of(azure.address_space) for each in subnets), seed
        assert not any(one.overlaps(other) for one, other in combinations(subnets, 2)), seed
        assert {pool.minimum <= pool.maximum for pool in pools(azure).values()} == {True}, seed


def test_a_thousand_generated_configurations_with_one_rule_broken_are_refused(
    check: Check, generate: Callable[[int], Change]
) -> None:
    for seed in range(1000):
        change, key, _ = WRONG[seed % len(WRONG)]
        lines = refused(check, generate(seed) | change)
        assert any(f" prefect-aks:{key}" in line for line in lines), (seed, change, lines)


@pytest.mark.parametrize("needed", rule.RULES, ids=[each.__name__ for each in rule.RULES])
def test_without_a_rule_some_wrong_configuration_would_pass(
    check: Check, valid: Change, monkeypatch: pytest.MonkeyPatch, needed: rule.Rule
) -> None:
    monkeypatch.setattr(rule, "RULES", [each for each in rule.RULES if each is not needed])
    changes = [(change, "qa") for change, _, _ in WRONG] + [({}, "Qa"), ({"nameSuffix": "acmecorp"}, "rehearsal")]
    assert any(passes(check, valid | change, stack) for change, stack in changes)
