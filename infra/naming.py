"""Names that are unique in all of Azure, made of the environment's name and the team's suffix.

A change here renames what holds data, which Azure can only do by making it anew.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields

PRODUCT = "prefect"
ENVIRONMENT = re.compile(r"^[a-z][a-z0-9]{1,9}$")
# Azure refuses these words anywhere in the name of what the internet can reach.
RESERVED = ("microsoft", "windows")
LIMITS = {
    "storage": (3, 24, "storage account"),
    "registry": (5, 50, "container registry"),
    "database": (3, 63, "database server"),
    "deployer": (3, 44, "agent pool"),
}


@dataclass(frozen=True)
class Names:
    """One environment's names."""

    base: str
    """What names that are unique in the resource group alone are made of."""
    storage: str
    registry: str
    database: str
    deployer: str


def names(environment: str, suffix: str) -> Names:
    """Make an environment's names."""
    return Names(
        base=f"{PRODUCT}-{environment}",
        storage=f"st{PRODUCT}{environment}{suffix}",
        registry=f"cr{PRODUCT}{environment}{suffix}",
        database=f"psql-{PRODUCT}-{environment}-{suffix}",
        deployer=f"mdp-{PRODUCT}-{environment}-{suffix}",
    )


def faults(made: Names) -> Iterator[str]:
    """Say what Azure would refuse, as the rest of a sentence about the suffix."""
    for kind, (least, most, what) in LIMITS.items():
        name = getattr(made, kind)
        if not least <= len(name) <= most:
            yield f"makes the {what}'s name {name} {len(name)} characters long, where Azure takes {least} to {most}"
    for word in RESERVED:
        if any(word in getattr(made, field.name) for field in fields(made)):
            yield f"makes names with the word {word}, which Azure reserves"
            return
