"""The flows of a stack through its life, with the real engine, against the emulated Prefect API."""

from typing import Any

import pytest

STRUCTURE = """
from prefect import Flow, task

@task
def first():
    return {value}

@task
def second():
    return 2

with Flow("{name}") as flow:
    first()
    second()
"""

SCHEDULED = """
from prefect import Flow, task
from prefect.schedules import CronSchedule

@task
def first():
    return {value}

with Flow("{name}", schedule=CronSchedule("0 3 * * *")) as flow:
    first()
"""


def test_a_flow_has_a_new_version_when_it_changes_and_the_preview_says_why(stack: Any, prefect_api: Any) -> None:
    assert stack.versions(prefect_api) == {"one": 1, "two": 1}
    outputs = stack.outputs()["flows"]
    assert {name: (flow["version"], flow["project"]) for name, flow in outputs.items()} == {
        "one": (1, "prefect-aks"),
        "two": (1, "prefect-aks"),
    }
    assert {flow["id"] for flow in outputs.values()} == {row["id"] for row in prefect_api.query("{flow{id}}")["flow"]}

    assert stack.up().flows == {}

    stack.write("one", text="# A comment, and a blank line.\n\n" + stack.SIMPLE)
    assert stack.preview().flows == {}

    stack.write("one", text=STRUCTURE)
    preview = stack.preview()
    assert preview.flows == {"one": "update"}
    assert preview.changes["flows-one"] == {"structure", "source"}

    assert stack.up().flows == {"one": "update"}
    assert stack.versions(prefect_api) == {"one": 2, "two": 1}
    assert stack.outputs()["flows"]["one"]["version"] == 2


@pytest.mark.audit
def test_a_flow_whose_file_is_gone_is_archived(stack: Any, prefect_api: Any) -> None:
    (stack.root / "flows/one.py").unlink()
    assert stack.up().flows == {"one": "delete"}
    assert stack.versions(prefect_api) == {"two": 1}


@pytest.mark.audit
def test_a_changed_removal_counts_from_the_next_update_as_the_engine_keeps_it_in_the_state(
    stack: Any, prefect_api: Any
) -> None:
    stack.configure("flowRemoval", "retain")
    (stack.root / "flows/one.py").unlink()
    stack.up()
    assert stack.versions(prefect_api) == {"two": 1}
    (stack.root / "flows/two.py").unlink()
    stack.up()
    assert stack.versions(prefect_api) == {"two": 1}
    assert stack.outputs()["flows"] == {}


@pytest.mark.audit
def test_refresh_shows_what_was_archived_or_registered_by_hand(stack: Any, prefect_api: Any) -> None:
    flows = stack.outputs()["flows"]
    prefect_api.query(f'mutation {{ archive_flow(input: {{flow_id: "{flows["one"]["id"]}"}}) {{ success }} }}')
    project = prefect_api.query("{ project { id } }")["project"][0]["id"]
    by_hand = '{name: "two", tasks: [], edges: [], parameters: [], storage: {type: "Docker"}, __version__: "1.4.1"}'
    given = f'{{project_id: "{project}", serialized_flow: {by_hand}}}'
    prefect_api.query(f"mutation {{ create_flow(input: {given}) {{ id }} }}")
    assert stack.versions(prefect_api) == {"two": 2}

    assert stack.refresh().flows.get("one") == "delete"
    assert stack.preview().flows == {"one": "create", "two": "update"}
    stack.up()
    assert stack.versions(prefect_api) == {"one": 2, "two": 3}


def test_destroy_archives_and_tolerates_a_flow_that_is_gone(stack: Any, prefect_api: Any) -> None:
    flows = stack.outputs()["flows"]
    prefect_api.query(f'mutation {{ archive_flow(input: {{flow_id: "{flows["one"]["id"]}"}}) {{ success }} }}')
    stack.destroy()
    assert stack.versions(prefect_api) == {}
    assert stack.export().get("resources", []) == []


def test_another_checkout_and_another_address_register_nothing(
    stack: Any, prefect_api: Any, start_prefect_api: Any
) -> None:
    moved = stack.move("elsewhere")
    assert moved.preview().flows == {}

    moved.serve(start_prefect_api("--database", prefect_api.database))
    outcome = moved.up()
    assert outcome.flows == {"one": "update", "two": "update"}
    assert outcome.changes["flows-one"] == {"api"}
    assert stack.versions(prefect_api) == {"one": 1, "two": 1}


def test_the_command_line_and_the_engine_leave_each_other_nothing_to_do(checkout: Any, prefect_api: Any) -> None:
    checkout.serve(prefect_api)
    checkout.up()
    checkout.write("one")
    checkout.write("two")
    assert checkout.registration("apply") == {"one": "register", "two": "register"}
    checkout.up()
    assert checkout.versions(prefect_api) == {"one": 1, "two": 1}
    assert checkout.registration("apply") == {"one": "unchanged", "two": "unchanged"}
    assert checkout.up().flows == {}


def active(api: Any) -> bool:
    """Whether the schedule of the one unarchived flow is active."""
    (flow,) = api.query("{ flow(where: {archived: {_eq: false}}) { is_schedule_active } }")["flow"]
    return bool(flow["is_schedule_active"])


@pytest.mark.audit
def test_a_policy_for_schedules_makes_no_version_and_an_operators_pause_is_kept(
    checkout: Any, prefect_api: Any
) -> None:
    checkout.serve(prefect_api)
    checkout.write("nightly", text=SCHEDULED)
    checkout.up()
    assert active(prefect_api)

    checkout.configure("flowSchedules", "paused")
    outcome = checkout.up()
    assert (outcome.flows, outcome.changes["flows-nightly"]) == ({"nightly": "update"}, {"schedules"})
    assert not active(prefect_api)

    checkout.configure("flowSchedules", "active")
    checkout.up()
    assert active(prefect_api)
    assert checkout.versions(prefect_api) == {"nightly": 1}

    (flow,) = prefect_api.query("{ flow { id } }")["flow"]
    prefect_api.mutate("set_schedule_inactive", "success", flow_id=flow["id"])
    checkout.write("nightly", value=2, text=SCHEDULED)
    checkout.up()
    assert checkout.versions(prefect_api) == {"nightly": 2}
    assert not active(prefect_api)
