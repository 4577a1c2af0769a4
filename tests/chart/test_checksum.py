"""Pods restart when what they read changes, and for nothing else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Render = Callable[..., Any]
LOGIN = {
    "enabled": True,
    "issuerUrl": "https://login.microsoftonline.com/tenant/v2.0",
    "clientId": "client",
    "cookieSecret": {"name": "login"},
}


def restarted(before: Any, after: Any) -> set[str]:
    """The services whose pods a change replaces."""
    then, now = before.templates(), after.templates()
    assert set(then) == set(now)
    return {service for service in then if then[service] != now[service]}


def test_the_same_values_restart_nothing(render: Render) -> None:
    assert restarted(render(), render()) == set()


def test_another_password_restarts_whoever_reads_it(render: Render, least: dict[str, Any]) -> None:
    secret = {**least["database"]["secret"], "checksum": "version-2"}
    changed = render({"database": {**least["database"], "secret": secret}})
    assert restarted(render(), changed) == {"graphql", "hasura"}


def test_another_secret_of_the_login_restarts_the_login(render: Render) -> None:
    changed = render({"loginProxy": {**LOGIN, "checksum": "version-2"}})
    assert restarted(render({"loginProxy": LOGIN}), changed) == {"login-proxy"}


@pytest.mark.parametrize(("script", "service"), [("upgrade.py", "graphql"), ("alive.py", "towel")])
def test_another_script_restarts_whoever_runs_it(render: Render, chart: Path, script: str, service: str) -> None:
    before = render(chart=chart)
    path = chart / "files" / script
    path.write_text(path.read_text() + "\n# Changed.\n")
    assert restarted(before, render(chart=chart)) == {service}


@pytest.mark.parametrize(
    "values",
    [
        {"hasura": {"replicas": 1}},
        {"networkPolicy": {"databaseCidr": "10.0.0.0/24", "clients": []}},
        {"apollo": {"resources": {"cpu": "100m"}}},
    ],
)
def test_what_no_pod_reads_restarts_none(render: Render, values: dict[str, Any]) -> None:
    assert restarted(render(), render(values)) == set()


def test_more_replicas_restart_that_service_alone(render: Render) -> None:
    # Spread constraints are a pod's own affair.
    assert restarted(render(), render({"apollo": {"replicas": 2}})) == {"apollo"}
    assert restarted(render({"apollo": {"replicas": 2}}), render({"apollo": {"replicas": 3}})) == set()


def test_another_version_of_the_chart_alone_restarts_nothing(render: Render, chart: Path) -> None:
    before = render(chart=chart)
    file = chart / "Chart.yaml"
    file.write_text(file.read_text().replace("version: 0.1.0", "version: 0.2.0"))
    after = render(chart=chart)
    assert before.manifests != after.manifests
    assert restarted(before, after) == set()
