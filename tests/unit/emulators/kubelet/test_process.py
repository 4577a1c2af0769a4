"""A container's process, and the guard that outlives whoever started it."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulators.control_plane.guard import Guard
from emulators.kubelet.process import Process, StartError
from tests.process import ends

ENVIRONMENT = {"PATH": "/bin:/usr/bin"}
# Starts a process that ignores the polite signal, says its number and is killed.
OWNER = """
import os, pathlib, signal, sys
from emulators.control_plane.guard import Guard
script = "trap '' TERM; sleep 600 & echo $!; wait"
started = Guard().start(["sh", "-c", script], environment=os.environ, cwd=pathlib.Path(), log=pathlib.Path(sys.argv[1]))
print(started.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def guard() -> Iterator[Guard]:
    made = Guard()
    yield made
    made.close()


def start(guard: Guard, folder: Path, *command: str) -> Process:
    return Process(command, environment=ENVIRONMENT, cwd=folder, log=folder / "log", guard=guard)


def code_of(process: Process) -> int:
    deadline = time.monotonic() + 60
    while (code := process.poll()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return code


@pytest.mark.parametrize(("program", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 137), ("kill -15 $$", 143)])
def test_an_exit_code_is_the_programs_or_its_signals(guard: Guard, tmp_path: Path, program: str, code: int) -> None:
    process = start(guard, tmp_path, "sh", "-c", program)
    assert code_of(process) == code
    assert process.poll() == code


def test_the_rest_of_the_group_ends_with_the_first_process(guard: Guard, tmp_path: Path) -> None:
    process = start(guard, tmp_path, "sh", "-c", "sleep 600 & echo $!")
    assert code_of(process) == 0
    assert ends(int(process.tail()))


def test_only_the_end_of_a_long_log_is_told(guard: Guard, tmp_path: Path) -> None:
    process = start(guard, tmp_path, "sh", "-c", "seq 10000")
    code_of(process)
    assert len(process.tail()) == 2048
    assert process.tail().endswith("9999\n10000\n")


def test_a_command_that_is_not_on_the_path_cannot_start(guard: Guard, tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r'exec: "no-such-program": executable file not found in \$PATH'):
        start(guard, tmp_path, "no-such-program")


def test_whatever_a_killed_process_has_started_is_killed_too(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.touch()
    done = subprocess.run([sys.executable, "-c", OWNER, log], stdout=subprocess.PIPE, check=False)
    assert done.returncode == -9
    assert ends(int(done.stdout))
    assert ends(int(log.read_text()))


def test_closing_the_guard_ends_what_it_guards(tmp_path: Path) -> None:
    made = Guard()
    process = start(made, tmp_path, "sleep", "600")
    made.close()
    assert process.poll() == 137
