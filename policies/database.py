"""Policies on the Postgres flexible server."""

from collections.abc import Iterator

from policies.plan import UNKNOWN, Plan, Resource
from policies.rule import on, on_plan

SERVER = "azure-native:dbforpostgresql:Server"
CONFIGURATION = "azure-native:dbforpostgresql:Configuration"
ADMINISTRATORS = (
    "azure-native:dbforpostgresql:Administrator",
    "azure-native:dbforpostgresql:AdministratorsMicrosoftEntra",
)
LOCKS = ("azure-native:authorization:ManagementLockByScope", "azure-native:authorization:ManagementLockAtResourceLevel")
BACKUP_DAYS = 14
EXTENSIONS = frozenset({"PGCRYPTO", "PG_TRGM"})
SETTINGS = {
    "require_secure_transport": (("on",), "passwords would cross the network in plain text"),
    "ssl_min_protocol_version": (("TLSv1.2", "TLSv1.3"), "older TLS is broken"),
    "log_connections": (("on",), "nobody could tell who connected"),
}
FIX = "set it in components/database.py"


@on(SERVER, controls=(27,))
def database_network(server: Resource) -> Iterator[str]:
    """The server stands in a subnet of its own and has no public side."""
    why = "a database must not be reached from the internet"
    yield from server.must("network.publicNetworkAccess", "Disabled", why, FIX)
    for path in ("delegatedSubnetResourceId", "privateDnsZoneArmResourceId"):
        if not server.get(f"network.{path}"):
            yield server.line(f"network.{path}", "not an id", why, FIX)


@on(SERVER, controls=(28,))
def database_entra(server: Resource) -> Iterator[str]:
    """People log in to the database with Entra ID."""
    yield from server.must("authConfig.activeDirectoryAuth", "Enabled", "people would share one password", FIX)


@on_plan(controls=(28,))
def database_administrator(plan: Plan) -> Iterator[tuple[Resource, str]]:
    """The database has an administrator of Entra ID."""
    for server in plan.of(SERVER):
        if not any(plan.using(server, kind, "serverName") for kind in ADMINISTRATORS):
            why = "people would share one password; add it in components/database.py"
            yield server, f"no Administrator for the database server: {why}"


@on(SERVER, controls=(29,), relaxed_by=("databaseHighAvailability",))
def database_availability(server: Resource) -> Iterator[str]:
    """A standby in another zone takes over."""
    if "databaseHighAvailability" in server.relaxed:
        return
    why = "an outage of one zone would stop every flow"
    key = "prefect-aks:databaseHighAvailability"
    fix = f"set {key} to ZoneRedundant, or relax it with {key}Reason"
    yield from server.must("highAvailability.mode", "ZoneRedundant", why, fix)
    why = "burstable sizes have no standby"
    yield from server.must("sku.tier", ("GeneralPurpose", "MemoryOptimized"), why, "set prefect-aks:databaseSku")


@on(SERVER, controls=(30,), relaxed_by=("databaseBackupDays", "databaseGeoBackup"))
def database_backup(server: Resource) -> Iterator[str]:
    """Backups reach back two weeks, and lie in another region too."""
    days = server.get("backup.backupRetentionDays")
    if "databaseBackupDays" not in server.relaxed and days is not UNKNOWN and (days or 0) < BACKUP_DAYS:
        why = "a mistake is often found only then"
        fix = "set prefect-aks:databaseBackupDays to 14 or more, or relax it with prefect-aks:databaseBackupDaysReason"
        yield server.line("backup.backupRetentionDays", "fewer than 14", why, fix)
    if "databaseGeoBackup" not in server.relaxed:
        why = "a region can be lost, and this cannot be changed later"
        fix = "set prefect-aks:databaseGeoBackup to true, or relax it with prefect-aks:databaseGeoBackupReason"
        yield from server.must("backup.geoRedundantBackup", "Enabled", why, fix)


@on_plan(controls=(30,), relaxed_by=("protection",))
def database_lock(plan: Plan) -> Iterator[tuple[Resource, str]]:
    """Azure itself refuses to delete the database."""
    for server in plan.of(SERVER):
        locks = [lock for kind in LOCKS for lock in plan.using(server, kind, "scope")]
        locked = any(lock.get("level") in {"CanNotDelete", "ReadOnly", UNKNOWN} for lock in locks)
        if not locked and "protection" not in plan.relaxed:
            why = "whoever deletes a server deletes its backups"
            fix = "set prefect-aks:protection to true, or relax it with prefect-aks:protectionReason"
            yield server, f"no lock CanNotDelete on the database server: {why}; {fix}"


@on(CONFIGURATION, controls=(31,))
def database_parameters(configuration: Resource) -> Iterator[str]:
    """Connections are encrypted and logged, and only the extensions that Prefect needs are allowed."""
    name = configuration.get("configurationName", "name")
    if name in SETTINGS:
        allowed, why = SETTINGS[name]
        yield from configuration.must("value", allowed, f"it is {name}: {why}", FIX)
    value = configuration.get("value")
    if name == "azure.extensions" and value is not UNKNOWN:
        allowed_here = {extension.strip().upper() for extension in str(value or "").split(",")}
        if allowed_here != EXTENSIONS:
            why = "it is azure.extensions: Prefect needs these, and each more is a way into the server"
            yield configuration.line("value", f"not {','.join(sorted(EXTENSIONS))}", why, FIX)


@on_plan(controls=(31,))
def database_parameters_set(plan: Plan) -> Iterator[tuple[Resource, str]]:
    """Every parameter of the server that matters is set."""
    for server in plan.of(SERVER):
        configurations = plan.using(server, CONFIGURATION, "serverName")
        found = {configuration.get("configurationName", "name") for configuration in configurations}
        for name in (*SETTINGS, "azure.extensions"):
            if name not in found and UNKNOWN not in found:
                why = "Azure's default is not ours; add it in components/database.py"
                yield server, f"no Configuration {name} for the database server: {why}"
