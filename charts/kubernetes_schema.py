"""The JSON schemas of Kubernetes' own kinds, in the form that kubeconform reads without a network.

They come with the Python package kubernetes-validate, which refers from each to one great file by a URL. Here each
kind gets a file of its own with the definitions that it needs.
"""

import json
import os
import re
import tempfile
from collections.abc import Iterable
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from toolchain import cache

_PACKAGE = "kubernetes-validate"
_DEFINITION = re.compile(r'"[^"]*#/\$defs/([^"]+)"')


def versions() -> list[str]:
    """List the Kubernetes versions that there are schemas of, the newest last."""
    found = (re.fullmatch(r"v(\d+)\.(\d+)\.(\d+)-local-strict", folder.name) for folder in _source().iterdir())
    return [".".join(map(str, version)) for version in sorted(tuple(map(int, m.groups())) for m in found if m)]


def folder(version: str, kinds: Iterable[tuple[str, str]]) -> Path:
    """Return the folder that holds the strict schemas of kinds, each `(apiVersion, kind)`; it is filled as needed."""
    target = cache.root(os.environ) / f"{_PACKAGE}-{metadata.version(_PACKAGE)}" / version
    target.mkdir(parents=True, exist_ok=True)
    missing = [name for name in map(_file, kinds) if not (target / name).exists()]
    if missing:
        source = _source() / f"v{version}-local-strict"
        definitions = json.loads((source / "_definitions.json").read_text("utf-8"))["$defs"]
        for name in missing:
            # A kind without a schema gets no file, and kubeconform then says so.
            if (source / name).exists():
                _write(target / name, _alone(json.loads((source / name).read_text("utf-8")), definitions))
    return target


def _source() -> Path:
    return Path(str(resources.files("kubernetes_validate"))) / "kubernetes-json-schema"


def _file(kind: tuple[str, str]) -> str:
    group, _, version = kind[0].rpartition("/")
    return "-".join(filter(None, [kind[1].lower(), group.partition(".")[0], version])) + ".json"


def _alone(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    needed: dict[str, Any] = {}
    open_names = set(_DEFINITION.findall(json.dumps(schema)))
    while open_names:
        name = open_names.pop()
        needed[name] = definitions[name]
        open_names |= set(_DEFINITION.findall(json.dumps(definitions[name]))) - set(needed)
    del schema["$id"]
    inside: dict[str, Any] = json.loads(_DEFINITION.sub(r'"#/$defs/\1"', json.dumps({**schema, "$defs": needed})))
    return inside


def _write(path: Path, schema: dict[str, Any]) -> None:
    # Renamed when it is whole, as other processes may look for it.
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as part:
        json.dump(schema, part)
    Path(part.name).rename(path)
