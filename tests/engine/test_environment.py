"""A whole environment, from its first preview to its end: the real engine and program, on the emulated providers.

What it asks beside its providers is emulated, too: the registry with its builds, the script store, the Prefect API.
"""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from emulators.engine import Engine, engine
from emulators.pulumi_providers.azure.function import SERVER
from emulators.surroundings import surrounded
from preview.event_log import Reader
from preview.plan import Plan
from registration.azure_endpoint import VARIABLE as AZURE
from tests.engine.clone import clone, commit

ROOT = Path(__file__).parents[2]
STACKS = ("dev", *(pytest.param(stack, marks=pytest.mark.audit) for stack in ("stage", "prod")))
WEBHOOK = "https://alerts.example.com/a-token-that-nobody-may-read"
UNPROTECTED = "  prefect-aks:protection: false\n  prefect-aks:protectionReason: The environment is no longer needed.\n"
PAGE = (ROOT / "docs/data-engineer.md").read_text("utf-8")
EDITS = {
    "a task in `tasks/`": ("tasks/pokemon.py", "151", "10"),
    "one flow": ("flows/pokemon.py", r"\Z", "\nANOTHER = 1\n"),
    "`docs/`": ("docs/cost.md", r"\Z", "\nOne line more.\n"),
    "the chart": ("charts/prefect-server/Chart.yaml", r"^description: ", "description: Still "),
}
"""The rows of the page's table, each with an edit: a file, what is replaced in it, and by what."""
QUICK = ("a task in `tasks/`", "one flow")


@dataclass
class Environment:
    """One stack, deployed from a checkout of its own on an emulated cloud of its own."""

    name: str
    engine: Engine
    project: Path

    def act(self, command: str, *options: str, fails: bool = False) -> tuple[Plan, str]:
        """Run a command of the engine, and give what it did and what it said."""
        reader = Reader(self.name)
        code, said = self.engine.watch(
            *(command, "--stack", self.name, *options),
            cwd=self.project,
            log=self.engine.folder / "events",
            on_line=reader.add,
        )
        assert bool(code) == fails, said
        return reader.plan(), said

    def up(self, *options: str, fails: bool = False) -> tuple[Plan, str]:
        return self.act("up", "--yes", "--skip-preview", *options, fails=fails)

    def edit(self, file: str, pattern: str, new: str) -> None:
        path = self.project / file
        text, count = re.subn(pattern, new, path.read_text(), count=1, flags=re.MULTILINE)
        assert count == 1
        path.write_text(text)

    def tell(self, *command: str) -> Any:
        code, said = self.engine.watch(*command, "--stack", self.name, cwd=self.project)
        assert code == 0, said
        return json.loads(said)

    def registry(self, method: str, page: str, body: Any = None) -> httpx.Response:
        """Ask the registry's stand-in about itself."""
        url = f"{self.engine.environment[AZURE]}/emulator/{page}"
        return httpx.request(method, url, json=body).raise_for_status()

    def builds(self) -> int:
        return len(self.registry("GET", "builds").json())

    def versions(self) -> dict[str, int]:
        """The flows that the Prefect API has, by name."""
        query = {"query": "{ flow(where: {archived: {_eq: false}}) { name version } }"}
        rows = httpx.post(f"{self.engine.environment[SERVER]}/graphql", json=query).json()["data"]["flow"]
        return {row["name"]: row["version"] for row in rows}

    def changes(self) -> Any:
        """What `make changes` says of the checkout since its last commit."""
        command = [sys.executable, "-m", "delivery", "changes", "--base", "HEAD", "--stack", self.name, "--json"]
        done = subprocess.run(command, cwd=self.project, capture_output=True, check=True)
        [said] = json.loads(done.stdout)["stacks"]
        return said


@pytest.fixture(scope="module", params=STACKS)
def environment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """An environment that is still to come; the tests below are its story, in their order."""
    project = tmp_path_factory.mktemp("environment") / "project"
    clone(project)
    with engine("prefect-aks-test-") as bare, surrounded(bare) as opened:
        opened.call("stack", "init", request.param, cwd=project)
        opened.call("config", "set", "--secret", "alertWebhook", WEBHOOK, "--stack", request.param, cwd=project)
        yield Environment(request.param, opened, project)


def operations(plan: Plan) -> Counter[str]:
    return Counter(step.op for step in plan.steps)


def changed(plan: Plan) -> dict[str, str]:
    return {step.name: step.op for step in plan.steps if step.op != "same"}


def test_its_first_preview_shows_every_flow_and_asks_nobody(environment: Environment) -> None:
    plan, _ = environment.act("preview")
    assert set(operations(plan)) == {"create"}
    assert {"flow-image-image", "flows-pokemon-etl"} <= {step.name for step in plan.steps}
    assert environment.builds() == 0
    assert environment.versions() == {}


def test_a_build_that_fails_is_one_line_and_registers_nothing(environment: Environment) -> None:
    environment.registry("PUT", "faults", [{"at": "run", "ends": "Failed", "message": "no space left"}])
    _, said = environment.up("--policy-pack", str(environment.project / "policies"), fails=True)
    [line] = {line.strip() for line in said.splitlines() if line.strip().startswith("error: flow image in ")}
    assert re.search(r"build \w+ failed: no space left; .*run it again", line)
    assert "Traceback" not in said
    assert environment.versions() == {}


