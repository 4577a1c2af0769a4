"""What a stack's last update is known by, asked of the real engine, and a promotion from one stack to another."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from components import image_content
from components.registry_client import ContainerRegistry
from delivery import __main__ as delivery
from delivery.deployed import stack
from delivery.error import DeliveryError
from emulators import background
from emulators.container_registry.service import serving
from emulators.engine import Engine, engine
from emulators.prefect_api.app import application
from emulators.prefect_api.database import Database
from emulators.pulumi_providers import home
from emulators.pulumi_providers.azure.function import SERVER
from emulators.surroundings import surrounded
from infra import stack_file
from registration import azure_endpoint, catalog
from registration.settings import RunConfig

ROOT = Path(__file__).parents[2]
REGISTRIES = "/subscriptions/0/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries"
PROGRAM = """import json
from pathlib import Path
import pulumi

for name, value in json.loads(Path(f"{pulumi.get_stack()}.json").read_text()).items():
    pulumi.export(name, value)
pulumi.export("secret", pulumi.Output.secret("that nobody may read"))
"""
PROJECT = """name: p
runtime: {{name: python, options: {{toolchain: pip, virtualenv: '{venv}'}}}}
config:
  platform: {{type: string, default: azure}}
  flowImage: {{type: string, default: ''}}
  flowImageRevision: {{type: string, default: ''}}
"""
FLOW = "from prefect import Flow, task\n\n@task\ndef t():\n    return 1\n\nwith Flow('one') as flow:\n    t()\n"
FILES = {
    ".gitignore": "*.json\n__pycache__/\n.venv\n",
    "__main__.py": PROGRAM,
    "Dockerfile": "FROM scratch\n",
    "requirements/flows.txt": "",
    "tasks/__init__.py": "",
    "utils/__init__.py": "",
    "flows/one.py": FLOW,
}
GIT = {f"GIT_{who}_{what}": "a@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


@dataclass
class Checkout:
    """A small program in a repository of its own, whose stacks put out what they are told to."""

    root: Path
    engine: Engine

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.root, env=self.environment, capture_output=True, check=True)
        return done.stdout.decode().strip()

    @property
    def environment(self) -> dict[str, str]:
        return {**self.engine.environment, **GIT, "PYTHONPATH": str(ROOT)}

    def commit(self) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "work")
        return self.git("rev-parse", "HEAD")

    def up(self, name: str, **outputs: Any) -> None:
        (self.root / f"{name}.json").write_text(json.dumps(outputs))
        self.update(name)

    def update(self, name: str) -> None:
        self.engine.call("up", "--yes", "--skip-preview", "--stack", name, cwd=self.root)

    def delivery(self, *command: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "delivery", *command],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stderr if code else done.stdout


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Checkout]:
    for name, text in {**FILES, "Pulumi.yaml": PROJECT.format(venv=sys.prefix)}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    with engine("prefect-aks-test-") as bare, serving() as azure:
        monkeypatch.setenv(azure_endpoint.VARIABLE, azure)
        made = Checkout(tmp_path, replace(bare, environment={**bare.environment, azure_endpoint.VARIABLE: azure}))
        made.git("init", "--quiet")
        for name, value in made.environment.items():
            if name == "PATH" or name.startswith("PULUMI_"):
                monkeypatch.setenv(name, value)
        yield made


def test_a_stack_is_known_by_the_revision_and_the_settings_of_its_last_update(checkout: Checkout) -> None:
    checkout.engine.call("stack", "init", "stage", cwd=checkout.root)
    checkout.engine.call("config", "set", "flowImage", "x", "--stack", "stage", cwd=checkout.root)
    checkout.engine.call("config", "set", "--secret", "webhook", "hidden", "--stack", "stage", cwd=checkout.root)
    revision = checkout.commit()
    checkout.up("stage", flows={"one": {"fingerprint": "11"}})
    found = stack.read(checkout.root, "stage")
    assert found.outputs == {"flows": {"one": {"fingerprint": "11"}}, "secret": "[secret]"}
    assert (found.update.succeeded, found.update.revision, found.update.dirty) == (True, revision, False)
    assert found.update.config == {"platform": "azure", "flowImage": "x", "flowImageRevision": ""}
    with pytest.raises(DeliveryError, match="there is no stack prod where you are logged in"):
        stack.read(checkout.root, "prod")


def apart(checkout: Checkout, *names: str) -> tuple[str, ...]:
    """Make stacks, each with its state in a place of its own, and give the options that lead there."""
    options: list[str] = []
    for side, name in zip(("from", "to"), names, strict=True):
        (checkout.engine.folder / name).mkdir()
        options += [f"--{side}-backend", f"file://{checkout.engine.folder / name}"]
        at(checkout, name).engine.call("stack", "init", name, cwd=checkout.root)
    return tuple(options)


def at(checkout: Checkout, name: str) -> Checkout:
    """The checkout with a login to the place of one stack's state."""
    place = {"PULUMI_BACKEND_URL": f"file://{checkout.engine.folder / name}"}
    own = replace(checkout.engine, environment={**checkout.engine.environment, **place})
    return replace(checkout, engine=own)


