"""A Helm chart in a folder: what it is, and whether values fit its `values.schema.json`."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jsonschema import ValidationError, validators
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable

from emulators.pulumi_providers.provider import RefusedError
from emulators.pulumi_providers.validation import Failure
from emulators.pulumi_providers.value import is_unknown

# What these say of a value may be another thing once all of it is known.
_CONDITIONAL = frozenset({"anyOf", "oneOf", "not", "if", "then", "else", "contains", "dependentSchemas", "uniqueItems"})
_WHOLE = frozenset({"anyOf", "oneOf", "not", "contains", "uniqueItems", "enum", "const"})
_RULE_SHOWN = 120


@dataclass(frozen=True)
class Chart:
    """A chart's own description."""

    folder: Path
    version: str
    kind: str

    @classmethod
    def load(cls, folder: Path) -> "Chart":
        """Read a chart.

        Raises:
            RefusedError: there is none, or it cannot be read.
        """
        file = folder / "Chart.yaml"
        if not file.is_file():
            raise RefusedError(
                f"{folder} is no chart: it must be a folder with a Chart.yaml, seen from the program's own"
            )
        found = _mapping(file)
        if not found.get("name") or not found.get("version"):
            raise RefusedError(f"{file} must have a name and a version")
        return cls(folder, str(found["version"]), str(found.get("type") or "application"))

    def problems(self, values: Mapping[str, Any]) -> list[Failure]:
        """Everything in some values that the chart's schema forbids, as far as the values are known."""
        file = self.folder / "values.schema.json"
        if not file.is_file():
            return []
        try:
            schema = json.loads(file.read_text("utf-8"))
            cls = validators.validator_for(schema, default=validators.Draft202012Validator)
            cls.check_schema(schema)
            merged = merge(self._defaults(), values)
            # An empty registry: a schema that refers to another one on a network is not fetched.
            errors = sorted(
                cls(schema, registry=Registry()).iter_errors(merged),
                key=lambda error: list(map(str, error.absolute_path)),
            )
        except (ValueError, SchemaError, Unresolvable) as error:
            return [Failure("chart", f"{file} is not a schema that can be used: {str(error).splitlines()[0]}")]
        unknown = is_unknown(merged)
        sure = [error for error in errors if not unknown or not _is_doubtful(error)]
        return list(dict.fromkeys(failure for error in sure for failure in _told(error)))

    def _defaults(self) -> dict[str, Any]:
        file = self.folder / "values.yaml"
        return _mapping(file) if file.is_file() else {}


def merge(defaults: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """A chart's values as Helm makes them of its defaults and of what is given; nothing for a default takes it away."""
    found = dict(defaults)
    for name, value in values.items():
        default = defaults.get(name)
        if value is None:
            found.pop(name, None)
        elif isinstance(value, Mapping) and isinstance(default, Mapping):
            found[name] = merge(default, value)
        else:
            found[name] = value
    return found


def _mapping(file: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(file.read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise RefusedError(f"{file} cannot be read: {error}") from error
    return found if isinstance(found, dict) else {}


def _is_doubtful(error: ValidationError) -> bool:
    conditional = not _CONDITIONAL.isdisjoint(map(str, error.absolute_schema_path))
    return (
        conditional
        or (is_unknown(error.instance) and not isinstance(error.instance, Mapping))
        or (error.validator in _WHOLE and is_unknown(error.instance))
    )


def _told(error: ValidationError) -> Iterator[Failure]:
    """What is wrong, without the value itself, which may be secret."""
    path = "values" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
    rule: Any = error.validator_value
    around: Any = error.schema
    value: Any = error.instance
    match error.validator:
        case "required":
            for name in rule:
                if name not in value:
                    yield Failure(f"{path}.{name}", "is required and missing")
        case "additionalProperties" if rule is False:
            known = around.get("properties", {})
            patterns = around.get("patternProperties", {})
            for name in value:
                if name not in known and not any(re.search(pattern, name) for pattern in patterns):
                    yield Failure(
                        f"{path}.{name}", f"is not a value of this chart; known are {', '.join(sorted(known))}"
                    )
        case "type":
            wanted = " or ".join(rule) if isinstance(rule, list) else rule
            yield Failure(path, f"must be of the type {wanted}")
        case _:
            shown = "" if isinstance(rule, bool) else f" {json.dumps(rule, default=str)}"
            reason = f"breaks the schema's rule {error.validator}{shown}"
            yield Failure(path, reason if len(reason) <= _RULE_SHOWN else f"{reason[:_RULE_SHOWN]}…")
