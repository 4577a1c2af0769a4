"""A platform in small: the Prefect API with registered flows, their scripts in Azurite, and an agent in the cluster."""

import datetime as dt
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import psutil

from emulators.prefect_api.database import Database
from emulators.prefect_api.service import resurrect

ROOT = Path(__file__).parents[2]
LABEL = "story"
UNDER_WAY = {"Scheduled", "Submitted", "Running"}
SLEEPER = """
import time
from prefect import Flow, task

@task
def sleep():
    time.sleep(1)

with Flow("sleeper") as flow:
    sleep()
"""


class Story:
    """What tests of the agent go by."""

    def __init__(self, cluster: Any, api: Any, namespace: str) -> None:
        self.cluster, self.api, self.namespace = cluster, api, namespace

    def register(self, flows: Path, azurite: Any, folder: Path) -> None:
        """Register a folder of flows by the command line of registration."""
        settings = {
            "project": "story",
            "tenant": {"name": "default", "slug": "default"},
            "api": self.api.url,
            "store": azurite.container("flows"),
            "run_config": {"type": "kubernetes", "labels": [LABEL]},
        }
        file = folder / "registration.json"
        file.write_text(json.dumps(settings))
        command = [sys.executable, "-m", "registration", "apply", "--settings", str(file), "--flows", str(flows)]
        environment = {**os.environ, "AZURE_STORAGE_CONNECTION_STRING": azurite.connection_string}
        subprocess.run([*command, "--bundles", str(folder / "bundles")], cwd=ROOT, env=environment, check=True)

    def start(self, flow: str) -> str:
        """Create a run of a flow, and return its id."""
        rows = self.api.query(f'{{ flow(where: {{ name: {{ _eq: "{flow}" }} }}) {{ id }} }}')["flow"]
        run: str = self.api.mutate("create_flow_run", "id", flow_id=rows[0]["id"])["id"]
        return run

    def wait(self, run: str, seconds: float = 180) -> Any:
        """Wait until a run has ended, and return what the API says of it."""
        selection = "state state_message states(order_by: { version: asc }) { state } logs { message }"
        query = f'{{ flow_run_by_pk(id: "{run}") {{ {selection} }} }}'
        return self.cluster.until(
            lambda: self.api.query(query)["flow_run_by_pk"], lambda row: row["state"] not in UNDER_WAY, seconds
        )

    def logs(self, run: str) -> list[str]:
        """What a run has logged so far."""
        rows = self.api.query(f'{{ flow_run_by_pk(id: "{run}") {{ logs {{ message }} }} }}')["flow_run_by_pk"]
        return [line["message"] for line in rows["logs"]]

    def states(self, runs: list[str]) -> Counter[str]:
        """How many of the runs are in each state; those that failed by what they say of it."""
        where = f"id: {{ _in: {json.dumps(runs)} }}"
        rows = self.api.query(f"{{ flow_run(where: {{ {where} }}) {{ state state_message }} }}")["flow_run"]
        return Counter(row["state_message"] if row["state"] == "Failed" else row["state"] for row in rows)

    def lost(self, runs: list[str]) -> set[str]:
        """The runs that an agent has taken and made no Job for."""
        where = f'id: {{ _in: {json.dumps(runs)} }}, state: {{ _eq: "Submitted" }}'
        rows = self.api.query(f"{{ flow_run(where: {{ {where} }}) {{ id }} }}")["flow_run"]
        return {row["id"] for row in rows} - set(self.jobs())

    def resurrect(self) -> None:
        """Let Lazarus do at once what it does after ten minutes: schedule again what nobody has heard of."""
        database = Database(self.api.database)
        try:
            resurrect(database, dt.timedelta())
        finally:
            database.close()

    def jobs(self) -> list[str]:
        """The flow runs of all Jobs."""
        listed = self.cluster.batch.list_namespaced_job(self.namespace).items
        return [job.metadata.labels["prefect.io/flow_run_id"] for job in listed]

    def until_ready(self) -> None:
        """Wait until the agent answers at its health endpoint."""
        self.cluster.until(self._statuses, lambda known: known and known[0].ready)

    def _statuses(self) -> list[Any]:
        selector = "app.kubernetes.io/name=prefect-agent"
        pods = self.cluster.core.list_namespaced_pod(self.namespace, label_selector=selector).items
        return [status for pod in pods for status in pod.status.container_statuses or []]

    def kill_agent(self) -> None:
        """End the agent's process as `kill -9` does."""
        (status,) = self._statuses()
        psutil.Process(int(status.container_id.rsplit("-", 1)[1])).kill()
