"""What a Prefect server is made of, and where its password goes."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.network_rule import Peer
from components.prefect_server import PrefectServer, PrefectServerArgs, chart_digest

MARK = "a-password-that-nobody-may-read"
IMAGES = {"server": {"registry": "acme.azurecr.io", "repository": "server", "tag": "1", "digest": "sha256:" + "0" * 64}}


@pytest.fixture
def make(register: Callable[[Callable[[], object]], Any]) -> Callable[..., Any]:
    args = PrefectServerArgs(
        chart="charts/prefect-server",
        images=IMAGES,
        database_host="server.postgres.database.azure.com",
        database_name="prefect",
        database_username="prefect",
        database_password=MARK,
        database_network="10.20.11.0/24",
        replicas=2,
        clients=(Peer(ports=(), pods={"app": "agent"}, namespace="prefect"),),
        api_server="https://aks.example.com:443",
        api_server_authority="Q0E=",
        tenant="default",
        project="etl",
    )
    return lambda **changes: register(lambda: PrefectServer("server", replace(args, **changes)))


def test_the_password_is_in_one_secret_and_nowhere_else(make: Callable[..., Any]) -> None:
    made = make()
    holders = [each for each in made if MARK in json.dumps(each.inputs)]
    assert [each.name for each in holders] == ["server-database"]
    assert holders[0].inputs["stringData"] == {"password": MARK}
    # A plain one becomes a secret at the boundary.
    assert "stringData" in holders[0].secrets


def test_another_password_is_another_secret_which_the_release_names(make: Callable[..., Any]) -> None:
    made = make()
    assert "name" not in made.one("Secret").inputs["metadata"]
    release = made.one("Release")
    assert "server-database" in release.depends_on
    assert release.inputs["values"]["database"]["secret"]["key"] == "password"
    assert release.secrets == frozenset()


def test_a_release_that_does_not_get_ready_is_taken_back(make: Callable[..., Any]) -> None:
    inputs = make().one("Release").inputs
    assert (inputs["atomic"], inputs["cleanupOnFail"], inputs["createNamespace"]) == (True, True, False)
    assert inputs["timeout"] == 900
    assert inputs.get("skipAwait") is None


def test_the_namespace_admits_restricted_pods_alone(make: Callable[..., Any]) -> None:
    labels = make().one("Namespace").inputs["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert labels["pod-security.kubernetes.io/enforce-version"] == "latest"


def test_a_changed_template_is_a_changed_release_and_a_changed_test_is_not(tmp_path: Path) -> None:
    for file in ("Chart.yaml", "templates/ui.yaml", "tests/ui_test.yaml", "README.md"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("before")
    before = chart_digest(tmp_path)
    (tmp_path / "tests/ui_test.yaml").write_text("after")
    (tmp_path / "README.md").unlink()
    (tmp_path / "templates/ui.yaml~").write_text("an editor's")
    assert chart_digest(tmp_path) == before
    (tmp_path / "templates/ui.yaml").write_text("after")
    assert chart_digest(tmp_path) != before


def test_a_folder_that_is_no_chart_is_refused(tmp_path: Path) -> None:
    with pytest.raises(pulumi.RunError, match=r"is no Helm chart: it has no Chart\.yaml"):
        chart_digest(tmp_path)


def test_images_clients_and_the_database_reach_the_chart(make: Callable[..., Any]) -> None:
    values = make().one("Release").inputs["values"]
    assert values["images"] == IMAGES
    assert values["networkPolicy"] == {
        "clients": [{"namespace": "prefect", "podLabels": {"app": "agent"}}],
        "databaseCidr": "10.20.11.0/24",
    }
    assert values["database"]["host"] == "server.postgres.database.azure.com"
    assert {values[part]["replicas"] for part in ("apollo", "graphql", "hasura", "ui")} == {2}
    assert "towel" not in values


def test_tenant_and_project_wait_for_the_release_and_go_with_it(make: Callable[..., Any]) -> None:
    made = make()
    tenant, project = made.of("Tenant") + made.of("Project")
    assert "server-release" in tenant.depends_on
    assert {"server-release", "server-tenant"} <= project.depends_on
    assert (tenant.inputs["slug"], project.inputs["name"]) == ("default", "etl")
    assert tenant.inputs["api"] == {
        "server": "https://aks.example.com:443",
        "certificate_authority": "Q0E=",
        "namespace": "prefect-server",
        "service": "prefect-server-apollo",
        "port": 4200,
    }
