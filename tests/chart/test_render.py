"""What holds for every values file."""

from collections.abc import Callable
from typing import Any

import pytest

from charts import helm

FILES = [path.stem for path in helm.values_files()]
Rendered = Callable[[str], Any]

pytestmark = pytest.mark.parametrize("name", FILES)


def test_every_service_has_a_deployment_and_no_service_leaves_the_cluster(
    rendered: Rendered, services: tuple[str, ...], name: str
) -> None:
    rendering = rendered(name)
    assert set(rendering.kind("Deployment")) - {"login-proxy"} == set(services)
    assert {service["spec"]["type"] for service in rendering.kind("Service").values()} == {"ClusterIP"}
    assert set(rendering.kind("Service")) == set(rendering.kind("Deployment")) - {"towel"}


def test_no_container_is_more_than_restricted(rendered: Rendered, name: str) -> None:
    rendering = rendered(name)
    for template in rendering.templates().values():
        pod = template["spec"]["securityContext"]
        assert pod["runAsNonRoot"] is True
        assert pod["runAsUser"] > 10_000
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
        assert template["spec"]["automountServiceAccountToken"] is False
    for container in rendering.containers():
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_every_folder_that_is_mounted_exists_and_every_home_can_be_written(rendered: Rendered, name: str) -> None:
    for template in rendered(name).templates().values():
        volumes = {volume["name"]: volume for volume in template["spec"].get("volumes", [])}
        for container in (*template["spec"].get("initContainers", []), *template["spec"]["containers"]):
            mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in container.get("volumeMounts", [])}
            homes = [one["value"] for one in container.get("env", []) if one["name"] == "HOME"]
            assert all("emptyDir" in mounts[home] for home in homes)


def test_no_container_asks_for_more_than_it_may_use(rendered: Rendered, name: str) -> None:
    for container in rendered(name).containers():
        requests, limits = container["resources"]["requests"], container["resources"]["limits"]
        assert set(requests) == set(limits) == {"cpu", "memory", "ephemeral-storage"}
        assert requests["memory"] == limits["memory"]
        assert int(requests["cpu"].removesuffix("m")) <= int(limits["cpu"].removesuffix("m"))


def test_a_pod_is_ready_and_alive_by_different_questions(rendered: Rendered, name: str) -> None:
    for service, template in rendered(name).templates().items():
        (container,) = template["spec"]["containers"]
        assert container["readinessProbe"] != container["livenessProbe"]
        assert ("startupProbe" in container) == (service != "towel")


def test_no_password_is_in_the_objects(rendered: Rendered, name: str) -> None:
    rendering = rendered(name)
    assert rendering.kind("Secret") == {}
    secret = {"PGPASSWORD", "OAUTH2_PROXY_COOKIE_SECRET", "OAUTH2_PROXY_CLIENT_SECRET"}
    for container in rendering.containers():
        for variable in container.get("env", []):
            assert ("valueFrom" in variable) == (variable["name"] in secret)
            assert "secretKeyRef" in variable.get("valueFrom", {"secretKeyRef": {}})


def test_postgres_is_asked_over_tls_alone(rendered: Rendered, name: str) -> None:
    rendering = rendered(name)
    mode = rendering.environment("graphql")["PGSSLMODE"]
    assert mode in {"require", "verify-ca", "verify-full"}
    assert rendering.environment("hasura")["HASURA_GRAPHQL_DATABASE_URL"].endswith(f"?sslmode={mode}")


def test_consoles_playground_and_telemetry_are_off(rendered: Rendered, name: str) -> None:
    rendering = rendered(name)
    hasura, apollo = rendering.environment("hasura"), rendering.environment("apollo")
    off = ["HASURA_GRAPHQL_ENABLE_CONSOLE", "HASURA_GRAPHQL_DEV_MODE", "HASURA_GRAPHQL_ENABLE_TELEMETRY"]
    assert [hasura[variable] for variable in off] == ["false"] * 3
    assert apollo["APOLLO_API_ENABLE_PLAYGROUND"] == "false"
    for service in ("apollo", "graphql", "towel"):
        assert rendering.environment(service)["PREFECT_SERVER__TELEMETRY__ENABLED"] == "false"


def test_a_pod_is_found_by_its_service_its_budget_and_its_policies(rendered: Rendered, name: str) -> None:
    rendering = rendered(name)
    for service, template in rendering.templates().items():
        labels = template["metadata"]["labels"]
        assert rendering.kind("Deployment")[service]["spec"]["selector"]["matchLabels"].items() <= labels.items()
        for kind, selector in (("Service", ("selector",)), ("PodDisruptionBudget", ("selector", "matchLabels"))):
            if found := rendering.kind(kind).get(service):
                selected = found["spec"]
                for step in selector:
                    selected = selected[step]
                assert selected.items() <= labels.items()
        policies = rendering.kind("NetworkPolicy")
        for policy in (policies["default-deny"], policies[service]):
            assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
            assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]


def test_more_than_one_pod_has_a_budget_and_is_spread(rendered: Rendered, name: str) -> None:
    rendering = rendered(name)
    for service, deployment in rendering.kind("Deployment").items():
        several = deployment["spec"]["replicas"] > 1
        assert (service in rendering.kind("PodDisruptionBudget")) == several
        assert ("topologySpreadConstraints" in rendering.template(service)["spec"]) == several


def test_everything_is_in_the_namespace_of_the_release(rendered: Rendered, name: str) -> None:
    assert {one["metadata"]["namespace"] for one in rendered(name).manifests} == {"prefect-server"}
