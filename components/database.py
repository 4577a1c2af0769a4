"""The Postgres flexible server of the Prefect server. It holds data: protected, locked and backed up."""

from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_random as random
from pulumi_azure_native import authorization
from pulumi_azure_native import dbforpostgresql as pg

from components.diagnostic import diagnose
from components.maintenance import Maintenance
from components.placement import Placement

DATABASE = "prefect"
USERNAME = "prefect"
PASSWORD_LENGTH = 40

PARAMETERS = {
    "azure.extensions": "PGCRYPTO,PG_TRGM",
    "require_secure_transport": "on",
    "ssl_min_protocol_version": "TLSv1.2",
    "log_checkpoints": "on",
    "log_connections": "on",
    "log_disconnections": "on",
}
"""Server parameters, by name. Prefect's migrations need the two extensions; no other can be made."""


@dataclass(frozen=True, kw_only=True)
class DatabaseArgs:
    """What a database server needs from its environment."""

    placement: Placement
    name: str
    """Unique in all of Azure: 3 to 63 lower-case letters, digits and hyphens."""
    version: str
    """Postgres's major version."""
    sku: str
    """A compute size such as `Standard_D2ds_v5`; `Standard_B…` is burstable and has no high availability."""
    storage_gib: int
    """At least what the server has grown to by itself: Azure takes none back."""
    high_availability: Literal["ZoneRedundant", "SameZone", "Disabled"]
    backup_days: int
    geo_backup: bool
    subnet_id: pulumi.Input[str]
    """A subnet delegated to flexible servers."""
    zone_id: pulumi.Input[str]
    """The private DNS zone that the server's name is in."""
    network: pulumi.Resource
    """The whole network: the zone's link to it must be there first."""
    administrators_group_id: pulumi.Input[str]
    administrators_group_name: pulumi.Input[str]
    maintenance: Maintenance
    workspace_id: pulumi.Input[str]
    protect: bool


