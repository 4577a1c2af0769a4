"""Log lines of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from emulators.prefect_api.column import now
from emulators.prefect_api.model import Log

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def write_run_logs(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Write log lines, all or none; a line of an unknown run breaks a foreign key."""
    rows = [
        {
            "flow_run_id": line["flow_run_id"],
            "task_run_id": line.get("task_run_id"),
            "timestamp": line.get("timestamp") or now(),
            "name": line.get("name"),
            "level": line.get("level") or "INFO",
            "message": line.get("message"),
            "info": line.get("info"),
        }
        for line in given["logs"]
    ]
    if rows:
        session.execute(sa.insert(Log), rows)
    return {"success": True}
