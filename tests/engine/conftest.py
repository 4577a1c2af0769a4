"""A copy of the program in a folder of its own, driven by the real Pulumi engine on a file backend."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NOT_FLOWS = ("flows-tenant", "flows-project")

SIMPLE = """
from prefect import Flow, task

@task
def first():
    return {value}

with Flow("{name}") as flow:
    first()
"""


# Runs a command and tells the peak of the largest of the processes that it started, and of those that these started.
MEASURED = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
sys.exit(sys.stderr.write(f"peak {peak} MiB\\n") and code)
"""


class PulumiError(Exception):
    """A command that failed, with all that it printed."""

    @property
    def causes(self) -> list[str]:
        """The lines that say why, each once; a stack trace is never among them."""
        assert "Traceback" not in str(self)
        lines = {line.strip() for line in str(self).splitlines()}
        found = sorted(line.removeprefix("error: ") for line in lines if line.startswith("error: "))
        return [line for line in found if ": " in line]


@dataclass
class Outcome:
    """What the engine did: the operation and the changed inputs of every resource that it touched, by logical name."""

    operations: dict[str, str] = field(default_factory=dict)
    changes: dict[str, set[str]] = field(default_factory=dict)
    output: str = ""
    peak_mib: int = 0

    @property
    def flows(self) -> dict[str, str]:
        """The operations on flows alone, by the flow's name, `same` left out."""
        return {
            name.removeprefix("flows-"): operation
            for name, operation in self.operations.items()
            if name.startswith("flows-") and operation not in {"same", "refresh"} and name not in NOT_FLOWS
        }


@dataclass
class Stack:
    """One checkout of the project with its stack `local`."""

    root: Path
    environment: dict[str, str]
    _peak_mib: int = 0
    SIMPLE = SIMPLE
    Error = PulumiError

    def serve(self, api: Any) -> None:
        """Let the stack use this API."""
        self.environment["PREFECT_API_PORT"] = api.url.rsplit(":", 1)[1]

    @staticmethod
    def versions(api: Any) -> dict[str, int]:
        """The unarchived version of every flow that an API has."""
        rows = api.query("{ flow(where: {archived: {_eq: false}}) { name version } }")["flow"]
        found = {row["name"]: row["version"] for row in rows}
        assert len(found) == len(rows), "a flow has two unarchived versions"
        return found

    def move(self, name: str) -> "Stack":
        """The same checkout and state in another folder, as after a clone on another machine."""
        root = self.root.rename(self.root.with_name(name))
        return Stack(root, {key: value.replace(str(self.root), str(root)) for key, value in self.environment.items()})

    def write(self, name: str, value: int = 1, file: str | None = None, text: str = SIMPLE) -> Path:
        """Write a flow file."""
        path = self.root / "flows" / (file or f"{name.replace('-', '_')}.py")
        path.write_text(text.format(name=name, value=value))
        return path

    def up(self) -> Outcome:
        return self._act("up", "--yes", "--skip-preview")

    def preview(self) -> Outcome:
        return self._act("preview")

    def refresh(self) -> Outcome:
        return self._act("refresh", "--yes", "--skip-preview")

    def destroy(self) -> Outcome:
        return self._act("destroy", "--yes", "--skip-preview")

    def registration(self, command: str) -> dict[str, str]:
        """Run the command line of registration with the stack's settings, and give the action on every flow."""
        line = [sys.executable, "-m", "registration", command, "--settings", ".local/registration-local.json", "--json"]
        done = subprocess.run(line, cwd=self.root, stdout=subprocess.PIPE, check=True)
        return {flow["name"]: flow["action"] for flow in json.loads(done.stdout)["flows"]}

    def configure(self, key: str, value: str) -> None:
        self.pulumi("config", "set", key, value)

    def outputs(self) -> Any:
        return json.loads(self.pulumi("stack", "output", "--json"))

    def export(self) -> Any:
        return json.loads(self.pulumi("stack", "export"))["deployment"]

    def pulumi(self, *arguments: str) -> str:
        """Run a command on the stack and give what it prints."""
        command = ["pulumi", *arguments, "--stack", "local", "--non-interactive", "--color", "never"]
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, *command],
            cwd=self.root,
            env=self.whole_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        *_, self._peak_mib = map(int, re.findall(r"^peak (\d+) MiB$", done.stderr, re.MULTILINE))
        if done.returncode != 0:
            raise PulumiError(f"{done.stdout}\n{done.stderr}")
        return done.stdout

    def whole_environment(self) -> dict[str, str]:
        """What a command line of this stack runs with."""
        return {**os.environ, **self.environment}

    def _act(self, *arguments: str) -> Outcome:
        log = self.root / ".local/events.json"
        log.unlink(missing_ok=True)
        outcome = Outcome(output=self.pulumi(*arguments, "--event-log", str(log)), peak_mib=self._peak_mib)
        for event in map(json.loads, log.read_text().splitlines()):
            told = event.get("resourcePreEvent") or event.get("resOutputsEvent")
            if told:
                metadata = told["metadata"]
                name = metadata["urn"].rsplit("::", 1)[1]
                # A refresh announces itself as such, and says only at its end what it came to.
                outcome.operations[name] = metadata["op"]
                old, new = ((metadata.get(state) or {}).get("inputs") or {} for state in ("old", "new"))
                outcome.changes[name] = {key for key in {*old, *new} if old.get(key) != new.get(key)}
        return outcome


@pytest.fixture(scope="session", autouse=True)
def pulumi_on_path() -> Iterator[None]:
    """The Pulumi command line, built by `make test` beforehand, where a test's own processes find it."""
    found = subprocess.run([sys.executable, "-m", "toolchain", "pulumi"], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", found.stdout.decode().strip(), prepend=os.pathsep)
        yield


@pytest.fixture(scope="session")
def copy_project() -> Callable[..., None]:
    """Copy the program and the given folders into a new root, which shares this environment's packages."""

    def copy(root: Path, *folders: str) -> None:
        for folder in ("components", "infra", "registration", *folders):
            shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
        for file in ("__main__.py", "Pulumi.yaml", "Pulumi.local.yaml"):
            shutil.copy(ROOT / file, root / file)
        (root / ".venv").symlink_to(Path(sys.prefix))

    return copy


@pytest.fixture
def checkout(tmp_path: Path, copy_project: Callable[..., None]) -> Stack:
    """A checkout without a flow, whose stack has never been deployed; the API's port is set by the test."""
    root = tmp_path / "checkout"
    copy_project(root)
    for folder in ("flows", "tasks", "utils", ".local/pulumi"):
        (root / folder).mkdir(parents=True)
    environment = {
        "PULUMI_BACKEND_URL": f"file://{root}/.local/pulumi",
        "PULUMI_HOME": str(root / ".local/pulumi-home"),
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        # It makes --event-log known, which says what the engine did, as data.
        "PULUMI_DEBUG_COMMANDS": "true",
        "PYTHONWARNINGS": "ignore",
    }
    stack = Stack(root, environment)
    stack.pulumi("stack", "init")
    return stack


@pytest.fixture
def stack(checkout: Stack, prefect_api: Any) -> Stack:
    """A stack with two flows, deployed once."""
    checkout.serve(prefect_api)
    checkout.write("one")
    checkout.write("two")
    checkout.up()
    return checkout
