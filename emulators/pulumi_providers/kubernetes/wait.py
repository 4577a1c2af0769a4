"""Waiting until an object is ready, or gone, and saying why when it is not."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from emulators.pulumi_providers.kubernetes import readiness
from emulators.pulumi_providers.kubernetes.cluster import ApiError, Cluster, Place, UnreachableError
from emulators.pulumi_providers.kubernetes.kind import Kind, annotation
from emulators.pulumi_providers.kubernetes.readiness import Verdict

_DEFAULT = 600.0
_POLL = 0.4
_SERVER_FAULT, _TOO_MANY = 500, 429
# The endpoints of a new service come one after the other.
_SETTLE = 1.0
# Only for these does the genuine provider not wait for the end either when it is told not to wait.
_LEFT_ALONE = {"Namespace", "Pod", "ReplicationController", "DaemonSet", "Deployment", "StatefulSet", "Job"}


class Waiting:
    """Waits in one cluster; `stop` ends all of it."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End all waiting, as when the user gives up."""
        self._stopped.set()

    def until_ready(self, place: Place, manifest: Mapping[str, Any], timeout: float) -> Verdict:
        """Wait until an object is ready, fails, or takes too long; the reason is one line."""
        if annotation(manifest, "skipAwait") == "true":
            return readiness.READY
        seconds = _seconds(manifest, timeout)
        verdict = self._watch(lambda: self.judge(place), seconds, _SETTLE if place.kind.name == "Service" else 0)
        if verdict.ready:
            return verdict
        told = "failed" if verdict.failed else f"is not ready {self._after(seconds)}"
        return Verdict(
            ready=False,
            reason="; ".join(filter(None, (f"{told}: {verdict.reason}", self._pods(place)))),
            failed=verdict.failed,
        )

    def judge(self, place: Place) -> Verdict:
        """Whether an object is ready now."""
        watched = place.kind.api_version in {"v1", "apps/v1", "batch/v1"}
        if not watched or place.kind.name not in {*readiness.WATCHED, "Service"}:
            return readiness.READY
        live = self._cluster.get(place)
        if live is None:
            return Verdict(ready=False, reason="it was deleted by another", failed=True)
        if place.kind.name == "Service":
            others = readiness.watches_pods(live)
            endpoints = place._replace(kind=Kind("v1", "Endpoints"))
            return readiness.service(live, self._cluster.get(endpoints) if others else None)
        return readiness.WATCHED[place.kind.name](live)

    def until_gone(self, place: Place, live: Mapping[str, Any], timeout: float) -> Verdict:
        """Wait until an object is gone, also when another one has its name by now."""
        if annotation(live, "skipAwait") == "true" and place.kind.name in _LEFT_ALONE:
            return readiness.READY
        seconds = _seconds(live, timeout)
        verdict = self._watch(lambda: self._gone(place, live["metadata"]["uid"]), seconds, 0)
        return verdict if verdict.ready else Verdict(ready=False, reason=f"{self._after(seconds)} {verdict.reason}")

    def pause(self, seconds: float) -> None:
        """Wait for a while."""
        self._stopped.wait(seconds)

    def _gone(self, place: Place, uid: str) -> Verdict:
        live = self._cluster.get(place)
        if live is None or live["metadata"]["uid"] != uid:
            return readiness.READY
        remaining = readiness.condition(live, "NamespaceContentRemaining")
        holders = ", ".join(live["metadata"].get("finalizers") or ())
        left = str(remaining.get("message") or "") if remaining.get("status") == "True" else ""
        parts = ("it is still there", left, f"held by {holders}" if holders else "")
        return Verdict(ready=False, reason="; ".join(filter(None, parts)))

    def _watch(self, look: Callable[[], Verdict], seconds: float, settle: float) -> Verdict:
        end, since = time.monotonic() + seconds, 0.0
        while True:
            try:
                verdict = look()
            except (UnreachableError, ApiError) as error:
                # An API server that is restarted comes back, and is not itself at once.
                if isinstance(error, ApiError) and error.status < _SERVER_FAULT and error.status != _TOO_MANY:
                    raise
                verdict = Verdict(ready=False, reason=str(error))
            since = (since or time.monotonic()) if verdict.ready else 0.0
            if verdict.failed or (verdict.ready and time.monotonic() >= since + settle):
                return verdict
            if time.monotonic() >= end:
                return verdict
            if self._stopped.wait(_POLL):
                return verdict._replace(ready=False)

    def _after(self, seconds: float) -> str:
        return "when the waiting is stopped" if self._stopped.is_set() else f"after {seconds:g} seconds"

    def _pods(self, place: Place) -> str:
        """Why the pods of an object are not ready."""
        try:
            live = self._cluster.get(place)
            selector = ((live or {}).get("spec") or {}).get("selector") or {}
            labels = selector.get("matchLabels") or {}
            return readiness.pod_reasons(self._cluster.pods(place.namespace, labels)) if labels else ""
        except UnreachableError:
            return ""


def _seconds(manifest: Mapping[str, Any], timeout: float) -> float:
    """How long to wait: as the program's options say, else as the annotation does."""
    written = annotation(manifest, "timeoutSeconds")
    return timeout or (float(written) if written.isdigit() else 0.0) or _DEFAULT
