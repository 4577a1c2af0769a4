"""What a registration will do: one action for each flow, with its reasons. Pure: no file, no network, no clock."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from registration.catalog import Catalog, Record
from registration.fingerprint import PARTS
from registration.row import Row
from registration.settings import Policy, Removal

Action = Literal["register", "update", "settings", "archive", "unchanged"]
CHANGES: tuple[Action, ...] = ("register", "update", "settings", "archive")

# The record of a registered flow, by the flow's name.
Records = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Step:
    """What happens to one flow; `action` is None when no server was asked.

    `active` is whether its schedule shall be active, None to leave it alone. `error` is filled when it went wrong.
    """

    name: str
    file: str | None
    action: Action | None
    reasons: tuple[str, ...] = ()
    record: Record | None = None
    row: Row | None = None
    active: bool | None = None
    id: str | None = None
    version: int | None = None
    error: str | None = None

    def failed(self, error: str) -> "Step":
        """Give the same step, gone wrong."""
        return replace(self, error=error)


def wants_record(record: Record | None, row: Row | None) -> bool:
    """Whether the plan of a flow needs its record from the store; an unchanged one without a schedule does not."""
    if row is None or row.record_id is None:
        return False
    if record is None or record.key != row.key or row.batched:
        return True
    return record.scheduled


def plan(  # noqa: PLR0913 - what is wanted, what is there, and the two policies
    catalog: Catalog,
    rows: Mapping[str, Row],
    records: Records,
    *,
    policy: Policy,
    removal: Removal,
    only: Collection[str] = (),
) -> list[Step]:
    """Compare what a folder defines with what the server has, by name.

    Args:
        catalog: The flows that were loaded, and the files that failed.
        rows: The server's unarchived flows in the project.
        records: What the store remembers of those rows for which `wants_record`.
        policy: Whether schedules are to be active.
        removal: What happens to a flow whose file is gone.
        only: The names to look at; all when empty.
    """
    wanted = [record for record in catalog.records if not only or record.name in only]
    steps = [_step(record, rows.get(record.name), records.get(record.name), policy) for record in wanted]
    loaded = {record.name for record in catalog.records}
    gone = [row for name, row in rows.items() if name not in loaded and (not only or name in only)]
    # A flow that keeps its own storage looks like anybody's: that registration put it there is in the store alone.
    ours = [row for row in gone if row.fingerprint is not None or records.get(row.name)]
    steps += [_removal(row, catalog, records.get(row.name), removal) for row in ours]
    return sorted(steps, key=lambda step: step.name)


def leftovers(rows: Iterable[Row]) -> list[Step]:
    """Archive what a server that broke down left unarchived behind a newer version: it would still be scheduled."""
    return [
        Step(
            name=row.name,
            file=None,
            action="archive",
            reasons=("an older version, left over", *_lost(row)),
            row=row,
            id=row.id,
            version=row.version,
        )
        for row in rows
        if row.fingerprint is not None
    ]


def without_server(records: Iterable[Record], only: Collection[str] = ()) -> list[Step]:
    """Show the flows alone, when no server is named."""
    return [
        Step(name=each.name, file=each.file, action=None, record=each)
        for each in records
        if not only or each.name in only
    ]


def applied_policy(record: Mapping[str, Any] | None, project_id: str | None) -> Policy | None:
    """Read which schedule policy a record was last applied with; None when it does not say."""
    policy = ((record or {}).get("schedules") or {}).get(project_id)
    return policy if policy in {"active", "paused"} else None


def is_half(row: Row, record: Mapping[str, Any] | None) -> bool:
    """Whether a flow that is sent in several calls may lack some: only its record says that the last one was made."""
    return row.batched and ((record or {}).get("finished") or {}).get(row.project_id) != row.id


def active_after_update(row: Row | None, record: Mapping[str, Any] | None, policy: Policy) -> bool:
    """Whether the schedule of a new version is active: as the policy says, unless an operator chose otherwise."""
    wanted = policy == "active"
    if row is None or not row.scheduled:
        return wanted
    applied = applied_policy(record, row.project_id)
    if applied is None:
        # Nobody remembers what was applied: a schedule that stands still may stand still for a reason.
        return wanted and row.schedule_active
    return wanted if row.schedule_active == (applied == "active") else row.schedule_active


def _step(record: Record, row: Row | None, past: Mapping[str, Any] | None, policy: Policy) -> Step:
    if row is None:
        return Step(
            name=record.name,
            file=record.file,
            action="register",
            reasons=("new",),
            record=record,
            active=policy == "active",
        )
    step = Step(
        name=record.name,
        file=record.file,
        action="unchanged",
        record=record,
        row=row,
        id=row.id,
        version=row.version,
    )
    if row.key != record.key:
        active = active_after_update(row, past, policy)
        return replace(step, action="update", reasons=(*_changed(record, row, past), *_lost(row)), active=active)
    if is_half(row, past):
        return replace(
            step, action="update", reasons=("half registered",), active=active_after_update(row, past, policy)
        )
    applied = applied_policy(past, row.project_id)
    if record.scheduled and applied not in {None, policy}:
        # Also where the schedule is so already: a policy that is not recorded would pass for an operator's choice.
        reasons = (f"schedule: {applied} → {policy}",)
        return replace(step, action="settings", reasons=reasons, active=policy == "active")
    return step


def _changed(record: Record, row: Row, past: Mapping[str, Any] | None) -> Sequence[str]:
    """Name the parts that differ from what is registered."""
    if row.record_id is None:
        return ("registered elsewhere",)
    before = {**((past or {}).get("parts") or {}), **row.parts}
    changed = [part for part in PARTS if part in before and before[part] != record.parts[part]]
    if row.fingerprint != record.fingerprint and not set(changed) - set(row.parts):
        # The record beside the script is lost, so nobody can say which of its parts it was.
        changed.append("unknown part")
    return changed


def _lost(row: Row) -> Sequence[str]:
    return (f"removes {row.scheduled_runs} scheduled runs",) if row.scheduled_runs else ()


def _removal(row: Row, catalog: Catalog, past: Mapping[str, Any] | None, removal: Removal) -> Step:
    file = (past or {}).get("file")
    step = Step(name=row.name, file=file, action="unchanged", row=row, id=row.id, version=row.version)
    for failure in catalog.failures:
        if failure.may_define(row.name, file):
            return replace(step, reasons=(f"kept: {failure.file} is refused",))
    if removal == "retain":
        return replace(step, reasons=("file is gone", "retained"))
    return replace(step, action="archive", reasons=("file is gone", *_lost(row)))