def test_stacks_whose_states_lie_apart_are_asked_for_each_where_its_own_is(
    checkout: Checkout, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    backends = apart(checkout, "stage", "prod")
    monkeypatch.chdir(checkout.root)
    compare = ("diff", "--from", "stage", "--to", "prod", "--json")
    assert delivery.main([*compare, *backends]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["from"]["stack"], record["to"]["stack"], record["different"]) == ("stage", "prod", False)
    assert delivery.main([*compare, *backends[:2]]) == 1
    assert "there is no stack prod" in capsys.readouterr().err


def built(root: Path) -> dict[str, Any]:
    """What a stack puts out that built its image and registered its flows."""
    registry = ContainerRegistry(id=f"{REGISTRIES}/crstage", login_server="crstage.azurecr.io")
    registry.copy("docker.io/library/flows:1", "flows", "built", overwrite=True)
    found = catalog.load(root / "flows", store="store", run_config=RunConfig())
    return {
        "registryId": registry.id,
        "registryLoginServer": registry.login_server,
        "flowImage": f"{registry.login_server}/flows@{registry.await_digest('flows', 'built')}",
        "flowImageContentHash": image_content.content_hash(root),
        "flows": {each.name: {"fingerprint": each.fingerprint} for each in found.records},
    }


@pytest.mark.audit
def test_what_one_stack_runs_is_promoted_to_another_and_no_update_after_a_change_counts_as_proof(
    checkout: Checkout,
) -> None:
    both = ("--from", "stage", "--to", "prod", *apart(checkout, "stage", "prod"))
    at_stage, at_prod = at(checkout, "stage"), at(checkout, "prod")
    revision = checkout.commit()
    stage = built(checkout.root)
    prod = {"registryId": f"{REGISTRIES}/crprod", "registryLoginServer": "crprod.azurecr.io"}
    at_stage.up("stage", **stage)
    at_prod.up("prod", **prod)
    at_stage.engine.call("refresh", "--yes", "--skip-preview", "--stack", "stage", cwd=checkout.root)
    assert "committed" in checkout.delivery("promote", *both)
    pinned = stack_file.values(checkout.root / "Pulumi.prod.yaml", "p")
    assert pinned == {
        "flowImage": stage["flowImage"].replace("crstage", "crprod"),
        "flowImageRevision": revision,
    }
    at_prod.up("prod", **prod, flowImage=pinned["flowImage"], flows=stage["flows"])
    record = json.loads(checkout.delivery("diff", *both, "--json"))
    assert (record["different"], record["to"]["imageRevision"]) == (False, revision)
    assert record["to"]["revision"] == checkout.git("rev-parse", "HEAD") != revision
    (checkout.root / "tasks" / "new.py").write_text("")
    at_stage.up("stage", **built(checkout.root))
    told = checkout.delivery("promote", *both, code=1)
    assert "stage was deployed from changes that were not committed" in told


def tracked(folder: Path) -> None:
    """Copy the project as it lies here, edits included, into a folder that shares this environment's packages."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in names:
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(sys.prefix)


@pytest.fixture
def environments(tmp_path: Path) -> Iterator[dict[str, Checkout]]:
    """The project with dev and stage deployed, by the names of these; each has a cloud and a server of its own."""
    tracked(tmp_path)
    with engine("prefect-aks-test-") as bare, surrounded(bare) as dev:
        database = Database(f"sqlite:///{bare.folder / 'stage.db'}")
        with background.serving(application(database)) as server:
            (cloud := bare.folder / "stage").mkdir()
            apart = {**home.environment(bare.folder / "home", cloud), SERVER: server}
            stage = replace(dev, environment={**dev.environment, **apart})
            made = {name: Checkout(tmp_path, each) for name, each in (("dev", dev), ("stage", stage))}
            made["dev"].git("init", "--quiet")
            # The project ignores a folder of this name, and no link.
            (tmp_path / ".git" / "info" / "exclude").write_text(".venv\n")
            for name in made:
                dev.call("stack", "init", name, cwd=tmp_path)
            made["dev"].commit()
            for name, each in made.items():
                each.update(name)
            yield made
        database.close()


@pytest.mark.audit
@pytest.mark.timeout(900)
# The servers run in this process, and Prefect 1.4.1 speaks to an older release of this library.
@pytest.mark.filterwarnings("ignore:The `context` parameter is deprecated")
def test_an_environment_runs_what_another_has_proved_and_a_pull_request_is_tried_beside_it(
    environments: dict[str, Checkout],
) -> None:
    dev, stage = environments["dev"], environments["stage"]
    compare = ("diff", "--from", "dev", "--to", "stage", "--json")
    before = json.loads(dev.delivery(*compare))
    assert (before["image"], before["flows"], before["sameFlows"] > 0) == ("different", [], True)
    assert before["from"]["imageContentHash"] == before["to"]["imageContentHash"]
    assert "would copy it" in dev.delivery("promote", "--from", "dev", "--to", "stage", "--dry-run")
    dev.delivery("promote", "--from", "dev", "--to", "stage")
    stage.update("stage")
    assert json.loads(dev.delivery(*compare))["different"] is False
    assert "pins it already" in dev.delivery("promote", "--from", "dev", "--to", "stage")
    (dev.root / "flows" / "tried.py").write_text(FLOW.replace("'one'", "'tried'"))
    tried = json.loads(dev.delivery("pr-project", "7", "--json"))
    assert [(flow["name"], flow["action"], flow["state"]) for flow in tried["flows"]] == [
        ("tried", "register", "Success")
    ]
    assert "removed project pr-7 with 1 flow(s)" in dev.delivery("pr-project", "7", "--close")
