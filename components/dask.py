"""A Dask cluster for flows that ask for one: a scheduler, and workers that come and go with their load.

Workers run tasks, so they are what flow runs are: the same image, the same identity, the same networks.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes import apps, autoscaling, core, meta

from components import network_rule, pod
from components.job_template import FLOW_RUN
from components.network_rule import ANYWHERE, DNS, Peer
from components.pool import FLOW_POOL

SCHEDULER, WORKER = "dask-scheduler", "dask-worker"
SCHEDULER_PORT, WORKER_PORT, NANNY_PORT = 8786, 9000, 9001
HEALTH_PORT = 8787
ADDRESS = f"tcp://{SCHEDULER}:{SCHEDULER_PORT}"
"""Where flow runs of the same namespace find it; they read it from the variable below."""
VARIABLE = "FLOW_DASK_ADDRESS"
SPILL = "4Gi"
"""What a worker may write to disk: of more results than its memory holds."""
BUSY_PERCENT = 70
"""The load, of what workers ask for of the processor, above which workers are added."""
QUIET_SECONDS = 600
"""How long the load must have been low before a worker goes: what it holds of a run's results is computed again."""
SCHEDULER_PEER = Peer(ports=(SCHEDULER_PORT,), pods=pod.selector(SCHEDULER))


@dataclass(frozen=True, kw_only=True)
class DaskArgs:
    """What a Dask cluster needs from its environment."""

    namespace: pulumi.Input[str]
    """The flows' own."""
    image: pulumi.Input[str]
    """The flow image's reference: all of a run is of one image."""
    service_account: str
    """The flows' service account."""
    api: Peer
    """Apollo's pods: a task reports its own state."""
    environment: Mapping[str, pulumi.Input[str]]
    """The variables that flow runs have, too."""
    workers: tuple[int, int]
    """Fewest and most."""
    networks: tuple[str, ...] = (ANYWHERE,)
    """Networks that workers may reach on port 443."""


