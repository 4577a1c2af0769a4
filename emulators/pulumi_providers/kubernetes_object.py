"""The emulated kubernetes provider: objects and Helm releases, judged by the SDK's types alone.

No API server is asked; a provider that asks one would replace `create`, `read`, `update` and `delete` here.
"""

from collections.abc import Collection, Mapping
from random import Random
from typing import Any

from emulators.pulumi_providers.azure.answer import guid
from emulators.pulumi_providers.provider import Provider, RefusedError, Urn

_IDENTITY = ("apiVersion", "kind", "metadata.name", "metadata.namespace")
_RELEASE = "kubernetes:helm.sh/v3:Release"
# What the API server, or the genuine provider for it, does not change in place.
_REPLACING: Mapping[str, tuple[str, ...]] = {
    "ConfigMap": ("data", "binaryData"),
    "Secret": ("data", "stringData", "type"),
    "Job": ("spec.selector", "spec.template", "spec.completions", "spec.completionMode"),
    "Deployment": ("spec.selector",),
    "StatefulSet": ("spec.selector", "spec.serviceName", "spec.podManagementPolicy", "spec.volumeClaimTemplates"),
    "RoleBinding": ("roleRef",),
    "ClusterRoleBinding": ("roleRef",),
    "StorageClass": ("provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"),
    "PersistentVolumeClaim": ("spec.accessModes", "spec.storageClassName", "spec.volumeName", "spec.selector"),
    "Service": ("spec.clusterIP",),
}


class Emulated(Provider):
    """Kubernetes objects, kept in a file."""

    def complete(self, urn: Urn, old: dict[str, Any], new: dict[str, Any], random: Random) -> dict[str, Any]:
        """A name where the program gives none, the kind, and the default namespace of the provider."""
        if urn.token == _RELEASE:
            return {**new, "name": new.get("name") or old.get("name") or f"{urn.name}-{random.getrandbits(32):08x}"}
        metadata = new.get("metadata") or {}
        before = (old.get("metadata") or {}).get("name") if isinstance(old.get("metadata"), dict) else None
        if isinstance(metadata, dict) and not metadata.get("name") and not metadata.get("generateName"):
            metadata = {**metadata, "name": before or f"{urn.name}-{random.getrandbits(32):08x}"}
        return {**new, "metadata": metadata}

    def replacing(self, token: str, old: Mapping[str, Any]) -> Collection[str]:
        """Who the object is, and what the kind does not let change; an immutable object nothing at all."""
        del old
        if token == _RELEASE:
            return ("name", "namespace")
        return {*_IDENTITY, *_REPLACING.get(token.rsplit(":", 1)[-1], ())}

    def deletes_first(self, token: str) -> bool:
        """A name cannot be taken twice."""
        del token
        return True

    def identify(self, urn: Urn, inputs: dict[str, Any]) -> str:
        """The namespace and the name, which together with the kind are unique."""
        metadata = inputs if urn.token == _RELEASE else inputs["metadata"]
        name = metadata.get("name") or f"{metadata['generateName']}{guid(urn.text)[:5]}"
        namespace = metadata.get("namespace") or self.configuration.get("namespace") or "default"
        return f"{namespace}/{name}"

    def assign(self, urn: Urn, identity: str, inputs: dict[str, Any]) -> dict[str, Any]:
        """What the API server sets."""
        namespace, name = identity.split("/")
        if urn.token == _RELEASE:
            return {"status": {"name": name, "namespace": namespace, "status": "deployed", "revision": 1}}
        uid = guid(urn.text, identity)
        return {
            "metadata": {"uid": uid, "resourceVersion": "1", **inputs["metadata"], "name": name, "namespace": namespace}
        }

    def key(self, urn: Urn, identity: str) -> str:
        """Objects of different kinds may share a name."""
        return f"{urn.token}::{identity}"

    def invoke(self, token: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Charts and manifests are rendered by the genuine provider alone."""
        del arguments
        raise RefusedError(f"{token} is not a function that the emulated provider {self.name} {self.version} knows")
