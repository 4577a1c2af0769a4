"""Registering as the Prefect client does: versions, idempotency keys, groups, schedules, archiving."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

AUTO_SCHEDULED = 'where: {state: {_eq: "Scheduled"}, auto_scheduled: {_eq: true}}'
HOURLY = {
    "type": "IntervalClock",
    "interval": 3_600_000_000,
    "parameter_defaults": {},
    "labels": None,
    "start_date": {"dt": "2020-01-01T00:00:00", "tz": "UTC"},
    "end_date": None,
    "__version__": "1.4.1",
}
SCHEDULE = {"type": "Schedule", "clocks": [HOURLY], "__version__": "1.4.1"}


def test_a_second_registration_is_a_new_version_and_archives_the_first(project: Any) -> None:
    first, second = project.register(), project.register()
    assert project.flow_row(first, "version archived") == {"version": 1, "archived": True}
    assert project.flow_row(second, "version archived") == {"version": 2, "archived": False}
    groups = {project.flow_row(flow, "flow_group_id")["flow_group_id"] for flow in (first, second)}
    assert len(groups) == 1


def test_the_same_key_answers_the_same_flow_and_another_key_does_not(project: Any) -> None:
    first = project.register(key="one")
    assert project.register(key="one") == first
    assert project.flow_row(first, "archived")["archived"] is False
    assert project.register(key="two") != first


def test_only_the_newest_key_of_a_group_counts_and_no_key_clears_it(project: Any) -> None:
    first = project.register(key="one")
    project.register()
    assert project.register(key="one") != first


def test_a_key_whose_flow_is_archived_makes_a_new_version(project: Any) -> None:
    first = project.register(key="one")
    assert project.api.mutate("archive_flow", "success", flow_id=first) == {"success": True}
    assert project.flow_row(project.register(key="one"), "version") == {"version": 2}


def test_a_failed_registration_leaves_neither_a_flow_nor_its_key(project: Any) -> None:
    first = project.register(key="one")
    broken = project.flow(edges=[{"upstream_task": {"slug": "a-1"}, "downstream_task": {"slug": "nowhere"}}])
    given = {"project_id": project.id, "serialized_flow": broken, "idempotency_key": "two"}
    refusal = project.api.refusal("create_flow", "id", **given)
    assert refusal.startswith("Unable to complete operation. An internal API error occurred.")
    count = f'{{ flow_aggregate(where: {{project_id: {{_eq: "{project.id}"}}}}) {{ aggregate {{ count }} }} }}'
    assert project.api.query(count)["flow_aggregate"]["aggregate"]["count"] == 1
    assert project.register(key="one") == first


def test_registrations_with_one_key_at_once_make_one_version(project: Any) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda _: project.register(key="same"), range(16)))
    assert len(set(ids)) == 1
    assert project.flow_row(ids[0], "version") == {"version": 1}


def test_registrations_without_a_key_at_once_are_numbered_without_a_gap(project: Any) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda _: project.register(), range(8)))
    assert sorted(project.flow_row(flow, "version")["version"] for flow in ids) == list(range(1, 9))


def test_flows_of_one_name_in_two_projects_are_two_groups(project: Any, make_project: Any) -> None:
    other = make_project(project.api)
    flows = project.register(), other.register()
    assert [project.flow_row(flow, "version")["version"] for flow in flows] == [1, 1]


def test_a_given_version_group_joins_flows_of_different_names(project: Any) -> None:
    group = str(uuid.uuid4())
    first = project.register("first", version_group_id=group)
    second = project.register("second", version_group_id=group)
    assert project.flow_row(first, "archived")["archived"] is True
    row = project.flow_row(second, "version version_group_id flow_group { name }")
    assert row == {"version": 2, "version_group_id": group, "flow_group": {"name": group}}


def test_tasks_and_edges_are_stored_once_however_often_they_are_sent(project: Any) -> None:
    flow = project.register(parts={"tasks": [], "edges": []})
    parts = project.flow()
    for _ in range(2):
        project.api.mutate("register_tasks", "success", flow_id=flow, serialized_tasks=parts["tasks"])
        project.api.mutate("register_edges", "success", flow_id=flow, serialized_edges=parts["edges"])
    tasks = "tasks(order_by: { slug: asc }) { slug retry_delay trigger mapped }"
    row = project.flow_row(flow, f"serialized_flow {tasks} edges {{ mapped key }}")
    assert row["tasks"] == [
        {"slug": "a-1", "retry_delay": "00:01:30", "trigger": "all", "mapped": False},
        {"slug": "b-1", "retry_delay": None, "trigger": "all", "mapped": False},
    ]
    assert row["edges"] == [{"mapped": True, "key": "x"}]
    assert [task["slug"] for task in row["serialized_flow"]["tasks"]] == ["a-1", "b-1"]


def test_the_refusals_are_the_ones_that_the_client_looks_for(project: Any) -> None:
    api = project.api
    twice = {"name": project.name, "tenant_id": project.tenant_id}
    assert api.refusal("create_project", "id", **twice) == "Uniqueness violation."
    assert api.refusal("create_tenant", "id", name="x", slug="Not A Slug") == "Slug is invalid."
    nowhere = {"project_id": str(uuid.uuid4()), "set_schedule_active": False}
    assert api.refusal("create_flow", "id", serialized_flow=project.flow(), **nowhere) == "Invalid project."
    rubbish = api.refusal("create_flow_from_compressed_string", "id", serialized_flow="rubbish", **nowhere)
    assert rubbish == "Unable to decompress serialized flow"


def test_an_active_schedule_has_ten_runs_at_once_and_an_inactive_one_none(project: Any) -> None:
    flow = project.register(parts={"schedule": SCHEDULE})
    scheduled = f"is_schedule_active flow_runs_aggregate({AUTO_SCHEDULED}) {{ aggregate {{ count }} }}"
    for mutation, active, count in (("set_schedule_active", True, 10), ("set_schedule_inactive", False, 0)):
        assert project.api.mutate(mutation, "success", flow_id=flow) == {"success": True}
        row = project.flow_row(flow, scheduled)
        assert (row["is_schedule_active"], row["flow_runs_aggregate"]["aggregate"]["count"]) == (active, count)


def test_archiving_deletes_scheduled_runs_and_cancels_the_ones_asked_for(project: Any) -> None:
    flow = project.register(parts={"schedule": SCHEDULE}, set_schedule_active=True)
    asked = project.run(flow, scheduled_start_time="2100-01-01T00:00:00+00:00")
    newer = project.register(parts={"schedule": SCHEDULE}, set_schedule_active=True)
    runs = 'flow_runs(where: { state: { _eq: "Scheduled" } }) { id }'
    assert project.flow_row(flow, runs) == {"flow_runs": []}
    assert len(project.flow_row(newer, runs)["flow_runs"]) == 10
    cancelled = {"state": "Cancelled", "state_message": f"Flow {flow} was archived."}
    assert project.run_row(asked, "state state_message") == cancelled


def test_a_schedule_that_leaves_a_required_parameter_open_is_refused_but_the_flow_is_registered(project: Any) -> None:
    parts = {"schedule": SCHEDULE, "parameters": [{"name": "x", "slug": "x", "required": True, "default": None}]}
    flow = project.register(parts=parts, set_schedule_active=True)
    assert project.flow_row(flow, "is_schedule_active") == {"is_schedule_active": False}
    refusal = project.api.refusal("set_schedule_active", "success", flow_id=flow)
    assert refusal == "Can not schedule a flow that has required parameters."


def test_a_group_schedule_wins_and_a_bad_clock_is_refused(project: Any) -> None:
    flow = project.register(parts={"schedule": SCHEDULE})
    group = {"flow_group_id": project.flow_row(flow, "flow_group_id")["flow_group_id"]}
    bad = project.api.refusal("set_flow_group_schedule", "success", cron_clocks=[{"cron": "rubbish"}], **group)
    assert bad.startswith("Invalid clock provided for schedule")
    clock = {"interval": 3600, "parameter_defaults": {"x": 1}}
    project.api.mutate("set_flow_group_schedule", "success", interval_clocks=[clock], timezone="UTC", **group)
    assert project.api.mutate("set_schedule_active", "success", flow_id=flow) == {"success": True}
    runs = project.flow_row(flow, "flow_runs { parameters auto_scheduled }")["flow_runs"]
    assert runs == [{"parameters": {"x": 1}, "auto_scheduled": True}] * 10


def test_deleting_a_project_deletes_its_flows_and_their_runs(project: Any) -> None:
    flow = project.register()
    run = project.run(flow)
    assert project.api.mutate("delete_project", "success", project_id=project.id) == {"success": True}
    assert project.flow_row(flow, "id") is None
    assert project.run_row(run, "id") is None
    assert project.api.mutate("delete_project", "success", project_id=project.id) == {"success": False}
