"""Reading the engine's event log: one JSON event a line, as `pulumi … --event-log FILE` writes it.

The log tells secrets as `[secret]`. Its order differs from run to run, and nothing that is read depends on it but what
an operation of one resource came to.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from preview.message import causes, problems_in
from preview.plan import IMAGE, STACK_TYPE, Kind, Plan, Problem, Step, Violation, name_of, one_line, type_of

_PROVIDER = "pulumi:providers:"
# The halves of a replacement, each a step of its own in the log.
_REPLACES = frozenset(
    {"create-replacement", "delete-replaced", "discard-replaced", "import-replacement", "read-replacement"}
)
_PROTECTED = ("currently marked for protection", "because it is protected")
_REFRESH = "refresh"


@dataclass(frozen=True, kw_only=True)
class News:
    """What a line of a log says to whoever waits: a component that is begun, or lines of the flow image's build."""

    component: str = ""
    lines: tuple[str, ...] = ()


@dataclass(kw_only=True)
class _Known:
    """What is known of a resource so far."""

    type: str = ""
    op: str = ""
    old: Mapping[str, Any] = field(default_factory=dict)
    new: Mapping[str, Any] = field(default_factory=dict)
    replace: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    result: Mapping[str, Any] = field(default_factory=dict)
    ended: bool = False
    failed: bool = False

    @property
    def state(self) -> Mapping[str, Any]:
        return self.new or self.old


