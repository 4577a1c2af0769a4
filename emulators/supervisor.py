"""What `make up`, `make down`, `make clean` and the status command do.

All but status hold the machine's lock, so that two of them never work on one checkout at a time.
"""

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import filelock

from emulators.machine import HOST, Machine, MachineError, require_free
from emulators.process import Process
from emulators.run import Client
from emulators.stack import NAME as STACK
from emulators.stack import Stack
from registration import report
from registration import settings as registration_settings

FLOW = "pokemon-etl"
Echo = Callable[[str], None]
Start = Callable[[Process], None]
Command = Callable[[Machine, Echo], int]


def up(machine: Machine, echo: Echo, *, color: bool) -> int:
    """Bring everything up, register the flows and run one; return the exit code.

    When it cannot come up, what this call started is stopped again. A run that does not succeed leaves the
    system up, so that one can look into it.
    """
    with _alone(machine):
        servers = _missing(machine)
        environment = _with_engine(machine)
        stack = Stack(machine, environment, echo, color=color)
        if not (machine.home / "prefect.db").exists():
            stack.forget()
        with _all_or_nothing(machine, echo) as start:
            for server in servers:
                start(server)
            echo("Registering the flows …")
            steps = stack.up()
            for line in (*report.lay_out(steps, coloured=color), ""):
                echo(line)
            settings = registration_settings.read(machine.home / f"registration-{STACK}.json")
            agent = machine.agent(settings.run_config.labels)
            # It goes by the server's tenant, which is there only now.
            if not agent.current():
                start(agent)
            client = Client(machine=machine, project=str(settings.project), agent=agent, echo=echo)
            present = any(step.name == FLOW and step.id for step in steps)
            result = client.run(FLOW) if present else None
    for line in _places(machine):
        echo(line)
    if result is None:
        echo(f"{FLOW}  is not among the flows; nothing was run")
        return 0
    succeeded = result.state == "Success"
    shown = f"\N{ESCAPE}[{32 if succeeded else 31}m{result.state}\N{ESCAPE}[0m" if color else result.state
    echo(f"{FLOW}  {shown}  {result.summary if succeeded else result.message}".rstrip())
    return 0 if succeeded else 1


def down(machine: Machine, echo: Echo) -> int:
    """Stop what `up` started, the flow runs of its agent with it."""
    with _alone(machine):
        if not _stop(machine, echo):
            echo("Nothing was running")
    return 0


def clean(machine: Machine, echo: Echo) -> int:
    """Stop it, and remove `.local/`, where all its state is."""
    with _alone(machine):
        _stop(machine, echo)
        if machine.home.is_symlink():
            raise MachineError(f"{machine.home.name} is a symbolic link; remove what it leads to by hand")
        shutil.rmtree(machine.home)
    echo("Removed .local/")
    return 0


def status(machine: Machine, echo: Echo) -> int:
    """Say what runs; return 0 when all of it does, else 1."""
    running = 0
    for process in machine.processes():
        found = process.find()
        running += found is not None
        echo(f"{process.name:<12} {f'running, process {found.pid}' if found else 'stopped'}")
    return 0 if running == len(machine.processes()) else 1


def _missing(machine: Machine) -> list[Process]:
    """Return the servers that have to be started, after checking that each process can have its port."""
    agent = machine.agent()
    wanted = {"PREFECT_API_PORT": machine.prefect(), "POKEMON_API_PORT": machine.pokemon(), "PREFECT_AGENT_PORT": agent}
    missing = [process for process in wanted.values() if process is not agent and not process.current()]
    for variable, process in wanted.items():
        port = machine.ports[variable]
        # One of ours that has to be replaced gives its port back first.
        if not {str(port), f"http://{HOST}:{port}"} & set(process.arguments()):
            require_free(port, variable, process.name)
    return missing


def _with_engine(machine: Machine) -> dict[str, str]:
    """Return the environment with the Pulumi engine on its PATH; the tool's own lines go to the user."""
    environment = machine.environment()
    command = [sys.executable, "-m", "toolchain", "pulumi"]
    found = subprocess.run(  # noqa: S603 - the project's own module
        command, cwd=machine.root, env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    if found.returncode:
        raise MachineError("no Pulumi engine, for the reason above; nothing was started")
    return {**environment, "PATH": f"{found.stdout.strip()}:{environment.get('PATH', '')}"}


@contextmanager
def _alone(machine: Machine) -> Iterator[None]:
    machine.home.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(machine.home / "lock", timeout=0):
            yield
    except filelock.Timeout:
        raise MachineError(
            "another `make up`, `make down` or `make clean` is at work here; wait until it has ended"
        ) from None


@contextmanager
def _all_or_nothing(machine: Machine, echo: Echo) -> Iterator[Start]:
    started: list[Process] = []

    def start(process: Process) -> None:
        echo(f"Starting the {process.name} …")
        process.stop()
        started.append(process)
        process.start(machine.root)

    try:
        yield start
    except BaseException:
        # A second Ctrl-C must not leave half of it running.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for process in reversed(started):
            process.stop()
        raise


def _stop(machine: Machine, echo: Echo) -> bool:
    stopped = [process.name for process in [machine.engine(), *reversed(machine.processes())] if process.stop()]
    for name in stopped:
        echo(f"Stopped the {name}")
    return bool(stopped)


def _places(machine: Machine) -> list[str]:
    return [
        "",
        f"Prefect API  {machine.prefect_url}  (an emulator, for this machine alone)",
        f"Pokémon API  {machine.pokemon_url}  (likewise, with a data set of its own)",
        "Logs         .local/log/",
        "To stop it   make down",
        "",
    ]
