"""A planned resource as a policy reads it: plain values, and a mark where only an update can know the value.

An unknown value breaks no control: `get` gives `UNKNOWN` for it and for whatever lies in it, and `must` accepts that.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final

from pulumi_policy.proxy import UnknownValueError

RELAXED_TAG = "relaxed-controls"


class Unknown(Enum):
    """The type of the one mark."""

    UNKNOWN = "unknown until the update"


UNKNOWN: Final = Unknown.UNKNOWN


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource of a plan."""

    type: str
    name: str
    urn: str
    properties: Mapping[str, Any]
    protect: bool
    relaxed: frozenset[str]
    """The config keys that relax controls, as the resource's own tag says."""
    sources: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By property, the URNs of the resources that its value comes from; known in a whole plan alone."""
    path: str = ""
    """Where the properties lie, for a part of a resource; it ends in a dot."""

    def get(self, *paths: str) -> Any:
        """The value at the first dotted path that has one; None where nothing is."""
        found = (_at(self.properties, path) for path in paths)
        return next((value for value in found if value is not None), None)

    def part(self, properties: Mapping[str, Any], path: str) -> "Resource":
        """A part of this resource as if it were one."""
        return replace(self, properties=properties, path=f"{self.path}{path}.")

    def must(self, path: str, allowed: Any, why: str, fix: str) -> Iterator[str]:
        """Say it in a line when a value is not the allowed one, or not one of several in a tuple."""
        values = allowed if isinstance(allowed, tuple) else (allowed,)
        value = self.get(path)
        if value is not UNKNOWN and not any(_same(value, one) for one in values):
            yield self.line(path, f"not {' or '.join(map(_shown, values))}", why, fix)

    def line(self, path: str, complaint: str, why: str, fix: str) -> str:
        """A violation: what a value is, what is wrong with that, and what to do."""
        return f"{self.path}{path} is {_shown(self.get(path))}, {complaint}: {why}; {fix}"


@dataclass(frozen=True)
class Plan:
    """All resources of a stack, as they will be."""

    resources: Sequence[Resource]

    @property
    def relaxed(self) -> frozenset[str]:
        """The config keys that relax controls, as any resource's tag says; some types have no tags."""
        return frozenset[str]().union(*(resource.relaxed for resource in self.resources))

    def of(self, *types: str) -> list[Resource]:
        """The resources of some types."""
        return [resource for resource in self.resources if resource.type in types]

    def using(self, source: Resource, kind: str, prop: str) -> list[Resource]:
        """The resources of a type, a property of which has its value from another resource."""
        return [resource for resource in self.of(kind) if source.urn in resource.sources.get(prop, ())]


def plain(value: Any) -> Any:
    """A copy of what the policy host hands over, which raises where a value is not known yet."""
    if isinstance(value, Mapping):
        return {key: _known(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_known(value, index) for index in range(len(value))]
    return value


def relaxed(properties: Mapping[str, Any]) -> frozenset[str]:
    """The config keys that a resource's tag names."""
    tag = _at(properties, f"tags.{RELAXED_TAG}")
    return frozenset(tag.split()) if isinstance(tag, str) else frozenset()


def listed(value: Any) -> Iterable[Any]:
    """The known elements of what should be a list."""
    return [one for one in value if one is not UNKNOWN] if isinstance(value, list) else []


def _known(container: Any, key: Any) -> Any:
    try:
        return plain(container[key])
    except UnknownValueError:
        return UNKNOWN


def _at(properties: Mapping[str, Any], path: str) -> Any:
    value: Any = properties
    for key in path.split("."):
        if value is UNKNOWN:
            return UNKNOWN
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _same(value: object, wanted: object) -> bool:
    """Azure's own words have no case; a truth is no number."""
    if isinstance(value, str) and isinstance(wanted, str):
        return value.lower() == wanted.lower()
    return value is wanted if isinstance(wanted, bool) or wanted is None else value == wanted


def _shown(value: object) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, dict)):
        return f"a {'list' if isinstance(value, list) else 'map'} of {len(value)}"
    return str(value)
