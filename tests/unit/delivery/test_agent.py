import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from delivery.error import DeliveryError
from delivery.pr_project import agent
from tests.process import ends

# In the place of Prefect's agent: it starts what ignores being asked to end, and says so.
STUBBORN = """#!/bin/sh
sh -c 'trap "" TERM; sleep 600' &
echo $! > {pid}
wait
"""
# When it is asked to end, its caller is asked so, too, and it goes on.
DEFIANT = """#!/bin/sh
trap 'kill -TERM {caller}; kill -INT {caller}' TERM
echo $$ > {pid}
while :; do sleep 0.05; done
"""
BROKEN = "#!/bin/sh\necho 'no API there'\necho\nexit 3\n"


def stand_in(folder: Path, text: str) -> str:
    program = folder / "python"
    program.write_text(text)
    program.chmod(0o755)
    return str(program)


def process_of(pid: Path) -> psutil.Process:
    """Await what a stand-in says of itself."""
    while not (pid.exists() and pid.read_text().strip()):
        time.sleep(0.01)
    return psutil.Process(int(pid.read_text()))


def test_a_caller_who_is_asked_again_to_end_leaves_no_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pid, asked = tmp_path / "pid", []
    monkeypatch.setattr(agent.sys, "executable", stand_in(tmp_path, DEFIANT.format(pid=pid, caller=os.getpid())))
    monkeypatch.setattr(agent, "_GRACE", 0.5)
    before = signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    try:
        with agent.running("pr-1", tmp_path, {"PATH": "/usr/bin:/bin"}, tmp_path / "log"):
            process = process_of(pid)
        assert not process.is_running()
        assert asked == []
        signal.raise_signal(signal.SIGTERM)
        assert asked == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_pull_requests_flows_see_who_they_are_in_azure_and_no_other_credential() -> None:
    lent = {"PATH", "HOME", "LC_ALL", "https_proxy", "AZURE_CONFIG_DIR", "AZURE_CLIENT_ID", "POKEMON_API_URL", "FLOW_X"}
    kept = {"PULUMI_CONFIG_PASSPHRASE", "AZURE_DEVOPS_EXT_PAT", "GITHUB_TOKEN", "SYSTEM_ACCESSTOKEN", "PREFECT__X", "X"}
    assert set(agent.lent(dict.fromkeys(lent | kept, "x"))) == lent


def test_an_agent_ends_with_all_that_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pid = tmp_path / "pid"
    monkeypatch.setattr(agent.sys, "executable", stand_in(tmp_path, STUBBORN.format(pid=pid)))
    before = signal.getsignal(signal.SIGINT)
    with agent.running("pr-1", tmp_path, {"PATH": "/usr/bin:/bin"}, tmp_path / "log") as started:
        child = process_of(pid)
        started.check()
    assert started.process.returncode is not None
    assert ends(child.pid)
    assert signal.getsignal(signal.SIGINT) is before


def test_an_agent_that_stops_by_itself_is_told_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent.sys, "executable", stand_in(tmp_path, BROKEN))
    with agent.running("pr-1", tmp_path, {}, tmp_path / "log") as started:
        started.process.wait(10)
        with pytest.raises(DeliveryError, match=r"the Prefect agent stopped by itself \(exit 3\): no API there"):
            started.check()


def test_a_process_of_prefect_gets_no_setting_of_another_prefect_and_no_proxy_on_its_way() -> None:
    environ = {"PREFECT__CLOUD__API_KEY": "secret", "no_proxy": "example.org", "HOME": "here"}
    environment = agent.client_environment("http://127.0.0.1:1/path", Path("/nowhere"), environ)
    assert "secret" not in environment.values()
    assert environment["HOME"] == "here"
    assert environment["NO_PROXY"] == environment["no_proxy"] == "example.org,127.0.0.1"
    assert environment["PREFECT__SERVER__ENDPOINT"] == "http://127.0.0.1:1/path"


def test_the_agent_has_one_label_and_its_address_is_on_no_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[list[str]] = []

    class Started(subprocess.Popen[bytes]):
        def __init__(self, command: list[str], **how: object) -> None:
            given.append(list(command))
            super().__init__(["true"], **how)  # type: ignore[call-overload]

    monkeypatch.setattr(agent.subprocess, "Popen", Started)
    environment = agent.client_environment("http://127.0.0.1:1/secret-path", tmp_path, {"PATH": "/usr/bin:/bin"})
    with agent.running("pr-1", tmp_path, environment, tmp_path / "log"):
        pass
    (command,) = given
    assert [command[place + 1] for place, word in enumerate(command) if word == "--label"] == ["pr-1"]
    assert "--no-hostname-label" in command
    assert "secret-path" not in " ".join(command)
