"""A plan, read from the engine's event log: one JSON event a line, as `pulumi preview --event-log FILE` writes it.

The log tells secrets as `[secret]`. Its order differs from run to run, so everything here is sorted.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

STACK_TYPE = "pulumi:pulumi:Stack"
_PROVIDER = "pulumi:providers:"
# The halves of a replacement, each a step of its own in the log.
_REPLACES = frozenset(
    {"create-replacement", "delete-replaced", "discard-replaced", "import-replacement", "read-replacement"}
)
# What the engine adds to errors that it has told already.
_ECHOES = (
    "preview failed",
    "update failed",
    "an unhandled error occurred: program exited",
    "resource registration failed",
)
_PROTECTED = ("currently marked for protection", "because it is protected")
_TRACE = "Traceback (most recent call last)"


@dataclass(frozen=True, kw_only=True)
class Step:
    """What is planned for one resource; a replacement is one step."""

    urn: str
    type: str
    op: str
    component: str
    """The name of the nearest component around it, or its own where it is one; empty for the stack and its like."""
    custom: bool
    parent: str = ""
    replace_keys: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    """The properties that differ, for an update or a replacement."""
    protected: bool = False
    retained: bool = False
    """Whether a removal leaves the resource itself alone."""
    id: str = ""
    old: Mapping[str, Any] = field(default_factory=dict)
    """Its inputs in the state."""
    new: Mapping[str, Any] = field(default_factory=dict)
    """Its inputs as planned."""
    outputs: Mapping[str, Any] = field(default_factory=dict)
    """Its outputs in the state."""

    @property
    def name(self) -> str:
        """The logical name."""
        return name_of(self.urn)

    @property
    def kind(self) -> str:
        """The type's last word."""
        return self.type.rpartition(":")[2]

    @property
    def token(self) -> str:
        """The type without an API version."""
        return re.sub(r"^(azure-native:\w+)/v\w+:", r"\1:", self.type)


@dataclass(frozen=True, kw_only=True, order=True)
class Problem:
    """Why a plan cannot be carried out, in one line."""

    urn: str = ""
    message: str


