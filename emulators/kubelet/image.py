"""What the emulator does with a container, by the name of its image."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase


class Treatment(Enum):
    """What becomes of a container."""

    RUN = "its command runs as a local process"
    MISSING = "its image cannot be pulled"
    NOT_HERE = "nothing runs; it is reported as running"


@dataclass(frozen=True, kw_only=True)
class Images:
    """Patterns of image names, as a shell's; an image that is in both lists is missing."""

    run: Sequence[str] = ()
    missing: Sequence[str] = ()

    def treatment(self, image: str) -> Treatment:
        """Say what becomes of a container with this image."""
        if any(fnmatchcase(image, pattern) for pattern in self.missing):
            return Treatment.MISSING
        if any(fnmatchcase(image, pattern) for pattern in self.run):
            return Treatment.RUN
        return Treatment.NOT_HERE
