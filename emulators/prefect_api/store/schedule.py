"""Schedules: which runs a flow's clocks ask for."""

from __future__ import annotations

import hashlib
import json
import logging
from typing import TYPE_CHECKING, Any

import pendulum
import sqlalchemy as sa
from prefect.serialization.schedule import ScheduleSchema

from emulators.prefect_api.column import now
from emulators.prefect_api.error import RefusedError
from emulators.prefect_api.model import Flow, FlowGroup, FlowRun
from emulators.prefect_api.store import flow_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

RUNS_AHEAD = 10

logger = logging.getLogger(__name__)


def set_schedule_active(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Activate a flow's schedule and schedule its next runs; false when it has none."""
    flow = session.get(Flow, given["flow_id"])
    return {"success": flow is not None and activate(session, flow)}


def set_schedule_inactive(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Stop a flow's schedule and delete the runs that it has scheduled."""
    flow = session.get(Flow, given["flow_id"])
    if flow:
        flow.is_schedule_active = False
        delete_scheduled_runs(session, FlowRun.flow_id == flow.id)
    return {"success": flow is not None}


def activate(session: Session, flow: Flow) -> bool:
    """Activate a flow's schedule; false when neither it nor its group has one.

    Raises:
        RefusedError: a clock leaves a required parameter without a value.
    """
    group = _group(session, flow)
    if flow.schedule is not None:
        required = {item.get("name") for item in flow.parameters if item.get("required")}
        required -= set(group.default_parameters or {})
        clocks = flow.schedule.get("clocks") or []
        if any(required - set(clock.get("parameter_defaults") or {}) for clock in clocks):
            raise RefusedError("Can not schedule a flow that has required parameters.")
    elif group.schedule is None:
        return False
    flow.is_schedule_active = True
    schedule_flow_runs(session, flow)
    return True


def activate_if_possible(session: Session, flow: Flow) -> None:
    """Activate a schedule as part of a registration, which does not fail by it."""
    try:
        with session.begin_nested():
            activate(session, flow)
    except RefusedError as error:
        logger.warning("flow %s is registered, but its schedule is not active: %s", flow.id, error)


def delete_scheduled_runs(session: Session, which: sa.ColumnElement[bool]) -> None:
    """Delete the runs that schedules made and nobody has started."""
    waiting = (FlowRun.state == "Scheduled", FlowRun.auto_scheduled.is_(True))
    session.execute(sa.delete(FlowRun).where(which, *waiting).execution_options(synchronize_session=False))


def schedule_flow_runs(session: Session, flow: Flow) -> list[str]:
    """Schedule the next runs of an active flow, and return the ids of the new ones."""
    session.flush()
    serialized = _group(session, flow).schedule or flow.schedule
    if serialized is None or not flow.is_schedule_active or flow.archived:
        return []
    events = _events(serialized, flow.id)
    latest = sa.select(sa.func.max(FlowRun.scheduled_start_time)).where(
        FlowRun.flow_id == flow.id, FlowRun.auto_scheduled.is_(True)
    )
    last = session.scalar(latest) or now()
    made = []
    for event in events:
        told_apart = bool(event.parameter_defaults) or event.labels is not None
        if not told_apart and event.start_time <= last:
            continue
        made += flow_run.schedule_run(session, flow, event, _key(event, told_apart=told_apart))
    return made


def _group(session: Session, flow: Flow) -> FlowGroup:
    group = session.get(FlowGroup, flow.flow_group_id)
    if group is None:
        raise RefusedError(f"Flow {flow.id} has no flow group.")
    return group


def _events(serialized: Any, flow_id: str) -> list[Any]:
    def read() -> Iterator[Any]:
        yield from ScheduleSchema().load(serialized).next(RUNS_AHEAD, return_events=True)

    try:
        return list(read())
    except Exception:
        logger.warning("the schedule of flow %s cannot be read", flow_id, exc_info=True)
        return []


def _key(event: Any, *, told_apart: bool) -> str:
    key = f"auto-scheduled:{pendulum.instance(event.start_time).in_tz('UTC')}"
    if not told_apart:
        return key
    what = json.dumps([event.parameter_defaults, event.labels], sort_keys=True, default=str)
    return f"{key}:{hashlib.md5(what.encode(), usedforsecurity=False).hexdigest()}"
