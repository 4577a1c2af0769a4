"""What every tier of tests shares: the emulated Prefect API as a process of its own, which tests may kill.

A test never imports this file; it gets a `PrefectApi` from the fixtures.
"""

import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).parents[1]
START_SECONDS = 60

# A shell that starts these tests in the background lets them and their children ignore Ctrl-C, which some of them send.
signal.signal(signal.SIGINT, signal.default_int_handler)


def hold(port: int) -> socket.socket:
    """Keep a port without listening on it: a connection is refused, and no other process is given it."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", port))
    return held


class PrefectApi:
    """One emulator on a port of its own, with a database that outlives its process."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.database = f"sqlite:///{folder / 'prefect.db'}"
        self.log = folder / "prefect-api.log"
        self.url = ""
        self._options = options
        self._port = 0
        self._held: socket.socket | None = None
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        """Start the process and wait until it listens."""
        arguments = ["--port", str(self._port), "--database", self.database, *self._options]
        command = [sys.executable, "-m", "emulators.prefect_api", *arguments]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT__")}
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log
            )
        assert process.stdout
        ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
        first_lines = [process.stdout.readline().decode() for _ in range(2)] if ready else ["", ""]
        if not first_lines[1].startswith("listening on "):
            process.kill()
            pytest.fail(f"the emulator did not start: {self.log.read_text()}")
        self.url = first_lines[1].removeprefix("listening on ").split(",")[0]
        self._port = int(self.url.rsplit(":", 1)[1])
        return process

    def kill(self) -> None:
        """End the process at once, as `kill -9` does; its port stays ours, so that nobody else answers there."""
        self._process.kill()
        self._wait()
        self._held = self._held or hold(self._port)

    def restart(self) -> None:
        """Start it again on the same port and the same database."""
        self.kill()
        self._release()
        self._process = self._start()

    def stop(self) -> None:
        """End the process in good order."""
        self._process.terminate()
        self._wait()
        self._release()

    def _release(self) -> None:
        if self._held:
            self._held.close()
            self._held = None

    def limit_file_size(self, size: int) -> int:
        """Let the process enlarge no file beyond a size, as a full disk would; return the limit that was."""
        before, greatest = resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (size, greatest))
        return before

    def _wait(self) -> None:
        self._process.wait(timeout=30)
        assert self._process.stdout
        self._process.stdout.close()

    def post(self, query: str, variables: dict[str, Any] | None = None, **headers: str) -> Any:
        """Send a request as the Prefect client does, with its variables as text, and return the whole answer."""
        body = {"query": query, "variables": json.dumps(variables)}
        return httpx.post(self.url, json=body, headers=headers, timeout=30).json()

    def query(self, query: str, variables: dict[str, Any] | None = None) -> Any:
        """Send a request and return the data of its answer, which has no errors."""
        answer = self.post(query, variables)
        assert "errors" not in answer, answer
        return answer["data"]

    def mutate(self, mutation: str, selection: str, /, **given: Any) -> Any:
        """Send a mutation and return its payload."""
        text = f"mutation($input: {mutation}_input!) {{ {mutation}(input: $input) {{ {selection} }} }}"
        return self.query(text, {"input": given})[mutation]

    def refusal(self, mutation: str, selection: str, /, **given: Any) -> str:
        """Send a mutation that fails and return the message of its error."""
        text = f"mutation($input: {mutation}_input!) {{ {mutation}(input: $input) {{ {selection} }} }}"
        message: str = self.post(text, {"input": given})["errors"][0]["message"]
        return message


@pytest.fixture
def start_prefect_api(tmp_path: Path) -> Iterator[Callable[..., PrefectApi]]:
    """Start emulators with given options; each has a fresh database."""
    started: list[PrefectApi] = []

    def start(*options: str) -> PrefectApi:
        folder = tmp_path / f"prefect-api-{len(started)}"
        folder.mkdir()
        started.append(PrefectApi(folder, *options))
        return started[-1]

    yield start
    for api in started:
        api.stop()


@pytest.fixture
def prefect_api(start_prefect_api: Callable[..., PrefectApi]) -> PrefectApi:
    """An emulator with a fresh database."""
    return start_prefect_api()


@pytest.fixture(scope="module")
def module_prefect_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectApi]:
    """An emulator with a fresh database for the tests of one file."""
    api = PrefectApi(tmp_path_factory.mktemp("prefect-api"))
    yield api
    api.stop()


@pytest.fixture(scope="session")
def shared_prefect_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectApi]:
    """One emulator for all the tests of a worker that make a project of their own in it; nobody may kill it."""
    api = PrefectApi(tmp_path_factory.mktemp("prefect-api"))
    api.mutate("create_tenant", "id", name="default", slug="default")
    yield api
    api.stop()
