"""The platform in a real cluster, by Pulumi: our components and chart, with the real Helm, admission and agent.

The tests are one story, in their order. The Prefect API, the kubelet and the server's pods are emulated, and so is
Pulumi's Kubernetes provider where the genuine one is not installed.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from components.image import UPSTREAM, Image
from emulators.engine import Engine, engine
from emulators.pulumi_providers import genuine
from emulators.pulumi_providers.home import KUBECONFIG, install
from tests.cluster.story import SLEEPER, Story
from toolchain import installer
from toolchain.tool import HELM

ROOT = Path(__file__).parents[2]
OTHERS = frozenset({"agent", "flowBase", "loginProxy"})
"""Upstream images that are none of the server's pods here."""
SERVER, FLOWS = "prefect-server", "prefect"
PROJECT = {"name": "platform", "runtime": {"name": "python", "options": {"virtualenv": sys.prefix}}}
PROGRAM = """
import json
from pathlib import Path

import pulumi
import pulumi_kubernetes as kubernetes
from components import prefect_server
from components.network_rule import Peer
from components.prefect_agent import PrefectAgent, PrefectAgentArgs
from components.prefect_server import PrefectServer, PrefectServerArgs

given = json.loads(Path("given.json").read_text())
provider = kubernetes.Provider("cluster")
server = PrefectServer(
    "server",
    PrefectServerArgs(
        chart=prefect_server.CHART,
        images=given["images"],
        database_host="server.postgres.database.azure.com",
        database_name="prefect",
        database_username="prefect",
        database_password=pulumi.Output.secret(given["password"]),
        database_network="10.20.11.0/24",
        replicas=1,
        clients=(Peer(ports=(), pods={"app.kubernetes.io/name": "prefect-agent"}, namespace="prefect"),),
        api_server=given["api"],
        api_server_authority="",
        tenant="default",
        project="story",
        timeout_seconds=given["timeout"],
    ),
    pulumi.ResourceOptions(provider=provider),
)
PrefectAgent(
    "agent",
    PrefectAgentArgs(
        namespace="prefect",
        image=given["agent_image"],
        flow_image=given["flow_image"],
        api_url=prefect_server.APOLLO_URL,
        api=prefect_server.APOLLO_PODS,
        labels=("story",),
        flow_account="flow",
        flow_client_id="00000000-0000-0000-0000-00000000000f",
        storage_connection=given["storage"],
        flow_environment=given["environment"],
    ),
    pulumi.ResourceOptions(provider=provider, depends_on=[server]),
)
"""


@dataclass
class Platform:
    """A stack whose objects are in the cluster, and what its agent works for."""

    engine: Engine
    root: Path
    cluster: Any
    api: Any
    given: dict[str, Any]

    def act(self, *arguments: str, code: int = 0) -> tuple[dict[str, str], str]:
        """Run a command of the engine: what it did to each resource that did not stay the same, and what it said."""
        (self.root / "given.json").write_text(json.dumps(self.given))
        log = self.root / "events.json"
        found, said = self.engine.watch(
            *arguments, "--yes", "--skip-preview", "--stack", "platform", cwd=self.root, log=log
        )
        assert found == code, said
        assert "Traceback" not in said
        assert self.given["password"] not in said
        operations = {}
        for event in map(json.loads, log.read_text().splitlines()):
            told = event.get("resOutputsEvent") or event.get("resOpFailedEvent") or event.get("resourcePreEvent")
            if told and not told["metadata"]["type"].startswith("pulumi:"):
                operations[told["metadata"]["urn"].rsplit("::", 1)[1]] = told["metadata"]["op"]
        return {name: operation for name, operation in operations.items() if operation != "same"}, said

    @property
    def story(self) -> Story:
        """What its agent is given to do."""
        return Story(self.cluster, self.api, FLOWS)

    def pods(self, namespace: str) -> dict[str, Any]:
        """The pods of a namespace that are not on their way out, by their part."""
        listed = self.cluster.core.list_namespaced_pod(namespace).items
        kept = [pod for pod in listed if pod.metadata.deletion_timestamp is None]
        part = "app.kubernetes.io/component" if namespace == SERVER else "app.kubernetes.io/name"
        return {pod.metadata.labels[part]: pod for pod in kept}

    def images(self) -> dict[str, str]:
        """The image of every service of the server."""
        deployments = self.cluster.apps.list_namespaced_deployment(SERVER).items
        return {
            each.metadata.labels["app.kubernetes.io/component"]: each.spec.template.spec.containers[0].image
            for each in deployments
        }


def as_values(image: Image) -> dict[str, str]:
    return {name: getattr(image, name) for name in ("registry", "repository", "tag", "digest")}


