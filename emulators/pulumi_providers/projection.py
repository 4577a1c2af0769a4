"""From inputs to what a service answers, and back from what changed in its answer to inputs."""

from collections.abc import Mapping
from typing import Any

from emulators.pulumi_providers.shape import Entries, Items, Object, Shape
from emulators.pulumi_providers.value import Secret


def fill(shapes: Mapping[str, Shape], inputs: Mapping[str, Any], missing: Any) -> dict[str, Any]:
    """The answer to some inputs: what can be read of them, and `missing` for what the service alone sets.

    What can be set but never read, such as a password, is not in it. Without `missing` only the inputs are.
    """
    found: dict[str, Any] = {}
    for name, shape in shapes.items():
        value = inputs.get(name)
        if value is not None:
            found[name] = _answer(shape, value, missing)
        elif missing is not None:
            found[name] = missing
    return found


def _answer(shape: Shape, value: Any, missing: Any) -> Any:
    answer = value
    match shape, value:
        case _, Secret(inner):
            answer = Secret(_answer(shape, inner, missing))
        case Object(), Mapping():
            answer = fill(shape.properties, value, missing)
        case Items(item), list():
            answer = [_answer(item, member, missing) for member in value]
        case Entries(item), Mapping():
            answer = {name: _answer(item, member, missing) for name, member in value.items()}
        case Entries(item), list():
            # A set of identities is given as a list, and answered as a map from their ids.
            known = all(isinstance(member, str) for member in value)
            answer = {member: _answer(item, {}, missing) for member in value} if known else missing
    return answer


def take_over(
    known: Mapping[str, Shape], inputs: Mapping[str, Any], before: Mapping[str, Any], now: Mapping[str, Any]
) -> dict[str, Any]:
    """The inputs with everything that changed between two answers taken over.

    What the service chose by itself is in both answers and so never becomes an input.
    """
    found = dict(inputs)
    for name in {*before, *now} & known.keys():
        old, new = (_open(side.get(name)) for side in (before, now))
        if old == new:
            continue
        shape, current = known[name], _open(inputs.get(name))
        if isinstance(shape, Object) and all(isinstance(side, Mapping) for side in (old, new, current)):
            found[name] = take_over(shape.properties, current, old, new)
        elif new is None:
            found.pop(name, None)
        else:
            found[name] = _settable(shape, now[name])
    return found


def _settable(shape: Shape, value: Any) -> Any:
    """What of an answer could be set."""
    answer = value
    match shape, value:
        case _, Secret(inner):
            answer = Secret(_settable(shape, inner))
        case Object(), Mapping():
            known = shape.properties
            answer = {name: _settable(known[name], member) for name, member in value.items() if name in known}
        case Items(item), list():
            answer = [_settable(item, member) for member in value]
        case Entries(item), Mapping():
            answer = {name: _settable(item, member) for name, member in value.items()}
        case Items(), Mapping():
            answer = list(value)
    return answer


def _open(value: Any) -> Any:
    return value.value if isinstance(value, Secret) else value
