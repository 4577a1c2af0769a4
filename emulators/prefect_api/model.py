"""The tables, with the columns and relations of Prefect Server 1.

The GraphQL read side is generated from this file: a column or relationship added here appears in the API, and the
nullability declared here is the API's. Relationships are view-only, because deletions cascade in the database.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from emulators.prefect_api.column import Duration, Instant, JsonValue, UuidText, new_id, now

Id = Annotated[str, mapped_column(UuidText, primary_key=True, default=new_id)]
Moment = Annotated[dt.datetime, mapped_column(Instant)]
OptionalMoment = Annotated[dt.datetime | None, mapped_column(Instant)]
Created = Annotated[dt.datetime, mapped_column(Instant, default=now)]
Updated = Annotated[dt.datetime, mapped_column(Instant, default=now, onupdate=now)]
Json = Annotated[Any, mapped_column(JsonValue, nullable=False)]
OptionalJson = Annotated[Any, mapped_column(JsonValue, nullable=True)]


def parent(table: str, *, nullable: bool = False, keep: bool = False) -> Mapped[Any]:
    """Declare an indexed reference to a table's id; rows go with their parent, or keep a null when told to."""
    key = sa.ForeignKey(f"{table}.id", ondelete="SET NULL" if keep else "CASCADE")
    return mapped_column(UuidText, key, nullable=nullable, index=True)


def related(local: str, remote: str) -> Any:
    """Declare a view-only relation over one foreign key, as `table.column` on the local and the other side."""
    table, column = local.split(".")
    other, other_column = remote.split(".")
    target = "".join(part.title() for part in other.split("_"))
    here = "".join(part.title() for part in table.split("_"))
    to_one = other_column == "id"
    return relationship(
        target,
        primaryjoin=f"foreign({here}.{column}) == {target}.{other_column}"
        if to_one
        else f"{here}.{column} == foreign({target}.{other_column})",
        viewonly=True,
        uselist=not to_one,
    )


class Base(DeclarativeBase):
    """The registry of all tables."""

    type_annotation_map = {str: sa.Text}  # noqa: RUF012 - SQLAlchemy reads it from the class


class Tenant(Base):
    """Who owns everything else; the client takes the first one."""

    __tablename__ = "tenant"
    id: Mapped[Id]
    created: Mapped[Created] = mapped_column(index=True)
    updated: Mapped[Updated]
    name: Mapped[str]
    slug: Mapped[str] = mapped_column(unique=True)
    info: Mapped[Json] = mapped_column(default=dict)
    settings: Mapped[Json] = mapped_column(default=dict)
    projects: Mapped[list[Project]] = related("tenant.id", "project.tenant_id")
    flows: Mapped[list[Flow]] = related("tenant.id", "flow.tenant_id")
    flow_groups: Mapped[list[FlowGroup]] = related("tenant.id", "flow_group.tenant_id")


class Project(Base):
    """A named set of flows."""

    __tablename__ = "project"
    __table_args__ = (sa.UniqueConstraint("tenant_id", "name"),)
    id: Mapped[Id]
    created: Mapped[Created] = mapped_column(index=True)
    updated: Mapped[Updated]
    tenant_id: Mapped[str] = parent("tenant")
    name: Mapped[str]
    description: Mapped[str | None]
    tenant: Mapped[Tenant] = related("project.tenant_id", "tenant.id")
    flows: Mapped[list[Flow]] = related("project.id", "flow.project_id")


class FlowGroup(Base):
    """What all the versions of a flow share; its name is their version group."""

    __tablename__ = "flow_group"
    __table_args__ = (sa.UniqueConstraint("tenant_id", "name"),)
    id: Mapped[Id]
    created: Mapped[Created]
    updated: Mapped[Updated]
    tenant_id: Mapped[str] = parent("tenant")
    name: Mapped[str | None]
    description: Mapped[str | None]
    settings: Mapped[Json] = mapped_column(default=dict)
    default_parameters: Mapped[Json] = mapped_column(default=dict)
    schedule: Mapped[OptionalJson]
    labels: Mapped[OptionalJson]
    run_config: Mapped[OptionalJson]
    tenant: Mapped[Tenant] = related("flow_group.tenant_id", "tenant.id")
    flows: Mapped[list[Flow]] = related("flow_group.id", "flow.flow_group_id")


