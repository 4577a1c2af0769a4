"""Rules of what holds data: what the region and the size have to have for it."""

from collections.abc import Iterator

from infra.problem import Problem
from infra.region import REGIONS


def geo_redundant_storage(location: str, storage_redundancy: str) -> Iterator[Problem]:
    """Azure copies to the paired region alone."""
    if storage_redundancy == "GZRS" and not REGIONS[location].pair:
        yield Problem("storageRedundancy", f"is not to be had in {location}, which has no paired region", "use ZRS")


def geo_redundant_backup(location: str, database_geo_backup: bool) -> Iterator[Problem]:
    """Likewise."""
    if database_geo_backup and not REGIONS[location].pair:
        wrong = f"is not to be had in {location}, which has no paired region"
        yield Problem("databaseGeoBackup", wrong, "set it to false with its reason")


def burstable_database(database_sku: str, database_high_availability: str) -> Iterator[Problem]:
    """A burstable server has no standby."""
    if database_sku.startswith("Standard_B") and database_high_availability != "Disabled":
        fix = "use Standard_D2ds_v5 or larger, or set databaseHighAvailability to Disabled with its reason"
        yield Problem("databaseSku", "is burstable, which has no high availability", fix)


def zones_of_the_standby(zones: tuple[str, ...], database_high_availability: str) -> Iterator[Problem]:
    """The standby stands in another zone."""
    if database_high_availability == "ZoneRedundant" and len(zones) == 1:
        fix = "name more zones, or use SameZone or Disabled with its reason"
        yield Problem("databaseHighAvailability", f"needs a second zone, as zones is {zones[0]} alone", fix)


RULES = (geo_redundant_storage, geo_redundant_backup, burstable_database, zones_of_the_standby)
