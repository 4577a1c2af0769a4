"""The real control plane and the emulated kubelet as tests use them, and Azurite: processes of this machine."""

import base64
import os
import re
import secrets
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from azure.storage.blob import ContainerClient
from kubernetes import client, config, utils

from emulators.control_plane.guard import Guard
from emulators.control_plane.plane import ControlPlane

ROOT = Path(__file__).parents[2]
NODE = "emulated"
SECURITY = {
    f"pod-security.kubernetes.io/{mode}": value
    for mode, value in {"enforce": "restricted", "enforce-version": "latest", "warn": "restricted"}.items()
}
ACCOUNT = "devstoreaccount1"
START_SECONDS = 60
NOT_FOUND = 404


def tool(name: str) -> Path:
    """The folder of a command-line tool, built by `make test` beforehand."""
    found = subprocess.run([sys.executable, "-m", "toolchain", name], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return Path(found.stdout.decode().strip())


class Cluster:
    """The control plane with the Kubernetes client's interfaces, in the name of its administrator."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane, self.guard = plane, Guard()
        self.all = config.new_client_from_config(str(plane.kubeconfig))
        self.core, self.apps, self.batch = (
            kind(self.all) for kind in (client.CoreV1Api, client.AppsV1Api, client.BatchV1Api)
        )

    def close(self) -> None:
        self.guard.close()
        self.all.close()

    def apply(self, *manifests: dict[str, Any], namespace: str) -> None:
        """Create objects from their manifests, in a namespace unless they name one."""
        for manifest in manifests:
            utils.create_from_dict(self.all, manifest, namespace=namespace)

    def make_namespace(self) -> str:
        """Make a namespace that enforces the restricted standard, complete with its account and its authority."""
        name = f"test-{uuid.uuid4().hex[:8]}"
        self.core.create_namespace({"metadata": {"name": name, "labels": SECURITY}})
        self.until(lambda: self.core.read_namespaced_service_account("default", name))
        self.until(lambda: self.core.read_namespaced_config_map("kube-root-ca.crt", name))
        return name

    def clear(self) -> None:
        """Remove the namespaces that tests have made, their pods at once."""
        made = [each.metadata.name for each in self.core.list_namespace().items if each.metadata.name[:5] == "test-"]
        for name in made:
            self.core.delete_collection_namespaced_pod(name, grace_period_seconds=0)
            self.core.delete_namespace(name)

    @staticmethod
    def until(read: Callable[[], Any], done: Callable[[Any], Any] = bool, seconds: float = 60) -> Any:
        """Read until it is as wished, and return it; an object that is not there yet is waited for."""
        deadline = time.monotonic() + seconds
        while True:
            value: Any = None
            try:
                value = read()
            except client.ApiException as error:
                if error.status != NOT_FOUND:
                    raise
            if value is not None and done(value):
                return value
            assert time.monotonic() < deadline, f"not so after {seconds} seconds: {getattr(value, 'status', value)}"
            time.sleep(0.1)

    def log(self, pod: Any) -> str:
        """What the only container of a pod has said so far."""
        try:
            # The client would make a text of it by `str`, which is not how a text is made of bytes.
            place = (pod.metadata.name, pod.metadata.namespace)
            text: str = self.core.read_namespaced_pod_log(*place, _preload_content=False).data.decode()
        except client.ApiException:
            # It is not on a node yet.
            return ""
        return text

    def events(self, namespace: str, name: str) -> dict[str, str]:
        """The events of a pod: the last message of each reason."""
        listed = self.core.list_namespaced_event(namespace, field_selector=f"involvedObject.name={name}").items
        return {event.reason: event.message for event in listed}


class Kubelet:
    """The emulated kubelet as a process, which tests may kill."""

    def __init__(self, cluster: Cluster, folder: Path, options: tuple[str, ...]) -> None:
        self.log = folder / "kubelet.log"
        self._cluster, self._folder, self._options = cluster, folder, options
        self.start()

    def start(self) -> None:
        """Start it, and wait until its node is ready."""
        plane, places = self._cluster.plane, ("--folder", str(self._folder), "--tls", str(self._cluster.plane.folder))
        command = [sys.executable, "-m", "emulators.kubelet", "--kubeconfig", str(plane.kubeconfig), "--node", NODE]
        began = int(time.time())
        self.process = self._cluster.guard.start(
            [*command, *places, *self._options], environment=os.environ, cwd=ROOT, log=self.log
        )

        def ready(node: Any) -> bool:
            assert self.process.poll() is None, self.log.read_text()
            beats = [entry.last_heartbeat_time for entry in node.status.conditions or [] if entry.type == "Ready"]
            return any(beat.timestamp() >= began for beat in beats)

        self._cluster.until(lambda: self._cluster.core.read_node(NODE), ready)

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self._cluster.guard.end(self.process)

    def stop(self) -> None:
        """End it in good order."""
        self.process.terminate()
        self.process.wait(30)
        self.kill()


class Azurite:
    """A real Azurite with the account `devstoreaccount1`, whose key is this session's own."""

    def __init__(self, guard: Guard, folder: Path) -> None:
        log, key = folder / "azurite.log", base64.b64encode(secrets.token_bytes(64)).decode()
        options = (
            "--blobPort",
            "0",
            "--inMemoryPersistence",
            "--skipApiVersionCheck",
            "--silent",
            "--disableTelemetry",
        )
        environment = {"PATH": os.environ["PATH"], "AZURITE_ACCOUNTS": f"{ACCOUNT}:{key}"}
        command = [tool("azurite") / "azurite-blob", *options]
        process = guard.start(command, environment=environment, cwd=folder, log=log)
        deadline = time.monotonic() + START_SECONDS
        while not (found := re.search(r"successfully listens on (\S+)", log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        self.url = f"{found[1]}/{ACCOUNT}"
        parts = {
            "DefaultEndpointsProtocol": "http",
            "AccountName": ACCOUNT,
            "AccountKey": key,
            "BlobEndpoint": self.url,
        }
        self.connection_string = ";".join(f"{name}={value}" for name, value in parts.items())

    def container(self, name: str) -> str:
        """Make a container, and return its address."""
        with ContainerClient.from_connection_string(self.connection_string, name) as made:
            made.create_container()
        return f"{self.url}/{name}"
