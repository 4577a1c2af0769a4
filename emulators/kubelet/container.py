"""One container of a pod: its process, where it has one, and what is reported of it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from emulators.kubelet import moment, probe, status
from emulators.kubelet.environment import ConfigError
from emulators.kubelet.host import Host
from emulators.kubelet.image import Treatment
from emulators.kubelet.launch import Launch
from emulators.kubelet.process import SIGNALLED, Process, StartError

Body = Mapping[str, Any]
NOT_HERE = "emulated://not-here"
_KILLED, _ASKED = SIGNALLED + 9, SIGNALLED + 15
_CANNOT_START = SIGNALLED
_LONGEST = 30
_RETRY_SECONDS = 1.0


class Container:
    """A container from its creation to the end of its pod.

    Args:
        spec: its specification.
        policy: when it is started again: Always, OnFailure or Never.
        known: what an earlier kubelet, which is gone with all its processes, has reported of it.
    """

    def __init__(self, spec: Body, policy: str, known: Body, host: Host, log: Path) -> None:
        self.name, self.spec, self.log = spec["name"], spec, log
        self.state: dict[str, Any] = status.waiting("PodInitializing")
        self.last: dict[str, Any] = known.get("lastState") or {}
        self.restarts: int = known.get("restartCount", 0)
        self.id: str = known.get("containerID", "")
        self.process: Process | None = None
        self._policy, self._host = policy, host
        self._treatment = host.images.treatment(spec["image"])
        self._not_before = 0.0
        self._began = ""
        self._startup: probe.Probe | None = None
        self._readiness: probe.Probe | None = None
        if "terminated" in (known.get("state") or {}):
            self.state = dict(known["state"])
        elif "running" in (known.get("state") or {}) and self._treatment is Treatment.RUN:
            self._ended(_KILLED, "ContainerStatusUnknown", "the kubelet that ran it is gone, and it with it")

    @property
    def problems(self) -> list[str]:
        """What is wrong with its probes by the look of them."""
        return probe.problems(self.spec)

    @property
    def started(self) -> bool:
        """Whether it runs and its startup probe, if it has one, has passed."""
        return "running" in self.state and (self._startup is None or self._startup.passed)

    @property
    def ready(self) -> bool:
        """Whether it is reported as ready."""
        if self._treatment is Treatment.NOT_HERE:
            return "running" in self.state and not self.problems
        return self.started and (self._readiness is None or self._readiness.passed)

    def poll(self, now: float) -> None:
        """See whether it has ended, and whether it is to be started again."""
        if self.process and (code := self.process.poll()) is not None:
            wanted = self.spec.get("terminationMessagePolicy") == "FallbackToLogsOnError" and code
            self._ended(code, "Error" if code else "Completed", self.process.tail() if wanted else "")
            self.process = None
        code = status.exit_code(self.state)
        if code is not None and status.restarts(self._policy, code):
            self.last, delay = self.state, self._host.backoff * min(2**self.restarts, _LONGEST)
            self.state = status.waiting("CrashLoopBackOff", f"back-off {delay:g}s restarting failed container")
            self._not_before = now + delay

    def step(self, now: float, pod: dict[str, Any], launch: Callable[[], Launch], *, first: bool) -> None:
        """Start it when it is time, and ask its probes; `first` is for an init container, which is to end."""
        if "waiting" in self.state and now >= self._not_before:
            if self._treatment is Treatment.RUN:
                self._start(now, pod, launch)
            elif self._treatment is Treatment.MISSING:
                self._miss(now, pod)
            else:
                self._pretend(pod, first=first)
        if "running" in self.state:
            self._ask(now, pod)

    def ask(self) -> None:
        """Ask it to end, for good; one that has no process has ended with that."""
        self._policy = "Never"
        if self.process:
            self.process.ask()
        elif "running" in self.state:
            self._ended(_ASKED, "Error")
        elif "waiting" in self.state:
            self._ended(_KILLED, "ContainerStatusUnknown", "it was not running when its pod was deleted")

    def report(self) -> dict[str, Any]:
        """Return its part of the pod's status."""
        image = self.spec["image"]
        told = {"name": self.name, "image": image, "imageID": f"emulated://{image}", "state": self.state}
        told |= {"ready": self.ready, "started": self.started, "restartCount": self.restarts, "lastState": self.last}
        return {**told, "containerID": self.id} if self.id else told

    def _start(self, now: float, pod: dict[str, Any], launch: Callable[[], Launch]) -> None:
        try:
            made = launch()
        except ConfigError as error:
            self.state = status.waiting("CreateContainerConfigError", str(error))
            self._not_before = now + _RETRY_SECONDS
            self._host.events.warning(pod, "Failed", f"Error: {error}")
            return
        self.restarts += bool(self.last)
        self._began = moment.text()
        try:
            self.process = Process(
                made.command, environment=made.environment, cwd=made.cwd, log=self.log, guard=self._host.guard
            )
        except StartError as error:
            self._ended(_CANNOT_START, "StartError", str(error))
            self._host.events.warning(pod, "Failed", f"Error: failed to start container {self.name!r}: {error}")
            return
        self.id = f"emulated://process-{self.process.id}"
        self.state = {"running": {"startedAt": self._began}}
        self._startup, self._readiness = (self._probe(name, made, now) for name in ("startupProbe", "readinessProbe"))
        self._host.events.normal(pod, "Started", f"Started container {self.name}, as process {self.process.id}")

    def _probe(self, name: str, made: Launch, now: float) -> probe.Probe | None:
        spec = self.spec.get(name)
        if not spec:
            return None
        return probe.Probe(spec, probe.question(spec, self.spec, made.ports, made.environment, made.cwd), now)

    def _ask(self, now: float, pod: dict[str, Any]) -> None:
        asked = self._startup if self._startup and not self._startup.passed else self._readiness
        if asked is None or self.process is None:
            return
        before = asked.problem
        asked.step(now, self._host.executor)
        if asked.problem and asked.problem != before:
            self._host.events.warning(pod, "Unhealthy", f"probe of {self.name} failed: {asked.problem}")
        if asked is self._startup and asked.failed:
            self.process.kill()

    def _miss(self, now: float, pod: dict[str, Any]) -> None:
        image, events = self.spec["image"], self._host.events
        if self.state["waiting"]["reason"] == "ErrImagePull":
            self.state = status.waiting("ImagePullBackOff", f'Back-off pulling image "{image}"')
            events.normal(pod, "BackOff", f'Back-off pulling image "{image}"')
            events.warning(pod, "Failed", "Error: ImagePullBackOff")
            self._not_before = float("inf")
            return
        message = f'failed to pull and unpack image "{image}": not found'
        self.state = status.waiting("ErrImagePull", message)
        events.normal(pod, "Pulling", f'Pulling image "{image}"')
        events.warning(pod, "Failed", f'Failed to pull image "{image}": {message}')
        events.warning(pod, "Failed", "Error: ErrImagePull")
        self._not_before = now + self._host.backoff

    def _pretend(self, pod: dict[str, Any], *, first: bool) -> None:
        self.id, self._began = NOT_HERE, moment.text()
        self.state = {"running": {"startedAt": self._began}}
        self._host.events.normal(
            pod, "NotHere", f"Nothing runs for container {self.name}: the image {self.spec['image']} is not known here"
        )
        for problem in self.problems:
            self._host.events.warning(pod, "Unhealthy", f"container {self.name}: {problem}")
        if first:
            self._ended(0, "Completed")

    def _ended(self, code: int, reason: str, message: str = "") -> None:
        now = moment.text()
        told = {"exitCode": code, "reason": reason, "startedAt": self._began or now, "finishedAt": now}
        told |= {"containerID": self.id} if self.id else {}
        self.state = {"terminated": {**told, "message": message} if message else told}
