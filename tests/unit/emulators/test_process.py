import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from emulators.process import Process, ProcessError
from tests.process import ends

# Starts a child of its own, in a session of its own, and says its pid.
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print(child.pid, flush=True)
time.sleep(600)
"""
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    made = Process(name="sleeper", home=tmp_path, command=(sys.executable, "-c", "import time; time.sleep(600)"))
    made = replace(made, environment=dict(os.environ))
    yield made
    made.stop(grace=5)


def serving(process: Process) -> Process:
    port = free_port()
    command = (sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port))
    return replace(process, command=command, health=f"http://127.0.0.1:{port}/")


def first_line(process: Process) -> str:
    while not (text := process.log.read_text("utf-8")):
        assert process.find(), "it stopped without a word"
    return text.splitlines()[0]


def test_a_start_returns_once_the_process_answers(process: Process, tmp_path: Path) -> None:
    server = serving(process)
    server.start(tmp_path)
    assert server.current()
    assert server.stop()
    assert server.find() is None
    assert not server.stop()


def test_it_is_found_again_from_its_record_alone(process: Process, tmp_path: Path) -> None:
    process.start(tmp_path)
    found = replace(process).find()
    assert found is not None
    assert found.cmdline() == list(process.command)


@pytest.mark.parametrize("spoiled", [{"created": 1.0}, {"command": ["another"]}, {"pid": 2**22 + 1}])
def test_a_stale_record_or_a_pid_of_another_program_is_not_mistaken_for_it(
    process: Process, tmp_path: Path, spoiled: dict[str, object]
) -> None:
    process.start(tmp_path)
    record = json.loads(process.record.read_text("utf-8"))
    process.record.write_text(json.dumps({**record, **spoiled}), "utf-8")
    assert process.find() is None


def test_a_record_of_a_stranger_never_ends_the_stranger(process: Process) -> None:
    with subprocess.Popen(process.command) as stranger:
        process.record.parent.mkdir(parents=True)
        created = psutil.Process(stranger.pid).create_time() - 100
        process.record.write_text(json.dumps({"pid": stranger.pid, "created": created, "command": process.command}))
        assert not process.stop()
        assert stranger.poll() is None
        stranger.kill()


@pytest.mark.parametrize("record", ["", "{", "[]", '{"pid": "x", "created": 0, "command": []}', "\0"])
def test_a_damaged_record_counts_as_none(process: Process, record: str) -> None:
    process.record.parent.mkdir(parents=True)
    process.record.write_text(record, "utf-8")
    assert process.find() is None


def test_a_changed_command_is_not_current(process: Process, tmp_path: Path) -> None:
    process.start(tmp_path)
    assert process.current()
    assert not replace(process, command=(*process.command, "other")).current()


def test_a_process_that_goes_just_after_it_was_found_counts_as_gone(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as ended:
        found = psutil.Process(ended.pid)
    monkeypatch.setattr(Process, "find", lambda _: found)
    assert process.arguments() == []
    assert not process.current()


def test_stopping_ends_the_children_too(process: Process, tmp_path: Path) -> None:
    parent = replace(process, command=(sys.executable, "-c", PARENT))
    parent.start(tmp_path)
    child = psutil.Process(int(first_line(parent)))
    parent.stop(grace=5)
    assert ends(child.pid)


def test_stopping_ends_children_whose_parent_was_killed(process: Process, tmp_path: Path) -> None:
    parent = replace(process, command=(sys.executable, "-c", PARENT))
    parent.start(tmp_path)
    child = psutil.Process(int(first_line(parent)))
    found = parent.find()
    assert found is not None
    found.kill()
    found.wait(10)
    assert child.is_running()
    assert parent.stop(grace=5)
    assert ends(child.pid)


def test_a_process_that_ignores_the_request_is_killed(process: Process, tmp_path: Path) -> None:
    deaf = replace(process, command=(sys.executable, "-c", DEAF))
    deaf.start(tmp_path)
    first_line(deaf)
    assert deaf.stop(grace=0.2)
    assert deaf.find() is None


def test_a_start_that_fails_says_why_and_leaves_nothing(process: Process, tmp_path: Path) -> None:
    broken = replace(
        serving(process), command=(sys.executable, "-c", f"{PARENT.replace('600)', '0)')}raise SystemExit('no disk')")
    )
    with pytest.raises(ProcessError, match=r"no disk.*sleeper\.log") as caught:
        broken.start(tmp_path)
    assert "\n" not in str(caught.value)
    assert not broken.record.exists()
    assert not broken.stop()


def test_a_start_that_never_answers_is_given_up_and_ended(process: Process, tmp_path: Path) -> None:
    silent = replace(process, health=f"http://127.0.0.1:{free_port()}/")
    with pytest.raises(ProcessError, match="does not answer"):
        silent.start(tmp_path, timeout=0.3)
    assert not silent.stop()


def test_the_log_of_the_start_before_is_kept(process: Process, tmp_path: Path) -> None:
    for _ in range(2):
        speaking = replace(process, command=(sys.executable, "-c", DEAF))
        speaking.start(tmp_path)
        first_line(speaking)
        speaking.stop(grace=0.1)
    assert speaking.log.with_suffix(".old.log").read_text("utf-8") == "deaf\n"
