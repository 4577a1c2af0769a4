"""What a deployed stack says of itself: what it has put out, and what its last update was made of.

The engine is asked with the caller's own login, and where it was told to look; each environment's state may be in a
place of its own. It changes nothing, and shows no secret.
"""

import argparse
import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delivery.deployed import engine
from delivery.error import DeliveryError

# Refreshes and destructions are no updates; so many of them may have come after one.
_PAGE = "20"
_SECONDS = 300
_IMAGE = re.compile(r"(?P<registry>[^/@]+)/(?P<repository>[^@]+)@(?P<digest>sha256:[0-9a-f]{64})")


@dataclass(frozen=True, kw_only=True)
class Image:
    """A container image, by its digest."""

    registry: str
    repository: str
    digest: str

    @property
    def short(self) -> str:
        """What people call it."""
        return f"{self.repository}@{self.digest[:19]}"


@dataclass(frozen=True, kw_only=True)
class Update:
    """An update of a stack: how it ended, the git revision of its checkout (empty when it had none), and its settings.

    `config` has no secrets and, with what Pulumi.yaml declares, all the rest; its keys have no namespace.
    """

    succeeded: bool = False
    revision: str = ""
    dirty: bool = False
    config: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """A stack that was deployed."""

    stack: str
    outputs: Mapping[str, Any]
    update: Update

    def output(self, name: str) -> Any:
        """Give an output.

        Raises:
            DeliveryError: there is none of this name.
        """
        value = self.outputs.get(name)
        if value in (None, ""):
            raise DeliveryError(
                f"stack {self.stack} puts out no {name}; deploy it with this program first: make deploy "
                f"STACK={self.stack}"
            )
        return value

    @property
    def flows(self) -> dict[str, str]:
        """The fingerprints of its flows, by name; empty for a flow that was registered by other means."""
        return {name: str(flow.get("fingerprint") or "") for name, flow in (self.outputs.get("flows") or {}).items()}

    @property
    def image(self) -> Image | None:
        """The image that its flows run in."""
        found = _IMAGE.fullmatch(str(self.outputs.get("flowImage") or ""))
        return Image(**found.groupdict()) if found else None

    @property
    def image_content_hash(self) -> str:
        """What its image is made of, where it was built for this stack; else empty."""
        return str(self.outputs.get("flowImageContentHash") or "")

    @property
    def image_revision(self) -> str:
        """The git revision that holds what its image is made of; empty where nobody knows."""
        config = self.update.config
        return config.get("flowImageRevision", "") if config.get("flowImage") else self.update.revision


def add_backends(parser: argparse.ArgumentParser) -> None:
    """Say where the states of two stacks are, which a command compares."""
    for side in ("from", "to"):
        parser.add_argument(
            f"--{side}-backend",
            metavar="URL",
            help=f"where the state of the --{side} stack is (default: PULUMI_BACKEND_URL, or where you are logged in)",
        )


def read_two(root: Path, options: argparse.Namespace, first: str, second: str) -> tuple[Deployment, Deployment]:
    """Ask for two stacks, each where the command line says that its state is; see `read`."""
    return read(root, first, options.from_backend), read(root, second, options.to_backend)


def read(root: Path, stack: str, backend: str | None = None) -> Deployment:
    """Ask for a stack of the project in `root`, whose state is at the URL `backend`, or where the caller is logged in.

    Raises:
        DeliveryError: there is no such stack, no engine, or nobody is logged in.
    """
    outputs = _ask(root, stack, backend, "output", "--json")
    history = _ask(root, stack, backend, "history", "--json", "--page-size", _PAGE, "--page", "1")
    last: Mapping[str, Any] = next((each for each in history or [] if each.get("kind") == "update"), {})
    environment = last.get("environment") or {}
    update = Update(
        succeeded=last.get("result") == "succeeded",
        revision=environment.get("git.head", ""),
        dirty=environment.get("git.dirty") == "true",
        config={
            key.partition(":")[2]: str(each["value"])
            for key, each in (last.get("config") or {}).items()
            if "value" in each and not each.get("secret")
        },
    )
    return Deployment(stack=stack, outputs=outputs or {}, update=update)


def _ask(root: Path, stack: str, backend: str | None, *command: str) -> Any:
    # One that has to stay a name: nothing else of a command line may be given by it.
    if not re.fullmatch(r"[\w.][\w./-]*", stack):
        raise DeliveryError(f"{stack!r} is no stack's name; give one such as dev")
    try:
        done = subprocess.run(  # noqa: S603 - the name of a stack reads as nothing else, see above
            ["pulumi", "stack", *command, "--stack", stack, "--non-interactive", "--color", "never"],  # noqa: S607 - the one that `make` puts there
            cwd=root,
            env={
                **os.environ,
                "PULUMI_SKIP_UPDATE_CHECK": "true",
                **({"PULUMI_BACKEND_URL": backend} if backend else {}),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except OSError as error:
        raise DeliveryError(f"pulumi cannot be run ({error.strerror}); run this with `make`, which brings it") from None
    except subprocess.TimeoutExpired:
        raise DeliveryError(f"pulumi says nothing of stack {stack} in {_SECONDS} seconds; run it again") from None
    if done.returncode:
        raise DeliveryError(engine.explain(stack, done.stderr.decode(errors="replace")))
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise DeliveryError(f"pulumi does not tell of stack {stack} in JSON; is it the one of `make`?") from None
