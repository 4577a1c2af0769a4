"""The real `helm`, one command at a time; values go to it by its standard input alone, as they may be secret."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from charts.manifest import read
from emulators.pulumi_providers.provider import RefusedError

_ABSENT = ("release: not found", "not found in release storage")


class HelmError(RefusedError):
    """What Helm says of a command that failed."""


class Helm:
    """Helm for one cluster; it sees no settings, repositories or plugins of the person who runs it."""

    def __init__(self, kubeconfig: Path) -> None:
        self._kubeconfig = kubeconfig
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()

    def act(self, *arguments: str, values: Mapping[str, Any] | None = None) -> str:
        """Run a command that may change the cluster, and return what it prints.

        Raises:
            HelmError: it failed.
        """
        command = shutil.which("helm")
        if command is None:
            raise HelmError("no helm on PATH: `python -m toolchain helm` prints the folder of one")
        with tempfile.TemporaryDirectory(prefix="prefect-aks-helm-") as home:
            process = subprocess.Popen(  # noqa: S603 -- the command is Helm, its arguments are built here
                [command, *arguments],
                env=_environment(self._kubeconfig, Path(home)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            with self._lock:
                self._running.add(process)
            try:
                # Every value of JSON is one of YAML.
                said, failed = process.communicate("" if values is None else json.dumps(values))
            finally:
                with self._lock:
                    self._running.discard(process)
        if process.returncode:
            raise HelmError(_cause(failed))
        return said

    def release(self, name: str, namespace: str) -> dict[str, Any] | None:
        """The last revision of a release: its status, its values, its manifest; nothing when there is none."""
        where = (name, "--namespace", namespace, "--output", "json")
        try:
            found: dict[str, Any] = json.loads(self.act("status", *where))
            metadata = json.loads(self.act("get", "metadata", *where))
        except HelmError as error:
            if any(text in str(error) for text in _ABSENT):
                return None
            raise
        return {**found, "metadata": metadata}

    def stop(self) -> None:
        """Ask what is running to give up, which it does in good order."""
        with self._lock:
            for process in self._running:
                process.send_signal(signal.SIGTERM)


def _environment(kubeconfig: Path, home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HELM_", "PULUMI_"))}
    homes = {f"HELM_{name}_HOME": str(home / name.lower()) for name in ("CACHE", "CONFIG", "DATA")}
    return {**kept, **homes, "KUBECONFIG": str(kubeconfig)}


def _cause(said: str) -> str:
    """What Helm says that went wrong, in one line and without its warnings."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    start = next((at for at, line in enumerate(lines) if line.startswith("Error:")), 0)
    told = " ".join(lines[start:]).removeprefix("Error:").strip()
    return told or "helm failed and said nothing"


def resource_names(manifest: str) -> dict[str, list[str]]:
    """The names of a manifest's objects by their kind, in the form of the genuine provider."""
    found: dict[str, set[str]] = {}
    for one in read(manifest):
        if isinstance(one, Mapping) and one.get("kind"):
            version, metadata = str(one.get("apiVersion")), one.get("metadata") or {}
            group = version.rpartition("/")[0]
            kind = f"{one['kind']}.{group}" if group else str(one["kind"])
            namespace = metadata.get("namespace")
            name = f"{namespace}/{metadata.get('name')}" if namespace else str(metadata.get("name"))
            found.setdefault(f"{kind}/{version}", set()).add(name)
    return {key: sorted(names) for key, names in sorted(found.items())}


def options(inputs: Mapping[str, Any], flags: Mapping[str, str]) -> Sequence[str]:
    """The flags of the inputs that are true."""
    return [f"--{flag}" for name, flag in flags.items() if inputs.get(name)]
