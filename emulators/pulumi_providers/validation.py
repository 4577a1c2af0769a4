"""Whether what a program sets is what the SDK knows, said in one line for each thing that is not."""

import difflib
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from emulators.pulumi_providers.shape import ANY, Choice, Either, Entries, Items, Object, Resource, Scalar, Shape
from emulators.pulumi_providers.value import Secret, Unknown

_PYTHON = {
    "text": (str,),
    "true or false": (bool,),
    "a whole number": (int,),
    "a number": (int, float),
}
_LIST_SHOWN = 30


class Failure(NamedTuple):
    """Something that the service would refuse: where, and why."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" if self.path else self.reason


class UnlistedValue(Failure):
    """A value that is not one of those that the SDK lists."""


def check(resource: Resource, inputs: Mapping[str, Any]) -> list[Failure]:
    """Everything that is wrong with the inputs of a resource, as far as its SDK can tell."""
    return [*_check_object(resource.inputs, inputs, "", resource.outputs)]


def _check(shape: Shape, value: Any, path: str) -> Iterator[Failure]:
    value = value.value if isinstance(value, Secret) else value
    if value is None or isinstance(value, Unknown) or shape == ANY:
        return
    match shape:
        case Items(item) if isinstance(value, list):
            for index, member in enumerate(value):
                yield from _check(item, member, f"{path}[{index}]")
        case Entries(item) if isinstance(value, Mapping):
            for name, member in value.items():
                yield from _check(item, member, f"{path}.{name}")
        case Object() if isinstance(value, Mapping):
            yield from _check_object(shape, value, path, {})
        case Either(shapes):
            yield from min((list(_check(one, value, path)) for one in shapes), key=len)
        case _:
            yield from _check_single(shape, value, path)


def _check_single(shape: Shape, value: Any, path: str) -> Iterator[Failure]:
    """A value that is to be text, a number or the like; or that is not the list or object that it is to be."""
    match shape:
        case Choice(values):
            if not isinstance(value, tuple(map(type, values))):
                yield Failure(path, f"must be one of {_listing(values)}, not {_describe(value)}")
            elif value not in values:
                yield UnlistedValue(path, f"{_describe(value)} is not one of {_listing(values)}{_near(value, values)}")
        case Scalar(name):
            if not _is_scalar(name, value):
                yield Failure(path, f"must be {name}, not {_describe(value)}")
        case Items():
            yield Failure(path, f"must be a list, not {_describe(value)}")
        case _:
            yield Failure(path, f"must be an object, not {_describe(value)}")


def _check_object(shape: Object, value: Mapping[str, Any], path: str, readable: Collection[str]) -> Iterator[Failure]:
    known = shape.properties
    for name, member in value.items():
        where = f"{path}.{name}" if path else name
        if member is None:
            continue
        if name in known:
            yield from _check(known[name], member, where)
        elif name in readable:
            yield Failure(where, "is read-only: the service sets it")
        elif not name.startswith("__"):
            yield Failure(
                where, f"is not a property here{_near(name, known) or f'; known are {_listing(sorted(known))}'}"
            )
    for name in sorted(shape.required - {name for name, member in value.items() if member is not None}):
        yield Failure(f"{path}.{name}" if path else name, "is required and missing")


def _is_scalar(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return name == "true or false"
    return isinstance(value, _PYTHON[name])


def _describe(value: Any) -> str:
    """A value in a message; only short plain ones are shown."""
    if isinstance(value, list | Mapping):
        return "a list" if isinstance(value, list) else "an object"
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def _listing(values: Collection[Any]) -> str:
    shown = ", ".join(str(value) for value in list(values)[:_LIST_SHOWN])
    return f"{shown} and {len(values) - _LIST_SHOWN} more" if len(values) > _LIST_SHOWN else shown


def _near(value: Any, known: Collection[Any]) -> str:
    by_lower = {str(name).lower(): name for name in known}
    near = difflib.get_close_matches(str(value).lower(), by_lower, n=1, cutoff=0.6)
    return f"; did you mean {by_lower[near[0]]}?" if near else ""