class Dask(pulumi.ComponentResource):
    """A scheduler and autoscaled workers, that flow runs alone can reach."""

    address: pulumi.Output[str]

    def __init__(self, name: str, args: DaskArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-aks:kubernetes:Dask", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        policies = _policies(name, args, child)
        after = pulumi.ResourceOptions(parent=self, depends_on=policies)
        core.v1.Service(
            f"{name}-scheduler-service",
            metadata=pod.metadata(SCHEDULER, args.namespace, SCHEDULER),
            spec=core.v1.ServiceSpecArgs(
                type="ClusterIP",
                selector=pod.selector(SCHEDULER),
                ports=[core.v1.ServicePortArgs(name="tcp", port=SCHEDULER_PORT, target_port="scheduler")],
            ),
            opts=after,
        )
        _deployment(f"{name}-scheduler", args, _scheduler(), after)
        workers = _deployment(f"{name}-worker", args, _worker(args), after)
        _autoscaler(f"{name}-autoscaler", args, workers, child)
        self.address = pulumi.Output.from_input(ADDRESS)
        self.register_outputs({"address": self.address})


@dataclass(frozen=True, kw_only=True)
class _Part:
    """One of the two kinds of process."""

    name: str
    command: list[str]
    ports: Mapping[str, int]
    environment: Mapping[str, pulumi.Input[str]]
    resources: core.v1.ResourceRequirementsArgs
    scratch: str
    identity: bool
    """Whether it runs the tasks of flows, and so acts as they do in Azure."""
    replicas: int | None
    strategy: str
    health: core.v1.ProbeArgs


def _scheduler() -> _Part:
    health = core.v1.HTTPGetActionArgs(path="/health", port="health")
    return _Part(
        name=SCHEDULER,
        command=["dask", "scheduler", "--port", str(SCHEDULER_PORT), "--dashboard-address", f":{HEALTH_PORT}"],
        ports={"scheduler": SCHEDULER_PORT, "health": HEALTH_PORT},
        environment={},
        resources=pod.resources(cpu="100m", memory="1Gi"),
        scratch="1Gi",
        identity=False,
        replicas=1,
        # The workers of one scheduler mean nothing to another.
        strategy="Recreate",
        health=core.v1.ProbeArgs(http_get=health, period_seconds=10, timeout_seconds=5, failure_threshold=6),
    )


def _worker(args: DaskArgs) -> _Part:
    return _Part(
        name=WORKER,
        command=[
            *("dask", "worker", ADDRESS, "--nthreads", "2", "--memory-limit", "1800MiB", "--no-dashboard"),
            *("--worker-port", str(WORKER_PORT), "--nanny-port", str(NANNY_PORT)),
            *("--local-directory", f"{pod.SCRATCH}/dask"),
        ],
        ports={"worker": WORKER_PORT, "nanny": NANNY_PORT},
        environment=args.environment,
        resources=pod.resources(cpu="500m", memory="2Gi", storage=SPILL),
        scratch=SPILL,
        identity=True,
        # The autoscaler's.
        replicas=None,
        strategy="RollingUpdate",
        health=core.v1.ProbeArgs(
            tcp_socket=core.v1.TCPSocketActionArgs(port="nanny"), period_seconds=10, failure_threshold=6
        ),
    )


def _deployment(name: str, args: DaskArgs, part: _Part, opts: pulumi.ResourceOptions) -> apps.v1.Deployment:
    volume, mount = pod.scratch(part.scratch)
    key, value = FLOW_POOL
    spec = core.v1.PodSpecArgs(
        service_account_name=args.service_account,
        automount_service_account_token=False,
        enable_service_links=False,
        security_context=pod.security(),
        node_selector={key: value},
        tolerations=[core.v1.TolerationArgs(key=key, operator="Equal", value=value, effect="NoSchedule")],
        containers=[
            core.v1.ContainerArgs(
                name=part.name,
                image=args.image,
                image_pull_policy="IfNotPresent",
                args=part.command,
                env=pod.environment({"HOME": pod.SCRATCH, **part.environment}),
                ports=[
                    core.v1.ContainerPortArgs(name=port, container_port=number) for port, number in part.ports.items()
                ],
                readiness_probe=part.health,
                liveness_probe=part.health,
                resources=part.resources,
                security_context=pod.container_security(),
                volume_mounts=[mount],
            )
        ],
        volumes=[volume],
    )
    return apps.v1.Deployment(
        f"{name}-deployment",
        metadata=pod.metadata(part.name, args.namespace, part.name),
        spec=apps.v1.DeploymentSpecArgs(
            replicas=part.replicas,
            strategy=apps.v1.DeploymentStrategyArgs(type=part.strategy),
            selector=meta.v1.LabelSelectorArgs(match_labels=pod.selector(part.name)),
            template=core.v1.PodTemplateSpecArgs(
                metadata=meta.v1.ObjectMetaArgs(
                    labels=pod.labels(part.name) | ({"azure.workload.identity/use": "true"} if part.identity else {}),
                    annotations={"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"},
                ),
                spec=spec,
            ),
        ),
        opts=opts,
    )


def _autoscaler(
    name: str, args: DaskArgs, workers: apps.v1.Deployment, child: pulumi.ResourceOptions
) -> autoscaling.v2.HorizontalPodAutoscaler:
    least, most = args.workers
    return autoscaling.v2.HorizontalPodAutoscaler(
        name,
        metadata=pod.metadata(WORKER, args.namespace, WORKER),
        spec=autoscaling.v2.HorizontalPodAutoscalerSpecArgs(
            scale_target_ref=autoscaling.v2.CrossVersionObjectReferenceArgs(
                api_version="apps/v1", kind="Deployment", name=workers.metadata.name
            ),
            min_replicas=least,
            max_replicas=most,
            metrics=[
                autoscaling.v2.MetricSpecArgs(
                    type="Resource",
                    resource=autoscaling.v2.ResourceMetricSourceArgs(
                        name="cpu",
                        target=autoscaling.v2.MetricTargetArgs(type="Utilization", average_utilization=BUSY_PERCENT),
                    ),
                )
            ],
            behavior=autoscaling.v2.HorizontalPodAutoscalerBehaviorArgs(
                scale_down=autoscaling.v2.HPAScalingRulesArgs(stabilization_window_seconds=QUIET_SECONDS)
            ),
        ),
        opts=child,
    )


def _policies(name: str, args: DaskArgs, child: pulumi.ResourceOptions) -> list[pulumi.Resource]:
    """Let flow runs and workers reach the scheduler, workers one another, and workers what flow runs reach."""
    among_workers = Peer(ports=(WORKER_PORT, NANNY_PORT), pods=pod.selector(WORKER))
    return [
        network_rule.allow(
            f"{name}-scheduler-network",
            part=SCHEDULER,
            namespace=args.namespace,
            incoming=[Peer(ports=(SCHEDULER_PORT,), pods=pod.selector(part)) for part in (FLOW_RUN, WORKER)],
            outgoing=[DNS, among_workers],
            opts=child,
        ),
        network_rule.allow(
            f"{name}-worker-network",
            part=WORKER,
            namespace=args.namespace,
            incoming=[Peer(ports=(WORKER_PORT, NANNY_PORT), pods=pod.selector(part)) for part in (SCHEDULER, WORKER)],
            outgoing=[
                DNS,
                SCHEDULER_PEER,
                among_workers,
                args.api,
                *(Peer(ports=(443,), network=network) for network in args.networks),
            ],
            opts=child,
        ),
    ]
