"""Flows: registering, archiving and deleting versions.

Unlike Prefect Server, a failed registration leaves nothing behind: not the flow, and not its idempotency key.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from packaging.version import InvalidVersion, Version
from prefect.engine.state import Cancelled

from emulators.prefect_api.column import new_id
from emulators.prefect_api.error import RefusedError
from emulators.prefect_api.hasura.value import storable
from emulators.prefect_api.model import Flow, FlowGroup, FlowRun, Project
from emulators.prefect_api.store import schedule, state
from emulators.prefect_api.store.flow_part import add_edges, add_tasks, parsed_parameters

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

OLDEST_CORE = Version("0.6.1")
# A body of a few megabytes can unpack to a thousand times as much.
MAX_UNPACKED = 256 * 1024 * 1024


def create_flow_from_compressed_string(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Register a flow that is sent as base64 of gzipped JSON."""
    return create_flow(session, {**given, "serialized_flow": _unpacked(given["serialized_flow"])})


def create_flow(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Register a version of a flow, and archive every other version of its group."""
    serialized = given["serialized_flow"]
    if not isinstance(serialized, dict) or not isinstance(serialized.get("name"), str):
        raise RefusedError("Invalid flow: an object with a name is needed.")
    project = session.get(Project, given["project_id"])
    if project is None:
        raise RefusedError("Invalid project.")
    group = _group(session, project, given.get("version_group_id") or _version_group(session, project, serialized))
    flow = _same_registration(session, group, given.get("idempotency_key")) or _insert(
        session, project, group, given, serialized
    )
    others = sa.select(Flow).where(
        Flow.version_group_id == flow.version_group_id,
        Flow.tenant_id == flow.tenant_id,
        Flow.id != flow.id,
        Flow.archived.is_(False),
    )
    for other in session.scalars(others):
        _archive(session, other)
    return {"id": flow.id}


def register_tasks(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Add tasks to a flow."""
    add_tasks(session, _flow(session, given["flow_id"]), given["serialized_tasks"])
    return {"success": True}


def register_edges(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Add edges to a flow."""
    add_edges(session, _flow(session, given["flow_id"]), given["serialized_edges"])
    return {"success": True}


def delete_flow(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Delete one version with its runs; its group stays."""
    flow = session.get(Flow, given["flow_id"])
    if flow:
        session.delete(flow)
    return {"success": flow is not None}


def archive_flow(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Archive one version."""
    flow = session.get(Flow, given["flow_id"])
    if flow:
        _archive(session, flow)
    return {"success": flow is not None}


def update_flow_project(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Move a flow to another project of its tenant."""
    flow, project = session.get(Flow, given["flow_id"]), session.get(Project, given["project_id"])
    if flow is None or project is None or flow.tenant_id != project.tenant_id:
        raise RefusedError("Invalid flow or project ID.")
    flow.project_id = project.id
    return {"id": flow.id}


def _unpacked(text: str) -> Any:
    try:
        unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        unpacked = unpacker.decompress(base64.b64decode(text), MAX_UNPACKED)
        if not unpacker.eof:
            raise RefusedError("Unable to decompress serialized flow")
        return storable(json.loads(unpacked))
    except (binascii.Error, zlib.error, ValueError, RecursionError):
        raise RefusedError("Unable to decompress serialized flow") from None


def _flow(session: Session, flow_id: str) -> Flow:
    flow = session.get(Flow, flow_id)
    if flow is None:
        raise RefusedError("Invalid flow ID.")
    return flow


def _version_group(session: Session, project: Project, serialized: dict[str, Any]) -> str:
    newest = (
        sa.select(Flow.version_group_id)
        .where(Flow.project_id == project.id, Flow.name == serialized["name"])
        .order_by(Flow.created.desc())
        .limit(1)
    )
    return session.scalar(newest) or new_id()


def _group(session: Session, project: Project, name: str) -> FlowGroup:
    known = sa.select(FlowGroup).where(FlowGroup.tenant_id == project.tenant_id, FlowGroup.name == name)
    group = session.scalar(known)
    if group is None:
        settings = {"heartbeat_enabled": True, "lazarus_enabled": True, "version_locking_enabled": False}
        group = FlowGroup(id=new_id(), tenant_id=project.tenant_id, name=name, settings=settings)
        session.add(group)
        session.flush()
    return group


def _same_registration(session: Session, group: FlowGroup, key: str | None) -> Flow | None:
    if key is not None and group.settings.get("idempotency_key") == key:
        newest = (
            sa.select(Flow)
            .where(Flow.flow_group_id == group.id, Flow.archived.is_(False))
            .order_by(Flow.version.desc(), Flow.created.desc())
            .limit(1)
        )
        flow = session.scalar(newest)
        if flow is not None:
            return flow
    group.settings = {**group.settings, "idempotency_key": key}
    return None


def _insert(
    session: Session, project: Project, group: FlowGroup, given: dict[str, Any], serialized: dict[str, Any]
) -> Flow:
    newest = session.scalar(
        sa.select(sa.func.max(Flow.version)).where(
            Flow.version_group_id == group.name, Flow.tenant_id == project.tenant_id
        )
    )
    parts = {name: _object(serialized, name) for name in ("environment", "storage", "run_config", "schedule")}
    flow = Flow(
        id=new_id(),
        tenant_id=project.tenant_id,
        project_id=project.id,
        flow_group_id=group.id,
        version_group_id=group.name,
        version=(newest or 0) + 1,
        name=serialized["name"],
        description=given.get("description"),
        core_version=_core_version(serialized),
        parameters=parsed_parameters(serialized.get("parameters")),
        serialized_flow=serialized,
        **parts,
    )
    session.add(flow)
    session.flush()
    try:
        add_tasks(session, flow, serialized.get("tasks") or [])
        add_edges(session, flow, serialized.get("edges") or [])
    except RefusedError as error:
        # The first two sentences are all that Prefect Server says.
        raise RefusedError(f"Unable to complete operation. An internal API error occurred. {error}") from None
    if given.get("set_schedule_active", True):
        schedule.activate_if_possible(session, flow)
    return flow


def _object(serialized: dict[str, Any], name: str) -> dict[str, Any] | None:
    value = serialized.get(name)
    if value is not None and not isinstance(value, dict):
        raise RefusedError(f"Invalid flow: its {name} is not an object.")
    return value


def _core_version(serialized: dict[str, Any]) -> str | None:
    version = serialized.get("__version__")
    if version is None:
        return None
    try:
        too_old = Version(str(version)) < OLDEST_CORE
    except InvalidVersion:
        raise RefusedError(f"Invalid flow: {version!r} is no version of Prefect.") from None
    if too_old:
        raise RefusedError(f"Prefect {version} is too old: this API registers flows of {OLDEST_CORE} and later.")
    return str(version)


def _archive(session: Session, flow: Flow) -> None:
    flow.archived = True
    schedule.delete_scheduled_runs(session, FlowRun.flow_id == flow.id)
    waiting = sa.select(FlowRun).where(FlowRun.flow_id == flow.id, FlowRun.state == "Scheduled")
    for run in session.scalars(waiting).all():
        state.enter_flow_run_state(session, run, Cancelled(f"Flow {flow.id} was archived."))
