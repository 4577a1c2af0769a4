"""The tasks, edges and parameters of a serialized flow, read and stored."""

from __future__ import annotations

import datetime as dt  # noqa: TC003 - pydantic reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import sqlalchemy as sa
from pydantic import BaseModel, BeforeValidator, Field, TypeAdapter, ValidationError

from emulators.prefect_api.error import RefusedError
from emulators.prefect_api.model import Edge, Flow, Task

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def _member(name: str) -> BeforeValidator:
    # The client abbreviates a trigger or a task to an object that names it.
    return BeforeValidator(lambda value: value.get(name) if isinstance(value, dict) else value)


class TaskPart(BaseModel):
    """What is stored of a serialized task."""

    slug: str
    name: str | None = None
    type: str | None = None
    auto_generated: bool = False
    tags: list[str] = Field(default_factory=list)
    max_retries: Annotated[int | None, Field(ge=0, lt=2**31)] = 0
    retry_delay: dt.timedelta | None = None
    cache_key: str | None = None
    trigger: Annotated[str | None, _member("fn")] = None


class EdgePart(BaseModel):
    """What is stored of a serialized edge; its tasks are named by their slugs."""

    upstream_task: Annotated[str, _member("slug")]
    downstream_task: Annotated[str, _member("slug")]
    key: str | None = None
    mapped: bool = False


TASKS = TypeAdapter(list[TaskPart])
EDGES = TypeAdapter(list[EdgePart])


def add_tasks(session: Session, flow: Flow, serialized: Any) -> None:
    """Add the tasks that a flow does not have yet, also to its serialized form."""
    parts = _parsed(TASKS, serialized, "tasks")
    known = set(session.scalars(sa.select(Task.slug).where(Task.flow_id == flow.id)))
    new = {part.slug: part for part in parts if part.slug not in known}
    if new:
        rows = [{**part.model_dump(), "tenant_id": flow.tenant_id, "flow_id": flow.id} for part in new.values()]
        session.execute(sa.insert(Task), rows)
    stored = flow.serialized_flow.get("tasks") or []
    listed = {task.get("slug") for task in stored}
    added = [task for task in serialized if task["slug"] not in listed]
    if added:
        # A new object, because a change inside the old one would not be seen.
        flow.serialized_flow = {**flow.serialized_flow, "tasks": stored + added}


def add_edges(session: Session, flow: Flow, serialized: Any) -> None:
    """Add the edges that a flow does not have yet."""
    parts = _parsed(EDGES, serialized, "edges")
    if not parts:
        return
    ids = {task.slug: task.id for task in session.execute(sa.select(Task.slug, Task.id).filter_by(flow_id=flow.id))}
    pairs = sa.select(Edge.upstream_task_id, Edge.downstream_task_id).where(Edge.flow_id == flow.id)
    known = {(up, down) for up, down in session.execute(pairs)}
    rows = []
    for part in parts:
        if part.upstream_task not in ids or part.downstream_task not in ids:
            raise RefusedError("Edges could not be registered: some of them name tasks that the flow does not have.")
        pair = ids[part.upstream_task], ids[part.downstream_task]
        if pair in known:
            continue
        known.add(pair)
        rows.append(
            {
                "tenant_id": flow.tenant_id,
                "flow_id": flow.id,
                "upstream_task_id": pair[0],
                "downstream_task_id": pair[1],
                "key": part.key,
                "mapped": part.mapped,
            }
        )
    if rows:
        session.execute(sa.insert(Edge), rows)


def parsed_parameters(serialized: Any) -> list[dict[str, Any]]:
    """Return a flow's parameters, each with its name, its default and whether it is required.

    Raises:
        RefusedError: they are no parameters.
    """
    items = serialized or []
    if not isinstance(items, list) or not all(
        isinstance(item, dict) and isinstance(item.get("name"), str) for item in items
    ):
        raise RefusedError("Invalid flow: its parameters are not a list of named objects.")
    return [{"required": False, "default": None, **item} for item in items]


def _parsed(adapter: TypeAdapter[Any], serialized: Any, what: str) -> Any:
    try:
        return adapter.validate_python(serialized)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"])
        raise RefusedError(f"Invalid {what}: {place}: {first['msg']}") from None
