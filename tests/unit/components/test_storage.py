"""The storage account's controls, and who may do what in which container."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from components.placement import Placement
from components.role import Role
from components.storage import Storage, StorageArgs


@pytest.fixture
def make(register: Callable[[Callable[[], object]], Any], placement: Placement) -> Callable[..., Any]:
    args = StorageArgs(
        placement=placement,
        name="stprefecttest",
        redundancy="GZRS",
        endpoint_subnet_id="/subnet",
        zone_id="/zone",
        authorized_ip_ranges=(),
        soft_delete_days=14,
        result_retention_days=60,
        flow_principal_id="flow",
        writer_principal_ids={"pipeline": "pipeline"},
        writer_group_ids={"administrators": "administrators"},
        workspace_id="/workspace",
        protect=True,
    )
    return lambda **changes: register(lambda: Storage("storage", replace(args, **changes)))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("allowSharedKeyAccess", False),
        ("allowBlobPublicAccess", False),
        ("allowCrossTenantReplication", False),
        ("isLocalUserEnabled", False),
        ("defaultToOAuthAuthentication", True),
        ("minimumTlsVersion", "TLS1_2"),
        ("enableHttpsTrafficOnly", True),
        ("publicNetworkAccess", "Disabled"),
        ("networkRuleSet", {"bypass": "AzureServices", "defaultAction": "Deny", "ipRules": []}),
        ("sku", {"name": "Standard_GZRS"}),
        ("sasPolicy", {"expirationAction": "Block", "sasExpirationPeriod": "1.00:00:00"}),
    ],
)
def test_an_account_is_closed(make: Callable[..., Any], key: str, value: object) -> None:
    assert make().one("StorageAccount").inputs[key] == value


def test_an_account_encrypts_twice(make: Callable[..., Any]) -> None:
    assert make().one("StorageAccount").inputs["encryption"]["requireInfrastructureEncryption"] is True


def test_a_public_side_opens_to_the_authorized_alone(make: Callable[..., Any]) -> None:
    inputs = make(authorized_ip_ranges=("203.0.113.7/32",)).one("StorageAccount").inputs
    assert inputs["publicNetworkAccess"] == "Enabled"
    assert inputs["networkRuleSet"]["defaultAction"] == "Deny"
    assert inputs["networkRuleSet"]["ipRules"] == [{"action": "Allow", "iPAddressOrRange": "203.0.113.7"}]


def test_blobs_have_versions_and_come_back_after_a_deletion(make: Callable[..., Any]) -> None:
    inputs = make().one("BlobServiceProperties").inputs
    assert inputs["isVersioningEnabled"] is True
    kept = {"enabled": True, "days": 14}
    assert inputs["deleteRetentionPolicy"] == inputs["containerDeleteRetentionPolicy"] == kept


def test_old_results_go_and_scripts_never_do(make: Callable[..., Any]) -> None:
    rules = [each["definition"] for each in make().one("ManagementPolicy").inputs["policy"]["rules"]]
    (gone,) = [each for each in rules if "baseBlob" in each["actions"]]
    assert gone["actions"]["baseBlob"]["delete"] == {"daysAfterModificationGreaterThan": 60}
    assert gone["filters"]["prefixMatch"] == ["results/"]


def test_each_principal_has_its_role_in_its_container_alone(make: Callable[..., Any]) -> None:
    given = {
        (
            each.inputs["principalId"],
            each.inputs["principalType"],
            each.inputs["roleDefinitionId"].rsplit("/", 1)[1],
            each.inputs["scope"].rsplit("/", 1)[1],
        )
        for each in make().of("RoleAssignment")
    }
    reads, writes = Role.STORAGE_BLOB_DATA_READER.value, Role.STORAGE_BLOB_DATA_CONTRIBUTOR.value
    assert given == {
        ("flow", "ServicePrincipal", reads, "storage-flows"),
        ("flow", "ServicePrincipal", writes, "storage-results"),
        ("pipeline", "ServicePrincipal", writes, "storage-flows"),
        ("administrators", "Group", writes, "storage-flows"),
    }


def test_a_protected_account_is_locked_and_the_lock_is_the_first_to_go(make: Callable[..., Any]) -> None:
    made = make()
    lock = made.one("ManagementLockByScope")
    assert lock.inputs["level"] == "CanNotDelete"
    assert {each.name for each in made.of("RoleAssignment")} < lock.depends_on
    assert {each.name for each in made if each.protect} == {"storage-account", "storage-flows", "storage-results"}
    unprotected = make(protect=False)
    assert not unprotected.of("ManagementLockByScope")
    assert not any(each.protect for each in unprotected)


def test_reads_writes_and_deletions_of_blobs_are_logged(make: Callable[..., Any]) -> None:
    inputs = make().one("DiagnosticSetting").inputs
    assert inputs["resourceUri"].endswith(":BlobServiceProperties/storage-blobs")
    assert {each["category"] for each in inputs["logs"]} == {"StorageRead", "StorageWrite", "StorageDelete"}
