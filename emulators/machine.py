"""The local machine: its ports, its folders, the environment of its processes, and the processes themselves.

Everything that it writes is below `.local/` of the checkout, and everything listens on 127.0.0.1.
"""

import os
import re
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from delivery.pr_project.agent import client_environment
from emulators.process import Process

ROOT = Path(__file__).resolve().parents[1]
HOST = "127.0.0.1"
_PORTS = {"PREFECT_API_PORT": 4200, "POKEMON_API_PORT": 4280, "PREFECT_AGENT_PORT": 4260}
_HIGHEST_PORT = 65535


class MachineError(RuntimeError):
    """This machine cannot run the system as it is asked to; the message is one line for the user."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """One checkout's local machine; `ports` has one by the name of each variable, all different."""

    root: Path
    ports: Mapping[str, int]

    @classmethod
    def load(cls, root: Path = ROOT, environ: Mapping[str, str] | None = None) -> "Machine":
        """Read the ports from the environment.

        Raises:
            MachineError: a port is no port number, two are the same, or the state cannot lie in this checkout.
        """
        # The engine takes the place of its state as a URL, and not an encoded one.
        if special := re.search("[#?%]", str(root)):
            raise MachineError(f"the path {root} holds a {special[0]!r}, which Pulumi cannot take; move the checkout")
        values = os.environ if environ is None else environ
        ports = {name: _port(values, name) for name in _PORTS}
        if len(set(ports.values())) < len(ports):
            given = ", ".join(f"{name}={port}" for name, port in ports.items())
            raise MachineError(f"each server needs a port of its own, and two have the same: {given}")
        return cls(root=root, ports=ports)

    @property
    def home(self) -> Path:
        """The folder of all its state."""
        return self.root / ".local"

    @property
    def prefect_url(self) -> str:
        """Where the Prefect API answers."""
        return self._url("PREFECT_API_PORT")

    @property
    def pokemon_url(self) -> str:
        """Where the stand-in for the public Pokémon API answers."""
        return f"{self._url('POKEMON_API_PORT')}/api/v2"

    @property
    def agent_url(self) -> str:
        """Where the agent says that it is well, and can be told to look for work at once."""
        return f"{self._url('PREFECT_AGENT_PORT')}/api"

    def environment(self, environ: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return what every process gets: the caller's environment, with nothing in it that leads elsewhere."""
        return {
            **client_environment(self.prefect_url, self.home / "prefect", os.environ if environ is None else environ),
            **{name: str(port) for name, port in self.ports.items()},
            "POKEMON_API_URL": self.pokemon_url,
        }

    def prefect(self) -> Process:
        """Return the Prefect API's process."""
        port, health = str(self.ports["PREFECT_API_PORT"]), f"{self.prefect_url}/health"
        database = "sqlite:///.local/prefect.db"
        return self._process("prefect-api", health, "emulators.prefect_api", "--port", port, "--database", database)

    def pokemon(self) -> Process:
        """Return the Pokémon API's process."""
        port, health = str(self.ports["POKEMON_API_PORT"]), f"{self._url('POKEMON_API_PORT')}/health"
        return self._process("pokemon-api", health, "emulators.pokemon_api", "--port", port)

    def agent(self, labels: tuple[str, ...] = ()) -> Process:
        """Return the agent's process; it takes runs whose labels are all among `labels`."""
        address, health = self._url("PREFECT_AGENT_PORT"), f"{self.agent_url}/health"
        # These are in the environment as well; as arguments they show when one changes.
        places = ("--api", self.prefect_url, "--env", f"POKEMON_API_URL={self.pokemon_url}", "--agent-address", address)
        start = ("prefect", "agent", "local", "start", "--no-hostname-label", "--import-path", str(self.root))
        chosen = (argument for label in labels for argument in ("--label", label))
        return self._process("agent", health, *start, *places, *chosen)

    def engine(self) -> Process:
        """Return what only names the Pulumi engine and its plugins, to end those that a killed command left."""
        return Process(name="pulumi", home=self.home, command=())

    def processes(self) -> list[Process]:
        """Return all of them, in the order in which they start."""
        return [self.prefect(), self.pokemon(), self.agent()]

    def _process(self, name: str, health: str, *module: str) -> Process:
        command = (sys.executable, "-m", *module)
        return Process(name=name, home=self.home, command=command, environment=self.environment(), health=health)

    def _url(self, variable: str) -> str:
        return f"http://{HOST}:{self.ports[variable]}"


def require_free(port: int, variable: str, name: str) -> None:
    """Check that a port is free for the process `name`; `variable` is where the user can choose another.

    Raises:
        MachineError: another program listens there.
    """
    with socket.socket() as probe:
        # As the servers do it: a connection of an earlier run that is still closing does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise MachineError(
                f"port {port}, for the {name}, cannot be used: {_holder(port) or error.strerror}; "
                f"free it, or choose another: make up {variable}=PORT"
            ) from None


def _port(values: Mapping[str, str], name: str) -> int:
    value = values.get(name) or str(_PORTS[name])
    if not value.isascii() or not value.isdigit() or not 0 < int(value) <= _HIGHEST_PORT:
        raise MachineError(f"{name} is {value!r}; it has to be a port number from 1 to {_HIGHEST_PORT}")
    return int(value)


def _holder(port: int) -> str:
    try:
        connections = psutil.net_connections("tcp")
    except psutil.Error:
        return ""
    listening = {
        entry.pid for entry in connections if entry.status == psutil.CONN_LISTEN and entry.laddr[1:] == (port,)
    }
    pids = sorted(pid for pid in listening if pid)
    return f"process {pids[0]} listens there" if pids else ""
