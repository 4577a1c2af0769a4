"""Whether a live object is what was asked for, as the genuine provider sees it: pure functions of what the API told."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

_TOLD_PODS = 3


class Verdict(NamedTuple):
    """Ready, still on its way, or never to become ready; and why."""

    ready: bool
    reason: str = ""
    failed: bool = False


READY = Verdict(ready=True)


def _waiting(reason: str) -> Verdict:
    return Verdict(ready=False, reason=reason)


def _failed(reason: str) -> Verdict:
    return Verdict(ready=False, reason=reason, failed=True)


def deployment(live: Mapping[str, Any]) -> Verdict:
    """A rollout that is complete; one that makes no progress within its own deadline has failed."""
    status, wanted = live.get("status") or {}, _wanted(live)
    if _unseen(live):
        return _waiting("the controller has not seen it yet")
    progressing = condition(live, "Progressing")
    if progressing.get("status") == "False":
        return _failed(_told(progressing))
    updated, available, all_of = (
        status.get(name) or 0 for name in ("updatedReplicas", "availableReplicas", "replicas")
    )
    refused = condition(live, "ReplicaFailure")
    if refused.get("status") == "True":
        return _waiting(_told(refused))
    if updated < wanted:
        return _waiting(f"{updated} of {wanted} pods are of the new revision")
    if all_of > updated:
        return _waiting(f"{all_of - updated} pods of an old revision are still there")
    return READY if available >= wanted else _waiting(f"{available} of {wanted} pods are available")


def stateful_set(live: Mapping[str, Any]) -> Verdict:
    """All pods ready, and of the new revision."""
    status, wanted = live.get("status") or {}, _wanted(live)
    if _unseen(live):
        return _waiting("the controller has not seen it yet")
    ready, updated = status.get("readyReplicas") or 0, status.get("updatedReplicas") or 0
    if status.get("currentRevision") != status.get("updateRevision") and updated < wanted:
        return _waiting(f"{updated} of {wanted} pods are of the new revision")
    return READY if ready >= wanted else _waiting(f"{ready} of {wanted} pods are ready")


def daemon_set(live: Mapping[str, Any]) -> Verdict:
    """A pod of the new revision available on every node that is to have one."""
    status = live.get("status") or {}
    if _unseen(live):
        return _waiting("the controller has not seen it yet")
    wanted = status.get("desiredNumberScheduled") or 0
    least = min(status.get("updatedNumberScheduled") or 0, status.get("numberAvailable") or 0)
    return READY if least >= wanted else _waiting(f"{least} of {wanted} pods are available")


def job(live: Mapping[str, Any]) -> Verdict:
    """Complete; a failed job never will be."""
    if condition(live, "Failed").get("status") == "True":
        return _failed(_told(condition(live, "Failed")))
    if condition(live, "Complete").get("status") == "True":
        return READY
    counts = (f"{(live.get('status') or {}).get(name) or 0} {name}" for name in ("active", "succeeded", "failed"))
    return _waiting(f"pods: {', '.join(counts)}")


def pod(live: Mapping[str, Any]) -> Verdict:
    """Ready, or through with success."""
    phase = (live.get("status") or {}).get("phase")
    if phase == "Failed":
        return _failed(pod_reason(live) or "it failed")
    ready = phase == "Succeeded" or condition(live, "Ready").get("status") == "True"
    return READY if ready else _waiting(pod_reason(live) or f"its phase is {phase}")


def service(live: Mapping[str, Any], endpoints: Mapping[str, Any] | None) -> Verdict:
    """No pod behind it is on its way to be ready; a load balancer also needs an address.

    As with the genuine provider, a service that no pod backs is ready.
    """
    spec = live.get("spec") or {}
    balancer = ((live.get("status") or {}).get("loadBalancer") or {}).get("ingress")
    if spec.get("type") == "LoadBalancer" and not balancer:
        return _waiting("it was given no address; has the cluster a load balancer?")
    if not watches_pods(live):
        return READY
    if endpoints is None:
        return _waiting("its endpoints are not known yet")
    pending = sum(len(subset.get("notReadyAddresses") or ()) for subset in endpoints.get("subsets") or ())
    return _waiting(f"{pending} pods behind it are not ready") if pending else READY


def watches_pods(live: Mapping[str, Any]) -> bool:
    """Whether a service is to wait for pods: it selects some, and has an address of its own."""
    spec = live.get("spec") or {}
    return bool(spec.get("selector")) and spec.get("type") != "ExternalName" and spec.get("clusterIP") != "None"


WATCHED: Mapping[str, Callable[[Mapping[str, Any]], Verdict]] = {
    "Deployment": deployment,
    "StatefulSet": stateful_set,
    "DaemonSet": daemon_set,
    "Job": job,
    "Pod": pod,
}


def pod_reasons(pods: Sequence[Mapping[str, Any]]) -> str:
    """Why pods are not ready, in one line; pods of the same trouble are told once."""
    found: dict[str, str] = {}
    for one in pods:
        if reason := "" if pod(one).ready else pod_reason(one):
            found.setdefault(reason, one["metadata"]["name"])
    told = [f"pod {name}: {reason}" for reason, name in list(found.items())[:_TOLD_PODS]]
    return "; ".join(told)


def pod_reason(live: Mapping[str, Any]) -> str:
    """Why a pod is not ready, as its containers and its conditions tell it."""
    status = live.get("status") or {}
    for container in [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]:
        if reason := _container_reason(container):
            return f"container {container['name']}: {reason}"
    for name in ("PodScheduled", "Initialized", "ContainersReady", "Ready"):
        found = condition(live, name)
        if found.get("status") == "False" and (found.get("reason") or found.get("message")):
            return _told(found)
    return ": ".join(filter(None, (status.get("reason"), status.get("message"))))


def _container_reason(container: Mapping[str, Any]) -> str:
    state = container.get("state") or {}
    waiting = state.get("waiting") or {}
    if waiting and waiting.get("reason") not in {"ContainerCreating", "PodInitializing"}:
        # What ended the container tells more than that it is to be started again.
        ended = (container.get("lastState") or {}).get("terminated")
        return _told(waiting) + (f" ({_ended(ended)})" if ended else "")
    ended = state.get("terminated") or {}
    return _ended(ended) if ended.get("exitCode") else ""


def _ended(terminated: Mapping[str, Any]) -> str:
    return f"exit code {terminated.get('exitCode')}, {_told(terminated)}"


def condition(live: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A condition of an object's status; empty when it has none."""
    conditions: Sequence[Mapping[str, Any]] = (live.get("status") or {}).get("conditions") or ()
    return next((one for one in conditions if one.get("type") == name), {})


def _told(found: Mapping[str, Any]) -> str:
    parts = (str(found.get(name) or "").strip() for name in ("reason", "message"))
    return ": ".join(part for part in parts if part) or "no reason is told"


def _wanted(live: Mapping[str, Any]) -> int:
    replicas = (live.get("spec") or {}).get("replicas")
    return 1 if replicas is None else int(replicas)


def _unseen(live: Mapping[str, Any]) -> bool:
    generation = live["metadata"].get("generation") or 0
    return bool(((live.get("status") or {}).get("observedGeneration") or 0) < generation)
