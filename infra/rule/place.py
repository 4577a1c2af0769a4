"""Rules of where an environment lies and what it is called."""

from collections.abc import Iterator

from infra import naming
from infra.problem import Problem
from infra.region import REGIONS


def stack_name(environment: str) -> Iterator[Problem]:
    """Names of resources are made of it."""
    if not naming.ENVIRONMENT.match(environment):
        yield Problem(
            "",
            f"the stack's name {environment!r} cannot be part of Azure's names",
            "use 2 to 10 lower-case letters and digits, a letter first",
        )


def global_names(environment: str, name_suffix: str) -> Iterator[Problem]:
    """Azure's limits for names that are unique in all of Azure."""
    if naming.ENVIRONMENT.match(environment):
        for fault in naming.faults(naming.names(environment, name_suffix)):
            yield Problem("nameSuffix", fault, "use another or a shorter one")


def region_zones(location: str) -> Iterator[Problem]:
    """Everything zonal is placed by number."""
    if not REGIONS[location].zones:
        yield Problem(
            "location",
            "has no availability zones",
            "use a region that has them, such as " + (REGIONS[location].pair or "westeurope"),
        )


RULES = (stack_name, global_names, region_zones)
