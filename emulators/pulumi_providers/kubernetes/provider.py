"""The emulated kubernetes provider: every object is judged by the SDK's types, and by a cluster where there is one.

Without `PREFECT_AKS_KUBECONFIG` objects are kept in a file. With it they are in the cluster that it names, whatever
kubeconfig the program gives its provider: the emulated AKS cluster is that cluster.
"""

import os
from collections.abc import Collection, Mapping
from functools import cached_property
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

from emulators.pulumi_providers.azure.answer import guid
from emulators.pulumi_providers.home import KUBECONFIG
from emulators.pulumi_providers.kubernetes.chart import Chart
from emulators.pulumi_providers.kubernetes.kind import AUTONAMED, RELEASE, annotation, is_namesake, kind_of, replacing
from emulators.pulumi_providers.kubernetes.release import TIMEOUT, UNSUPPORTED, LiveReleases
from emulators.pulumi_providers.provider import Provider, RefusedError, Urn
from emulators.pulumi_providers.validation import Failure
from emulators.pulumi_providers.value import Secret, is_unknown, plain

_WORKERS = 16


class Emulated(Provider):
    """Kubernetes objects and Helm releases."""

    @cached_property
    def kubeconfig(self) -> Path | None:
        """The cluster that is talked to, if there is one."""
        named = os.environ.get(KUBECONFIG)
        return Path(named) if named else None

    @property
    def workers(self) -> int:
        """Waiting for one object must not keep another, which it may wait for, from being created."""
        return _WORKERS if self.kubeconfig else 1

    @property
    def reaches(self) -> str:
        """Where what is created goes."""
        return f"objects go to the cluster of {self.kubeconfig}" if self.kubeconfig else super().reaches

    @cached_property
    def _objects(self) -> Any:
        # They need the Kubernetes client, whose import takes a second that an offline preview does not have.
        package = "emulators.pulumi_providers.kubernetes"
        cluster = import_module(f"{package}.cluster").Cluster(self.kubeconfig)
        return import_module(f"{package}.live_object").LiveObjects(cluster, self._namespace)

    @cached_property
    def _releases(self) -> LiveReleases:
        if self.kubeconfig is None:
            raise RefusedError(f"set {KUBECONFIG} to a kubeconfig")
        return LiveReleases(self.kubeconfig)

    @property
    def _namespace(self) -> str:
        return str(self.configuration.get("namespace") or "default")

    def complete(self, urn: Urn, old: dict[str, Any], new: dict[str, Any], random: Random) -> dict[str, Any]:
        """A name where the program gives none, and what else the genuine provider fills in.

        What a Secret holds is secret, whether the program says so or not.
        """
        made = f"{urn.name}-{random.getrandbits(32):08x}"
        if urn.token == RELEASE:
            patience = {} if new.get("skipAwait") else {"timeout": TIMEOUT}
            named = {"name": new.get("name") or old.get("name") or made}
            return {**patience, **new, **named, "namespace": new.get("namespace") or self._namespace, **_version(new)}
        if kind_of(urn.token).name == "Secret":
            new = {name: Secret(plain(it)) if name in {"data", "stringData"} else it for name, it in new.items()}
        metadata = new.get("metadata") or {}
        if not isinstance(metadata, dict) or metadata.get("name") or metadata.get("generateName"):
            return {**new, "metadata": metadata}
        known = plain(old)
        name = known["metadata"]["name"] if annotation(known, AUTONAMED) else made
        annotations = {**(metadata.get("annotations") or {}), f"pulumi.com/{AUTONAMED}": "true"}
        return {**new, "metadata": {**metadata, "name": name, "annotations": annotations}}

    def judge(self, urn: Urn, inputs: dict[str, Any]) -> list[Failure]:
        """What a chart's schema forbids, and what can only be had with the genuine provider."""
        if urn.token != RELEASE:
            live_only = self.kubeconfig and kind_of(urn.token).name.endswith(("Patch", "List"))
            return [Failure("", f"{urn.token} cannot be emulated in a cluster")] if live_only else []
        refused = [Failure(name, "cannot be emulated") for name in UNSUPPORTED if inputs.get(name)]
        if is_unknown(inputs["chart"]) or refused:
            return refused
        try:
            chart = Chart.load(Path(inputs["chart"]))
        except RefusedError as error:
            return [Failure("chart", str(error))]
        if chart.kind == "library":
            return [Failure("chart", f"{chart.folder} is a library, which cannot be installed")]
        values = inputs.get("values")
        return chart.problems(values or {}) if not is_unknown(values) or isinstance(values, Mapping) else []

    def replacing(self, token: str, old: Mapping[str, Any]) -> Collection[str]:
        """Who the object is, and what its kind does not let change."""
        return ("name", "namespace") if token == RELEASE else replacing(token, old, self.configuration)

    def deletes_before(self, urn: Urn, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        """A name that the program gives cannot be taken twice; one that was chosen here is chosen anew."""
        return urn.token != RELEASE and is_namesake(plain(old), plain(new))

    def create(
        self, urn: Urn, inputs: dict[str, Any], *, preview: bool, timeout: float = 0
    ) -> tuple[str, dict[str, Any]]:
        """Create an object or a release, in the cluster where there is one."""
        if self.kubeconfig is None or preview:
            self._ask_first(urn, inputs, None)
            return super().create(urn, inputs, preview=preview)
        self.resource(urn.token)
        if urn.token == RELEASE:
            return self._releases.create(inputs)
        identity, outputs, warnings = self._objects.create(urn, inputs, timeout)
        self._warn(urn, warnings)
        return identity, outputs

    def read(
        self, urn: Urn, identity: str, old_outputs: dict[str, Any], old_inputs: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """An object or a release as it is now."""
        if self.kubeconfig is None:
            return super().read(urn, identity, old_outputs, old_inputs)
        if urn.token == RELEASE:
            return self._releases.read(identity, old_inputs)
        found: tuple[dict[str, Any], dict[str, Any]] | None = self._objects.read(urn, identity, old_outputs, old_inputs)
        return found

    def update(  # noqa: PLR0913 -- a request of the protocol
        self,
        urn: Urn,
        identity: str,
        old_outputs: dict[str, Any],
        inputs: dict[str, Any],
        *,
        preview: bool,
        timeout: float = 0,
    ) -> dict[str, Any]:
        """Change an object or a release in place."""
        if self.kubeconfig is None or preview:
            self._ask_first(urn, inputs, old_outputs)
            return super().update(urn, identity, old_outputs, inputs, preview=preview)
        if urn.token == RELEASE:
            return self._releases.update(identity, inputs)
        outputs, warnings = self._objects.update(urn, identity, old_outputs, inputs, timeout)
        self._warn(urn, warnings)
        return dict(outputs)

    def destroy(self, urn: Urn, identity: str, outputs: Mapping[str, Any], *, timeout: float) -> None:
        """Delete an object or a release."""
        if self.kubeconfig is None:
            super().destroy(urn, identity, outputs, timeout=timeout)
        elif urn.token == RELEASE:
            self._releases.delete(identity, outputs)
        else:
            self._objects.delete(urn, identity, timeout)

    def cancel(self) -> None:
        """Stop Helm, and all waiting."""
        if "_releases" in vars(self):
            self._releases.helm.stop()
        if "_objects" in vars(self):
            self._objects.waiting.stop()

    def identify(self, urn: Urn, inputs: dict[str, Any]) -> str:
        """The namespace and the name, which together with the kind are unique."""
        metadata = inputs if urn.token == RELEASE else inputs["metadata"]
        name = metadata.get("name") or f"{metadata['generateName']}{guid(urn.text)[:5]}"
        if urn.token != RELEASE and not kind_of(urn.token).in_namespace:
            return str(name)
        return f"{metadata.get('namespace') or self._namespace}/{name}"

    def assign(self, urn: Urn, identity: str, inputs: dict[str, Any]) -> dict[str, Any]:
        """What the API server sets."""
        namespace, _, name = identity.rpartition("/")
        if urn.token == RELEASE:
            return {"status": {"name": name, "namespace": namespace, "status": "deployed", "revision": 1}}
        made = {"uid": guid(urn.text, identity), "resourceVersion": "1", **inputs["metadata"], "name": name}
        return {"metadata": {**made, "namespace": namespace} if namespace else made}

    def key(self, urn: Urn, identity: str) -> str:
        """Objects of different kinds may share a name."""
        return f"{urn.token}::{identity}"

    def invoke(self, token: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Charts and manifests are rendered by the genuine provider alone."""
        del arguments
        raise RefusedError(f"{token} is not a function that the emulated provider {self.name} {self.version} knows")

    def _ask_first(self, urn: Urn, inputs: dict[str, Any], old: dict[str, Any] | None) -> None:
        """Let the cluster, where there is one, judge in a preview what is known as a whole."""
        if self.kubeconfig and urn.token != RELEASE and not is_unknown(inputs):
            self._warn(urn, self._objects.preview(urn, inputs, old))

    def _warn(self, urn: Urn, warnings: list[str]) -> None:
        for warning in warnings:
            self.warn(urn, warning)


def _version(release: Mapping[str, Any]) -> dict[str, Any]:
    """The version of the chart in a release's folder, by which an upgrade is seen."""
    chart = plain(release.get("chart"))
    try:
        return {"version": Chart.load(Path(chart)).version} if isinstance(chart, str) else {}
    except RefusedError:
        return {}
