"""What runs in an environment's cluster: the Prefect server, the agent, the flows, and where asked for a Dask cluster.

The order of one update: images, server, tenant and project, flow image, agent, flows. So a flow image that is not built
registers nothing; it needs no server itself.
"""

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from components import dask, pod, prefect_agent, prefect_server
from components.cluster import Cluster
from components.dask import Dask, DaskArgs
from components.database import Database
from components.identity import Identity
from components.image import UPSTREAM, Image
from components.image_mirror import ImageMirror, ImageMirrorArgs
from components.job_template import FLOW_RUN
from components.network_rule import Peer
from components.prefect_agent import PrefectAgent, PrefectAgentArgs
from components.prefect_server import PrefectServer, PrefectServerArgs
from components.registry import Registry
from components.storage import Storage
from infra import address, flow
from infra.azure_settings import AzureSettings
from infra.settings import Settings

FLOW_NAMESPACE = "prefect"
FLOW_ACCOUNT = "flow"
"""The Kubernetes service account that flow runs have."""
AGENT_IMAGE = "agent"
LOGIN_IMAGE = "loginProxy"
FLOW_BASE = "flowBase"

Images = pulumi.Output[Mapping[str, Mapping[str, str]]]


@dataclass(frozen=True, kw_only=True)
class Platform:
    """What the environment has that its workload stands on."""

    cluster: Cluster
    database: Database
    identity: Identity
    registry: Registry
    storage: Storage


@dataclass(frozen=True, kw_only=True)
class _Workload:
    """What every part of the workload is made from."""

    stack: Settings
    settings: AzureSettings
    platform: Platform
    images: Images
    """The platform's, by name."""
    flow_image: pulumi.Output[str]
    """The reference of what flow runs are of."""


def deploy(stack: Settings, settings: AzureSettings, platform: Platform) -> dict[str, Any]:
    """Run everything in the cluster, and give what the stack exports of it."""
    images = _images(settings, platform.registry)
    built = None if settings.flow_image else flow.image(platform.registry, _reference(images, FLOW_BASE))
    work = _Workload(
        stack=stack,
        settings=settings,
        platform=platform,
        images=images,
        flow_image=built.reference if built else pulumi.Output.from_input(settings.flow_image),
    )
    cluster = kubernetes.Provider("cluster", kubeconfig=platform.cluster.kubeconfig)

    def after(*before: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(provider=cluster, depends_on=list(before))

    server = _server(work, after(platform.cluster, platform.database))
    agent = _agent(work, after(server))
    if settings.dask:
        _dask(work, agent, after(agent))
    flows = flow.register(stack, settings, server, platform.storage, after=[agent])
    return {
        "prefectNamespace": server.namespace,
        "prefectApi": server.api,
        "prefectProject": stack.prefect_project,
        "prefectProjectId": server.project_id,
        "uiUrl": server.ui_url,
        "openUi": server.open_ui,
        "flowNamespace": agent.namespace,
        "flowImage": work.flow_image,
        "flowImageContentHash": built.content_hash if built else None,
        "flows": flows.flows,
    }


def ask_for_login() -> None:
    """Make sure that an update can log in to the cluster that it makes, before it makes one.

    Raises:
        pulumi.RunError: what logs in is not installed.
    """
    if not shutil.which("kubelogin"):
        raise pulumi.RunError("kubelogin is not on PATH, and nothing else logs in to the cluster: `az aks install-cli`")


def _images(settings: AzureSettings, registry: Registry) -> Images:
    """The images of the platform, by name: in the environment's own registry by digest, or where they come from."""
    unused = {LOGIN_IMAGE: not settings.ui_login, FLOW_BASE: bool(settings.flow_image)}
    wanted = {name: image for name, image in UPSTREAM.items() if not unused.get(name)}
    if not settings.image_mirror:
        return pulumi.Output.from_input({name: asdict(image) for name, image in wanted.items()})
    args = ImageMirrorArgs(registry_id=registry.id, login_server=registry.login_server, images=wanted, ready=[registry])
    return ImageMirror("images", args).images


def _server(work: _Workload, opts: pulumi.ResourceOptions) -> PrefectServer:
    stack, settings, platform = work.stack, work.settings, work.platform
    parts = (prefect_agent.PART, FLOW_RUN, *([dask.WORKER] if settings.dask else []))
    args = PrefectServerArgs(
        chart=prefect_server.CHART,
        images=work.images.apply(_of_the_server),
        database_host=platform.database.host,
        database_name=platform.database.database,
        database_username=platform.database.username,
        database_password=platform.database.password,
        database_network=address.subnets(settings.address_space).database,
        replicas=settings.server_replicas,
        clients=tuple(Peer(ports=(), pods=pod.selector(part), namespace=FLOW_NAMESPACE) for part in parts),
        api_server=platform.cluster.server,
        api_server_authority=platform.cluster.certificate_authority,
        tenant=stack.prefect_tenant,
        project=stack.prefect_project,
    )
    return PrefectServer("server", args, opts)


def _storage_connection(storage: Storage) -> pulumi.Output[str]:
    return pulumi.Output.concat("BlobEndpoint=https://", storage.name, ".blob.core.windows.net")


def _reference(images: Images, name: str) -> pulumi.Output[str]:
    return images.apply(lambda known: Image(**known[name]).reference)


def _of_the_server(known: Mapping[str, Mapping[str, str]]) -> dict[str, Mapping[str, str]]:
    return {name: image for name, image in known.items() if name not in {AGENT_IMAGE, FLOW_BASE}}


def _flow_networks(settings: AzureSettings) -> tuple[str, ...]:
    """What the settings name, and the private endpoints, the flow store's among them."""
    endpoints = address.subnets(settings.address_space).endpoints
    return tuple(dict.fromkeys([*map(str, settings.flow_networks), endpoints]))


def _agent(work: _Workload, opts: pulumi.ResourceOptions) -> PrefectAgent:
    settings, platform = work.settings, work.platform
    args = PrefectAgentArgs(
        namespace=FLOW_NAMESPACE,
        image=_reference(work.images, AGENT_IMAGE),
        flow_image=work.flow_image,
        api_url=prefect_server.APOLLO_URL,
        api=prefect_server.APOLLO_PODS,
        labels=settings.agent_labels or work.stack.flow_labels,
        flow_account=FLOW_ACCOUNT,
        flow_client_id=platform.identity.flow_client_id,
        storage_connection=_storage_connection(platform.storage),
        flow_environment={dask.VARIABLE: dask.ADDRESS} if settings.dask else {},
        flow_networks=_flow_networks(settings),
        flow_peers=(dask.SCHEDULER_PEER,) if settings.dask else (),
        spot=settings.spot_pool,
    )
    return PrefectAgent("agent", args, opts)


def _dask(work: _Workload, agent: PrefectAgent, opts: pulumi.ResourceOptions) -> Dask:
    settings = work.settings
    args = DaskArgs(
        namespace=agent.namespace,
        image=work.flow_image,
        service_account=FLOW_ACCOUNT,
        api=prefect_server.APOLLO_PODS,
        environment={"AZURE_STORAGE_CONNECTION_STRING": _storage_connection(work.platform.storage)},
        workers=(settings.dask_workers_minimum, settings.dask_workers_maximum),
        networks=_flow_networks(settings),
    )
    return Dask("dask", args, opts)
