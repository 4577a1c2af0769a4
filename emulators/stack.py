"""The Pulumi stack `local`, driven by the real engine through its Automation API, on a file backend below `.local/`.

Only one command at a time may work on it: the callers hold the machine's lock.
"""

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import psutil
from pulumi import automation
from pulumi.automation import EngineEvent, OpType, StepEventMetadata

from emulators.machine import Machine
from emulators.process import MARK
from registration.fingerprint import PARTS

NAME = "local"
PROJECT = "prefect-aks"
FLOW_TYPE = "pulumi-python:dynamic/prefect-aks:Flow"
# The inputs of a flow whose change makes no new version.
_SETTINGS = ("schedules", "api", "store")
# The other steps are halves of a replacement, or a refresh's.
_ACTIONS = {
    OpType.CREATE: "register",
    OpType.CREATE_REPLACEMENT: "register",
    OpType.UPDATE: "update",
    OpType.SAME: "unchanged",
    OpType.DELETE: "archive",
}


class StackError(RuntimeError):
    """The engine could not do what it was asked; what it said has been printed already."""


@dataclass(frozen=True, kw_only=True, order=True)
class Registration:
    """What an update did to one flow."""

    name: str
    action: str
    version: int | None
    reasons: tuple[str, ...]

    @property
    def is_live(self) -> bool:
        """Whether the flow is one of the program's, now that the update is done."""
        return self.action not in {"archive", "retain"}


class Stack:
    """The machine's stack; the engine is the `pulumi` on the PATH of `environment`."""

    def __init__(
        self, machine: Machine, environment: Mapping[str, str], echo: Callable[[str], None], *, color: bool
    ) -> None:
        self._root = machine.root
        self._engine = machine.engine()
        self._backend = machine.home / "pulumi"
        self._environment = {
            **environment,
            MARK: self._engine.mark,
            "PULUMI_BACKEND_URL": f"file://{self._backend}",
            "PULUMI_HOME": str(machine.home / "pulumi-home"),
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }
        self._echo = echo
        self._how: dict[str, Any] = {
            "on_output": echo,
            "on_error": echo,
            "color": "always" if color else "never",
            "suppress_progress": True,
            "suppress_outputs": True,
        }

    def forget(self) -> None:
        """Drop the state: the server that it speaks of is gone."""
        shutil.rmtree(self._backend, ignore_errors=True)

    def up(self) -> list[Registration]:
        """Preview, then update.

        Raises:
            StackError: the preview or the update failed.
        """
        steps: dict[str, StepEventMetadata] = {}

        def note(event: EngineEvent) -> None:
            step = event.resource_pre_event and event.resource_pre_event.metadata
            if step and step.type == FLOW_TYPE and step.op in _ACTIONS:
                steps[step.urn] = step

        with _orderly():
            stack = self._open()
            self._recover(stack)
            stack.preview(**self._how)
            result = stack.up(**self._how, on_event=note, show_secrets=False)
        flows = result.outputs["flows"].value if "flows" in result.outputs else {}
        return sorted(_registration(step, flows) for step in steps.values())

    def _open(self) -> automation.Stack:
        self._backend.mkdir(parents=True, exist_ok=True)
        # The Automation API asks for the engine's version in this process's own environment.
        os.environ.update(self._environment)
        options = automation.LocalWorkspaceOptions(env_vars=self._environment)
        return automation.create_or_select_stack(NAME, work_dir=str(self._root), opts=options)

    def _recover(self, stack: automation.Stack) -> None:
        """Clear what an update that was killed has left: its lock, and the creations whose end it did not see."""
        locks = list(self._state("locks").glob("*.json"))
        for lock in locks:
            holder = _holder(lock)
            if holder is not None:
                raise StackError(f"the stack {NAME} is in use by pulumi, process {holder}; wait until that has ended")
        if locks:
            self._echo("An earlier update was killed; removing the lock that it left.")
            self._engine.stop()
            stack.cancel()
        file = self._state("stacks").with_suffix(".json")
        if file.exists() and b'"pending_operations"' in file.read_bytes():
            # Every creation can be repeated: registration finds what is there. So the server need not be asked.
            state = stack.export_stack()
            state.deployment = {**(state.deployment or {}), "pending_operations": None}
            stack.import_stack(state)

    def _state(self, kind: str) -> Path:
        # The backend's own layout: the stacks' states lie one folder higher than their locks.
        return self._backend / ".pulumi" / kind / ("organization" if kind == "locks" else ".") / PROJECT / NAME


def table(registrations: list[Registration]) -> list[str]:
    """Lay the registrations out, one line a flow, under one line of headings."""
    rows = [("flow", "action", "version", "reasons")]
    rows += [(row.name, row.action, str(row.version or "-"), ", ".join(row.reasons)) for row in registrations]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return ["  ".join([*map(str.ljust, row, widths), row[3]]).rstrip() for row in rows]


def _registration(step: StepEventMetadata, flows: Mapping[str, Any]) -> Registration:
    old, new = step.old, step.new
    before, after = ((state.inputs or {}) if state else {} for state in (old, new))
    action = _ACTIONS[step.op]
    reasons: tuple[str, ...] = ()
    if action == "update":
        reasons = tuple(key for key in (*PARTS, *_SETTINGS) if before.get(key) != after.get(key))
        action = "update" if set(reasons) & set(PARTS) else "settings"
    elif action == "archive":
        reasons = ("its file or its name is gone",)
        action = "retain" if old and old.retain_on_delete else "archive"
    name = str((after or before).get("name", step.urn.rpartition("::")[2]))
    outputs = (old.outputs or {}) if old and action in {"archive", "retain"} else flows.get(name, {})
    version = outputs.get("version")
    return Registration(name=name, action=action, version=None if version is None else int(version), reasons=reasons)


def _holder(lock: Path) -> int | None:
    """Return the pid of the pulumi process that holds a lock, or None when it is gone."""
    try:
        holder = psutil.Process(int(json.loads(lock.read_bytes())["pid"]))
        return holder.pid if "pulumi" in holder.name() and holder.status() != psutil.STATUS_ZOMBIE else None
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None


@contextmanager
def _orderly() -> Iterator[None]:
    """Turn a failure into one line, and let an interrupted engine end its step and unlock before Python stops."""
    received: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        # Ctrl-C reaches the engine from the terminal; another signal has to be passed on.
        for child in psutil.Process().children() if number != signal.SIGINT else []:
            if child.name() == "pulumi":
                child.send_signal(signal.SIGINT)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    except automation.CommandError as error:
        if not received:
            raise StackError(_cause(str(error))) from None
    except automation.InvalidVersionError as error:
        raise StackError(str(error)) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if received:
            raise KeyboardInterrupt


def _cause(message: str) -> str:
    lines = (line.strip().removeprefix("stderr:").strip() for line in message.splitlines())
    causes = [line.removeprefix("error:").strip() for line in lines if line.startswith("error:")]
    telling = [cause for cause in causes if "an unhandled error occurred" not in cause]
    return (telling or causes or ["pulumi failed; its lines above say why"])[0]
