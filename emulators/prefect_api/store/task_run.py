"""Task runs, those of mapped children included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from prefect.engine.state import Pending

from emulators.prefect_api.column import new_id, now
from emulators.prefect_api.error import RefusedError
from emulators.prefect_api.model import Task, TaskRun, TaskRunState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

UNMAPPED = -1
CREATED = "Task run created"
FIRST_STATE = {"type": "Pending", "message": CREATED}


def get_task_run_info(session: Session, task_run_id: str) -> dict[str, Any]:
    """Return the present state of a task run."""
    run = session.get(TaskRun, task_run_id)
    if run is None:
        raise RefusedError(f"Task run {task_run_id} not found")
    return _info(run)


def mapped_children(session: Session, task_run_id: str) -> dict[str, Any]:
    """Return when a task run's mapped children ran, and how many are in each state."""
    run = session.get(TaskRun, task_run_id)
    if run is None or run.map_index >= 0:
        return {"min_start_time": None, "max_end_time": None, "state_counts": {}}
    children = (TaskRun.flow_run_id == run.flow_run_id, TaskRun.task_id == run.task_id, TaskRun.map_index >= 0)
    extremes = sa.select(sa.func.min(TaskRun.start_time), sa.func.max(TaskRun.end_time)).where(*children)
    first, last = session.execute(extremes).one()
    counts = sa.select(TaskRun.state, sa.func.count().label("runs")).where(*children).group_by(TaskRun.state)
    return {
        "min_start_time": first,
        "max_end_time": last,
        "state_counts": {row.state: row.runs for row in session.execute(counts)},
    }


def get_or_create_task_run(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Return the run of a task, made when there is none."""
    return {"id": get_or_create_task_run_info(session, given)["id"]}


def get_or_create_task_run_info(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Return the run of a task with its state, made when there is none."""
    index = UNMAPPED if given.get("map_index") is None else given["map_index"]
    known = sa.select(TaskRun).where(
        TaskRun.flow_run_id == given["flow_run_id"], TaskRun.task_id == given["task_id"], TaskRun.map_index == index
    )
    run = session.scalar(known)
    if run:
        return _info(run)
    task = session.get(Task, given["task_id"])
    if task is None:
        raise RefusedError("Invalid task ID")
    serialized = Pending(message=CREATED).serialize()
    run_id = insert_task_runs(session, given["flow_run_id"], [task], index, serialized)[0]
    # Prefect Server answers 0 here, although the row has version 1.
    return {"id": run_id, "version": 0, "state": "Pending", "serialized_state": serialized}


def set_task_run_name(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Rename a task run."""
    return _set(session, given, name=given["name"])


def update_task_run_heartbeat(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Note that a task run is alive; an unknown one is no error."""
    _set(session, given, heartbeat=now())
    return {"success": True}


def insert_task_runs(
    session: Session,
    flow_run_id: str,
    tasks: Sequence[Task],
    map_index: int = UNMAPPED,
    serialized: dict[str, Any] | None = None,
) -> list[str]:
    """Insert a pending run for each task and return their ids."""
    if not tasks:
        return []
    moment = now()
    first = {
        "version": 1,
        "state": "Pending",
        "serialized_state": serialized or FIRST_STATE,
    }
    runs = [
        {
            **first,
            "id": new_id(),
            "tenant_id": task.tenant_id,
            "flow_run_id": flow_run_id,
            "task_id": task.id,
            "map_index": map_index,
            "cache_key": task.cache_key,
            "state_timestamp": moment,
            "state_message": CREATED,
        }
        for task in tasks
    ]
    states = [
        {**first, "tenant_id": run["tenant_id"], "task_run_id": run["id"], "timestamp": moment, "message": CREATED}
        for run in runs
    ]
    session.execute(sa.insert(TaskRun), runs)
    session.execute(sa.insert(TaskRunState), states)
    return [str(run["id"]) for run in runs]


def _info(run: TaskRun) -> dict[str, Any]:
    return {"id": run.id, "version": run.version, "state": run.state, "serialized_state": run.serialized_state}


def _set(session: Session, given: dict[str, Any], **values: Any) -> dict[str, Any]:
    run = session.get(TaskRun, given["task_run_id"])
    for name, value in values.items() if run else ():
        setattr(run, name, value)
    return {"success": run is not None}
