"""A real local agent of Prefect 1.4.1 runs real flows: mapped, retried, failed, cancelled and scheduled ones."""

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

LABEL = "contract"
ENDED = {"Success", "Failed", "Cancelled"}
FLOWS = """
import datetime
import time
import prefect
from prefect import Flow, Parameter, task
from prefect.run_configs import UniversalRun
from prefect.storage import Local

HOW = {
    "storage": Local(path=__file__, stored_as_script=True, add_default_labels=False),
    "run_config": UniversalRun(labels=["contract"]),
}

@task
def numbers(count):
    return list(range(count))

@task
def double(number):
    prefect.context.logger.info("doubling %d", number)
    return 2 * number

@task
def total(doubled):
    return sum(doubled)

@task(max_retries=1, retry_delay=datetime.timedelta(0))
def flaky():
    if prefect.context.task_run_count == 1:
        raise ValueError("the first attempt fails")

@task
def broken():
    raise ValueError("always")

@task
def slow():
    for _ in range(600):
        time.sleep(0.1)

with Flow("mapped", **HOW) as mapped:
    total(double.map(numbers(Parameter("count", default=3))))
with Flow("retried", **HOW) as retried:
    flaky()
with Flow("failed", **HOW) as failed:
    numbers(broken())
with Flow("slow", **HOW) as slow_flow:
    slow()
"""


class Work:
    """A project whose flows an agent runs."""

    def __init__(self, project: Any, folder: Path, environment: dict[str, str], command: str) -> None:
        self.project, self.environment, self.command = project, environment, command
        (folder / "flows.py").write_text(FLOWS)
        self.prefect("register", "--project", project.name, "-p", str(folder / "flows.py"))
        rows = project.api.query(f'{{ flow(where: {{ project_id: {{ _eq: "{project.id}" }} }}) {{ id name }} }}')[
            "flow"
        ]
        self.flows = {row["name"]: row["id"] for row in rows}

    def prefect(self, *arguments: str) -> str:
        """Run a command of the Prefect command line."""
        done = subprocess.run([self.command, *arguments], env=self.environment, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
        return done.stdout.decode()

    def wait(self, run: str, done: Callable[[Any], bool], seconds: float = 90) -> Any:
        """Wait until the row of a run is as wished, and return it."""
        deadline = time.monotonic() + seconds
        selection = (
            "state parameters agent_id logs { message } states(order_by: { version: asc }) { state }"
            " task_runs { map_index state task { slug } }"
        )
        while True:
            row = self.project.run_row(run, selection)
            if done(row):
                return row
            assert time.monotonic() < deadline, row
            time.sleep(0.2)

    def finish(self, run: str) -> Any:
        """Wait until a run has ended, and return its row."""
        return self.wait(run, lambda row: row["state"] in ENDED)


@pytest.fixture(scope="module")
def work(
    module_prefect_api: Any,
    make_project: Callable[[Any], Any],
    prefect_environment: Callable[[Any, Path], dict[str, str]],
    prefect_command: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Work]:
    """Registered flows and an agent that takes their runs; the agent belongs to the emulator's only tenant."""
    folder = tmp_path_factory.mktemp("agent")
    environment = {**prefect_environment(module_prefect_api, folder / "home"), "PYTHONPATH": str(folder)}
    made = Work(make_project(module_prefect_api), folder, environment, prefect_command)
    start = [prefect_command, "agent", "local", "start", "--label", LABEL, "--no-hostname-label"]
    with (folder / "agent.log").open("wb") as log:
        agent = subprocess.Popen(start, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    yield made
    agent.terminate()
    agent.wait(timeout=30)


@pytest.fixture(scope="module")
def runs(work: Work) -> dict[str, str]:
    """One run of each flow, started together so that they run side by side."""
    return {name: work.project.run(flow) for name, flow in work.flows.items()}


def test_a_mapped_flow_runs_once_for_each_item(work: Work, runs: dict[str, str]) -> None:
    row = work.finish(runs["mapped"])
    assert [state["state"] for state in row["states"]] == ["Scheduled", "Submitted", "Running", "Success"]
    states = {(task["task"]["slug"], task["map_index"]): task["state"] for task in row["task_runs"]}
    assert states[("double-1", -1)] == "Mapped"
    assert [states[("double-1", index)] for index in range(3)] == ["Success"] * 3
    assert row["agent_id"]
    # The process sends its last log lines when it ends, which is after the run has.
    said = {f"doubling {index}" for index in range(3)}
    work.wait(runs["mapped"], lambda later: said <= {line["message"] for line in later["logs"]})


def test_a_task_that_fails_once_is_retried_to_success(work: Work, runs: dict[str, str]) -> None:
    row = work.finish(runs["retried"])
    task_runs = "task_runs { states(order_by: { version: asc }) { state } }"
    (task_run,) = work.project.run_row(runs["retried"], task_runs)["task_runs"]
    assert row["state"] == "Success"
    passed = [state["state"] for state in task_run["states"]]
    assert passed == ["Pending", "Running", "Failed", "Retrying", "Running", "Success"]


def test_a_failed_task_fails_the_run_and_what_depends_on_it(work: Work, runs: dict[str, str]) -> None:
    row = work.finish(runs["failed"])
    assert row["state"] == "Failed"
    states = {task["task"]["slug"]: task["state"] for task in row["task_runs"]}
    assert states == {"broken-1": "Failed", "numbers-1": "TriggerFailed"}


def test_a_running_run_that_is_cancelled_stops(work: Work, runs: dict[str, str]) -> None:
    work.wait(runs["slow"], lambda row: any(task["state"] == "Running" for task in row["task_runs"]))
    assert work.project.api.mutate("cancel_flow_run", "state", flow_run_id=runs["slow"]) == {"state": "Cancelling"}
    row = work.finish(runs["slow"])
    assert row["state"] == "Cancelled"
    assert [task["state"] for task in row["task_runs"]] == ["Cancelled"]


def test_a_run_scheduled_for_later_starts_then(work: Work) -> None:
    begin = time.time() + 3
    due = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(begin))
    run = work.project.run(work.flows["mapped"], scheduled_start_time=due, parameters={"count": 1})
    assert work.finish(run)["parameters"] == {"count": 1}
    assert work.project.run_row(run, "start_time")["start_time"] >= due


def test_the_client_watches_a_run_to_its_end(work: Work) -> None:
    output = work.prefect("run", "--name", "mapped", "--project", work.project.name, "--param", "count=2", "--watch")
    for expected in ("Entered state <Running>", "doubling 1", "Flow run succeeded!"):
        assert expected in output
