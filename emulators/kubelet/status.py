"""What a pod's containers come to: its phase and its conditions. Pure, so that it can be tested alone."""

from collections.abc import Mapping, Sequence
from typing import Any

State = Mapping[str, Any]
ENDED = ("Succeeded", "Failed")


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    """Return the state of a container that does not run yet, or not now."""
    return {"waiting": {"reason": reason, **({"message": message} if message else {})}}


def exit_code(state: State) -> int | None:
    """Return the exit code of a container that has ended."""
    code: int | None = state.get("terminated", {}).get("exitCode")
    return code


def phase(policy: str, first: Sequence[State], states: Sequence[State]) -> str:
    """Return the phase of a pod from its restart policy and its containers' states, the init containers' first.

    A container that waits to be started again is told by its reason, CrashLoopBackOff.
    """
    codes = [exit_code(state) for state in first]
    if any(code != 0 for code in codes):
        return "Failed" if policy == "Never" and any(codes) else "Pending"
    again = [state for state in states if state.get("waiting", {}).get("reason") == "CrashLoopBackOff"]
    if any("waiting" in state for state in states if state not in again):
        return "Pending"
    if again or any("running" in state for state in states) or policy == "Always":
        return "Running"
    if not any(exit_code(state) for state in states):
        return "Succeeded"
    return "Failed" if policy == "Never" else "Running"


def restarts(policy: str, code: int) -> bool:
    """Say whether a container that ended with a code is started again."""
    return policy == "Always" or (policy == "OnFailure" and code != 0)


def conditions(phase: str, initialized: bool, unready: Sequence[str], before: Sequence[State], now: str) -> list[State]:
    """Return a pod's conditions; one that is as it was keeps its time, and those of others are kept whole."""
    if phase in ENDED:
        ready: dict[str, str] = {"status": "False", "reason": "PodCompleted" if phase == "Succeeded" else "PodFailed"}
    elif unready:
        names = " ".join(unready)
        ready = {
            "status": "False",
            "reason": "ContainersNotReady",
            "message": f"containers with unready status: [{names}]",
        }
    else:
        ready = {"status": "True"}
    started = {"status": "True"} if initialized else {"status": "False", "reason": "ContainersNotInitialized"}
    wanted = {"PodScheduled": {"status": "True"}, "Initialized": started, "ContainersReady": ready, "Ready": ready}
    old = {condition["type"]: condition for condition in before}
    made: list[State] = []
    for kind, told in wanted.items():
        known = old.pop(kind, {})
        since = known.get("lastTransitionTime") if known.get("status") == told["status"] else None
        made.append({"type": kind, **told, "lastTransitionTime": since or now})
    return [*made, *old.values()]
