"""Many flows at once, and an update that is killed, with the real engine."""

import subprocess
import time
from collections.abc import Callable
from typing import Any

import httpx
import psutil
import pytest

HALF = 20
MANY = 1000


def registered(api: Any) -> list[int]:
    """The versions of all unarchived flows."""
    answer = httpx.post(api.url, json={"query": "{ flow(where: {archived: {_eq: false}}) { version } }"}).json()
    return [row["version"] for row in answer["data"]["flow"]]


@pytest.mark.audit
def test_an_update_killed_half_way_is_finished_by_the_next_with_no_version_twice(
    checkout: Any, prefect_api: Any
) -> None:
    checkout.serve(prefect_api)
    for number in range(50):
        checkout.write(f"flow-{number}", value=number)
    killed = subprocess.Popen(
        ["pulumi", "up", "--yes", "--skip-preview", "--stack", "local", "--non-interactive"],
        cwd=checkout.root,
        env=checkout.whole_environment(),
        stdout=subprocess.DEVNULL,
    )
    while killed.poll() is None and len(registered(prefect_api)) < HALF:
        time.sleep(0.02)
    assert killed.poll() is None, "it was done before it could be killed"
    # The engine's plugins would outlive it, each in a process group of its own.
    plugins = psutil.Process(killed.pid).children(recursive=True)
    for process in (killed, *plugins):
        process.kill()
    killed.wait()
    half = len(registered(prefect_api))
    assert HALF <= half < 50

    checkout.pulumi("cancel", "--yes")
    checkout.up()
    assert registered(prefect_api) == [1] * 50


@pytest.mark.audit
@pytest.mark.timeout(1800)
def test_a_thousand_flows_are_registered_left_alone_and_previewed(
    checkout: Any, prefect_api: Any, record_property: Callable[[str, object], None]
) -> None:
    checkout.serve(prefect_api)
    for number in range(MANY):
        checkout.write(f"flow-{number:04}", value=number)

    def timed(command: str) -> dict[str, str]:
        began = time.monotonic()
        outcome = getattr(checkout, command)()
        seconds = round(time.monotonic() - began)
        record_property(f"{command} with {len(outcome.flows)} flows changed: seconds", seconds)
        record_property(f"{command} with {len(outcome.flows)} flows changed: peak MiB of a process", outcome.peak_mib)
        return outcome.flows

    assert set(timed("up").values()) == {"create"}
    assert registered(prefect_api) == [1] * MANY
    assert timed("up") == {}
    checkout.write("flow-0500", value=-1)
    assert timed("preview") == {"flow-0500": "update"}
