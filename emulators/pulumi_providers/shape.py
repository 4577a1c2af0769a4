"""What an installed Pulumi SDK knows of its resources: properties with their wire names, types, and which are required.

Read from the SDK's classes alone. A service's module is imported when its first resource is met: importing all of
azure-native takes minutes.
"""

import enum
import importlib
import inspect
import types
import typing
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pulumi
from pulumi import _types as sdk
from pulumi.runtime import rpc


@dataclass(frozen=True)
class Scalar:
    """Text, a number, a truth value, or anything at all."""

    name: str


@dataclass(frozen=True)
class Choice:
    """One of some values."""

    values: tuple[Any, ...]


@dataclass(frozen=True)
class Items:
    """A list."""

    item: "Shape"


@dataclass(frozen=True)
class Entries:
    """A map from texts."""

    item: "Shape"


@dataclass(frozen=True)
class Either:
    """One of some shapes."""

    shapes: tuple["Shape", ...]


@dataclass(frozen=True)
class Object:
    """Named properties; their shapes are read when they are asked for, as some of them contain themselves."""

    of: type

    @property
    def properties(self) -> Mapping[str, "Shape"]:
        """The shapes of the properties, by wire name."""
        return _properties(self.of)

    @property
    def required(self) -> frozenset[str]:
        """The wire names of the properties that must be there."""
        return _required(self.of)


Shape = Scalar | Choice | Items | Entries | Either | Object

ANY = Scalar("anything")
_SCALARS: dict[Any, Scalar] = {
    str: Scalar("text"),
    bool: Scalar("true or false"),
    int: Scalar("a whole number"),
    float: Scalar("a number"),
}


@cache
def _properties(of: type) -> Mapping[str, Shape]:
    found = sdk.input_type_types(of) if sdk.is_input_type(of) else sdk.output_type_types(of)
    return {name: shape_of(annotation) for name, annotation in found.items()}


@cache
def _required(of: type) -> frozenset[str]:
    if not sdk.is_input_type(of):
        return frozenset()
    names = sdk.input_type_py_to_pulumi_names(of)
    parameters = inspect.signature(of).parameters
    return frozenset(names[name] for name, it in parameters.items() if name in names and it.default is it.empty)


@cache
def shape_of(annotation: Any) -> Shape:
    """The shape that an SDK's annotation means, whatever may carry the value there."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in {typing.Union, types.UnionType}:
        return _either(tuple(argument for argument in arguments if not _is_carrier(argument)))
    if origin is typing.Literal:
        return Choice(arguments)
    if isinstance(origin, type):
        return _collection(origin, arguments)
    return _SCALARS.get(annotation) or _named(annotation)


def _collection(origin: type, arguments: tuple[Any, ...]) -> Shape:
    if issubclass(origin, Mapping):
        return Entries(shape_of(arguments[1]))
    return Items(shape_of(arguments[0])) if issubclass(origin, Sequence) else ANY


def _named(annotation: Any) -> Shape:
    if isinstance(annotation, type):
        if issubclass(annotation, enum.Enum):
            return Choice(tuple(member.value for member in annotation))
        if sdk.is_input_type(annotation) or sdk.is_output_type(annotation):
            return Object(annotation)
    return ANY


def _is_carrier(annotation: Any) -> bool:
    """Whether a member of a union only says how the value travels; the dict twin of a class says nothing new either."""
    origin = typing.get_origin(annotation) or annotation
    return origin in {pulumi.Output, Awaitable, type(None)} or typing.is_typeddict(origin)


def _either(annotations: tuple[Any, ...]) -> Shape:
    shapes = tuple(dict.fromkeys(shape_of(annotation) for annotation in annotations))
    choices = [shape for shape in shapes if isinstance(shape, Choice)]
    # The SDK writes `text or enumeration` for a list of values that the service may extend in a later API version.
    if choices and all(isinstance(shape, Choice) or shape == _SCALARS[str] for shape in shapes):
        return Choice(tuple(value for choice in choices for value in choice.values))
    if not shapes or ANY in shapes:
        return ANY
    return shapes[0] if len(shapes) == 1 else Either(shapes)


@dataclass(frozen=True)
class Resource:
    """A type of resource: what may be set, and what can be read back."""

    token: str
    of: type
    inputs: Object

    @property
    def outputs(self) -> Mapping[str, Shape]:
        """The shapes of all that can be read of the resource, by wire name."""
        return _outputs(self.of)


@cache
def _outputs(of: type) -> Mapping[str, Shape]:
    return {name: shape_of(annotation) for name, annotation in sdk.resource_types(of).items()}


@cache
def find(package: str, token: str) -> Resource | None:
    """The type of a resource by its token, if the installed SDK of the package has it."""
    root = importlib.import_module("pulumi_" + package.replace("-", "_"))
    classes, module = _classes(root.__name__).get(token, ("", ""))
    if not module:
        return None
    of = getattr(importlib.import_module(module), classes)
    arguments = next(iter(vars(importlib.import_module(of.__module__))["__all__"]))
    return Resource(token, of, Object(getattr(importlib.import_module(of.__module__), arguments)))


@cache
def _classes(root: str) -> Mapping[str, tuple[str, str]]:
    """The class and module of every type token that an SDK has registered with Pulumi."""
    found: dict[str, tuple[str, str]] = {}
    for module in [it for its in _registered().values() for it in its]:
        information = getattr(module, "mod_info", {"fqn": ""})
        if information["fqn"].split(".")[0] == root:
            found |= {token: (name, information["fqn"]) for token, name in information["classes"].items()}
    return found


def _registered() -> Mapping[str, list[Any]]:
    """What every imported SDK has told Pulumi of itself."""
    modules: Mapping[str, list[Any]] = rpc._RESOURCE_MODULES  # noqa: SLF001 -- Pulumi has no public list of them
    return modules
