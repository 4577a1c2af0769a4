"""The calls of registration to a Prefect API, in the words of the domain.

Every call may be repeated: each either asks, or sets what may already be so, or carries an idempotency key.
"""

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from registration.error import RefusedError, RegistrationError
from registration.row import Row, row_of
from registration.settings import Tenant
from registration.transport import Transport

# The API takes bodies of 5 MB; what does not fit is sent in batches, as Prefect's own client does.
BODY_LIMIT = 4_000_000
_BATCH = 500
_DUPLICATE = "Uniqueness violation."

_ROW = """id name version archived flow_group_id is_schedule_active schedule storage run_config
    project { id } flow_group { settings }"""
_SERVER = f"""query($project: String!) {{
  tenant(order_by: {{created: asc}}) {{ id slug }}
  project(where: {{name: {{_eq: $project}}}}) {{ id tenant_id }}
  flow(where: {{project: {{name: {{_eq: $project}}}}, archived: {{_eq: false}}}}, order_by: {{created: asc}}) {{
    {_ROW}
    flow_runs_aggregate(where: {{state: {{_eq: "Scheduled"}}}}) {{ aggregate {{ count }} }}
  }}
}}"""
_FLOW = f"query($id: uuid!) {{ flow_by_pk(id: $id) {{ {_ROW} }} }}"
_FLOW_BY_NAME = f"""query($project: uuid!, $name: String!) {{
  flow(where: {{project: {{id: {{_eq: $project}}}}, name: {{_eq: $name}}, archived: {{_eq: false}}}},
       order_by: {{created: desc}}, limit: 1) {{ {_ROW} }}
}}"""
_FLOWS_OF_GROUP = f"""query($group: uuid!) {{
  flow(where: {{flow_group_id: {{_eq: $group}}, archived: {{_eq: false}}}}, order_by: {{version: desc}}) {{ {_ROW} }}
}}"""
_TENANT = "query($slug: String!) { tenant(where: {slug: {_eq: $slug}}) { id } }"
_PROJECT = "query($name: String!) { project(where: {name: {_eq: $name}}) { id tenant_id } }"


def _mutation(name: str, answer: str) -> str:
    return f"mutation($input: {name}_input!) {{ {name}(input: $input) {{ {answer} }} }}"


@dataclass(frozen=True, kw_only=True)
class Server:
    """What one query tells: the tenant, the project (None when missing) and the project's unarchived flows by name.

    `leftovers` are unarchived flows behind another of the same name.
    """

    tenant_id: str | None
    project_id: str | None
    rows: Mapping[str, Row]
    leftovers: Sequence[Row] = ()


