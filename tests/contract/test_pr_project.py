"""A pull request's project on a server with another one, tried with the real Prefect agent, through the relay."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from delivery import __main__ as delivery
from delivery.deployed import stack
from delivery.deployed.stack import Deployment, Update
from delivery.error import DeliveryError
from delivery.pr_project import smoke
from delivery.pr_project.agent import Agent
from delivery.pr_project.smoke import GONE, Smoke
from delivery.pr_project.trial import Removed, Trial
from registration import session
from registration.api import Api
from registration.session import Job
from registration.settings import RunConfig, Settings, Tenant

HEAD = """import prefect
from prefect import Flow, Parameter, task
from prefect.run_configs import KubernetesRun
from tasks.family import say

"""
SAME = "with Flow('same') as flow:\n    say(1)\n"
# What an environment's agent would take, and this machine's would not.
SPOT = "KubernetesRun(labels=['spot'], env={'WORD': 'kept'})"
GOOD = f"with Flow('good', run_config={SPOT}) as flow:\n    say(Parameter('n', default=2))\n"
BAD = "@task\ndef broken():\n    raise ValueError('as ever')\n\nwith Flow('bad') as flow:\n    broken()\n"
NEEDY = "with Flow('needy') as flow:\n    say(Parameter('n'))\n"
SLOW = "@task\ndef wait():\n    import time\n    time.sleep(600)\n\nwith Flow('slow') as flow:\n    wait()\n"
FAMILY = """import os
from prefect import task

@task
def say(n):
    with open('said', 'a') as file:
        file.write(" ".join(map(str, [os.environ.get(word) for word in ("WORD", "FLOW_WORD", "GITHUB_TOKEN")] + [n])))
"""
CRON = "from prefect.schedules import CronSchedule\nwith"
ROOT = Path(__file__).parents[2]
DEV, PROXY = "dev-project", {"namespace": "prefect", "service": "apollo"}


@dataclass
class Checkout:
    """A pull request's checkout, the stack that it is tried on, and what the commands say."""

    root: Path
    api: Any
    said: Callable[[], Any]

    def write(self, **flows: str) -> None:
        for name, text in flows.items():
            (self.root / "flows" / f"{name}.py").write_text(HEAD + text)

    def pr_project(self, *arguments: str) -> tuple[int, str]:
        code = delivery.main(["pr-project", *arguments])
        return code, self.said().out

    def rows(self, project: str) -> dict[str, Any]:
        found = self.api.query(
            f'{{ flow(where: {{project: {{name: {{_eq: "{project}"}}}}, archived: {{_eq: false}}}}) {{ '
            "id name version run_config is_schedule_active flow_runs { id state labels } } }"
        )
        return {row["name"]: row for row in found["flow"]}


@pytest.fixture(scope="module")
def root(module_prefect_api: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of one flow, committed, and registered as the stack's own project has it."""
    root = tmp_path_factory.mktemp("checkout")
    for folder in ("flows", "tasks"):
        (root / folder).mkdir()
    (root / "flows" / "same.py").write_text(HEAD + SAME)
    (root / "tasks" / "__init__.py").write_text("")
    (root / "tasks" / "family.py").write_text(FAMILY)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "one"]):
        subprocess.run([*git, *command], cwd=root, check=True)
    settings = Settings(
        project=DEV,
        tenant=Tenant(name="default", slug="default"),
        api=module_prefect_api.url,
        store=str(root / "store"),
        run_config=RunConfig(labels=("dev",)),
    )
    outcome = session.run(Job(settings=settings, flows=root / "flows", apply=True))
    (step,) = outcome.steps
    assert step.record
    (root / "fingerprint").write_text(step.record.fingerprint)
    return root


@pytest.fixture
def checkout(
    root: Path, module_prefect_api: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Checkout]:
    outputs = {
        "prefectApi": {"server": module_prefect_api.url, **PROXY},
        "flowStore": str(root / "store"),
        "prefectProject": DEV,
        "flows": {"same": {"fingerprint": (root / "fingerprint").read_text()}},
    }
    deployment = Deployment(stack="dev", outputs=outputs, update=Update(config={"prefectTenant": "default"}))
    monkeypatch.setattr(stack, "read", lambda *_: deployment)
    monkeypatch.setattr(smoke, "POLL_SECONDS", 0.2)
    monkeypatch.chdir(root)
    checkout = Checkout(root, module_prefect_api, capsys.readouterr)
    dev = checkout.rows(DEV)
    yield checkout
    assert checkout.rows(DEV) == dev
    assert checkout.pr_project("7", "--close")[0] == 0
    for name in ("good", "bad", "needy", "slow"):
        (root / "flows" / f"{name}.py").unlink(missing_ok=True)
    (root / "said").unlink(missing_ok=True)


