"""What a pod's containers come to."""

from typing import Any

import pytest

from emulators.kubelet.status import conditions, phase, restarts, waiting

RUNNING: dict[str, Any] = {"running": {}}
GOOD, BAD = ({"terminated": {"exitCode": code}} for code in (0, 1))
CREATING, AGAIN = waiting("ContainerCreating"), waiting("CrashLoopBackOff")


@pytest.mark.parametrize(
    ("policy", "first", "states", "expected"),
    [
        ("Always", [], [CREATING], "Pending"),
        ("Always", [], [RUNNING], "Running"),
        ("Always", [], [RUNNING, CREATING], "Pending"),
        ("Always", [], [AGAIN], "Running"),
        ("Always", [], [GOOD], "Running"),
        ("Never", [], [GOOD, RUNNING], "Running"),
        ("Never", [], [GOOD, GOOD], "Succeeded"),
        ("Never", [], [GOOD, BAD], "Failed"),
        ("OnFailure", [], [GOOD], "Succeeded"),
        ("OnFailure", [], [BAD], "Running"),
        ("Never", [RUNNING], [CREATING], "Pending"),
        ("Never", [BAD], [CREATING], "Failed"),
        ("OnFailure", [BAD], [CREATING], "Pending"),
        ("Never", [GOOD], [RUNNING], "Running"),
    ],
)
def test_the_phase_follows_from_the_containers_and_the_restart_policy(
    policy: str, first: list[Any], states: list[Any], expected: str
) -> None:
    assert phase(policy, first, states) == expected


@pytest.mark.parametrize(
    ("policy", "of_success", "of_failure"),
    [("Always", True, True), ("OnFailure", False, True), ("Never", False, False)],
)
def test_the_restart_policy_says_what_is_started_again(policy: str, of_success: bool, of_failure: bool) -> None:
    assert (restarts(policy, 0), restarts(policy, 1)) == (of_success, of_failure)


def table(made: Any) -> dict[str, tuple[str, str]]:
    return {entry["type"]: (entry["status"], entry["lastTransitionTime"]) for entry in made}


def test_a_condition_keeps_its_time_until_it_changes() -> None:
    first = conditions("Running", True, ["main"], [], "t1")
    same = conditions("Running", True, ["main"], first, "t2")
    assert table(same) == table(first)
    assert table(conditions("Running", True, [], same, "t3"))["Ready"] == ("True", "t3")


def test_a_condition_of_another_controller_is_kept() -> None:
    other = {"type": "DisruptionTarget", "status": "True", "lastTransitionTime": "t0"}
    assert other in conditions("Running", True, [], [other], "t1")


@pytest.mark.parametrize(("ended", "reason"), [("Succeeded", "PodCompleted"), ("Failed", "PodFailed")])
def test_a_pod_that_has_ended_is_not_ready(ended: str, reason: str) -> None:
    (ready,) = (entry for entry in conditions(ended, True, [], [], "t") if entry["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("False", reason)
