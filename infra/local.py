"""The stack `local`: everything on this machine, nothing in a cloud.

The Prefect API and the agent are processes that `make up` starts; this stack holds the flows.
"""

import os

import pulumi

from components.flow_registry import FlowRegistry, FlowRegistryArgs
from infra import registration_file
from infra.settings import Settings
from registration import settings as registration_settings

STORE = ".local/flows"


def deploy(stack: Settings) -> None:
    """Register the flows of this checkout with the Prefect API of this machine."""
    api = f"http://127.0.0.1:{os.environ.get('PREFECT_API_PORT') or '4200'}"
    settings = registration_settings.Settings(
        flows=stack.flows_directory,
        project=stack.prefect_project,
        tenant=registration_settings.Tenant(name=stack.prefect_tenant, slug=stack.prefect_tenant),
        store=STORE,
        run_config=registration_settings.RunConfig(type="local", labels=stack.flow_labels),
        agent_labels=stack.flow_labels,
        schedules=stack.flow_schedules,
        removal=stack.flow_removal,
    )
    registration_file.write(settings, api)
    registry = FlowRegistry("flows", FlowRegistryArgs(settings=settings, api=api))
    pulumi.export("api", api)
    pulumi.export("project", stack.prefect_project)
    pulumi.export("flows", registry.flows)
