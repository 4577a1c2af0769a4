"""What becomes of a stack's flows when the server is gone, broken or replaced, or the input is wrong."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest

RELEASE = """
from pulumi.dynamic import CreateResult, Resource, ResourceProvider

class Nothing(ResourceProvider):
    def create(self, props):
        return CreateResult("release", {})

class Release(Resource):
    pass
"""

PROGRAM_WITH_A_RELEASE = """
import os
from components.flow_registry import FlowRegistry, FlowRegistryArgs
from registration.settings import Settings, Tenant
from release import Nothing, Release

released = Release(Nothing(), "release", {})
settings = Settings(project="demo", tenant=Tenant(name="default", slug="default"), store=".local/flows")
api = f"http://127.0.0.1:{os.environ['PREFECT_API_PORT']}"
FlowRegistry("flows", FlowRegistryArgs(settings=settings, api=api, released=released))
"""


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


@pytest.mark.audit
def test_destroy_without_a_server_fails_with_one_line_a_flow_and_loses_nothing(stack: Any, prefect_api: Any) -> None:
    before = {resource["urn"] for resource in stack.export()["resources"]}
    prefect_api.kill()
    with pytest.raises(stack.Error) as failure:
        stack.destroy()
    assert [line.split(":")[0] for line in failure.value.causes] == ["flow one", "flow two"]
    assert [
        line for line in failure.value.causes if f"the API at {prefect_api.url} cannot be reached" not in line
    ] == []
    assert {resource["urn"] for resource in stack.export()["resources"]} >= {
        urn for urn in before if urn.rsplit("::", 1)[1].startswith("flows-")
    }


@pytest.mark.audit
def test_destroy_without_a_server_drops_retained_flows_from_the_state(stack: Any, prefect_api: Any) -> None:
    stack.configure("flowRemoval", "retain")
    stack.up()
    prefect_api.kill()
    stack.destroy()
    assert stack.export().get("resources", []) == []
    prefect_api.restart()
    assert stack.versions(prefect_api) == {"one": 1, "two": 1}


def test_without_a_server_an_update_fails_with_one_line_a_flow_and_the_next_one_completes(
    stack: Any, prefect_api: Any
) -> None:
    stack.write("one", value=2)
    stack.write("three")
    prefect_api.kill()
    with pytest.raises(stack.Error) as failure:
        stack.up()
    assert [line.split(":")[0] for line in failure.value.causes] == ["flow one", "flow three"]
    assert [
        line for line in failure.value.causes if f"the API at {prefect_api.url} cannot be reached" not in line
    ] == []
    prefect_api.restart()
    stack.up()
    assert stack.versions(prefect_api) == {"one": 2, "two": 1, "three": 1}


@pytest.mark.audit
def test_a_project_that_is_gone_is_told_and_refresh_brings_all_back(stack: Any, prefect_api: Any) -> None:
    (project,) = prefect_api.query("{ project { id } }")["project"]
    prefect_api.mutate("delete_project", "success", project_id=project["id"])
    stack.write("one", value=2)
    with pytest.raises(stack.Error) as failure:
        stack.up()
    assert "flow one: " in str(failure.value)
    assert "run `pulumi refresh`" in str(failure.value)
    stack.refresh()
    stack.up()
    assert stack.versions(prefect_api) == {"one": 1, "two": 1}


@pytest.mark.audit
def test_what_goes_with_the_servers_release_is_not_removed_one_by_one(checkout: Any, prefect_api: Any) -> None:
    checkout.serve(prefect_api)
    checkout.write("one")
    (checkout.root / "release.py").write_text(RELEASE)
    (checkout.root / "__main__.py").write_text(PROGRAM_WITH_A_RELEASE)
    checkout.up()
    prefect_api.kill()
    checkout.destroy()
    assert checkout.export().get("resources", []) == []
    prefect_api.restart()
    assert checkout.versions(prefect_api) == {"one": 1}


@pytest.mark.audit
@pytest.mark.parametrize(("status", "told"), [(500, "answers 500"), (404, "is not a Prefect API")])
def test_an_api_that_answers_an_error_is_told_in_one_line_and_loses_nothing(
    checkout: Any, prefect_api: Any, status: int, told: str
) -> None:
    checkout.serve(prefect_api)
    checkout.write("one")
    with answering(status) as broken:
        checkout.serve(broken)
        with pytest.raises(checkout.Error) as failure:
            checkout.up()
    (line,) = failure.value.causes
    assert line.startswith("tenant default: ")
    assert f"at {broken.url} {told}" in line
    checkout.serve(prefect_api)
    assert checkout.up().flows == {"one": "create"}
    assert checkout.versions(prefect_api) == {"one": 1}


def test_a_wrong_stack_file_is_refused_with_every_problem_and_nothing_is_touched(checkout: Any) -> None:
    checkout.configure("flowSchedules", "on")
    checkout.configure("prefectTenant", "Two Words")
    checkout.configure("flowLabel", "misspelt")
    with pytest.raises(checkout.Error) as failure:
        checkout.up()
    assert "prefect-aks:flowSchedules" in str(failure.value)
    assert "prefect-aks:prefectTenant" in str(failure.value)
    assert "prefect-aks:flowLabel is not a key" in str(failure.value)
    assert "Traceback" not in str(failure.value)


def test_a_flow_file_that_does_not_load_is_named_with_line_and_reason(checkout: Any) -> None:
    checkout.write("one")
    checkout.write("broken", text="import nowhere_to_be_found\n")
    with pytest.raises(checkout.Error) as failure:
        checkout.preview()
    assert "flows/broken.py:1" in str(failure.value)
    assert "nowhere_to_be_found" in str(failure.value)
    assert "Traceback" not in str(failure.value)
