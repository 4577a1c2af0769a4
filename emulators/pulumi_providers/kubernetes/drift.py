"""A live object seen through the inputs of a program: what of them changed, and what of it is secret."""

import base64
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from emulators.pulumi_providers.value import Secret, has_secret, plain

_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# Under these names are quantities, which the API server writes in its own way.
_QUANTITIES = frozenset({"limits", "requests", "hard", "capacity", "sizeLimit", "averageValue", "divisor"})
_QUANTITY = re.compile(r"([+-]?[\d.]+)(?:([eE][+-]?\d+)|([num]|k|[KMGTPE]i?)?)")
_SCALES = {
    **{unit: Fraction(1, 1000**power) for power, unit in enumerate(("", "m", "u", "n"))},
    **{unit: Fraction(1000**power) for power, unit in enumerate(("", "k", "M", "G", "T", "P", "E"))},
    **{f"{unit}i": Fraction(1024**power) for power, unit in enumerate(("", "K", "M", "G", "T", "P", "E")) if unit},
}


def taken_over(inputs: Any, live: Any, *, quantity: bool = False) -> Any:
    """The inputs as a live object has them; what only the cluster set is no part of them."""
    match inputs:
        case Secret(inner):
            return Secret(taken_over(inner, live, quantity=quantity))
        case Mapping() if isinstance(live, Mapping):
            return _members(inputs, live, quantity=quantity)
        case list() if isinstance(live, list):
            return _items(inputs, live)
    return inputs if _same(inputs, live, quantity=quantity) else live


def _members(inputs: Mapping[str, Any], live: Mapping[str, Any], *, quantity: bool) -> dict[str, Any]:
    found = {}
    for name, value in inputs.items():
        if name in live:
            found[name] = taken_over(value, live[name], quantity=quantity or name in _QUANTITIES)
        elif not plain(value):
            # The API server leaves out what is empty.
            found[name] = value
    return found


def _items(inputs: list[Any], live: list[Any]) -> list[Any]:
    names, found = ([_name(item) for item in side] for side in (inputs, live))
    if all(names) and all(found):
        by_name = dict(zip(found, live, strict=True))
        return [taken_over(item, by_name[name]) for item, name in zip(inputs, names, strict=True) if name in by_name]
    return [taken_over(item, other) for item, other in zip(inputs, live, strict=False)]


def _name(item: Any) -> str:
    item = item.value if isinstance(item, Secret) else item
    return str(item.get("name") or "") if isinstance(item, Mapping) else ""


def _same(value: Any, live: Any, *, quantity: bool) -> bool:
    if live is None:
        return not value
    return bool(value == live or (quantity and None is not parse_quantity(value) == parse_quantity(live)))


def parse_quantity(value: Any) -> Fraction | None:
    """An amount such as `500m` or `1Gi` as a number."""
    found = _QUANTITY.fullmatch(str(value))
    try:
        return Fraction(found[1] + (found[2] or "")) * _SCALES[found[3] or ""] if found else None
    except ValueError:
        return None


def concealed(live: Any, inputs: Any) -> Any:
    """A live object in which all is secret that is secret in the inputs."""
    if isinstance(inputs, Secret):
        return Secret(live)
    if isinstance(live, Mapping) and isinstance(inputs, Mapping):
        return {name: concealed(value, inputs.get(name)) for name, value in live.items()}
    if isinstance(live, list) and has_secret(inputs):
        whole = isinstance(inputs, list) and len(inputs) == len(live)
        return [concealed(item, of) for item, of in zip(live, inputs, strict=True)] if whole else Secret(live)
    return live


def stripped(live: Mapping[str, Any]) -> dict[str, Any]:
    """A live object without the API server's own bookkeeping."""
    found: dict[str, Any] = _without_nothing(live)
    found["metadata"].pop("managedFields", None)
    found["metadata"].get("annotations", {}).pop(_APPLIED, None)
    return found


def _without_nothing(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_nothing(item) for name, item in value.items() if item is not None}
    return [_without_nothing(item) for item in value] if isinstance(value, list) else value


def encoded(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest whose `stringData` is in `data`, as the API server keeps it."""
    texts = manifest.get("stringData")
    if not isinstance(texts, Mapping):
        return dict(manifest)
    data = {name: base64.b64encode(str(text).encode()).decode() for name, text in texts.items()}
    rest = {name: value for name, value in manifest.items() if name != "stringData"}
    return {**rest, "data": {**(manifest.get("data") or {}), **data}}


def decoded(live: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """A live object with the part of `data` as `stringData` that the inputs have there."""
    texts, data = plain(inputs.get("stringData")) or {}, live.get("data") or {}
    there = {name: base64.b64decode(data[name]).decode("utf-8", "replace") for name in texts if name in data}
    return {**live, "stringData": there} if texts else dict(live)
