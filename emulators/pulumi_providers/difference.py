"""What changed between two sets of inputs, by property path, and whether it needs a new resource."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from emulators.pulumi_providers.value import Secret


class Change(NamedTuple):
    """One property that differs."""

    path: str
    kind: str
    """`ADD`, `DELETE` or `UPDATE`."""
    replaces: bool

    @property
    def wire_kind(self) -> str:
        """The protocol's name of this kind of change."""
        return f"{self.kind}_REPLACE" if self.replaces else self.kind


def compare(old: Mapping[str, Any], new: Mapping[str, Any], replacing: Collection[str]) -> list[Change]:
    """Every property that differs; `replacing` are the paths, without list indexes, that cannot be changed in place.

    An object that appears or vanishes as a whole is one change, which replaces if a property in it would.
    """
    patterns = {tuple(path.split(".")) for path in replacing}
    found = []
    for path, kind, value in _walk(old, new, ""):
        steps = tuple(step for step in re.split(r"\.|\[\d+\]", path) if step)
        hit = any(steps[: len(pattern)] == pattern for pattern in patterns)
        inside = any(pattern[: len(steps)] == steps and _holds(value, pattern[len(steps) :]) for pattern in patterns)
        found.append(Change(path, kind, hit or inside))
    return found


def _walk(old: Any, new: Any, path: str) -> Iterator[tuple[str, str, Any]]:
    old, new = (side.value if isinstance(side, Secret) else side for side in (old, new))
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted({*old, *new}):
            yield from _walk(old.get(name), new.get(name), f"{path}.{name}" if path else name)
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            before, after = (side[index] if index < len(side) else None for side in (old, new))
            yield from _walk(before, after, f"{path}[{index}]")
    elif old != new:
        kind = "ADD" if old is None else "DELETE" if new is None else "UPDATE"
        yield path, kind, old if new is None else new


def _holds(value: Any, steps: tuple[str, ...]) -> bool:
    """Whether something is set at a path below a value."""
    value = value.value if isinstance(value, Secret) else value
    if isinstance(value, list):
        return any(_holds(item, steps) for item in value)
    if not steps:
        return value is not None
    return isinstance(value, Mapping) and _holds(value.get(steps[0]), steps[1:])
