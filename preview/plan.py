"""A plan: what the engine would do to each resource, did to it, or found of it; and what it has against it.

It is what `preview.event_log` reads; everything in it is sorted, so that equal plans are equal.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

STACK_TYPE = "pulumi:pulumi:Stack"
IMAGE = "pulumi-python:dynamic/prefect-aks:BuiltImage"
"""The flow image; its build takes minutes, and what it says is shown as it comes."""

Kind = Literal["preview", "update", "refresh"]
"""What a log is of: what would be done, what was done, or what the cloud has otherwise than the state."""


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
    failed: bool = False
    """Whether an update has begun it and did not end it."""
    id: str = ""
    old: Mapping[str, Any] = field(default_factory=dict)
    """Its inputs in the state."""
    new: Mapping[str, Any] = field(default_factory=dict)
    """Its inputs as planned."""
    outputs: Mapping[str, Any] = field(default_factory=dict)
    """Its outputs in the state."""
    results: Mapping[str, Any] = field(default_factory=dict)
    """Its outputs afterwards, as far as they are known."""

    @property
    def outcome(self) -> str:
        """What it came to: the operation, unless that failed."""
        return "failed" if self.failed else self.op

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
    kind: Kind = "preview"
    steps: tuple[Step, ...] = ()
    problems: tuple[Problem, ...] = ()
    violations: tuple[Violation, ...] = ()
    refused: frozenset[str] = frozenset()
    """The resources that the engine will not replace or delete, because they are protected."""
    outputs: Mapping[str, Any] = field(default_factory=dict)
    built: bool = False
    """Whether a build of the flow image said anything; an image that was there already is only found."""
    policy_packs: tuple[str, ...] = ()
    """The packs that judged it, each with its version."""

    @classmethod
    def none(cls, stack: str, why: str, kind: Kind = "preview") -> "Plan":
        """A plan that there is not, and why, in one line."""
        return cls(stack=stack, kind=kind, problems=(Problem(message=why),))

    @property
    def counts(self) -> dict[str, int]:
        """The number of resources by what they came to."""
        return dict(sorted(Counter(step.outcome for step in self.steps).items()))

    @property
    def broken(self) -> tuple[Violation, ...]:
        """The mandatory policies that the plan breaks."""
        return tuple(violation for violation in self.violations if violation.mandatory)


def name_of(urn: str) -> str:
    """Return the logical name that a URN ends in."""
    return urn.split("::", 3)[-1]


def type_of(urn: str) -> str:
    """Return the type that a URN tells, without those of the components around it."""
    return urn.split("::", 3)[2].rpartition("$")[2]


def one_line(text: str) -> str:
    """Put a text on one line, without what no screen shows."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
