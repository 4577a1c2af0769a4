"""The table of the chart's values, made from the comments of values.yaml and the types of its schema."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from charts.helm import CHART
from charts.schema import Schema

_HEAD = """# prefect-server

Prefect Server 1 for Kubernetes 1.30 and later: what it deploys, how to open it and who may reach whom is in
[docs/chart.md](../../docs/chart.md). A complete file of values for each feature is in [ci/](ci/).

This page is made by `python -m charts table` from values.yaml and values.schema.json. A key without a comment there
means what its namesake above it means. Helm merges maps: to take a label of a default away, set it to `null`.

| value | takes | default | what it is |
| --- | --- | --- | --- |
"""


def page(chart: Path = CHART) -> str:
    """Return the chart's README."""
    text = (chart / "values.yaml").read_text("utf-8")
    rows = list(_rows(yaml.compose(text), Schema.load(chart), text.splitlines(), (), {}))
    return _HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def write(chart: Path = CHART) -> Path:
    """Write the chart's README, and return its path."""
    path = chart / "README.md"
    path.write_text(page(chart), "utf-8")
    return path


def _rows(
    node: Any, schema: Schema, lines: list[str], path: tuple[str, ...], known: dict[tuple[int, str], str]
) -> Iterator[tuple[str, str, str, str]]:
    for key, value in node.value:
        here = (*path, key.value)
        comment = _comment(lines, key.start_mark.line)
        of_key = schema.at(key.value)
        if of_key.node.get("type") == "object" and "patternProperties" not in of_key.node:
            if comment:
                yield (f"`{'.'.join(here)}`", "", "", comment)
            yield from _rows(value, of_key, lines, here, known)
            continue
        namesake = (len(here), key.value)
        known.setdefault(namesake, comment)
        default = json.dumps(yaml.safe_load(yaml.serialize(value)))
        yield (f"`{'.'.join(here)}`", _takes(of_key.node), f"`{default}`", comment or known[namesake])


def _comment(lines: list[str], line: int) -> str:
    words: list[str] = []
    while line and (found := re.match(r"\s*# (.*)", lines[line - 1])):
        line -= 1
        words.insert(0, found[1])
    return " ".join(words).replace("|", "\\|")


def _takes(node: dict[str, Any]) -> str:
    if "const" in node:
        return f"`{node['const']}`"
    if "enum" in node:
        return ", ".join(f"`{one}`" for one in node["enum"])
    if node["type"] == "integer":
        return f"{node['minimum']} to {node['maximum']}"
    return {"string": "text", "boolean": "`true` or `false`", "array": "a list", "object": "a map"}[node["type"]]
