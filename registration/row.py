"""A flow as the server has it, and what it was registered as, told by the row itself.

The flow group's stored key is not believed where the row can speak: the server stores the key before it inserts the
flow, so an insert that fails leaves a key without its flow.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from registration.fingerprint import registration_key, run_config_part, storage_part, stored_fingerprint

# A key; the number of the attempt, when the server answered an old flow for the plain key; and the mark of a flow
# that is sent in several calls, which can be cut short between them.
_GROUP_KEY = re.compile(r"(?P<key>[0-9a-f]{64})(?:\.(?P<attempt>[0-9]+))?(?P<batched>\.batched)?")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One version of a flow on the server; `scheduled_runs` is None when it was not asked for."""

    id: str
    name: str
    version: int
    project_id: str | None
    flow_group_id: str
    schedule_active: bool
    scheduled: bool
    archived: bool
    storage: Mapping[str, Any]
    run_config: Mapping[str, Any] | None
    group_key: str | None
    scheduled_runs: int | None = None

    @property
    def fingerprint(self) -> str | None:
        """The fingerprint that it was registered with; None when its storage is not ours."""
        return stored_fingerprint(self.storage, self.name)

    @property
    def parts(self) -> dict[str, str]:
        """The parts that the environment decided, computed from the row."""
        return {
            "storage": storage_part(self.storage, self.name),
            "run_config": run_config_part(self.run_config),
        }

    @property
    def key(self) -> str | None:
        """The registered key; for a storage that is the flow's own, what the flow group says."""
        fingerprint = self.fingerprint
        if fingerprint is not None:
            parts = self.parts
            return registration_key(fingerprint, parts["storage"], parts["run_config"])
        match = _GROUP_KEY.fullmatch(self.group_key or "")
        return match["key"] if match else None

    @property
    def attempt(self) -> int:
        """The suffix of the flow group's key, 0 without one."""
        match = _GROUP_KEY.fullmatch(self.group_key or "")
        return int(match["attempt"] or 0) if match else 0

    @property
    def batched(self) -> bool:
        """Whether it was sent in several calls, so that it may be half there."""
        match = _GROUP_KEY.fullmatch(self.group_key or "")
        return bool(match and match["batched"])

    @property
    def record_id(self) -> str | None:
        """What its record in the store is called; None when registration does not know the flow."""
        return self.fingerprint or self.key


def group_key(key: str, *, attempt: int = 0, batched: bool = False) -> str:
    """Make the idempotency key of an attempt to register under a key."""
    return f"{key}{f'.{attempt}' if attempt else ''}{'.batched' if batched else ''}"


def row_of(fields: Mapping[str, Any], scheduled_runs: int | None = None) -> Row:
    """Make a row of what the API answered."""
    group = fields.get("flow_group") or {}
    return Row(
        id=fields["id"],
        name=fields["name"],
        version=fields["version"] or 0,
        project_id=(fields.get("project") or {}).get("id"),
        flow_group_id=fields["flow_group_id"],
        schedule_active=bool(fields.get("is_schedule_active")),
        scheduled=fields.get("schedule") is not None,
        archived=bool(fields.get("archived")),
        storage=fields.get("storage") or {},
        run_config=fields.get("run_config"),
        group_key=(group.get("settings") or {}).get("idempotency_key"),
        scheduled_runs=scheduled_runs,
    )
