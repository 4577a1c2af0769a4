"""Finding the genuine plugin of a provider on this machine, where somebody has installed it."""

import os
import shutil
import subprocess
import threading
from pathlib import Path

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import provider_pb2_grpc

from emulators.pulumi_providers.home import version

# No engine is at this address: a plugin speaks to it only when it has something to say.
_NO_ENGINE = "127.0.0.1:1"
_SECONDS = 20.0


def find(provider: str) -> Path | None:
    """The genuine plugin of exactly the version that the installed SDK asks for, if it is here.

    It is looked for in the user's Pulumi home, where the folder names the version, and on PATH, where it is asked.
    """
    name = f"pulumi-resource-{provider}"
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    installed = home / "plugins" / f"resource-{provider}-v{version(provider)}" / name
    if os.access(installed, os.X_OK) and not _is_ours(installed):
        return installed
    there = shutil.which(name)
    found = Path(there) if there else None
    if found and not _is_ours(found) and _told_version(found) == version(provider):
        return found
    return None


def _is_ours(plugin: Path) -> bool:
    """Whether it is a launcher of an emulated provider, which tells the same version."""
    with plugin.open("rb") as file:
        return b"emulators.pulumi_providers" in file.read(1000)


def _told_version(plugin: Path) -> str:
    """The version that a plugin tells; it has no other way than the protocol. Empty when it tells none."""
    with subprocess.Popen(  # noqa: S603 -- a plugin that the user has installed
        [plugin, _NO_ENGINE], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        killer = threading.Timer(_SECONDS, process.kill)
        killer.start()
        try:
            port = process.stdout.readline().decode().strip() if process.stdout else ""
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                answer = provider_pb2_grpc.ResourceProviderStub(channel).GetPluginInfo(Empty(), timeout=_SECONDS)
            return str(answer.version).removeprefix("v")
        except grpc.RpcError:
            return ""
        finally:
            killer.cancel()
            process.kill()
