"""What runs for each root field: a mutation is one transaction, and all queries of a document read one snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphql.utilities import value_from_ast_untyped

from emulators.prefect_api.argument import checked
from emulators.prefect_api.hasura.load import Loader, Row
from emulators.prefect_api.hasura.selection import Document, Selected
from emulators.prefect_api.store import (
    agent,
    api,
    artifact,
    flow,
    flow_group,
    flow_run,
    log,
    project,
    schedule,
    state,
    task_run,
    tenant,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from graphql import GraphQLResolveInfo
    from sqlalchemy.orm import Session

    from emulators.prefect_api.database import Database
    from emulators.prefect_api.hasura.table import Table

    Info = GraphQLResolveInfo["Context"]
    Resolver = Callable[..., Any]


@dataclass
class Context:
    """What one GraphQL request carries besides its document."""

    database: Database
    session: Session
    variables: Mapping[str, Any]
    caller: state.Caller

    def loader(self, info: Info) -> Loader:
        """Return a loader for the document being executed."""
        return Loader(self.session, self.document(info))

    def document(self, info: Info) -> Document:
        """Return the document being executed, with its variables' values as they were sent."""
        defaults = {
            node.variable.name.value: value_from_ast_untyped(node.default_value)
            for node in info.operation.variable_definitions or ()
            if node.default_value
        }
        return Document(info.fragments, {**defaults, **self.variables})


def resolve_field(source: Any, info: Info, **_arguments: Any) -> Any:
    """Resolve a field below the root: rows are keyed by response key, payloads by field name."""
    key = info.path.key if isinstance(source, Row) else info.field_name
    return source.get(key)


def _selected(info: Info) -> Selected:
    context = info.context
    document = context.document(info)
    nodes = info.field_nodes
    below = [node.selection_set for node in nodes if node.selection_set]
    return Selected(info.field_name, document.arguments(nodes[0]), below)


def resolve_rows(table: Table) -> Resolver:
    """Return the resolver of a table's root field."""

    def resolve(_root: None, info: Info, **_arguments: Any) -> list[Row]:
        return info.context.loader(info).rows(table, _selected(info))

    return resolve


def resolve_by_id(table: Table) -> Resolver:
    """Return the resolver of a table's `…_by_pk` field."""

    def resolve(_root: None, info: Info, **_arguments: Any) -> Row | None:
        return info.context.loader(info).by_id(table, _selected(info))

    return resolve


def resolve_aggregate(table: Table) -> Resolver:
    """Return the resolver of a table's root `…_aggregate` field."""

    def resolve(_root: None, info: Info, **_arguments: Any) -> Row:
        return info.context.loader(info).aggregate(table, _selected(info))

    return resolve


def _mutation(act: Callable[..., dict[str, Any]], *, needs_caller: bool = False) -> Resolver:
    def resolve(_root: None, info: Info, **arguments: Any) -> dict[str, Any]:
        context = info.context
        field = info.parent_type.fields[info.field_name]
        given = checked(arguments["input"], field.args["input"].type)
        with context.database.write() as session:
            if needs_caller:
                return act(session, given, context.caller)
            return act(session, given)

    return resolve


def _query(act: Callable[..., Any]) -> Resolver:
    def resolve(_root: None, info: Info, **arguments: Any) -> Any:
        fields = info.parent_type.fields[info.field_name].args
        given = {name: checked(value, fields[name].type) for name, value in arguments.items()}
        return act(info.context.session, **given)

    return resolve


QUERIES: Mapping[str, Resolver] = {
    "hello": _query(api.hello),
    "api": _query(api.api),
    "get_task_run_info": _query(task_run.get_task_run_info),
    "mapped_children": _query(task_run.mapped_children),
}

MUTATIONS: Mapping[str, Resolver] = {
    act.__name__: _mutation(act)
    for act in (
        tenant.create_tenant,
        tenant.delete_tenant,
        tenant.update_tenant_name,
        tenant.update_tenant_slug,
        tenant.update_tenant_settings,
        project.create_project,
        project.delete_project,
        project.set_project_name,
        project.set_project_description,
        flow.create_flow,
        flow.create_flow_from_compressed_string,
        flow.register_tasks,
        flow.register_edges,
        flow.delete_flow,
        flow.archive_flow,
        flow.update_flow_project,
        flow_group.disable_flow_heartbeat,
        flow_group.enable_flow_heartbeat,
        flow_group.disable_flow_lazarus_process,
        flow_group.enable_flow_lazarus_process,
        flow_group.delete_flow_group,
        flow_group.set_flow_group_description,
        flow_group.set_flow_group_labels,
        flow_group.set_flow_group_run_config,
        flow_group.set_flow_group_schedule,
        flow_group.delete_flow_group_schedule,
        flow_group.set_flow_group_default_parameters,
        schedule.set_schedule_active,
        schedule.set_schedule_inactive,
        flow_run.create_flow_run,
        flow_run.set_flow_run_name,
        flow_run.set_flow_run_labels,
        flow_run.update_flow_run_heartbeat,
        flow_run.delete_flow_run,
        task_run.get_or_create_task_run,
        task_run.get_or_create_task_run_info,
        task_run.set_task_run_name,
        task_run.update_task_run_heartbeat,
        state.set_task_run_states,
        state.cancel_flow_run,
        log.write_run_logs,
        agent.delete_agent,
        agent.create_agent_config,
        agent.update_agent_config,
        agent.delete_agent_config,
        artifact.create_task_run_artifact,
        artifact.update_task_run_artifact,
        artifact.delete_task_run_artifact,
    )
} | {
    act.__name__: _mutation(act, needs_caller=True)
    for act in (agent.register_agent, flow_run.get_runs_in_queue, state.set_flow_run_states)
}