def test_the_next_update_completes_it(environment: Environment) -> None:
    plan, _ = environment.up("--policy-pack", str(environment.project / "policies"))
    assert plan.broken == ()
    created = {name for name, op in changed(plan).items() if op == "create"}
    assert {"flow-image-image", "agent-deployment", "flows-pokemon-etl"} <= created
    assert environment.builds() == 2
    assert set(environment.versions().values()) == {1}
    assert (environment.project / f".local/registration-{environment.name}.json").is_file()


def test_its_outputs_say_where_everything_is(environment: Environment) -> None:
    outputs = environment.tell("stack", "output", "--json")
    name, file = environment.name, environment.project / f"Pulumi.{environment.name}.yaml"
    assert outputs["environment"] == name
    assert outputs["resourceGroup"] == f"rg-prefect-{name}"
    assert outputs["clusterName"] == f"aks-prefect-{name}"
    assert outputs["flowStore"] == f"https://{outputs['storageAccount']}.blob.core.windows.net/flows"
    assert outputs["registryLoginServer"] == f"{outputs['registryName']}.azurecr.io"
    assert outputs["flowImage"].startswith(f"{outputs['registryLoginServer']}/flows@sha256:")
    assert set(outputs["flows"]) == set(environment.versions())
    assert outputs["databaseName"] == "prefect"
    assert re.fullmatch(r"\d+(\.\d+){3}", outputs["egressAddress"])
    assert outputs["oidcIssuer"].startswith("https://")
    assert {*outputs["relaxations"]} == {*re.findall(r"prefect-aks:(\w+)Reason:", file.read_text())}
    assert ("deployerPool" in outputs) == (name != "dev")
    assert not {"kubeconfig", "password"} & {*outputs}


def test_no_secret_is_in_its_state_or_in_the_emulated_cloud_in_plain_text(environment: Environment) -> None:
    state = json.dumps(environment.tell("stack", "export"))
    shown = environment.tell("stack", "export", "--show-secrets")
    [password] = [
        json.loads(resource["outputs"]["result"]["plaintext"])
        for resource in shown["deployment"]["resources"]
        if resource["type"] == "random:index/randomPassword:RandomPassword"
    ]
    assert len(password) >= 24
    cloud = "".join(path.read_text() for path in (environment.engine.folder / "cloud").rglob("*") if path.is_file())
    assert "aks-prefect" in cloud
    told = environment.registry("GET", "builds").text
    assert [secret for secret in (password, WEBHOOK) if secret in state or secret in cloud or secret in told] == []
    assert "current-context" not in state


def test_a_second_update_changes_nothing(environment: Environment) -> None:
    plan, _ = environment.up("--expect-no-changes")
    assert set(operations(plan)) == {"same"}


def test_a_refresh_finds_no_drift(environment: Environment) -> None:
    environment.act("refresh", "--yes", "--skip-preview", "--expect-no-changes")


@pytest.mark.parametrize(
    "what", [pytest.param(what, marks=[] if what in QUICK else pytest.mark.audit) for what in EDITS]
)
def test_a_change_does_what_the_page_and_the_command_say_and_no_more(environment: Environment, what: str) -> None:
    [row] = [line for line in PAGE.splitlines() if line.startswith(f"| {what}")]
    _, image, flows, server = [cell.strip() for cell in row.strip("|").split("|")]
    if not environment.versions():
        # Of dev's story the audit takes the rows that are not quick, and nothing before them.
        environment.up()
    commit(environment.project, "before")
    environment.edit(*EDITS[what])
    said, builds, before = environment.changes(), environment.builds(), environment.versions()
    did = changed(environment.up()[0])
    after = environment.versions()

    built = environment.builds() > builds
    assert built == image.startswith("is built") == (said["image"]["action"] == "build") == ("flow-image-image" in did)
    registered = {name: version - before[name] for name, version in after.items() if version != before[name]}
    assert registered == ({"pokemon-etl": 1} if flows == "that one gets a new version" else {})
    assert {each["name"] for each in said["flows"] if each["action"] == "update"} == {*registered}
    assert {name for name in did if name.startswith("flows-")} == {f"flows-{name}" for name in registered}
    upgraded = did.get("server-release") == "update"
    assert upgraded == (server == "is upgraded") == (said["server"]["action"] == "upgrade")
    assert bool(did) == said["touched"]


def test_it_is_destroyed_whole_once_its_protection_is_off(environment: Environment) -> None:
    if environment.name != "dev":
        environment.edit(f"Pulumi.{environment.name}.yaml", "^config:\n", f"config:\n{UNPROTECTED}")
        environment.up()
    there = len(environment.tell("stack", "export")["deployment"]["resources"])
    plan, _ = environment.act("destroy", "--yes", "--skip-preview")
    assert set(operations(plan)) == {"delete"}
    assert environment.tell("stack", "export")["deployment"].get("resources", []) == []
    assert there > len(plan.steps) > 80
    assert set(environment.versions().values()) != set(), "the flows go with their server, which is not asked"
