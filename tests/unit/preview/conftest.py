"""An event log, made as the engine makes it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from preview.event_log import read
from preview.plan import Plan

STACK = "urn:pulumi:dev::prefect-aks::pulumi:pulumi:Stack::prefect-aks-dev"
CLUSTER = "azure-native:containerservice:ManagedCluster"
FLOW = "pulumi-python:dynamic/prefect-aks:Flow"


def urn(kind: str, name: str) -> str:
    return f"urn:pulumi:dev::prefect-aks::{kind}::{name}"


@dataclass
class Log:
    """The lines of a log so far."""

    lines: list[str] = field(default_factory=list)
    planning: bool = True
    """Whether it is of a preview; an update's events do not say that they are not."""

    def add(self, kind: str, **content: Any) -> None:
        self.lines.append(json.dumps({"sequence": len(self.lines), "timestamp": 1, kind: content}))

    def step(  # noqa: PLR0913 - an event has this many parts
        self,
        op: str,
        kind: str,
        name: str,
        *,
        parent: str = STACK,
        old: Mapping[str, Any] | None = None,
        new: Mapping[str, Any] | None = None,
        outputs: Mapping[str, Any] | None = None,
        custom: bool = True,
        state: Mapping[str, Any] | None = None,
        event: str = "resourcePreEvent",
        **more: Any,
    ) -> str:
        whole = urn(kind, name)
        sides = {"old": old if op != "create" else None, "new": new if not op.startswith("delete") else None}
        states = {
            side: {"type": kind, "urn": whole, "id": "1", "parent": parent, "inputs": inputs, "outputs": outputs or {}}
            | ({"custom": True} if custom else {})
            | dict(state or {})
            if inputs is not None
            else None
            for side, inputs in sides.items()
        }
        metadata = {"op": op, "urn": whole, "type": kind, **states, "detailedDiff": None, **more}
        self.add(event, metadata=metadata, **({"planning": True} if self.planning else {}))
        return whole

    def done(self, op: str, kind: str, name: str, **more: Any) -> str:
        """A step of an update, from its beginning to its end."""
        self.step(op, kind, name, **more)
        return self.ended(op, kind, name, **more)

    def ended(self, op: str, kind: str, name: str, **more: Any) -> str:
        return self.step(op, kind, name, event="resOutputsEvent", **more)

    def failed(self, op: str, kind: str, name: str, why: str, **more: Any) -> str:
        whole = self.step(op, kind, name, **more)
        self.problem(why, whole)
        return self.step(op, kind, name, event="resOpFailedEvent", **more)

    def refreshed(self, op: str, kind: str, name: str, *, old: Any, new: Any = None, **more: Any) -> str:
        """A step of a refresh: it is announced as such, and says at its end what it came to."""
        self.step("refresh", kind, name, old=old, new=old)
        return self.ended(op, kind, name, old=old, new=new, **more)

    def says(self, message: str, whole: str = "") -> None:
        self.add("diagnosticEvent", **({"urn": whole} if whole else {}), message=f"{message}\n\n", severity="info")

    def component(self, name: str, kind: str = "prefect-aks:azure:Cluster", parent: str = STACK) -> str:
        return self.step("create", kind, name, parent=parent, new={}, custom=False)

    def replace(self, kind: str, name: str, *keys: str, **more: Any) -> str:
        for op in ("create-replacement", "replace", "delete-replaced"):
            found = self.step(op, kind, name, old={"a": 1}, new={"a": 2}, keys=list(keys), **more)
        return found

    def problem(self, message: str, whole: str = "") -> None:
        self.add("diagnosticEvent", **({"urn": whole} if whole else {}), message=f"{message}\n", severity="error")

    def violation(self, policy: str, message: str, whole: str, level: str = "mandatory") -> None:
        self.add("policyEvent", policyName=policy, message=message, resourceUrn=whole, enforcementLevel=level)

    def outputs(self, **values: Any) -> None:
        new = {"type": "pulumi:pulumi:Stack", "urn": STACK, "outputs": values}
        metadata = {"op": "same", "urn": STACK, "type": new["type"], "new": new}
        self.add("resOutputsEvent", metadata=metadata, planning=True)

    def plan(self, lines: Iterable[str] | None = None) -> Plan:
        return read(self.lines if lines is None else lines, "dev")
