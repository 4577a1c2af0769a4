"""The whole story: a registered flow, its script in Blob storage, a run from the API, a Job by the agent, Success.

Nothing in it is a mock: Prefect's own agent and client, Kubernetes' own API server and controllers, and Azurite. The
Prefect API and the kubelet are this project's emulators; the agent's objects are its component's.
"""

import functools
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.cluster import rendered
from tests.cluster.story import LABEL, ROOT, SLEEPER, UNDER_WAY, Story

# The platform's story has such a run in every test run.
pytestmark = pytest.mark.audit

FLOW_IMAGE = "flows.test/flow@sha256:" + "0" * 64


@pytest.fixture(scope="module")
def story(cluster: Any, module_prefect_api: Any, azurite: Any, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Two registered flows: the Pokémon flow of this project, and one that only sleeps."""
    made = Story(cluster, module_prefect_api, cluster.make_namespace())
    folder = tmp_path_factory.mktemp("story")
    (folder / "flows").mkdir()
    (folder / "flows/sleeper.py").write_text(SLEEPER)
    (folder / "flows/pokemon.py").write_text((ROOT / "flows/pokemon.py").read_text())
    for package in ("tasks", "utils"):
        (folder / package).symlink_to(ROOT / package)
    made.register(folder / "flows", azurite, folder)
    return made


@pytest.fixture(scope="module", autouse=True)
def _agent(story: Story, azurite: Any, pokemon_api: str, start_kubelet: Callable[..., Any]) -> None:
    """The agent, and a node of the flow pool for eight pods, which knows its image and the flows'."""
    place = f"prefect-server-apollo.prefect-server:4200={story.api.url.removeprefix('http://')}"
    images = ("--run", "*/prefecthq/prefect:*", "--run", "flows.test/*", "--workdir", str(ROOT))
    start_kubelet(*images, "--host", place, "--label", "prefect-aks/pool=flows", "--pods", "8")
    manifests = rendered.agent(
        story.namespace,
        labels=[LABEL],
        flow_image=FLOW_IMAGE,
        storage=azurite.connection_string,
        POKEMON_API_URL=pokemon_api,
        PREFECT__CLOUD__HEARTBEAT_MODE="thread",
    )
    story.cluster.apply(*manifests, namespace=story.namespace)


def test_a_run_of_the_pokemon_flow_becomes_a_job_and_succeeds(story: Story) -> None:
    run = story.start("pokemon-etl")
    row = story.wait(run)
    assert [state["state"] for state in row["states"]] == ["Scheduled", "Submitted", "Running", "Success"]
    assert any(line["message"].startswith("151 loaded") for line in row["logs"])
    assert story.jobs() == [run]


def test_the_agent_is_reported_as_ready_by_its_health_endpoint(story: Story) -> None:
    story.until_ready()


def weather(story: Story, count: int, seconds: float) -> Counter[str]:
    """Start runs; kill the agent while it submits them, and the API server while they run; give the states at the end.

    A run that the agent had taken and not yet made a Job of is Lazarus' to bring back.
    """
    story.until_ready()
    runs = [story.start("sleeper") for _ in range(count)]
    until = functools.partial(story.cluster.until, seconds=seconds)
    until(lambda: set(story.jobs()) & set(runs))
    story.kill_agent()
    until(lambda: story.states(runs), lambda states: not states["Scheduled"] and states["Success"])
    story.cluster.plane.kill_api_server()
    story.cluster.plane.restart_api_server()
    until(lambda: story.states(runs), lambda states: not {"Scheduled", "Running"} & states.keys())
    while lost := story.lost(runs):
        # What is without a Job for this long is not just being submitted.
        time.sleep(3)
        if lost == story.lost(runs):
            story.resurrect()
            until(lambda: story.states(runs), lambda states: not UNDER_WAY & states.keys())
    return until(lambda: story.states(runs), lambda states: not UNDER_WAY & states.keys())


def test_no_run_is_lost_when_the_agent_and_then_the_api_server_is_killed(story: Story) -> None:
    assert weather(story, 5, 120) == {"Success": 5}


@pytest.mark.timeout(1200)
def test_fifty_runs_at_once_finish_over_the_same(story: Story, record_property: Callable[[str, object], None]) -> None:
    began = time.monotonic()
    assert weather(story, 50, 600) == {"Success": 50}
    record_property("50 flow runs over two kills, seconds", round(time.monotonic() - began))


def test_a_run_that_is_due_while_the_api_server_is_away_for_long_fails_and_says_so(story: Story) -> None:
    story.until_ready()
    story.cluster.plane.kill_api_server()
    try:
        row = story.wait(story.start("sleeper"))
    finally:
        story.cluster.plane.restart_api_server()
    assert [state["state"] for state in row["states"]] == ["Scheduled", "Submitted", "Failed"]
    assert "Max retries exceeded" in row["state_message"]
