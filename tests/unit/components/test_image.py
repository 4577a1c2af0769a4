"""The upstream images, as one list that the chart's values agree with."""

from pathlib import Path

import pytest
import yaml

from components.image import UPSTREAM, Image

ROOT = Path(__file__).parents[3]
IMAGE = Image(registry="docker.io", repository="prefecthq/server", tag="core-1.4.1")
PIN = f"sha256:{64 * 'a'}"


def test_an_image_is_pulled_by_its_tag_or_where_it_has_one_by_its_digest() -> None:
    assert IMAGE.reference == "docker.io/prefecthq/server:core-1.4.1"
    pinned = Image(registry="quay.io", repository="a/b", tag="1", digest=PIN)
    assert pinned.reference == f"quay.io/a/b@{PIN}"


def test_the_charts_images_are_these_besides_the_agents_and_the_flow_images_base() -> None:
    values = yaml.safe_load((ROOT / "charts/prefect-server/values.yaml").read_text("utf-8"))["images"]
    keys = ("registry", "repository", "tag", "digest")
    chart = {name: Image(**{key: image[key] for key in keys}) for name, image in values.items()}
    assert {name: image for name, image in UPSTREAM.items() if name not in {"agent", "flowBase"}} == chart


def test_the_flow_image_is_built_on_the_base_that_is_mirrored() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    assert f"\nARG BASE={UPSTREAM['flowBase'].reference}\n" in dockerfile


def test_the_page_on_the_mirror_lists_every_image() -> None:
    page = (ROOT / "docs/image-mirror.md").read_text("utf-8")
    for name, image in UPSTREAM.items():
        assert f"| `{name}` | `{image.registry}/{image.repository}` |" in page


@pytest.mark.parametrize("name", UPSTREAM)
def test_an_upstream_tag_names_a_version_and_no_digest_is_made_up(name: str) -> None:
    image = UPSTREAM[name]
    assert any(letter.isdigit() for letter in image.tag)
    assert image.digest == ""


def test_no_two_images_have_one_repository() -> None:
    assert len({image.repository for image in UPSTREAM.values()}) == len(UPSTREAM)
