"""The example flow on a real Dask cluster: a scheduler and workers of `dask`'s own command line, and Prefect's own run.

A run here is the process that a flow's pod is: `prefect execute flow-run`, with what the agent gives it.
"""

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import uvicorn
from distributed import Client, get_task_stream
from prefect.utilities.storage import extract_flow_from_file
from starlette.types import ASGIApp, Receive, Scope, Send

from emulators.pokemon_api.server import application
from registration import apply, bundle, catalog
from registration.api import Api
from registration.settings import RunConfig
from registration.store import open_store

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PAGES = 16
HELPER = "def double(x):\n    return 2 * x\n"
FLOW = """
from prefect import Flow, task
from flows.helper import double
from utils.executor import dask_executor

@task
def answer(x):
    return double(x)

with Flow("answers", executor=dask_executor()) as flow:
    answer.map([1, 2, 3])
"""
CENSUS = "16 pages: 33 poison, 32 water"
START_SECONDS = 60


class Slow:
    """A source that takes its time for each Pokémon, so that a run has a middle."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.01)
        await self._inner(scope, receive, send)


@pytest.fixture(scope="module")
def source() -> Iterator[str]:
    """The Pokémon API on 127.0.0.1."""
    server = uvicorn.Server(uvicorn.Config(Slow(application()), host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_for(lambda: server.started)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/api/v2"
    server.should_exit = True
    thread.join(10)


def wait_for(done: Callable[[], Any]) -> Any:
    """Wait until something is there, and return it."""
    deadline = time.monotonic() + START_SECONDS
    while not (found := done()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


class Cluster:
    """A Dask scheduler, and the workers that a test starts."""

    def __init__(self, folder: Path, source: str) -> None:
        self._folder = folder
        self._environment = {
            **os.environ,
            "PYTHONWARNINGS": "ignore",
            "PYTHONPATH": str(ROOT),
            "POKEMON_API_URL": source,
        }
        told = folder / "scheduler.json"
        arguments = ("--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(told))
        self.processes = [self._start("scheduler", *arguments, "--dashboard-address", "127.0.0.1:0")]
        self.address = str(wait_for(lambda: told.exists() and json.loads(told.read_bytes() or b"{}")).get("address"))

    def _start(self, kind: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self._folder / f"{kind}.log").open("ab") as log:
            return subprocess.Popen(
                [BIN / "dask", kind, *arguments],
                env=self._environment,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def hire(self) -> list[subprocess.Popen[bytes]]:
        """Two workers of one thread each, started where a test before has not left them."""
        options = ("--host", "127.0.0.1", "--nthreads", "1", "--no-nanny", "--dashboard-address", "127.0.0.1:0")
        workers = [each for each in self.processes[1:] if each.poll() is None]
        while len(workers) < 2:
            workers.append(self._start("worker", self.address, *options))
        self.processes[1:] = workers
        return workers

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def cluster(source: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("dask"), source)
    made.hire()
    yield made
    made.stop()


@pytest.fixture
def client(cluster: Cluster) -> Iterator[Client]:
    """A client that watches the cluster, which has two workers."""
    with Client(cluster.address, set_as_default=False) as made:
        cluster.hire()
        wait_for(lambda: len(made.scheduler_info()["workers"]) == 2)
        yield made


class Run:
    """A run of the example flow, in a process of its own."""

    def __init__(self, api: Any, flow_id: str, cluster: Cluster, environment: dict[str, str]) -> None:
        self._api = api
        self.id = api.mutate("create_flow_run", "id", flow_id=flow_id)["id"]
        given = {
            "PREFECT__CLOUD__API": api.url,
            "PREFECT__CONTEXT__FLOW_RUN_ID": self.id,
            "PREFECT__CLOUD__SEND_FLOW_RUN_LOGS": "true",
            "PREFECT__ENGINE__FLOW_RUNNER__DEFAULT_CLASS": "prefect.engine.cloud.CloudFlowRunner",
            "PREFECT__CLOUD__CHECK_CANCELLATION_INTERVAL": "1",
            "PREFECT__CLOUD__LOGGING_HEARTBEAT": "0.5",
            "FLOW_DASK_ADDRESS": cluster.address,
            "PYTHONPATH": str(ROOT),
        }
        self.process = subprocess.Popen(
            [BIN / "prefect", "execute", "flow-run"],
            env={**environment, **given},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def row(self) -> Any:
        selection = "state logs { message } task_runs { state map_index task { name } }"
        return self._api.query(f'{{ flow_run_by_pk(id: "{self.id}") {{ {selection} }} }}')["flow_run_by_pk"]

    def pages(self, state: str) -> int:
        """How many pages have been counted, or are in another state."""
        runs = self.row()["task_runs"]
        return sum((each["task"]["name"], each["state"]) == ("tally", state) for each in runs)

    def cancel(self) -> None:
        self._api.mutate("cancel_flow_run", "state", flow_run_id=self.id)

    def end(self) -> Any:
        """Wait for the process, and return the run's row."""
        self.process.wait(timeout=120)
        return self.row()

    def census(self) -> str:
        """What the last task logged; a worker sends its lines once in a while."""
        lines = wait_for(lambda: [each["message"] for each in self.row()["logs"] if " pages: " in each["message"]])
        return str(lines[0])


