"""`make up`, whole: the real engine, the real agent and the real client, in a checkout of its own on free ports.

The fixtures are one story, each a chapter that goes on from the one before.
"""

import json
import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

FLOWS = {"pokemon-etl", "daily-report", "source-check", "type-census", "spare"}
# One that only the server is told to drop.
SPARE = """
from prefect import Flow, task

@task
def nothing():
    pass

with Flow("spare") as flow:
    nothing()
"""


@dataclass(frozen=True)
class Answer:
    """What a command printed, and how it ended."""

    code: int
    output: str

    @property
    def flows(self) -> dict[str, tuple[str, str, str]]:
        """The registration table: by the flow's name its action, its version and the reasons."""
        lines = self.output.splitlines()
        start = next(place for place, line in enumerate(lines) if line.split()[:2] == ["NAME", "ACTION"])
        rows = [[*line.split(maxsplit=3), ""] for line in lines[start + 1 : lines.index("", start)]]
        return {row[0]: (row[1], row[2], row[3]) for row in rows}

    @property
    def last(self) -> list[str]:
        return self.output.splitlines()[-1].split("  ")


@dataclass(frozen=True)
class Checkout:
    root: Path
    environment: dict[str, str]

    def run(self, *arguments: str) -> Answer:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=200,
            check=False,
        )
        return Answer(done.returncode, done.stdout)

    def up(self, **environ: str) -> Answer:
        answer = replace(self, environment={**self.environment, **environ}).run("-m", "emulators", "up")
        assert answer.code == 0, answer.output
        return answer

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.root / file
        text = path.read_text("utf-8")
        assert text.count(old) == 1
        path.write_text(text.replace(old, new), "utf-8")

    def ask(self, document: str) -> Any:
        answer = httpx.post(f"http://127.0.0.1:{self.environment['PREFECT_API_PORT']}", json={"query": document})
        return answer.json()["data"]

    def process(self, name: str) -> psutil.Process:
        return psutil.Process(json.loads((self.root / ".local" / "run" / f"{name}.json").read_text("utf-8"))["pid"])

    def interrupt_update(self) -> None:
        """Leave what the engine leaves when it is killed while it creates something: a lock, a pending operation."""
        backend = self.root / ".local" / "pulumi" / ".pulumi"
        lock = backend / "locks" / "organization" / "prefect-aks" / "local" / f"{uuid.uuid4()}.json"
        with subprocess.Popen([sys.executable, "-c", ""]) as ended:
            pass
        lock.parent.mkdir(parents=True, exist_ok=True)
        lock.write_text(json.dumps({"pid": ended.pid, "username": "someone", "hostname": "here"}), "utf-8")
        file = backend / "stacks" / "prefect-aks" / "local.json"
        state = json.loads(file.read_bytes())
        latest = state["checkpoint"]["latest"]
        flow = next(resource for resource in latest["resources"] if resource["type"].endswith(":Flow"))
        pending = {**flow, "urn": f"{flow['urn']}-more", "id": ""}
        latest["pending_operations"] = [{"resource": pending, "type": "creating"}]
        file.write_text(json.dumps(state), "utf-8")

    def processes(self) -> set[str]:
        """The names of what `up` started here and still runs, children included."""
        marks = set()
        for process in psutil.process_iter():
            try:
                marks.add(process.environ().get("PREFECT_AKS_PROCESS", ""))
            except psutil.Error:
                continue
        mine = f"{self.root / '.local'}:"
        return {mark.removeprefix(mine) for mark in marks if mark.startswith(mine)}


