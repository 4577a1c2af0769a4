"""Probes as they are written, and as they are asked."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from emulators.kubelet.probe import Probe, port_of, problems, question

PORTS = {"ports": [{"name": "http", "containerPort": 3000}]}


@pytest.mark.parametrize(
    "probe",
    [
        {"httpGet": {"path": "/healthz", "port": 3000}},
        {"httpGet": {"path": "/", "port": "http"}},
        {"tcpSocket": {"port": "http"}},
        {"exec": {"command": ["true"]}},
        {"grpc": {"port": 3000}},
    ],
)
def test_a_good_probe_has_no_problem(probe: Any) -> None:
    assert problems({**PORTS, "readinessProbe": probe}) == []


@pytest.mark.parametrize(
    ("probe", "problem"),
    [
        ({"periodSeconds": 1}, "needs exactly one of"),
        ({"exec": {"command": ["true"]}, "tcpSocket": {"port": 1}}, "needs exactly one of"),
        ({"httpGet": {"path": "healthz", "port": 3000}}, "does not begin with /"),
        ({"httpGet": {"path": "/", "port": "web"}}, "port 'web' is neither"),
        ({"httpGet": {"path": "/", "port": 0}}, "port 0 is neither"),
        ({"tcpSocket": {"port": 65536}}, "port 65536 is neither"),
        ({"exec": {}}, "has no command"),
    ],
)
@pytest.mark.parametrize("kind", ["startupProbe", "readinessProbe", "livenessProbe"])
def test_a_bad_probe_is_named_with_what_is_wrong(kind: str, probe: Any, problem: str) -> None:
    (found,) = problems({**PORTS, kind: probe})
    assert found.startswith(f"{kind}: ")
    assert problem in found


def test_a_port_is_a_number_or_a_name_that_the_container_declares() -> None:
    assert [port_of(port, PORTS) for port in (80, "http", "web", None, -1)] == [80, 3000, None, None, None]


def test_a_command_probe_is_asked_with_the_containers_own_environment(tmp_path: Path) -> None:
    probe = {"exec": {"command": ["sh", "-c", "exit $CODE"]}}
    answers = [question(probe, {}, {}, {"CODE": code, "PATH": "/bin:/usr/bin"}, tmp_path)() for code in ("0", "3")]
    assert answers == ["", "exit status 3"]


def test_a_probe_that_takes_too_long_has_failed(tmp_path: Path) -> None:
    probe = {"exec": {"command": [sys.executable, "-c", "import time; time.sleep(60)"]}, "timeoutSeconds": 0.2}
    assert "timed out" in question(probe, {}, {}, {}, tmp_path)()


def test_a_closed_port_is_a_problem(tmp_path: Path) -> None:
    probe = {"tcpSocket": {"port": "http"}}
    assert question(probe, PORTS, {3000: 1}, {}, tmp_path)().startswith("dial tcp 127.0.0.1:1")


def test_a_probe_fails_after_so_many_failures_in_a_row_and_recovers_with_one_success() -> None:
    answers = iter(["bad", "bad", "", "bad", "bad", "bad"])
    probe = Probe({"periodSeconds": 1, "failureThreshold": 2}, lambda: next(answers), 0)
    seen = []
    with ThreadPoolExecutor(1) as executor:
        for now in range(5):
            probe.step(now, executor)
            while probe.asked:
                probe.step(now, executor)
            seen.append((probe.passed, probe.failed))
    assert seen == [(False, False), (False, True), (True, False), (True, False), (False, True)]
