"""The node: what it says of itself, its heartbeat, and the pods that it takes, for there is no scheduler."""

import os
import platform
import time
from collections.abc import Mapping
from typing import Any

from emulators.control_plane.client import ApiError, Client
from emulators.control_plane.part import HOST
from emulators.kubelet import moment
from emulators.kubelet.event import COMPONENT, Recorder

Body = dict[str, Any]
WHAT_THIS_IS = "an emulated kubelet: known images run as local processes without isolation, all others do not run"
_CONFLICT, _NOT_FOUND = 409, 404
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
_BEAT_SECONDS = 10.0


class Node:
    """One node of a cluster, with the name that events have.

    Args:
        labels: what a pod's nodeSelector is compared with.
        pods: how many pods it takes at a time.
        log_port: where logs are served; 0 when they are not.
    """

    def __init__(
        self, client: Client, events: Recorder, *, labels: Mapping[str, str], pods: int, log_port: int
    ) -> None:
        self.name = events.node
        self._client, self._events = client, events
        self._labels, self._pods, self._log_port = labels, pods, log_port
        self._next_beat = 0.0

    def beat(self) -> None:
        """Say from time to time that the node is there; the first time, make it known."""
        if time.monotonic() < self._next_beat:
            return
        if not self._next_beat:
            self._register()
        spec = {"holderIdentity": self.name, "leaseDurationSeconds": 40, "renewTime": moment.precise()}
        try:
            self._client.patch(f"{_LEASES}/{self.name}", {"spec": spec})
        except ApiError as error:
            if error.status != _NOT_FOUND:
                raise
            self._client.post(_LEASES, {"metadata": {"name": self.name}, "spec": spec})
        self._next_beat = time.monotonic() + _BEAT_SECONDS

    def take(self, pods: list[Body], busy: int) -> None:
        """Bind the pods that no node has yet, the oldest first, as long as there is room."""
        free = self._pods - busy
        for pod in sorted(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"])):
            spec = pod["spec"]
            selector = spec.get("nodeSelector") or {}
            if spec.get("schedulingGates") or pod["metadata"].get("deletionTimestamp"):
                continue
            if not selector.items() <= self._labels.items():
                self._refuse(pod, f"the node {self.name} does not have the labels {selector}")
            elif free <= 0:
                self._refuse(pod, f"the node {self.name} has its {self._pods} pods")
            else:
                free -= self._bind(pod)

    def _refuse(self, pod: Body, message: str) -> None:
        if not (pod.get("status") or {}).get("conditions"):
            self._events.warning(pod, "FailedScheduling", message)
            told = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
            path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}/status"
            self._client.patch(path, {"status": {"conditions": [{**told, "lastTransitionTime": moment.text()}]}})

    def _bind(self, pod: Body) -> bool:
        metadata = pod["metadata"]
        target = {"apiVersion": "v1", "kind": "Node", "name": self.name}
        body = {"metadata": {"name": metadata["name"], "uid": metadata["uid"]}, "target": target}
        try:
            self._client.post(f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/binding", body)
        except ApiError as error:
            # Another node was faster, or it is gone.
            if error.status not in {_CONFLICT, _NOT_FOUND}:
                raise
            return False
        self._events.normal(pod, "Scheduled", f"Took {metadata['namespace']}/{metadata['name']} to {self.name}")
        return True

    def _register(self) -> None:
        labels = {
            "kubernetes.io/hostname": self.name,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine()),
            "emulated": "true",
        }
        self._labels = {**labels, **self._labels}
        metadata = {"name": self.name, "labels": self._labels, "annotations": {"emulated-kubelet": WHAT_THIS_IS}}
        body = {"apiVersion": "v1", "kind": "Node", "metadata": metadata}
        try:
            self._client.post("/api/v1/nodes", body)
        except ApiError as error:
            if error.status != _CONFLICT:
                raise
            self._client.patch(f"/api/v1/nodes/{self.name}", {"metadata": metadata})
        self._client.patch(f"/api/v1/nodes/{self.name}/status", {"status": self._status()})

    def _status(self) -> Body:
        room = {"cpu": str(os.cpu_count() or 1), "memory": "16Gi", "pods": str(self._pods)}
        now = moment.text()
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": WHAT_THIS_IS}
        return {
            "capacity": room,
            "allocatable": room,
            "addresses": [{"type": "InternalIP", "address": HOST}],
            "conditions": [{**ready, "lastHeartbeatTime": now, "lastTransitionTime": now}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self._log_port}},
            "nodeInfo": {
                "architecture": platform.machine(),
                "bootID": "",
                "containerRuntimeVersion": "emulated://0",
                "kernelVersion": platform.release(),
                "kubeProxyVersion": "",
                "kubeletVersion": COMPONENT,
                "machineID": "",
                "operatingSystem": "linux",
                "osImage": WHAT_THIS_IS,
                "systemUUID": "",
            },
        }
