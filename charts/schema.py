"""Reading the chart's values.schema.json: its nodes, with what they refer to in place."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_DEFINITIONS = "#/$defs/"


@dataclass(frozen=True)
class Schema:
    """A node of a schema, resolved; `name` is the definition that it comes from, if any."""

    node: dict[str, Any]
    definitions: dict[str, Any]
    name: str = ""

    @classmethod
    def load(cls, chart: Path) -> "Schema":
        """Read a chart's schema."""
        whole = json.loads((chart / "values.schema.json").read_text("utf-8"))
        return cls(whole, whole["$defs"])

    def at(self, key: str) -> "Schema":
        """Return the schema of a property."""
        return self.of(self.node["properties"][key])

    def of(self, node: dict[str, Any]) -> "Schema":
        """Return a node below this one, with what it refers to, and what it says beside that."""
        name = ""
        while "$ref" in node:
            beside = {key: value for key, value in node.items() if key != "$ref"}
            name = node["$ref"].removeprefix(_DEFINITIONS)
            node = {**self.definitions[name], **beside}
        return Schema(node, self.definitions, name)
