"""Projects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulators.prefect_api.error import RefusedError
from emulators.prefect_api.model import Project, Tenant

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def create_project(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Add a project; its name is unique in its tenant."""
    if session.get(Tenant, given["tenant_id"]) is None:
        raise RefusedError("Foreign key violation.")
    project = Project(tenant_id=given["tenant_id"], name=given["name"], description=given.get("description"))
    session.add(project)
    session.flush()
    return {"id": project.id}


def delete_project(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Delete a project with its flows and their runs."""
    project = session.get(Project, given["project_id"])
    if project:
        session.delete(project)
    return {"success": project is not None}


def set_project_name(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Rename a project."""
    project = _project(session, given)
    project.name = given["name"]
    return {"id": project.id}


def set_project_description(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Describe a project."""
    project = _project(session, given)
    project.description = given.get("description")
    return {"id": project.id}


def _project(session: Session, given: dict[str, Any]) -> Project:
    project = session.get(Project, given["project_id"])
    if project is None:
        raise RefusedError("Invalid project ID.")
    return project
