"""What an environment decides for its flows; the Pulumi program writes this file and the command line reads it.

No field may ever hold a secret: the file lies in the checkout.
"""

import json
import os
import secrets
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic

from registration.error import RegistrationError
from registration.service_proxy import ServiceProxy

Policy = Literal["active", "paused"]
Removal = Literal["archive", "retain"]


def _kind(api: Any) -> str:
    return "url" if isinstance(api, str) else "service_proxy"


# Told apart by hand, so that a mistake in one is not reported as a mistake in the other, too.
Api = Annotated[
    Annotated[str, pydantic.Tag("url")] | Annotated[ServiceProxy, pydantic.Tag("service_proxy")],
    pydantic.Discriminator(_kind),
]


class _Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class Tenant(_Model):
    """The tenant that owns the project; Prefect Server demands that the slug is the name's slug."""

    name: str = pydantic.Field(min_length=1)
    slug: str = pydantic.Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")


class RunConfig(_Model):
    """How a flow that sets no run config of its own is run; no image, which the agent's job template pins."""

    type: Literal["local", "kubernetes"] = "local"
    labels: tuple[str, ...] = ()
    cpu_request: str | None = None
    cpu_limit: str | None = None
    memory_request: str | None = None
    memory_limit: str | None = None

    @pydantic.model_validator(mode="after")
    def _only_kubernetes_has_resources(self) -> "RunConfig":
        if self.type == "local" and self.resources:
            raise ValueError(f"{', '.join(self.resources)} need(s) the run config type kubernetes")
        return self

    @property
    def resources(self) -> dict[str, str]:
        """The resources that are set, by field name."""
        names = ("cpu_request", "cpu_limit", "memory_request", "memory_limit")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


class Settings(_Model):
    """Everything that registration takes from its environment.

    `flows` is the folder of flow files, directly below the project's root.

    `api` is the address of the Prefect API, or the service that it is behind a Kubernetes API server.

    `store` is a folder or `https://ACCOUNT.blob.core.windows.net/CONTAINER`. A relative folder is relative to the
    project's root, here and on the agent's machine.

    `agent_labels` are what the agent has that runs the flows; with them, a flow that it would never take is refused.
    """

    flows: str = pydantic.Field(default="flows", pattern=r"^[A-Za-z_]\w*$")
    project: str | None = None
    tenant: Tenant | None = None
    api: Api | None = None
    store: str = ".local/scripts"
    run_config: RunConfig = RunConfig()
    schedules: Policy = "active"
    removal: Removal = "archive"
    agent_labels: tuple[str, ...] | None = None


def read(path: Path) -> Settings:
    """Read a settings file; a RegistrationError names every field that is wrong."""
    try:
        return Settings.model_validate_json(path.read_bytes())
    except OSError as error:
        raise RegistrationError(f"settings file {path} cannot be read: {error.strerror}") from error
    except pydantic.ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(step) for step in problem['loc']) or 'file'}: {problem['msg']}"
            for problem in error.errors()
        )
        raise RegistrationError(f"settings file {path} is not valid: {problems}") from error


def write(path: Path, settings: Settings) -> None:
    """Write a settings file in one step, so that a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(settings.model_dump(mode="json"), indent=2, sort_keys=True) + "\n"
    replace(path, text.encode())


def replace(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Give a file new content in one step: whole or not at all, also when the process dies.

    The umask takes from the mode what it takes from any new file's.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{secrets.token_hex(8)}.part")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
