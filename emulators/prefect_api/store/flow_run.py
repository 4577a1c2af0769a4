"""Flow runs: making them, and handing them to agents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from prefect.engine.state import Scheduled

from emulators.prefect_api.column import new_id, now
from emulators.prefect_api.error import RefusedError
from emulators.prefect_api.model import Agent, Flow, FlowGroup, FlowRun, Task, TaskRun
from emulators.prefect_api.store import state, task_run
from emulators.prefect_api.store.name import run_name

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

WAITING = ("Scheduled", "Paused", "Queued", "Resume", "Retrying")
# Prefect Server reads more runs than it hands out, because some of them have labels of other agents.
QUEUE_ANSWER = 25
QUEUE_READ = 3 * QUEUE_ANSWER


def create_flow_run(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Schedule a run; an idempotency key that the flow has a run of answers that run."""
    flow = _flow(session, given.get("flow_id"), given.get("version_group_id"))
    for name in ("parameters", "context", "run_config"):
        if given.get(name) is not None and not isinstance(given[name], dict):
            raise RefusedError(f"Invalid {name}: an object is needed.")
    known = _known_run(session, flow, given.get("idempotency_key"))
    return {"id": known or _insert(session, flow, given).id}


def schedule_run(session: Session, flow: Flow, event: Any, key: str) -> list[str]:
    """Make the run that a schedule's event asks for; nothing when there is one of this key."""
    if _known_run(session, flow, key):
        return []
    asked = {
        "scheduled_start_time": event.start_time,
        "parameters": event.parameter_defaults,
        "labels": event.labels,
        "idempotency_key": key,
    }
    return [_insert(session, flow, asked, auto_scheduled=True).id]


def set_flow_run_name(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Rename a run."""
    return _set(session, given, name=given["name"])


def set_flow_run_labels(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Replace the labels of a run."""
    return _set(session, given, labels=sorted(given["labels"]))


def update_flow_run_heartbeat(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Note that the process of a run is alive; an unknown run is no error."""
    _set(session, given, heartbeat=now())
    return {"success": True}


def delete_flow_run(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Delete a run with its task runs and logs."""
    run = session.get(FlowRun, given["flow_run_id"])
    if run:
        session.delete(run)
    return {"success": run is not None}


def get_runs_in_queue(session: Session, given: dict[str, Any], caller: state.Caller) -> dict[str, Any]:
    """Return the runs that are due and whose labels the agent has, the longest waiting first."""
    agent = session.get(Agent, caller.agent_id) if caller.agent_id else None
    if agent:
        agent.last_queried = now()
    before = given.get("before") or now()
    due_task = sa.exists().where(
        TaskRun.flow_run_id == FlowRun.id, TaskRun.state.in_(WAITING), TaskRun.state_start_time <= before
    )
    due = sa.or_(
        sa.and_(FlowRun.state.in_(WAITING), FlowRun.state_start_time <= before),
        sa.and_(FlowRun.state == "Running", due_task),
    )
    oldest = (
        sa.select(FlowRun.id, FlowRun.labels)
        .where(FlowRun.tenant_id == given["tenant_id"], due)
        .order_by(FlowRun.state_start_time.asc().nulls_last())
        .limit(QUEUE_READ)
    )
    labels = set(given.get("labels") or [])
    ids = [run_id for run_id, needed in session.execute(oldest) if set(needed) <= labels and (needed or not labels)]
    return {"flow_run_ids": ids[:QUEUE_ANSWER]}


def _flow(session: Session, flow_id: str | None, version_group_id: str | None) -> Flow:
    if flow_id:
        flow = session.get(Flow, flow_id)
        missing = f"Flow {flow_id} not found"
    elif version_group_id:
        unarchived = sa.select(Flow).where(Flow.version_group_id == version_group_id, Flow.archived.is_(False))
        flow = session.scalar(unarchived.order_by(Flow.version.desc()).limit(1))
        missing = f"Version group {version_group_id} has no unarchived flows."
    else:
        raise RefusedError("One of flow_id or version_group_id must be provided.")
    if flow is None:
        raise RefusedError(missing)
    if flow.archived:
        raise RefusedError(f"Flow {flow.id} is archived.")
    return flow


def _known_run(session: Session, flow: Flow, key: str | None) -> str | None:
    if key is None:
        return None
    return session.scalar(sa.select(FlowRun.id).where(FlowRun.flow_id == flow.id, FlowRun.idempotency_key == key))


def _insert(session: Session, flow: Flow, given: dict[str, Any], *, auto_scheduled: bool = False) -> FlowRun:
    group = session.get_one(FlowGroup, flow.flow_group_id)
    start = given.get("scheduled_start_time") or now()
    run = FlowRun(
        id=new_id(),
        tenant_id=flow.tenant_id,
        flow_id=flow.id,
        name=given.get("flow_run_name") or run_name(),
        idempotency_key=given.get("idempotency_key"),
        labels=_labels(flow, group, given),
        parameters=_parameters(flow, group, given.get("parameters") or {}),
        run_config=next(
            (c for c in (given.get("run_config"), group.run_config, flow.run_config) if c is not None), None
        ),
        context=given.get("context") or {},
        scheduled_start_time=start,
        auto_scheduled=auto_scheduled,
        version=0,
    )
    session.add(run)
    session.flush()
    tasks = session.scalars(sa.select(Task).where(Task.flow_id == flow.id)).all()
    task_run.insert_task_runs(session, run.id, tasks)
    state.enter_flow_run_state(session, run, Scheduled(message="Flow run scheduled.", start_time=start))
    return run


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _labels(flow: Flow, group: FlowGroup, given: dict[str, Any]) -> list[str]:
    if given.get("labels") is not None:
        return sorted(given["labels"])
    if given.get("run_config") is not None:
        found = given["run_config"].get("labels")
    elif group.labels is not None:
        found = group.labels
    else:
        found = (_first(group.run_config, flow.run_config, flow.environment) or {}).get("labels")
    if not isinstance(found or [], list) or not all(isinstance(label, str) for label in found or []):
        raise RefusedError("Invalid labels: a list of texts is needed.")
    return sorted(found or [])


def _parameters(flow: Flow, group: FlowGroup, given: dict[str, Any]) -> dict[str, Any]:
    values = {item["name"]: item["default"] for item in flow.parameters if item["default"]}
    values |= {**(group.default_parameters or {}), **given}
    missing = {item["name"] for item in flow.parameters if item["required"]} - set(values)
    if missing:
        raise RefusedError(f"Required parameters were not supplied: {missing}")
    return values


def _set(session: Session, given: dict[str, Any], **values: Any) -> dict[str, Any]:
    run = session.get(FlowRun, given["flow_run_id"])
    for name, value in values.items() if run else ():
        setattr(run, name, value)
    return {"success": run is not None}
