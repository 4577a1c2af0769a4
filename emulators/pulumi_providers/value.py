"""Property values between the wire and Python: plain data, with unknown values and secrets kept apart.

The three signatures are the Pulumi protocol's; everything else in a struct is the user's.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.struct_pb2 import NULL_VALUE, ListValue, Struct
from google.protobuf.struct_pb2 import Value as Wire

_UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 -- the protocol's mark of a secret, not one
_OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"


class Unknown:
    """What a preview cannot know yet."""

    def __repr__(self) -> str:
        return "<unknown>"


UNKNOWN = Unknown()


@dataclass(frozen=True)
class Secret:
    """A value that the engine encrypts in its state, and that no message or file may show."""

    value: Any

    def __repr__(self) -> str:
        return "<secret>"


def decode(wire: Wire) -> Any:
    """Turn a value of the protocol into Python's."""
    kind = wire.WhichOneof("kind")
    if kind == "struct_value":
        return _decode_struct(wire.struct_value)
    if kind == "list_value":
        return [decode(item) for item in wire.list_value.values]
    if kind == "number_value":
        return int(wire.number_value) if wire.number_value.is_integer() else wire.number_value
    if kind == "string_value":
        return UNKNOWN if wire.string_value == _UNKNOWN_TEXT else wire.string_value
    return wire.bool_value if kind == "bool_value" else None


def _decode_struct(struct: Struct) -> Any:
    signature = struct.fields[_SIGNATURE].string_value if _SIGNATURE in struct.fields else ""
    if signature == _SECRET:
        return Secret(decode(struct.fields["value"]))
    if signature == _OUTPUT:
        value = decode(struct.fields["value"]) if "value" in struct.fields else UNKNOWN
        return Secret(value) if "secret" in struct.fields and struct.fields["secret"].bool_value else value
    return decode_map(struct)


def decode_map(struct: Struct) -> dict[str, Any]:
    """Turn the properties of a message into Python's."""
    return {name: decode(value) for name, value in struct.fields.items()}


def encode(value: Any) -> Wire:
    """Turn a value of Python into the protocol's."""
    match value:
        case None:
            wire = Wire(null_value=NULL_VALUE)
        case Unknown():
            wire = Wire(string_value=_UNKNOWN_TEXT)
        case Secret(inner):
            wire = Wire(struct_value=Struct(fields={_SIGNATURE: Wire(string_value=_SECRET), "value": encode(inner)}))
        case Mapping():
            wire = Wire(struct_value=encode_map(value))
        case list():
            wire = Wire(list_value=ListValue(values=[encode(item) for item in value]))
        case bool():
            wire = Wire(bool_value=value)
        case int() | float():
            wire = Wire(number_value=value)
        case _:
            wire = Wire(string_value=str(value))
    return wire


def encode_map(values: Mapping[str, Any]) -> Struct:
    """Turn properties into the protocol's."""
    return Struct(fields={name: encode(value) for name, value in values.items()})


def plain(value: Any) -> Any:
    """The same value without its marks of secrecy, to be looked at and thrown away."""
    if isinstance(value, Secret):
        return plain(value.value)
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def is_unknown(value: Any) -> bool:
    """Whether a value, or anything in it, is not known yet."""
    if isinstance(value, Secret):
        return is_unknown(value.value)
    if isinstance(value, Mapping):
        return any(map(is_unknown, value.values()))
    return any(map(is_unknown, value)) if isinstance(value, list) else isinstance(value, Unknown)


def inside(value: Any, *names: str) -> Any:
    """What is under some names; unknown when any of what is around it is."""
    for name in names:
        if isinstance(value, Unknown):
            break
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every known text in a value that is no secret, with its property path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from texts(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from texts(item, f"{path}[{index}]")


def secret_texts(value: Any, *, within: bool = False) -> set[str]:
    """Every text and number that is secret, as a message would show it."""
    if isinstance(value, Secret):
        return secret_texts(value.value, within=True)
    if isinstance(value, Mapping | list):
        members = value.values() if isinstance(value, Mapping) else value
        return {text for member in members for text in secret_texts(member, within=within)}
    shown = within and value is not None and not isinstance(value, bool | Unknown)
    return {str(value)} - {""} if shown else set()


def has_secret(value: Any) -> bool:
    """Whether a value, or anything in it, is secret."""
    if isinstance(value, Mapping):
        return any(map(has_secret, value.values()))
    return any(map(has_secret, value)) if isinstance(value, list) else isinstance(value, Secret)
