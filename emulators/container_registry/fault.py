"""What goes wrong on demand, for tests: an answer in place of the stand-in's own, a given number of times."""

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Place = Literal[
    "registry",
    "import",
    "operation",
    "tag",
    "token",
    "source",
    "upload",
    "schedule",
    "run",
    "link",
    "log",
    "pool",
    "scale",
    "blob",
]
"""Of an import: Azure's registry resource, the import, its result. Of a registry: its tags, its tokens. Of a build:
where its source goes, the upload there, the request for a run, the run, where its log is, the log, the pool of its
machine, the request for another number of them. Any other blob."""
PLACES: tuple[str, ...] = get_args(Place)
NEVER = 202
"""As the status of an operation: it goes on."""
STATES = {
    "run": ("Queued", "Running", "Succeeded", "Failed", "Canceled", "Error", "Timeout"),
    "pool": ("Creating", "Updating", "Deleting", "Succeeded", "Failed", "Canceled"),
}
_OF_REGISTRIES = ("tag", "token")


@dataclass(kw_only=True)
class Fault:
    """One answer, a number of times, after a number of answers that are the stand-in's own."""

    at: Place
    status: int = 500
    times: int = 1
    after: int = 0
    code: str = ""
    message: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    """The connection ends in the middle of the answer."""
    done: bool = False
    """What was asked for is done all the same."""
    ends: str = ""
    """A run is told to be at this status, with the message in its log, or a pool: there is no other answer then."""

    def __post_init__(self) -> None:
        if self.at not in PLACES:
            raise ValueError(f"{self.at!r} is none of {', '.join(PLACES)}")
        if self.ends and self.ends not in STATES.get(self.at, ()):
            told = "; ".join(f"a {place} as one of {', '.join(states)}" for place, states in STATES.items())
            raise ValueError(f"{told}; nothing else ends")

    def body(self) -> dict[str, Any]:
        """Say it as Azure's API does, or as a registry does."""
        said = {"code": self.code, "message": self.message}
        return {"errors": [said]} if self.at in _OF_REGISTRIES else {"error": said}


@dataclass
class Faults:
    """The faults that are still to come."""

    pending: list[Fault] = field(default_factory=list)

    def replace(self, given: list[dict[str, Any]]) -> None:
        """Have these and no others.

        Raises:
            TypeError, ValueError: one of them is not a fault.
        """
        self.pending = [Fault(**each) for each in given]

    def take(self, place: str) -> Fault | None:
        """Use up one fault of a place, if there is one and its turn has come."""
        fault = next((fault for fault in self.pending if fault.at == place and fault.times > 0), None)
        if fault and fault.after > 0:
            fault.after -= 1
            return None
        if fault:
            fault.times -= 1
        return fault
