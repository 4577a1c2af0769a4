"""Carry out a plan: store the script, register the flow, look at what came of it.

Each step may be cut short at any point and done again: the registration key keeps the server from making a version
twice, and what is already so is not written.
"""

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from registration.api import Api, is_big
from registration.bundle import Bundle
from registration.error import RegistrationError, UnreachableError
from registration.fingerprint import FLOW_PARTS
from registration.plan import Step, active_after_update, applied_policy, is_half
from registration.row import Row, group_key
from registration.settings import Policy
from registration.store import Store
from registration.transport import LostReplyError

# A key that the server stored for an insert that failed answers an old flow: then a suffixed key is tried.
_MOST_ATTEMPTS = 4
# Seconds that a look after a lost reply may take, and for how long a slow server is looked at.
_LOOK = 8.0
_PATIENCE = 6.0


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where flows are registered to, and the schedule policy there."""

    api: Api
    store: Store
    project_id: str
    schedules: Policy


def register(api: Api, store: Store, bundle: Bundle, *, project_id: str, schedules: Policy) -> Row:
    """Make the server have this flow: a new version only when what it has differs.

    For a caller without a plan; it asks the server first, and keeps an operator's choice of schedule.
    """
    row = api.flow_by_name(project_id, bundle.name)
    past = _record(store, row)
    if row is not None and row.key == bundle.key and not is_half(row, past):
        return set_schedules(api, store, row, schedules)
    target = Target(api=api, store=store, project_id=project_id, schedules=schedules)
    return write(target, bundle, before=row, active=active_after_update(row, past, schedules))


def set_schedules(api: Api, store: Store, row: Row, schedules: Policy) -> Row:
    """Apply a schedule policy to a flow that did not change, unless it is the one that was applied last."""
    active = schedules == "active"
    if not row.scheduled or row.record_id is None:
        return row
    record = store.record(row.name, row.record_id) or {}
    if applied_policy(record, row.project_id) in {None, schedules}:
        return row
    if row.schedule_active != active and not api.set_schedule(row.id, active=active):
        raise RegistrationError(f"the API does not set the schedule of {row.name!r} {schedules}")
    store.put_record(row.name, row.record_id, _with_policy(record, row.project_id, schedules))
    return replace(row, schedule_active=active)


def parts_of(store: Store, row: Row) -> dict[str, str]:
    """Give the parts that a flow was registered with; of the flow's own only what the store still remembers."""
    record = _record(store, row) or {}
    known = {part: value for part, value in (record.get("parts") or {}).items() if part in FLOW_PARTS}
    return {**known, **row.parts}


def carry_out(step: Step, target: Target, bundle: Bundle | None) -> Step:
    """Do what one step of a plan says, and give the step with the id and version that came of it."""
    if step.action == "archive" and step.row is not None:
        target.api.archive(step.row.id)
    elif step.action == "settings" and step.row is not None:
        set_schedules(target.api, target.store, step.row, target.schedules)
    elif step.action in {"register", "update"} and bundle is not None:
        row = write(target, bundle, before=step.row, active=bool(step.active))
        return replace(step, id=row.id, version=row.version)
    return step


def write(target: Target, bundle: Bundle, *, before: Row | None, active: bool) -> Row:
    """Register a version and give the server's row of it, which is proved to be the one that was asked for."""
    store, flow, identity = target.store, dict(bundle.flow), bundle.key
    if bundle.script is not None:
        identity = bundle.fingerprint
        flow["storage"] = {**store.storage(bundle.name, identity), "__version__": flow.get("__version__")}
        store.put_script(bundle.name, identity, bundle.script)
    big = is_big(flow)
    old = store.record(bundle.name, identity) or {}
    # A policy that was recorded before it is applied would, when that fails, make the old one an operator's choice.
    applied = applied_policy(old, target.project_id) or target.schedules
    record = _with_policy({**old, **_described(bundle)}, target.project_id, applied)
    if record != old:
        store.put_record(bundle.name, identity, record)
    row = _create(target, replace(bundle, flow=flow), before=before, active=active)
    done = _with_policy(record, target.project_id, target.schedules)
    if big:
        target.api.add_graph(row.id, flow)
        done["finished"] = {**(record.get("finished") or {}), target.project_id: row.id}
    if row.scheduled and row.schedule_active != active:
        target.api.set_schedule(row.id, active=active)
        row = replace(row, schedule_active=active)
    if done != record:
        store.put_record(bundle.name, identity, done)
    return row


def _create(target: Target, bundle: Bundle, *, before: Row | None, active: bool) -> Row:
    batched = is_big(bundle.flow)
    key = group_key(bundle.key, batched=batched)
    for attempt in range(1, _MOST_ATTEMPTS + 1):
        row = _create_with(key, target, bundle, active=active)
        stale = before is not None and row.id == before.id and before.key != bundle.key
        if row.key == bundle.key and not stale:
            if row.archived:
                raise RegistrationError("another registration of this flow overtook it; run again")
            return row
        key = group_key(bundle.key, attempt=max(row.attempt, attempt - 1) + 1, batched=batched)
    raise RegistrationError(
        f"the API keeps answering version {row.version} of it, which is an older one; look into the API's own log"
    )


def _create_with(key: str, target: Target, bundle: Bundle, *, active: bool) -> Row:
    """Register under a key; when the reply is lost, look whether it was done before asking again."""
    api, project_id = target.api, target.project_id
    problem: UnreachableError | None = None
    for attempt in range(_MOST_ATTEMPTS):
        try:
            found = api.flow(api.create_flow(bundle.flow, project_id=project_id, key=key, active=active))
        except LostReplyError as error:
            problem = error
        else:
            if found is None:
                raise RegistrationError("it was registered, and is gone again; was its project deleted?")
            return found
        if (made := _look(api, bundle, project_id, _PATIENCE if problem.unfinished else 0.0)) is not None:
            return made
        if problem.unfinished:
            # It may still be at work: asking again could make a second version.
            break
        time.sleep(0.25 * 2**attempt * random.uniform(0.5, 1.5))  # noqa: S311 - spreads load only
    raise api.transport.give_up(problem or UnreachableError("the API gives no answer"))


def _look(api: Api, bundle: Bundle, project_id: str, patience: float) -> Row | None:
    """Look for the flow that an unanswered request may have made, for so many seconds."""
    until = time.monotonic() + patience
    while True:
        row = api.flow_by_name(project_id, bundle.name, budget=_LOOK)
        if row is not None and row.key == bundle.key:
            return row
        if time.monotonic() >= until:
            return None
        time.sleep(min(1.0, patience))


def _described(bundle: Bundle) -> dict[str, Any]:
    parts = {part: bundle.parts[part] for part in FLOW_PARTS}
    return {"name": bundle.name, "file": bundle.file, "fingerprint": bundle.fingerprint, "parts": parts}


def _with_policy(record: Mapping[str, Any], project_id: str | None, schedules: Policy) -> dict[str, Any]:
    return {**record, "schedules": {**(record.get("schedules") or {}), str(project_id): schedules}}


def _record(store: Store, row: Row | None) -> dict[str, Any] | None:
    return store.record(row.name, row.record_id) if row is not None and row.record_id is not None else None
