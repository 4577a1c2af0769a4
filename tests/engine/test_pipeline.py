"""The pipeline's steps, really run: each occasion in a clone, by an emulated agent, against the emulated Azure.

`make lint` and `make test` are taken as done: they are what runs this, and test_validate.py runs them once.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from emulators import background
from emulators.azure_devops import app as devops
from emulators.azure_pipelines.agent import MachineAgent
from emulators.azure_pipelines.occasion import Occasion, nightly, pull_request, push
from emulators.azure_pipelines.pipeline import Pipeline, load
from emulators.azure_pipelines.plan import plan
from emulators.azure_pipelines.run import TOKEN, Run, run
from emulators.engine import Engine, engine
from emulators.pulumi_providers.azure.function import SERVER
from emulators.surroundings import surrounded
from tests.engine.clone import clone, commit
from tests.engine.pipeline_run import output, restore_tools, scripts, workspace
from tests.unit.pipelines.variant import variant

ROOT = Path(__file__).parents[2]
SECRETS = {
    "the run's token": "planted-access-token",
    "the federated token": "planted-id-token",
    "the passphrase": "planted-passphrase",
    "the webhook": "https://alerts.example.com/planted-webhook",
}
TAKEN_AS_DONE = ("make lint", "make test", "make venv")
SHORT = ("make chart", *TAKEN_AS_DONE)
# What the agents have of the state comes with the variable group.
GROUP = ("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE")
POOL = {"vmImage": "none"}
BRANCHES = {"dev": "dev", "stage": "stage", "prod": "main"}
DEVOPS = {
    "System.CollectionUri": "https://dev.azure.com/example/",
    "System.TeamProject": "prefect",
    "Build.Repository.ID": "prefect-aks",
}


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """A clone of the working tree with one change, an emulated Azure, and the agent that works in it."""

    root: Path
    engine: Engine
    stack: str
    devops: devops.DevOps
    scratch: Path

    def pipeline(self, occasion: Occasion, **values: Any) -> Pipeline:
        """Read the pipeline as if it were made for one stack, on any agent."""
        approved = str(self.stack == "prod").lower()
        stack = {"name": self.stack, "branch": BRANCHES[self.stack], "pool": POOL, "approved": approved}
        return load(variant(self.scratch, stacks=[stack], **values), occasion)

    def run(self, occasion: Occasion, taken_as_done: tuple[str, ...] = TAKEN_AS_DONE, **values: Any) -> Run:
        """Run the pipeline for one stack, and give what came of it."""
        agent = MachineAgent(
            root=self.root,
            environment={name: value for name, value in self.engine.environment.items() if name not in GROUP},
            connections=[f"prefect-{self.stack}", f"prefect-{self.stack}-preview"],
            id_token=SECRETS["the federated token"],
            taken_as_done=taken_as_done,
        )
        group = {name: self.engine.environment[name] for name in GROUP}
        variables = {**workspace(self.root.parent), **DEVOPS, TOKEN: SECRETS["the run's token"]}
        return run(self.pipeline(occasion, **values), agent, variables, {f"prefect-aks-{self.stack}": group})

    def planned(self, occasion: Occasion, **values: Any) -> list[str]:
        """List the scripts that the documentation's table shows for an occasion, each time that it shows them."""
        rows = plan(self.pipeline(occasion, **values), self.stack)
        return [step for row in rows for step in row.steps if step.startswith("make ")]

    def asked(self, document: str) -> Any:
        """Ask the Prefect API that the stack's server is."""
        answer = httpx.post(self.engine.environment[SERVER], json={"query": document}).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def told(self) -> Any:
        """What the registry's stand-in was told of builds."""
        return httpx.get(f"{self.engine.environment['PREFECT_AKS_AZURE_EMULATOR']}/emulator/builds").json()


def leaked(text: str) -> list[str]:
    return [name for name, secret in SECRETS.items() if secret in text]


def prepared(folder: Path, bare: Engine, stack: str) -> tuple[Path, Mapping[str, str]]:
    """Make the clone with a stack that a person has made, and a commit on top; give the agent's environment."""
    root = folder / "s"
    root.mkdir()
    clone(root)
    restore_tools(folder)
    (folder / "pulumi").symlink_to(bare.environment["PULUMI_HOME"])
    environment = {**bare.environment, "PULUMI_CONFIG_PASSPHRASE": SECRETS["the passphrase"]}
    opened = replace(bare, environment=environment)
    opened.call("stack", "init", stack, cwd=root)
    opened.call("config", "set", "--secret", "alertWebhook", SECRETS["the webhook"], "--stack", stack, cwd=root)
    commit(root, "Before")
    task = root / "tasks/report.py"
    task.write_text(task.read_text() + "\n# One more line of a task.\nMORE = 1\n")
    commit(root, "A task changes")
    return root, environment


