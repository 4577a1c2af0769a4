"""Events about pods, as `kubectl describe` and Prefect's agent read them."""

import secrets
from contextlib import suppress
from typing import Any

from emulators.control_plane.client import ApiError, Client, UnreachableError
from emulators.kubelet.moment import text

COMPONENT = "emulated-kubelet"


class Recorder:
    """Writes events; the same one again only counts up. One that cannot be written is not missed."""

    def __init__(self, client: Client, node: str) -> None:
        self.node, self._client = node, client
        self._known: dict[tuple[str, str, str], tuple[str, int]] = {}

    def normal(self, pod: dict[str, Any], reason: str, message: str) -> None:
        """Tell what happened."""
        self._record(pod, "Normal", reason, message)

    def warning(self, pod: dict[str, Any], reason: str, message: str) -> None:
        """Tell what is wrong."""
        self._record(pod, "Warning", reason, message)

    def forget(self, uid: str) -> None:
        """Count no more for a pod that is gone."""
        self._known = {key: known for key, known in self._known.items() if key[0] != uid}

    def _record(self, pod: dict[str, Any], kind: str, reason: str, message: str) -> None:
        metadata, now = pod["metadata"], text()
        key = (metadata["uid"], reason, message)
        name, count = self._known.get(key, (f"{metadata['name']}.{secrets.token_hex(8)}", 0))
        path = f"/api/v1/namespaces/{metadata['namespace']}/events"
        with suppress(ApiError, UnreachableError):
            if count:
                self._client.patch(f"{path}/{name}", {"count": count + 1, "lastTimestamp": now})
            else:
                involved = {"kind": "Pod", "apiVersion": "v1", "uid": metadata["uid"]}
                place = {"name": metadata["name"], "namespace": metadata["namespace"]}
                event = {
                    "metadata": {"name": name, "namespace": metadata["namespace"]},
                    "involvedObject": {**involved, **place},
                    "source": {"component": COMPONENT, "host": self.node},
                    "reportingComponent": COMPONENT,
                    "reportingInstance": self.node,
                }
                told = {"type": kind, "reason": reason, "message": message[:1024]}
                self._client.post(path, {**event, **told, "count": 1, "firstTimestamp": now, "lastTimestamp": now})
            self._known[key] = (name, count + 1)
