"""What goes wrong on demand, for tests: an answer in place of the stand-in's own, a given number of times."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import HTMLResponse, JSONResponse, Response

_SIGN_IN = 203
"""What Azure DevOps answers with a page to sign in at."""


@dataclass(kw_only=True)
class Fault:
    """One answer, to requests whose method and path hold a text; `seconds` is how long it takes."""

    at: str
    status: int = 500
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    message: str = "emulated"
    seconds: float = 0

    async def answer(self) -> Response:
        """Give it."""
        await asyncio.sleep(self.seconds)
        if self.status == _SIGN_IN:
            return HTMLResponse("<html>Azure DevOps Services | Sign In</html>", self.status, self.headers)
        return JSONResponse({"message": self.message}, self.status, self.headers)


@dataclass
class Faults:
    """The faults that are still to come."""

    pending: list[Fault] = field(default_factory=list)

    def replace(self, given: Iterable[dict[str, Any]]) -> None:
        """Have these and no others.

        Raises:
            TypeError: one of them is not a fault.
        """
        self.pending = [Fault(**each) for each in given]

    def take(self, asked: str) -> Fault | None:
        """Use up one fault for a request, if there is one."""
        fault = next((fault for fault in self.pending if fault.at in asked and fault.times > 0), None)
        if fault:
            fault.times -= 1
        return fault
