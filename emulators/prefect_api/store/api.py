"""What the API says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import prefect

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def hello(_session: Session) -> str:
    """Answer an agent that asks whether anyone is there."""
    return "👋"


def api(_session: Session) -> dict[str, Any]:
    """Name the backend, and that it is an emulator."""
    return {
        "backend": "SERVER",
        "mode": "emulator",
        "version": f"emulator of {prefect.__version__}",
        "core_version": prefect.__version__,
        "release_timestamp": None,
    }
