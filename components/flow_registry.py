"""The flows of one project, kept registered: a resource for each flow.

Where nobody else has made them, it also makes one for the project and one for its tenant.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi
from pulumi.dynamic import Resource

from components.flow_provider import BUNDLES, FlowProvider
from components.prefect_project import ApiLocator, Project, Tenant
from registration import catalog, label
from registration.error import RegistrationError
from registration.settings import Settings


@dataclass(frozen=True, kw_only=True)
class FlowRegistryArgs:
    """What a registry needs from its environment."""

    settings: Settings
    """What the environment decides; its flows folder lies in the program's own folder."""
    api: ApiLocator
    """Where the Prefect API answers; no part of what is registered."""
    project_id: pulumi.Input[str] | None = None
    """The project on the server; None makes the one that the settings name, and its tenant."""
    released: pulumi.Resource | None = None
    """The server's release: when it goes, nothing on it is removed one by one."""


class Flow(Resource, module="prefect-aks", name="Flow"):
    """One flow, registered; its id is the flow group's."""

    flow_id: pulumi.Output[str]
    version: pulumi.Output[int]
    fingerprint: pulumi.Output[str]


class FlowRegistry(pulumi.ComponentResource):
    """Every flow of a folder, registered in one project, and registered again only when it changes."""

    flows: pulumi.Output[Mapping[str, Mapping[str, object]]]
    """By the flow's name: its current id, version, fingerprint and project."""

    def __init__(self, name: str, args: FlowRegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-aks:prefect:FlowRegistry", name, None, opts)
        records = _load(args)
        settings = args.settings
        project_id = self._project(name, args) if args.project_id is None else args.project_id
        flows = {
            record.name: Flow(
                FlowProvider(),
                f"{name}-{record.name}",
                {
                    "name": record.name,
                    "project": settings.project,
                    "project_id": project_id,
                    "api": args.api,
                    "store": settings.store,
                    "schedules": settings.schedules,
                    **record.parts,
                    **dict.fromkeys(("flow_id", "version", "fingerprint")),
                },
                pulumi.ResourceOptions(
                    parent=self, deleted_with=args.released, retain_on_delete=settings.removal == "retain"
                ),
            )
            for record in records
        }
        self.flows = pulumi.Output.from_input(
            {
                flow_name: {
                    "id": flow.flow_id,
                    "version": flow.version,
                    "fingerprint": flow.fingerprint,
                    "project": settings.project,
                }
                for flow_name, flow in flows.items()
            }
        )
        self.register_outputs({"flows": self.flows})

    def _project(self, name: str, args: FlowRegistryArgs) -> pulumi.Input[str]:
        settings = args.settings
        if settings.tenant is None or settings.project is None:
            raise pulumi.RunError("the flow registry needs a project, and the tenant that it belongs to")
        child = pulumi.ResourceOptions(parent=self, deleted_with=args.released)
        tenant = Tenant(f"{name}-tenant", slug=settings.tenant.slug, api=args.api, opts=child)
        project = Project(f"{name}-project", project=settings.project, tenant_id=tenant.id, api=args.api, opts=child)
        return project.id


def _load(args: FlowRegistryArgs) -> tuple[catalog.Record, ...]:
    settings = args.settings
    try:
        found = catalog.load(
            Path(settings.flows), store=settings.store, run_config=settings.run_config, bundles=BUNDLES
        )
        found = label.check(found, settings.agent_labels)
        found.raise_for_failures()
    except RegistrationError as error:
        raise pulumi.RunError(str(error)) from None
    return found.records
