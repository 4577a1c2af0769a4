"""Expanding a pipeline: templates are put in their places, and every `${{ … }}` gets its value, as before a run begins.

Parameters must be declared with a type; Azure Pipelines would take those without one for text.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from emulators.azure_pipelines.error import PipelineError
from emulators.azure_pipelines.expression import Names, evaluate, text, truth

_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_DIRECTIVE = re.compile(r"\$\{\{\s*(?P<word>if|elseif|else|each)\b\s*(?P<rest>.*?)\s*\}\}", re.DOTALL)
_EACH = re.compile(r"(?P<name>\w+)\s+in\s+(?P<list>.+)", re.DOTALL)
_LISTS = frozenset({"stages", "jobs", "steps"})
_UNTOUCHED = frozenset({"name", "trigger", "pr", "schedules"})
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "number": (int, float),
    "object": (dict, list),
}


def read(path: Path) -> dict[str, Any]:
    """Read a YAML file that is a mapping.

    Raises:
        PipelineError: it is not.
    """
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise PipelineError(f"{path.name} cannot be read: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise PipelineError(f"{path.name} is no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict):
        raise PipelineError(f"{path.name} is no mapping")
    return document


def expand(path: Path, variables: Mapping[str, str], given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Expand a pipeline with the variables that are known before it runs, and parameters that somebody gave it.

    Raises:
        PipelineError: it cannot be expanded.
    """
    document = read(path)
    parameters = bind(document.pop("parameters", []), given or {}, path.name)
    names = {"parameters": parameters, "variables": Names("variable that is known before the run,", variables)}
    kept = {key: document.pop(key) for key in _UNTOUCHED & {*document}}
    return {**kept, **_Expansion(path, names).mapping(document)}


def bind(declared: Any, given: Mapping[str, Any], where: str) -> Names:
    """Give declared parameters their values.

    Raises:
        PipelineError: one is missing, of a wrong type, or not declared.
    """
    found: dict[str, Any] = {}
    for parameter in declared:
        known = {"name", "displayName", "type", "default", "values"}
        if not isinstance(parameter, dict) or not {"name", "type"} <= {*parameter} <= known:
            raise PipelineError(
                f"{where}: a parameter has a name and a type, and of the rest only {', '.join(sorted(known))}"
            )
        name = parameter["name"]
        if name not in given and "default" not in parameter:
            raise PipelineError(f"{where}: the parameter {name} is not given")
        found[name] = _typed(given.get(name, parameter.get("default")), parameter, f"{where}: the parameter {name}")
    unknown = sorted({*given} - {*found})
    if unknown:
        raise PipelineError(f"{where}: it declares no parameter {unknown[0]}")
    return Names("parameter", found)


def _typed(value: Any, parameter: Mapping[str, Any], what: str) -> Any:
    kind = parameter["type"]
    if kind not in _TYPES:
        raise PipelineError(f"{what} is of the type {kind}, which is not known here")
    if kind == "boolean" and isinstance(value, str) and value.lower() in {"true", "false"}:
        value = value.lower() == "true"
    if not isinstance(value, _TYPES[kind]) or (kind != "boolean" and isinstance(value, bool)):
        raise PipelineError(f"{what} is no {kind}")
    if "values" in parameter and value not in parameter["values"]:
        raise PipelineError(f"{what} is none of {', '.join(map(str, parameter['values']))}")
    return value


class _Expansion:
    """Expands one file, with the names that its expressions may use."""

    def __init__(self, path: Path, names: Mapping[str, Any]) -> None:
        self._path = path
        self._names = names

    def mapping(self, node: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        chain = _Chain(self)
        for key, value in node.items():
            scopes = chain.scopes(key)
            if scopes is None:
                found[key] = self._value(value, key)
                continue
            if not isinstance(value, dict):
                raise self.error(f"what {key} decides on is no mapping, as what is around it")
            for scope in scopes:
                found |= scope.mapping(value)
        return found

    def with_name(self, name: str, value: Any) -> "_Expansion":
        return _Expansion(self._path, {**self._names, name: value})

    def evaluated(self, expression: str) -> Any:
        try:
            return evaluate(expression, self._names)
        except PipelineError as error:
            raise self.error(str(error)) from None

    def error(self, what: str) -> PipelineError:
        return PipelineError(f"{self._path.name}: {what}")

    def _value(self, node: Any, key: str) -> Any:
        """Expand a node; `key` is what its list is called, which says what a template in it must have."""
        if isinstance(node, dict):
            return self.mapping(node)
        if isinstance(node, list):
            return self._list(node, key)
        if not isinstance(node, str):
            return node
        found = _EXPRESSION.findall(node)
        if len(found) == 1 and _EXPRESSION.fullmatch(node.strip()):
            return self.evaluated(found[0])
        return _EXPRESSION.sub(lambda match: text(self.evaluated(match[1])), node)

    def _list(self, node: list[Any], key: str) -> list[Any]:
        found: list[Any] = []
        chain = _Chain(self)
        for item in node:
            only = next(iter(item)) if isinstance(item, dict) and len(item) == 1 else ""
            scopes = chain.scopes(only)
            if scopes is not None:
                if not isinstance(item[only], list):
                    raise self.error(f"what {only} decides on is no list, as what is around it")
                for scope in scopes:
                    found += scope._list(item[only], key)  # noqa: SLF001 - the same file, with more names
            elif isinstance(item, dict) and "template" in item:
                found += self._included(item, key)
            else:
                found.append(self._value(item, key))
        return found

    def _included(self, item: Mapping[str, Any], key: str) -> list[Any]:
        if key not in _LISTS or not {*item} <= {"template", "parameters"}:
            raise self.error(f"a template stands here with what is not known: {', '.join(item)}")
        path = self._path.parent / item["template"]
        document = read(path)
        declared = document.pop("parameters", [])
        if [*document] != [key]:
            raise self.error(f"{path.name} holds {', '.join(document)}, where {key} must be")
        given = self.mapping(item.get("parameters", {}))
        names = {"parameters": bind(declared, given, path.name), "variables": self._names["variables"]}
        return _Expansion(path, names)._list(document[key], key)  # noqa: SLF001 - another file of the same kind


class _Chain:
    """What stands side by side: whether an `if` before was true is what `elseif` and `else` ask."""

    def __init__(self, expansion: _Expansion) -> None:
        self._expansion = expansion
        self._taken: bool | None = None

    def scopes(self, key: str) -> list[_Expansion] | None:
        """Give what a directive's content is expanded by, once for each time; None when it is no directive."""
        if not key.startswith("${{"):
            self._taken = None
            return None
        directive = _DIRECTIVE.fullmatch(key)
        if not directive:
            raise self._expansion.error(f"{key} is no directive that is known here")
        if directive["word"] == "each":
            self._taken = None
            return self._each(directive["rest"])
        return [self._expansion] if self._branch(directive["word"], directive["rest"]) else []

    def _branch(self, word: str, condition: str) -> bool:
        if word != "if" and self._taken is None:
            raise self._expansion.error(f"{word} follows no if")
        before = bool(self._taken) and word != "if"
        here = not before and (word == "else" or truth(self._expansion.evaluated(condition)))
        self._taken = None if word == "else" else before or here
        return here

    def _each(self, rest: str) -> list[_Expansion]:
        match = _EACH.fullmatch(rest)
        values = self._expansion.evaluated(match["list"]) if match else None
        if not match or not isinstance(values, list):
            raise self._expansion.error(f"each {rest} goes over no list")
        return [self._expansion.with_name(match["name"], value) for value in values]
