"""What the pipeline is run for, in these tests and in docs/pipeline.md."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emulators.azure_pipelines.occasion import Occasion, nightly, pull_request, push
from emulators.azure_pipelines.pipeline import Pipeline, load

ROOT = Path(__file__).parents[3]
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
def read() -> Read:
    """Read the project's own pipeline for an occasion, with parameters that somebody chose."""

    def of(name: str, **parameters: Any) -> Pipeline:
        return load(ROOT / "azure-pipelines.yml", OCCASIONS[name], parameters)

    return of
