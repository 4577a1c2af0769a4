"""The stack's settings: the one reader of Pulumi's configuration.

Every key is declared in `Pulumi.yaml` with its type and default, so the engine has checked those before this runs.
"""

from collections.abc import Container, Mapping
from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import pulumi
from pydantic import BaseModel, ConfigDict, SecretStr, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from infra import relaxation, rule, stack_file, value
from infra.azure_settings import AzureSettings
from infra.problem import Problem, WrongValueError

OURS = ("environment", "azure")
"""Fields that no key of a stack file fills."""
_IN_PLAIN = "withdraw it, and set a new one with `pulumi config set --secret`"
_WORDS_OF_PYDANTIC = {
    "literal_error": ("is none of its values", "use {expected}"),
    "int_parsing": ("is no whole number", "write digits alone"),
    "float_parsing": ("is no number", "write a number"),
    "bool_parsing": ("is neither true nor false", "use true or false"),
}


class Settings(BaseModel):
    """What one stack file says, checked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    environment: str
    """The stack's name."""
    platform: Literal["azure", "local"]
    prefect_tenant: Annotated[
        str, value.shaped(r"[a-z0-9]+(-[a-z0-9]+)*", "use lower-case letters, digits and single hyphens")
    ]
    prefect_project: Annotated[str, value.shaped(r"\S(.{0,253}\S)?", "use a name without spaces at its ends")]
    flows_directory: Annotated[str, value.shaped(r"[A-Za-z_]\w*", "name a folder beside Pulumi.yaml")]
    flow_labels: Annotated[
        tuple[str, ...], value.listed(), value.each(r"\S+", "separate labels with commas, without spaces inside")
    ]
    flow_schedules: Literal["active", "paused"]
    flow_removal: Literal["archive", "retain"]
    azure: AzureSettings | None = None
    """What an environment in Azure alone has."""

    @property
    def relaxations(self) -> dict[str, str]:
        """Reasons why controls are relaxed, by config key."""
        return relaxation.relaxed(dict(self.azure)) if self.azure else {}


def load() -> Settings:
    """Read the stack's settings.

    Raises:
        pulumi.RunError: with every problem of the stack file, one line each.
    """
    namespace, stack = pulumi.Config().name, pulumi.get_stack()
    # The engine passes on what nobody declared: a misspelt key must not leave its default in force in silence.
    given = pulumi.runtime.get_config_env().items()
    values = {key.partition(":")[2]: value for key, value in given if key.startswith(f"{namespace}:")}
    sealed = {key.partition(":")[2] for key in pulumi.runtime.get_config_secret_keys_env()}
    neighbours = stack_file.neighbours(Path.cwd(), namespace, stack)
    return check(values, namespace, stack, neighbours=neighbours, sealed=sealed)


def check(
    values: Mapping[str, Any],
    namespace: str,
    stack: str,
    *,
    neighbours: Mapping[str, IPv4Network] | None = None,
    sealed: Container[str] = (),
) -> Settings:
    """Check settings that are given as `{key: text}`, beside the address spaces of others; raises as `load` does.

    The values of sealed keys are secrets, whatever is declared of them: no message shows them.
    """
    common, problems = _read(Settings, values)
    azure: dict[str, Any] = {}
    if common.get("platform") == "azure":
        azure, more = _read(AzureSettings, values)
        told = common | azure | {"environment": stack, "neighbours": neighbours or {}}
        problems += [*more, *rule.problems(told), *relaxation.problems(azure)]
    bare = _secrets() - {problem.key for problem in problems}
    problems += [
        Problem(key, "is in plain text", _IN_PLAIN, tells_no_value=True)
        for key in sorted(bare)
        if values.get(key) and key not in sealed
    ]
    keys = {to_camel(name) for adapters in _ADAPTERS.values() for name in adapters}
    unknown = [Problem(key, "", "") for key in values if key not in keys]
    if problems or unknown:
        hidden = {key for key in keys if key in sealed} | _secrets()
        lines = [_line(problem, values, namespace, hidden) for problem in (*problems, *unknown)]
        raise pulumi.RunError("\n".join(f"{stack_file.name(stack)}: {line}" for line in lines))
    return Settings(**common, environment=stack, azure=AzureSettings(**azure) if azure else None)


def _adapters(model: type[BaseModel]) -> dict[str, TypeAdapter[Any]]:
    hints = get_type_hints(model, include_extras=True)
    return {name: TypeAdapter(hints[name]) for name in model.model_fields if name not in OURS}


_ADAPTERS: dict[type[BaseModel], dict[str, TypeAdapter[Any]]] = {
    model: _adapters(model) for model in (Settings, AzureSettings)
}


def _read(model: type[BaseModel], values: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """Check each key by itself, so that rules of several keys can be asked though some other key is wrong."""
    good: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, adapter in _ADAPTERS[model].items():
        key = to_camel(name)
        try:
            good[name] = adapter.validate_python(values[key])
        except KeyError:
            problems.append(Problem(key, "is missing", "declare it in Pulumi.yaml with its default"))
        except ValidationError as error:
            problems.append(_problem(key, dict(error.errors(include_url=False)[0])))
    return good, problems


def _problem(key: str, detail: dict[str, Any]) -> Problem:
    context = detail.get("ctx", {})
    if isinstance(context.get("error"), WrongValueError):
        return Problem(key, context["error"].wrong, context["error"].fix)
    wrong, fix = _WORDS_OF_PYDANTIC.get(detail["type"], ("is wrong", detail["msg"]))
    return Problem(key, wrong, fix.replace("{expected}", str(context.get("expected"))))


def _line(problem: Problem, values: Mapping[str, Any], namespace: str, hidden: Container[str]) -> str:
    if not problem.key:
        return f"{problem.wrong}; {problem.fix}"
    if not problem.wrong:
        return f"{namespace}:{problem.key} is not a key that Pulumi.yaml declares; is it misspelt?"
    if problem.key in hidden:
        wrong = problem.wrong if problem.tells_no_value else "is wrong"
        return f"{namespace}:{problem.key}: {wrong} (it is a secret, and not shown); {problem.fix}"
    given = values.get(problem.key)
    shown = "" if given in ("", None) else f" (it is {given!r})"
    return f"{namespace}:{problem.key}: {problem.wrong}{shown}; {problem.fix}"


def _secrets() -> set[str]:
    fields = AzureSettings.model_fields.items()
    return {to_camel(name) for name, field in fields if field.annotation is SecretStr}