def agents_of(label: str) -> list[str]:
    lines = [" ".join(each.info["cmdline"] or ()) for each in psutil.process_iter(["cmdline"])]
    return [line for line in lines if f"--label {label}" in line]


def test_what_a_pull_request_changes_is_registered_apart_run_once_with_its_own_tasks_and_taken_away_again(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOW_WORD", "lent")
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    checkout.write(good=GOOD, bad=BAD, needy=NEEDY)
    code, said = checkout.pr_project("7")
    assert code == 1
    told = [line.split(maxsplit=3) for line in sorted(said.splitlines()[1:])]
    assert told == [
        ["bad", "register", "1", "Failed     broken: Error during execution of task: ValueError('as ever')"],
        ["good", "register", "1", "Success"],
        ["needy", "register", "1", "not run    no default for 'n'"],
    ]
    assert (checkout.root / "said").read_text() == "kept lent None 2"
    rows = checkout.rows("pr-7")
    assert {tuple(row["run_config"]["labels"]) for row in rows.values()} == {("pr-7",)}
    assert [run["labels"] for row in rows.values() for run in row["flow_runs"]] == [["pr-7"]] * 2
    assert agents_of("pr-7") == []
    assert checkout.pr_project("7", "--close") == (0, "removed project pr-7 with 3 flow(s); 0 run(s) were cancelled\n")
    assert checkout.api.query('{ project(where: {name: {_eq: "pr-7"}}) { id } agent { id } }') == {
        "project": [],
        "agent": [],
    }
    assert checkout.pr_project("7", "--close") == (0, "there is no project pr-7; nothing to remove\n")


def test_a_later_push_registers_what_changed_since_and_takes_back_what_it_changes_no_more(checkout: Checkout) -> None:
    trial = Trial(root=checkout.root, name="pr-7", deployment=stack.read(checkout.root, "dev"))

    def push(*named: str, base: str | None = None) -> dict[str, tuple[str, int]]:
        with Api(checkout.api.url) as api:
            return {each.name: (each.action, each.version) for each in trial.register(api, base, named)}

    checkout.write(good=GOOD, bad=BAD)
    assert push(base="HEAD") == {"good": ("register", 1), "bad": ("register", 1)}
    (checkout.root / "flows" / "bad.py").unlink()
    checkout.write(good=GOOD.replace("default=2", "default=3"))
    assert push("same") == {"good": ("update", 2), "same": ("register", 1)}
    assert push("same") == {"good": ("unchanged", 2), "same": ("unchanged", 1)}
    assert set(checkout.rows("pr-7")) == {"good", "same"}


def test_a_schedule_is_registered_paused_and_what_still_runs_is_cancelled_when_the_project_goes(
    checkout: Checkout,
) -> None:
    checkout.write(good=GOOD.replace("'good'", "'good', schedule=CronSchedule('0 6 * * *')").replace("with", CRON, 1))
    trial = Trial(root=checkout.root, name="pr-7", deployment=stack.read(checkout.root, "dev"))
    with Api(checkout.api.url) as api:
        (tried,) = trial.register(api, None, [])
        assert checkout.rows("pr-7")["good"]["is_schedule_active"] is False
        assert checkout.rows("pr-7")["good"]["flow_runs"] == []
        run = checkout.api.mutate("create_flow_run", "id", flow_id=tried.id)["id"]
        states = [{"flow_run_id": run, "state": {"type": "Running"}}]
        checkout.api.mutate("set_flow_run_states", "states { status }", states=states)
        assert trial.remove(api) == Removed(project=True, flows=1, runs=1)
        assert trial.remove(api) == Removed(project=False)


def test_what_an_agent_left_is_removed_first_and_also_without_a_project(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def register(*labels: str) -> None:
        checkout.api.mutate(
            "register_agent", "id", type="LocalAgent", name="pr-7", labels=list(labels), tenant_id=tenant
        )

    tenant = checkout.api.query("{ tenant { id } }")["tenant"][0]["id"]
    register("pr-7")
    register("dev")
    assert json.loads(checkout.pr_project("7", "--close", "--json")[1]) == {
        "project": "pr-7",
        "removed": False,
        "flows": 0,
        "runs": 0,
        "agents": 1,
    }
    checkout.write(good=GOOD)
    with Api(checkout.api.url) as api:
        Trial(root=checkout.root, name="pr-7", deployment=stack.read(checkout.root, "dev")).register(api, None, [])
    register("pr-7")
    with monkeypatch.context() as patch:
        patch.setattr("delivery.pr_project.trial._DELETE_PROJECT", "mutation { refused }")
        assert checkout.pr_project("7", "--close")[0] == 1
    assert [each["labels"] for each in checkout.api.query("{ agent { labels } }")["agent"]] == [["dev"]]
    agent = checkout.api.query("{ agent { id } }")["agent"][0]["id"]
    checkout.api.mutate("delete_agent", "success", agent_id=agent)


def test_a_run_that_somebody_deletes_is_at_an_end_and_the_others_keep_their_deadlines(checkout: Checkout) -> None:
    class Deleting(Agent):
        """It runs nothing, and deletes the runs of one flow."""

        def check(self) -> None:
            for each in checkout.rows("pr-7")["good"]["flow_runs"]:
                checkout.api.mutate("delete_flow_run", "success", flow_run_id=each["id"])

    checkout.write(good=GOOD, bad=BAD)
    trial = Trial(root=checkout.root, name="pr-7", deployment=stack.read(checkout.root, "dev"))
    with Api(checkout.api.url) as api:
        flows = {each.name: each.id for each in trial.register(api, None, [])}
        agent = nullcontext(Deleting(None, checkout.root))  # type: ignore[arg-type]
        found = Smoke(api=api, agent=lambda: agent, seconds=0.5, tell=lambda _: None).run(flows)
    assert [(each.flow, each.state, each.good) for each in found] == [("bad", "TimedOut", False), ("good", GONE, False)]
    assert found[1].message == "the server has the run no more"


def test_a_project_that_is_the_stacks_own_is_left_alone(checkout: Checkout) -> None:
    stack.read(checkout.root, "dev").outputs["prefectProject"] = "pr-7"  # type: ignore[index]
    assert checkout.pr_project("7", "--close") == (1, "")
    stack.read(checkout.root, "dev").outputs["prefectProject"] = DEV  # type: ignore[index]


@pytest.mark.audit
def test_a_flow_that_is_not_here_is_refused_by_name(checkout: Checkout) -> None:
    trial = Trial(root=checkout.root, name="pr-7", deployment=stack.read(checkout.root, "dev"))
    with (
        Api(checkout.api.url) as api,
        pytest.raises(DeliveryError, match="no flow here is named 'bad'; there are: same"),
    ):
        trial.register(api, None, ["bad"])


@pytest.mark.audit
def test_a_run_that_takes_too_long_is_given_up_and_leaves_no_process(checkout: Checkout) -> None:
    checkout.write(slow=SLOW)
    code, said = checkout.pr_project("7", "--timeout", "8", "--json")
    assert code == 1
    (flow,) = json.loads(said)["flows"]
    assert (flow["state"], flow["message"]) == ("TimedOut", "it was Running after 8 seconds")
    assert [run["state"] for run in checkout.rows("pr-7")["slow"]["flow_runs"]] == ["Cancelled"]
    assert agents_of("pr-7") == []


PULUMI = """#!/bin/sh
case "$2" in
output) cat {folder}/outputs.json ;;
history) echo '[]' ;;
esac
"""


@pytest.mark.audit
def test_an_interrupt_ends_the_agent_and_its_runs(checkout: Checkout, tmp_path: Path) -> None:
    checkout.write(slow=SLOW)
    (tmp_path / "outputs.json").write_text(json.dumps(stack.read(checkout.root, "dev").outputs))
    (tmp_path / "pulumi").write_text(PULUMI.format(folder=tmp_path))
    (tmp_path / "pulumi").chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "delivery", "pr-project", "7"]
    with subprocess.Popen(command, cwd=checkout.root, env=environment, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while "Running" not in json.dumps(checkout.rows("pr-7")) and time.monotonic() < deadline:
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (130, b"interrupted\n")
    assert [run["state"] for run in checkout.rows("pr-7")["slow"]["flow_runs"]] == ["Cancelled"]
    assert agents_of("pr-7") == []


def test_a_checkout_without_a_changed_flow_makes_no_project(checkout: Checkout) -> None:
    assert checkout.pr_project("7") == (0, "no flow here differs from what dev runs; nothing to try\n")
    assert checkout.api.query('{ project(where: {name: {_eq: "pr-7"}}) { id } }') == {"project": []}


@pytest.mark.parametrize(
    ("provider", "variable"), [("TfsGit", "PULLREQUESTID"), ("GitHub", "PULLREQUESTNUMBER"), ("GitHub", "")]
)
def test_in_a_run_of_the_pipeline_its_own_pull_request_is_meant(
    provider: str, variable: str, checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUILD_REPOSITORY_PROVIDER", provider)
    monkeypatch.setenv("SYSTEM_PULLREQUEST_PULLREQUESTID", "1000000009")
    monkeypatch.setenv(f"SYSTEM_PULLREQUEST_{variable}", "9")
    code, said = checkout.pr_project("this", "--close")
    assert (code, said) == ((0, "there is no project pr-9; nothing to remove\n") if variable else (1, ""))
