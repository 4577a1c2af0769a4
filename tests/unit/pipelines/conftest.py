"""What the pipeline is run for, in these tests and in docs/pipeline.md."""

from collections.abc import Callable
from pathlib import Path

import pytest

from emulators.azure_pipelines.occasion import Occasion, nightly, pull_request, push
from emulators.azure_pipelines.pipeline import Pipeline, load
from tests.unit.pipelines.variant import ROOT, variant

OCCASIONS: dict[str, Occasion] = {
    "fork": pull_request("dev", fork=True),
    "internal": pull_request("dev"),
    "feature": push("feature/x"),
    "dev": push("dev"),
    "stage": push("stage"),
    "main": push("main"),
    "night": nightly(),
}
Read = Callable[..., Pipeline]


@pytest.fixture(params=[*OCCASIONS])
def occasion(request: pytest.FixtureRequest) -> str:
    """Each occasion that the pipeline runs on, by its name."""
    return str(request.param)


@pytest.fixture(scope="session")
def trying(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's own pipeline where pull requests have their flows tried."""
    return variant(tmp_path_factory.mktemp("trying"), prProject="true")


@pytest.fixture(scope="session")
def read(trying: Path) -> Read:
    """Read the project's own pipeline for an occasion, or for an occasion's name."""

    def of(occasion: str | Occasion, *, tried: bool = False) -> Pipeline:
        started = OCCASIONS[occasion] if isinstance(occasion, str) else occasion
        return load(trying if tried else ROOT / "azure-pipelines.yml", started)

    return of
