"""The loops: the scheduler, the zombie killer and Lazarus."""

import datetime as dt
import time
from typing import Any

import pytest

from emulators.prefect_api.model import Log
from emulators.prefect_api.service import Services, kill_zombies, resurrect, schedule_runs
from emulators.prefect_api.store.flow_group import disable_flow_heartbeat, disable_flow_lazarus_process

# Prefect 1.4.1 hands its serializers a context in the way of marshmallow 2.
pytestmark = pytest.mark.filterwarnings("ignore:The `context` parameter is deprecated:DeprecationWarning")

AT_ONCE = dt.timedelta(0)
HOURLY = {
    "type": "Schedule",
    "__version__": "1.4.1",
    "clocks": [
        {
            "type": "IntervalClock",
            "interval": 3_600_000_000,
            "start_date": {"dt": "2020-01-01T00:00:00", "tz": "UTC"},
            "__version__": "1.4.1",
        }
    ],
}


def messages(runs: Any) -> list[str]:
    with runs.database.read() as session:
        return [f"{log.level} {log.message}" for log in session.query(Log).order_by(Log.timestamp)]


def test_the_scheduler_makes_no_run_twice(runs: Any) -> None:
    runs.flow("scheduled", schedule=HOURLY)
    assert schedule_runs(runs.database) == 0
    with runs.database.write() as session:
        session.connection().exec_driver_sql("DELETE FROM flow_run")
    assert schedule_runs(runs.database) == 10
    assert schedule_runs(runs.database) == 0


def test_a_task_run_without_a_heartbeat_is_retried_and_then_failed(runs: Any) -> None:
    run, (task_run, *_) = runs.run(runs.flow("zombie"), "Running")
    runs.enter_task(task_run, "Running")
    assert kill_zombies(runs.database) == 0
    assert kill_zombies(runs.database, AT_ONCE) == 1
    row = runs.read_task(task_run)
    assert row.state == "Retrying"
    assert row.state_start_time - row.state_timestamp > dt.timedelta(seconds=55)
    runs.enter_task(task_run, "Running")
    assert kill_zombies(runs.database, AT_ONCE) == 1
    assert (runs.read_task(task_run).state, runs.read(run).state) == ("Failed", "Running")
    assert [text[:28] for text in messages(runs)] == ["ERROR No heartbeat detected f"[:28]] * 2


def test_a_cancelling_run_without_a_heartbeat_is_failed(runs: Any) -> None:
    run, _ = runs.run(runs.flow("cancelling"), "Running")
    with runs.database.write() as session:
        runs.enter(session, run, "Cancelling")
    assert kill_zombies(runs.database, AT_ONCE) == 1
    assert runs.read(run).state == "Failed"


def test_lazarus_reschedules_a_dead_run_three_times_and_then_fails_it(runs: Any) -> None:
    run, _ = runs.run(runs.flow("dead"), "Running")
    states = []
    for _ in range(4):
        assert resurrect(runs.database, AT_ONCE) == 1
        states.append(runs.read(run).state)
        if states[-1] == "Scheduled":
            with runs.database.write() as session:
                runs.enter(session, run, "Running")
    assert states == ["Scheduled"] * 3 + ["Failed"]
    assert runs.read(run).times_resurrected == 3
    assert resurrect(runs.database, AT_ONCE) == 0


def test_lazarus_leaves_a_run_alone_that_has_work_in_hand(runs: Any) -> None:
    _, (task_run, *_) = runs.run(runs.flow("busy"), "Running")
    runs.enter_task(task_run, "Retrying")
    assert resurrect(runs.database, AT_ONCE) == 0


@pytest.mark.parametrize("switch", [disable_flow_heartbeat, disable_flow_lazarus_process])
def test_a_flow_may_be_left_alone(runs: Any, switch: Any) -> None:
    flow = runs.flow("alone")
    _, (task_run, *_) = runs.run(flow, "Running")
    with runs.database.write() as session:
        switch(session, {"flow_id": flow})
    assert resurrect(runs.database, AT_ONCE) == 0
    runs.enter_task(task_run, "Running")
    assert kill_zombies(runs.database, AT_ONCE) == (0 if switch is disable_flow_heartbeat else 1)


def test_the_loops_turn_at_the_given_interval_and_stop(runs: Any) -> None:
    runs.flow("scheduled", schedule=HOURLY)
    with runs.database.write() as session:
        session.connection().exec_driver_sql("DELETE FROM flow_run")
    services = Services(runs.database, 0.05)
    services.start()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and schedule_runs(runs.database):
        time.sleep(0.05)
    services.stop()
    assert schedule_runs(runs.database) == 0
