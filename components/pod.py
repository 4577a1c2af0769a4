"""What every pod of the platform has in common: it passes the Pod Security Standard `restricted`, and no user is root.

Nothing here knows an image: each is run as one number, with a root file system that cannot be written.
"""

from collections.abc import Mapping

from pulumi_kubernetes import core, meta

USER = 10001
"""Who runs in a container, and what group it has; no image need know it."""
SCRATCH = "/tmp"  # noqa: S108 - inside a container, where it is an empty folder of the pod's own
RESTRICTED = {
    f"pod-security.kubernetes.io/{mode}{of}": value
    for mode in ("enforce", "audit", "warn")
    for of, value in (("", "restricted"), ("-version", "latest"))
}
"""The labels by which a namespace admits restricted pods alone."""
SYSTEM_POOL = core.v1.TolerationArgs(key="CriticalAddonsOnly", operator="Exists", effect="NoSchedule")
"""What lets a pod onto AKS's system pool, the home of the platform's own pods: flow pools may be empty, it never is."""


def security() -> core.v1.PodSecurityContextArgs:
    """A pod's security context."""
    return core.v1.PodSecurityContextArgs(
        run_as_non_root=True,
        run_as_user=USER,
        run_as_group=USER,
        fs_group=USER,
        seccomp_profile=core.v1.SeccompProfileArgs(type="RuntimeDefault"),
    )


def container_security() -> core.v1.SecurityContextArgs:
    """A container's security context."""
    return core.v1.SecurityContextArgs(
        allow_privilege_escalation=False,
        privileged=False,
        read_only_root_filesystem=True,
        capabilities=core.v1.CapabilitiesArgs(drop=["ALL"]),
    )


def scratch(size: str = "1Gi") -> tuple[core.v1.VolumeArgs, core.v1.VolumeMountArgs]:
    """The one folder that a container can write, up to a size: a pod with more in it is evicted."""
    return (
        core.v1.VolumeArgs(name="scratch", empty_dir=core.v1.EmptyDirVolumeSourceArgs(size_limit=size)),
        core.v1.VolumeMountArgs(name="scratch", mount_path=SCRATCH),
    )


def resources(*, cpu: str, memory: str, storage: str = "1Gi") -> core.v1.ResourceRequirementsArgs:
    """What a container is given; of the processor alone it may use more than it asks for."""
    return core.v1.ResourceRequirementsArgs(
        requests={"cpu": cpu, "memory": memory, "ephemeral-storage": storage},
        limits={"cpu": "2", "memory": memory, "ephemeral-storage": storage},
    )


def labels(name: str) -> dict[str, str]:
    """The labels of what belongs to one part of the platform; pods are found by the first."""
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "prefect-aks"}


def metadata(name: str, namespace: object, part: str, **annotations: str) -> meta.v1.ObjectMetaArgs:
    """The metadata of an object whose name never changes."""
    return meta.v1.ObjectMetaArgs(
        name=name,
        namespace=namespace,  # type: ignore[arg-type]  # a name, or an output of one
        labels=labels(part),
        annotations=annotations or None,
    )


def selector(part: str) -> dict[str, str]:
    """What finds the pods of a part."""
    return {"app.kubernetes.io/name": part}


def environment(values: Mapping[str, object]) -> list[core.v1.EnvVarArgs]:
    """Variables of a container, in the order of their names."""
    return [core.v1.EnvVarArgs(name=name, value=values[name]) for name in sorted(values)]  # type: ignore[arg-type]  # inputs
