"""Whatever the chart renders, a real API server takes, in a namespace that enforces the standard `restricted`.

An API server only warns of a workload whose pods it will refuse, so every pod template is also asked for as a pod.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from charts import helm, strategy
from emulators.control_plane.client import ApiError, Client

QUERY = "dryRun=All&fieldValidation=Strict"
SLOW = (HealthCheck.too_slow, HealthCheck.large_base_example, HealthCheck.data_too_large)
PLURALS = {"Ingress": "ingresses", "NetworkPolicy": "networkpolicies"}
SPACE = "admission"
Admit = Callable[[dict[str, Any]], list[str]]


def path_of(manifest: dict[str, Any]) -> str:
    """Where an object of the namespace is posted to."""
    version, kind = manifest["apiVersion"], manifest["kind"]
    group = f"/apis/{version}" if "/" in version else f"/api/{version}"
    return f"{group}/namespaces/{SPACE}/{PLURALS.get(kind, kind.lower() + 's')}?{QUERY}"


def asked_for(manifests: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every object, and every pod that it would make."""
    for manifest in manifests:
        manifest["metadata"]["namespace"] = SPACE
        yield manifest
        template = (manifest.get("spec") or {}).get("template")
        if template:
            # The release makes the account, and somebody else the priority class: a dry run has neither.
            spec = {key: value for key, value in template["spec"].items() if key != "priorityClassName"}
            spec["serviceAccountName"] = "default"
            metadata = {**template["metadata"], "name": "asked", "namespace": SPACE}
            yield {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


@pytest.fixture(scope="module")
def admit(cluster: Any) -> Iterator[Admit]:
    """Ask the API server for all that values render to: its refusals."""
    client: Client = cluster.plane.client()
    levels = {
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/enforce-version": "latest",
    }
    client.post("/api/v1/namespaces", {"metadata": {"name": SPACE, "labels": levels}})
    cluster.until(lambda: cluster.core.read_namespaced_service_account("default", SPACE))

    def refusals(values: dict[str, Any]) -> list[str]:
        refused = []
        for manifest in asked_for(helm.render(values)):
            try:
                client.post(path_of(manifest), manifest)
            except ApiError as error:
                refused.append(f"{manifest['kind']} {manifest['metadata']['name']}: {error}")
        return refused

    yield refusals
    client.delete(f"/api/v1/namespaces/{SPACE}", {})
    client.close()


def test_a_pod_that_is_not_restricted_is_refused_so_that_the_other_tests_can_fail(admit: Admit, cluster: Any) -> None:
    del admit
    client: Client = cluster.plane.client()
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "root", "namespace": SPACE},
        "spec": {"containers": [{"name": "root", "image": "root"}]},
    }
    with pytest.raises(ApiError, match='violates PodSecurity "restricted:latest"'):
        client.post(path_of(pod), pod)
    client.close()


@pytest.mark.parametrize("file", helm.values_files(), ids=lambda path: path.stem)
def test_every_values_file_is_admitted(file: Any, admit: Admit) -> None:
    assert admit(yaml.safe_load(file.read_text())) == []


@given(values=strategy.values())
@settings(max_examples=12, deadline=None, suppress_health_check=[*SLOW, HealthCheck.function_scoped_fixture])
def test_any_values_that_pass_the_schema_are_admitted(admit: Admit, values: dict[str, Any]) -> None:
    assert admit(values) == []


@pytest.mark.audit
@pytest.mark.timeout(900)
@given(values=strategy.values())
@settings(max_examples=200, deadline=None, suppress_health_check=[*SLOW, HealthCheck.function_scoped_fixture])
def test_200_values_that_pass_the_schema_are_admitted(admit: Admit, values: dict[str, Any]) -> None:
    assert admit(values) == []
