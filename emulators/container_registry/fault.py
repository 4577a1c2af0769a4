"""What goes wrong on demand, for tests: an answer in place of the stand-in's own, a given number of times."""

from dataclasses import dataclass, field
from typing import Any, Literal

PLACES = ("registry", "import", "operation", "tag", "token")
NEVER = 202
"""As the status of an operation: it goes on."""


@dataclass(kw_only=True)
class Fault:
    """One answer; `cut` ends the connection in the middle of it."""

    at: Literal["registry", "import", "operation", "tag", "token"]
    """Azure's registry resource, its import, the import's result, the registry's tags, its tokens."""
    status: int = 500
    times: int = 1
    code: str = ""
    message: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False

    def body(self) -> dict[str, Any]:
        """Say it as Azure's API does, or as a registry does."""
        said = {"code": self.code, "message": self.message}
        return {"errors": [said]} if self.at in {"tag", "token"} else {"error": said}


@dataclass
class Faults:
    """The faults that are still to come."""

    pending: list[Fault] = field(default_factory=list)

    def replace(self, given: list[dict[str, Any]]) -> None:
        """Have these and no others.

        Raises:
            TypeError, ValueError: one of them is not a fault.
        """
        faults = [Fault(**each) for each in given]
        if wrong := [fault.at for fault in faults if fault.at not in PLACES]:
            raise ValueError(f"{wrong[0]!r} is none of {', '.join(PLACES)}")
        self.pending = faults

    def take(self, place: str) -> Fault | None:
        """Use up one fault of a place, if there is one."""
        fault = next((fault for fault in self.pending if fault.at == place and fault.times > 0), None)
        if fault:
            fault.times -= 1
        return fault
