"""Smoke runs: each of some registered flows run once with its parameters' defaults, and what came of it.

A run that does not end in time is given up, and none is left behind as if somebody still saw to it.
"""

import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from typing import Any

from delivery.error import DeliveryError
from delivery.pr_project import interrupt
from delivery.pr_project.agent import Agent
from registration.api import Api
from registration.error import RefusedError, RegistrationError

POLL_SECONDS = 1.0
# Each is a process, on the one machine that runs the command.
_AT_A_TIME = 4
_GOOD = frozenset({"Success", "Skipped", "Cached"})
GONE = "Gone"
"""The state of a run that is no longer on the server."""
ENDED = _GOOD | {"Failed", "Cancelled", "TimedOut", "TriggerFailed", "Looped"}

_CREATE = "mutation($input: create_flow_run_input!) { create_flow_run(input: $input) { id } }"
_CANCEL = "mutation($input: cancel_flow_run_input!) { cancel_flow_run(input: $input) { state } }"
_SET = "mutation($input: set_flow_run_states_input!) { set_flow_run_states(input: $input) { states { status } } }"
_STATES = """query($ids: [uuid!]) {
  flow_run(where: {id: {_in: $ids}}) {
    id state state_message
    task_runs(where: {state: {_eq: "Failed"}}, limit: 1) { state_message task { name } }
  }
}"""


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a smoke run ended; `state` is Prefect's, None for a flow that was not run, or `GONE`."""

    flow: str
    state: str | None
    message: str = ""
    run: str | None = None

    @property
    def good(self) -> bool:
        """Whether nothing went wrong; a flow that needs a caller's word for a parameter has done nothing wrong."""
        return self.state is None or self.state in _GOOD


@dataclass(kw_only=True)
class Smoke:
    """Some smoke runs.

    Args:
        api: The Prefect API.
        agent: Starts who runs them, and ends it.
        seconds: What each run may take.
        tell: Called with each result as it comes.
    """

    api: Api
    agent: Callable[[], AbstractContextManager[Agent]]
    seconds: float
    tell: Callable[[Result], None]
    _open: dict[str, tuple[str, float]] = field(default_factory=dict)
    """What still runs: the flow, and when it has to have ended, by the run's id."""
    _late: list[str] = field(default_factory=list)

    def run(self, flows: Mapping[str, str]) -> list[Result]:
        """Run flows, given by their names with their ids, a few at a time.

        Raises:
            DeliveryError: the agent stopped.
        """
        waiting = sorted(flows.items(), reverse=True)
        results: list[Result] = []
        try:
            with self.agent() as agent:
                while waiting or self._open:
                    while waiting and len(self._open) < _AT_A_TIME:
                        results += self._start(*waiting.pop())
                    agent.check()
                    results += self._ended()
                    time.sleep(POLL_SECONDS if self._open else 0)
        finally:
            # Nobody is left to do it.
            with interrupt.ignored():
                _set_cancelled(self.api, [*self._open, *self._late])
        return sorted(results, key=lambda result: result.flow)

    def _start(self, name: str, flow_id: str) -> list[Result]:
        # The key lets the request be sent twice, when an answer is lost.
        given = {"flow_id": flow_id, "idempotency_key": uuid.uuid4().hex}
        try:
            run = self.api.transport.send(_CREATE, {"input": given})["create_flow_run"]["id"]
        except RefusedError as error:
            if "Required parameters" not in str(error):
                raise DeliveryError(f"flow {name} cannot be run: {error}") from error
            missing = str(error).partition("not supplied:")[2].strip(" {}") or "a parameter"
            return self._told(Result(flow=name, state=None, message=f"no default for {missing}"))
        self._open[run] = (name, time.monotonic() + self.seconds)
        return []

    def _ended(self) -> list[Result]:
        asked = self.api.transport.send(_STATES, {"ids": list(self._open)})["flow_run"] if self._open else []
        rows = {row["id"]: row for row in asked}
        ended = []
        for run, (name, deadline) in list(self._open.items()):
            row = rows.get(run)
            if row is None:
                result = Result(flow=name, state=GONE, message="the server has the run no more", run=run)
            elif row["state"] in ENDED:
                result = Result(flow=name, state=row["state"], message=_why(row), run=run)
            elif time.monotonic() > deadline:
                self._give_up(run)
                late = f"it was {row['state']} after {self.seconds:.0f} seconds"
                result = Result(flow=name, state="TimedOut", message=late, run=run)
            else:
                continue
            del self._open[run]
            ended += self._told(result)
        return ended

    def _give_up(self, run: str) -> None:
        self._late.append(run)
        # It may be gone by now.
        with suppress(RefusedError):
            cancel(self.api, run)

    def _told(self, result: Result) -> list[Result]:
        self.tell(result)
        return [result]


def cancel(api: Api, run: str) -> None:
    """Ask a flow run to end; one that has ended stays as it is."""
    api.transport.send(_CANCEL, {"input": {"flow_run_id": run}})


def _set_cancelled(api: Api, runs: list[str]) -> None:
    """Note that runs are over, whose processes are gone; they may be so on an API that is gone, too."""
    state = {"type": "Cancelled", "message": "The smoke run was given up."}
    with suppress(RegistrationError):
        asked = api.transport.send(_STATES, {"ids": runs})["flow_run"] if runs else []
        left = [row["id"] for row in asked if row["state"] not in ENDED]
        states = [{"flow_run_id": run, "version": None, "state": state} for run in left]
        if states:
            api.transport.send(_SET, {"input": {"states": states}})


def _why(row: Mapping[str, Any]) -> str:
    """Say why a run did not succeed: what its first failed task said, else its own state."""
    if row["state"] in _GOOD:
        return ""
    failed = next(iter(row["task_runs"]), None)
    said = f"{failed['task']['name']}: {failed['state_message']}" if failed else row["state_message"] or ""
    return " ".join(str(said).split())[:300]
