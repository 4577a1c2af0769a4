"""The flows of one project, kept registered: a resource for the tenant, one for the project, one for each flow."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi
from pulumi.dynamic import Resource

from components.flow_provider import BUNDLES, FlowProvider, ProjectProvider, TenantProvider
from registration import catalog
from registration.error import RegistrationError
from registration.settings import Settings


@dataclass(frozen=True, kw_only=True)
class FlowRegistryArgs:
    """What a registry needs from its environment."""

    settings: Settings
    """What the environment decides; its tenant is set, and its flows folder lies in the program's own folder."""
    api: pulumi.Input[str]
    """Where the Prefect API answers; a locator, and no part of what is registered."""
    released: pulumi.Resource | None = None
    """The server's release: when it goes, nothing on it is removed one by one."""


class Tenant(Resource, module="prefect-aks", name="Tenant"):
    """A tenant of the Prefect server; its id is the server's."""


class Project(Resource, module="prefect-aks", name="Project"):
    """A project of the Prefect server; its id is the server's."""


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
        if settings.tenant is None:
            raise pulumi.RunError("the flow registry needs the tenant that its project belongs to")
        tenant = Tenant(
            TenantProvider(),
            f"{name}-tenant",
            {"slug": settings.tenant.slug, "api": args.api},
            pulumi.ResourceOptions(parent=self, deleted_with=args.released),
        )
        project = Project(
            ProjectProvider(),
            f"{name}-project",
            {"name": settings.project, "tenant_id": tenant.id, "api": args.api},
            pulumi.ResourceOptions(parent=self, deleted_with=args.released),
        )
        flows = {
            record.name: Flow(
                FlowProvider(),
                f"{name}-{record.name}",
                {
                    "name": record.name,
                    "project": settings.project,
                    "project_id": project.id,
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


def _load(args: FlowRegistryArgs) -> tuple[catalog.Record, ...]:
    settings = args.settings
    try:
        found = catalog.load(
            Path(settings.flows), store=settings.store, run_config=settings.run_config, bundles=BUNDLES
        )
        found.raise_for_failures()
    except RegistrationError as error:
        raise pulumi.RunError(str(error)) from None
    return found.records
