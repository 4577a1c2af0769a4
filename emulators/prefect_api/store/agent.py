"""Agents and their shared settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from emulators.prefect_api.error import RefusedError
from emulators.prefect_api.model import Agent, AgentConfig, Tenant

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from emulators.prefect_api.store.state import Caller


def register_agent(session: Session, given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Return the id of the agent with these properties, made when there is none."""
    tenant_id = given.get("tenant_id") or session.scalar(sa.select(Tenant.id).order_by(Tenant.created).limit(1))
    if tenant_id is None:
        raise RefusedError("No tenant found.")
    labels = sorted(given.get("labels") or [])
    same = sa.select(Agent).where(
        Agent.tenant_id == tenant_id,
        Agent.name.is_not_distinct_from(given.get("name")),
        Agent.type == given["type"],
        Agent.core_version.is_not_distinct_from(caller.core_version),
    )
    for known in session.scalars(same):
        if known.labels == labels:
            return {"id": known.id}
    agent = Agent(
        tenant_id=tenant_id,
        agent_config_id=given.get("agent_config_id"),
        name=given.get("name"),
        type=given["type"],
        core_version=caller.core_version,
        labels=labels,
    )
    session.add(agent)
    session.flush()
    return {"id": agent.id}


def delete_agent(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Forget an agent; the runs that it submitted stay."""
    return _delete(session, session.get(Agent, given["agent_id"]))


def create_agent_config(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Store settings for agents to share."""
    config = AgentConfig(tenant_id=given["tenant_id"], name=given.get("name"), settings=given.get("settings") or {})
    session.add(config)
    session.flush()
    return {"id": config.id}


def update_agent_config(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Change the name or the settings that are given."""
    config = session.get(AgentConfig, given["agent_config_id"])
    for name in ("name", "settings") if config else ():
        if given.get(name) is not None:
            setattr(config, name, given[name])
    return {"success": config is not None}


def delete_agent_config(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Delete shared settings; agents that used them stay."""
    return _delete(session, session.get(AgentConfig, given["agent_config_id"]))


def _delete(session: Session, row: Agent | AgentConfig | None) -> dict[str, Any]:
    if row:
        session.delete(row)
    return {"success": row is not None}
