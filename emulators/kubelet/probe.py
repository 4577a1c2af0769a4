"""Probes: what is wrong with one as it is written, and asking one of a container that runs.

Liveness probes are checked and never asked. Every question goes to 127.0.0.1, to the port that stands for the
container's.
"""

import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import httpx

from emulators.control_plane.part import HOST

Body = Mapping[str, Any]
# Answers with what is wrong, or with nothing.
Question = Callable[[], str]
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
_HANDLERS = ("httpGet", "tcpSocket", "exec", "grpc")
_HIGHEST_PORT = 65535


def problems(container: Body) -> list[str]:
    """Return what is wrong with the probes that a container declares, by the look of them."""
    found = []
    for name in PROBES:
        if probe := container.get(name):
            found += [f"{name}: {problem}" for problem in _problems(probe, container)]
    return found


def _problems(probe: Body, container: Body) -> list[str]:
    handlers = [name for name in _HANDLERS if name in probe]
    if len(handlers) != 1:
        return [f"needs exactly one of {', '.join(_HANDLERS)}, and has {len(handlers)}"]
    handler = probe[handlers[0]]
    if handlers[0] == "exec":
        return [] if handler.get("command") else ["exec has no command"]
    found = []
    if port_of(handler.get("port"), container) is None:
        found.append(f"port {handler.get('port')!r} is neither a port number nor the name of a port of the container")
    if handlers[0] == "httpGet" and not handler.get("path", "/").startswith("/"):
        found.append(f"path {handler['path']!r} does not begin with /")
    return found


def port_of(port: int | str | None, container: Body) -> int | None:
    """Return the number of a port that is given by its number or by the name that the container declares for it."""
    if isinstance(port, str):
        named = (entry["containerPort"] for entry in container.get("ports") or [] if entry.get("name") == port)
        port = next(named, None)
    return port if port is not None and 0 < port <= _HIGHEST_PORT else None


def question(
    probe: Body, container: Body, ports: Mapping[int, int], environment: Mapping[str, str], cwd: Path
) -> Question:
    """Return how to ask a probe of a container whose ports are these ports of this machine."""
    seconds = float(probe.get("timeoutSeconds", 1))
    if "exec" in probe:
        command = list(probe["exec"]["command"])
        return lambda: _run(command, dict(environment), cwd, seconds)
    kind = next(name for name in _HANDLERS if name in probe)
    number = port_of(probe[kind].get("port"), container) or 0
    port = ports.get(number, number)
    if kind != "httpGet":
        return lambda: _connect(port, seconds)
    path = probe[kind].get("path", "/")
    headers = {header["name"]: header["value"] for header in probe[kind].get("httpHeaders") or []}
    scheme = probe[kind].get("scheme", "HTTP").lower()
    return lambda: _get(f"{scheme}://{HOST}:{port}{path}", headers, seconds)


class Probe:
    """One probe of one run of a container, asked in the background when it is due."""

    def __init__(self, probe: Body, ask: Question, now: float) -> None:
        self.passed = self.failed = False
        self.problem = ""
        self._ask = ask
        self._due = now + probe.get("initialDelaySeconds", 0)
        self._period, self._allowed = probe.get("periodSeconds", 10), probe.get("failureThreshold", 3)
        self._failures = 0
        self.asked: Future[str] | None = None

    def step(self, now: float, executor: Executor) -> None:
        """Take an answer that has come, and ask again when it is time."""
        if self.asked is None and now >= self._due:
            self.asked, self._due = executor.submit(self._ask), now + self._period
        elif self.asked and self.asked.done():
            self.problem = self.asked.result()
            self.asked = None
            self._failures = self._failures + 1 if self.problem else 0
            self.failed = self._failures >= self._allowed
            self.passed = not self.problem or (self.passed and not self.failed)


def _get(url: str, headers: Mapping[str, str], seconds: float) -> str:
    try:
        # A kubelet does not look at the certificate either.
        status = httpx.get(url, headers=headers, timeout=seconds, trust_env=False, verify=False).status_code  # noqa: S501
    except httpx.HTTPError as error:
        return f"{type(error).__name__}: {error}"
    return "" if status < httpx.codes.BAD_REQUEST else f"HTTP probe failed with statuscode: {status}"


def _connect(port: int, seconds: float) -> str:
    try:
        socket.create_connection((HOST, port), seconds).close()
    except OSError as error:
        return f"dial tcp {HOST}:{port}: {error}"
    return ""


def _run(command: Sequence[str], environment: dict[str, str], cwd: Path, seconds: float) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - the probe of a pod that this kubelet runs anyway
            command, env=environment, cwd=cwd, capture_output=True, timeout=seconds, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else f"exit status {done.returncode}"
