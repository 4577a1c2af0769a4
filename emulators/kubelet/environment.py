"""A container's environment, as a kubelet computes it from the pod, ConfigMaps and Secrets."""

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any

from emulators.control_plane.part import HOST

Data = dict[str, bytes]
# Reads the data of an object of a kind, "ConfigMap" or "Secret", by its name; None when there is none.
Lookup = Callable[[str, str], Data | None]

_REFERENCE = re.compile(r"\$\$|\$\(([^()]+)\)")
_QUOTED = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]")


class ConfigError(RuntimeError):
    """What a container refers to is not there, or not emulated; the message is a kubelet's."""


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace `$(NAME)` by a variable's value; an unknown name is left as it is, and `$$` is a dollar."""

    def value(match: re.Match[str]) -> str:
        return "$" if match[0] == "$$" else variables.get(match[1], match[0])

    return _REFERENCE.sub(value, text)


def resolve(container: Mapping[str, Any], pod: Mapping[str, Any], lookup: Lookup) -> dict[str, str]:
    """Compute the variables of a container: `envFrom` first, then `env`, each seeing those before it."""
    variables: dict[str, str] = {}
    for source in container.get("envFrom") or []:
        kind, reference = (
            ("ConfigMap", source.get("configMapRef"))
            if "configMapRef" in source
            else (
                "Secret",
                source.get("secretRef"),
            )
        )
        data = find(kind, reference, lookup)
        variables |= {f"{source.get('prefix', '')}{key}": _text(value) for key, value in (data or {}).items()}
    for entry in container.get("env") or []:
        source = entry.get("valueFrom")
        value = _from(source, pod, lookup) if source else expand(entry.get("value") or "", variables)
        if value is not None:
            variables[entry["name"]] = value
    return variables


def find(kind: str, reference: Mapping[str, Any], lookup: Lookup) -> Data | None:
    """Read what a reference names; None when it is not there and may be missing, else a ConfigError."""
    data = lookup(kind, reference["name"])
    if data is None and not reference.get("optional"):
        raise ConfigError(f'{kind.lower()} "{reference["name"]}" not found')
    return data


def field_of(pod: Mapping[str, Any], path: str) -> str:
    """Read a field of a pod by the path that the downward API has for it."""
    metadata, spec, status = pod["metadata"], pod["spec"], pod.get("status") or {}
    if match := _QUOTED.fullmatch(path):
        return str((metadata.get(match[1]) or {}).get(match[2], ""))
    known = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata["namespace"],
        "metadata.uid": metadata["uid"],
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", "default"),
        "status.hostIP": HOST,
        "status.podIP": status.get("podIP", ""),
    }
    for many in ("labels", "annotations"):
        pairs = sorted((metadata.get(many) or {}).items())
        known[f"metadata.{many}"] = "\n".join(f'{key}="{value}"' for key, value in pairs)
    if path not in known:
        raise ConfigError(f"the field {path} is not emulated")
    return str(known[path])


def decode(body: Mapping[str, Any]) -> Data:
    """Read the data of a ConfigMap or of a Secret."""
    if body.get("kind") == "Secret":
        return {key: base64.b64decode(value) for key, value in (body.get("data") or {}).items()}
    data = {key: value.encode() for key, value in (body.get("data") or {}).items()}
    return data | {key: base64.b64decode(value) for key, value in (body.get("binaryData") or {}).items()}


def _from(source: Mapping[str, Any], pod: Mapping[str, Any], lookup: Lookup) -> str | None:
    if field := source.get("fieldRef"):
        return field_of(pod, field["fieldPath"])
    for kind, name in (("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")):
        if reference := source.get(name):
            data = find(kind, reference, lookup) or {}
            if reference["key"] in data:
                return _text(data[reference["key"]])
            if reference.get("optional"):
                return None
            raise ConfigError(f"couldn't find key {reference['key']} in {kind} {reference['name']}")
    raise ConfigError(f"{', '.join(source)} is not emulated")


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")
