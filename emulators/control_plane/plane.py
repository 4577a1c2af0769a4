"""The control plane: etcd, kube-apiserver and kube-controller-manager in a folder of their own, on free ports.

Everything in it is the real program. What is left out is said in docs/kubelet-emulator.md.
"""

import secrets
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from emulators.control_plane import part
from emulators.control_plane.certificate import Authority, write_key
from emulators.control_plane.client import ApiError, Client, UnreachableError, write_kubeconfig
from emulators.control_plane.guard import Guard, Running
from emulators.control_plane.part import HOST, SERVICE_ADDRESS

_ATTEMPTS = 3


class ControlPlaneError(RuntimeError):
    """A part of the control plane does not start; the message is one line and names its log."""


class ControlPlane:
    """A control plane that starts empty and ends with the process that started it; nobody can reach it but this user.

    Args:
        folder: where its data, keys and logs go.
        etcd: the folder that holds `etcd`.
        kubernetes: the folder that holds `kube-apiserver` and `kube-controller-manager`.
    """

    def __init__(self, folder: Path, etcd: Path, kubernetes: Path) -> None:
        self.folder = folder
        self.url = ""
        self.kubeconfig = folder / "admin.kubeconfig"
        self._etcd, self._kubernetes = etcd, kubernetes
        self._port, self._held = 0, socket.socket()
        self._processes: dict[str, Running] = {}
        self._guard = Guard()
        self._token = secrets.token_urlsafe(32)

    def start(self, timeout: float = 90.0) -> None:
        """Start it, and return when it takes objects and every namespace gets its service account.

        Raises:
            ControlPlaneError: a part of it stopped, or it is not ready in `timeout` seconds.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._write_keys()
        deadline = time.monotonic() + timeout
        for attempt in range(1, _ATTEMPTS + 1):
            self._reserve_port()
            self._start_all()
            try:
                self._wait(self._answers, deadline)
                self._wait(self._has_default_account, deadline)
            except ControlPlaneError:
                # Another program may have taken a port between its choice and its use.
                self._end_all()
                if attempt == _ATTEMPTS or time.monotonic() > deadline:
                    raise
            else:
                return

    def stop(self) -> None:
        """End all of it at once; its data stays in the folder."""
        self._end_all()
        self._held.close()
        self._guard.close()

    def kill_api_server(self) -> None:
        """End the API server as `kill -9` does; its port is kept, so that nobody else answers there."""
        self._end("kube-apiserver")
        self._held = _hold(self._port)

    def restart_api_server(self, timeout: float = 60.0) -> None:
        """Start the API server again, on the same port and the same data, and wait until it answers."""
        if "kube-apiserver" in self._processes:
            self.kill_api_server()
        self._held.close()
        self._start_api_server()
        # It waits for an API server when it starts, and ends when it lost one for long.
        if self._processes["kube-controller-manager"].poll() is not None:
            self._end("kube-controller-manager")
            self._start_controller_manager()
        self._wait(self._answers, time.monotonic() + timeout)

    def client(self) -> Client:
        """Open a client with every right."""
        return Client(self.url, self.authority(), self._token)

    def authority(self) -> str:
        """Read the certificate of the authority that the API server's is issued by."""
        return (self.folder / "ca.crt").read_text("utf-8")

    def token_for(self, namespace: str, account: str, seconds: int = 3600) -> str:
        """Ask the API server for a token of a service account."""
        client = self.client()
        try:
            path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
            request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest"}
            return str(client.post(path, {**request, "spec": {"expirationSeconds": seconds}})["status"]["token"])
        finally:
            client.close()

    def kubeconfig_for(self, namespace: str, account: str) -> Path:
        """Write a kubeconfig with a token of a service account, and return its path."""
        path = self.folder / f"{namespace}-{account}.kubeconfig"
        return write_kubeconfig(path, self.url, self.authority(), self.token_for(namespace, account), namespace)

    def log(self, name: str) -> Path:
        """Where a part of the control plane logs."""
        return self.folder / f"{name}.log"

    def _write_keys(self) -> None:
        authority = Authority(self.folder)
        names = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost", HOST, SERVICE_ADDRESS)
        authority.issue("kube-apiserver", *names)
        authority.issue("kubelet", "localhost", HOST)
        authority.issue("kubelet-client", organization="system:masters")
        write_key(self.folder / "service-account.key")
        self._manager_token = secrets.token_urlsafe(32)
        users = (
            f"{self._token},admin,admin,system:masters\n"
            f"{self._manager_token},system:kube-controller-manager,system:kube-controller-manager\n"
        )
        path = self.folder / "tokens.csv"
        path.touch(mode=0o600)
        path.write_text(users, "utf-8")

    def _reserve_port(self) -> None:
        self._held.close()
        self._held = _hold(0)
        self._port = self._held.getsockname()[1]
        self.url = f"https://{HOST}:{self._port}"
        self._held.close()
        write_kubeconfig(self.kubeconfig, self.url, self.authority(), self._token)
        write_kubeconfig(self.folder / "manager.kubeconfig", self.url, self.authority(), self._manager_token)

    def _start_all(self) -> None:
        self._start("etcd", self._etcd, part.etcd())
        self._start_api_server()
        self._start_controller_manager()

    def _start_api_server(self) -> None:
        self._start("kube-apiserver", self._kubernetes, part.api_server(self._port))

    def _start_controller_manager(self) -> None:
        self._start("kube-controller-manager", self._kubernetes, part.controller_manager())

    def _start(self, name: str, folder: Path, options: list[str]) -> None:
        # Nothing of the user's own settings reaches it.
        self._processes[name] = self._guard.start(
            [folder / name, *options], environment={}, cwd=self.folder, log=self.log(name)
        )

    def _wait(self, ready: Callable[[], bool], deadline: float) -> None:
        while not ready():
            for name, process in self._processes.items():
                if process.poll() is not None:
                    raise ControlPlaneError(f"{name} stopped while starting; see {self.log(name)}")
            if time.monotonic() > deadline:
                raise ControlPlaneError(f"the control plane is not ready in time; see the logs in {self.folder}")
            time.sleep(0.1)

    def _answers(self) -> bool:
        client = self.client()
        try:
            # Its own checks, the bootstrapping of roles among them, are all behind this.
            client.get("/readyz")
        except (ApiError, UnreachableError):
            return False
        except ValueError:
            # The answer is the word "ok", and no JSON.
            return True
        finally:
            client.close()
        return True

    def _has_default_account(self) -> bool:
        client = self.client()
        try:
            client.get("/api/v1/namespaces/default/serviceaccounts/default")
        except (ApiError, UnreachableError):
            return False
        finally:
            client.close()
        return True

    def _end(self, name: str) -> None:
        self._guard.end(self._processes.pop(name))

    def _end_all(self) -> None:
        for name in reversed(list(self._processes)):
            self._end(name)


def _hold(port: int) -> socket.socket:
    """Keep a port without listening on it: a connection is refused, and no other process is given it."""
    held = socket.socket()
    with suppress(OSError):
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind((HOST, port))
    return held
