"""What a registry of flows asks of the engine, and what it refuses before it asks for anything."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.flow_registry import FlowRegistry, FlowRegistryArgs
from components.prefect_project import Project, Tenant
from registration.settings import Settings
from registration.settings import Tenant as TenantName

FLOW = "from prefect import Flow\nfrom prefect.run_configs import LocalRun\n\n"
FLOW += "flow = Flow('one', run_config=LocalRun(labels={labels!r}))\n"
PROXY = {"server": "https://host", "certificate_authority": "", "namespace": "n", "service": "apollo"}
STACK = "prefect-aks-test"
Register = Callable[[Callable[[], object]], Any]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "one.py").write_text(FLOW.format(labels=["gpu", "aks"]))
    monkeypatch.chdir(tmp_path)
    return Settings(project="p", tenant=TenantName(name="t", slug="t"), api="http://one")


def tree(made: Any) -> dict[str, tuple[str, str]]:
    """The type and parent of every resource below the stack, by logical name."""
    return {each.name: (each.type.rpartition(":")[2], each.parent) for each in made if each.parent}


def test_a_registry_alone_makes_the_project_and_its_tenant(register: Register, settings: Settings) -> None:
    made = register(lambda: FlowRegistry("flows", FlowRegistryArgs(settings=settings, api="http://one")))
    assert tree(made) == {
        "flows": ("FlowRegistry", STACK),
        "flows-tenant": ("Tenant", "flows"),
        "flows-project": ("Project", "flows"),
        "flows-one": ("Flow", "flows"),
    }
    assert made.named("flows-one").inputs["project_id"] == "/pulumi-python:dynamic/prefect-aks:Project/flows-project"


def test_a_project_that_others_made_is_used_as_it_is(register: Register, settings: Settings) -> None:
    def program() -> None:
        tenant = Tenant("server-tenant", slug="t", api=PROXY)
        project = Project("server-project", project="p", tenant_id=tenant.id, api=PROXY)
        args = FlowRegistryArgs(settings=settings.model_copy(update={"tenant": None}), api=PROXY, project_id=project.id)
        FlowRegistry("flows", args)

    made = register(program)
    assert [each.name for each in made.of("Tenant") + made.of("Project")] == ["server-tenant", "server-project"]
    flow = made.named("flows-one").inputs
    assert flow["project_id"] == "/pulumi-python:dynamic/prefect-aks:Project/server-project"
    assert flow["api"] == PROXY


def test_a_flow_that_no_agent_takes_is_refused_before_anything_is_registered(
    register: Register, settings: Settings
) -> None:
    args = FlowRegistryArgs(settings=settings.model_copy(update={"agent_labels": ("aks",)}), api="http://one")

    def program() -> None:
        with pytest.raises(pulumi.RunError, match=r"^flows/one.py: flow 'one' would never run: .* give the agent gpu$"):
            FlowRegistry("flows", args)

    assert tree(register(program)) == {"flows": ("FlowRegistry", STACK)}
