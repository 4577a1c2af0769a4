"""What the pods of one kubelet share: the API, the guard, and what this machine has for them."""

import socket
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from emulators.control_plane.client import ApiError, Client
from emulators.control_plane.guard import Guard
from emulators.control_plane.part import HOST
from emulators.kubelet.environment import Data, decode
from emulators.kubelet.event import Recorder
from emulators.kubelet.image import Images

_NOT_FOUND = 404
_PLURALS = {"ConfigMap": "configmaps", "Secret": "secrets"}


@dataclass(frozen=True, kw_only=True)
class Host:
    """This machine, as a kubelet uses it.

    `path` and `workdir` stand for what an image brings: its programs, and its code. `backoff` is the wait in seconds
    before the first restart of a container.
    """

    client: Client
    kubeconfig: Path
    events: Recorder
    guard: Guard
    executor: Executor
    folder: Path
    images: Images
    hosts: Mapping[str, str]
    workdir: Path
    path: str
    backoff: float

    def data(self, namespace: str, kind: str, name: str) -> Data | None:
        """Read a ConfigMap or a Secret; None when there is none."""
        try:
            body = self.client.get(f"/api/v1/namespaces/{namespace}/{_PLURALS[kind]}/{name}")
        except ApiError as error:
            if error.status == _NOT_FOUND:
                return None
            raise
        return decode({**body, "kind": kind})


def free_port() -> int:
    """Find a port that is free now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
