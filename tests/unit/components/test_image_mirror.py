"""What the mirror registers."""

from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from components.image import UPSTREAM, Image
from components.image_mirror import ImageMirror, ImageMirrorArgs

REGISTRY = "/subscriptions/0/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/cr"


@pytest.fixture
def made(register: Callable[[Callable[[], object]], Any], anything: Callable[[str], pulumi.Resource]) -> Any:
    def program() -> None:
        args = ImageMirrorArgs(
            registry_id=REGISTRY, login_server="cr.azurecr.io", images=UPSTREAM, ready=[anything("endpoint")]
        )
        ImageMirror("mirror", args)

    return register(program)


def test_every_image_is_a_resource_of_its_own_below_the_mirror_and_waits_for_the_registry(made: Any) -> None:
    images = made.of("Image")
    assert {image.type for image in images} == {"pulumi-python:dynamic/prefect-aks:Image"}
    assert {image.name for image in images} == {f"mirror-{name}" for name in UPSTREAM}
    assert {image.parent for image in images} == {"mirror"}
    assert {image.depends_on for image in images} == {frozenset({"endpoint"})}


def test_an_image_keeps_its_repository_and_tag_and_no_digest_goes_in(made: Any) -> None:
    inputs = made.named("mirror-loginProxy").inputs
    assert {key: value for key, value in inputs.items() if key != "__provider"} == {
        "registry_id": REGISTRY,
        "login_server": "cr.azurecr.io",
        "repository": "oauth2-proxy/oauth2-proxy",
        "tag": "v7.15.3",
        "source": "quay.io/oauth2-proxy/oauth2-proxy:v7.15.3",
    }


def test_a_pinned_image_is_copied_by_its_digest(register: Callable[[Callable[[], object]], Any]) -> None:
    pinned = Image(registry="quay.io", repository="a/b", tag="1", digest=f"sha256:{64 * 'a'}")
    args = ImageMirrorArgs(registry_id=REGISTRY, login_server="cr.azurecr.io", images={"one": pinned})
    inputs = register(lambda: ImageMirror("mirror", args)).named("mirror-one").inputs
    assert (inputs["tag"], inputs["source"]) == ("1", f"quay.io/a/b@sha256:{64 * 'a'}")
