"""Which program is taken for the provider kubernetes; stand-ins play the genuine plugin, which no registry has."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from emulators.pulumi_providers import genuine
from emulators.pulumi_providers.home import KUBECONFIG, install, version

NAME = "pulumi-resource-kubernetes"
# It tells a version over the protocol, as every plugin does.
PLUGIN = f"""#!{sys.executable}
import os, sys
if len(sys.argv) < 2:
    sys.exit(print(os.environ["KUBECONFIG"]))
from concurrent.futures import ThreadPoolExecutor
import grpc
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc

class Plugin(provider_pb2_grpc.ResourceProviderServicer):
    def GetPluginInfo(self, request, context):
        return plugin_pb2.PluginInfo(version="VERSION")

server = grpc.server(ThreadPoolExecutor(1))
provider_pb2_grpc.add_ResourceProviderServicer_to_server(Plugin(), server)
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
server.wait_for_termination()
"""


def write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that has no plugin: its Pulumi home and its PATH are these folders."""
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


def test_where_there_is_none_there_is_none(bare: Path) -> None:
    assert genuine.find("kubernetes") is None
    write(bare / "home/plugins/resource-kubernetes-v0.0.1", "of another version")
    assert genuine.find("kubernetes") is None


def test_one_in_the_users_home_is_found_by_its_folder(bare: Path) -> None:
    plugin = write(bare / f"home/plugins/resource-kubernetes-v{version('kubernetes')}", "genuine")
    assert genuine.find("kubernetes") == plugin


def test_one_on_path_is_asked_for_its_version(bare: Path) -> None:
    plugin = write(bare / "bin", PLUGIN.replace("VERSION", f"v{version('kubernetes')}"))
    assert genuine.find("kubernetes") == plugin
    write(bare / "bin", PLUGIN.replace("VERSION", "0.0.1"))
    assert genuine.find("kubernetes") is None
    write(bare / "bin", "#!/bin/sh\n")
    assert genuine.find("kubernetes") is None


def test_an_emulated_one_is_not_taken_for_it(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(bare / "home")
    monkeypatch.setenv("PATH", str(bare / f"home/plugins/resource-kubernetes-v{version('kubernetes')}"))
    assert genuine.find("kubernetes") is None


def test_a_home_with_the_genuine_one_starts_it_for_the_same_cluster(bare: Path) -> None:
    plugin = write(bare / "bin", PLUGIN)
    install(bare / "home", {"kubernetes": plugin})
    launcher = bare / f"home/plugins/resource-kubernetes-v{version('kubernetes')}" / NAME
    variables = {**os.environ, KUBECONFIG: "/the/cluster"}
    done = subprocess.run([launcher], env=variables, stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout == "/the/cluster\n"