def free_ports(count: int) -> list[str]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [str(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, copy_project: Callable[..., None]) -> Iterator[Checkout]:
    root = tmp_path_factory.mktemp("up").resolve() / "checkout"
    copy_project(root, "delivery", "emulators", "flows", "preview", "tasks", "toolchain", "utils")
    (root / "flows" / "spare.py").write_text(SPARE, "utf-8")
    ports = dict(zip(("PREFECT_API_PORT", "POKEMON_API_PORT", "PREFECT_AGENT_PORT"), free_ports(3), strict=True))
    checkout = Checkout(root, {**os.environ, **ports})
    yield checkout
    checkout.run("-m", "emulators", "clean")


@pytest.fixture(scope="module")
def first(project: Checkout) -> Answer:
    return project.up()


@pytest.fixture(scope="module")
def second(first: Answer, project: Checkout) -> Answer:
    assert first.code == 0
    project.process("agent").kill()
    project.interrupt_update()
    project.edit("tasks/pokemon.py", "COUNT = 151", "COUNT = 10")
    return project.up()


@pytest.fixture(scope="module")
def rewritten(second: Answer, project: Checkout) -> Answer:
    assert second.code == 0
    project.edit("flows/pokemon.py", "    load(pokemon)\n", "    load(pokemon)\n    count()\n")
    project.edit("flows/pokemon.py", "from tasks.pokemon", "from tasks.check import count\nfrom tasks.pokemon")
    project.edit("flows/report.py", "    publish(", "\n    # A comment.\n    publish( ")
    (project.root / "flows" / "check.py").unlink()
    (spare,) = project.ask('{ flow(where: {name: {_eq: "spare"}}) { id } }')["flow"]
    project.ask(f'mutation {{ archive_flow(input: {{flow_id: "{spare["id"]}"}}) {{ success }} }}')
    return project.up(PYTHONIOENCODING="ascii")


def test_the_first_up_registers_every_flow_and_runs_one_to_success(first: Answer) -> None:
    assert first.flows == dict.fromkeys(FLOWS, ("register", "1", "new"))
    assert first.last == ["pokemon-etl", "Success", "151 loaded"]


def test_the_second_up_registers_nothing_though_a_task_was_edited_and_runs_what_it_says_now(second: Answer) -> None:
    assert second.flows == dict.fromkeys(FLOWS, ("unchanged", "1", ""))
    assert second.last == ["pokemon-etl", "Success", "10 loaded"]


def test_the_second_up_starts_only_what_had_died(first: Answer, second: Answer) -> None:
    started = [[line for line in up.output.splitlines() if line.startswith("Starting ")] for up in (first, second)]
    assert started == [
        [f"Starting the {name} …" for name in ("prefect-api", "pokemon-api", "agent")],
        ["Starting the agent …"],
    ]


def test_what_a_killed_update_left_is_cleared_on_the_way(second: Answer, project: Checkout) -> None:
    assert "removing the lock" in second.output
    assert "pending" not in second.output
    assert (
        b"pending_operations"
        not in (project.root / ".local" / "pulumi" / ".pulumi" / "stacks" / "prefect-aks" / "local.json").read_bytes()
    )


def test_an_edited_flow_alone_gets_a_version_and_the_preview_says_why(rewritten: Answer) -> None:
    assert rewritten.flows["pokemon-etl"] == ("update", "2", "structure, source")
    assert rewritten.flows["daily-report"] == ("unchanged", "1", "")
    preview = rewritten.output[: rewritten.output.index("Updating")]
    (line,) = (line for line in preview.splitlines() if "flows-pokemon-etl" in line)
    assert "structure" in line
    assert "source" in line


def test_a_deleted_flow_is_archived(rewritten: Answer, project: Checkout) -> None:
    assert rewritten.flows["source-check"][:2] == ("archive", "1")
    live = project.ask("{ flow(where: {archived: {_eq: false}}) { name version } }")["flow"]
    kept = {("daily-report", 1), ("type-census", 1)}
    assert {(flow["name"], flow["version"]) for flow in live} == {("pokemon-etl", 2), ("spare", 2), *kept}


def test_a_flow_that_was_archived_by_hand_is_registered_again(rewritten: Answer) -> None:
    assert "The flow spare changed outside of this stack" in rewritten.output
    assert rewritten.flows["spare"] == ("register", "2", "new")


def test_a_terminal_without_unicode_is_no_obstacle(rewritten: Answer) -> None:
    assert rewritten.output.isascii()
    assert rewritten.last == ["pokemon-etl", "Success", "10 loaded"]


def test_down_stops_everything_and_keeps_the_state(rewritten: Answer, project: Checkout) -> None:
    assert rewritten.code == 0
    assert project.processes() == {"prefect-api", "pokemon-api", "agent"}
    assert project.run("-m", "emulators", "status").code == 0
    assert project.run("-m", "emulators", "down").output.count("Stopped the ") == 3
    assert project.processes() == set()
    assert project.run("-m", "emulators", "status").code == 1
    assert (project.root / ".local" / "prefect.db").exists()
