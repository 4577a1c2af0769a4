"""The Prefect server: our chart as a Helm release, and the tenant and the project that flows are registered in.

Whoever reaches Apollo owns the database, as Prefect Server knows no users: it is reached inside the cluster by those
whom the chart's network policies name, and from outside through the Kubernetes API server's proxy alone.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
from pulumi_kubernetes import core, helm, meta

from components import network_rule, pod
from components.network_rule import Peer
from components.prefect_project import Project, Tenant

NAMESPACE = "prefect-server"
RELEASE = "prefect-server"
"""Of the chart's own name: the services are named after it."""
CHART = "charts/prefect-server"
APOLLO, APOLLO_PORT = f"{RELEASE}-apollo", 4200
APOLLO_URL = f"http://{APOLLO}.{NAMESPACE}:{APOLLO_PORT}"
"""Apollo's address inside the cluster."""
APOLLO_PODS = Peer(
    ports=(APOLLO_PORT,),
    pods={"app.kubernetes.io/name": RELEASE, "app.kubernetes.io/component": "apollo"},
    namespace=NAMESPACE,
)
PASSWORD_KEY = "password"  # noqa: S105 - the name of a key
DIGEST_LENGTH = 16
TIMEOUT_SECONDS = 900
"""How long an installation or an upgrade may take before Helm takes it back: the first one makes all the tables."""


@dataclass(frozen=True, kw_only=True)
class PrefectServerArgs:
    """What a Prefect server needs from its environment."""

    chart: str
    """Folder of the chart, from the program's own."""
    images: pulumi.Input[Mapping[str, Mapping[str, str]]]
    """By the chart's names: registry, repository, tag, and digest where it is known."""
    database_host: pulumi.Input[str]
    database_name: pulumi.Input[str]
    database_username: pulumi.Input[str]
    database_password: pulumi.Input[str]
    """A secret; letters and digits alone."""
    database_network: str
    """Where the database is, as a network; the server's pods reach no other on its port."""
    replicas: int
    """Of each service that may have several; Towel, which schedules, is always one."""
    clients: tuple[Peer, ...]
    """Pods that may reach Apollo, besides the server's own."""
    api_server: pulumi.Input[str]
    """Address of the Kubernetes API server, through which registration reaches Apollo."""
    api_server_authority: pulumi.Input[str]
    """Its certificate authority, as kubeconfigs have it."""
    tenant: str
    """Slug of the tenant."""
    project: str
    """Name of the project."""
    timeout_seconds: int = TIMEOUT_SECONDS


class PrefectServer(pulumi.ComponentResource):
    """UI, Apollo, GraphQL, Hasura and Towel in a namespace of their own, with a tenant and a project.

    An upgrade that does not become ready in time is taken back by Helm, and the update fails.
    """

    namespace: pulumi.Output[str]
    api: pulumi.Output[Mapping[str, Any]]
    """Where registration finds the API: a locator of `registration.service_proxy`, without a credential."""
    project_id: pulumi.Output[str]
    ui_url: pulumi.Output[str]
    """As a browser has it, while `open_ui` runs."""
    open_ui: pulumi.Output[str]
    """The command that brings the UI and the API to one's own machine."""

    def __init__(self, name: str, args: PrefectServerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-aks:kubernetes:PrefectServer", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        space = core.v1.Namespace(
            f"{name}-namespace",
            metadata=meta.v1.ObjectMetaArgs(name=NAMESPACE, labels={**pod.labels(RELEASE), **pod.RESTRICTED}),
            opts=child,
        )
        self.namespace = space.metadata.name
        # The chart closes its own pods; this closes whatever else comes here.
        network_rule.deny_all(f"{name}-deny-all", self.namespace, child)
        password = core.v1.Secret(
            f"{name}-database",
            # Without a name of its own: another password is another Secret, which the pods are then rolled over to.
            metadata=meta.v1.ObjectMetaArgs(namespace=self.namespace, labels=pod.labels(RELEASE)),
            string_data=pulumi.Output.secret({PASSWORD_KEY: args.database_password}),
            opts=child,
        )
        release = helm.v3.Release(
            f"{name}-release",
            name=RELEASE,
            chart=args.chart,
            namespace=self.namespace,
            create_namespace=False,
            atomic=True,
            cleanup_on_fail=True,
            timeout=args.timeout_seconds,
            max_history=5,
            # A template that changes under one version is a change all the same.
            description=f"chart {chart_digest(Path(args.chart))}",
            values=_values(args, password.metadata.name),
            opts=child,
        )
        self.api = pulumi.Output.from_input(
            {
                "server": args.api_server,
                "certificate_authority": args.api_server_authority,
                "namespace": NAMESPACE,
                "service": APOLLO,
                "port": APOLLO_PORT,
            }
        )
        on_server = pulumi.ResourceOptions(parent=self, deleted_with=release, depends_on=[release])
        tenant = Tenant(f"{name}-tenant", slug=args.tenant, api=self.api, opts=on_server)
        project = Project(f"{name}-project", project=args.project, tenant_id=tenant.id, api=self.api, opts=on_server)
        self.project_id = project.id
        self.ui_url = pulumi.Output.from_input("http://localhost:8080")
        self.open_ui = pulumi.Output.from_input(
            f"kubectl --namespace {NAMESPACE} port-forward service/{RELEASE}-ui 8080 & "
            f"kubectl --namespace {NAMESPACE} port-forward service/{APOLLO} {APOLLO_PORT}"
        )
        self.register_outputs(
            {
                "namespace": self.namespace,
                "api": self.api,
                "project_id": self.project_id,
                "ui_url": self.ui_url,
                "open_ui": self.open_ui,
            }
        )


def chart_digest(folder: Path) -> str:
    """What a chart renders from, as one short hash; its documentation and its tests are no part of it.

    Raises:
        pulumi.RunError: there is no such chart.
    """
    if not (folder / "Chart.yaml").is_file():
        raise pulumi.RunError(f"{folder} is no Helm chart: it has no Chart.yaml")
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and _is_rendered(path, folder)):
        for part in (path.relative_to(folder).as_posix().encode(), path.read_bytes()):
            digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:DIGEST_LENGTH]


def _is_rendered(path: Path, folder: Path) -> bool:
    first = path.relative_to(folder).parts[0]
    # What editors and systems leave behind.
    if path.name.startswith(".") or path.name.endswith(("~", ".pyc")):
        return False
    return first in {"Chart.yaml", "values.yaml", "values.schema.json", "templates", "files", "charts"}


def _values(args: PrefectServerArgs, secret: pulumi.Input[str]) -> dict[str, Any]:
    """The chart's values; none of them is a secret."""
    several = {"replicas": args.replicas}
    return {
        "images": args.images,
        "database": {
            "host": args.database_host,
            "name": args.database_name,
            "username": args.database_username,
            "secret": {"name": secret, "key": PASSWORD_KEY},
        },
        "apollo": several,
        "graphql": several,
        "hasura": several,
        "ui": several,
        "networkPolicy": {
            "clients": [{"namespace": client.namespace, "podLabels": dict(client.pods)} for client in args.clients],
            "databaseCidr": args.database_network,
        },
        "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists", "effect": "NoSchedule"}],
    }
