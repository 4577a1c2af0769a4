"""The Kubernetes API as JSON over HTTPS: the few calls that the emulators make, and the kubeconfig that they go by."""

import base64
import ssl
from pathlib import Path
from typing import Any

import httpx
import yaml

Body = dict[str, Any]
_SECONDS = 10.0


class ApiError(RuntimeError):
    """The API server refuses a request; the message is its own."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class UnreachableError(RuntimeError):
    """The API server does not answer."""


class Client:
    """Requests to one API server with one bearer token."""

    def __init__(self, server: str, authority: str, token: str) -> None:
        context = ssl.create_default_context(cadata=authority)
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx.Client(base_url=server, verify=context, headers=headers, timeout=_SECONDS, trust_env=False)

    @classmethod
    def load(cls, kubeconfig: Path) -> "Client":
        """Go by a kubeconfig's first cluster and user; ValueError when that user has no token in it."""
        config = yaml.safe_load(kubeconfig.read_text("utf-8"))
        try:
            cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
            authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
            return cls(cluster["server"], authority, user["token"])
        except (KeyError, IndexError, TypeError) as error:
            raise ValueError(f"{kubeconfig} has no server, certificate-authority-data and token in it") from error

    def get(self, path: str, **query: str) -> Body:
        """Read an object or a list."""
        return self._send("GET", path, query=query)

    def post(self, path: str, body: Body) -> Body:
        """Create an object."""
        return self._send("POST", path, body)

    def put(self, path: str, body: Body) -> Body:
        """Replace an object."""
        return self._send("PUT", path, body)

    def patch(self, path: str, body: Body) -> Body:
        """Change an object by a merge patch."""
        return self._send("PATCH", path, body, kind="application/merge-patch+json")

    def delete(self, path: str, body: Body) -> Body:
        """Delete an object; the body holds the options."""
        return self._send("DELETE", path, body)

    def close(self) -> None:
        """Drop the connections."""
        self._http.close()

    def _send(
        self,
        method: str,
        path: str,
        body: Body | None = None,
        *,
        query: dict[str, str] | None = None,
        kind: str = "application/json",
    ) -> Body:
        try:
            answer = self._http.request(method, path, json=body, params=query, headers={"Content-Type": kind})
        except httpx.TransportError as error:
            raise UnreachableError(f"the API server does not answer: {error}") from error
        if answer.is_success:
            return dict(answer.json())
        try:
            message = answer.json()["message"]
        except (ValueError, KeyError, TypeError):
            message = answer.text
        raise ApiError(answer.status_code, message)


def write_kubeconfig(path: Path, server: str, authority: str, token: str, namespace: str = "default") -> Path:
    """Write a kubeconfig, readable for this user alone, that names one server, one user and one namespace."""
    data = base64.b64encode(authority.encode()).decode()
    context = {"cluster": "emulated", "user": "emulated", "namespace": namespace}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "emulated", "cluster": {"server": server, "certificate-authority-data": data}}],
        "users": [{"name": "emulated", "user": {"token": token}}],
        "contexts": [{"name": "emulated", "context": context}],
        "current-context": "emulated",
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(config), "utf-8")
    return path
