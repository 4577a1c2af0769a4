"""A pod on this node: its volumes, its containers one after another, and its end."""

import functools
import shutil
import time
from pathlib import Path
from typing import Any

from emulators.control_plane.part import HOST
from emulators.kubelet import moment, status
from emulators.kubelet.container import Container
from emulators.kubelet.environment import ConfigError
from emulators.kubelet.host import Host
from emulators.kubelet.launch import Launch, prepare
from emulators.kubelet.volume import Sources

Body = dict[str, Any]
_RETRY_SECONDS = 1.0


class Pod:
    """A pod from its binding to its removal; `address` is its IP address if it has none yet: nothing answers there."""

    def __init__(self, body: Body, host: Host, address: str) -> None:
        self.body, self.uid = body, body["metadata"]["uid"]
        self.reported: Body | None = None
        self._host, before = host, body.get("status") or {}
        self._address: str = before.get("podIP") or address
        self._folder = host.folder / self.uid
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._volumes: dict[str, Path] | None = None
        self._retry = 0.0
        self._asked: float | None = None
        self._policy = body["spec"].get("restartPolicy", "Always")
        self._started = before.get("startTime") or moment.text()
        # An init container that has done its part is not started again.
        self._first = self._make("initContainers", "OnFailure" if self._policy == "Always" else self._policy)
        self._containers = self._make("containers", self._policy)

    @property
    def path(self) -> str:
        """Its path in the API."""
        return f"/api/v1/namespaces/{self.body['metadata']['namespace']}/pods/{self.body['metadata']['name']}"

    @property
    def gone(self) -> bool:
        """Whether it has been deleted and nothing of it runs any more."""
        return self._asked is not None and not any(container.process for container in self._all)

    @property
    def logs(self) -> dict[str, Path]:
        """The log file of each container."""
        return {container.name: container.log for container in self._all}

    @property
    def _all(self) -> list[Container]:
        return [*self._first, *self._containers]

    def step(self, body: Body) -> None:
        """Go on with it, as it is wanted now."""
        self.body, now = body, time.monotonic()
        if self._asked is None and body["metadata"].get("deletionTimestamp"):
            self._asked = now
            self._host.events.normal(body, "Killing", f"Stopping pod {body['metadata']['name']}")
            for container in self._all:
                container.ask()
        for container in self._all:
            container.poll(now)
        if self._asked is not None:
            # Whoever deletes it once more may shorten its time.
            if now >= self._asked + (body["metadata"].get("deletionGracePeriodSeconds") or 0):
                self.kill()
        elif self._phase() not in status.ENDED and self._has_volumes(now):
            self._go_on(now)

    def kill(self) -> None:
        """End its processes at once."""
        for container in self._all:
            if container.process:
                container.process.kill()

    def remove(self) -> None:
        """Remove what it has on this machine."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._host.events.forget(self.uid)

    def status(self) -> Body:
        """Return its status, as it is to be reported."""
        phase = self._phase()
        unready = [container.name for container in self._containers if not container.ready]
        before = (self.body.get("status") or {}).get("conditions") or []
        initialized = all(status.exit_code(container.state) == 0 for container in self._first)
        return {
            "phase": phase,
            "conditions": status.conditions(phase, initialized, unready, before, moment.text()),
            "hostIP": HOST,
            "hostIPs": [{"ip": HOST}],
            "podIP": self._address,
            "podIPs": [{"ip": self._address}],
            "startTime": self._started,
            "initContainerStatuses": [container.report() for container in self._first],
            "containerStatuses": [container.report() for container in self._containers],
        }

    def _make(self, kind: str, policy: str) -> list[Container]:
        known = {entry["name"]: entry for entry in (self.body.get("status") or {}).get(f"{kind[:-1]}Statuses") or []}
        return [
            Container(spec, policy, known.get(spec["name"], {}), self._host, self._folder / f"{spec['name']}.log")
            for spec in self.body["spec"].get(kind) or []
        ]

    def _phase(self) -> str:
        policy = self._policy if self._asked is None else "Never"
        first, states = ([container.state for container in of] for of in (self._first, self._containers))
        return status.phase(policy, first, states)

    def _has_volumes(self, now: float) -> bool:
        """Write the volumes the first time; what is missing is waited for."""
        if self._volumes is None and now >= self._retry:
            self._retry = now + _RETRY_SECONDS
            lookup = functools.partial(self._host.data, self.body["metadata"]["namespace"])
            try:
                self._volumes = Sources(self.body, lookup, self._token).materialise(self._folder / "volumes")
            except ConfigError as error:
                self._host.events.warning(self.body, "FailedMount", f"MountVolume.SetUp failed: {error}")
        return self._volumes is not None

    def _go_on(self, now: float) -> None:
        unfinished = [container for container in self._first if status.exit_code(container.state) != 0]
        for container in unfinished[:1] or self._containers:
            launch = functools.partial(self._launch, container)
            container.step(now, self.body, launch, first=bool(unfinished))

    def _launch(self, container: Container) -> Launch:
        # The downward API shows the address, which may not have been reported yet.
        body = {**self.body, "status": {"podIP": self._address}}
        return prepare(container.spec, body, self._volumes or {}, self._folder, self._host)

    def _token(self, audience: str | None, seconds: int) -> str:
        """Ask for a token of the pod's service account that dies with the pod."""
        metadata = self.body["metadata"]
        account = self.body["spec"].get("serviceAccountName", "default")
        pod = {"kind": "Pod", "apiVersion": "v1", "name": metadata["name"], "uid": self.uid}
        spec = {"expirationSeconds": seconds, "boundObjectRef": pod, "audiences": [audience] if audience else []}
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        path = f"/api/v1/namespaces/{metadata['namespace']}/serviceaccounts/{account}/token"
        return str(self._host.client.post(path, body)["status"]["token"])