class Database(pulumi.ComponentResource):
    """A Postgres flexible server inside the network, with the database `prefect`.

    Version, size, storage, high availability, backup days and password change in place. Another name, location or login
    name asks for another server, which the protection refuses; a change of subnet, DNS zone or geo-redundant backup
    Azure itself refuses.
    """

    id: pulumi.Output[str]
    host: pulumi.Output[str]
    database: pulumi.Output[str]
    username: pulumi.Output[str]
    password: pulumi.Output[str]
    """A secret."""

    def __init__(self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-aks:azure:Database", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)

        # Letters and digits alone: Prefect puts it into a connection URL, unquoted.
        password = random.RandomPassword(
            f"{name}-password",
            length=PASSWORD_LENGTH,
            special=False,
            min_lower=1,
            min_upper=1,
            min_numeric=1,
            opts=child,
        )
        self.password = pulumi.Output.secret(password.result)
        server = _server(name, args, self.password, self)
        last = _contents(name, args, server, self)
        diagnostics = diagnose(
            f"{name}-diagnostics",
            resource_id=server.id,
            workspace_id=args.workspace_id,
            categories=["PostgreSQLLogs"],
            opts=child,
        )
        if args.protect:
            authorization.ManagementLockByScope(
                f"{name}-lock",
                lock_name="holds-data",
                level=authorization.LockLevel.CAN_NOT_DELETE,
                notes="The Prefect server's database. Set the environment's `protection` to false to take this off.",
                scope=server.id,
                # The lock covers what is in the server: made last, it is taken off first.
                opts=pulumi.ResourceOptions(parent=self, depends_on=[last, diagnostics]),
            )
        self.id = server.id
        self.host = server.fully_qualified_domain_name
        self.database = pulumi.Output.from_input(DATABASE)
        self.username = pulumi.Output.from_input(USERNAME)
        self.register_outputs(
            {
                "id": self.id,
                "host": self.host,
                "database": self.database,
                "username": self.username,
                "password": self.password,
            }
        )


def _server(name: str, args: DatabaseArgs, password: pulumi.Output[str], parent: pulumi.Resource) -> pg.Server:
    placement = args.placement
    return pg.Server(
        f"{name}-server",
        server_name=args.name,
        resource_group_name=placement.resource_group,
        location=placement.location,
        version=args.version,
        sku=pg.SkuArgs(name=args.sku, tier=_tier(args.sku)),
        storage=pg.StorageArgs(storage_size_gb=args.storage_gib, auto_grow=pg.StorageAutoGrow.ENABLED),
        availability_zone=placement.zones[0] if placement.zones else None,
        high_availability=pg.HighAvailabilityArgs(
            mode=args.high_availability, standby_availability_zone=_standby_zone(args)
        ),
        backup=pg.BackupArgs(
            backup_retention_days=args.backup_days,
            geo_redundant_backup=pg.GeographicallyRedundantBackup.ENABLED
            if args.geo_backup
            else pg.GeographicallyRedundantBackup.DISABLED,
        ),
        network=pg.NetworkArgs(
            delegated_subnet_resource_id=args.subnet_id,
            private_dns_zone_arm_resource_id=args.zone_id,
            public_network_access=pg.ServerPublicNetworkAccessState.DISABLED,
        ),
        # Prefect 1 knows passwords alone; people come by Entra ID.
        auth_config=pg.AuthConfigArgs(
            active_directory_auth=pg.MicrosoftEntraAuth.ENABLED,
            password_auth=pg.PasswordBasedAuth.ENABLED,
            tenant_id=placement.tenant_id,
        ),
        administrator_login=USERNAME,
        administrator_login_password=password,
        maintenance_window=pg.MaintenanceWindowArgs(
            custom_window="Enabled",
            day_of_week=args.maintenance.day_of_week,
            start_hour=args.maintenance.hour,
            start_minute=0,
        ),
        tags=placement.tags,
        opts=pulumi.ResourceOptions(
            parent=parent, protect=args.protect, depends_on=[args.network], ignore_changes=_zones_azure_owns(args)
        ),
    )


def _contents(name: str, args: DatabaseArgs, server: pg.Server, parent: pulumi.Resource) -> pulumi.Resource:
    """Make what is in the server, one after the other: Azure refuses a write while another one is under way.

    Returns the last of them.
    """
    group = args.placement.resource_group
    last: pulumi.Resource = pg.AdministratorsMicrosoftEntra(
        f"{name}-administrators",
        resource_group_name=group,
        server_name=server.name,
        object_id=args.administrators_group_id,
        principal_name=args.administrators_group_name,
        # Capitalised, as Azure wants it: the SDK's enum of that name is another service's.
        principal_type="Group",
        tenant_id=args.placement.tenant_id,
        opts=pulumi.ResourceOptions(parent=parent),
    )
    for parameter, value in PARAMETERS.items():
        last = pg.Configuration(
            f"{name}-{parameter}",
            resource_group_name=group,
            server_name=server.name,
            configuration_name=parameter,
            source="user-override",
            value=value,
            opts=pulumi.ResourceOptions(parent=parent, depends_on=[last]),
        )
    return pg.Database(
        f"{name}-database",
        resource_group_name=group,
        server_name=server.name,
        database_name=DATABASE,
        charset="UTF8",
        collation="en_US.utf8",
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[last], protect=args.protect),
    )


def _tier(sku: str) -> pg.SkuTier:
    """The tier that a compute size belongs to."""
    if sku.startswith("Standard_B"):
        return pg.SkuTier.BURSTABLE
    return pg.SkuTier.MEMORY_OPTIMIZED if sku.startswith("Standard_E") else pg.SkuTier.GENERAL_PURPOSE


def _standby_zone(args: DatabaseArgs) -> str | None:
    """Where the standby goes: a second zone, or the primary's own; Azure chooses where the region has no zones."""
    zones = args.placement.zones
    if args.high_availability == "ZoneRedundant":
        return zones[1] if len(zones) > 1 else None
    return zones[0] if zones and args.high_availability == "SameZone" else None


def _zones_azure_owns(args: DatabaseArgs) -> list[str]:
    """What a failover swaps: the zones count when the server is made, and are Azure's from then on.

    After a failover and a refresh the program's zones would ask for another server. Without high availability the
    standby's zone must not be carried over from when there was one, so it is ignored only while there is.
    """
    return ["availabilityZone", *(["highAvailability.standbyAvailabilityZone"] if _standby_zone(args) else [])]
