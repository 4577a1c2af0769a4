"""The Prefect agent, and the namespace that flows run in: whatever is in it, the agent may use for a flow run.

So no secret of the platform lies there: who may create Jobs in a namespace can mount every Secret of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
from pulumi_kubernetes import apps, core, meta, rbac

from components import network_rule, pod
from components.job_template import FLOW_RUN, job_template
from components.network_rule import ANYWHERE, DNS, Peer
from components.pool import FLOW_POOL, SPOT

AGENT = "agent"
PART = "prefect-agent"
HEALTH_PORT = 8080
TEMPLATE_FOLDER = "/etc/prefect"
TEMPLATE_FILE = "job-template.yaml"
HTTPS = 443

RULES = (
    ("batch", "jobs", ("create", "delete", "list")),
    ("", "pods", ("list",)),
    ("", "events", ("list",)),
)
"""What the agent of Prefect 1.4.1 asks the API server for, measured verb by verb in tests/cluster."""


@dataclass(frozen=True, kw_only=True)
class PrefectAgentArgs:
    """What an agent needs from its environment."""

    namespace: str
    image: pulumi.Input[str]
    """Reference of an image with Prefect 1.4.1."""
    flow_image: pulumi.Input[str]
    """Reference of the image that flow runs have, by digest; it brings tasks/ and utils/."""
    api_url: str
    """Apollo's address inside the cluster."""
    api: Peer
    """Apollo's pods."""
    labels: tuple[str, ...]
    """Prefect labels: the agent takes the flow runs whose labels it has all of."""
    flow_account: str
    """The flow runs' service account."""
    flow_client_id: pulumi.Input[str]
    """Client id of the managed identity that flow runs act as."""
    storage_connection: pulumi.Input[str]
    """An Azure Storage connection string without a key: flow runs prove themselves by their identity."""
    flow_environment: Mapping[str, str] = field(default_factory=dict)
    """Further variables of every flow run."""
    flow_networks: tuple[str, ...] = (ANYWHERE,)
    """Networks that flow runs may reach on port 443, beside the API."""
    flow_peers: tuple[Peer, ...] = ()
    """What else flow runs may reach inside the cluster."""
    spot: bool = False
    """Whether flow runs may stand on spot machines, which vanish under them."""


class PrefectAgent(pulumi.ComponentResource):
    """One agent that starts each flow run as a Kubernetes Job, and may do no more than that.

    A change of the job template, such as another flow image, restarts the agent; it registers no flow.
    """

    namespace: pulumi.Output[str]

    def __init__(self, name: str, args: PrefectAgentArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-aks:kubernetes:PrefectAgent", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        space = core.v1.Namespace(
            f"{name}-namespace",
            metadata=meta.v1.ObjectMetaArgs(name=args.namespace, labels={**pod.labels(PART), **pod.RESTRICTED}),
            opts=child,
        )
        self.namespace = space.metadata.name
        closed = network_rule.deny_all(f"{name}-deny-all", self.namespace, child)
        policies = [closed, *_policies(name, args, self.namespace, child)]
        account, binding = _agent_account(name, self.namespace, child)
        flow_account = core.v1.ServiceAccount(
            f"{name}-flow-account",
            metadata=pod.metadata(
                args.flow_account,
                self.namespace,
                FLOW_RUN,
                **{"azure.workload.identity/client-id": args.flow_client_id},  # type: ignore[arg-type]  # an input
            ),
            automount_service_account_token=False,
            opts=child,
        )
        template = core.v1.ConfigMap(
            f"{name}-job-template",
            # Without a name of its own: another template is another ConfigMap, which the Deployment then names.
            metadata=meta.v1.ObjectMetaArgs(namespace=self.namespace, labels=pod.labels(PART)),
            data={TEMPLATE_FILE: _template(args)},
            opts=child,
        )
        _deployment(
            name,
            args,
            account,
            template,
            pulumi.ResourceOptions(parent=self, depends_on=[*policies, binding, flow_account]),
        )
        self.register_outputs({"namespace": self.namespace})


def _template(args: PrefectAgentArgs) -> pulumi.Output[str]:
    key, value = FLOW_POOL
    taints = (FLOW_POOL, SPOT) if args.spot else (FLOW_POOL,)
    return pulumi.Output.all(args.flow_image, args.storage_connection).apply(
        lambda known: job_template(
            image=known[0],
            environment={**args.flow_environment, "AZURE_STORAGE_CONNECTION_STRING": known[1]},
            node_selector={key: value},
            tolerations=[
                {"key": taint, "operator": "Equal", "value": of, "effect": "NoSchedule"} for taint, of in taints
            ],
        )
    )


