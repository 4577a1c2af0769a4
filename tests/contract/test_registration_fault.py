"""Registration when the network, the server or the caller breaks: nothing twice, one line, and the next run ends it.

Faults are drawn from a seed. A few seeds run always; `make audit` runs twenty for every fault.
"""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from registration import apply, catalog, command, session, transport
from registration.api import Api
from registration.session import Job, Outcome
from registration.settings import RunConfig, Settings, Tenant

ROOT = Path(__file__).parents[2]
FLOWS = 6
FEW = range(1)
AUDIT = [pytest.param(seed, marks=pytest.mark.audit) for seed in range(1, 20)]
SEEDS = [*FEW, *AUDIT]


class Faulty(httpx.BaseTransport):
    """A network that breaks about every third write in one way; reads pass."""

    def __init__(self, fault: str, seed: int) -> None:
        self._inner = httpx.HTTPTransport()
        self._fault = fault
        self._random = random.Random(seed)  # noqa: S311 - a seed makes a fault repeatable
        self._lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            strikes = b"mutation" in request.content and self._random.random() < 0.35
        if not strikes:
            return self._inner.handle_request(request)
        return self.strike(request)

    def strike(self, request: httpx.Request) -> httpx.Response:
        if self._fault == "refused":
            raise httpx.ConnectError("connection refused")
        if self._fault == "unavailable":
            return httpx.Response(503)
        if self._fault == "hangs before":
            raise httpx.ReadTimeout("timed out")
        answer = self._inner.handle_request(request)
        answer.read()
        if self._fault == "reply lost":
            raise httpx.ReadError("connection reset by peer")
        if self._fault == "hangs after":
            raise httpx.ReadTimeout("timed out")
        return httpx.Response(500)

    def close(self) -> None:
        self._inner.close()


FAULTS = ["refused", "unavailable", "hangs before", "reply lost", "hangs after", "fails after"]


def write_flows(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        text = f"from prefect import Flow, task\n\n@task\ndef t():\n    return {number}\n\n"
        text += f"with Flow('flow-{number}') as flow:\n    t()\n"
        (folder / f"f{number}.py").write_text(text)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, catalog.Catalog]:
    root = tmp_path_factory.mktemp("loaded")
    write_flows(root / "flows", FLOWS)
    found = catalog.load(root / "flows", store="s", run_config=RunConfig(), bundles=root / ".local" / "bundles")
    assert len(found.records) == FLOWS
    return root, found


