"""What the database server asks Azure for."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from components.database import Database, DatabaseArgs
from components.maintenance import Maintenance
from components.placement import Placement


@pytest.fixture(scope="module")
def build(register: Callable[..., Any], anything: Callable[..., Any], placement: Placement) -> Callable[..., Any]:
    def run(*, zones: tuple[str, ...] = ("1", "2", "3"), **changes: Any) -> Any:
        def program() -> None:
            args = DatabaseArgs(
                placement=replace(placement, zones=zones),
                name="psql-prefect-test-abc",
                version="16",
                sku="Standard_D2ds_v5",
                storage_gib=64,
                high_availability="ZoneRedundant",
                backup_days=14,
                geo_backup=True,
                subnet_id="subnet",
                zone_id="zone",
                network=anything("network"),
                administrators_group_id="group",
                administrators_group_name="administrators",
                maintenance=Maintenance(day="Sunday", hour=3),
                workspace_id="workspace",
                protect=True,
            )
            Database("database", replace(args, **changes))

        return register(program)

    return run


@pytest.fixture(scope="module")
def made(build: Callable[..., Any]) -> Any:
    return build()


def test_the_server_is_reached_from_inside_the_network_alone(made: Any) -> None:
    server = made.one("Server")
    assert server.inputs["network"] == {
        "delegatedSubnetResourceId": "subnet",
        "privateDnsZoneArmResourceId": "zone",
        "publicNetworkAccess": "Disabled",
    }
    assert "network" in server.depends_on


def test_people_log_in_by_entra_id_and_prefect_by_a_secret_password(made: Any) -> None:
    server = made.one("Server")
    assert server.inputs["authConfig"]["activeDirectoryAuth"] == "Enabled"
    assert server.inputs["authConfig"]["passwordAuth"] == "Enabled"
    assert "administratorLoginPassword" in server.secrets
    assert made.one("RandomPassword").inputs["special"] is False
    assert made.one("AdministratorsMicrosoftEntra").inputs["principalType"] == "Group"


@pytest.mark.parametrize(
    ("sku", "tier"),
    [("Standard_B1ms", "Burstable"), ("Standard_D2ds_v5", "GeneralPurpose"), ("Standard_E4ds_v5", "MemoryOptimized")],
)
def test_the_tier_follows_from_the_compute_size(build: Callable[..., Any], sku: str, tier: str) -> None:
    assert build(sku=sku).one("Server").inputs["sku"] == {"name": sku, "tier": tier}


def test_a_zone_redundant_standby_is_in_another_zone_and_a_failover_is_no_change(build: Callable[..., Any]) -> None:
    server = build(zones=("2", "3")).one("Server")
    assert server.inputs["availabilityZone"] == "2"
    assert server.inputs["highAvailability"] == {"mode": "ZoneRedundant", "standbyAvailabilityZone": "3"}
    assert server.ignore_changes == ("availabilityZone", "highAvailability.standbyAvailabilityZone")


def test_a_server_without_high_availability_names_no_standby_and_keeps_none(build: Callable[..., Any]) -> None:
    server = build(high_availability="Disabled").one("Server")
    # The SDK says "none" with an empty text.
    assert server.inputs["highAvailability"] == {"mode": "Disabled", "standbyAvailabilityZone": ""}
    assert server.ignore_changes == ("availabilityZone",)


def test_azure_gets_one_write_at_a_time(made: Any) -> None:
    contents = [
        *made.of("AdministratorsMicrosoftEntra"),
        *made.of("Configuration"),
        made.named("database-database"),
    ]
    assert len(contents) > 5
    for earlier, later in itertools.pairwise(contents):
        assert earlier.name in later.depends_on


def test_connections_are_encrypted_and_only_two_extensions_can_be_made(made: Any) -> None:
    values = {each.inputs["configurationName"]: each.inputs["value"] for each in made.of("Configuration")}
    assert values["require_secure_transport"] == "on"
    assert values["ssl_min_protocol_version"] == "TLSv1.2"
    assert values["azure.extensions"] == "PGCRYPTO,PG_TRGM"


def test_it_is_backed_up_elsewhere_too(made: Any) -> None:
    backup = made.one("Server").inputs["backup"]
    assert backup == {"backupRetentionDays": 14, "geoRedundantBackup": "Enabled"}


def test_protection_is_pulumis_and_azures_and_its_lock_is_made_last(made: Any) -> None:
    assert made.one("Server").protect
    assert made.named("database-database").protect
    lock = made.one("ManagementLockByScope")
    assert lock.inputs["level"] == "CanNotDelete"
    assert {"database-database", "database-diagnostics"} <= lock.depends_on


def test_without_protection_it_can_go(build: Callable[..., Any]) -> None:
    made = build(protect=False)
    assert not [each.name for each in made if each.protect or "Lock" in each.type]


@pytest.mark.parametrize(("day", "number"), [("Sunday", 0), ("Monday", 1), ("Saturday", 6)])
def test_maintenance_keeps_to_its_window(build: Callable[..., Any], day: Any, number: int) -> None:
    window = build(maintenance=Maintenance(day=day, hour=3)).one("Server").inputs["maintenanceWindow"]
    assert window == {"customWindow": "Enabled", "dayOfWeek": number, "startHour": 3, "startMinute": 0}
