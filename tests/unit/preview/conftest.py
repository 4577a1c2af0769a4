"""An event log, made as the engine makes it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from preview.plan import Plan, read

STACK = "urn:pulumi:dev::prefect-aks::pulumi:pulumi:Stack::prefect-aks-dev"
CLUSTER = "azure-native:containerservice:ManagedCluster"
FLOW = "pulumi-python:dynamic/prefect-aks:Flow"


def urn(kind: str, name: str) -> str:
    return f"urn:pulumi:dev::prefect-aks::{kind}::{name}"


@dataclass
class Log:
    """The lines of a log so far."""

    lines: list[str] = field(default_factory=list)

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
        self.add("resourcePreEvent", metadata=metadata, planning=True)
        return whole

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
