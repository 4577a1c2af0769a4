"""A database with one project, and runs in it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emulators.prefect_api.database import Database
from emulators.prefect_api.model import FlowRun, TaskRun
from emulators.prefect_api.store.flow import create_flow
from emulators.prefect_api.store.flow_run import create_flow_run
from emulators.prefect_api.store.project import create_project
from emulators.prefect_api.store.state import Caller, set_flow_run_states, set_task_run_states
from emulators.prefect_api.store.tenant import create_tenant

NO_RESULT = {"_result": {"type": "NoResultType", "__version__": "1.4.1"}, "__version__": "1.4.1"}


class Runs:
    """Flows and runs, made by the store's own functions."""

    def __init__(self, database: Database) -> None:
        self.database = database
        with database.write() as session:
            tenant = create_tenant(session, {"name": "default", "slug": "default"})["id"]
            self.project = create_project(session, {"tenant_id": tenant, "name": "project"})["id"]

    def flow(self, name: str, **parts: Any) -> str:
        """Register a flow of two tasks, the first with one retry."""
        tasks = [{"slug": "a", "max_retries": 1, "retry_delay": 60}, {"slug": "b"}]
        serialized = {"name": name, "tasks": tasks, "edges": [], "parameters": [], **parts}
        with self.database.write() as session:
            return str(create_flow(session, {"project_id": self.project, "serialized_flow": serialized})["id"])

    def run(self, flow: str, state: str) -> tuple[str, list[str]]:
        """Create a run in a state, and return its id and those of its task runs."""
        with self.database.write() as session:
            run_id = create_flow_run(session, {"flow_id": flow})["id"]
            self.enter(session, run_id, state)
            tasks = session.query(TaskRun.id).filter_by(flow_run_id=run_id).join(TaskRun.task).order_by(TaskRun.created)
            return run_id, [row.id for row in tasks]

    def enter(self, session: Any, run_id: str, state: str) -> None:
        """Put a flow run into a state."""
        states = [{"flow_run_id": run_id, "state": {**NO_RESULT, "type": state}}]
        set_flow_run_states(session, {"states": states}, Caller())

    def enter_task(self, task_run_id: str, state: str) -> None:
        """Put a task run into a state."""
        with self.database.write() as session:
            set_task_run_states(
                session, {"states": [{"task_run_id": task_run_id, "state": {**NO_RESULT, "type": state}}]}
            )

    def read(self, run_id: str) -> FlowRun:
        """The row of a flow run."""
        with self.database.read() as session:
            return session.get_one(FlowRun, run_id)

    def read_task(self, task_run_id: str) -> TaskRun:
        """The row of a task run."""
        with self.database.read() as session:
            return session.get_one(TaskRun, task_run_id)


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    """A fresh database with one project."""
    database = Database(f"sqlite:///{tmp_path / 'prefect.db'}")
    yield Runs(database)
    database.close()
