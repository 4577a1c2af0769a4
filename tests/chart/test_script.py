"""The scripts that the chart gives to the server's image, run against stand-ins for Hasura, Postgres and Prefect."""

import ast
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from charts import helm

SCRIPTS = helm.CHART / "files"
PSYCOPG2 = """
import os
class Error(Exception): pass
def note(text):
    with open(os.environ["JOURNAL"], "a") as journal:
        journal.write(text + "\\n")
class Cursor:
    def __enter__(self): return self
    def __exit__(self, *_): pass
    def execute(self, statement, given): note(f"{statement % given}")
class Connection:
    autocommit = False
    def cursor(self): return Cursor()
    def close(self): note("closed")
def connect(url):
    if "refused" in url: raise Error("connection to server failed:\\n  password wrong")
    note(f"connected to {url}")
    return Connection()
"""
Run = Callable[..., subprocess.CompletedProcess[str]]


class Hasura(HTTPServer):
    """A server whose health is as often bad as it is told, then good."""

    def __init__(self, bad: int) -> None:
        self.bad = bad
        super().__init__(("127.0.0.1", 0), Health)


class Health(BaseHTTPRequestHandler):
    """Answer every request with the server's health."""

    server: Hasura

    def do_GET(self) -> None:
        self.send_response(500 if self.server.bad else 200)
        self.server.bad = max(0, self.server.bad - 1)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def hasura() -> Iterator[Callable[[int], int]]:
    """Start a Hasura that is bad for some requests; return its port."""
    servers: list[Hasura] = []

    def start(bad: int) -> int:
        servers.append(Hasura(bad))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return int(servers[-1].server_address[1])

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a script of the chart where psycopg2 and prefect-server are stand-ins that keep a journal."""
    (tmp_path / "psycopg2.py").write_text(PSYCOPG2)
    command = tmp_path / "prefect-server"
    command.write_text('#!/bin/sh\necho "upgrade: $*" >> "$JOURNAL"\nexit "${UPGRADE_EXIT:-0}"\n')
    command.chmod(0o755)

    def of(script: str, *arguments: str, port: int, **more: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "PYTHONPATH": str(tmp_path),
            "JOURNAL": str(tmp_path / "journal"),
            "PREFECT_SERVER__HASURA__HOST": "127.0.0.1",
            "PREFECT_SERVER__HASURA__PORT": str(port),
            "PREFECT_SERVER__DATABASE__CONNECTION_URL": "postgresql://prefect@postgres:5432/prefect",
            "UPGRADE_PATIENCE_SECONDS": "20",
            **more,
        }
        return subprocess.run(
            [sys.executable, SCRIPTS / script, *arguments], env=environment, capture_output=True, text=True, check=False
        )

    return of


@pytest.mark.parametrize("script", sorted(path.name for path in SCRIPTS.iterdir()))
def test_a_script_is_written_for_the_images_python(script: str) -> None:
    assert ast.parse((SCRIPTS / script).read_text(), feature_version=(3, 7))


def test_the_upgrade_runs_under_the_lock_once_hasura_answers(
    run: Run, hasura: Callable[[int], int], tmp_path: Path
) -> None:
    done = run("upgrade.py", port=hasura(2))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "journal").read_text().splitlines() == [
        "connected to postgresql://prefect@postgres:5432/prefect",
        "SELECT pg_advisory_lock(7304177200)",
        "upgrade: database upgrade --yes",
        "closed",
    ]


def test_an_upgrade_that_fails_fails_the_container(run: Run, hasura: Callable[[int], int]) -> None:
    assert run("upgrade.py", port=hasura(0), UPGRADE_EXIT="3").returncode == 3


def test_a_hasura_that_stays_away_is_one_line(run: Run, tmp_path: Path) -> None:
    done = run("upgrade.py", port=1, UPGRADE_PATIENCE_SECONDS="0")
    assert done.returncode == 1
    assert done.stderr.startswith("error: Hasura does not answer at http://127.0.0.1:1/healthz: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "journal").exists()


def test_a_postgres_that_refuses_is_one_line(run: Run, hasura: Callable[[int], int]) -> None:
    done = run("upgrade.py", port=hasura(0), PREFECT_SERVER__DATABASE__CONNECTION_URL="postgresql://refused")
    assert done.returncode == 1
    assert done.stderr == "error: Postgres lets nobody in: connection to server failed: password wrong\n"


def test_towel_is_ready_when_it_reaches_hasura(run: Run, hasura: Callable[[int], int]) -> None:
    assert run("alive.py", "hasura", port=hasura(0)).returncode == 0
    assert run("alive.py", "hasura", port=hasura(1)).returncode == 1
    assert run("alive.py", "hasura", port=1).returncode == 1


def test_towel_is_alive_while_its_process_goes_on(run: Run, tmp_path: Path) -> None:
    towel = tmp_path / "services/towel/__main__.py"
    towel.parent.mkdir(parents=True)
    towel.write_text("import time\ntime.sleep(60)\n")
    assert run("alive.py", "process", port=1).returncode == 1
    # As in the image, where it is called by that name.
    process = subprocess.Popen(["python", towel], executable=sys.executable)
    try:
        assert run("alive.py", "process", port=1).returncode == 0
        process.send_signal(signal.SIGSTOP)
        assert run("alive.py", "process", port=1).returncode == 1
    finally:
        process.kill()
        process.wait()
    assert run("alive.py", "process", port=1).returncode == 1