@dataclass(frozen=True, kw_only=True, order=True)
class Violation:
    """A policy that the plan breaks; one that is not mandatory is advice."""

    policy: str
    urn: str
    message: str
    mandatory: bool


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the engine would do, and what it has against it; sorted, so that equal plans are equal."""

    stack: str
    steps: tuple[Step, ...] = ()
    problems: tuple[Problem, ...] = ()
    violations: tuple[Violation, ...] = ()
    refused: frozenset[str] = frozenset()
    """The resources that the engine will not replace or delete, because they are protected."""
    outputs: Mapping[str, Any] = field(default_factory=dict)
    policy_packs: tuple[str, ...] = ()
    """The packs that judged it, each with its version."""

    @property
    def counts(self) -> dict[str, int]:
        """The number of resources by operation."""
        return dict(sorted(Counter(step.op for step in self.steps).items()))

    @property
    def broken(self) -> tuple[Violation, ...]:
        """The mandatory policies that the plan breaks."""
        return tuple(violation for violation in self.violations if violation.mandatory)


class Reader:
    """Reads a log while it is written: `add` its lines as they come, and ask for the plan at any time."""

    def __init__(self, stack: str) -> None:
        self._stack = stack
        self._steps: dict[str, dict[str, Any]] = {}
        self._problems: set[Problem] = set()
        self._violations: set[Violation] = set()
        self._refused: set[str] = set()
        self._outputs: Mapping[str, Any] = {}
        self._packs: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many resources were seen so far."""
        return len(self._steps)

    def add(self, line: str) -> str | None:
        """Take one line; return the name of a component that was seen for the first time. Half a line is skipped."""
        try:
            event = json.loads(line)
        except ValueError:
            return None
        if "resourcePreEvent" in event:
            return self._step(event["resourcePreEvent"]["metadata"])
        if "resOutputsEvent" in event:
            self._output(event["resOutputsEvent"]["metadata"])
        elif "diagnosticEvent" in event:
            self._diagnostic(event["diagnosticEvent"])
        elif "policyEvent" in event:
            self._policy(event["policyEvent"])
        elif "summaryEvent" in event:
            # A pack that lies in a folder is named NAME|local|FOLDER.
            packs = event["summaryEvent"].get("PolicyPacks") or {}
            self._packs = tuple(sorted(f"{name.partition('|')[0]} {version}" for name, version in packs.items()))
        return None

    def plan(self) -> Plan:
        """Return what was read."""
        return Plan(
            stack=self._stack,
            steps=tuple(self._whole(urn) for urn in sorted(self._steps)),
            problems=tuple(sorted(self._problems)),
            violations=tuple(sorted(self._violations)),
            refused=frozenset(self._refused),
            outputs=self._outputs,
            policy_packs=self._packs,
        )

    def _step(self, metadata: Mapping[str, Any]) -> str | None:
        urn = metadata["urn"]
        if metadata["type"].startswith(_PROVIDER) and name_of(urn).startswith("default"):
            # The engine makes these for itself, and does not count them either.
            return None
        new_one = urn not in self._steps
        known = self._steps.setdefault(urn, {"op": "", "old": {}, "new": {}, "replace": set(), "changed": set()})
        op = "replace" if metadata["op"] in _REPLACES else metadata["op"]
        known["op"] = known["op"] if known["op"] == "replace" else op
        known["type"] = metadata["type"]
        detail = metadata.get("detailedDiff") or {}
        known["replace"] |= {*(metadata.get("keys") or ())}
        known["replace"] |= {path for path, each in detail.items() if str(each.get("kind", "")).endswith("replace")}
        known["changed"] |= {*(detail or metadata.get("diffs") or ())}
        for side in ("old", "new"):
            known[side] = known[side] or metadata.get(side) or {}
        state = known["new"] or known["old"]
        component = not state.get("custom") and metadata["type"] != STACK_TYPE
        return name_of(urn) if new_one and component else None

    def _output(self, metadata: Mapping[str, Any]) -> None:
        if metadata["type"] == STACK_TYPE and metadata.get("new"):
            self._outputs = metadata["new"].get("outputs") or {}

    def _diagnostic(self, event: Mapping[str, Any]) -> None:
        if event["severity"] != "error":
            return
        urn, message = event.get("urn", ""), event["message"]
        if urn and any(words in message for words in _PROTECTED):
            self._refused.add(urn)
            return
        self._problems |= set(problems_in(message, urn))

    def _policy(self, event: Mapping[str, Any]) -> None:
        # The first line is the policy's description, the rest what it says of this resource.
        first, _, rest = event["message"].strip().partition("\n")
        self._violations.add(
            Violation(
                policy=event["policyName"],
                urn=event.get("resourceUrn", ""),
                message=one_line(rest or first),
                mandatory=event["enforcementLevel"] == "mandatory",
            )
        )

    def _whole(self, urn: str) -> Step:
        known = self._steps[urn]
        old, new = known["old"], known["new"]
        state = new or old
        before, after = (side.get("inputs") or {} for side in (old, new))
        changed = known["changed"] or {key for key in {*before, *after} if before.get(key) != after.get(key)}
        return Step(
            urn=urn,
            type=known["type"],
            op=known["op"],
            component=self._component(urn),
            custom=bool(state.get("custom")),
            parent=state.get("parent") or "",
            replace_keys=tuple(sorted(known["replace"])),
            changed=tuple(sorted(changed)) if known["op"] in {"update", "replace"} else (),
            protected=bool(old.get("protect")),
            retained=bool(old.get("retainOnDelete")),
            id=old.get("id") or "",
            old=before,
            new=after,
            outputs=old.get("outputs") or {},
        )

    def _component(self, urn: str) -> str:
        seen: set[str] = set()
        while urn in self._steps and urn not in seen:
            seen.add(urn)
            known = self._steps[urn]
            state = known["new"] or known["old"]
            if not state.get("custom"):
                return "" if known["type"] == STACK_TYPE else name_of(urn)
            urn = state.get("parent") or ""
        return ""


def read(lines: Iterable[str], stack: str) -> Plan:
    """Read a whole log."""
    reader = Reader(stack)
    for line in lines:
        reader.add(line)
    return reader.plan()


def problems_in(message: str, urn: str = "") -> list[Problem]:
    """Take an error of the engine apart: what the program reports of several settings is a line each."""
    if _TRACE in message:
        # Nobody but the program's own authors can use more than the last line of it.
        last = next((line for line in reversed(message.splitlines()) if line.strip()), "")
        return [Problem(urn=urn, message=one_line(f"the program failed: {last}"))]
    lines = [message] if urn else message.splitlines()
    told = [one_line(line.strip().removeprefix("error: ")) for line in lines]
    return [Problem(urn=urn, message=line) for line in told if line and not line.startswith(_ECHOES)]


def name_of(urn: str) -> str:
    """Return the logical name that a URN ends in."""
    return urn.split("::", 3)[-1]


def one_line(text: str) -> str:
    """Put a text on one line, without what no screen shows."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
