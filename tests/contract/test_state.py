"""Runs and their states: what each state changes, and what the queue offers."""

import time
import uuid
from typing import Any

import pytest

RUNNING_TASK = "provided a running state but associated flow run"


@pytest.fixture
def run(project: Any) -> str:
    """A scheduled run of a flow of two tasks."""
    return str(project.run(project.register()))


def task_runs(project: Any, run: str) -> list[dict[str, Any]]:
    selection = "task_runs(order_by: {task: {slug: asc}}) { id task_id map_index version state serialized_state }"
    rows: list[dict[str, Any]] = project.run_row(run, selection)["task_runs"]
    return rows


def test_a_new_run_is_scheduled_and_has_a_pending_run_of_every_task(project: Any, run: str) -> None:
    row = project.run_row(run, "version state scheduled_start_time state_start_time states { state version }")
    assert row["scheduled_start_time"] == row["state_start_time"]
    assert (
        row["states"] == [{"state": row["state"], "version": row["version"]}] == [{"state": "Scheduled", "version": 1}]
    )
    pending = {"type": "Pending", "message": "Task run created"}
    assert [(task["map_index"], task["version"], task["serialized_state"]) for task in task_runs(project, run)] == [
        (-1, 1, pending)
    ] * 2


def test_a_run_of_a_known_key_is_answered_again(project: Any) -> None:
    flow = project.register()
    assert project.run(flow, idempotency_key="k") == project.run(flow, idempotency_key="k")
    assert project.run(flow, idempotency_key="k") != project.run(flow)


def test_parameters_labels_and_run_config_come_from_the_nearest_source(project: Any) -> None:
    parameters = [{"name": "x", "default": 1, "required": False}, {"name": "y", "default": None, "required": True}]
    flow = project.register(parts={"parameters": parameters, "run_config": {"type": "LocalRun", "labels": ["f"]}})
    refusal = project.api.refusal("create_flow_run", "id", flow_id=flow)
    assert refusal == "Required parameters were not supplied: {'y'}"
    group = project.flow_row(flow, "flow_group_id")["flow_group_id"]
    row = project.run_row(project.run(flow, parameters={"y": 2}), "parameters labels run_config")
    assert row == {"parameters": {"x": 1, "y": 2}, "labels": ["f"], "run_config": {"type": "LocalRun", "labels": ["f"]}}
    project.api.mutate("set_flow_group_labels", "success", flow_group_id=group, labels=["h", "g"])
    project.api.mutate("set_flow_group_default_parameters", "success", flow_group_id=group, parameters={"y": 3})
    assert project.run_row(project.run(flow), "parameters labels") == {
        "parameters": {"x": 1, "y": 3},
        "labels": ["g", "h"],
    }
    assert project.run_row(project.run(flow, labels=[]), "labels") == {"labels": []}
    assert project.run_row(project.run(flow, run_config={"labels": ["r"]}), "labels") == {"labels": ["r"]}


def test_an_archived_flow_is_not_run_but_its_version_group_is(project: Any) -> None:
    old, new = project.register(), project.register()
    assert project.api.refusal("create_flow_run", "id", flow_id=old) == f"Flow {old} is archived."
    group = project.flow_row(new, "version_group_id")["version_group_id"]
    run = project.api.mutate("create_flow_run", "id", version_group_id=group)["id"]
    assert project.run_row(run, "flow_id") == {"flow_id": new}


def test_states_are_numbered_whatever_version_the_client_sends_and_times_are_kept(project: Any, run: str) -> None:
    for state in ("Running", "Success"):
        before = project.run_row(run, "updated")["updated"]
        assert "errors" not in project.enter(run, state, message=state.lower())
        assert project.run_row(run, "updated")["updated"] > before
    row = project.run_row(run, "version state state_message start_time end_time heartbeat")
    assert (row["version"], row["state"], row["state_message"]) == (3, "Success", "success")
    assert row["start_time"] <= row["end_time"]
    assert row["heartbeat"] == row["start_time"]


