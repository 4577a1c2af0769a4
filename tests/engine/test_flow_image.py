"""The flow image under the real engine: what whoever runs it sees, and that nothing is lost; the stand-in is Azure.

The tests are one story: each is a chapter that goes on from the one before.
"""

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from emulators.container_registry.blob import SIGNATURE
from emulators.container_registry.service import serving
from emulators.engine import Engine, engine
from registration.azure_endpoint import VARIABLE

# A whole environment's story builds the image too, and tests/contract has every fault.
pytestmark = pytest.mark.audit

ROOT = Path(__file__).parents[2]
PROJECT = {"name": "image", "runtime": {"name": "python", "options": {"virtualenv": sys.prefix}}}
PROGRAM = """
from pathlib import Path

import pulumi

from components import image_content
from components.flow_image import FlowImage, FlowImageArgs

args = FlowImageArgs(
    registry_id="/subscriptions/0/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/cr",
    login_server="cr.azurecr.io",
    content_hash=image_content.content_hash(Path.cwd()),
    base="cr.azurecr.io/library/python@sha256:" + 64 * "b",
)
pulumi.export("image", FlowImage("flow-image", args).reference)
"""


@dataclass
class Stack:
    """A stack of the program above, and the stand-in that answers it."""

    root: Path
    engine: Engine
    azure: str

    def act(self, *arguments: str) -> tuple[int, str]:
        return self.engine.watch(*arguments, "--stack", "image", cwd=self.root)

    def up(self) -> tuple[int, str]:
        return self.act("up", "--yes", "--skip-preview")

    def builds(self) -> Any:
        return httpx.get(f"{self.azure}/emulator/builds").json()

    def fail(self, *faults: dict[str, Any]) -> None:
        httpx.put(f"{self.azure}/emulator/faults", json=faults).raise_for_status()

    def image(self) -> str:
        return str(json.loads(self.act("stack", "output", "--json")[1])["image"])


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with engine("flow-image-test-") as opened, serving() as azure:
        root = opened.folder / "project"
        (root / "requirements").mkdir(parents=True)
        for path in ("Dockerfile", "requirements/flows.txt"):
            shutil.copy(ROOT / path, root / path)
        for folder in ("tasks", "utils"):
            shutil.copytree(ROOT / folder, root / folder)
        (root / "Pulumi.yaml").write_text(json.dumps(PROJECT))
        (root / "__main__.py").write_text(PROGRAM)
        environment = {**opened.environment, "PYTHONPATH": str(ROOT), VARIABLE: azure}
        made = Stack(root, replace(opened, environment=environment), azure)
        made.engine.call("stack", "init", "image", cwd=root)
        yield made


def test_a_preview_builds_nothing_and_makes_up_no_digest(stack: Stack) -> None:
    code, said = stack.act("preview")
    assert (code, stack.builds()) == (0, [])
    assert "sha256" not in said


def test_a_build_that_fails_is_an_error_of_one_line(stack: Stack) -> None:
    stack.fail({"at": "run", "ends": "Failed", "message": "ERROR: No matching distribution found for prefect"})
    code, said = stack.up()
    assert code != 0
    lines = {line.strip() for line in said.splitlines() if line.strip().startswith("error: flow image in ")}
    (line,) = lines
    assert line.startswith(
        "error: flow image in cr.azurecr.io: build ca1 failed: ERROR: No matching distribution found"
    )
    assert "Traceback" not in said


def test_whoever_runs_the_engine_sees_the_log_while_it_builds_and_no_signature(stack: Stack) -> None:
    code, said = stack.up()
    assert code == 0
    told = [line.partition("flow image: ")[2] for line in said.splitlines() if "flow image: " in line]
    assert told.index("build ca2 is queued") < told.index("Emulated: none of these steps was run")
    assert said.index("flow image: build ca2 is queued") < said.index("BuiltImage flow-image-image created")
    assert SIGNATURE not in said + stack.act("stack", "export")[1]
    assert stack.image().startswith("cr.azurecr.io/flows@sha256:")


def test_a_second_update_and_a_refresh_build_nothing(stack: Stack) -> None:
    for command in ("up", "refresh"):
        assert stack.act(command, "--yes", "--skip-preview", "--expect-no-changes")[0] == 0
    assert len(stack.builds()) == 2


def test_a_task_that_changed_is_another_image(stack: Stack) -> None:
    before = stack.image()
    (stack.root / "tasks/more.py").write_text("ANSWER = 42\n")
    assert stack.up()[0] == 0
    assert stack.image() != before
    assert stack.builds()[-1]["context"]["tasks/more.py"] == "ANSWER = 42\n"


def test_destroying_it_asks_nothing_of_azure_and_leaves_the_image(stack: Stack) -> None:
    tag = stack.builds()[-1]["request"]["imageNames"][0].partition(":")[2]
    stack.fail(*({"at": place, "times": 999} for place in ("registry", "tag", "token")))
    assert stack.act("destroy", "--yes", "--skip-preview")[0] == 0
    stack.fail()
    url = f"{stack.azure}/registry/cr.azurecr.io/acr/v1/flows/_tags/{tag}"
    assert httpx.get(url, headers={"Authorization": "Bearer emulated-access-token"}).status_code == 200
