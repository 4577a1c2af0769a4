"""A Helm release in a cluster, by the real Helm, as the genuine provider does it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emulators.pulumi_providers.kubernetes.drift import concealed
from emulators.pulumi_providers.kubernetes.helm import Helm, HelmError, options, resource_names
from emulators.pulumi_providers.provider import RefusedError, UnreadyError, mask
from emulators.pulumi_providers.value import plain

TIMEOUT = 300
_BOTH = {
    "atomic": "atomic",
    "renderSubchartNotes": "render-subchart-notes",
    "disableOpenapiValidation": "disable-openapi-validation",
    "takeOwnership": "take-ownership",
}
_INSTALL = {
    **_BOTH,
    "createNamespace": "create-namespace",
    "disableWebhooks": "no-hooks",
    "replace": "replace",
    "skipCrds": "skip-crds",
}
_UPGRADE = {
    **_BOTH,
    "cleanupOnFail": "cleanup-on-fail",
    "disableCRDHooks": "no-hooks",
    "forceUpdate": "force",
    "resetValues": "reset-values",
    "reuseValues": "reuse-values",
}
# What reaches beyond a chart in a folder.
UNSUPPORTED = (
    "dependencyUpdate",
    "devel",
    "keyring",
    "lint",
    "postrender",
    "recreatePods",
    "repositoryOpts",
    "valueYamlFiles",
    "verify",
)


class LiveReleases:
    """The releases of one cluster."""

    def __init__(self, kubeconfig: Path) -> None:
        self.helm = Helm(kubeconfig)

    def create(self, inputs: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Install a chart: the release's id and its properties."""
        given = plain(inputs)
        name, namespace = given["name"], given["namespace"]
        identity = f"{namespace}/{name}"
        try:
            self.helm.act("install", *_command(given, _INSTALL), values=given.get("values") or {})
        except HelmError as error:
            found = None if "still in use" in str(error) else self.helm.release(name, namespace)
            message = mask(f"Helm release {identity} was not installed: {error}", inputs)
            if found is None:
                raise RefusedError(message) from None
            raise UnreadyError(message, identity, _outputs(inputs, found)) from None
        return identity, _outputs(inputs, self._release(name, namespace))

    def update(self, identity: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Upgrade a release: its properties."""
        given = plain(inputs)
        name, namespace = given["name"], given["namespace"]
        before = self._release(name, namespace)["version"]
        history = ["--history-max", str(given.get("maxHistory") or 0)]
        try:
            self.helm.act("upgrade", *_command(given, _UPGRADE), *history, values=given.get("values") or {})
        except HelmError as error:
            message = mask(f"Helm release {identity} was not upgraded: {error}", inputs)
            found = self._release(name, namespace)
            if found["version"] == before:
                raise RefusedError(message) from None
            # As with the genuine provider the new inputs are in the state, and the next update tries them again.
            raise UnreadyError(message, identity, _outputs(inputs, found)) from None
        return _outputs(inputs, self._release(name, namespace))

    def read(self, identity: str, inputs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """A release's properties, and the inputs with the values and the chart's version that are in force."""
        namespace, _, name = identity.rpartition("/")
        found = self.helm.release(name, namespace)
        if found is None:
            return None
        values = found.get("config") or {}
        known = inputs or {"name": name, "namespace": namespace, "chart": found["metadata"]["chart"], "values": values}
        now = {**known, "version": found["metadata"]["version"]}
        if plain(known.get("values") or {}) != values:
            now["values"] = concealed(values, known.get("values") or {})
        return _outputs(now, found), now

    def delete(self, identity: str, outputs: Mapping[str, Any]) -> None:
        """Uninstall a release; one that is gone already is no error."""
        namespace, _, name = identity.rpartition("/")
        given = plain(outputs)
        waits = given.get("atomic") or not given.get("skipAwait")
        patience = ["--wait", "--timeout", f"{int(given.get('timeout') or TIMEOUT)}s"] if waits else []
        try:
            self.helm.act("uninstall", name, "--namespace", namespace, "--ignore-not-found", *patience)
        except HelmError as error:
            raise RefusedError(f"Helm release {identity} was not uninstalled: {error}") from None

    def _release(self, name: str, namespace: str) -> dict[str, Any]:
        found = self.helm.release(name, namespace)
        if found is None:
            raise RefusedError(f"Helm release {namespace}/{name} does not exist any more: run `pulumi refresh`")
        return found


def _command(given: Mapping[str, Any], flags: Mapping[str, str]) -> list[str]:
    line = [given["name"], given["chart"], "--namespace", given["namespace"], "--values", "-", *options(given, flags)]
    line += ["--timeout", f"{int(given.get('timeout') or TIMEOUT)}s", "--output", "json"]
    if not given.get("skipAwait"):
        line += ["--wait", *options(given, {"waitForJobs": "wait-for-jobs"})]
    if given.get("description"):
        line += ["--description", given["description"]]
    return line


def _outputs(inputs: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """What the genuine provider answers: the inputs, the names of the objects, and the state of the release."""
    metadata = found["metadata"]
    status = {
        "appVersion": metadata.get("appVersion") or "",
        "chart": metadata["chart"],
        "name": found["name"],
        "namespace": found["namespace"],
        "revision": found["version"],
        "status": found["info"]["status"],
        "version": metadata["version"],
    }
    names = resource_names(found.get("manifest") or "")
    given = {name: value for name, value in inputs.items() if name != "compat"}
    return {**given, "version": metadata["version"], "resourceNames": names, "status": status}
