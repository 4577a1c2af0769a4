"""A closed registry's own build machine: a pool that has one while an image is built, and none else.

It is paid for by the second, also while it waits. Whoever needs it imports it inside a function, as `image_build` does.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import ResourceNotFoundError
from azure.mgmt.containerregistrytasks.models import (
    AgentPoolPropertiesUpdateParameters,
    AgentPoolUpdateParameters,
)

from components.build_service import asking
from components.registry_client import place_of
from registration.azure_endpoint import AzureError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from azure.mgmt.containerregistrytasks import ContainerRegistryTasksMgmtClient

START_SECONDS = 900.0
"""How long a machine may take to start, with what was under way in its pool before."""
STOP_SECONDS = 300.0
POLL_SECONDS = 3.0

_UNDER_WAY = ("Creating", "Updating", "Deleting")
_SUCCEEDED = "Succeeded"
_DOING = {0: "stopping", 1: "starting"}


@dataclass(frozen=True, kw_only=True)
class BuildMachine:
    """The pool of one registry; it raises AzureError, whose text is one line and says what to do."""

    registry_id: str
    pool: str

    @contextmanager
    def running(self, tell: Callable[[str], None]) -> Iterator[None]:
        """Have a machine that builds, and none in the end, however that comes.

        Args:
            tell: Takes each line about it as it comes.
        """
        # Who may not look at the pool has started nothing.
        self._look()
        try:
            if state := self._scale(1, START_SECONDS, tell):
                raise AzureError(
                    f"the build machine did not start ({state}); look at it with `{self._command('show')}`, "
                    "and run this again"
                )
            yield
        finally:
            self.stop(tell)

    def stop(self, tell: Callable[[str], None]) -> None:
        """Have no machine; where that fails it is told, and is no error: what was built is built."""
        try:
            why = self._scale(0, STOP_SECONDS, tell)
        except AzureError as error:
            why = str(error)
        if why:
            tell(
                "the build machine could not be stopped, and is paid for until "
                f"`{self._command('update')} --count 0` is run: {why}"
            )

    def _scale(self, count: int, seconds: float, tell: Callable[[str], None]) -> str:
        """Have no machine, or at least one; return the state that was the pool's instead, if it came to another."""
        if self._is_at(count, *self._look()):
            return ""
        tell(f"{_DOING[count]} the build machine")
        deadline, asked = time.monotonic() + seconds, False
        while not self._is_at(count, *(now := self._look())):
            state, _ = now
            if not asked and state not in _UNDER_WAY:
                self._ask_for(count)
                asked = True
            elif state not in (*_UNDER_WAY, _SUCCEEDED) or time.monotonic() > deadline:
                return state
            else:
                time.sleep(POLL_SECONDS)
        return ""

    @staticmethod
    def _is_at(count: int, state: str, machines: int) -> bool:
        return state == _SUCCEEDED and min(machines, 1) == count

    def _look(self) -> tuple[str, int]:
        """Ask for the pool's state and the number of its machines."""
        with self._asking() as (client, group, registry, options):
            found = client.agent_pools.get(group, registry, self.pool, **options)
            return str(getattr(found.provisioning_state, "value", found.provisioning_state)), found.count or 0

    def _ask_for(self, count: int) -> None:
        with self._asking() as (client, group, registry, options):
            wanted = AgentPoolUpdateParameters(properties=AgentPoolPropertiesUpdateParameters(count=count))
            client.agent_pools.begin_update(group, registry, self.pool, wanted, polling=False, **options)

    def _command(self, verb: str) -> str:
        return f"az acr agentpool {verb} --registry {place_of(self.registry_id)[2]} --name {self.pool}"

    @contextmanager
    def _asking(self) -> Iterator[tuple[ContainerRegistryTasksMgmtClient, str, str, dict[str, Any]]]:
        with asking("scaling the build machine", self.registry_id) as asked:
            try:
                yield asked
            except ResourceNotFoundError as error:
                raise AzureError(
                    f"Azure knows no agent pool {self.pool} in registry {self.registry_id}; run `pulumi refresh`, "
                    "then again"
                ) from error
