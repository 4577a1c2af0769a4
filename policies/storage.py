"""Policies on storage accounts: they hold flow scripts, which run, and results, which are somebody's data."""

from collections.abc import Iterator

from policies.network import unreached
from policies.plan import UNKNOWN, Plan, Resource
from policies.rule import on, on_plan

ACCOUNT = "azure-native:storage:StorageAccount"
BLOBS = "azure-native:storage:BlobServiceProperties"
CONTAINER = "azure-native:storage:BlobContainer"
SOFT_DELETE_DAYS = 7
FIX = "set it in components/storage.py"
CLOSE = "set prefect-aks:publicAccess to disabled, or to authorizedRanges with prefect-aks:publicAccessReason"


@on(ACCOUNT, CONTAINER, controls=(24,))
def storage_identities(resource: Resource) -> Iterator[str]:
    """Nobody reads or writes but as an identity of Entra ID of this tenant."""
    if resource.type == CONTAINER:
        yield from resource.must("publicAccess", ("None", None), "anyone could read its blobs", FIX)
        return
    for path, allowed, why in (
        ("allowSharedKeyAccess", False, "a key opens everything and names nobody"),
        ("allowBlobPublicAccess", False, "one setting of a container would publish it"),
        ("allowCrossTenantReplication", False, "another tenant could copy the data away"),
        ("isLocalUserEnabled", False, "a local user is outside of Entra ID"),
        ("defaultToOAuthAuthentication", True, "the portal would ask for a key"),
    ):
        yield from resource.must(path, allowed, why, FIX)


@on(ACCOUNT, controls=(25,), relaxed_by=("publicAccess", "storageRedundancy"))
def storage_network(account: Resource) -> Iterator[str]:
    """Storage is encrypted on the way and twice at rest, closed to the public and kept in several zones."""
    why = "scripts and results must not be read on the way"
    yield from account.must("minimumTlsVersion", ("TLS1_2", "TLS1_3"), why, FIX)
    yield from account.must("enableHttpsTrafficOnly", True, why, FIX)
    why = "storage must not be reached from the internet"
    if "publicAccess" not in account.relaxed:
        yield from account.must("publicNetworkAccess", "Disabled", why, CLOSE)
    yield from account.must("networkRuleSet.defaultAction", "Deny", why, FIX)
    yield from account.must("encryption.requireInfrastructureEncryption", True, "one broken key is not all", FIX)
    if "storageRedundancy" not in account.relaxed:
        spread = ("Standard_ZRS", "Standard_GZRS", "Standard_RAGZRS", "Premium_ZRS")
        why = "an outage of one zone must not stop flows"
        fix = "set prefect-aks:storageRedundancy to ZRS or GZRS, or relax it with prefect-aks:storageRedundancyReason"
        yield from account.must("sku.name", spread, why, fix)


@on_plan(controls=(25,))
def storage_private_endpoint(plan: Plan) -> Iterator[tuple[Resource, str]]:
    """Storage has a private endpoint with a name."""
    yield from unreached(plan, plan.of(ACCOUNT), "components/storage.py")


@on(BLOBS, controls=(26,))
def storage_versions(blobs: Resource) -> Iterator[str]:
    """What is overwritten or deleted can be had back."""
    yield from blobs.must("isVersioningEnabled", True, "an overwritten script would be lost", FIX)
    for path in ("deleteRetentionPolicy", "containerDeleteRetentionPolicy"):
        why = "what is deleted by mistake would be lost"
        yield from blobs.must(f"{path}.enabled", True, why, FIX)
        days = blobs.get(f"{path}.days")
        if days is not UNKNOWN and (days or 0) < SOFT_DELETE_DAYS:
            fix = "set prefect-aks:softDeleteDays to 7 or more"
            yield blobs.line(f"{path}.days", "less than a week", why, fix)


@on_plan(controls=(26,))
def storage_recovery(plan: Plan) -> Iterator[tuple[Resource, str]]:
    """Every storage account says how its blobs are recovered."""
    for account in plan.of(ACCOUNT):
        if not plan.using(account, BLOBS, "accountName"):
            why = "Azure's default has neither versions nor soft delete; add it in components/storage.py"
            yield account, f"no BlobServiceProperties for the storage account: {why}"