@pytest.fixture(scope="module")
def start(
    module_prefect_api: Any,
    prefect_environment: Callable[[Any, Path], dict[str, str]],
    cluster: Cluster,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[], Run]:
    """Register the example flow, and give what starts a run of it."""
    folder = tmp_path_factory.mktemp("registered")
    location = str(folder / "scripts")
    found = catalog.load(ROOT / "flows", store=location, run_config=RunConfig(), bundles=folder / "bundles")
    (record,) = [each for each in found.records if each.name == "type-census"]
    environment = prefect_environment(module_prefect_api, folder / "home")
    tenant = module_prefect_api.mutate("create_tenant", "id", name="t", slug="t")["id"]
    project = module_prefect_api.mutate("create_project", "id", name="p", tenant_id=tenant)["id"]
    with Api(module_prefect_api.url) as api:
        ready = bundle.read(folder / "bundles", record.name, record.key)
        row = apply.register(api, open_store(location, folder), ready, project_id=project, schedules="active")
    return lambda: Run(module_prefect_api, row.id, cluster, environment)


def test_the_mapped_tasks_are_shared_out_to_all_workers(client: Client, start: Callable[[], Run]) -> None:
    with get_task_stream(client) as stream:
        run = start()
        assert run.end()["state"] == "Success"
    assert run.pages("Success") == PAGES
    assert run.census().startswith(CENSUS)
    done = [each for each in stream.data if each["key"].startswith("tally-")]
    assert {each["worker"] for each in done} == set(client.scheduler_info()["workers"])


@pytest.mark.audit
@pytest.mark.usefixtures("client")
def test_the_code_of_a_flow_file_and_of_what_it_imports_from_flows_travels_to_the_workers(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "helper.py").write_text(HELPER)
    (tmp_path / "flows" / "answers.py").write_text(FLOW)
    (tmp_path / "utils").symlink_to(ROOT / "utils")
    found = catalog.load(tmp_path / "flows", store="s", run_config=RunConfig(), bundles=tmp_path / "bundles")
    found.raise_for_failures()
    (record,) = found.records
    monkeypatch.setenv("FLOW_DASK_ADDRESS", cluster.address)
    monkeypatch.setattr(sys, "meta_path", sys.meta_path.copy())
    script = bundle.read(tmp_path / "bundles", record.name, record.key).script
    # The script makes `flows` of this process its own.
    with patch.dict(sys.modules):
        flow = extract_flow_from_file(file_contents=script)
        state = flow.run()
    assert state.is_successful()
    assert state.result[flow.get_tasks(name="answer")[0]].result == [2, 4, 6]


def test_a_cancelled_run_starts_no_further_page(client: Client, start: Callable[[], Run]) -> None:
    run = start()
    wait_for(lambda: run.pages("Success") >= 1)
    run.cancel()
    # Where its process ends before it has said so, the zombie killer has the last word, after ten minutes.
    assert run.end()["state"] in {"Cancelled", "Cancelling"}
    assert run.pages("Success") < PAGES
    wait_for(lambda: not any(client.processing().values()))


@pytest.mark.audit
@pytest.mark.usefixtures("client")
def test_a_worker_that_is_killed_in_the_middle_costs_no_page(cluster: Cluster, start: Callable[[], Run]) -> None:
    first, second = cluster.hire()
    run = start()
    wait_for(lambda: run.pages("Success") >= 3)
    assert run.row()["state"] == "Running"
    first.kill()
    first.wait()
    assert run.end()["state"] == "Success"
    assert second.poll() is None
    assert run.pages("Success") == PAGES
    assert run.census().startswith(CENSUS)
