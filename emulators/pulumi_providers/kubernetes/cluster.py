"""Requests to a cluster's API server, as plain data; every failure is one line that says what was asked for.

This module imports the Kubernetes client, which takes a second: it is loaded when there is a cluster to talk to.
"""

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import urllib3
from kubernetes import client, config

from emulators.pulumi_providers.kubernetes.kind import Kind
from emulators.pulumi_providers.provider import RefusedError

_CONNECT, _READ = 5.0, 60.0
_APPLY = "application/apply-patch+yaml"


class ApiError(RefusedError):
    """The API server's refusal."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class UnreachableError(RefusedError):
    """No API server answered."""


class Place(NamedTuple):
    """Where an object is."""

    kind: Kind
    namespace: str
    name: str

    @property
    def identity(self) -> str:
        """The id by which Pulumi knows it."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class Cluster:
    """One cluster, as a kubeconfig file names it; it may be used by several threads."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        settings = client.Configuration()
        settings.connection_pool_maxsize = 32
        try:
            config.load_kube_config(config_file=str(kubeconfig), client_configuration=settings)
        except (config.ConfigException, OSError, ValueError) as error:
            raise RefusedError(f"{kubeconfig} is not a kubeconfig that can be used: {error}") from error
        self._host = settings.host
        self._client = client.ApiClient(settings)
        self._known: dict[str, dict[str, tuple[str, bool]]] = {}
        self._lock = threading.Lock()

    def exists(self, kind: Kind) -> bool:
        """Whether the API server knows a kind."""
        return kind.name in self._kinds(kind.api_version)

    def place(self, kind: Kind, namespace: str, name: str) -> Place:
        """Where an object is to be; one that is of the whole cluster is in no namespace."""
        return Place(kind, namespace if self._kind(kind)[1] else "", name)

    def get(self, place: Place) -> dict[str, Any] | None:
        """An object as it is now, unless it is not there."""
        try:
            return self._ask("GET", self._path(place))[0]
        except ApiError as error:
            if error.status == 404:  # noqa: PLR2004 -- HTTP's own number
                return None
            raise

    def apply(
        self, place: Place, manifest: Mapping[str, Any], manager: str, *, force: bool, dry_run: bool
    ) -> tuple[dict[str, Any], list[str]]:
        """Create or change an object by server-side apply: what it is then, and the API server's warnings."""
        query = {"fieldManager": manager, "force": str(force).lower(), **({"dryRun": "All"} if dry_run else {})}
        return self._ask("PATCH", self._path(place), query, manifest, _APPLY)

    def delete(self, place: Place, policy: str) -> bool:
        """Ask for an object's deletion; false when it is gone already."""
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": policy}
        try:
            self._ask("DELETE", self._path(place), {}, body)
        except ApiError as error:
            if error.status == 404:  # noqa: PLR2004 -- HTTP's own number
                return False
            raise
        return True

    def pods(self, namespace: str, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        """The pods of a namespace that have some labels."""
        path = f"/api/v1/namespaces/{quote(namespace)}/pods"
        query = {"labelSelector": ",".join(f"{name}={value}" for name, value in labels.items())}
        items: list[dict[str, Any]] = self._ask("GET", path, query)[0]["items"]
        return items

    def _kinds(self, api_version: str) -> dict[str, tuple[str, bool]]:
        """The kinds of an API version: their names in paths, and whether they lie in namespaces."""
        with self._lock:
            if api_version not in self._known:
                path = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
                try:
                    resources = self._ask("GET", path)[0]["resources"]
                except ApiError as error:
                    if error.status != 404:  # noqa: PLR2004 -- HTTP's own number
                        raise
                    # It may come with a custom resource definition that is still to be created.
                    return {}
                self._known[api_version] = {
                    one["kind"]: (one["name"], one["namespaced"]) for one in resources if "/" not in one["name"]
                }
            return self._known[api_version]

    def _kind(self, kind: Kind) -> tuple[str, bool]:
        found = self._kinds(kind.api_version).get(kind.name)
        if found is None:
            raise RefusedError(f"the API server knows no {kind.name} of {kind.api_version}: is its definition there?")
        return found

    def _path(self, place: Place) -> str:
        root = f"/apis/{place.kind.api_version}" if "/" in place.kind.api_version else f"/api/{place.kind.api_version}"
        scope = f"/namespaces/{quote(place.namespace)}" if place.namespace else ""
        return f"{root}{scope}/{self._kind(place.kind)[0]}/{quote(place.name)}"

    def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content: str = "application/json",
    ) -> tuple[dict[str, Any], list[str]]:
        headers = {"Accept": "application/json", "Content-Type": content, **self._client.default_headers}
        self._client.update_params_for_auth(headers, [], ["BearerToken"])
        try:
            answer = self._client.rest_client.pool_manager.request(
                method,
                f"{self._host}{path}?{urlencode(query or {})}",
                body=None if body is None else json.dumps(body),
                headers=headers,
                timeout=urllib3.Timeout(connect=_CONNECT, read=_READ),
            )
        except urllib3.exceptions.HTTPError as error:
            reason = getattr(error, "reason", None) or error
            raise UnreachableError(f"the cluster of {self.kubeconfig} cannot be reached: {reason}") from error
        found = _decode(answer.data)
        if not 200 <= answer.status <= 299:  # noqa: PLR2004 -- HTTP's own numbers
            raise ApiError(found.get("message") or f"HTTP status {answer.status}", answer.status)
        return found, _warnings(answer.headers.getlist("Warning"))


def _decode(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except ValueError:
        found = {"message": data.decode("utf-8", "replace")}
    return found if isinstance(found, dict) else {}


def _warnings(headers: list[str]) -> list[str]:
    """The texts of `Warning` headers, such as `299 - "text"`."""
    return [header.partition('"')[2].rpartition('"')[0].replace('\\"', '"') for header in headers]
