"""The loop: what the API wants of this node, what its pods do, and what is reported back."""

import functools
import itertools
import logging
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event

from emulators.control_plane.client import ApiError, Body, UnreachableError
from emulators.kubelet.host import Host
from emulators.kubelet.node import Node
from emulators.kubelet.pod import Pod

_PERIOD = 0.3
_NOT_FOUND, _CONFLICT = 404, 409
_ENDED = ("Succeeded", "Failed")
# Addresses that are set aside for documentation: nothing is ever reached there.
_ADDRESSES = 254

logger = logging.getLogger(__name__)


class Kubelet:
    """All pods of one node. One thread does everything, so that no pod is seen half changed."""

    def __init__(self, node: Node, host: Host) -> None:
        self._node, self._host = node, host
        self._pods: dict[str, Pod] = {}
        self._bodies: dict[str, Body] = {}
        self._numbers = itertools.count()
        self._trouble = ""

    def run(self, stop: Event) -> None:
        """Work until told to stop, over every outage of the API server; then end all processes."""
        while not stop.is_set():
            began = time.monotonic()
            self._try(self._read)
            for pod in list(self._pods.values()):
                self._try(functools.partial(self._care_for, pod))
            # A node with many pods takes its time: it works at most half of it.
            stop.wait(max(_PERIOD, time.monotonic() - began))
        for pod in self._pods.values():
            pod.remove()

    def log(self, namespace: str, name: str, container: str) -> Path | None:
        """Return the log file of a container, or None when there is none."""
        for pod in list(self._pods.values()):
            metadata = pod.body["metadata"]
            if (metadata["namespace"], metadata["name"]) == (namespace, name):
                return pod.logs.get(container)
        return None

    def _try(self, action: Callable[[], None]) -> None:
        """Do something that is done again in a moment anyway; what hinders it is logged once."""
        try:
            action()
        except (ApiError, UnreachableError) as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                logger.warning("%s", error)
        else:
            self._trouble = ""

    def _read(self) -> None:
        """Take over what the API wants: new pods, changed ones, those that are gone, and those without a node."""
        self._node.beat()
        listed = self._host.client.get("/api/v1/pods")["items"]
        mine = {body["metadata"]["uid"]: body for body in listed if body["spec"].get("nodeName") == self._node.name}
        for uid in self._pods.keys() - mine.keys():
            self._pods.pop(uid).remove()
        for uid, body in mine.items():
            if uid not in self._pods:
                self._pods[uid] = Pod(body, self._host, f"192.0.2.{next(self._numbers) % _ADDRESSES + 1}")
        self._bodies = mine
        busy = sum((body.get("status") or {}).get("phase") not in _ENDED for body in mine.values())
        self._node.take([body for body in listed if not body["spec"].get("nodeName")], busy)

    def _care_for(self, pod: Pod) -> None:
        pod.step(self._bodies[pod.uid])
        status = pod.status()
        try:
            if status != pod.reported:
                body = {"metadata": {"uid": pod.uid}, "status": status}
                self._host.client.patch(f"{pod.path}/status", body)
                pod.reported = status
            if pod.gone:
                preconditions = {"gracePeriodSeconds": 0, "preconditions": {"uid": pod.uid}}
                self._host.client.delete(pod.path, {"kind": "DeleteOptions", "apiVersion": "v1", **preconditions})
        except ApiError as error:
            # It is gone, or another one has its name: the next reading shows it.
            if error.status not in {_NOT_FOUND, _CONFLICT}:
                raise