def test_a_second_submission_within_seconds_is_refused_even_after_the_run_moved_on(project: Any, run: str) -> None:
    assert "errors" not in project.enter(run, "Submitted")
    assert "errors" not in project.enter(run, "Running")
    (error,) = project.enter(run, "Submitted")["errors"]
    assert error["message"] == "State update failed: this run has already been submitted."
    assert project.run_row(run, "state") == {"state": "Running"}


def test_a_task_runs_only_while_its_flow_run_does(project: Any, run: str) -> None:
    task_run = task_runs(project, run)[0]["id"]
    assert RUNNING_TASK in project.enter_task(task_run, "Running")["errors"][0]["message"]
    project.enter(run, "Running")
    assert "errors" not in project.enter_task(task_run, "Running")


def test_cancelling_a_run_that_has_not_started_cancels_its_tasks(project: Any, run: str) -> None:
    assert project.api.mutate("cancel_flow_run", "state", flow_run_id=run) == {"state": "Cancelled"}
    assert {task["state"] for task in task_runs(project, run)} == {"Cancelled"}
    assert project.api.mutate("cancel_flow_run", "state", flow_run_id=run) == {"state": "Cancelled"}
    assert project.run_row(run, "version") == {"version": 2}


def test_cancelling_a_run_that_runs_asks_it_to_stop_and_keeps_finished_tasks(project: Any, run: str) -> None:
    project.enter(run, "Running")
    first, second = (task["id"] for task in task_runs(project, run))
    project.enter_task(first, "Success")
    assert project.api.mutate("cancel_flow_run", "state", flow_run_id=run) == {"state": "Cancelling"}
    project.enter(run, "Cancelled")
    states = {task["id"]: task["state"] for task in task_runs(project, run)}
    assert states == {first: "Success", second: "Cancelled"}


def test_a_bad_state_in_a_list_sets_none_of_them(project: Any, run: str) -> None:
    first = task_runs(project, run)[0]["id"]
    text = "mutation($input: set_task_run_states_input!) { set_task_run_states(input: $input) { states { id } } }"
    good = {"task_run_id": first, "state": {"type": "Success"}}
    for bad in ({"type": "Nonsense"}, {"type": "Success", "message": "x" * 1_000_001}):
        states = [good, {"task_run_id": first, "state": bad}]
        assert "errors" in project.api.post(text, {"input": {"states": states}})
        assert task_runs(project, run)[0]["state"] == "Pending"


def test_cached_inputs_are_carried_to_a_state_that_has_none(project: Any, run: str) -> None:
    inputs = {"x": {"type": "Result", "location": "somewhere", "__version__": "1.4.1"}}
    first = task_runs(project, run)[0]["id"]
    assert "errors" not in project.enter_task(first, "Retrying", cached_inputs=inputs, run_count=1)
    project.enter_task(first, "Failed")
    assert set(task_runs(project, run)[0]["serialized_state"]["cached_inputs"]) == {"x"}


def test_a_mapped_child_is_made_once(project: Any, run: str) -> None:
    task = task_runs(project, run)[0]["task_id"]
    given = {"flow_run_id": run, "task_id": task, "map_index": 3}
    first = project.api.mutate("get_or_create_task_run_info", "id version state", **given)
    assert (first["version"], first["state"]) == (0, "Pending")
    assert project.api.mutate("get_or_create_task_run_info", "id version", **given) == {"id": first["id"], "version": 1}
    unknown = {**given, "task_id": str(uuid.uuid4())}
    assert project.api.refusal("get_or_create_task_run_info", "id", **unknown) == "Invalid task ID"


def test_the_queue_offers_due_runs_to_agents_that_have_all_their_labels(project: Any) -> None:
    flow, label = project.register(), uuid.uuid4().hex
    wanted = project.run(flow, labels=[label, "x"])
    project.run(flow, labels=[label, "x"], scheduled_start_time="2100-01-01T00:00:00+00:00")
    assert project.queue(label, "x", "more") == [wanted]
    assert wanted not in project.queue(label)
    assert wanted not in project.queue()


