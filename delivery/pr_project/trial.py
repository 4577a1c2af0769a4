"""A pull request's own project on the Prefect server of a deployed stack.

It is called pr-NUMBER, and so is the one label of its flows, which no environment's agent has: what is tried here,
nobody else runs. Nothing outside of it is written but scripts, which lie under their fingerprints and are everybody's.
"""

import re
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from delivery import tree
from delivery.deployed.stack import Deployment
from delivery.error import DeliveryError
from delivery.pr_project import smoke
from registration import apply, bundle, catalog
from registration.api import Api, Server
from registration.bundle import Bundle
from registration.catalog import Record
from registration.fingerprint import key_of, run_config_part
from registration.service_proxy import Locator, locator_of
from registration.settings import RunConfig, Settings, Tenant
from registration.store import open_store

_RUNS = """query($project: uuid!, $ended: [String!]) {
  flow_run(where: {flow: {project_id: {_eq: $project}}, state: {_nin: $ended}}) { id }
}"""
_PROJECTS = """query($tenant: uuid!) {
  project(where: {tenant_id: {_eq: $tenant}, name: {_like: "pr-%"}}) { name }
}"""
_DELETE_PROJECT = "mutation($input: delete_project_input!) { delete_project(input: $input) { success } }"
_AGENTS = "query($name: String!) { agent(where: {name: {_eq: $name}}) { id labels } }"
_DELETE_AGENT = "mutation($input: delete_agent_input!) { delete_agent(input: $input) { success } }"
_NAME = re.compile("pr-([1-9][0-9]{0,8})")


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A flow as it is registered in the project, and what was done for that."""

    name: str
    action: str
    id: str
    version: int


@dataclass(frozen=True, kw_only=True)
class Removed:
    """What there was of a project: itself, its flows, those of their runs that were cancelled, and agents."""

    project: bool
    flows: int = 0
    runs: int = 0
    agents: int = 0


@dataclass(frozen=True, kw_only=True)
class Trial:
    """The project of a pull request whose checkout is `root`; `name` is also its label."""

    root: Path
    name: str
    deployment: Deployment

    @property
    def api(self) -> Locator:
        """Where the stack's Prefect server answers."""
        return locator_of(self.deployment.output("prefectApi"))

    @property
    def store(self) -> str:
        """Where the stack's scripts lie."""
        return str(self.deployment.output("flowStore"))

    def register(self, api: Api, base: str | None, named: Collection[str]) -> list[Tried]:
        """Have the project hold the flows that this checkout changes, and no others.

        Args:
            api: The stack's Prefect server.
            base: The revision to compare with; None for what the stack runs.
            named: Flows that are wanted whether they changed or not.
        """
        with tempfile.TemporaryDirectory(prefix="prefect-aks-bundles-") as folder:
            records = self._load(self.root, Path(folder))
            wanted = _wanted(records, self._before(base), named)
            return self._write(api, [bundle.read(Path(folder), each.name, each.key) for each in wanted])

    def remove(self, api: Api) -> Removed:
        """Delete what its agents left, and the project with all that is in it; a second time finishes a first."""
        server = self._server(api)
        agents = self._remove_agents(api)
        if server.project_id is None:
            return Removed(project=False, agents=agents)
        rows = [*server.rows.values(), *server.leftovers]
        for row in rows:
            api.archive(row.id)
        send = api.transport.send
        runs = send(_RUNS, {"project": server.project_id, "ended": sorted(smoke.ENDED)})["flow_run"]
        for each in runs:
            smoke.cancel(api, each["id"])
        send(_DELETE_PROJECT, {"input": {"project_id": server.project_id}})
        return Removed(project=True, flows=len(rows), runs=len(runs), agents=agents)

    def _remove_agents(self, api: Api) -> int:
        found = api.transport.send(_AGENTS, {"name": self.name})["agent"]
        own = [each["id"] for each in found if each["labels"] == [self.name]]
        for each in own:
            api.transport.send(_DELETE_AGENT, {"input": {"agent_id": each}})
        return len(own)

    @property
    def _flows(self) -> str:
        return self.deployment.update.config.get("flowsDirectory") or Settings().flows

    def _load(self, root: Path, bundles: Path | None = None) -> Mapping[str, Record]:
        run_config = RunConfig(type="local", labels=(self.name,))
        found = catalog.load(root / self._flows, store=self.store, run_config=run_config, bundles=bundles)
        if bundles:
            found.raise_for_failures()
        return {record.name: record for record in found.records}

    def _before(self, base: str | None) -> Mapping[str, str]:
        """The fingerprints to compare with, by name; a file of the revision that cannot be loaded gives none."""
        if base is None:
            return self.deployment.flows
        with tempfile.TemporaryDirectory(prefix="prefect-aks-base-") as folder:
            tree.committed(self.root, base, Path(folder))
            there = (Path(folder) / self._flows).is_dir()
            records = self._load(Path(folder)) if there else {}
        return {name: record.fingerprint for name, record in records.items()}

    def _server(self, api: Api) -> Server:
        tenant = _tenant(self.deployment)
        server = api.server(self.name, tenant)
        _known(server.tenant_id, tenant, self.deployment)
        return server

    def _write(self, api: Api, bundles: list[Bundle]) -> list[Tried]:
        server = self._server(api)
        if not bundles and server.project_id is None:
            return []
        project_id = server.project_id or api.ensure_project(self.name, str(server.tenant_id))
        store = open_store(self.store, self.root)
        tried = []
        for each in bundles:
            before = server.rows.get(each.name)
            flow = _for_label(each, self.name)
            row = apply.register(api, store, flow, project_id=project_id, schedules="paused")
            action = "register" if before is None else "unchanged" if before.id == row.id else "update"
            tried.append(Tried(name=each.name, action=action, id=row.id, version=row.version))
        kept = {each.name for each in bundles}
        for row in [*server.rows.values(), *server.leftovers]:
            if row.name not in kept:
                api.archive(row.id)
        return tried


