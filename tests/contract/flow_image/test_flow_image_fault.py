"""What is said when Azure does not build the flow image, and that the next run completes."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from components import image_build
from emulators.background import listen
from emulators.container_registry.blob import SIGNATURE
from registration import azure_endpoint

ROOT = Path(__file__).parents[3]
ALWAYS = {"times": 99, "headers": {"Retry-After": "0.01"}}
FIREWALL = "denied: client with IP '203.0.113.7' is not allowed access. Refer to the registry's firewall."
NO_PACKAGE = "ERROR: No matching distribution found for prefect==1.4.1"
ROLE = "it takes the role Contributor, or Container Registry Tasks Contributor on /sub.*/crTest, and a role counts .*"
GOES_ON = r" \(build ca1 goes on, and the next run finds what it makes\)"
SHOWN = "`az acr task logs --registry crTest --run-id ca1`"
STORAGE = "the storage of Azure's build service"
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "not allowed": (
        {"at": "source", "status": 403, "code": "AuthorizationFailed", "message": "No."},
        rf"a build is not allowed \(AuthorizationFailed\); {ROLE}",
    ),
    "may send and not build": (
        {"at": "schedule", "status": 403, "code": "AuthorizationFailed", "message": "No."},
        rf"a build is not allowed \(AuthorizationFailed\); {ROLE}",
    ),
    "throttled": (
        {"at": "schedule", "status": 429, "code": "TooManyRequests", "message": "Slow\ndown.", **ALWAYS},
        r"Azure answers 429 \(TooManyRequests: Slow down\); run it again in some minutes",
    ),
    "broken": (
        {"at": "source", "status": 500, "code": "InternalServerError", **ALWAYS},
        r"Azure answers 500 \(InternalServerError\); run it again in some minutes",
    ),
    "broken while it builds": (
        {"at": "run", "status": 500, "code": "InternalServerError", **ALWAYS},
        rf"Azure answers 500 \(InternalServerError\); run it again in some minutes{GOES_ON}",
    ),
    "no such pool": (
        {"at": "schedule", "status": 400, "code": "AgentPoolNotFound", "message": "No pool."},
        r"Azure answers 400 \(AgentPoolNotFound: No pool\); is the registry one of the Premium tier, .*\?",
    ),
    "no registry": (
        {"at": "source", "status": 404, "code": "ResourceNotFound", "message": "The Resource was not found."},
        r"Azure knows no registry /sub.*/crTest; run `pulumi refresh`, then again",
    ),
    "no upload": (
        {"at": "upload", "status": 403, "code": "AuthenticationFailed"},
        rf"{STORAGE} answers 403 \(AuthenticationFailed\); run it again in some minutes",
    ),
    "upload that breaks off": (
        {"at": "upload", "cut": True, "times": 99},
        f"the source cannot be put into {STORAGE}; a firewall in between has to let .* out; run it again when it does",
    ),
    "lost answer": ({"at": "schedule", "cut": True, "done": True}, "Azure .* is something else there, or in between.*"),
    "lost while it builds": ({"at": "run", "cut": True, "times": 99}, f"Azure .*{GOES_ON}"),
    "failed": (
        {"at": "run", "ends": "Failed", "message": NO_PACKAGE},
        f"build ca1 failed: {NO_PACKAGE}; mend that, and run it again; {SHOWN} has all its log",
    ),
    "closed to the machines that all share": (
        {"at": "run", "ends": "Failed", "message": FIREWALL},
        f"build ca1 failed: {re.escape(FIREWALL)}; mend that, .*",
    ),
    "cancelled": ({"at": "run", "ends": "Canceled"}, "build ca1 was cancelled by somebody; run it again"),
    "internal error": (
        {"at": "run", "ends": "Error"},
        r"Azure could not carry out build ca1 \(Error\); run it again in some minutes",
    ),
    "timed out": (
        {"at": "run", "ends": "Timeout", "message": "Step 3/4"},
        f"build ca1 was not done in 30 minutes, and Azure ended it: Step 3/4; run it again, or look at {SHOWN}",
    ),
    "never shown": (
        {"at": "tag", "status": 404, "times": 999},
        "crtest.azurecr.io still does not show the tag; run it again",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_failure_is_one_line_that_says_what_to_do_and_the_next_run_completes(azure: Any, name: str) -> None:
    fault, line = FAULTS[name]
    azure.fail(fault)
    said = azure.refused()
    assert re.fullmatch(line, said)
    assert SIGNATURE not in said
    azure.fail()
    assert azure.create()["digest"].startswith("sha256:")


@pytest.mark.parametrize(
    ("place", "status"),
    [("source", 429), ("upload", 503), ("schedule", 429), ("schedule", 503), ("run", 429), ("run", 503)],
)
def test_what_azure_refuses_for_a_moment_is_tried_again(azure: Any, place: str, status: int) -> None:
    azure.fail({"at": place, "status": status, "times": 2, "headers": {"Retry-After": "0.01"}})
    assert azure.create()["digest"].startswith("sha256:")
    assert len(azure.builds()) == 1


def test_a_build_that_does_not_end_is_given_up(azure: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_build, "BUILD_SECONDS", 0.1)
    monkeypatch.setattr(image_build, "QUEUE_SECONDS", 0.1)
    azure.fail({"at": "run", "ends": "Queued", "times": 9999})
    said = f"build ca1 is still queued after 0 minutes; look at it with {SHOWN}, and run this again: it finds what .*"
    assert re.fullmatch(said, azure.refused())


def test_what_an_earlier_run_built_after_its_answer_was_lost_is_found(azure: Any) -> None:
    azure.fail({"at": "run", "cut": True, "times": 99})
    assert re.search(GOES_ON, azure.refused())
    azure.fail()
    for _ in range(2):
        httpx.get(f"{azure.url}/arm{azure.registry}/runs/ca1").raise_for_status()
    assert azure.create()["digest"].startswith("sha256:")
    assert len(azure.builds()) == 1


def test_one_that_was_built_by_another_meanwhile_hurts_nobody(azure: Any) -> None:
    first = azure.create()
    azure.fail({"at": "tag", "status": 404})
    assert azure.create() == first


def test_a_plugin_that_was_killed_while_it_built_leaves_nothing_that_stops_the_next_run(azure: Any) -> None:
    azure.fail({"at": "run", "ends": "Running", "times": 9999})
    program = f"from components.flow_image_provider import *; FlowImageProvider().create({azure.props()!r})"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "flow image: build ca1 is queued\n"
        process.send_signal(signal.SIGKILL)
    azure.fail()
    assert azure.create()["digest"].startswith("sha256:")


def test_a_service_that_cannot_be_reached_is_told_as_such(azure: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with listen(0) as held:
        port = held.getsockname()[1]
    monkeypatch.setenv(azure_endpoint.VARIABLE, f"http://127.0.0.1:{port}")
    assert re.fullmatch("crtest.azurecr.io cannot be reached; a private registry answers inside .*", azure.refused())
