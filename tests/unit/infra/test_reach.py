"""Who may reach whom in an environment, computed from every policy of its plan and of its chart.

Whether a network enforces them no test here can show.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from charts import helm
from charts.reach import Place, allowed, pods
from infra import address, settings, stack_file

ROOT = Path(__file__).parents[3]
SERVER, FLOWS = "prefect-server", "prefect"
PARTS = {
    "prefect-server-apollo": "apollo",
    "prefect-server-graphql": "graphql",
    "prefect-server-hasura": "hasura",
    "prefect-server-towel": "towel",
    "prefect-server-ui": "ui",
    "agent": "agent",
    "flow-run": "flow run",
    "dask-scheduler": "scheduler",
    "dask-worker": "worker",
}
STRANGERS = {
    "api server": Place(namespace="kube-system", labels={"app": "konnectivity-agent"}),
    "dns": Place(namespace="kube-system", labels={"k8s-app": "kube-dns"}),
    "pod of flows": Place(namespace=FLOWS, labels={"app": "stranger"}),
    "pod of server": Place(namespace=SERVER, labels={"app": "stranger"}),
    "pod elsewhere": Place(namespace="default", labels={"app.kubernetes.io/name": "prefect-flow-run"}),
    "internet": Place(address="198.51.100.7"),
}
PORTS = {
    "apollo": 4200,
    "graphql": 4201,
    "hasura": 3000,
    "ui": 8080,
    "agent": 8080,
    "flow run": 443,
    "towel": 443,
    "scheduler": 8786,
    "worker": 9000,
    "database": 5432,
    "blobs": 443,
    "internet": 443,
    "metadata": 80,
    "pod of flows": 443,
    "pod of server": 443,
    "pod elsewhere": 443,
}
REACHED = {
    "apollo": {"agent", "flow run", "worker", "api server"},
    "graphql": {"apollo"},
    "hasura": {"apollo", "graphql", "towel"},
    "ui": {"api server"},
    "agent": set(),
    "flow run": set(),
    "towel": set(),
    "scheduler": {"flow run", "worker"},
    "worker": {"scheduler", "worker"},
    "database": {"graphql", "hasura"},
    "blobs": {"agent", "flow run", "worker"},
    "internet": {"agent", "flow run", "worker"},
    "metadata": set(),
    "pod of flows": set(),
    "pod of server": set(),
}


def _manifests(plan: Any) -> Iterator[dict[str, Any]]:
    """What the plan makes in the cluster, the chart's templates and the agent's Job among it."""
    for each in plan.resources:
        if each.type.startswith("kubernetes:") and "kind" in each.inputs:
            yield each.inputs
    (release,) = plan.of("Release")
    # Numbers have no kind on Pulumi's wire.
    values = json.loads(json.dumps(release.inputs["values"]), parse_float=lambda text: int(float(text)))
    values["database"]["secret"]["name"] = "database"
    for manifest in helm.render(values, release=release.inputs["name"]):
        manifest["metadata"].setdefault("namespace", SERVER)
        yield manifest
    (template,) = plan.of("ConfigMap")
    job = json.loads(template.inputs["data"]["job-template.yaml"])
    job["metadata"]["namespace"] = FLOWS
    yield job


@pytest.fixture(scope="module")
def manifests(plan: Callable[..., Any]) -> list[dict[str, Any]]:
    return list(_manifests(plan("prod")))


@pytest.fixture(scope="module")
def places(manifests: list[dict[str, Any]]) -> dict[str, Place]:
    values = stack_file.declared(ROOT) | stack_file.values(ROOT / "Pulumi.prod.yaml", "prefect-aks")
    azure = settings.check(values, "prefect-aks", "prod", sealed={"alertWebhook"}).azure
    assert azure
    subnets = address.subnets(azure.address_space)
    outside = {
        "database": Place(address=subnets.database.replace(".0/24", ".4")),
        "blobs": Place(address=subnets.endpoints.replace(".0/24", ".5")),
        "metadata": Place(address="169.254.169.254"),
    }
    return {PARTS[name]: place for name, place in pods(manifests).items()} | STRANGERS | outside


def test_every_pod_of_the_platform_is_in_the_table(places: dict[str, Place]) -> None:
    assert set(PARTS.values()) <= places.keys()
    assert set(REACHED) >= set(PARTS.values())


@pytest.mark.parametrize("target", REACHED)
def test_who_reaches_it(target: str, manifests: list[dict[str, Any]], places: dict[str, Place]) -> None:
    sources = {*PARTS.values(), *STRANGERS} - {"dns"}
    # What is not ours does not obey our policies: from one stranger to another nothing is said.
    if target in STRANGERS or target in {"database", "blobs", "metadata"}:
        sources -= {"api server", "pod elsewhere", "internet"}
    found = {
        source for source in sources if allowed(manifests, places[source], places[target], PORTS[target])
    }  # fmt: skip
    assert found == REACHED[target]


def test_names_are_resolved_by_all_who_need_them_and_only_by_dns(
    manifests: list[dict[str, Any]], places: dict[str, Place]
) -> None:
    for protocol in ("UDP", "TCP"):
        asking = {part for part in PARTS.values() if allowed(manifests, places[part], places["dns"], 53, protocol)}
        assert asking >= set(PARTS.values()) - {"ui"}
    elsewhere = {part for part in PARTS.values() if allowed(manifests, places[part], places["internet"], 53, "UDP")}
    assert elsewhere == set()


@pytest.mark.parametrize("part", ["flow run", "worker", "agent"])
def test_what_is_plain_text_or_a_shell_is_reached_by_nobody(
    part: str, manifests: list[dict[str, Any]], places: dict[str, Place]
) -> None:
    assert not any(allowed(manifests, places[part], places["internet"], port) for port in (22, 80, 5432))