class Flow(Base):
    """One registered version of a flow."""

    __tablename__ = "flow"
    __table_args__ = (sa.Index("flow_version_group", "version_group_id", "version"), sa.Index("flow_name", "name"))
    id: Mapped[Id]
    created: Mapped[Created] = mapped_column(index=True)
    updated: Mapped[Updated]
    tenant_id: Mapped[str] = parent("tenant")
    project_id: Mapped[str] = parent("project")
    flow_group_id: Mapped[str] = parent("flow_group")
    version_group_id: Mapped[str | None]
    version: Mapped[int | None]
    name: Mapped[str]
    description: Mapped[str | None]
    archived: Mapped[bool] = mapped_column(default=False)
    core_version: Mapped[str | None]
    environment: Mapped[OptionalJson]
    storage: Mapped[OptionalJson]
    run_config: Mapped[OptionalJson]
    parameters: Mapped[Json] = mapped_column(default=list)
    serialized_flow: Mapped[OptionalJson]
    schedule: Mapped[OptionalJson]
    is_schedule_active: Mapped[bool] = mapped_column(default=False)
    settings: Mapped[Json] = mapped_column(default=dict)
    tenant: Mapped[Tenant] = related("flow.tenant_id", "tenant.id")
    project: Mapped[Project] = related("flow.project_id", "project.id")
    flow_group: Mapped[FlowGroup] = related("flow.flow_group_id", "flow_group.id")
    tasks: Mapped[list[Task]] = related("flow.id", "task.flow_id")
    edges: Mapped[list[Edge]] = related("flow.id", "edge.flow_id")
    flow_runs: Mapped[list[FlowRun]] = related("flow.id", "flow_run.flow_id")


class Task(Base):
    """One task of one version of a flow."""

    __tablename__ = "task"
    __table_args__ = (sa.UniqueConstraint("flow_id", "slug"),)
    id: Mapped[Id]
    created: Mapped[Created] = mapped_column(index=True)
    updated: Mapped[Updated]
    tenant_id: Mapped[str] = parent("tenant")
    flow_id: Mapped[str] = parent("flow")
    name: Mapped[str | None]
    slug: Mapped[str | None]
    type: Mapped[str | None]
    description: Mapped[str | None]
    max_retries: Mapped[int | None]
    retry_delay: Mapped[dt.timedelta | None] = mapped_column(Duration)
    trigger: Mapped[str | None]
    tags: Mapped[Json] = mapped_column(default=list)
    mapped: Mapped[bool] = mapped_column(default=False)
    auto_generated: Mapped[bool] = mapped_column(default=False)
    cache_key: Mapped[str | None]
    is_reference_task: Mapped[bool] = mapped_column(default=False)
    is_root_task: Mapped[bool] = mapped_column(default=False)
    is_terminal_task: Mapped[bool] = mapped_column(default=False)
    flow: Mapped[Flow] = related("task.flow_id", "flow.id")
    upstream_edges: Mapped[list[Edge]] = related("task.id", "edge.downstream_task_id")
    downstream_edges: Mapped[list[Edge]] = related("task.id", "edge.upstream_task_id")
    task_runs: Mapped[list[TaskRun]] = related("task.id", "task_run.task_id")


class Edge(Base):
    """A dependency between two tasks of a flow."""

    __tablename__ = "edge"
    __table_args__ = (sa.UniqueConstraint("flow_id", "downstream_task_id", "upstream_task_id"),)
    id: Mapped[Id]
    created: Mapped[Created]
    updated: Mapped[Updated]
    tenant_id: Mapped[str] = parent("tenant")
    flow_id: Mapped[str] = parent("flow")
    upstream_task_id: Mapped[str] = parent("task")
    downstream_task_id: Mapped[str] = parent("task")
    key: Mapped[str | None]
    mapped: Mapped[bool] = mapped_column(default=False)
    flow: Mapped[Flow] = related("edge.flow_id", "flow.id")
    upstream_task: Mapped[Task] = related("edge.upstream_task_id", "task.id")
    downstream_task: Mapped[Task] = related("edge.downstream_task_id", "task.id")


