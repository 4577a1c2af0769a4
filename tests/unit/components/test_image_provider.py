"""What the image provider decides on its own, without an engine and without Azure."""

import base64
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pulumi.dynamic.dynamic import serialize_provider

from components.flow_provider import Provider
from components.image_provider import ImageProvider
from registration.azure_endpoint import AzureError
from registration.error import RegistrationError

ROOT = Path(__file__).parents[3]
IMAGE: dict[str, Any] = {
    "registry_id": "/subscriptions/0/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/cr",
    "login_server": "cr.azurecr.io",
    "repository": "prefecthq/server",
    "tag": "core-1.4.1",
    "source": "docker.io/prefecthq/server:core-1.4.1",
    "digest": f"sha256:{64 * 'a'}",
}


def test_state_holds_the_provider_by_module_and_class_name_alone() -> None:
    pickled = base64.b64decode(serialize_provider(ImageProvider()))
    assert b"components.image_provider" in pickled
    assert b"ImageProvider" in pickled
    assert len(pickled) < 100


@pytest.mark.parametrize("key", ["tag", "source", "login_server"])
def test_another_tag_source_or_address_is_an_update(key: str) -> None:
    result = ImageProvider().diff("i", IMAGE, IMAGE | {key: "other"})
    assert (result.changes, result.replaces) == (True, [])


@pytest.mark.parametrize("key", ["registry_id", "repository"])
def test_another_registry_or_repository_is_another_resource(key: str) -> None:
    assert ImageProvider().diff("i", IMAGE, IMAGE | {key: "other"}).replaces == [key]


def test_the_digest_is_an_output_and_no_difference() -> None:
    inputs = {key: value for key, value in IMAGE.items() if key != "digest"}
    assert ImageProvider().diff("i", IMAGE, inputs).changes is False


def test_its_errors_are_reported_as_those_of_flows_are() -> None:
    assert issubclass(ImageProvider, Provider)
    assert issubclass(AzureError, RegistrationError)


def test_a_program_that_mirrors_images_loads_none_of_azures_clients() -> None:
    slow = "{'azure.identity', 'azure.mgmt.containerregistry', 'azure.containerregistry'}"
    program = f"import sys, components.image_mirror; sys.exit(str({slow} & {{*sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == "set()\n"
