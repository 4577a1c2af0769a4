"""The flows of a stack through its life, with the real engine, against the emulated Prefect API."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
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


def versions(api: Any) -> dict[str, int]:
    """The unarchived version of every flow."""
    rows = api.query("{ flow(where: {archived: {_eq: false}}) { name version } }")["flow"]
    found = {row["name"]: row["version"] for row in rows}
    assert len(found) == len(rows), "a flow has two unarchived versions"
    return found


@contextmanager
def answering(status: int) -> Iterator[SimpleNamespace]:
    """A server that answers every request with this status."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_error(status)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield SimpleNamespace(url=f"http://127.0.0.1:{server.server_port}")
        server.shutdown()


@pytest.fixture
def stack(checkout: Any, prefect_api: Any) -> Any:
    """A stack with two flows, deployed once."""
    checkout.serve(prefect_api)
    checkout.write("one")
    checkout.write("two")
    checkout.up()
    return checkout


def test_a_flow_has_a_new_version_when_it_changes_and_the_preview_says_why(stack: Any, prefect_api: Any) -> None:
    assert versions(prefect_api) == {"one": 1, "two": 1}
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
    assert versions(prefect_api) == {"one": 2, "two": 1}
    assert stack.outputs()["flows"]["one"]["version"] == 2


def test_a_flow_whose_file_is_gone_is_archived(stack: Any, prefect_api: Any) -> None:
    (stack.root / "flows/one.py").unlink()
    assert stack.up().flows == {"one": "delete"}
    assert versions(prefect_api) == {"two": 1}


def test_a_flow_whose_file_is_gone_is_retained_where_the_stack_says_so(stack: Any, prefect_api: Any) -> None:
    stack.configure("flowRemoval", "retain")
    assert stack.up().flows == {}
    (stack.root / "flows/one.py").unlink()
    stack.up()
    assert versions(prefect_api) == {"one": 1, "two": 1}
    assert set(stack.outputs()["flows"]) == {"two"}


def test_refresh_shows_what_was_archived_or_registered_by_hand(stack: Any, prefect_api: Any) -> None:
    flows = stack.outputs()["flows"]
    prefect_api.query(f'mutation {{ archive_flow(input: {{flow_id: "{flows["one"]["id"]}"}}) {{ success }} }}')
    project = prefect_api.query("{ project { id } }")["project"][0]["id"]
    by_hand = '{name: "two", tasks: [], edges: [], parameters: [], storage: {type: "Docker"}, __version__: "1.4.1"}'
    given = f'{{project_id: "{project}", serialized_flow: {by_hand}}}'
    prefect_api.query(f"mutation {{ create_flow(input: {given}) {{ id }} }}")
    assert versions(prefect_api) == {"two": 2}

    assert stack.refresh().flows.get("one") == "delete"
    assert stack.preview().flows == {"one": "create", "two": "update"}
    stack.up()
    assert versions(prefect_api) == {"one": 2, "two": 3}


def test_destroy_archives_and_tolerates_a_flow_that_is_gone(stack: Any, prefect_api: Any) -> None:
    flows = stack.outputs()["flows"]
    prefect_api.query(f'mutation {{ archive_flow(input: {{flow_id: "{flows["one"]["id"]}"}}) {{ success }} }}')
    stack.destroy()
    assert versions(prefect_api) == {}
    assert stack.export().get("resources", []) == []


def test_destroy_without_a_server_fails_in_one_line_and_loses_nothing(stack: Any, prefect_api: Any) -> None:
    before = {resource["urn"] for resource in stack.export()["resources"]}
    prefect_api.kill()
    with pytest.raises(stack.Error) as failure:
        stack.destroy()
    assert "Traceback" not in str(failure.value)
    assert prefect_api.url in str(failure.value)
    assert {resource["urn"] for resource in stack.export()["resources"]} >= {
        urn for urn in before if urn.rsplit("::", 1)[1].startswith("flows-")
    }


def test_destroy_without_a_server_drops_retained_flows_from_the_state(stack: Any, prefect_api: Any) -> None:
    stack.configure("flowRemoval", "retain")
    stack.up()
    prefect_api.kill()
    stack.destroy()
    assert stack.export().get("resources", []) == []
    prefect_api.restart()
    assert versions(prefect_api) == {"one": 1, "two": 1}


def test_without_a_server_an_update_fails_in_one_line_and_the_next_one_completes(stack: Any, prefect_api: Any) -> None:
    stack.write("one", value=2)
    stack.write("three")
    prefect_api.kill()
    with pytest.raises(stack.Error) as failure:
        stack.up()
    assert "Traceback" not in str(failure.value)
    assert prefect_api.url in str(failure.value)
    prefect_api.restart()
    stack.up()
    assert versions(prefect_api) == {"one": 2, "two": 1, "three": 1}


def test_another_checkout_and_another_address_register_nothing(
    stack: Any, prefect_api: Any, start_prefect_api: Any
) -> None:
    moved = stack.move("elsewhere")
    assert moved.preview().flows == {}

    moved.serve(start_prefect_api("--database", prefect_api.database))
    outcome = moved.up()
    assert outcome.flows == {"one": "update", "two": "update"}
    assert outcome.changes["flows-one"] == {"api"}
    assert versions(prefect_api) == {"one": 1, "two": 1}


def test_the_command_line_and_the_engine_leave_each_other_nothing_to_do(checkout: Any, prefect_api: Any) -> None:
    checkout.serve(prefect_api)
    checkout.write("one")
    checkout.write("two")
    checkout.preview()
    assert checkout.registration("apply") == {"one": "register", "two": "register"}
    checkout.up()
    assert versions(prefect_api) == {"one": 1, "two": 1}
    assert checkout.registration("apply") == {"one": "unchanged", "two": "unchanged"}
    assert checkout.up().flows == {}


@pytest.mark.parametrize(("status", "told"), [(500, "answers 500"), (404, "is not a Prefect API")])
def test_an_api_that_answers_an_error_is_one_line_and_loses_nothing(
    checkout: Any, prefect_api: Any, status: int, told: str
) -> None:
    checkout.serve(prefect_api)
    checkout.write("one")
    with answering(status) as broken:
        checkout.serve(broken)
        with pytest.raises(checkout.Error) as failure:
            checkout.up()
    assert "Traceback" not in str(failure.value)
    assert f"at {broken.url} {told}" in str(failure.value)
    checkout.serve(prefect_api)
    assert checkout.up().flows == {"one": "create"}
    assert versions(prefect_api) == {"one": 1}


def test_a_wrong_stack_file_is_refused_with_every_problem_and_nothing_is_touched(checkout: Any) -> None:
    checkout.configure("flowSchedules", "on")
    checkout.configure("prefectTenant", "Two Words")
    with pytest.raises(checkout.Error) as failure:
        checkout.up()
    assert "prefect-aks:flowSchedules" in str(failure.value)
    assert "prefect-aks:prefectTenant" in str(failure.value)
    assert "Traceback" not in str(failure.value)


def test_a_flow_file_that_does_not_load_is_named_with_line_and_reason(checkout: Any) -> None:
    checkout.write("one")
    checkout.write("broken", text="import nowhere_to_be_found\n")
    with pytest.raises(checkout.Error) as failure:
        checkout.preview()
    assert "flows/broken.py:1" in str(failure.value)
    assert "nowhere_to_be_found" in str(failure.value)
    assert "Traceback" not in str(failure.value)
