"""One real control plane for all the tests of a worker, and the emulated kubelet as its only node."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emulators.control_plane.guard import Guard
from emulators.control_plane.plane import ControlPlane
from emulators.kubelet.host import free_port
from emulators.process import answers
from tests.cluster.machine import Azurite, Cluster, Kubelet, tool
from tests.cluster.place import Place

ROOT = Path(__file__).parents[2]


def pytest_configure(config: pytest.Config) -> None:
    """Let libraries use each other's older releases, which they warn of."""
    for warning in (
        # The Kubernetes client reads an answer in the way of urllib3 1, whenever the API server refuses.
        "ignore:HTTPResponse.getheader:DeprecationWarning:kubernetes.client.rest",
        # Prefect 1.4.1 hands its serializers a context in the way of marshmallow 2.
        "ignore:The `context` parameter is deprecated:DeprecationWarning",
    ):
        config.addinivalue_line("filterwarnings", warning)


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The control plane that all the tests of a worker share; a test that kills its API server restarts it."""
    plane = ControlPlane(tmp_path_factory.mktemp("cluster") / "plane", tool("etcd"), tool("kubernetes"))
    try:
        plane.start()
        made = Cluster(plane)
        yield made
        made.close()
    finally:
        plane.stop()


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A fresh namespace that enforces the restricted standard."""
    name = cluster.make_namespace()
    yield name
    cluster.core.delete_namespace(name)


@pytest.fixture
def place(cluster: Cluster, namespace: str) -> Place:
    """The same namespace, with what tests of pods do in it."""
    return Place(cluster, namespace)


@pytest.fixture(scope="module")
def start_kubelet(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Kubelet]]:
    """Start the kubelet with given options; one at a time is the cluster's node."""
    started: list[Kubelet] = []

    def start(*options: str) -> Kubelet:
        started.append(Kubelet(cluster, tmp_path_factory.mktemp("kubelet"), options))
        return started[-1]

    yield start
    for kubelet in started:
        kubelet.stop()
    # What is left would take the places of the next module's pods.
    cluster.clear()


@pytest.fixture(scope="module")
def kubelet(start_kubelet: Callable[..., Kubelet]) -> Kubelet:
    """A kubelet that runs the images of run.test, and cannot pull those of missing.test."""
    return start_kubelet("--run", "run.test/*", "--missing", "missing.test/*", "--backoff", "0.2")


@pytest.fixture(scope="package")
def guard() -> Iterator[Guard]:
    """What ends the other servers of a worker."""
    made = Guard()
    yield made
    made.close()


@pytest.fixture(scope="package")
def azurite(guard: Guard, tmp_path_factory: pytest.TempPathFactory) -> Azurite:
    """Blob storage; each test makes a container of its own."""
    if shutil.which("npm") is None:
        pytest.skip("Azurite is an npm package, and there is no npm here")
    return Azurite(guard, tmp_path_factory.mktemp("azurite"))


@pytest.fixture(scope="package")
def pokemon_api(cluster: Cluster, guard: Guard, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the stand-in for the public Pokémon API."""
    port, log = free_port(), tmp_path_factory.mktemp("pokemon") / "pokemon-api.log"
    command = [sys.executable, "-m", "emulators.pokemon_api", "--port", str(port)]
    guard.start(command, environment=os.environ, cwd=ROOT, log=log)
    cluster.until(lambda: answers(f"http://127.0.0.1:{port}/health"))
    return f"http://127.0.0.1:{port}/api/v2"
