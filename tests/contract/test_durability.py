"""What was acknowledged is kept: over kill -9 at any moment, and over a disk that is full."""

import random
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest


def survive(api: Any, project: Any, kills: int, seed: int) -> int:
    """Kill the emulator while clients register, and return how many acknowledged flows were lost."""
    moments = random.Random(seed)  # noqa: S311 - only the moments of the kills
    acknowledged: dict[str, str] = {}

    def register(worker: int, turn: int, stop: threading.Event) -> None:
        number = 0
        while not stop.is_set():
            name = f"flow-{worker}-{turn}-{number}"
            try:
                acknowledged[name] = project.register(name, key="key")
            except (httpx.HTTPError, OSError):
                return
            number += 1

    for turn in range(kills):
        stop = threading.Event()
        workers = [threading.Thread(target=register, args=(worker, turn, stop)) for worker in range(3)]
        for worker in workers:
            worker.start()
        # A busy machine needs longer for the first.
        known, patience = len(acknowledged), time.monotonic() + 10
        while len(acknowledged) == known and time.monotonic() < patience:
            time.sleep(0.01)
        time.sleep(moments.uniform(0.05, 0.4))
        api.kill()
        stop.set()
        for worker in workers:
            worker.join()
        api.restart()
    rows = api.query("{ flow { id name archived tasks { slug } } }")["flow"]
    kept = {row["name"]: row["id"] for row in rows if not row["archived"] and len(row["tasks"]) == 2}
    assert len(rows) == len({row["name"] for row in rows}), "a flow was registered twice"
    assert len(kept) == len(rows), "a flow is only half there"
    assert len(acknowledged) >= kills, "too little was registered to prove anything"
    return sum(kept.get(name) != flow_id for name, flow_id in acknowledged.items())


def test_kills_lose_no_acknowledged_registration(prefect_api: Any, make_project: Any) -> None:
    assert survive(prefect_api, make_project(prefect_api), kills=5, seed=1) == 0


@pytest.mark.audit
@pytest.mark.timeout(1200)
def test_a_hundred_kills_lose_no_acknowledged_registration(prefect_api: Any, make_project: Any) -> None:
    assert survive(prefect_api, make_project(prefect_api), kills=100, seed=2) == 0


def test_a_registration_that_lost_its_answer_is_not_repeated(prefect_api: Any, make_project: Any) -> None:
    project = make_project(prefect_api)
    first = project.register(key="key")
    prefect_api.restart()
    assert project.register(key="key") == first


def test_a_submission_is_remembered_over_a_restart(prefect_api: Any, make_project: Any) -> None:
    project = make_project(prefect_api)
    run = project.run(project.register())
    project.enter(run, "Submitted")
    prefect_api.restart()
    assert "already been submitted" in project.enter(run, "Submitted")["errors"][0]["message"]


def test_a_full_disk_refuses_writes_still_reads_and_recovers(prefect_api: Any, make_project: Any) -> None:
    project = make_project(prefect_api)
    first = project.register()
    # A process that may not enlarge its files meets the error of a full disk.
    folder = Path(prefect_api.database.removeprefix("sqlite:///")).parent
    size = max(file.stat().st_size for file in folder.iterdir())
    limit = prefect_api.limit_file_size(size + 50_000)
    refusals = []
    for number in range(20):
        answer = project.api.post(
            "mutation($input: create_project_input!) { create_project(input: $input) { id } }",
            {"input": {"tenant_id": project.tenant_id, "name": f"p{number}", "description": "x" * 20_000}},
        )
        refusals += [error["message"] for error in answer.get("errors", ())]
    assert refusals
    assert all(text.startswith("The database refused: ") for text in refusals)
    assert project.flow_row(first, "id") == {"id": first}
    prefect_api.limit_file_size(limit)
    assert project.register()
