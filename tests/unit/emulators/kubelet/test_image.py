"""What becomes of a container, by its image."""

import pytest

from emulators.kubelet.image import Images, Treatment

IMAGES = Images(run=("*/prefecthq/prefect:*", "flows.test/*"), missing=("flows.test/gone*",))


@pytest.mark.parametrize(
    ("image", "treatment"),
    [
        ("docker.io/prefecthq/prefect:1.4.1-python3.10", Treatment.RUN),
        ("flows.test/flow@sha256:0", Treatment.RUN),
        ("flows.test/gone:1", Treatment.MISSING),
        ("docker.io/prefecthq/server:core-1.4.1", Treatment.NOT_HERE),
    ],
)
def test_an_image_is_run_missing_or_not_here_by_its_name(image: str, treatment: Treatment) -> None:
    assert IMAGES.treatment(image) is treatment