def numbers(api: Api, deployment: Deployment) -> list[int]:
    """Give the numbers of the pull requests that have a project; the stack's own project is none, whatever its name."""
    tenant = _tenant(deployment)
    tenant_id = _known(api.find_tenant(tenant.slug), tenant, deployment)
    names = {each["name"] for each in api.transport.send(_PROJECTS, {"tenant": tenant_id})["project"]}
    found = map(_NAME.fullmatch, names - {deployment.outputs.get("prefectProject")})
    return sorted(int(each[1]) for each in found if each)


def _tenant(deployment: Deployment) -> Tenant:
    # As the stack's own project: its agent, like ours, serves the first tenant of the server.
    slug = deployment.update.config.get("prefectTenant") or "default"
    return Tenant(name=slug, slug=slug)


def _known(tenant_id: str | None, tenant: Tenant, deployment: Deployment) -> str:
    if tenant_id is None:
        raise DeliveryError(f"the server of {deployment.stack} has no tenant {tenant.slug}; deploy the stack first")
    return tenant_id


def _wanted(records: Mapping[str, Record], before: Mapping[str, str], named: Collection[str]) -> list[Record]:
    if unknown := sorted({*named} - {*records}):
        raise DeliveryError(f"no flow here is named {unknown[0]!r}; there are: {', '.join(records) or 'none'}")
    return [each for name, each in records.items() if name in named or each.fingerprint != before.get(name)]


def _for_label(flow: Bundle, label: str) -> Bundle:
    """Have a flow run on this machine and for one label, whatever it asks of its environment; its variables stay."""
    own = flow.flow.get("run_config") or {}
    run_config = {
        "type": "LocalRun",
        "env": own.get("env"),
        "labels": [label],
        "working_dir": None,
        "__version__": flow.flow.get("__version__"),
    }
    parts = {**flow.parts, "run_config": run_config_part(run_config)}
    return replace(flow, flow={**flow.flow, "run_config": run_config}, parts=parts, key=key_of(parts))
