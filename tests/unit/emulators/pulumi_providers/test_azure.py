from collections.abc import Callable
from typing import Any

import pytest

from emulators.pulumi_providers.provider import RefusedError
from emulators.pulumi_providers.value import UNKNOWN, Secret

GROUP = {"resourceGroupName": "rg-dev"}
HOME = {**GROUP, "location": "westeurope"}
ACCOUNT: dict[str, Any] = {**HOME, "accountName": "stdev", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
SUBSCRIPTION = "/subscriptions/00000000-0000-4000-8000-000000000001"
ID = f"{SUBSCRIPTION}/resourceGroups/rg-dev/providers/Microsoft.Storage/storageAccounts/stdev"


@pytest.fixture
def deployed(azure: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A run that has created a group and a storage account."""
    monkeypatch.delenv("ARM_SUBSCRIPTION_ID", raising=False)
    azure.create("resources:ResourceGroup", "group", **HOME)
    azure.create("storage:StorageAccount", "account", **ACCOUNT)
    return azure


def test_a_preview_knows_inputs_and_nothing_that_azure_sets(azure: Any) -> None:
    urn = azure.urn("storage:StorageAccount", "it")
    identity, outputs = azure.provider.create(urn, {**ACCOUNT, "identity": {"type": "SystemAssigned"}}, preview=True)
    assert identity == ""
    assert outputs["kind"] == "StorageV2"
    assert outputs["identity"] == {
        "type": "SystemAssigned",
        "principalId": UNKNOWN,
        "tenantId": UNKNOWN,
        "userAssignedIdentities": UNKNOWN,
    }
    assert {outputs[name] for name in ("name", "type", "primaryEndpoints", "provisioningState")} == {UNKNOWN}
    assert "accountName" not in outputs


def test_ids_and_host_names_have_azures_shape(deployed: Any) -> None:
    properties = deployed.provider.store.get(ID)
    assert properties["name"] == "stdev"
    assert properties["type"] == "Microsoft.Storage/storageAccounts"
    assert properties["primaryEndpoints"]["blob"] == "https://stdev.blob.core.windows.net/"


def test_what_can_be_set_but_not_read_is_in_no_answer(deployed: Any) -> None:
    server = {
        **HOME,
        "serverName": "psql-dev",
        "administratorLogin": "prefect",
        "administratorLoginPassword": Secret("hunter2"),
    }
    _, outputs = deployed.create("dbforpostgresql:Server", **server)
    assert "administratorLoginPassword" not in outputs
    assert outputs["fullyQualifiedDomainName"] == "psql-dev.postgres.database.azure.com"


def test_a_name_that_is_not_given_is_made_once(azure: Any) -> None:
    given = {name: value for name, value in ACCOUNT.items() if name != "accountName"}
    first = azure.complete("storage:StorageAccount", "st", given)
    assert first["accountName"].startswith("st")
    assert len(first["accountName"]) == len("st") + 8
    assert (
        azure.complete("storage:StorageAccount", "st", given, old={"accountName": "st12345678"})["accountName"]
        == "st12345678"
    )
    assert azure.complete("storage:StorageAccount", "st", given) == first


def test_a_role_assignment_is_named_by_a_guid(azure: Any) -> None:
    made = azure.complete("authorization:RoleAssignment", "it", {"scope": UNKNOWN})
    assert len(made["roleAssignmentName"]) == 36


def test_what_exists_cannot_be_created_again_but_what_azure_makes_itself_can(
    deployed: Any, start: Callable[..., Any]
) -> None:
    with pytest.raises(RefusedError, match=f"^cannot create already existing resource {ID}$"):
        start().create("storage:StorageAccount", "account", **ACCOUNT)
    for _ in range(2):
        deployed.create("storage:BlobServiceProperties", **GROUP, accountName="stdev", blobServicesName="default")


def test_a_host_name_is_taken_in_every_group(deployed: Any, start: Callable[..., Any]) -> None:
    other = {**HOME, "resourceGroupName": "rg-other"}
    deployed.create("resources:ResourceGroup", "other", **other)
    with pytest.raises(RefusedError, match='the name "stdev" is taken by '):
        start().create("storage:StorageAccount", "other", **{**ACCOUNT, **other})


def test_nothing_is_created_in_what_does_not_exist(azure: Any) -> None:
    with pytest.raises(RefusedError, match=r"cannot create .*/storageAccounts/stdev: .*/rg-dev does not exist$"):
        azure.create("storage:StorageAccount", **ACCOUNT)


def test_a_lock_holds_what_it_is_on_and_the_group_around_it_until_it_is_gone(deployed: Any) -> None:
    provider = deployed.provider
    lock, _ = deployed.create(
        "authorization:ManagementLockByScope", "lock", scope=ID, lockName="keep", level="CanNotDelete"
    )
    account, group = (
        deployed.urn(*of) for of in (("storage:StorageAccount", "account"), ("resources:ResourceGroup", "group"))
    )
    for urn, identity in ((account, ID), (group, f"{SUBSCRIPTION}/resourceGroups/rg-dev")):
        with pytest.raises(RefusedError, match=f"^cannot delete {identity}: the lock {lock} holds it$"):
            provider.delete(urn, identity)
    provider.delete(deployed.urn("authorization:ManagementLockByScope", "lock"), lock)
    provider.delete(group, f"{SUBSCRIPTION}/resourceGroups/rg-dev")
    assert provider.store.all() == {}


def test_a_read_tells_what_changed_and_what_is_gone(deployed: Any) -> None:
    provider, urn = deployed.provider, deployed.urn("storage:StorageAccount", "account")
    outputs = provider.store.get(ID)
    assert provider.read(urn, ID, outputs, ACCOUNT) == (outputs, ACCOUNT)
    provider.store.put(ID, urn.token, {**outputs, "accessTier": "Cool", "sku": {"name": "Standard_ZRS"}})
    _, inputs = provider.read(urn, ID, outputs, ACCOUNT)
    assert inputs == {**ACCOUNT, "accessTier": "Cool", "sku": {"name": "Standard_ZRS"}}
    provider.store.remove(ID)
    assert provider.read(urn, ID, outputs, ACCOUNT) is None


def test_what_is_gone_cannot_be_updated(azure: Any) -> None:
    with pytest.raises(RefusedError, match="does not exist any more: run `pulumi refresh`"):
        azure.provider.update(azure.urn("storage:StorageAccount", "account"), ID, {}, ACCOUNT, preview=False)


def test_the_cluster_answers_what_a_program_reads(deployed: Any) -> None:
    pool = {"name": "system", "mode": "System", "count": 3}
    cluster = {
        **HOME,
        "resourceName": "aks-dev",
        "agentPoolProfiles": [pool],
        "oidcIssuerProfile": {"enabled": True},
    }
    _, outputs = deployed.create("containerservice:ManagedCluster", **cluster)
    assert outputs["nodeResourceGroup"] == "MC_rg-dev_aks-dev_westeurope"
    assert outputs["oidcIssuerProfile"]["issuerURL"].startswith("https://westeurope.oic.prod-aks.azure.com/")
    assert set(outputs["identityProfile"]["kubeletidentity"]) == {"resourceId", "clientId", "objectId"}


def test_a_function_that_is_not_known_is_refused_by_its_name(azure: Any) -> None:
    with pytest.raises(RefusedError, match=r"listStorageAccountKeys is not a function that the emulated"):
        azure.provider.invoke("azure-native:storage:listStorageAccountKeys", {})
