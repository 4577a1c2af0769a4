from typing import Any

import pytest

from emulators.pulumi_providers.kubernetes import readiness
from emulators.pulumi_providers.kubernetes.readiness import READY


def deployment(*, wanted: int | None = 2, generation: int = 1, conditions: Any = (), **status: int) -> dict[str, Any]:
    spec = {} if wanted is None else {"replicas": wanted}
    return {
        "metadata": {"generation": generation},
        "spec": spec,
        "status": {"observedGeneration": 1, "conditions": list(conditions), **status},
    }


DONE = {"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
STUCK = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "it timed out"}
FORBIDDEN = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "pods are forbidden"}


@pytest.mark.parametrize(
    ("live", "reason"),
    [
        (deployment(**DONE), ""),
        (deployment(wanted=0), ""),
        (deployment(wanted=None, updatedReplicas=1, availableReplicas=1), ""),
        (deployment(**DONE, generation=2), "the controller has not seen it yet"),
        ({"metadata": {"generation": 1}, "spec": {}}, "the controller has not seen it yet"),
        (deployment(**{**DONE, "updatedReplicas": 1}), "1 of 2 pods are of the new revision"),
        (deployment(**{**DONE, "replicas": 3}), "1 pods of an old revision are still there"),
        (deployment(**{**DONE, "availableReplicas": 1}), "1 of 2 pods are available"),
        (deployment(conditions=[FORBIDDEN]), "FailedCreate: pods are forbidden"),
    ],
)
def test_a_deployment_is_ready_when_its_rollout_is_complete(live: dict[str, Any], reason: str) -> None:
    verdict = readiness.deployment(live)
    assert (verdict.ready, verdict.reason, verdict.failed) == (not reason, reason, False)


def test_a_deployment_that_makes_no_progress_within_its_deadline_has_failed() -> None:
    verdict = readiness.deployment(deployment(conditions=[STUCK], **DONE))
    assert (verdict.failed, verdict.reason) == (True, "ProgressDeadlineExceeded: it timed out")


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ({"readyReplicas": 2, "updatedReplicas": 2, "currentRevision": "b", "updateRevision": "b"}, ""),
        (
            {"readyReplicas": 2, "updatedReplicas": 1, "currentRevision": "a", "updateRevision": "b"},
            "1 of 2 pods are of",
        ),
        ({"readyReplicas": 1, "currentRevision": "b", "updateRevision": "b"}, "1 of 2 pods are ready"),
    ],
)
def test_a_stateful_set_is_ready_when_all_its_pods_are_ready_and_new(status: dict[str, Any], reason: str) -> None:
    verdict = readiness.stateful_set({"metadata": {}, "spec": {"replicas": 2}, "status": status})
    assert verdict.ready == (not reason)
    assert verdict.reason.startswith(reason)


@pytest.mark.parametrize(("updated", "available", "ready"), [(2, 2, True), (1, 2, False), (2, 1, False)])
def test_a_daemon_set_is_ready_when_each_node_has_a_new_pod(updated: int, available: int, ready: bool) -> None:
    status = {"desiredNumberScheduled": 2, "updatedNumberScheduled": updated, "numberAvailable": available}
    assert readiness.daemon_set({"metadata": {}, "status": status}).ready == ready


def test_a_job_is_ready_when_it_is_complete_and_never_when_it_failed() -> None:
    failed = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "too often"}
    assert readiness.job({"status": {"conditions": [{"type": "Complete", "status": "True"}]}}) == READY
    assert readiness.job({"status": {"conditions": [failed]}}).failed
    assert readiness.job({"status": {"active": 1}}).reason == "pods: 1 active, 0 succeeded, 0 failed"


@pytest.mark.parametrize(
    ("spec", "endpoints", "ready"),
    [
        ({"selector": {"a": "b"}}, None, False),
        ({"selector": {"a": "b"}}, {}, True),
        ({"selector": {"a": "b"}}, {"subsets": [{"addresses": [{}]}]}, True),
        ({"selector": {"a": "b"}}, {"subsets": [{"addresses": [{}], "notReadyAddresses": [{}]}]}, False),
        ({"selector": {"a": "b"}, "clusterIP": "None"}, None, True),
        ({"selector": {"a": "b"}, "type": "ExternalName"}, None, True),
        ({}, None, True),
        ({"selector": {"a": "b"}, "type": "LoadBalancer"}, {}, False),
    ],
)
def test_a_service_waits_for_the_pods_behind_it(spec: Any, endpoints: Any, ready: bool) -> None:
    assert readiness.service({"spec": spec}, endpoints).ready == ready


def pod(name: str = "it", **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "status": {"phase": "Pending", **status}}


def waiting(reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    return {"name": "main", "state": {"waiting": {"reason": reason, "message": message}}, **more}


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (
            {"containerStatuses": [waiting("ImagePullBackOff", "no such image")]},
            "container main: ImagePullBackOff: no such image",
        ),
        (
            {
                "containerStatuses": [
                    waiting("CrashLoopBackOff", lastState={"terminated": {"exitCode": 3, "reason": "Error"}})
                ]
            },
            "container main: CrashLoopBackOff (exit code 3, Error)",
        ),
        ({"initContainerStatuses": [waiting("ErrImagePull")]}, "container main: ErrImagePull"),
        (
            {
                "conditions": [
                    {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no node"}
                ]
            },
            "Unschedulable: no node",
        ),
        ({"containerStatuses": [waiting("ContainerCreating")]}, "its phase is Pending"),
        ({"phase": "Failed", "reason": "Evicted", "message": "no memory"}, "Evicted: no memory"),
    ],
)
def test_a_pod_tells_why_it_is_not_ready(status: dict[str, Any], reason: str) -> None:
    assert readiness.pod(pod(**status)).reason == reason


@pytest.mark.parametrize(
    "status", [{"phase": "Succeeded"}, {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}]
)
def test_a_pod_is_ready_when_it_says_so_or_is_through(status: dict[str, Any]) -> None:
    assert readiness.pod(pod(**status)) == READY


def test_pods_of_the_same_trouble_are_told_once_and_not_too_many_of_others() -> None:
    same = [pod(f"same-{index}", containerStatuses=[waiting("ErrImagePull")]) for index in range(5)]
    others = [pod(f"other-{index}", containerStatuses=[waiting(f"Trouble{index}")]) for index in range(5)]
    ready = pod("ready", phase="Succeeded")
    assert readiness.pod_reasons([ready, *same, *others]) == (
        "pod same-0: container main: ErrImagePull; pod other-0: container main: Trouble0; "
        "pod other-1: container main: Trouble1"
    )
