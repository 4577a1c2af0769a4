"""The image mirror under the real engine, from its first preview to its end; what answers for Azure is a stand-in.

The tests are one story: each is a chapter that goes on from the one before.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from components.image import UPSTREAM
from emulators.container_registry.service import serving
from registration.azure_endpoint import VARIABLE

# A whole environment's story copies images too, and tests/contract has every fault.
pytestmark = pytest.mark.audit

ROOT = Path(__file__).parents[2]
PROJECT = {"name": "mirror", "runtime": {"name": "python", "options": {"virtualenv": sys.prefix}}}
PROGRAM = """
import json
from pathlib import Path

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from components.image import Image
from components.image_mirror import ImageMirror, ImageMirrorArgs


class Deploying(ResourceProvider):
    serialize_as_secret_always = False

    def diff(self, _id, olds, news):
        return DiffResult(changes=olds["images"] != news["images"])

    def create(self, props):
        return CreateResult("deployment", props)

    def update(self, _id, olds, news):
        return UpdateResult(news)


class Deployment(Resource):
    pass


wanted = json.loads(Path("wanted.json").read_text())
images = {name: Image(**image) for name, image in wanted.pop("images").items()}
mirror = ImageMirror("mirror", ImageMirrorArgs(images=images, **wanted))
Deployment(Deploying(), "deployment", {"images": mirror.images})
pulumi.export("images", mirror.images)
"""
IDS = "/subscriptions/0/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
EVERY = {f"mirror-{name}" for name in UPSTREAM}
NEW = "core-1.5.0"


class FailedError(Exception):
    """A command that failed, with what it printed."""


@dataclass
class Mirror:
    """A stack of the program above, and the stand-in that answers it."""

    root: Path
    azure: str
    wanted: dict[str, Any]

    def pulumi(self, *arguments: str) -> str:
        variables = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            "PULUMI_BACKEND_URL": f"file://{self.root}/state",
            "PULUMI_HOME": str(self.root / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_DEBUG_COMMANDS": "true",
            VARIABLE: self.azure,
        }
        command = ["pulumi", *arguments, "--stack", "mirror", "--non-interactive", "--color", "never"]
        done = subprocess.run(command, cwd=self.root, env=variables, capture_output=True, text=True, check=False)
        if done.returncode:
            raise FailedError(done.stdout + done.stderr)
        return done.stdout

    def act(self, *arguments: str) -> dict[str, str]:
        """Run a command of the engine; give what it did, by logical name, to what it did not leave as it was."""
        (self.root / "wanted.json").write_text(json.dumps(self.wanted))
        log = self.root / "events.json"
        log.unlink(missing_ok=True)
        self.pulumi(*arguments, "--event-log", str(log))
        told = [event.get("resOutputsEvent") or event.get("resourcePreEvent") for event in self.events()]
        operations = {each["metadata"]["urn"].split("::")[-1]: each["metadata"]["op"] for each in told if each}
        return {
            name: operation
            for name, operation in operations.items()
            if operation not in {"same", "refresh"} and name in {*EVERY, "deployment"}
        }

    def up(self) -> dict[str, str]:
        return self.act("up", "--yes", "--skip-preview")

    def refresh(self) -> dict[str, str]:
        return self.act("refresh", "--yes", "--skip-preview")

    def events(self) -> list[Any]:
        return [json.loads(line) for line in (self.root / "events.json").read_text().splitlines()]

    def planned_images(self) -> Any:
        """What the last command planned for the deployment."""
        (metadata,) = [
            event["resourcePreEvent"]["metadata"]
            for event in self.events()
            if event.get("resourcePreEvent", {}).get("metadata", {}).get("urn", "").endswith("::deployment")
        ]
        return metadata["new"]["inputs"]["images"]

    def digests(self) -> dict[str, str]:
        images = json.loads(self.pulumi("stack", "output", "--json"))["images"]
        return {name: image["digest"] for name, image in images.items()}

    def state(self) -> Any:
        return json.loads(self.pulumi("stack", "export"))["deployment"].get("resources", [])

    def imports(self) -> Any:
        return httpx.get(f"{self.azure}/emulator/imports").json()

    def fail(self, *faults: dict[str, Any]) -> None:
        httpx.put(f"{self.azure}/emulator/faults", json=faults).raise_for_status()

    def tag_of(self, name: str, tag: str) -> None:
        self.wanted["images"][name]["tag"] = tag


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    root = tmp_path_factory.mktemp("mirror")
    (root / "state").mkdir()
    (root / "Pulumi.yaml").write_text(json.dumps(PROJECT))
    (root / "__main__.py").write_text(PROGRAM)
    images = {name: dict(vars(image)) for name, image in UPSTREAM.items()}
    with serving() as azure:
        stack = Mirror(root, azure, {"registry_id": f"{IDS}/cr", "login_server": "cr.azurecr.io", "images": images})
        stack.pulumi("stack", "init")
        yield stack


def test_a_preview_asks_nothing_of_azure_and_makes_up_no_digest(mirror: Mirror) -> None:
    assert mirror.act("preview") == dict.fromkeys({*EVERY, "deployment"}, "create")
    assert mirror.planned_images() == UNKNOWN
    assert mirror.imports() == []


def test_one_that_cannot_be_copied_is_told_in_one_line_and_the_next_run_copies_that_one_alone(mirror: Mirror) -> None:
    mirror.fail({"at": "import", "status": 403, "code": "AuthorizationFailed", "message": "No."})
    with pytest.raises(FailedError) as failure:
        mirror.up()
    said = str(failure.value)
    (line,) = {each.strip() for each in said.splitlines() if each.strip().startswith("error: image ")}
    assert re.search(r"image [\w/-]+:[\w.-]+ in cr.azurecr.io: an import is not allowed .* takes the role ", line)
    assert "Traceback" not in said
    there = len(mirror.imports())
    assert mirror.up()["deployment"] == "create"
    assert len(mirror.imports()) == len(EVERY)
    assert there < len(EVERY)


def test_what_is_deployed_has_the_registrys_digests(mirror: Mirror) -> None:
    assert {*mirror.digests()} == {*UPSTREAM}
    assert all(re.fullmatch("sha256:[0-9a-f]{64}", digest) for digest in mirror.digests().values())
    image = json.loads(mirror.pulumi("stack", "output", "images"))["loginProxy"]
    assert image | {"digest": ""} == {
        "registry": "cr.azurecr.io",
        "repository": "oauth2-proxy/oauth2-proxy",
        "tag": "v7.15.3",
        "digest": "",
    }


def test_a_second_update_and_a_refresh_change_nothing_and_no_credential_is_in_the_state(mirror: Mirror) -> None:
    assert mirror.up() == {}
    assert mirror.refresh() == {}
    assert len(mirror.imports()) == len(EVERY)
    assert "emulated" not in json.dumps(mirror.state())


def test_another_tag_upstream_updates_its_image_and_what_is_deployed_by_it(mirror: Mirror) -> None:
    before = mirror.digests()
    mirror.tag_of("ui", NEW)
    assert mirror.act("preview") == {"mirror-ui": "update", "deployment": "update"}
    assert mirror.planned_images() == UNKNOWN
    assert mirror.up() == {"mirror-ui": "update", "deployment": "update"}
    after = mirror.digests()
    assert {name for name in before if before[name] != after[name]} == {"ui"}
    assert mirror.imports()[-1]["targetTags"] == [f"prefecthq/ui:{NEW}"]
    assert mirror.imports()[-1]["mode"] == "NoForce"


def test_a_tag_that_somebody_moved_is_found_by_a_refresh_and_moved_back_by_an_update(mirror: Mirror) -> None:
    before = mirror.digests()
    source = {"registryUri": "docker.io", "sourceImage": "evil/ui:1"}
    asked = {"source": source, "targetTags": [f"prefecthq/ui:{NEW}"], "mode": "Force"}
    begun = httpx.post(f"{mirror.azure}/arm{IDS}/cr/importImage", json=asked, headers={"Authorization": "Bearer me"})
    httpx.get(begun.headers["Location"]).raise_for_status()
    assert mirror.refresh() == {"mirror-ui": "update"}
    assert mirror.up() == {"mirror-ui": "update"}
    assert mirror.imports()[-1]["mode"] == "Force"
    assert mirror.digests() == before


def test_destroying_it_asks_nothing_of_azure_and_leaves_the_images(mirror: Mirror) -> None:
    everywhere = [{"at": place, "status": 500, "times": 999} for place in ("registry", "import", "tag", "token")]
    mirror.fail(*everywhere)
    mirror.act("destroy", "--yes", "--skip-preview")
    assert mirror.state() == []
    mirror.fail()
    token = {"Authorization": "Bearer emulated-access-token"}
    tag = f"{mirror.azure}/registry/cr.azurecr.io/acr/v1/prefecthq/ui/_tags/{NEW}"
    assert httpx.get(tag, headers=token).status_code == 200
