"""Rendering the chart with the real Helm, for the oldest Kubernetes that it supports."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from charts import manifest, tool
from charts.error import ChartError, RefusedError
from charts.manifest import Manifest

CHART = Path(__file__).parent / "prefect-server"
RELEASE = "prefect-server"
NAMESPACE = "prefect-server"
OLDEST_KUBERNETES = "1.30.0"

_VERSION = ("--kube-version", OLDEST_KUBERNETES)


def values_files(chart: Path = CHART) -> list[Path]:
    """List the values files, one a feature; each is complete."""
    return sorted((chart / "ci").glob("*.yaml"))


def lint(values: Path, chart: Path = CHART) -> None:
    """Let `helm lint --strict` look at the chart with a values file."""
    try:
        tool.run("helm", "lint", "--strict", "--quiet", *_VERSION, "--values", values, chart)
    except ChartError as error:
        raise ChartError(f"{values.name}: {_reason(str(error))}") from None


def template(values: Path, chart: Path = CHART) -> str:
    """Return what a values file renders to."""
    try:
        return _template(chart, ("--values", str(values)))
    except RefusedError as error:
        raise RefusedError(f"{values.name}: {error}") from None


def render(values: Mapping[str, Any], chart: Path = CHART, release: str = RELEASE) -> list[Manifest]:
    """Return the objects that values render to. Values that the chart does not take are a `RefusedError`."""
    text = _template(chart, ("--values", "-"), given=json.dumps(values), release=release)
    return manifest.read(text)


def _template(chart: Path, values: tuple[str, ...], *, given: str | None = None, release: str = RELEASE) -> str:
    try:
        return tool.run("helm", "template", release, chart, "--namespace", NAMESPACE, *_VERSION, *values, given=given)
    except ChartError as error:
        raise RefusedError(_reason(str(error))) from None


def _reason(said: str) -> str:
    """Make one line of what Helm says: the schema's complaints, or the message of a `fail`, or all of it."""
    if complaints := re.findall(r"^\s*- (at .*(?<!validation failed))$", said, re.MULTILINE):
        return "; ".join(complaints)
    if failed := re.search(r"refused: .*", said):
        return failed[0]
    return " ".join(said.split())
