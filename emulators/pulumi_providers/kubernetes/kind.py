"""What is known of the kinds of Kubernetes objects without a cluster: their place, and what replaces them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from emulators.pulumi_providers.value import inside

RELEASE = "kubernetes:helm.sh/v3:Release"
AUTONAMED = "autonamed"
"""The annotation of an object whose name the provider chose."""
IDENTITY = ("apiVersion", "kind", "metadata.name", "metadata.namespace")
# What the API server, or the genuine provider for it, does not change in place.
_REPLACING: Mapping[str, tuple[str, ...]] = {
    "ConfigMap": ("data", "binaryData"),
    "Secret": ("data", "stringData", "type"),
    "Job": ("spec.selector", "spec.template", "spec.completions", "spec.completionMode", "spec.parallelism"),
    "Deployment": ("spec.selector",),
    "DaemonSet": ("spec.selector",),
    "StatefulSet": (
        "spec.selector",
        "spec.serviceName",
        "spec.podManagementPolicy",
        "spec.revisionHistoryLimit",
        "spec.volumeClaimTemplates",
    ),
    "Pod": ("spec",),
    "RoleBinding": ("roleRef",),
    "ClusterRoleBinding": ("roleRef",),
    "StorageClass": ("provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"),
    "PersistentVolumeClaim": ("spec.accessModes", "spec.storageClassName", "spec.volumeName", "spec.selector"),
    "Service": ("spec.clusterIP",),
}
# A setting of the provider lets these be changed in place, unless the object says that it is immutable.
_MUTABLE = {"ConfigMap": "enableConfigMapMutable", "Secret": "enableSecretMutable"}
_CLUSTER_SCOPED = frozenset(
    {
        "APIService",
        "ClusterRole",
        "ClusterRoleBinding",
        "CSIDriver",
        "CSINode",
        "CustomResourceDefinition",
        "FlowSchema",
        "IngressClass",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PriorityClass",
        "PriorityLevelConfiguration",
        "RuntimeClass",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
        "VolumeAttachment",
    }
)


class Kind(NamedTuple):
    """An API version and a kind, as an object's manifest has them."""

    api_version: str
    name: str

    @property
    def in_namespace(self) -> bool:
        """Whether its objects lie in a namespace."""
        return self.name not in _CLUSTER_SCOPED


def kind_of(token: str) -> Kind:
    """The kind that a type token means, such as `kubernetes:apps/v1:Deployment`."""
    _, version, name = token.split(":")
    return Kind(version.removeprefix("core/"), name)


def replacing(token: str, old: Mapping[str, Any], settings: Mapping[str, Any]) -> set[str]:
    """Who the object is, and what its kind does not let change, under the settings of the provider."""
    name = kind_of(token).name
    mutable = str(settings.get(_MUTABLE.get(name, ""), "")).lower() == "true" and not old.get("immutable")
    fixed = ("type",) if mutable and name == "Secret" else () if mutable else _REPLACING.get(name, ())
    return {*IDENTITY, *fixed}


def is_namesake(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether a program gives two versions of an object the same name and namespace, so that one must go first."""
    before, after = (tuple(inside(it, "metadata", name) for name in ("name", "namespace")) for it in (old, new))
    return before == after and not annotation(new, AUTONAMED)


def annotation(thing: Mapping[str, Any], name: str) -> str:
    """One of the annotations by which a program tells the provider what to do, or nothing."""
    found = inside(thing, "metadata", "annotations", f"pulumi.com/{name}")
    return found if isinstance(found, str) else ""
