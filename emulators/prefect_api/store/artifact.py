"""Artifacts of task runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from emulators.prefect_api.error import RefusedError
from emulators.prefect_api.model import TaskRun, TaskRunArtifact

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

MAX_DATA = 1_000_000


def create_task_run_artifact(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Attach an artifact to a task run."""
    run = session.get(TaskRun, given["task_run_id"])
    if run is None:
        # The client waits and tries again when it reads `not found`.
        raise RefusedError(f"Task run {given['task_run_id']} not found")
    artifact = TaskRunArtifact(
        tenant_id=run.tenant_id, task_run_id=run.id, kind=given["kind"], data=_data(given["data"])
    )
    session.add(artifact)
    session.flush()
    return {"id": artifact.id}


def update_task_run_artifact(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Replace an artifact's data."""
    artifact = session.get(TaskRunArtifact, given["task_run_artifact_id"])
    if artifact:
        artifact.data = _data(given["data"])
    return {"success": artifact is not None}


def delete_task_run_artifact(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Delete an artifact."""
    artifact = session.get(TaskRunArtifact, given["task_run_artifact_id"])
    if artifact:
        session.delete(artifact)
    return {"success": artifact is not None}


def _data(data: Any) -> Any:
    if len(json.dumps(data)) > MAX_DATA:
        raise RefusedError("Artifact data is too large; at most 1 MB can be stored.")
    return data
