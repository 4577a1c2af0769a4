"""What the flow image's provider decides on its own, without an engine and without Azure."""

import base64
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime.rpc import UNKNOWN

from components.flow_image_provider import FlowImageProvider
from components.flow_provider import Provider

ROOT = Path(__file__).parents[3]
IMAGE: dict[str, Any] = {
    "registry_id": "/subscriptions/0/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/cr",
    "login_server": "cr.azurecr.io",
    "content_hash": 64 * "a",
    "base": f"cr.azurecr.io/library/python@sha256:{64 * 'b'}",
    "agent_pool": "builds",
    "tag": "aaaaaaaaaaaaaaaa-bbbbbbbb",
    "digest": f"sha256:{64 * 'c'}",
}


def test_state_holds_the_provider_by_module_and_class_name_alone() -> None:
    pickled = base64.b64decode(serialize_provider(FlowImageProvider()))
    assert b"components.flow_image_provider" in pickled
    assert b"FlowImageProvider" in pickled
    assert len(pickled) < 100


@pytest.mark.parametrize("key", ["content_hash", "base", "login_server"])
@pytest.mark.parametrize("value", ["other", UNKNOWN])
def test_another_content_base_or_login_server_is_an_update(key: str, value: str) -> None:
    result = FlowImageProvider().diff("i", IMAGE, IMAGE | {key: value})
    assert (result.changes, result.replaces) == (True, [])


def test_another_registry_is_another_resource() -> None:
    assert FlowImageProvider().diff("i", IMAGE, IMAGE | {"registry_id": "other"}).replaces == ["registry_id"]


def test_who_builds_it_and_what_came_of_it_is_no_difference() -> None:
    inputs = {key: value for key, value in IMAGE.items() if key not in {"tag", "digest"}}
    assert FlowImageProvider().diff("i", IMAGE, inputs | {"agent_pool": "others"}).changes is False


def test_its_errors_are_reported_as_those_of_flows_are() -> None:
    assert issubclass(FlowImageProvider, Provider)


def test_a_program_that_has_a_flow_image_loads_none_of_azures_clients() -> None:
    slow = "{'azure.identity', 'azure.mgmt.containerregistrytasks', 'azure.containerregistry', 'azure.storage.blob'}"
    program = f"import sys, components.flow_image; sys.exit(str({slow} & {{*sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == "set()\n"
