"""What the chart's tests share: the chart rendered by the real Helm, and a look into what was rendered."""

import functools
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from charts import helm, manifest

SERVICES = ("apollo", "graphql", "hasura", "towel", "ui")
LEAST = {"database": {"host": "postgres.example.com", "secret": {"name": "prefect-database"}}}


@dataclass(frozen=True)
class Rendering:
    """The objects of one rendering."""

    manifests: list[dict[str, Any]]

    def kind(self, kind: str) -> dict[str, dict[str, Any]]:
        """The objects of a kind, by name without the release's."""
        return {
            manifest["metadata"]["name"].removeprefix("prefect-server").removeprefix("-"): manifest
            for manifest in self.manifests
            if manifest["kind"] == kind
        }

    def template(self, service: str) -> dict[str, Any]:
        """The pod template of a service."""
        template: dict[str, Any] = self.kind("Deployment")[service]["spec"]["template"]
        return template

    def templates(self) -> dict[str, dict[str, Any]]:
        """All pod templates, by service."""
        return {service: self.template(service) for service in self.kind("Deployment")}

    def containers(self) -> list[dict[str, Any]]:
        """All containers, those that run first included."""
        specs = [template["spec"] for template in self.templates().values()]
        return [one for spec in specs for one in (*spec.get("initContainers", []), *spec["containers"])]

    def environment(self, service: str) -> dict[str, Any]:
        """The environment of a service's container: texts, and references to Secrets as they are."""
        (container,) = self.template(service)["spec"]["containers"]
        return {one["name"]: one.get("value", one.get("valueFrom")) for one in container["env"]}


@pytest.fixture(scope="session")
def render() -> Callable[..., Rendering]:
    """Render the least values that the chart takes, and those of a test over them."""

    def given(values: dict[str, Any] | None = None, **options: Any) -> Rendering:
        return Rendering(helm.render({**LEAST, **(values or {})}, **options))

    return given


@pytest.fixture(scope="session")
def rendered() -> Callable[[str], Rendering]:
    """What a values file of the chart renders to, by its name."""

    @functools.cache
    def of(name: str) -> Rendering:
        values = helm.CHART / "ci" / f"{name}.yaml"
        return Rendering(manifest.read(helm.template(values)))

    return of


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """A copy of the chart, to change."""
    return shutil.copytree(helm.CHART, tmp_path / helm.CHART.name)


@pytest.fixture(scope="session")
def least() -> dict[str, Any]:
    """The least values that the chart takes."""
    return LEAST


@pytest.fixture(scope="session")
def services() -> tuple[str, ...]:
    """The services that are always there."""
    return SERVICES
