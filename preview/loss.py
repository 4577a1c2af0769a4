"""The red list: what a plan would take away that an update cannot bring back, and what one took unforeseen.

A type that is missing here is replaced without a word, unless it is protected.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from preview.plan import Plan, Step, type_of

# What is lost with a resource, by its type without the API version.
HOLDS = {
    "azure-native:containerregistry:Registry": "every image",
    "azure-native:containerservice:ManagedCluster": "the cluster and all that runs in it",
    "azure-native:dbforpostgresql:Database": "all flows, runs and logs",
    "azure-native:dbforpostgresql:Server": "all flows, runs and logs, and the server's own backups",
    "azure-native:keyvault:Vault": "its keys and secrets",
    "azure-native:operationalinsights:Workspace": "the logs that are kept",
    "azure-native:resources:ResourceGroup": "everything in the group",
    "azure-native:storage:BlobContainer": "its blobs",
    "azure-native:storage:StorageAccount": "flow scripts and task results",
    "kubernetes:core/v1:Namespace": "everything in the namespace",
    "kubernetes:core/v1:PersistentVolume": "what is stored on it",
    "kubernetes:core/v1:PersistentVolumeClaim": "what is stored on it",
}
FLOW = "pulumi-python:dynamic/prefect-aks:Flow"
_GONE = frozenset({"replace", "delete"})

ScheduledRuns = Callable[[str, str], Mapping[str, int] | None]
"""Given an API (its URL, or its locator as JSON) and a project: the number of scheduled runs by flow group, or None
where it cannot be asked."""


@dataclass(frozen=True, kw_only=True)
class Loss:
    """A resource that would be replaced or deleted, or was."""

    step: Step
    what: str
    """What goes with it."""
    refused: bool
    """Whether the engine would refuse, because it is protected."""
    allowed: bool
    """Whether it is meant: by its name, or as a flow whose file somebody removed while others stay."""
    runs: int | None = None
    """How many scheduled runs go with a flow, where that is known."""

    @property
    def flow(self) -> bool:
        """Whether it is a flow, which would be archived."""
        return self.step.type == FLOW


def names(given: Iterable[str]) -> tuple[str, ...]:
    """Take apart what is allowed on a command line: names, separated by commas or spaces."""
    return tuple(name for text in given for name in re.split(r"[,\s]+", text) if name)


def losses(
    plan: Plan, allowed: Collection[str] = (), scheduled_runs: ScheduledRuns = lambda _api, _project: None
) -> tuple[Loss, ...]:
    """List them, the gravest first; `allowed` holds logical names and URNs."""
    if plan.kind != "preview":
        return ()
    ask = cache(scheduled_runs)
    # Where all of them go, it is rather the folder that was not found.
    flows_stay = any(step.type == FLOW and step.op != "delete" for step in plan.steps)
    found = []
    for step in (*plan.steps, *_unplanned(plan)):
        if step.op not in _GONE or (step.op == "delete" and step.retained and not step.protected):
            continue
        runs = None
        if step.type == FLOW:
            asked = ask(_address(step.outputs.get("api", "")), str(step.outputs.get("project", "")))
            runs = None if asked is None else asked.get(step.id, 0)
            what = _runs(runs)
        elif not (what := HOLDS.get(step.token, "")):
            if not step.protected:
                continue
            what = "it is protected"
        found.append(
            Loss(
                step=step,
                what=what,
                refused=step.protected or step.urn in plan.refused,
                allowed=(step.type == FLOW and step.op == "delete" and flows_stay and not step.protected)
                or not {step.urn, step.name}.isdisjoint(allowed),
                runs=runs,
            )
        )
    return tuple(sorted(found, key=lambda loss: (loss.allowed, loss.flow, loss.step.urn)))


def unforeseen(done: Plan, previewed: Plan, allowed: Collection[str] = ()) -> tuple[Loss, ...]:
    """List what an update took that its preview had not, and that nobody allowed by name.

    The engine plans an update anew: what somebody changed in between, in the cloud or in the state, makes it another.
    """
    foreseen = {step.urn for step in previewed.steps if step.op in _GONE} | previewed.refused
    # What is still there because its deletion failed is not lost.
    steps = tuple(step for step in done.steps if not (step.failed and step.op == "delete"))
    found = losses(replace(done, kind="preview", steps=steps, refused=frozenset()))
    return tuple(
        loss for loss in found if loss.step.urn not in foreseen and {loss.step.urn, loss.step.name}.isdisjoint(allowed)
    )


def _unplanned(plan: Plan) -> Iterator[Step]:
    """What the engine refused before it planned it: that it would be replaced is all that is known."""
    for urn in plan.refused - {step.urn for step in plan.steps}:
        yield Step(urn=urn, type=type_of(urn), op="replace", component="", custom=True, protected=True)


def _address(api: Any) -> str:
    return api if isinstance(api, str) else json.dumps(api, sort_keys=True)


def _runs(runs: int | None) -> str:
    if runs is None:
        return "its schedule; its API was not asked how many scheduled runs go"
    return f"its schedule and {runs} scheduled run{'' if runs == 1 else 's'}"
