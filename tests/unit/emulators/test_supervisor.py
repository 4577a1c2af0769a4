import io
import os
import socket
import subprocess
import sys
from pathlib import Path

import filelock
import pytest

from emulators import __main__ as command
from emulators import supervisor
from emulators.machine import Machine, MachineError
from emulators.process import Process, ProcessError
from emulators.stack import StackError

PORTS = ("PREFECT_API_PORT", "POKEMON_API_PORT", "PREFECT_AGENT_PORT")
SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    probes = {name: socket.create_server(("127.0.0.1", 0)) for name in PORTS}
    ports = {name: probe.getsockname()[1] for name, probe in probes.items()}
    for probe in probes.values():
        probe.close()
    (tmp_path / ".local").mkdir()
    return Machine(root=tmp_path, ports=ports)


def sleeper(machine: Machine, name: str, command: tuple[str, ...] = SLEEP) -> Process:
    return Process(name=name, home=machine.home, command=command, environment=dict(os.environ))


def bring_up(machine: Machine, monkeypatch: pytest.MonkeyPatch, servers: list[Process], failure: BaseException) -> None:
    """Run `up` with these servers and an engine that fails."""

    def fail(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(supervisor, "_missing", lambda _: servers)
    monkeypatch.setattr(supervisor, "_with_engine", lambda _: {})
    monkeypatch.setattr(supervisor.Stack, "up", fail)
    supervisor.up(machine, lambda _: None, color=False)


@pytest.mark.parametrize("failure", [StackError("no"), KeyboardInterrupt()])
def test_a_failed_or_interrupted_start_stops_what_it_started(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    monkeypatch.setattr(supervisor.signal, "signal", lambda *_: None)
    servers = [sleeper(machine, "one"), sleeper(machine, "two")]
    with pytest.raises(type(failure)):
        bring_up(machine, monkeypatch, servers, failure)
    assert [server.find() for server in servers] == [None, None]
    assert not list((machine.home / "run").iterdir())


def test_a_failed_start_leaves_alone_what_ran_before(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor.signal, "signal", lambda *_: None)
    before = sleeper(machine, "one")
    before.start(machine.root)
    with pytest.raises(StackError):
        bring_up(machine, monkeypatch, [sleeper(machine, "two")], StackError("no"))
    assert before.find()
    before.stop()


def test_the_second_server_failing_to_start_stops_the_first(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor.signal, "signal", lambda *_: None)
    first = sleeper(machine, "one")
    second = Process(name="two", home=machine.home, command=(sys.executable, "-c", "1/0"), health="http://127.0.0.1:1/")
    with pytest.raises(ProcessError, match=r"two .* log/two\.log|two process stopped"):
        bring_up(machine, monkeypatch, [first, second], StackError("not reached"))
    assert first.find() is None


@pytest.mark.parametrize("second", [supervisor.down, supervisor.clean])
def test_a_second_command_at_the_same_time_is_refused(machine: Machine, second: supervisor.Command) -> None:
    with (
        filelock.FileLock(machine.home / "lock", thread_local=False),
        pytest.raises(MachineError, match="another `make up`"),
    ):
        second(machine, lambda _: None)
    assert machine.home.exists()


@pytest.mark.parametrize("variable", PORTS)
def test_a_taken_port_is_found_before_anything_starts(machine: Machine, variable: str) -> None:
    port = machine.ports[variable]
    with socket.create_server(("127.0.0.1", port)), pytest.raises(MachineError, match=f"port {port}.*{variable}"):
        supervisor.up(machine, lambda _: None, color=False)
    assert not (machine.home / "log").exists()


def test_down_stops_only_its_own_and_clean_removes_only_its_state(machine: Machine) -> None:
    agent = machine.agent()
    sleeper(machine, agent.name).start(machine.root)
    (machine.root / "flows").mkdir()
    lines: list[str] = []
    with subprocess.Popen(SLEEP) as stranger:
        assert supervisor.down(machine, lines.append) == 0
        assert supervisor.clean(machine, lines.append) == 0
        assert stranger.poll() is None
        stranger.kill()
    assert lines == ["Stopped the agent", "Removed .local/"]
    assert [path.name for path in machine.root.iterdir()] == ["flows"]


def test_status_says_what_runs_and_fails_when_something_does_not(machine: Machine) -> None:
    lines: list[str] = []
    agent = sleeper(machine, "agent")
    agent.start(machine.root)
    assert supervisor.status(machine, lines.append) == 1
    assert [line.split()[:2] for line in lines] == [
        ["prefect-api", "stopped"],
        ["pokemon-api", "stopped"],
        ["agent", "running,"],
    ]
    agent.stop()


def test_a_failure_is_one_line_and_exit_code_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command.signal, "signal", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["emulators", "up"])
    monkeypatch.setenv("PREFECT_API_PORT", "high")
    assert command.main() == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("error: PREFECT_API_PORT is 'high'")
    assert captured.err.count("\n") == 1
    assert not captured.out


def test_a_terminal_that_lacks_a_character_gets_another(monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.BytesIO()
    monkeypatch.setattr(command.signal, "signal", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["emulators", "status"])
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(output, encoding="ascii"))
    monkeypatch.setattr(supervisor, "status", lambda _, echo: echo("Starting …"))
    command.main()
    assert output.getvalue() == b"Starting ?\n"
