"""What the contract tests share: a project of their own, flows to register, and the unmodified Prefect client."""

import base64
import gzip
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# What the client sends with every state.
SERIALIZED_STATE = {
    "_result": {"type": "NoResultType", "__version__": "1.4.1"},
    "context": {},
    "cached_inputs": {},
    "__version__": "1.4.1",
}


class Project:
    """A project of one test, in an emulator that tests share."""

    def __init__(self, api: Any) -> None:
        self.api = api
        self.name = f"project-{uuid.uuid4().hex[:8]}"
        # A tenant of its own, because the queue is one for each tenant and is read only so far.
        self.tenant_id = api.mutate("create_tenant", "id", name=self.name, slug=self.name)["id"]
        self.id = api.mutate("create_project", "id", name=self.name, tenant_id=self.tenant_id)["id"]

    def flow(self, name: str = "flow", **parts: Any) -> dict[str, Any]:
        """The serialized form of a flow of two tasks."""
        tasks = [
            {"slug": slug, "name": slug, "type": "prefect.Task", "trigger": {"fn": "all", "kwargs": {}}, **more}
            for slug, more in (("a-1", {"max_retries": 2, "retry_delay": 90}), ("b-1", {}))
        ]
        edges = [{"upstream_task": {"slug": "a-1"}, "downstream_task": {"slug": "b-1"}, "key": "x", "mapped": True}]
        return {
            "name": name,
            "tasks": tasks,
            "edges": edges,
            "parameters": [],
            "schedule": None,
            "storage": {"type": "Local"},
            "run_config": {"type": "LocalRun", "labels": []},
            "environment": None,
            "__version__": "1.4.1",
            **parts,
        }

    def register(self, name: str = "flow", *, key: str | None = None, parts: Any = None, **given: Any) -> str:
        """Register a flow as the client does, and return its id."""
        text = json.dumps(self.flow(name, **(parts or {})))
        given |= {} if key is None else {"idempotency_key": key}
        payload = self.api.mutate(
            "create_flow_from_compressed_string",
            "id",
            project_id=self.id,
            serialized_flow=base64.b64encode(gzip.compress(text.encode())).decode(),
            **{"set_schedule_active": False, **given},
        )
        flow_id: str = payload["id"]
        return flow_id

    def run(self, flow_id: str, **given: Any) -> str:
        """Create a run of a flow, and return its id."""
        run_id: str = self.api.mutate("create_flow_run", "id", flow_id=flow_id, **given)["id"]
        return run_id

    def enter(self, run_id: str, state: str, **parts: Any) -> dict[str, Any]:
        """Put a flow run into a state, and return the whole answer."""
        given = [{"flow_run_id": run_id, "version": None, "state": {**SERIALIZED_STATE, "type": state, **parts}}]
        text = (
            "mutation($input: set_flow_run_states_input!) { set_flow_run_states(input: $input) { states { status } } }"
        )
        answer: dict[str, Any] = self.api.post(text, {"input": {"states": given}})
        return answer

    def enter_task(self, task_run_id: str, state: str, **parts: Any) -> dict[str, Any]:
        """Put a task run into a state, and return the whole answer."""
        given = [{"task_run_id": task_run_id, "version": None, "state": {**SERIALIZED_STATE, "type": state, **parts}}]
        text = (
            "mutation($input: set_task_run_states_input!) { set_task_run_states(input: $input) { states { status } } }"
        )
        answer: dict[str, Any] = self.api.post(text, {"input": {"states": given}})
        return answer

    def flow_row(self, flow_id: str, selection: str) -> Any:
        """What the API answers of a flow."""
        return self.api.query(f'{{ flow_by_pk(id: "{flow_id}") {{ {selection} }} }}')["flow_by_pk"]

    def run_row(self, run_id: str, selection: str) -> Any:
        """What the API answers of a flow run."""
        return self.api.query(f'{{ flow_run_by_pk(id: "{run_id}") {{ {selection} }} }}')["flow_run_by_pk"]

    def queue(self, *labels: str) -> list[str]:
        """The ids of the runs that an agent with these labels is offered."""
        payload = self.api.mutate("get_runs_in_queue", "flow_run_ids", tenant_id=self.tenant_id, labels=list(labels))
        ids: list[str] = payload["flow_run_ids"]
        return ids


@pytest.fixture
def project(shared_prefect_api: Any) -> Project:
    """A project that no other test uses."""
    return Project(shared_prefect_api)


@pytest.fixture(scope="session")
def make_project() -> Callable[[Any], Project]:
    """Make a project in a given emulator."""
    return Project


def client_environment(api: Any, home: Path) -> dict[str, str]:
    """The environment in which the Prefect client speaks to an emulator and to nothing else."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT__")}
    return {
        **kept,
        "PREFECT__BACKEND": "server",
        "PREFECT__SERVER__ENDPOINT": api.url,
        "PREFECT__HOME_DIR": str(home),
        "PYTHONWARNINGS": "ignore",
    }


@pytest.fixture(scope="session")
def prefect_command() -> str:
    """The Prefect command line of this environment."""
    return str(Path(sys.executable).parent / "prefect")


@pytest.fixture(scope="session")
def prefect_environment() -> Callable[[Any, Path], dict[str, str]]:
    """Make the environment of a client process."""
    return client_environment


@pytest.fixture
def prefect_cli(shared_prefect_api: Any, prefect_command: str, tmp_path: Path) -> Callable[..., str]:
    """Run a command of the Prefect command line, and return what it prints."""
    environment = client_environment(shared_prefect_api, tmp_path / "home")

    def run(*arguments: str, status: int = 0) -> str:
        done = subprocess.run(
            [prefect_command, *arguments],
            env=environment,
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
            check=False,
        )
        output = done.stdout.decode()
        assert done.returncode == status, output
        return output

    return run