class AgentConfig(Base):
    """Settings that agents can share."""

    __tablename__ = "agent_config"
    id: Mapped[Id]
    created: Mapped[Created]
    updated: Mapped[Updated]
    tenant_id: Mapped[str] = parent("tenant")
    name: Mapped[str | None]
    settings: Mapped[OptionalJson]
    agents: Mapped[list[Agent]] = related("agent_config.id", "agent.agent_config_id")


class Agent(Base):
    """A process that takes runs from the queue."""

    __tablename__ = "agent"
    id: Mapped[Id]
    created: Mapped[Created]
    tenant_id: Mapped[str] = parent("tenant")
    agent_config_id: Mapped[str | None] = parent("agent_config", nullable=True, keep=True)
    name: Mapped[str | None]
    type: Mapped[str | None]
    core_version: Mapped[str | None]
    labels: Mapped[Json] = mapped_column(default=list)
    last_queried: Mapped[OptionalMoment]
    agent_config: Mapped[AgentConfig] = related("agent.agent_config_id", "agent_config.id")
    flow_runs: Mapped[list[FlowRun]] = related("agent.id", "flow_run.agent_id")


class FlowRun(Base):
    """One run of a flow, with its present state."""

    __tablename__ = "flow_run"
    __table_args__ = (
        sa.UniqueConstraint("flow_id", "idempotency_key"),
        sa.Index("flow_run_state_start_time", "state", "state_start_time"),
    )
    id: Mapped[Id]
    created: Mapped[Created] = mapped_column(index=True)
    updated: Mapped[Updated]
    tenant_id: Mapped[str] = parent("tenant")
    flow_id: Mapped[str] = parent("flow")
    agent_id: Mapped[str | None] = parent("agent", nullable=True, keep=True)
    name: Mapped[str | None] = mapped_column(index=True)
    idempotency_key: Mapped[str | None]
    parameters: Mapped[Json] = mapped_column(default=dict)
    labels: Mapped[Json] = mapped_column(default=list)
    run_config: Mapped[OptionalJson]
    context: Mapped[OptionalJson]
    version: Mapped[int] = mapped_column(default=0)
    heartbeat: Mapped[OptionalMoment]
    scheduled_start_time: Mapped[Moment] = mapped_column(default=now, index=True)
    start_time: Mapped[OptionalMoment]
    end_time: Mapped[OptionalMoment]
    auto_scheduled: Mapped[bool] = mapped_column(default=False)
    times_resurrected: Mapped[int] = mapped_column(default=0)
    state: Mapped[str | None]
    state_timestamp: Mapped[OptionalMoment]
    state_message: Mapped[str | None]
    state_result: Mapped[OptionalJson]
    state_start_time: Mapped[OptionalMoment]
    serialized_state: Mapped[OptionalJson]
    tenant: Mapped[Tenant] = related("flow_run.tenant_id", "tenant.id")
    flow: Mapped[Flow] = related("flow_run.flow_id", "flow.id")
    agent: Mapped[Agent] = related("flow_run.agent_id", "agent.id")
    states: Mapped[list[FlowRunState]] = related("flow_run.id", "flow_run_state.flow_run_id")
    task_runs: Mapped[list[TaskRun]] = related("flow_run.id", "task_run.flow_run_id")
    logs: Mapped[list[Log]] = related("flow_run.id", "log.flow_run_id")


class FlowRunState(Base):
    """One state that a flow run was ever in."""

    __tablename__ = "flow_run_state"
    id: Mapped[Id]
    created: Mapped[Created]
    updated: Mapped[Updated]
    tenant_id: Mapped[str] = parent("tenant")
    flow_run_id: Mapped[str] = parent("flow_run")
    timestamp: Mapped[Moment] = mapped_column(default=now)
    version: Mapped[int] = mapped_column(default=0)
    state: Mapped[str]
    message: Mapped[str | None]
    result: Mapped[OptionalJson]
    start_time: Mapped[OptionalMoment]
    serialized_state: Mapped[Json]
    flow_run: Mapped[FlowRun] = related("flow_run_state.flow_run_id", "flow_run.id")


