"""Flow groups: the settings that all the versions of a flow share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pendulum
from prefect.serialization.schedule import ClockSchema

from emulators.prefect_api.error import RefusedError
from emulators.prefect_api.model import Flow, FlowGroup, FlowRun
from emulators.prefect_api.store import schedule

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def disable_flow_heartbeat(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Stop the zombie killer from judging a flow's runs."""
    return _settings(session, given, heartbeat_enabled=False, disable_heartbeat=True)


def enable_flow_heartbeat(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Let the zombie killer judge a flow's runs."""
    return _settings(session, given, heartbeat_enabled=True, disable_heartbeat=False)


def disable_flow_lazarus_process(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Stop Lazarus from rescheduling a flow's runs."""
    return _settings(session, given, lazarus_enabled=False)


def enable_flow_lazarus_process(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Let Lazarus reschedule a flow's runs."""
    return _settings(session, given, lazarus_enabled=True)


def delete_flow_group(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Delete a group with all its versions."""
    group = _group(session, given)
    if group:
        session.delete(group)
    return {"success": group is not None}


def set_flow_group_description(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Describe a group."""
    return _set(session, given, description=given.get("description"))


def set_flow_group_labels(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Replace the labels of a group's flows."""
    labels = given.get("labels")
    return _set(session, given, labels=None if labels is None else sorted(labels))


def set_flow_group_run_config(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Replace the run config of a group's flows."""
    run_config = given.get("run_config")
    if run_config is not None and not isinstance(run_config, dict):
        raise RefusedError("Invalid run config: an object is needed.")
    return _set(session, given, run_config=run_config)


def set_flow_group_default_parameters(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Set the values of parameters that a run is not given."""
    if not isinstance(given["parameters"], dict):
        raise RefusedError("Invalid default parameters: an object is needed.")
    return _set(session, given, default_parameters=given["parameters"])


def set_flow_group_schedule(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Replace the schedules of a group's flows; the scheduler makes the new runs."""
    start = _start_date(given.get("timezone"))
    clocks = [{"type": "CronClock", **clock} for clock in given.get("cron_clocks") or []]
    clocks += [
        {"type": "IntervalClock", **clock, "interval": clock["interval"] * 1_000_000}
        for clock in given.get("interval_clocks") or []
    ]
    dated = [{**clock, "start_date": start} for clock in clocks]
    for clock in dated:
        try:
            ClockSchema().load(clock)
        except Exception:  # noqa: BLE001 - the schema's clocks raise errors of many kinds
            raise RefusedError(f"Invalid clock provided for schedule: {clock}") from None
    _delete_scheduled_runs(session, given)
    return _set(session, given, schedule={"type": "Schedule", "clocks": dated})


def delete_flow_group_schedule(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Give a group's flows their own schedules back."""
    _delete_scheduled_runs(session, given)
    return _set(session, given, schedule=None)


def _group(session: Session, given: dict[str, Any]) -> FlowGroup | None:
    return session.get(FlowGroup, given["flow_group_id"])


def _set(session: Session, given: dict[str, Any], **values: Any) -> dict[str, Any]:
    group = _group(session, given)
    for name, value in values.items() if group else ():
        setattr(group, name, value)
    return {"success": group is not None}


def _settings(session: Session, given: dict[str, Any], **values: bool) -> dict[str, Any]:
    flow = session.get(Flow, given["flow_id"])
    group = session.get(FlowGroup, flow.flow_group_id) if flow else None
    if group is None:
        raise RefusedError("Invalid flow id.")
    group.settings = {**group.settings, **values}
    return {"success": True}


def _start_date(timezone: str | None) -> dict[str, str] | None:
    if not timezone:
        return None
    if timezone not in pendulum.timezones:  # type: ignore[attr-defined] # exported, but not in __all__
        raise RefusedError(f"Invalid timezone provided for schedule: {timezone}")
    return {"dt": pendulum.now(timezone).naive().isoformat(), "tz": timezone}


def _delete_scheduled_runs(session: Session, given: dict[str, Any]) -> None:
    flows = Flow.__table__.select().with_only_columns(Flow.id).where(Flow.flow_group_id == given["flow_group_id"])
    schedule.delete_scheduled_runs(session, FlowRun.flow_id.in_(flows))