@pytest.fixture(scope="module", params=[*BRANCHES])
def checkout(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A stack that is not deployed yet; the tests below are its story, in their order."""
    folder = tmp_path_factory.mktemp("agent")
    service = devops.DevOps()
    with ExitStack() as opened, pytest.MonkeyPatch.context() as patch:
        patch.setattr(devops, "TOKEN", SECRETS["the run's token"])
        bare = opened.enter_context(engine("prefect-aks-test-"))
        url = opened.enter_context(background.serving(service.application()))
        root, environment = prepared(folder, bare, request.param)
        around = opened.enter_context(surrounded(replace(bare, environment=environment)))
        everything = {**around.environment, "PREFECT_AKS_DEVOPS_EMULATOR": url}
        surroundings = replace(around, environment=everything)
        scratch = tmp_path_factory.mktemp("pipeline")
        yield Checkout(root=root, engine=surroundings, stack=request.param, devops=service, scratch=scratch)


@pytest.mark.parametrize("checkout", ["dev"], indirect=True)
def test_a_change_says_what_it_touches_and_a_later_job_goes_by_it(checkout: Checkout) -> None:
    done = checkout.run(pull_request("dev", fork=True), (*SHORT, "make preview STACK=dev BASE=HEAD^"))
    assert "build it" in output(done)
    assert done.outputs["Validate.changes"] == {"touched.stacks": "dev,prod,stage"}
    assert "make preview STACK=dev BASE=HEAD^" in scripts(done)
    assert leaked(output(done)) == []


@pytest.mark.audit
@pytest.mark.timeout(1800)
def test_a_forks_code_is_looked_at_without_a_credential(checkout: Checkout) -> None:
    occasion = pull_request(BRANCHES[checkout.stack], fork=True)
    done = checkout.run(occasion)
    assert not done.failed, output(done)
    assert scripts(done) == checkout.planned(occasion)
    assert (checkout.root / f"build/preview-{checkout.stack}.md").read_text()
    assert leaked(output(done)) == []


@pytest.mark.audit
@pytest.mark.timeout(1800)
def test_a_push_deploys_its_stack(checkout: Checkout) -> None:
    occasion = push(BRANCHES[checkout.stack])
    done = checkout.run(occasion)
    assert not done.failed, output(done)
    assert scripts(done) == checkout.planned(occasion)
    assert (checkout.root / f"build/deploy-{checkout.stack}.md").read_text()
    assert leaked(output(done)) == []


@pytest.mark.audit
@pytest.mark.timeout(1800)
def test_a_pull_request_of_the_repository_previews_what_is_deployed_and_comments(checkout: Checkout) -> None:
    occasion = pull_request(BRANCHES[checkout.stack])
    done = checkout.run(occasion)
    assert not done.failed, output(done)
    assert scripts(done) == checkout.planned(occasion)
    [thread] = checkout.devops.store.threads["prefect-aks/17"]
    assert checkout.stack in thread["comments"][0]["content"]
    assert leaked(output(done) + json.dumps(checkout.devops.requests)) == []


@pytest.mark.audit
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("checkout", ["dev"], indirect=True)
@pytest.mark.parametrize("provider", ["TfsGit", "GitHub"])
def test_a_pull_request_to_dev_has_its_flows_tried_where_that_is_asked_for(checkout: Checkout, provider: str) -> None:
    occasion = pull_request("dev", provider=provider)
    done = checkout.run(occasion, SHORT, prProject="true")
    assert not done.failed, output(done)
    assert scripts(done) == checkout.planned(occasion, prProject="true")
    # A task changed, and no flow.
    assert "nothing to try" in output(done)
    assert leaked(output(done)) == []


@pytest.mark.audit
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("checkout", ["dev"], indirect=True)
@pytest.mark.parametrize(
    ("occasion", "number", "end"),
    [(push("dev"), 21, "completed"), (nightly(), 22, "abandoned")],
    ids=["merge", "night"],
)
def test_the_project_of_a_pull_request_that_has_ended_is_removed(
    checkout: Checkout, occasion: Occasion, number: int, end: str
) -> None:
    tenant = checkout.asked("{ tenant { id } }")["tenant"][0]["id"]
    ended, still_open = f"pr-{number}", f"pr-{number}0"
    for name in (ended, still_open):
        made = f'input: {{name: "{name}", tenant_id: "{tenant}"}}'
        checkout.asked(f"mutation {{ create_project({made}) {{ id }} }}")
    checkout.devops.store.ends[f"prefect-aks/{number}"] = end
    done = checkout.run(occasion, (*SHORT, "make deploy STACK=dev", "make drift STACK=dev"), prProject="true")
    assert done.results["Ended"] == "Succeeded", output(done)
    assert scripts(done) == checkout.planned(occasion, prProject="true")
    assert f"removed project {ended} with 0 flow(s)" in output(done)
    left = {each["name"] for each in checkout.asked("{ project { id name } }")["project"]}
    assert {ended, still_open} & left == {still_open}
    assert leaked(output(done) + json.dumps(checkout.devops.requests)) == []


@pytest.mark.audit
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("checkout", ["dev"], indirect=True)
def test_a_push_to_a_feature_deploys_dev_where_nothing_is_to_do_any_more(checkout: Checkout) -> None:
    builds = checkout.told()
    done = checkout.run(push("feature/x"), SHORT)
    assert not done.failed, output(done)
    assert scripts(done) == checkout.planned(push("feature/x"))
    assert checkout.told() == builds
    assert leaked(output(done)) == []


@pytest.mark.audit
@pytest.mark.timeout(1800)
def test_the_night_finds_no_drift(checkout: Checkout) -> None:
    done = checkout.run(nightly())
    assert not done.failed, output(done)
    assert scripts(done) == checkout.planned(nightly())
    assert leaked(output(done)) == []


@pytest.mark.audit
def test_no_build_was_given_a_secret(checkout: Checkout) -> None:
    builds = checkout.told()
    assert builds
    assert leaked(json.dumps(builds)) == []
