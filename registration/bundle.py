"""All that registering one flow needs, on disk between the process that loads it and the one that registers it.

A bundle is found by name and registration key, which is all that the Pulumi program has to remember.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from registration.error import RegistrationError
from registration.location import folder_of
from registration.settings import replace

# Two stacks planned from one checkout have two keys for a flow; older bundles than these are of no use to anyone.
_KEPT = 8


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A flow, ready to be registered.

    `flow` is the serialized flow with its run config; its storage is None when `script` is to be stored by us, and
    the flow's own when `script` is None.
    """

    name: str
    file: str
    fingerprint: str
    key: str
    parts: Mapping[str, str]
    flow: Mapping[str, Any]
    script: str | None


def write(bundles: Path, bundle: Bundle) -> None:
    """Write a bundle in one step, and drop the oldest of the same flow."""
    path = _path(bundles, bundle.name, bundle.key)
    replace(path, json.dumps(asdict(bundle), separators=(",", ":")).encode(), mode=0o600)
    others = sorted(path.parent.glob("*.json"), key=_age)
    for old in others[_KEPT:]:
        old.unlink(missing_ok=True)


def read(bundles: Path, name: str, key: str) -> Bundle:
    """Read the bundle of a flow; a RegistrationError when it was not written here."""
    path = _path(bundles, name, key)
    try:
        return Bundle(**json.loads(path.read_bytes()))
    except FileNotFoundError as error:
        raise RegistrationError(
            f"flow {name!r}: its bundle {path} is gone; run again from the checkout that holds the flow"
        ) from error
    except (OSError, ValueError, TypeError) as error:
        raise RegistrationError(f"flow {name!r}: its bundle {path} cannot be read; delete it and run again") from error


def _path(bundles: Path, name: str, key: str) -> Path:
    return bundles / folder_of(name) / f"{key}.json"


def _age(path: Path) -> float:
    try:
        return -path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
