"""A whole environment, from its first update to its end: the real engine and program, on the emulated providers."""

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from emulators.engine import Engine, engine
from emulators.surroundings import surrounded
from preview.plan import Plan, Reader

ROOT = Path(__file__).parents[2]
STACKS = ("dev", *(pytest.param(stack, marks=pytest.mark.audit) for stack in ("stage", "prod")))
WEBHOOK = "https://alerts.example.com/a-token-that-nobody-may-read"
UNPROTECTED = "  prefect-aks:protection: false\n  prefect-aks:protectionReason: The environment is no longer needed.\n"


@dataclass
class Environment:
    """One stack, deployed on an emulated cloud of its own."""

    name: str
    engine: Engine
    file: Path

    def act(self, command: str, *options: str) -> Plan:
        """Run a command of the engine that must succeed, and give what it did."""
        reader = Reader(self.name)
        code, said = self.engine.watch(
            *(command, "--yes", "--skip-preview", "--stack", self.name, "--config-file", str(self.file), *options),
            cwd=ROOT,
            log=self.engine.folder / "events",
            on_line=reader.add,
        )
        assert code == 0, said
        return reader.plan()

    def edit(self, pattern: str, new: str) -> None:
        text, count = re.subn(pattern, new, self.file.read_text(), count=1, flags=re.MULTILINE)
        assert count == 1
        self.file.write_text(text)

    def tell(self, *command: str) -> Any:
        code, said = self.engine.watch(*command, "--stack", self.name, cwd=self.file.parent)
        assert code == 0, said
        return json.loads(said)


@pytest.fixture(scope="module", params=STACKS)
def deployed(request: pytest.FixtureRequest) -> Iterator[Environment]:
    """An environment after its first update; the tests below are its story, in their order."""
    name = request.param
    with engine("prefect-aks-test-") as bare, surrounded(bare) as opened:
        workspace = opened.folder / "workspace"
        workspace.mkdir()
        for file in ("Pulumi.yaml", f"Pulumi.{name}.yaml"):
            shutil.copy(ROOT / file, workspace)
        environment = Environment(name, opened, workspace / f"Pulumi.{name}.yaml")
        opened.call("stack", "init", name, cwd=workspace)
        opened.call("config", "set", "--secret", "alertWebhook", WEBHOOK, "--stack", name, cwd=workspace)
        plan = environment.act("up", "--policy-pack", str(ROOT / "policies"))
        assert plan.broken == ()
        assert set(operations(plan)) == {"create"}
        yield environment


def operations(plan: Plan) -> Counter[str]:
    return Counter(step.op for step in plan.steps)


def test_its_outputs_say_where_everything_is(deployed: Environment) -> None:
    outputs = deployed.tell("stack", "output", "--json")
    name = deployed.name
    assert outputs["environment"] == name
    assert outputs["resourceGroup"] == f"rg-prefect-{name}"
    assert outputs["clusterName"] == f"aks-prefect-{name}"
    assert outputs["flowStore"] == f"https://{outputs['storageAccount']}.blob.core.windows.net/flows"
    assert outputs["registryLoginServer"] == f"{outputs['registryName']}.azurecr.io"
    assert outputs["databaseName"] == "prefect"
    assert re.fullmatch(r"\d+(\.\d+){3}", outputs["egressAddress"])
    assert outputs["oidcIssuer"].startswith("https://")
    assert {*outputs["relaxations"]} == {*re.findall(r"prefect-aks:(\w+)Reason:", deployed.file.read_text())}
    assert ("deployerPool" in outputs) == (name != "dev")
    assert not {"kubeconfig", "password"} & {*outputs}


def test_no_secret_is_in_its_state_or_in_the_emulated_cloud_in_plain_text(deployed: Environment) -> None:
    state = json.dumps(deployed.tell("stack", "export"))
    shown = deployed.tell("stack", "export", "--show-secrets")
    [password] = [
        json.loads(resource["outputs"]["result"]["plaintext"])
        for resource in shown["deployment"]["resources"]
        if resource["type"] == "random:index/randomPassword:RandomPassword"
    ]
    assert len(password) >= 24
    cloud = "".join(path.read_text() for path in (deployed.engine.folder / "cloud").rglob("*") if path.is_file())
    assert "aks-prefect" in cloud
    assert [secret for secret in (password, WEBHOOK) if secret in state or secret in cloud] == []
    assert "current-context" not in state


def test_a_second_update_changes_nothing(deployed: Environment) -> None:
    assert set(operations(deployed.act("up", "--expect-no-changes"))) == {"same"}


def test_a_refresh_finds_no_drift(deployed: Environment) -> None:
    deployed.act("refresh", "--expect-no-changes")


def test_it_is_destroyed_whole_once_its_protection_is_off(deployed: Environment) -> None:
    if deployed.name != "dev":
        deployed.edit("^config:\n", f"config:\n{UNPROTECTED}")
        deployed.act("up")
    there = len(deployed.tell("stack", "export")["deployment"]["resources"])
    plan = deployed.act("destroy")
    assert set(operations(plan)) == {"delete"}
    assert deployed.tell("stack", "export")["deployment"].get("resources", []) == []
    assert there > len(plan.steps) > 80
