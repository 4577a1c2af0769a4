"""What an environment does for its flows: the image that their runs are of, and their registration.

Both read the folder of the program, and so do the plugins that carry them out.
"""

from collections.abc import Sequence
from pathlib import Path

import pulumi

from components import image_content
from components.flow_image import FlowImage, FlowImageArgs
from components.flow_registry import FlowRegistry, FlowRegistryArgs
from components.prefect_server import PrefectServer
from components.registry import Registry
from components.storage import Storage
from infra import registration_file
from infra.azure_settings import AzureSettings
from infra.settings import Settings
from registration import settings as registration_settings
from registration.error import RegistrationError


def image(registry: Registry, base: pulumi.Input[str]) -> FlowImage:
    """Have an image of tasks/ and utils/ in the registry, built on a base image."""
    try:
        content_hash = image_content.content_hash(Path.cwd())
    except RegistrationError as error:
        raise pulumi.RunError(str(error)) from None
    args = FlowImageArgs(
        registry_id=registry.id,
        login_server=registry.login_server,
        content_hash=content_hash,
        base=base,
        agent_pool=registry.agent_pool,
        ready=[registry],
    )
    return FlowImage("flow-image", args)


def register(
    stack: Settings,
    settings: AzureSettings,
    server: PrefectServer,
    storage: Storage,
    after: Sequence[pulumi.Resource],
) -> FlowRegistry:
    """Keep the flows registered; they go with the server, which then is not asked."""
    decided = registration_settings.Settings(
        flows=stack.flows_directory,
        project=stack.prefect_project,
        tenant=registration_settings.Tenant(name=stack.prefect_tenant, slug=stack.prefect_tenant),
        store=storage.flow_store,
        run_config=registration_settings.RunConfig(type="kubernetes", labels=stack.flow_labels),
        agent_labels=settings.agent_labels or stack.flow_labels,
        schedules=stack.flow_schedules,
        removal=stack.flow_removal,
    )
    registration_file.write(decided, server.api)
    args = FlowRegistryArgs(settings=decided, api=server.api, project_id=server.project_id, released=server)
    return FlowRegistry("flows", args, pulumi.ResourceOptions(depends_on=[*after, storage]))
