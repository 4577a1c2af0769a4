"""The states of flow runs and task runs, and what follows from entering one.

As on Prefect Server any state may follow any other, and the version that a client sends is ignored.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from prefect.engine.state import Cancelled, Cancelling, State
from prefect.serialization.state import StateSchema

from emulators.prefect_api.column import now
from emulators.prefect_api.error import RefusedError
from emulators.prefect_api.model import Agent, FlowRun, FlowRunState, TaskRun, TaskRunState

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

MAX_PAYLOAD = 1_000_000
# For this long nobody else may submit a run: two agents would otherwise run it twice.
SUBMITTED_LOCK = dt.timedelta(seconds=30)
# The states that end a run's clock; Skipped, TriggerFailed and Mapped do not, as on Prefect Server.
ENDING = frozenset({"Success", "Failed", "Cached", "TimedOut", "Looped", "Cancelled"})

SCHEMA = StateSchema()


@dataclass(frozen=True)
class Caller:
    """What the headers of a request say of who sent it."""

    core_version: str | None = None
    agent_id: str | None = None


def set_flow_run_states(session: Session, given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Set the states of flow runs, all or none."""
    for item in given["states"]:
        run = session.get(FlowRun, item["flow_run_id"])
        if run is None:
            raise RefusedError(f"State update failed for flow run ID {item['flow_run_id']}")
        enter_flow_run_state(session, run, _read(item["state"]), caller.agent_id)
    return {"states": [_accepted(item["flow_run_id"]) for item in given["states"]]}


def set_task_run_states(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Set the states of task runs, all or none."""
    for item in given["states"]:
        run = session.get(TaskRun, item["task_run_id"])
        if run is None:
            raise RefusedError(f"State update failed for task run ID {item['task_run_id']}")
        enter_task_run_state(session, run, _read(item["state"]))
    return {"states": [_accepted(item["task_run_id"]) for item in given["states"]]}


def cancel_flow_run(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Cancel a flow run; one that runs is asked to stop, and one that has finished is left alone."""
    run = session.get(FlowRun, given["flow_run_id"])
    if run is None:
        raise RefusedError(f"Invalid flow run ID: {given['flow_run_id']}.")
    state = _read(run.serialized_state)
    if not state.is_finished():
        running = state.is_running()
        wanted = Cancelling("Flow run is cancelling") if running else Cancelled("Flow run is cancelled")
        enter_flow_run_state(session, run, wanted)
    return {"state": run.state}


def enter_flow_run_state(session: Session, run: FlowRun, state: State, agent_id: str | None = None) -> None:
    """Put a flow run into a state.

    Raises:
        RefusedError: the run was submitted a moment ago, and would be submitted again.
    """
    moment = now()
    if state.is_submitted():
        _refuse_second_submission(session, run, moment)
    if isinstance(state, Cancelled):
        for task_run in session.scalars(sa.select(TaskRun).where(TaskRun.flow_run_id == run.id)).all():
            if not _read(task_run.serialized_state).is_finished():
                enter_task_run_state(session, task_run, state)
    session.add(FlowRunState(flow_run_id=run.id, **_enter(run, state, moment)))
    if state.is_running() or state.is_submitted():
        run.heartbeat = moment
    if state.is_submitted() and agent_id and session.get(Agent, agent_id):
        run.agent_id = agent_id
    session.flush()


def enter_task_run_state(session: Session, run: TaskRun, state: State) -> None:
    """Put a task run into a state.

    Raises:
        RefusedError: it is to run while its flow run does not.
    """
    if state.is_running():
        flow_run = session.get_one(FlowRun, run.flow_run_id)
        if flow_run.state != "Running":
            raise RefusedError(
                f"State update failed for task run ID {run.id}: provided a running state but associated flow run"
                f" {run.flow_run_id} is not in a running state."
            )
    inputs = (run.serialized_state or {}).get("cached_inputs")
    if inputs and not state.cached_inputs:
        state.cached_inputs = _read(run.serialized_state).cached_inputs
    moment = now()
    session.add(TaskRunState(task_run_id=run.id, **_enter(run, state, moment)))
    if state.is_running():
        run.heartbeat = moment
    session.flush()


def _enter(run: FlowRun | TaskRun, state: State, moment: dt.datetime) -> dict[str, Any]:
    """Copy a state to its run, and return the values of the row that records it."""
    name, serialized = type(state).__name__, state.serialize()
    run.version = (run.version or 0) + 1
    run.state, run.state_message, run.state_timestamp = name, state.message, moment
    run.state_start_time = getattr(state, "start_time", None)
    run.serialized_state = serialized
    if name == "Running":
        run.start_time = min(run.start_time or moment, moment)
    if name in ENDING:
        run.end_time = max(run.end_time or moment, moment)
    return {
        "tenant_id": run.tenant_id,
        "version": run.version,
        "state": name,
        "message": state.message,
        "timestamp": moment,
        "start_time": run.state_start_time,
        "serialized_state": serialized,
    }


def _refuse_second_submission(session: Session, run: FlowRun, moment: dt.datetime) -> None:
    # Read from the stored states and not from memory, so that a restart forgets no submission.
    recent = sa.select(FlowRunState.id).where(
        FlowRunState.flow_run_id == run.id,
        FlowRunState.state == "Submitted",
        FlowRunState.timestamp > moment - SUBMITTED_LOCK,
    )
    if session.scalar(recent.limit(1)):
        raise RefusedError("State update failed: this run has already been submitted.")


def _read(serialized: Any) -> State:
    if not isinstance(serialized, dict):
        raise RefusedError("Invalid state: an object is needed.")
    if sys.getsizeof(json.dumps(serialized)) > MAX_PAYLOAD:
        raise RefusedError("State payload is too large.")
    try:
        state = SCHEMA.load(serialized)
    except Exception as error:  # noqa: BLE001 - a client's state can break its schema in any way
        raise RefusedError(f"Invalid state: {str(error)[:200]}") from None
    if not isinstance(state, State):
        raise RefusedError("Invalid state.")
    return state


def _accepted(run_id: str) -> dict[str, Any]:
    return {"id": run_id, "status": "SUCCESS", "message": None}