def test_a_run_without_labels_is_for_agents_without_labels(project: Any, run: str) -> None:
    # The queue answers the longest waiting runs, and other tests leave theirs: this one is put before them.
    early = project.run(project.run_row(run, "flow_id")["flow_id"], scheduled_start_time="2000-01-01T00:00:00+00:00")
    assert early in project.queue()
    assert early not in project.queue("label")


def test_a_running_run_is_offered_again_when_a_retry_is_due_and_not_while_it_is_paused(project: Any) -> None:
    label = uuid.uuid4().hex
    run = project.run(project.register(), labels=[label])
    project.enter(run, "Running")
    task_run = task_runs(project, run)[0]["id"]
    offered = {}
    for state, start in (
        ("Paused", None),
        ("Retrying", "2100-01-01T00:00:00+00:00"),
        ("Retrying", "2020-01-01T00:00:00+00:00"),
    ):
        assert "errors" not in project.enter_task(task_run, state, start_time=start)
        offered[state, start] = project.queue(label)
    assert list(offered.values()) == [[], [], [run]]


def test_logs_are_written_whole_or_not_at_all_and_read_by_time(project: Any, run: str) -> None:
    lines = [
        {
            "flow_run_id": run,
            "name": "n",
            "message": f"line {number}",
            "timestamp": f"2026-01-01T00:00:00.00000{number}Z",
        }
        for number in (2, 1)
    ]
    project.api.mutate("write_run_logs", "success", logs=lines)
    project.api.mutate("write_run_logs", "success", logs={**lines[0], "message": "single", "level": "ERROR"})
    stray = [lines[0], {**lines[0], "flow_run_id": str(uuid.uuid4())}]
    assert project.api.refusal("write_run_logs", "success", logs=stray) == "Foreign key violation."
    after = 'where: {timestamp: {_gt: "2026-01-01T00:00:00.000001+00:00"}}, order_by: {timestamp: asc}'
    row = project.run_row(run, f"after: logs({after}) {{ message level timestamp }} logs {{ message }}")
    assert [(line["message"], line["level"]) for line in row["after"]] == [("line 2", "INFO"), ("single", "ERROR")]
    assert row["after"][0]["timestamp"] == "2026-01-01T00:00:00.000002+00:00"
    assert len(row["logs"]) == 3


def test_an_agent_keeps_its_id_and_is_seen_at_work(project: Any, run: str) -> None:
    given = {"tenant_id": project.tenant_id, "type": "LocalAgent", "name": uuid.uuid4().hex}
    agents = [
        project.api.mutate("register_agent", "id", labels=labels, **given)["id"]
        for labels in (["b", "a"], ["a", "b"], [])
    ]
    assert agents[0] == agents[1] != agents[2]
    text = "mutation($input: get_runs_in_queue_input!) { get_runs_in_queue(input: $input) { flow_run_ids } }"
    project.api.post(text, {"input": {"tenant_id": project.tenant_id}}, **{"X-PREFECT-AGENT-ID": agents[0]})
    agent = f'{{ agent_by_pk(id: "{agents[0]}") {{ last_queried labels }} }}'
    row = project.api.query(agent)["agent_by_pk"]
    assert row["labels"] == ["a", "b"]
    assert row["last_queried"].startswith(time.strftime("%Y-%m-", time.gmtime()))
    assert run


def test_artifacts_need_a_task_run(project: Any, run: str) -> None:
    missing = str(uuid.uuid4())
    refusal = project.api.refusal("create_task_run_artifact", "id", task_run_id=missing, kind="link", data={})
    assert refusal == f"Task run {missing} not found"
    task_run = task_runs(project, run)[0]["id"]
    artifact = project.api.mutate("create_task_run_artifact", "id", task_run_id=task_run, kind="link", data={"a": 1})[
        "id"
    ]
    for mutation, data in (("update_task_run_artifact", {"data": {"b": 2}}), ("delete_task_run_artifact", {})):
        assert project.api.mutate(mutation, "success", task_run_artifact_id=artifact, **data) == {"success": True}
        assert project.api.mutate(mutation, "success", task_run_artifact_id=missing, **data) == {"success": False}