@pytest.fixture
def job(
    loaded: tuple[Path, catalog.Catalog],
    shared_prefect_api: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Job:
    root, found = loaded
    monkeypatch.setattr(catalog, "load", lambda *_, **__: found)
    monkeypatch.setattr(apply, "_PATIENCE", 0.1)
    monkeypatch.setattr(transport, "_FIRST_PAUSE", 0.01)
    name = f"{request.node.name}-{os.getpid()}"
    settings = Settings(project=name, api=shared_prefect_api.url, store=str(tmp_path / "scripts"))
    return Job(settings=settings, flows=root / "flows", apply=True)


@contextmanager
def network(monkeypatch: pytest.MonkeyPatch, make: Callable[[], httpx.BaseTransport]) -> Iterator[None]:
    """Give every session in this block a network of its own."""
    with monkeypatch.context() as patch:
        patch.setattr(session, "open_api", lambda url: Api(url, client=httpx.Client(transport=make())))
        yield


def all_versions(api: Any, project: str) -> list[tuple[str, int]]:
    """List every version there ever was, archived ones included."""
    found = api.query(
        "query($p: String!) { flow(where: {project: {name: {_eq: $p}}}) { name version } }", {"p": project}
    )["flow"]
    return sorted((row["name"], row["version"]) for row in found)


ONCE = sorted((f"flow-{number}", 1) for number in range(FLOWS))


def check_one_line_each(outcome: Outcome) -> None:
    for error in [*outcome.errors.values(), *([outcome.problem] if outcome.problem else [])]:
        assert "\n" not in str(error)
        assert "API" in str(error)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_breaks_no_flow_is_registered_twice_and_one_more_run_ends_it(
    fault: str, seed: int, job: Job, shared_prefect_api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with network(monkeypatch, lambda: Faulty(fault, seed)):
        check_one_line_each(session.run(job))
    again = session.run(job)
    assert (again.problem, again.errors) == (None, {})
    assert all_versions(shared_prefect_api, str(job.settings.project)) == ONCE
    assert {step.action for step in session.run(job).steps} == {"unchanged"}


@pytest.mark.parametrize("seed", SEEDS)
def test_two_runs_at_once_register_nothing_twice(
    seed: int, job: Job, shared_prefect_api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes: list[Outcome] = []

    def run(delay: float) -> None:
        time.sleep(delay)
        outcomes.append(session.run(job))

    later = random.Random(seed).uniform(0, 0.2)  # noqa: S311 - a seed makes a fault repeatable
    threads = [threading.Thread(target=run, args=(delay,)) for delay in (0, later)]
    with network(monkeypatch, httpx.HTTPTransport):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(outcomes) == 2
    assert [outcome.errors for outcome in outcomes] == [{}, {}]
    assert all_versions(shared_prefect_api, str(job.settings.project)) == ONCE


@pytest.mark.parametrize("seed", SEEDS)
def test_a_registration_killed_half_way_is_finished_by_the_next_at_version_one(
    seed: int, tmp_path: Path, shared_prefect_api: Any
) -> None:
    write_flows(tmp_path / "flows", 50)
    project = f"killed-{seed}-{os.getpid()}"
    arguments = [sys.executable, "-m", "registration", "apply", "--flows", str(tmp_path / "flows")]
    arguments += ["--api", shared_prefect_api.url, "--project", project]
    killed_at = random.Random(seed).randrange(0, 30)  # noqa: S311 - a seed makes a fault repeatable
    process = subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    while len(all_versions(shared_prefect_api, project)) <= killed_at and process.poll() is None:
        time.sleep(0.005)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert all_versions(shared_prefect_api, project) == sorted((f"flow-{number}", 1) for number in range(50))
    again = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
    assert again.stdout.splitlines()[-1] == "50 unchanged"


def test_a_server_killed_while_it_registers_is_told_once_and_the_next_run_ends_it(
    job: Job, prefect_api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job(settings=job.settings.model_copy(update={"api": prefect_api.url}), flows=job.flows, apply=True)

    class Killer(Faulty):
        def strike(self, request: httpx.Request) -> httpx.Response:
            prefect_api.kill()
            return self._inner.handle_request(request)

    with Api(prefect_api.url) as api:
        api.ensure_project(str(job.settings.project), api.ensure_tenant(Tenant(name="default", slug="default")))
    with network(monkeypatch, lambda: Killer("", 4)):
        outcome = session.run(job)
    assert len({str(error) for error in outcome.errors.values()} | ({str(outcome.problem)} - {"None"})) == 1
    prefect_api.restart()
    session.run(job)
    assert all_versions(prefect_api, str(job.settings.project)) == ONCE


@contextmanager
def server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Listen on a free port, and treat every connection in one way."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        held: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                held.append(connection)
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        for connection in held:
            connection.close()


def http(status: str, body: str, kind: str = "text/html") -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        connection.recv(65536)
        head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        connection.sendall((head + body).encode())
        connection.close()

    return answer


DOWN = {
    "hangs": (lambda _: time.sleep(60), "gives no answer"),
    "fails": (http("500 Internal Server Error", "oh"), "answers 500 Internal Server Error"),
    "drops": (lambda connection: connection.close(), "broke off"),
    "is a web page": (http("200 OK", "<html>"), "is not a Prefect API (200, text/html)"),
    "refuses": (http("200 OK", '{"errors": [{"message": "no such field"}]}', "application/json"), "no such field"),
    "forbids": (http("403 Forbidden", "no"), "refuses these credentials (403)"),
    "is not JSON of ours": (http("200 OK", "[]", "application/json"), "is not a Prefect API"),
}


@pytest.mark.parametrize("kind", DOWN)
def test_a_server_that_is_no_use_is_told_in_one_line(
    kind: str, job: Job, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(transport, "BUDGET", 2.0)
    monkeypatch.setattr(transport, "ATTEMPT", 0.5)
    behaviour, words = DOWN[kind]
    with server(behaviour) as url:
        status = command.main(
            ["apply", "--flows", str(job.flows), "--api", url, "--project", "p", "--store", "/nowhere"]
        )
    said = capsys.readouterr()
    assert status == 1
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert words in said.err
    assert len(said.err.splitlines()) == 1


def test_an_api_that_is_down_is_told_in_one_line_by_json_too(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert command.main(["apply", "--json", "--flows", str(job.flows), "--api", url, "--project", "p"]) == 1
    said = capsys.readouterr()
    assert said.err == f"error: the API at {url} cannot be reached: connection refused\n"
    assert said.out.count("cannot be reached: connection refused") == FLOWS


@pytest.mark.audit
@pytest.mark.parametrize("command_name", ["plan", "apply"])
def test_an_api_that_hangs_is_given_up_in_well_under_thirty_seconds(command_name: str, tmp_path: Path) -> None:
    write_flows(tmp_path / "flows", 2)
    with server(DOWN["hangs"][0]) as url:
        began = time.monotonic()
        arguments = [command_name, "--flows", str(tmp_path / "flows"), "--api", url, "--project", "p"]
        done = subprocess.run(
            [sys.executable, "-m", "registration", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
    assert time.monotonic() - began < 25
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


def test_an_interrupt_ends_it_at_once_in_one_line(tmp_path: Path) -> None:
    write_flows(tmp_path / "flows", 1)
    (tmp_path / "flows" / "loops.py").write_text(f"open({str(tmp_path / 'on')!r}, 'w')\nwhile True:\n    pass\n")
    arguments = [sys.executable, "-m", "registration", "plan", "--flows", str(tmp_path / "flows")]
    process = subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 30
    while not (tmp_path / "on").exists() and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err == "error: interrupted; what was begun is finished by the next run\n"
