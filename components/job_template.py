"""What the agent makes a flow run's Kubernetes Job of.

The agent adds the run's id, its variables and its command, and takes the image from here unless the flow names one of
its own: a new image reaches every flow, and changes none. Its name of the flow's container must stay the first.
"""

import json
from collections.abc import Mapping
from typing import Any

from components.pod import SCRATCH, USER, labels

FLOW_RUN = "prefect-flow-run"
"""The label of flow runs, by which network policies know them."""
KEPT_SECONDS = 3600
"""How long a finished Job stays where no agent removes it; one does so within a minute, after reporting a failure."""


def job_template(
    *, image: str, environment: Mapping[str, str], node_selector: Mapping[str, str], tolerations: list[dict[str, str]]
) -> str:
    """Write the template, as JSON, which is YAML.

    A run is never repeated by Kubernetes, which knows nothing of what it did; Prefect's own retries are. The autoscaler
    does not take a node away under a run.
    """
    variables = {"HOME": SCRATCH, "PREFECT__HOME_DIR": f"{SCRATCH}/prefect", **environment}
    container: dict[str, Any] = {
        "name": "flow",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "env": [{"name": name, "value": variables[name]} for name in sorted(variables)],
        "resources": {
            "requests": {"cpu": "250m", "memory": "512Mi", "ephemeral-storage": "1Gi"},
            "limits": {"cpu": "2", "memory": "2Gi", "ephemeral-storage": "4Gi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        # The agent copies a failed container's last words into the run's log.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"name": "scratch", "mountPath": SCRATCH}],
    }
    pod = {
        # Nothing in a flow run talks to Kubernetes; its Azure identity is a token of another audience.
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "nodeSelector": dict(node_selector),
        "tolerations": tolerations,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": "4Gi"}}],
    }
    template = {
        "metadata": {
            "labels": {**labels(FLOW_RUN), "azure.workload.identity/use": "true"},
            "annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"},
        },
        "spec": pod,
    }
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "flow-run", "labels": labels(FLOW_RUN)},
        "spec": {"backoffLimit": 0, "ttlSecondsAfterFinished": KEPT_SECONDS, "template": template},
    }
    return json.dumps(job, indent=2, sort_keys=True) + "\n"
