"""A closed registry's own build machine: there while an image is built, and paid for no longer."""

import re
from typing import Any

import httpx
import pytest

from components import build_machine
from components.build_log import BuildLog

ALWAYS = {"times": 99, "headers": {"Retry-After": "0.01"}}
DENIED = {"status": 403, "code": "AuthorizationFailed", "message": "No."}
NOT_ALLOWED = (
    r"scaling the build machine is not allowed \(AuthorizationFailed\); it takes the role Contributor, or Container "
    "Registry Tasks Contributor on /sub.*/crTest, and a role counts .*"
)
SHOWN = "look at it with `az acr agentpool show --registry crTest --name builds`, and run this again"
STAYS = (
    "flow image: the build machine could not be stopped, and is paid for until "
    "`az acr agentpool update --registry crTest --name builds --count 0` is run: "
)
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "not allowed to look": ({"at": "pool", **DENIED}, NOT_ALLOWED),
    "may look and not start": ({"at": "scale", **DENIED}, NOT_ALLOWED),
    "no such pool": (
        {"at": "pool", "status": 404, "code": "ResourceNotFound", "message": "The Resource was not found."},
        "Azure knows no agent pool builds in registry /sub.*/crTest; run `pulumi refresh`, then again",
    ),
    "throttled": (
        {"at": "pool", "status": 429, "code": "TooManyRequests", "message": "Slow\ndown.", **ALWAYS},
        r"Azure answers 429 \(TooManyRequests: Slow down\); run it again in some minutes",
    ),
    "changed by another": (
        {"at": "scale", "status": 409, "code": "Conflict", "message": "In progress."},
        r"Azure answers 409 \(Conflict: In progress\); is the registry one of the Premium tier, .*\?",
    ),
    "lost answer": ({"at": "scale", "cut": True, "done": True}, "Azure .* is something else there, or in between.*"),
    "failed": ({"at": "pool", "ends": "Failed", "after": 3}, rf"the build machine did not start \(Failed\); {SHOWN}"),
    "never started": (
        {"at": "pool", "ends": "Updating", "times": 999},
        rf"the build machine did not start \(Updating\); {SHOWN}",
    ),
}


class Machine:
    """The pool that a test's images are built in."""

    def __init__(self, azure: Any) -> None:
        self.azure = azure

    def build(self) -> Any:
        return self.azure.create(agent_pool="builds")

    def refused(self) -> str:
        return str(self.azure.refused(agent_pool="builds"))

    def ask(self, count: int) -> None:
        """Have somebody else ask for a number of machines, who does not wait."""
        url = f"{self.azure.url}/arm{self.azure.registry}/agentPools/builds"
        headers = {"Authorization": "Bearer me"}
        httpx.patch(url, json={"properties": {"count": count}}, headers=headers).raise_for_status()

    def state(self) -> tuple[int, list[int]]:
        """How many machines there are, and what was asked for so far."""
        [pool] = httpx.get(f"{self.azure.url}/emulator/pools").json()
        return pool["count"], pool["asked"]


@pytest.fixture
def machine(azure: Any, monkeypatch: pytest.MonkeyPatch) -> Machine:
    for limit in ("START_SECONDS", "STOP_SECONDS"):
        monkeypatch.setattr(build_machine, limit, 0.1)
    return Machine(azure)


def told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines about the machine, and when a build was queued."""
    return [line for line in capsys.readouterr().out.splitlines() if re.search("machine|queued", line)]


def test_it_is_started_before_a_build_and_stopped_after_it(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.ask(0)
    machine.build()
    assert machine.state() == (0, [0, 1, 0])
    assert told(capsys) == [
        "flow image: starting the build machine",
        "flow image: build ca1 is queued",
        "flow image: stopping the build machine",
    ]


def test_one_that_runs_is_taken_and_stopped_too(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.build()
    assert machine.state() == (0, [0])
    assert told(capsys) == ["flow image: build ca1 is queued", "flow image: stopping the build machine"]


def test_without_a_pool_none_is_asked_for(machine: Machine) -> None:
    machine.azure.create()
    assert httpx.get(f"{machine.azure.url}/emulator/pools").json() == []


def test_one_that_a_killed_run_left_is_stopped_by_the_next_which_finds_the_image(machine: Machine) -> None:
    machine.build()
    machine.ask(1)
    machine.build()
    assert len(machine.azure.builds()) == 1
    assert machine.state() == (0, [0, 1, 0])


def test_it_is_stopped_after_a_build_that_failed(machine: Machine) -> None:
    machine.azure.fail({"at": "run", "ends": "Failed", "message": "no space left"})
    assert machine.refused().startswith("build ca1 failed: no space left; ")
    assert machine.state() == (0, [0])


def test_it_is_stopped_when_nobody_follows_the_build_any_more(machine: Machine) -> None:
    machine.azure.fail({"at": "run", "cut": True, "times": 99})
    left = "its machine is stopped, so build ca1 may not end; the next run finds what it made, or builds"
    assert machine.refused().endswith(f" ({left})")
    assert machine.state() == (0, [0])


def test_it_is_stopped_when_the_build_is_interrupted(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: BuildLog) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(BuildLog, "more", interrupt)
    with pytest.raises(KeyboardInterrupt):
        machine.build()
    assert machine.state() == (0, [0])


def test_a_start_that_was_not_waited_for_is_waited_for(machine: Machine) -> None:
    machine.build()
    machine.ask(1)
    machine.azure.write("tasks/more.py", "x = 1\n")
    machine.build()
    assert machine.state() == (0, [0, 1, 0])


@pytest.mark.parametrize("name", FAULTS)
def test_one_that_cannot_be_started_is_one_line_and_the_next_run_completes(machine: Machine, name: str) -> None:
    fault, line = FAULTS[name]
    machine.ask(0)
    machine.azure.fail(fault)
    assert re.fullmatch(line, machine.refused())
    assert machine.azure.builds() == []
    machine.azure.fail()
    assert machine.build()["digest"].startswith("sha256:")
    assert machine.state()[0] == 0


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ({"at": "scale", **DENIED}, NOT_ALLOWED),
        ({"at": "scale", "cut": True}, "Azure gives no answer that can be read; .*"),
        ({"at": "pool", "ends": "Updating", "after": 2, "times": 999}, "Updating"),
    ],
)
def test_one_that_cannot_be_stopped_is_told_and_changes_nothing(
    machine: Machine, capsys: pytest.CaptureFixture[str], fault: dict[str, Any], why: str
) -> None:
    machine.azure.fail(fault)
    assert machine.build()["digest"].startswith("sha256:")
    assert re.fullmatch(re.escape(STAYS) + why, told(capsys)[-1])


def test_a_build_that_failed_is_the_error_where_its_machine_cannot_be_stopped_either(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.azure.fail({"at": "run", "ends": "Failed"}, {"at": "scale", **DENIED})
    assert machine.refused().startswith("build ca1 failed")
    assert told(capsys)[-1].startswith(STAYS)
