"""What the flow image registers."""

from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from components.flow_image import FlowImage, FlowImageArgs

REGISTRY = "/subscriptions/0/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/cr"
BASE = f"cr.azurecr.io/library/python@sha256:{64 * 'b'}"


@pytest.fixture
def make(
    register: Callable[[Callable[[], object]], Any], anything: Callable[[str], pulumi.Resource]
) -> Callable[..., Any]:
    def program(**changes: Any) -> None:
        args = FlowImageArgs(
            registry_id=REGISTRY,
            login_server="cr.azurecr.io",
            content_hash=64 * "a",
            base=BASE,
            ready=[anything("endpoint")],
            **changes,
        )
        FlowImage("flowImage", args)

    return lambda **changes: register(lambda: program(**changes))


def test_the_image_is_a_resource_below_the_component_and_waits_for_the_registry(make: Callable[..., Any]) -> None:
    image = make().one("BuiltImage")
    assert (image.type, image.name) == ("pulumi-python:dynamic/prefect-aks:BuiltImage", "flowImage-image")
    assert (image.parent, image.depends_on) == ("flowImage", frozenset({"endpoint"}))


def test_what_it_is_made_of_goes_in_by_its_content_hash_and_no_digest_does(make: Callable[..., Any]) -> None:
    inputs = make().one("BuiltImage").inputs
    assert {key: value for key, value in inputs.items() if key != "__provider"} == {
        "registry_id": REGISTRY,
        "login_server": "cr.azurecr.io",
        "content_hash": 64 * "a",
        "base": BASE,
    }


def test_a_pool_of_the_registrys_own_is_named(make: Callable[..., Any]) -> None:
    assert make(agent_pool="builds").one("BuiltImage").inputs["agent_pool"] == "builds"