class TaskRun(Base):
    """One run of a task, or of one of its mapped children, with its present state."""

    __tablename__ = "task_run"
    __table_args__ = (
        sa.UniqueConstraint("flow_run_id", "task_id", "map_index"),
        sa.Index("task_run_state_start_time", "state", "state_start_time"),
        sa.Index("task_run_cache_key", "cache_key"),
    )
    id: Mapped[Id]
    created: Mapped[Created]
    updated: Mapped[Updated]
    tenant_id: Mapped[str] = parent("tenant")
    flow_run_id: Mapped[str] = parent("flow_run")
    task_id: Mapped[str] = parent("task")
    map_index: Mapped[int] = mapped_column(default=-1)
    name: Mapped[str | None]
    cache_key: Mapped[str | None]
    version: Mapped[int] = mapped_column(default=0)
    heartbeat: Mapped[OptionalMoment]
    start_time: Mapped[OptionalMoment]
    end_time: Mapped[OptionalMoment]
    state: Mapped[str | None]
    state_timestamp: Mapped[OptionalMoment]
    state_message: Mapped[str | None]
    state_result: Mapped[OptionalJson]
    state_start_time: Mapped[OptionalMoment]
    serialized_state: Mapped[OptionalJson]
    tenant: Mapped[Tenant] = related("task_run.tenant_id", "tenant.id")
    flow_run: Mapped[FlowRun] = related("task_run.flow_run_id", "flow_run.id")
    task: Mapped[Task] = related("task_run.task_id", "task.id")
    states: Mapped[list[TaskRunState]] = related("task_run.id", "task_run_state.task_run_id")
    logs: Mapped[list[Log]] = related("task_run.id", "log.task_run_id")


class TaskRunState(Base):
    """One state that a task run was ever in."""

    __tablename__ = "task_run_state"
    id: Mapped[Id]
    created: Mapped[Created]
    updated: Mapped[Updated]
    tenant_id: Mapped[str] = parent("tenant")
    task_run_id: Mapped[str] = parent("task_run")
    timestamp: Mapped[Moment] = mapped_column(default=now)
    version: Mapped[int] = mapped_column(default=0)
    state: Mapped[str]
    message: Mapped[str | None]
    result: Mapped[OptionalJson]
    start_time: Mapped[OptionalMoment]
    serialized_state: Mapped[Json]
    task_run: Mapped[TaskRun] = related("task_run_state.task_run_id", "task_run.id")


class TaskRunArtifact(Base):
    """Something that a task run shows beside its result."""

    __tablename__ = "task_run_artifact"
    id: Mapped[Id]
    created: Mapped[Created]
    updated: Mapped[Updated]
    tenant_id: Mapped[str] = parent("tenant")
    task_run_id: Mapped[str] = parent("task_run")
    kind: Mapped[str | None]
    data: Mapped[OptionalJson]
    task_run: Mapped[TaskRun] = related("task_run_artifact.task_run_id", "task_run.id")


class Log(Base):
    """One log line of a flow run or a task run."""

    __tablename__ = "log"
    id: Mapped[Id]
    created: Mapped[Created]
    updated: Mapped[Updated]
    tenant_id: Mapped[str | None] = mapped_column(UuidText)
    flow_run_id: Mapped[str | None] = parent("flow_run", nullable=True)
    task_run_id: Mapped[str | None] = parent("task_run", nullable=True)
    timestamp: Mapped[Moment] = mapped_column(default=now)
    name: Mapped[str | None]
    level: Mapped[str | None]
    message: Mapped[str | None]
    info: Mapped[OptionalJson]


class CloudHook(Base):
    """A notification hook; the emulator only lets clients read that there is none."""

    __tablename__ = "cloud_hook"
    id: Mapped[Id]
    created: Mapped[Created]
    updated: Mapped[Updated]
    tenant_id: Mapped[str] = parent("tenant")
    version_group_id: Mapped[str | None]
    states: Mapped[Json] = mapped_column(default=list)
    type: Mapped[str]
    name: Mapped[str | None]
    config: Mapped[OptionalJson]
    active: Mapped[bool] = mapped_column(default=True)


class Message(Base):
    """A message to a user; the emulator only lets clients read that there is none."""

    __tablename__ = "message"
    id: Mapped[Id]
    created: Mapped[Created]
    updated: Mapped[Updated]
    tenant_id: Mapped[str] = parent("tenant")
    user_id: Mapped[str | None] = mapped_column(UuidText)
    read: Mapped[bool] = mapped_column(default=False)
    type: Mapped[str]
    text: Mapped[str | None]
    content: Mapped[OptionalJson]
