"""What becomes of each flow between two trees, told by what each tree's own registration makes of its flows.

Each tree is loaded in a process of its own, so that neither meets the other's code.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from delivery.error import DeliveryError
from registration.fingerprint import PARTS

MADE_OF = ("registration", "requirements/flows.txt", "tasks", "utils")
"""What decides how a flow is registered, beside the flow's own folder and the labels."""
_SECONDS = 300


@dataclass(frozen=True, kw_only=True)
class FlowChange:
    """What an update does to one flow; of an update, the reasons are the parts that differ."""

    name: str
    action: Literal["register", "update", "archive", "retain", "unchanged"]
    reasons: tuple[str, ...] = ()
    file: str | None = None


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """The flows of one tree by name, and why files of it are refused, by file."""

    flows: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Question:
    """A folder of flow files in a tree, and the labels that a stack decides."""

    root: Path
    folder: str
    labels: tuple[str, ...]
    """What a flow without a run config of its own gets."""
    agent: tuple[str, ...]
    """What the agent has; a flow that it would never take is refused."""


def load(question: Question, scratch: Path) -> Loaded:
    """Load the flows of a tree, as its environment would; a tree without flows or registration has none.

    Raises:
        DeliveryError: its registration gives no answer.
    """
    if not all((question.root / needed).is_dir() for needed in (question.folder, "registration")):
        return Loaded()
    settings = {
        "flows": question.folder,
        "run_config": {"type": "kubernetes", "labels": question.labels},
        "agent_labels": question.agent,
    }
    with tempfile.NamedTemporaryFile("w", dir=scratch, suffix=".json", delete=False) as file:
        json.dump(settings, file)
    command = [sys.executable, "-m", "registration", "plan", "--settings", file.name, "--json"]
    try:
        done = subprocess.run(  # noqa: S603 - this project's own command
            command, cwd=question.root, capture_output=True, text=True, errors="replace", check=False, timeout=_SECONDS
        )
        flows = json.loads(done.stdout)["flows"]
    except subprocess.TimeoutExpired:
        raise DeliveryError(f"{question.folder}/ was not loaded after {_SECONDS} seconds") from None
    except (ValueError, LookupError, TypeError):
        said = (done.stderr.strip().splitlines() or ["it does not say why"])[-1]
        raise DeliveryError(f"{question.folder}/ cannot be loaded: {said.removeprefix('error: ')}") from None
    return Loaded(
        flows={flow["name"]: flow for flow in flows if flow.get("name")},
        refused={str(flow["file"]): str(flow["error"]) for flow in flows if not flow.get("name")},
    )


def compare(before: Loaded, after: Loaded, removal: str) -> tuple[FlowChange, ...]:
    """Say what becomes of each flow; `removal` is what is deployed: whether a flow that goes is archived or kept."""
    changes = [_stays(flow, before) for flow in after.flows.values()]
    changes += [
        _goes(flow, after, "retain" if removal == "retain" else "archive")
        for name, flow in before.flows.items()
        if name not in after.flows
    ]
    return tuple(sorted(changes, key=lambda change: change.name))


def unknown(after: Loaded, reason: str) -> tuple[FlowChange, ...]:
    """Take each flow to be updated, where nobody knows what there was before."""
    flows = sorted(after.flows.items())
    return tuple(FlowChange(name=name, action="update", reasons=(reason,), file=flow["file"]) for name, flow in flows)


def _stays(flow: Mapping[str, Any], before: Loaded) -> FlowChange:
    old = before.flows.get(flow["name"])
    told = FlowChange(name=flow["name"], action="unchanged", file=flow["file"])
    if old is None:
        if flow["file"] in before.refused:
            return FlowChange(name=told.name, action="update", reasons=("did not load before",), file=told.file)
        return FlowChange(name=told.name, action="register", reasons=("new",), file=told.file)
    was, parts = old.get("parts") or {}, flow.get("parts") or {}
    known = [*PARTS, *sorted({*was, *parts} - {*PARTS})]
    reasons = tuple(part for part in known if was.get(part) != parts.get(part))
    return FlowChange(name=told.name, action="update", reasons=reasons, file=told.file) if reasons else told


def _goes(flow: Mapping[str, Any], after: Loaded, action: Literal["archive", "retain"]) -> FlowChange:
    name, file = flow["name"], flow["file"]
    if file in after.refused:
        return FlowChange(name=name, action="unchanged", reasons=(f"kept: {file} is refused",), file=file)
    return FlowChange(name=name, action=action, reasons=(f"is not in {file} any more",), file=file)