class Api:
    """A Prefect API; `client` brings its own credentials where the address needs some."""

    def __init__(self, url: str, client: httpx.Client | None = None) -> None:
        self.transport = Transport(url, client)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self.transport.close()

    def server(self, project: str, tenant: Tenant | None = None) -> Server:
        """Ask, in one query whatever the number of flows, what the server has."""
        data = self.transport.send(_SERVER, {"project": project})
        tenants = data["tenant"]
        tenant_id = next((each["id"] for each in tenants if tenant is None or each["slug"] == tenant.slug), None)
        found = [each["id"] for each in data["project"] if each["tenant_id"] == tenant_id]
        rows: dict[str, Row] = {}
        leftovers = []
        for fields in data["flow"]:
            row = row_of(fields, scheduled_runs=fields["flow_runs_aggregate"]["aggregate"]["count"])
            if row.project_id not in found:
                continue
            older = rows.get(row.name)
            if older is not None:
                leftovers.append(older)
            rows[row.name] = row
        return Server(tenant_id=tenant_id, project_id=found[0] if found else None, rows=rows, leftovers=leftovers)

    def find_tenant(self, slug: str) -> str | None:
        """Find a tenant by its slug."""
        found = self.transport.send(_TENANT, {"slug": slug})["tenant"]
        return str(found[0]["id"]) if found else None

    def ensure_tenant(self, tenant: Tenant) -> str:
        """Find a tenant, or create it."""
        existing = self.find_tenant(tenant.slug)
        return existing or self._create_once(
            "create_tenant", {"name": tenant.name, "slug": tenant.slug}, lambda: self.find_tenant(tenant.slug)
        )

    def find_project(self, name: str, tenant_id: str) -> str | None:
        """Find a tenant's project by its name."""
        found = self.transport.send(_PROJECT, {"name": name})["project"]
        return next((str(each["id"]) for each in found if each["tenant_id"] == tenant_id), None)

    def ensure_project(self, name: str, tenant_id: str) -> str:
        """Find a project, or create it."""
        existing = self.find_project(name, tenant_id)
        fields = {"name": name, "tenant_id": tenant_id, "description": None}
        return existing or self._create_once("create_project", fields, lambda: self.find_project(name, tenant_id))

    def flow(self, flow_id: str) -> Row | None:
        """Read one version of a flow, archived or not."""
        found = self.transport.send(_FLOW, {"id": flow_id})["flow_by_pk"]
        return row_of(found) if found else None

    def flow_by_name(self, project_id: str, name: str, *, budget: float | None = None) -> Row | None:
        """Read the newest unarchived flow of a name, within so many seconds if that is fewer than usual."""
        found = self.transport.send(_FLOW_BY_NAME, {"project": project_id, "name": name}, budget=budget)["flow"]
        return row_of(found[0]) if found else None

    def flow_by_group(self, flow_group_id: str) -> Row | None:
        """Read the newest unarchived version in a flow group."""
        return next(iter(self.flows_of_group(flow_group_id)), None)

    def flows_of_group(self, flow_group_id: str) -> list[Row]:
        """Read the unarchived versions in a flow group, newest first; a breakdown may have left several."""
        return [row_of(each) for each in self.transport.send(_FLOWS_OF_GROUP, {"group": flow_group_id})["flow"]]

    def archive(self, flow_id: str) -> bool:
        """Archive a version of a flow, which removes its scheduled runs; False when there is none such."""
        return self._do("archive_flow", {"flow_id": flow_id})

    def set_schedule(self, flow_id: str, *, active: bool) -> bool:
        """Start or stop the schedule of a flow."""
        return self._do("set_schedule_active" if active else "set_schedule_inactive", {"flow_id": flow_id})

    def create_flow(self, flow: Mapping[str, Any], *, project_id: str, key: str, active: bool) -> str:
        """Register a flow, and give the id that the server answers, which may be an old one.

        A lost reply raises LostReplyError: look at the server before asking again.
        """
        fields = {"project_id": project_id, "set_schedule_active": active, "idempotency_key": key}
        name = "create_flow_from_compressed_string"
        packed = _packed(flow)
        if len(packed) > BODY_LIMIT:
            packed = _packed({**flow, "tasks": [], "edges": []})
        fields["serialized_flow"] = packed
        data = self.transport.send(_mutation(name, "id"), {"input": fields}, once=True)
        return str(data[name]["id"])

    def add_graph(self, flow_id: str, flow: Mapping[str, Any]) -> None:
        """Send the tasks and edges of a flow that is too big for one call; those that are there stay."""
        for name, field, values in (
            ("register_tasks", "serialized_tasks", flow["tasks"]),
            ("register_edges", "serialized_edges", flow["edges"]),
        ):
            for start in range(0, len(values), _BATCH):
                self._do(name, {"flow_id": flow_id, field: values[start : start + _BATCH]})

    def _do(self, name: str, fields: Mapping[str, Any]) -> bool:
        return bool(self.transport.send(_mutation(name, "success"), {"input": fields})[name]["success"])

    def _create_once(self, name: str, fields: Mapping[str, Any], find: Any) -> str:
        """Create what must exist once; when it exists by now, somebody else or a lost reply made it."""
        try:
            return str(self.transport.send(_mutation(name, "id"), {"input": fields})[name]["id"])
        except RefusedError as error:
            found = find() if _DUPLICATE in str(error) else None
            if found is None:
                raise RegistrationError(f"{name.replace('_', ' ')} {fields['name']!r}: {error}") from error
            return str(found)


def is_big(flow: Mapping[str, Any]) -> bool:
    """Whether a flow is sent in batches."""
    return len(_packed(flow)) > BODY_LIMIT


def _packed(flow: Mapping[str, Any]) -> str:
    """Pack a flow as the API takes it; equal flows give equal text."""
    return base64.b64encode(gzip.compress(json.dumps(flow).encode(), mtime=0)).decode()