@pytest.fixture(scope="module")
def platform(  # noqa: PLR0913, PLR0917 - the fixtures that it is made of
    cluster: Any,
    module_prefect_api: Any,
    azurite: Any,
    pokemon_api: str,
    start_kubelet: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Platform]:
    """The whole platform after its first update, with the flows registered."""
    api, root = module_prefect_api, tmp_path_factory.mktemp("platform")
    for folder in ("charts", "components", "registration"):
        (root / folder).symlink_to(ROOT / folder)
    (root / "Pulumi.yaml").write_text(json.dumps(PROJECT))
    (root / "__main__.py").write_text(PROGRAM)
    start_kubelet(
        *("--run", "*/prefecthq/prefect:*", "--run", "flows.test/*", "--workdir", str(ROOT), "--pods", "30"),
        *("--missing", "*:missing", "--label", "prefect-aks/pool=flows"),
        *("--host", f"prefect-server-apollo.prefect-server:4200={api.url.removeprefix('http://')}"),
    )
    given = {
        "images": {name: as_values(image) for name, image in UPSTREAM.items() if name not in OTHERS},
        "agent_image": UPSTREAM["agent"].reference,
        "flow_image": "flows.test/flow:1",
        "password": "a-password-that-nobody-may-read",
        "api": api.url,
        "storage": azurite.connection_string,
        "environment": {"POKEMON_API_URL": pokemon_api, "PREFECT__CLOUD__HEARTBEAT_MODE": "thread"},
        "timeout": 60,
    }
    with engine("prefect-aks-test-") as bare:
        path = f"{installer.ensure(HELM, os.environ)}:{bare.environment['PATH']}"
        variables = {KUBECONFIG: str(cluster.plane.kubeconfig), "PATH": path}
        opened = replace(bare, environment={**bare.environment, **variables})
        plugin = genuine.find("kubernetes")
        install(opened.folder / "home", {"kubernetes": plugin} if plugin else None)
        opened.call("stack", "init", "platform", cwd=root)
        made = Platform(opened, root, cluster, api, given)
        assert set(made.act("up")[0].values()) == {"create"}
        flows = root / "story" / "flows"
        flows.mkdir(parents=True)
        (flows / "sleeper.py").write_text(SLEEPER)
        (flows / "pokemon.py").write_text((ROOT / "flows/pokemon.py").read_text())
        for package in ("tasks", "utils"):
            (root / "story" / package).symlink_to(ROOT / package)
        made.story.register(flows, azurite, root / "story")
        yield made


def test_everything_is_admitted_under_the_restricted_standard_and_ready(platform: Platform) -> None:
    for namespace in (SERVER, FLOWS):
        labels = platform.cluster.core.read_namespace(namespace).metadata.labels
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert set(platform.pods(SERVER)) == {"apollo", "graphql", "hasura", "towel", "ui"}
    assert set(platform.pods(FLOWS)) == {"prefect-agent"}
    for namespace in (SERVER, FLOWS):
        for pod in platform.pods(namespace).values():
            assert all(status.ready for status in pod.status.container_statuses), pod.metadata.name


def test_a_second_update_changes_nothing(platform: Platform) -> None:
    assert platform.act("up", "--expect-no-changes")[0] == {}


def test_a_run_of_the_pokemon_flow_becomes_a_job_and_succeeds(platform: Platform) -> None:
    run = platform.story.start("pokemon-etl")
    row = platform.story.wait(run, 120)
    states = [state["state"] for state in row["states"]]
    assert states == ["Scheduled", "Submitted", "Running", "Success"], row["state_message"]
    # The last lines of a log may come after its run's last state.
    platform.cluster.until(
        lambda: platform.story.logs(run), lambda lines: any("151 loaded" in line for line in lines), 30
    )
    (job,) = platform.cluster.batch.list_namespaced_job(FLOWS).items
    assert job.metadata.labels["prefect.io/flow_run_id"] == run
    (container,) = job.spec.template.spec.containers
    assert (container.image, job.spec.template.spec.service_account_name) == ("flows.test/flow:1", "flow")


def test_an_upgrade_of_one_image_rolls_that_service_alone(platform: Platform) -> None:
    before, pods = platform.images(), platform.pods(SERVER)
    platform.given["images"]["hasura"]["tag"] = "v2.1.2"
    assert platform.act("up")[0] == {"server-release": "update"}
    assert platform.images() == {**before, "hasura": "docker.io/hasura/graphql-engine:v2.1.2"}
    now = platform.pods(SERVER)
    moved = {part for part, pod in now.items() if pod.metadata.uid != pods[part].metadata.uid}
    assert moved == {"hasura"}


def test_an_upgrade_that_does_not_get_ready_is_taken_back(platform: Platform) -> None:
    before = platform.images()
    platform.given["images"]["apollo"]["tag"] = "missing"
    platform.given["timeout"] = 8
    _, said = platform.act("up", code=1)
    (reason,) = {line.strip() for line in said.splitlines() if "has been rolled back due to atomic being set" in line}
    assert "prefect-server/prefect-server" in reason
    assert platform.images() == before
    platform.given["images"]["apollo"]["tag"] = UPSTREAM["apollo"].tag
    platform.given["timeout"] = 60
    platform.act("up")
    assert platform.images() == before
    assert platform.act("up", "--expect-no-changes")[0] == {}


def test_another_flow_image_restarts_the_agent_and_registers_nothing(platform: Platform) -> None:
    before = platform.pods(FLOWS)["prefect-agent"].metadata.uid
    versions = platform.api.query("{ flow { name version archived } }")
    platform.given["flow_image"] = "flows.test/flow:2"
    changed, _ = platform.act("up")
    assert changed.keys() == {"agent-job-template", "agent-deployment"}
    assert platform.pods(FLOWS)["prefect-agent"].metadata.uid != before
    assert platform.api.query("{ flow { name version archived } }") == versions
    assert platform.story.wait(platform.story.start("sleeper"), 120)["state"] == "Success"
    jobs = platform.cluster.batch.list_namespaced_job(FLOWS).items
    assert "flows.test/flow:2" in {job.spec.template.spec.containers[0].image for job in jobs}


def test_another_password_rolls_who_uses_it(platform: Platform) -> None:
    before = platform.pods(SERVER)
    platform.given["password"] += "-any-more"
    assert {"server-database", "server-release"} == platform.act("up")[0].keys()
    now = platform.pods(SERVER)
    moved = {part for part, pod in now.items() if pod.metadata.uid != before[part].metadata.uid}
    assert moved == {"graphql", "hasura"}


def test_it_is_destroyed_whole(platform: Platform) -> None:
    operations, _ = platform.act("destroy")
    assert set(operations.values()) == {"delete"}
    names = {space.metadata.name for space in platform.cluster.core.list_namespace().items}
    assert names.isdisjoint({SERVER, FLOWS})
