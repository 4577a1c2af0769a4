"""Tenants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slugify import slugify

from emulators.prefect_api.error import RefusedError
from emulators.prefect_api.model import Tenant

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def create_tenant(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Add a tenant; its slug is unique."""
    tenant = Tenant(name=given["name"], slug=_slug(given["slug"]))
    session.add(tenant)
    session.flush()
    return {"id": tenant.id}


def delete_tenant(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Delete a tenant with all that it owns."""
    if not given["confirm"]:
        raise RefusedError("You must opt-in to tenant deletion by setting `confirm=True`.")
    tenant = session.get(Tenant, given["tenant_id"])
    if tenant:
        session.delete(tenant)
    return {"success": tenant is not None}


def update_tenant_name(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Rename a tenant."""
    tenant = _tenant(session, given)
    tenant.name = given["name"]
    return {"id": tenant.id}


def update_tenant_slug(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Give a tenant another slug."""
    tenant = _tenant(session, given)
    tenant.slug = _slug(given["slug"])
    return {"id": tenant.id}


def update_tenant_settings(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Merge settings into a tenant's."""
    tenant = _tenant(session, given)
    settings = given.get("settings") or {}
    if not isinstance(settings, dict):
        raise RefusedError("Invalid settings: an object is needed.")
    tenant.settings = {**tenant.settings, **settings}
    return {"id": tenant.id}


def _tenant(session: Session, given: dict[str, Any]) -> Tenant:
    tenant = session.get(Tenant, given["tenant_id"])
    if tenant is None:
        raise RefusedError("Invalid tenant id.")
    return tenant


def _slug(text: str) -> str:
    if not text or text != slugify(text):
        raise RefusedError("Slug is invalid.")
    return text
