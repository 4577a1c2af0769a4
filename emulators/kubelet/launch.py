"""From a container's specification to a process on this machine: its command, its environment and its ports."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from emulators.control_plane.client import write_kubeconfig
from emulators.kubelet.environment import ConfigError, expand, resolve
from emulators.kubelet.host import Host, free_port
from emulators.kubelet.translation import Translation
from emulators.kubelet.volume import ACCOUNT_PATH, mounts

Body = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Launch:
    """What is started for a container; `ports` are this machine's, by the container's own."""

    command: list[str]
    environment: dict[str, str]
    cwd: Path
    ports: dict[int, int]


def prepare(container: Body, pod: Body, volumes: Mapping[str, Path], folder: Path, host: Host) -> Launch:
    """Compute what to start for a container; `folder` is the pod's own.

    Raises:
        ConfigError: it has neither command nor arguments, or what it refers to is not there.
    """
    namespace = pod["metadata"]["namespace"]
    variables = resolve(container, pod, lambda kind, name: host.data(namespace, kind, name))
    paths = mounts(container, volumes)
    ports = {entry["containerPort"]: free_port() for entry in container.get("ports") or []}
    here = Translation(paths=paths, hosts=host.hosts, ports=ports)
    words = [expand(word, variables) for word in [*(container.get("command") or []), *(container.get("args") or [])]]
    if not words:
        raise ConfigError(
            f"the entrypoint of the image {container['image']} is not known here; give the container a command or args"
        )
    environment = _own(paths, folder, host, namespace)
    return Launch(
        command=[here.text(word) for word in words],
        environment=environment | {name: here.text(value) for name, value in variables.items()},
        cwd=_directory(container, here, host),
        ports=ports,
    )


def _own(paths: Mapping[str, str], folder: Path, host: Host, namespace: str) -> dict[str, str]:
    """Return the variables that stand for the image and the node; nothing of this process's own goes along."""
    home = folder / "home"
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    variables = {
        "PATH": host.path,
        "HOME": str(home),
        "TMPDIR": paths.get("/tmp", str(home)),  # noqa: S108 - the path inside the container
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(host.workdir),
        "PYTHONUNBUFFERED": "1",
    }
    if account := paths.get(ACCOUNT_PATH):
        # A client looks for the account's own files at a fixed path, which is not there; this file is its way out.
        server = yaml.safe_load(host.kubeconfig.read_text("utf-8"))["clusters"][0]["cluster"]["server"]
        authority, token = ((Path(account) / name).read_text("utf-8") for name in ("ca.crt", "token"))
        variables["KUBECONFIG"] = str(write_kubeconfig(folder / "kubeconfig", server, authority, token, namespace))
    return variables


def _directory(container: Body, here: Translation, host: Host) -> Path:
    """Return where the process starts: in a mount when that is the working directory, else where the code is."""
    wanted = container.get("workingDir", "")
    translated = here.text(wanted)
    return Path(translated) if translated != wanted else host.workdir