def _agent_account(
    name: str, namespace: pulumi.Output[str], child: pulumi.ResourceOptions
) -> tuple[core.v1.ServiceAccount, rbac.v1.RoleBinding]:
    """Make the agent's service account, with its Role; the agent goes before them, lest it fails what it finds due."""
    account = core.v1.ServiceAccount(
        f"{name}-account",
        metadata=pod.metadata(AGENT, namespace, PART),
        automount_service_account_token=False,
        opts=child,
    )
    role = rbac.v1.Role(
        f"{name}-role",
        metadata=pod.metadata(AGENT, namespace, PART),
        rules=[
            rbac.v1.PolicyRuleArgs(api_groups=[group], resources=[resource], verbs=list(verbs))
            for group, resource, verbs in RULES
        ],
        opts=child,
    )
    binding = rbac.v1.RoleBinding(
        f"{name}-role-binding",
        metadata=pod.metadata(AGENT, namespace, PART),
        role_ref=rbac.v1.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="Role", name=role.metadata.name),
        subjects=[rbac.v1.SubjectArgs(kind="ServiceAccount", name=account.metadata.name, namespace=namespace)],
        opts=child,
    )
    return account, binding


def _policies(
    name: str, args: PrefectAgentArgs, namespace: pulumi.Output[str], child: pulumi.ResourceOptions
) -> list[pulumi.Resource]:
    """Let the agent reach the two APIs, and flow runs reach Prefect's and what they are for."""
    return [
        network_rule.allow(
            f"{name}-network",
            part=PART,
            namespace=namespace,
            outgoing=[DNS, args.api, Peer(ports=(HTTPS,), network=ANYWHERE)],
            opts=child,
        ),
        network_rule.allow(
            f"{name}-flow-network",
            part=FLOW_RUN,
            namespace=namespace,
            outgoing=[
                DNS,
                args.api,
                *(Peer(ports=(HTTPS,), network=network) for network in args.flow_networks),
                *args.flow_peers,
            ],
            opts=child,
        ),
    ]


def _deployment(
    name: str,
    args: PrefectAgentArgs,
    account: core.v1.ServiceAccount,
    template: core.v1.ConfigMap,
    opts: pulumi.ResourceOptions,
) -> apps.v1.Deployment:
    volume, mount = pod.scratch()
    return apps.v1.Deployment(
        f"{name}-deployment",
        metadata=pod.metadata(AGENT, account.metadata.namespace, PART),
        spec=apps.v1.DeploymentSpecArgs(
            # Two would not share the work: each would ask for every run, and one of them in vain.
            replicas=1,
            strategy=apps.v1.DeploymentStrategyArgs(type="Recreate"),
            selector=meta.v1.LabelSelectorArgs(match_labels=pod.selector(PART)),
            template=core.v1.PodTemplateSpecArgs(
                metadata=meta.v1.ObjectMetaArgs(
                    labels=pod.labels(PART),
                    # Where the API server has a public side behind a firewall, pods must reach it by its name.
                    annotations={"kubernetes.azure.com/set-kube-service-host-fqdn": "true"},
                ),
                spec=core.v1.PodSpecArgs(
                    service_account_name=account.metadata.name,
                    # The one pod here that talks to Kubernetes.
                    automount_service_account_token=True,
                    enable_service_links=False,
                    security_context=pod.security(),
                    tolerations=[pod.SYSTEM_POOL],
                    containers=[_container(args, mount)],
                    volumes=[
                        volume,
                        core.v1.VolumeArgs(
                            name="job-template",
                            config_map=core.v1.ConfigMapVolumeSourceArgs(name=template.metadata.name),
                        ),
                    ],
                ),
            ),
        ),
        opts=opts,
    )


def _container(args: PrefectAgentArgs, scratch: core.v1.VolumeMountArgs) -> core.v1.ContainerArgs:
    probe = core.v1.HTTPGetActionArgs(path="/api/health", port="health")
    variables = {
        "HOME": pod.SCRATCH,
        "PREFECT__HOME_DIR": f"{pod.SCRATCH}/prefect",
        "PREFECT__BACKEND": "server",
        "PREFECT__CLOUD__API": args.api_url,
        "PREFECT__CLOUD__AGENT__LABELS": str(list(args.labels)),
        "PREFECT__CLOUD__AGENT__AGENT_ADDRESS": f"http://0.0.0.0:{HEALTH_PORT}",
        "NAMESPACE": args.namespace,
        "SERVICE_ACCOUNT_NAME": args.flow_account,
    }
    return core.v1.ContainerArgs(
        name=AGENT,
        image=args.image,
        image_pull_policy="IfNotPresent",
        args=["prefect", "agent", "kubernetes", "start", "--job-template", f"{TEMPLATE_FOLDER}/{TEMPLATE_FILE}"],
        env=pod.environment(variables),
        ports=[core.v1.ContainerPortArgs(name="health", container_port=HEALTH_PORT)],
        startup_probe=core.v1.ProbeArgs(http_get=probe, period_seconds=5, failure_threshold=60),
        liveness_probe=core.v1.ProbeArgs(http_get=probe, period_seconds=20, timeout_seconds=5, failure_threshold=3),
        readiness_probe=core.v1.ProbeArgs(http_get=probe, period_seconds=10, timeout_seconds=5, failure_threshold=3),
        resources=pod.resources(cpu="100m", memory="512Mi"),
        security_context=pod.container_security(),
        volume_mounts=[
            scratch,
            core.v1.VolumeMountArgs(name="job-template", mount_path=TEMPLATE_FOLDER, read_only=True),
        ],
    )