class Reader:
    """Reads a log while it is written: `add` its lines as they come, and ask for the plan at any time."""

    def __init__(self, stack: str = "") -> None:
        self._stack = stack
        self._steps: dict[str, _Known] = {}
        self._problems: set[Problem] = set()
        self._violations: set[Violation] = set()
        self._refused: set[str] = set()
        self._outputs: Mapping[str, Any] = {}
        self._packs: tuple[str, ...] = ()
        self._built = False
        self._planned = True
        self._ops: set[str] = set()
        self._refreshed = False

    @property
    def count(self) -> int:
        """How many resources were seen so far."""
        return len(self._steps)

    def add(self, line: str) -> News | None:
        """Take one line, and return what is new to whoever waits. What is no event, as half a line, is skipped."""
        try:
            event = json.loads(line)
        except ValueError:
            return None
        if not isinstance(event, dict):
            return None
        try:
            return self._take(event)
        except (AttributeError, KeyError, TypeError) as error:
            # An engine of another version may write others; what it did with a resource must not be missed unsaid.
            what = next((kind for kind in event if kind.endswith("Event")), "event")
            reason = one_line(f"{type(error).__name__}: {error}")
            self._problems.add(Problem(message=f"pulumi wrote a {what} that is not understood here: {reason}"))
            return None

    def _take(self, event: Mapping[str, Any]) -> News | None:
        if "resourcePreEvent" in event:
            return self._begin(event["resourcePreEvent"])
        if "resOutputsEvent" in event:
            self._end(event["resOutputsEvent"]["metadata"])
        elif "resOpFailedEvent" in event:
            self._fail(event["resOpFailedEvent"]["metadata"])
        elif "diagnosticEvent" in event:
            return self._diagnostic(event["diagnosticEvent"])
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
            stack=self._stack or next((urn.split(":")[2] for urn in self._steps), ""),
            kind=self._kind,
            steps=tuple(self._whole(urn) for urn in sorted(self._steps)),
            problems=tuple(sorted(causes(self._problems))),
            violations=tuple(sorted(self._violations)),
            refused=frozenset(self._refused),
            outputs=self._outputs,
            built=self._built,
            policy_packs=self._packs,
        )

    @property
    def _kind(self) -> Kind:
        if self._refreshed or self._ops == {_REFRESH}:
            return "refresh"
        return "preview" if self._planned else "update"

    def _begin(self, event: Mapping[str, Any]) -> News | None:
        metadata = event["metadata"]
        urn, op = metadata["urn"], metadata["op"]
        self._planned = self._planned and bool(event.get("planning"))
        if _is_default_provider(metadata):
            return None
        self._ops.add(op)
        new_one = urn not in self._steps
        known = self._steps.setdefault(urn, _Known())
        if known.op == _REFRESH:
            # It was only read until now; what is to be done with it comes with its own two sides.
            known.old = known.new = {}
        elif self._refreshed and (known.op == "delete" or known.changed):
            # A refresh that runs the program says of what it found otherwise that it stays as it is.
            return None
        known.type = metadata["type"]
        known.op = "replace" if known.op == "replace" or op in _REPLACES else op
        known.ended = False
        _compare(known, metadata)
        for side in ("old", "new"):
            setattr(known, side, getattr(known, side) or metadata.get(side) or {})
        component = not known.state.get("custom") and known.type != STACK_TYPE
        return News(component=name_of(urn)) if new_one and component else None

    def _end(self, metadata: Mapping[str, Any]) -> None:
        if metadata["type"] == STACK_TYPE and metadata.get("new"):
            self._outputs = metadata["new"].get("outputs") or {}
        known = self._steps.get(metadata["urn"])
        if known is None:
            return
        known.ended = True
        known.result = (metadata.get("new") or {}).get("outputs") or known.result
        if known.op == _REFRESH and metadata["op"] != _REFRESH:
            self._refreshed = True
            known.op = metadata["op"]
            known.old, known.new = metadata.get("old") or {}, metadata.get("new") or {}
            _compare(known, metadata)

    def _fail(self, metadata: Mapping[str, Any]) -> None:
        if known := self._steps.get(metadata["urn"]):
            known.failed = True

    def _diagnostic(self, event: Mapping[str, Any]) -> News | None:
        urn, message = event.get("urn", ""), event["message"]
        if event["severity"].startswith("info") and self._is_of_image(urn):
            self._built = True
            return _said(message)
        if event["severity"] != "error":
            return None
        if urn and any(words in message for words in _PROTECTED):
            self._refused.add(urn)
        else:
            self._problems |= set(problems_in(message, urn))
        return None

    def _is_of_image(self, urn: str) -> bool:
        """Whether a message is of the flow image's build; what a provider prints has no resource."""
        if urn:
            return type_of(urn) == IMAGE
        return any(
            known.type == IMAGE and known.op != "same" and not (known.ended or known.failed)
            for known in self._steps.values()
        )

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
        state = known.state
        before, after = (side.get("inputs") or {} for side in (known.old, known.new))
        custom = bool(state.get("custom"))
        return Step(
            urn=urn,
            type=known.type,
            op=known.op,
            component=self._component(urn),
            custom=custom,
            parent=state.get("parent") or "",
            replace_keys=tuple(sorted(_finest(known.replace))),
            changed=tuple(sorted(self._changed(known))) if known.op in {"update", "replace"} else (),
            protected=bool(known.old.get("protect")),
            retained=bool(known.old.get("retainOnDelete")),
            failed=known.failed or (custom and not self._planned and not known.ended),
            id=known.old.get("id") or "",
            old=before,
            new=after,
            outputs=known.old.get("outputs") or {},
            results=known.result,
        )

    def _changed(self, known: _Known) -> set[str]:
        """The properties that differ: as the engine says, else by the inputs, else by what was read."""
        if known.changed:
            return known.changed
        for side in ("inputs", "outputs") if self._refreshed else ("inputs",):
            before, after = ((state.get(side) or {}) for state in (known.old, known.new))
            if found := {key for key in {*before, *after} if before.get(key) != after.get(key)}:
                return found
        return set()

    def _component(self, urn: str) -> str:
        seen: set[str] = set()
        while urn in self._steps and urn not in seen:
            seen.add(urn)
            known = self._steps[urn]
            if not known.state.get("custom"):
                return "" if known.type == STACK_TYPE else name_of(urn)
            urn = known.state.get("parent") or ""
        return ""


def read(lines: Iterable[str], stack: str = "") -> Plan:
    """Read a whole log; the stack's name is in it, unless it says nothing of any resource."""
    reader = Reader(stack)
    for line in lines:
        reader.add(line)
    return reader.plan()


def _is_default_provider(metadata: Mapping[str, Any]) -> bool:
    """Whether the engine has made it for itself; it does not count these either."""
    return metadata["type"].startswith(_PROVIDER) and name_of(metadata["urn"]).startswith("default")


def _said(message: str) -> News:
    return News(lines=tuple(told for line in message.splitlines() if (told := one_line(line))))


def _compare(known: _Known, metadata: Mapping[str, Any]) -> None:
    """Take what the engine says of the properties that differ, and of those that force a replacement."""
    detail = metadata.get("detailedDiff") or {}
    known.replace |= {*(metadata.get("keys") or ())}
    known.replace |= {path for path, each in detail.items() if str(each.get("diffKind", "")).endswith("replace")}
    known.changed |= {*(detail or metadata.get("diffs") or ())}


def _finest(paths: Iterable[str]) -> set[str]:
    """Leave out a property that is told part by part."""
    return {path for path in paths if not any(other.startswith((f"{path}.", f"{path}[")) for other in paths)}
