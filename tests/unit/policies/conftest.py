"""The policy pack in its own host, in this process: asked by the messages that the engine sends, without the engine."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from google.protobuf import json_format
from pulumi.runtime.proto import analyzer_pb2
from pulumi_policy import EnforcementLevel
from pulumi_policy.policy import _PolicyAnalyzerServicer  # the host: nothing public answers without serving

from policies import pack

Message = analyzer_pb2.AnalyzerResource
REQUEST = ("type", "properties", "urn", "name", "options")
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
"""Pulumi's signs for a text that is not known yet and, with its `value` beside it, for a secret."""


@dataclass(frozen=True)
class Violation:
    """One line of a policy, of one resource."""

    policy: str
    resource: str
    line: str


class Resources(list[Message]):
    """Resources as the engine tells them to a policy; each answer is a copy, and the plan stays as it is."""

    def one(self, kind: str, start: str = "") -> Message:
        """A copy of the first resource of a type, by the token's last part and the start of its logical name."""
        found = next(
            each
            for each in self
            if each.type.startswith(("azure", "kubernetes"))
            and each.type.endswith(f":{kind}")
            and each.name.startswith(start)
        )
        return edited(found)

    def without(self, *gone: Message) -> "Resources":
        names = {(each.type, each.name) for each in gone}
        return Resources(each for each in self if (each.type, each.name) not in names)

    def with_(self, *changed: Message) -> "Resources":
        return Resources([*self.without(*changed), *changed])


def edited(resource: Message, path: str = "", value: Any = None) -> Message:
    """A copy with another value at a dotted path, where a number is an index; None takes the value away."""
    copy = Message()
    copy.CopyFrom(resource)
    if path == "protect":
        copy.options.protect = value
    elif path:
        properties = json_format.MessageToDict(copy.properties)
        *way, last = (int(key) if key.isdigit() else key for key in path.split("."))
        inner: Any = properties
        for key in way:
            inner = inner[key] if isinstance(key, int) else inner.setdefault(key, {})
        if value is None:
            inner.pop(last, None)
        else:
            inner[last] = value
        copy.properties.Clear()
        json_format.ParseDict(properties, copy.properties)
    return copy


def resource(kind: str, name: str, **properties: Any) -> Message:
    """A resource that the plan does not have."""
    made = Message(type=kind, name=name, urn=f"urn:pulumi:dev::prefect-aks::{kind}::{name}")
    json_format.ParseDict(properties, made.properties)
    return made


class Host:
    """What the engine's two questions find."""

    edited = staticmethod(edited)
    resource = staticmethod(resource)
    UNKNOWN = UNKNOWN
    SECRET = SECRET

    def __init__(self) -> None:
        self._servicer = _PolicyAnalyzerServicer("prefect-aks", "0", pack.policies(), EnforcementLevel.MANDATORY)

    def resources(self, *asked: Message) -> list[Violation]:
        """Judge resources one by one, before they are made."""
        found: list[Violation] = []
        for each in asked:
            request = analyzer_pb2.AnalyzeRequest(**{field: getattr(each, field) for field in REQUEST})
            mended = self._servicer.Remediate(request, None)
            assert not mended.remediations, "a policy must not change what it judges"
            found += self._violations(self._servicer.Analyze(request, None), each.name)
        return found

    def whole(self, asked: Iterable[Message]) -> list[Violation]:
        """Judge a whole plan."""
        return self._violations(self._servicer.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(resources=asked), None))

    def all(self, asked: Resources) -> list[Violation]:
        return [*self.resources(*asked), *self.whole(asked)]

    @staticmethod
    def _violations(answer: Any, name: str = "") -> list[Violation]:
        found = []
        for each in answer.diagnostics:
            assert each.enforcementLevel == analyzer_pb2.MANDATORY, each.message
            description, line = each.message.split("\n")
            assert description == each.description
            found.append(Violation(each.policyName, name or each.urn.rsplit("::", 1)[1], line))
        return found


def _message(planned: Any) -> Message:
    request = planned.request
    stack, project, parent, _ = request.parent.split("::")
    # As the mocks make it, which the dependencies are told by.
    kind = f"{parent.rpartition('$')[2]}${request.type}"
    made = Message(
        type=request.type,
        properties=request.object,
        urn=f"{stack}::{project}::{kind}::{request.name}",
        name=request.name,
        options=analyzer_pb2.AnalyzerResourceOptions(protect=request.protect),
        parent=request.parent,
    )
    for prop, sources in request.propertyDependencies.items():
        made.propertyDependencies[prop].urns.extend(sources.urns)
    return made


@pytest.fixture(scope="session")
def host() -> Host:
    return Host()


@pytest.fixture(scope="session")
def planned(plan: Callable[..., Any]) -> Callable[..., Resources]:
    """The resources that the program registers for a stack file, with some keys set otherwise."""

    @cache
    def resources(stack: str, **keys: str) -> Resources:
        return Resources(_message(each) for each in plan(stack, **keys).resources)

    return resources
