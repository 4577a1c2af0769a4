"""What the name of an Azure virtual machine size says: its family, its processors and its features."""

import re
from dataclasses import dataclass

SHAPE = re.compile(
    r"^Standard_(?P<family>[A-Z]+)(?P<cpus>\d+)(?:-\d+)?(?P<features>[a-z]*)(?:_[A-Z][A-Za-z0-9]*)*?(?:_v(?P<version>\d+))?$"
)
# The first versions of these families whose sizes have a local disk only where a `d` in the name says so.
DISK_BY_NAME = {"B": 2, "D": 4, "E": 4, "F": 6}
AMD_WITH_DISK = 4
# Of D and E sizes with a `d`, those with fewer processors have a disk smaller than the 128 GiB of a node's system.
CPUS_FOR_A_SYSTEM_DISK = 4


@dataclass(frozen=True)
class MachineSize:
    """A size, taken apart."""

    family: str
    cpus: int
    features: str
    version: int

    @property
    def burstable(self) -> bool:
        """Whether it saves up processor time and has little once that is spent."""
        return self.family == "B"

    @property
    def arm(self) -> bool:
        """Whether its processor is an Arm one, for which images have to be built apart."""
        return "p" in self.features

    @property
    def local_disk(self) -> bool:
        """Whether it may have a local disk that a node's system fits on; unknown families are taken to have one."""
        by_name = self.version >= DISK_BY_NAME.get(self.family, self.version + 1)
        if self.family in ("D", "E") and by_name and self.cpus < CPUS_FOR_A_SYSTEM_DISK:
            return False
        # Da_v4, Das_v4, Ea_v4 and Eas_v4 have a local disk without a `d`.
        return not by_name or "d" in self.features or ("a" in self.features and self.version == AMD_WITH_DISK)


def parse(name: str) -> MachineSize | None:
    """Take a size's name apart; nothing for what is not shaped like one."""
    found = SHAPE.match(name)
    if not found:
        return None
    version = int(found["version"] or 1)
    return MachineSize(family=found["family"], cpus=int(found["cpus"]), features=found["features"], version=version)
