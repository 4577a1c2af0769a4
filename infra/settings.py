"""The stack's settings: the one reader of Pulumi's configuration.

Every key is declared in `Pulumi.yaml` with its type and default, so the engine has checked those before this runs.
"""

from typing import Annotated, Any, Literal

import pulumi
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel


def _split(labels: object) -> object:
    return [label.strip() for label in labels.split(",") if label.strip()] if isinstance(labels, str) else labels


class Settings(BaseModel):
    """What one stack file says, checked."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, extra="forbid")

    platform: Literal["azure", "local"]
    prefect_tenant: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=63)]
    prefect_project: Annotated[str, Field(pattern=r"^\S(.*\S)?$", max_length=255)]
    flows_directory: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")]
    flow_labels: Annotated[tuple[Annotated[str, Field(pattern=r"^[^\s]+$")], ...], BeforeValidator(_split)]
    flow_schedules: Literal["active", "paused"]
    flow_removal: Literal["archive", "retain"]


def load() -> Settings:
    """Read the stack's settings.

    Raises:
        pulumi.RunError: with every problem of the stack file, one line each.
    """
    namespace = pulumi.Config().name
    # The engine passes on what nobody declared: a misspelt key must not leave its default in force in silence.
    given = pulumi.runtime.get_config_env().items()
    return check({key.partition(":")[2]: value for key, value in given if key.startswith(f"{namespace}:")}, namespace)


def check(values: dict[str, Any], namespace: str) -> Settings:
    """Check settings that are given as `{key: text}`; raises as `load` does."""
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        problems = [_problem(dict(detail), namespace) for detail in error.errors(include_url=False)]
        raise pulumi.RunError(
            "\n".join(f"Pulumi.{pulumi.get_stack()}.yaml: {problem}" for problem in problems)
        ) from None


def _problem(detail: dict[str, Any], namespace: str) -> str:
    key, *_ = detail["loc"]
    if detail["type"] == "extra_forbidden":
        return f"{namespace}:{key} is not a key that Pulumi.yaml declares; is it misspelt?"
    value = "" if detail["type"] == "missing" else f" (it is {detail['input']!r})"
    return f"{namespace}:{key}: {detail['msg']}{value}"
