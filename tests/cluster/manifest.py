"""Manifests that tests write by hand; those of the platform come from its components."""

from typing import Any


def pod(
    name: str, *command: str, image: str = "run.test/python:3.11", spec: Any = None, **container: Any
) -> dict[str, Any]:
    """A pod of one container, as the restricted standard wants it."""
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    main = {"name": "main", "image": image, "command": list(command), "securityContext": security, **container}
    profile = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    inner = {"containers": [main], "securityContext": profile, "restartPolicy": "Never", **(spec or {})}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": inner}


def job(name: str, *command: str, labels: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """A Job of one such pod, which is not repeated."""
    metadata = {"name": name, "labels": labels or {}}
    template = {"metadata": {"labels": labels or {}}, "spec": pod(name, *command, **more)["spec"]}
    spec = {"backoffLimit": 0, "template": template}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}
