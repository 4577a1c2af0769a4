"""What Azure refuses of the services that hold data: storage accounts, registries, Postgres servers."""

from collections.abc import Iterator, Mapping
from typing import Any

from emulators.pulumi_providers.azure.plan import Plan, Planned
from emulators.pulumi_providers.validation import Failure
from emulators.pulumi_providers.value import Unknown, inside

_BACKUP_DAYS = range(7, 36)
_BLOB_DAYS = range(1, 366)
_STORAGE_GIB = (32, 64, 128, 256, 512, 1024, 2048, 4095, 4096, 8192, 16384, 32767)
_LOGINS = ("admin", "administrator", "azure_pg_admin", "azure_superuser", "azuresu", "guest", "public", "root")
_PREMIUM = ("networkRuleSet", "zoneRedundancy", "dataEndpointEnabled", "encryption")


def judge_account(planned: Planned, plan: Plan) -> Iterator[Failure]:
    """A storage account."""
    del plan
    inputs = planned.inputs
    sku, kind = inside(inputs, "sku", "name"), inputs.get("kind")
    if isinstance(sku, str) and sku.endswith("GZRS") and isinstance(kind, str) and kind != "StorageV2":
        yield Failure("sku.name", f"{sku} needs kind StorageV2, not {kind}")
    if inputs.get("allowSharedKeyAccess") is False and inputs.get("defaultToOAuthAuthentication") is False:
        yield Failure("defaultToOAuthAuthentication", "must not be false where shared keys are off")


def judge_blobs(planned: Planned, plan: Plan) -> Iterator[Failure]:
    """The blob service of a storage account."""
    del plan
    for name in ("deleteRetentionPolicy", "containerDeleteRetentionPolicy"):
        days = inside(planned.inputs, name, "days")
        if inside(planned.inputs, name, "enabled") is True and (
            days is None or (isinstance(days, int) and days not in _BLOB_DAYS)
        ):
            yield Failure(f"{name}.days", f"must be 1 to 365, not {days}")
    if inside(planned.inputs, "restorePolicy", "enabled") is True:
        for name, on in (
            ("isVersioningEnabled", planned.inputs.get("isVersioningEnabled")),
            ("changeFeed.enabled", inside(planned.inputs, "changeFeed", "enabled")),
            ("deleteRetentionPolicy.enabled", inside(planned.inputs, "deleteRetentionPolicy", "enabled")),
        ):
            if on in (None, False):
                yield Failure(name, "must be true where restorePolicy is enabled")


def judge_registry(planned: Planned, plan: Plan) -> Iterator[Failure]:
    """A container registry."""
    del plan
    inputs = planned.inputs
    if inside(inputs, "sku", "name") not in {"Basic", "Standard"}:
        return
    closed = inputs.get("publicNetworkAccess") == "Disabled"
    given = {name: inputs.get(name) for name in _PREMIUM}
    wanted = [name for name, it in given.items() if it not in (None, False, "Disabled") and not isinstance(it, Unknown)]
    for name in [*wanted, *(["publicNetworkAccess"] if closed else [])]:
        yield Failure(name, f"needs sku Premium, not {inside(inputs, 'sku', 'name')}")


def judge_server(planned: Planned, plan: Plan) -> Iterator[Failure]:
    """A Postgres server."""
    del plan
    inputs = planned.inputs
    login = str(inputs.get("administratorLogin", ""))
    if login.lower() in _LOGINS or login.lower().startswith("pg_"):
        yield Failure("administratorLogin", f'"{login}" is kept for the service')
    days = inside(inputs, "backup", "backupRetentionDays")
    if isinstance(days, int) and days not in _BACKUP_DAYS:
        yield Failure("backup.backupRetentionDays", f"must be 7 to 35, not {days}")
    size = inside(inputs, "storage", "storageSizeGB")
    if (
        isinstance(size, int)
        and size not in _STORAGE_GIB
        and inside(inputs, "storage", "type") in (None, "Premium_LRS")
    ):
        yield Failure("storage.storageSizeGB", f"{size} is not one of {', '.join(map(str, _STORAGE_GIB))}")
    yield from _availability(inputs)
    yield from _network(inputs)


def _availability(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    mode = inside(inputs, "highAvailability", "mode")
    if mode in {"ZoneRedundant", "SameZone"} and inside(inputs, "sku", "tier") == "Burstable":
        yield Failure("highAvailability.mode", f"{mode} needs tier GeneralPurpose or MemoryOptimized, not Burstable")
    standby, own = inside(inputs, "highAvailability", "standbyAvailabilityZone"), inputs.get("availabilityZone")
    if mode == "ZoneRedundant" and standby and standby == own:
        yield Failure("highAvailability.standbyAvailabilityZone", f"is {own}, the zone of the server itself")
    if mode == "SameZone" and standby and own and standby != own:
        yield Failure("highAvailability.standbyAvailabilityZone", f"must be {own}, the zone of the server itself")


def _network(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    subnet = inside(inputs, "network", "delegatedSubnetResourceId")
    zone = inside(inputs, "network", "privateDnsZoneArmResourceId")
    if subnet is not None and zone is None:
        yield Failure("network.privateDnsZoneArmResourceId", "is required with delegatedSubnetResourceId")
    if subnet is not None and inside(inputs, "network", "publicNetworkAccess") == "Enabled":
        yield Failure("network.publicNetworkAccess", "cannot be Enabled for a server in a subnet")
    if subnet is None and zone is not None:
        yield Failure("network.delegatedSubnetResourceId", "is required with privateDnsZoneArmResourceId")
