"""The Pulumi stack `local`, driven by the real engine through its Automation API, on a file backend below `.local/`.

Only one command at a time may work on it: the callers hold the machine's lock.
"""

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import psutil
from pulumi import automation
from pulumi.automation import EngineEvent, OpType, StepEventMetadata

from emulators.machine import Machine
from emulators.process import MARK
from registration.api import Api
from registration.fingerprint import PARTS
from registration.plan import Action, Step
from registration.settings import Tenant

NAME = "local"
PROJECT = "prefect-aks"
_TYPES = "pulumi-python:dynamic/prefect-aks:"
FLOW_TYPE = f"{_TYPES}Flow"
# The other steps are halves of a replacement, or a refresh's.
_ACTIONS: dict[OpType, Action] = {
    OpType.CREATE: "register",
    OpType.CREATE_REPLACEMENT: "register",
    OpType.UPDATE: "update",
    OpType.SAME: "unchanged",
    OpType.DELETE: "archive",
}


class StackError(RuntimeError):
    """The engine could not do what it was asked; what it said has been printed already."""


class Stack:
    """The machine's stack; the engine is the `pulumi` on the PATH of `environment`."""

    def __init__(
        self, machine: Machine, environment: Mapping[str, str], echo: Callable[[str], None], *, color: bool
    ) -> None:
        self._root = machine.root
        self._url = machine.prefect_url
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

    def up(self) -> list[Step]:
        """Preview, then update; return what was done to each flow, without an `id` where it is now none of ours.

        Raises:
            StackError: the preview or the update failed, or would archive every flow.
        """
        steps: dict[str, StepEventMetadata] = {}

        def note(event: EngineEvent) -> None:
            step = event.resource_pre_event and event.resource_pre_event.metadata
            if step and step.type == FLOW_TYPE and step.op in _ACTIONS:
                steps[step.urn] = step

        with _orderly():
            stack = self._open()
            self._recover(stack)
            self._catch_up(stack)
            stack.preview(**self._how, on_event=note)
            _refuse_to_empty([_step(step, {}) for step in steps.values()])
            steps.clear()
            result = stack.up(**self._how, on_event=note, show_secrets=False)
        flows = result.outputs["flows"].value if "flows" in result.outputs else {}
        return sorted((_step(step, flows) for step in steps.values()), key=lambda step: step.name)

    def _open(self) -> automation.Stack:
        self._backend.mkdir(parents=True, exist_ok=True)
        # The Automation API asks for the engine's version in this process's own environment.
        os.environ.update(self._environment)
        options = automation.LocalWorkspaceOptions(env_vars=self._environment)
        return automation.create_or_select_stack(NAME, work_dir=str(self._root), opts=options)

    def _recover(self, stack: automation.Stack) -> None:
        """Remove the lock that an update that was killed has left."""
        locks = list((self._backend / ".pulumi" / "locks" / "organization" / PROJECT / NAME).glob("*.json"))
        for lock in locks:
            holder = _holder(lock)
            if holder is not None:
                raise StackError(f"the stack {NAME} is in use by pulumi, process {holder}; wait until that has ended")
        if locks:
            self._echo("An earlier update was killed; removing the lock that it left.")
            self._engine.stop()
            stack.cancel()

    def _catch_up(self, stack: automation.Stack) -> None:
        """Bring the state up to date where an update was killed, or where somebody else changed a flow."""
        state = stack.export_stack()
        content = state.deployment or {}
        if content.get("pending_operations"):
            # Every creation can be repeated: registration finds what is there. So the server need not be asked.
            state.deployment = {**content, "pending_operations": None}
            stack.import_stack(state)
        changed = _changed(content.get("resources") or [], self._url)
        if changed:
            more = f" and {len(changed) - 1} more" if changed[1:] else ""
            self._echo(f"The {changed[0]}{more} changed outside of this stack; refreshing its state …")
            stack.refresh(**{**self._how, "on_output": None})


def _changed(resources: list[dict[str, Any]], url: str) -> list[str]:
    """Name what the server has otherwise than the state, or not at all; nothing when that is of another server."""
    known: dict[tuple[str, str], str] = {}
    for resource in resources:
        kind = resource["type"].removeprefix(_TYPES).lower()
        if kind in {"tenant", "project", "flow"}:
            outputs = resource["outputs"]
            if outputs["api"] != url:
                return []
            known[kind, outputs.get("slug") or outputs["name"]] = outputs.get("flow_id") or resource["id"]
    names = dict(known.keys())
    if not {"tenant", "project"} <= names.keys():
        return []
    tenant, project = names["tenant"], names["project"]
    with Api(url) as api:
        server = api.server(project, Tenant(name=tenant, slug=tenant))
    there = {("flow", name): row.id for name, row in server.rows.items()}
    there |= {("tenant", tenant): server.tenant_id or "", ("project", project): server.project_id or ""}
    return [f"{kind} {name}" for (kind, name), its_id in known.items() if there.get((kind, name)) != its_id]


def _refuse_to_empty(steps: list[Step]) -> None:
    if steps and all(step.action == "archive" for step in steps):
        raise StackError(
            f"the folder defines no flow, so all {len(steps)} flow(s) would be archived; if that is meant: "
            f"python -m registration apply --settings .local/registration-{NAME}.json --allow-empty"
        )


def _step(step: StepEventMetadata, flows: Mapping[str, Any]) -> Step:
    old, new = step.old, step.new
    before, after = ((state.inputs or {}) if state else {} for state in (old, new))
    name = str((after or before).get("name", step.urn.rpartition("::")[2]))
    live = flows.get(name, {}) if new else {}
    version = (live or (old and old.outputs) or {}).get("version")
    action = _ACTIONS[step.op]
    reasons: tuple[str, ...] = ()
    if action == "register":
        reasons = ("new",)
    elif action == "update":
        words = {key: key for key in (*PARTS, "api", "store")}
        words["schedules"] = f"schedule: {before.get('schedules')} → {after.get('schedules')}"
        changed = [key for key in words if before.get(key) != after.get(key)]
        action = "update" if set(changed) & set(PARTS) else "settings"
        reasons = tuple(words[key] for key in changed)
    elif action == "archive":
        reasons = ("file is gone",)
        if old and old.retain_on_delete:
            action, reasons = "unchanged", (*reasons, "retained")
    version = None if version is None else int(version)
    return Step(name=name, file=None, action=action, reasons=reasons, id=live.get("id"), version=version)


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
            with suppress(psutil.Error):
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
    first = (telling or causes or ["pulumi failed; its lines above say why"])[0]
    # The engine says the same of every flow that fails alike.
    flow, _, reason = first.partition(": ")
    alike = {cause for cause in telling if flow.startswith("flow ") and cause.endswith(f": {reason}")} - {first}
    return f"{flow} and {len(alike)} more: {reason}" if alike else first
