"""A namespace of one test, and what its pods come to."""

from collections.abc import Callable
from typing import Any

import psutil

from tests.cluster import manifest
from tests.cluster.machine import Cluster

Wish = Callable[[Any], Any]


class Place:
    """A namespace whose pods go to the emulated kubelet."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster, self.namespace = cluster, namespace

    def apply(self, *manifests: dict[str, Any]) -> None:
        """Create objects here."""
        self.cluster.apply(*manifests, namespace=self.namespace)

    def make(self, kind: str, name: str, **parts: Any) -> None:
        """Create an object of the core group."""
        self.apply({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, **parts})

    def until(self, name: str, wish: Wish) -> Any:
        """Wait until a pod is as wished, and return it."""
        return self.cluster.until(lambda: self.cluster.core.read_namespaced_pod(name, self.namespace), wish)

    def run(self, name: str, program: str, wish: Wish | None = None, **more: Any) -> tuple[Any, str]:
        """Run a Python program as a pod until it has ended, or is as wished; return the pod and what it said."""
        self.apply(manifest.pod(name, "python", "-c", program, **more))
        pod = self.until(name, wish or ended)
        return pod, self.log(pod)

    def log(self, pod: Any) -> str:
        """What a pod has said."""
        return self.cluster.log(pod)

    def event(self, name: str, reason: str) -> str:
        """Wait for an event of a pod, and return its message."""
        message: str = self.cluster.until(lambda: self.cluster.events(self.namespace, name).get(reason))
        return message

    def delete(self, name: str, grace: int) -> None:
        """Ask for a pod's deletion."""
        self.cluster.core.delete_namespaced_pod(name, self.namespace, grace_period_seconds=grace)

    def gone(self, name: str) -> None:
        """Wait until a pod is gone."""
        listed = self.cluster.core.list_namespaced_pod
        selector = f"metadata.name={name}"
        self.cluster.until(lambda: listed(self.namespace, field_selector=selector), lambda pods: not pods.items)

    def says(self, word: str) -> Wish:
        """Whether a pod runs and has said a word."""
        return lambda pod: pod.status.phase == "Running" and word in self.log(pod)


def ended(pod: Any) -> bool:
    """Whether a pod has come to its end."""
    return pod.status.phase in {"Succeeded", "Failed"}


def ready(pod: Any) -> bool:
    """Whether a pod is reported as ready."""
    return any(entry.type == "Ready" and entry.status == "True" for entry in pod.status.conditions or [])


def waiting(reason: str) -> Wish:
    """Whether the only container of a pod waits for a reason."""
    return lambda pod: any(
        status.state.waiting and status.state.waiting.reason == reason for status in pod.status.container_statuses or []
    )


def process_of(pod: Any) -> psutil.Process:
    """The process of a pod's only container."""
    return psutil.Process(int(pod.status.container_statuses[0].container_id.rsplit("-", 1)[1]))
