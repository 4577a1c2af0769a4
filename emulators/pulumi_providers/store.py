"""What an emulated provider has created: one JSON file, which is the truth that `refresh` reads.

Secret values never come here. The file is replaced as a whole under a lock, as the engine runs one process for each
explicit provider and they all share it.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emulators.pulumi_providers.value import Secret

VARIABLE = "PREFECT_AKS_EMULATED_CLOUD"
_HIDDEN = {"secret value": "kept in the state alone"}


class StoreError(Exception):
    """The cloud cannot be read or written."""


def conceal(value: Any) -> Any:
    """The value without what is secret in it, as it is stored."""
    if isinstance(value, Secret):
        return _HIDDEN
    if isinstance(value, Mapping):
        return {name: conceal(item) for name, item in value.items()}
    return [conceal(item) for item in value] if isinstance(value, list) else value


def reveal(stored: Any, known: Any) -> Any:
    """The stored value with its secrets put back from where they are known; one that is not known is left out."""
    if stored == _HIDDEN:
        return known
    known = known.value if isinstance(known, Secret) else known
    if isinstance(stored, Mapping):
        of = known if isinstance(known, Mapping) else {}
        return {name: reveal(item, of.get(name)) for name, item in stored.items()}
    if isinstance(stored, list):
        others = known if isinstance(known, list) and len(known) == len(stored) else [None] * len(stored)
        return [reveal(item, other) for item, other in zip(stored, others, strict=True)]
    return stored


class Store:
    """The resources of one provider, by their id."""

    def __init__(self, folder: Path | None, provider: str) -> None:
        self._folder = folder
        self._provider = provider
        self._last: tuple[object, dict[str, dict[str, Any]]] = (None, {})

    def all(self) -> dict[str, dict[str, Any]]:
        """Every resource that exists; none where no cloud is configured."""
        return self._read()

    def get(self, identity: str) -> dict[str, Any] | None:
        """The properties of a resource, unless it is gone."""
        found = self._read().get(identity)
        return found["properties"] if found else None

    def put(self, identity: str, token: str, properties: Mapping[str, Any]) -> None:
        """Create a resource, or replace what is stored of it."""
        with self._change() as resources:
            resources[identity] = {"type": token, "properties": conceal(properties)}

    def remove(self, identity: str) -> None:
        """Forget a resource; one that is gone already is no error."""
        with self._change() as resources:
            resources.pop(identity, None)

    @property
    def _path(self) -> Path:
        if self._folder is None:
            raise StoreError(f"nothing can be created: set {VARIABLE} to a folder that keeps what is created")
        return self._folder / f"{self._provider}.json"

    def _read(self) -> dict[str, dict[str, Any]]:
        if self._folder is None or not self._path.exists():
            return {}
        try:
            found = self._path.stat()
            version = (found.st_ino, found.st_mtime_ns, found.st_size)
            if self._last[0] != version:
                self._last = (version, json.loads(self._path.read_text("utf-8"))["resources"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{self._path} is not a file of the emulated cloud: {error}") from error
        return dict(self._last[1])

    @contextmanager
    def _change(self) -> Iterator[dict[str, dict[str, Any]]]:
        path = self._path
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            resources = self._read()
            yield resources
            new = path.with_suffix(".new")
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                json.dump({"resources": resources}, file, indent=1, sort_keys=True)
            new.replace(path)
