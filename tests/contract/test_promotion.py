"""A promotion with Azure's own libraries against a stand-in for Azure, in a real repository; the stacks are made up."""

import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from components import image_content
from components.registry_client import ContainerRegistry
from delivery import __main__ as delivery
from delivery.deployed import stack
from delivery.deployed.stack import Deployment, Update
from delivery.promotion import promotion
from emulators import background
from emulators.container_registry.service import serving
from preview.git import GitError
from registration import azure_endpoint, catalog
from registration.catalog import Catalog, Record

REGISTRIES = "/subscriptions/0/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries"
FILES = {
    "Pulumi.yaml": "name: p\nconfig:\n  platform:\n    default: azure\n  flowImage:\n    default: ''\n",
    "Pulumi.stage.yaml": "config:\n  p:a: 1\n",
    "Pulumi.prod.yaml": "# Production.\nconfig:\n  p:a: 1  # for a reason\n",
    "Pulumi.local.yaml": "config:\n  p:platform: local\n",
    "Dockerfile": "FROM scratch\n",
    "requirements/flows.txt": "",
    "tasks/__init__.py": "",
    "utils/__init__.py": "",
    "flows/one.py": "",
    "other": "",
}
ROLE = "it takes the role Contributor, or Container Registry Data Importer and Data Reader"
BOTH = f"{REGISTRIES}/crProd and on {REGISTRIES}/crStage"
SAME = "with the same flows, tasks/ and utils/, then run it again"
FIREWALL = "client with IP '203.0.113.7' is not allowed access. Refer to the registry's firewall to grant access."


@dataclass
class Place:
    """A checkout, two stacks and an Azure."""

    root: Path
    azure: str
    said: Callable[[], Any]
    stacks: dict[str, Deployment] = field(default_factory=dict)
    flows: dict[str, str] = field(default_factory=lambda: {"one": "11"})

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.root, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "work")

    def promote(self, *options: str, source: str = "stage", target: str = "prod") -> tuple[int, str, str]:
        code = delivery.main(["promote", "--from", source, "--to", target, *options])
        return code, *self.said()

    def change(self, name: str, **update: Any) -> None:
        """Change what a stack says: outputs, and by their own names what is told of its last update."""
        old = self.stacks[name]
        outputs = {key: update.pop(key) for key in list(update) if key[:4] in {"flow", "regi"}}
        self.stacks[name] = replace(old, outputs={**old.outputs, **outputs}, update=replace(old.update, **update))

    def state(self) -> tuple[str, str, str]:
        """What a promotion may change in the checkout."""
        return self.git("rev-parse", "HEAD"), self.git("status", "--porcelain"), self.file.read_text()

    @property
    def file(self) -> Path:
        return self.root / "Pulumi.prod.yaml"

    def imports(self) -> list[Any]:
        found: list[Any] = httpx.get(f"{self.azure}/emulator/imports").json()
        return found[1:]

    def fail(self, **fault: Any) -> None:
        httpx.put(f"{self.azure}/emulator/faults", json=[{"times": 99, **fault}]).raise_for_status()


@pytest.fixture(scope="module")
def stand_in() -> Iterator[str]:
    with serving() as url:
        yield url


@pytest.fixture
def place(stand_in: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Place:
    httpx.delete(f"{stand_in}/emulator").raise_for_status()
    monkeypatch.setenv(azure_endpoint.VARIABLE, stand_in)
    monkeypatch.setitem(azure_endpoint.LIMITS, "retry_backoff_factor", 0.01)
    for name, value in (("AUTHOR", "a"), ("COMMITTER", "a")):
        monkeypatch.setenv(f"GIT_{name}_NAME", value)
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "a@example.com")
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    made = Place(tmp_path, stand_in, capsys.readouterr)
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "one"]):
        made.git(*command)
    registry = ContainerRegistry(id=f"{REGISTRIES}/crStage", login_server="crstage.azurecr.io")
    registry.copy("docker.io/library/flows:1", "flows", "built", overwrite=True)
    digest = registry.await_digest("flows", "built")
    for name in ("stage", "prod"):
        outputs = {"registryId": f"{REGISTRIES}/cr{name.title()}", "registryLoginServer": f"cr{name}.azurecr.io"}
        made.stacks[name] = Deployment(stack=name, outputs=outputs, update=Update(config={}))
    made.change(
        "stage",
        flowImage=f"crstage.azurecr.io/flows@{digest}",
        flowImageContentHash=image_content.content_hash(tmp_path),
        flows={"one": {"fingerprint": "11"}},
        succeeded=True,
        revision=made.git("rev-parse", "HEAD"),
    )
    monkeypatch.setattr(stack, "read", lambda _, name, __: made.stacks[name])
    monkeypatch.setattr(catalog, "load", lambda *_, **__: loaded(made.flows))
    monkeypatch.chdir(tmp_path)
    return made


def loaded(flows: dict[str, str]) -> Catalog:
    """Flows by their fingerprints, as if they had been loaded; what loads them has tests of its own."""
    records = (
        Record(name=name, file="", fingerprint=each, key="", parts={}, scheduled=False) for name, each in flows.items()
    )
    return Catalog(records=tuple(records), failures=())


def test_the_image_is_copied_by_its_digest_pinned_with_its_revision_and_committed_alone(place: Place) -> None:
    digest = str(place.stacks["stage"].outputs["flowImage"]).partition("@")[2]
    revision = place.git("rev-parse", "HEAD")
    (place.root / "other").write_text("somebody is at work here")
    code, said, _ = place.promote()
    assert code == 0
    tag = f"promoted-{digest[7:23]}"
    (asked,) = place.imports()
    assert asked["source"] == {"resourceId": f"{REGISTRIES}/crStage", "sourceImage": f"flows@{digest}"}
    assert (asked["registry"], asked["targetTags"]) == ("crprod", [f"flows:{tag}"])
    prod = ContainerRegistry(id=f"{REGISTRIES}/crProd", login_server="crprod.azurecr.io")
    assert prod.digest("flows", tag) == digest
    reference = f"crprod.azurecr.io/flows@{digest}"
    assert (
        place.file.read_text()
        == f'{FILES["Pulumi.prod.yaml"]}  p:flowImage: {reference}\n  p:flowImageRevision: "{revision}"\n'
    )
    message = f"Promote stage to prod: flows@{digest[:19]} (revision {revision[:10]})"
    assert place.git("log", "-1", "--format=%s", "--name-only").split("\n\n") == [message, "Pulumi.prod.yaml"]
    assert place.git("status", "--porcelain") == "M other"
    assert said.splitlines()[-1] == "next: push it, and open a pull request into the branch that prod is deployed from"


def test_promoting_the_same_again_copies_and_commits_nothing(place: Place) -> None:
    place.promote()
    before = place.state()
    code, said, _ = place.promote()
    assert (code, place.state(), len(place.imports())) == (0, before, 1)
    assert "Pulumi.prod.yaml pins it already: nothing to commit" in said


def test_reverting_the_commit_brings_the_file_back(place: Place) -> None:
    place.promote()
    place.git("revert", "--no-edit", "HEAD")
    assert place.file.read_text() == FILES["Pulumi.prod.yaml"]


def test_what_was_promoted_to_a_stack_can_be_promoted_on(place: Place) -> None:
    place.promote()
    pinned = place.git("rev-parse", "HEAD~1")
    place.change(
        "prod",
        flowImage=str(place.stacks["stage"].outputs["flowImage"]).replace("crstage", "crprod"),
        flows=place.stacks["stage"].outputs["flows"],
        succeeded=True,
        revision=place.git("rev-parse", "HEAD"),
        config={"flowImage": "x", "flowImageRevision": pinned},
    )
    assert place.promote(source="prod", target="stage")[0] == 0
    assert pinned in (place.root / "Pulumi.stage.yaml").read_text()
    (place.root / "tasks" / "new.py").write_text("")
    place.commit()
    code, _, error = place.promote(source="prod", target="stage")
    assert (code, error.splitlines()[-1].strip()) == (
        1,
        "image: tasks/, utils/, requirements/flows.txt or the Dockerfile differ",
    )


def test_a_dry_run_tells_what_would_be_done_and_does_nothing(place: Place) -> None:
    before = place.state()
    code, said, _ = place.promote("--dry-run")
    assert (code, place.state(), place.imports()) == (0, before, [])
    assert "would copy it from crstage.azurecr.io into crprod.azurecr.io" in said
    assert "would set flowImage and flowImageRevision in Pulumi.prod.yaml, and commit it: Promote stage to prod" in said


def test_a_commit_that_is_not_what_the_stack_runs_is_refused_with_all_that_differs(place: Place) -> None:
    place.flows = {"one": "22", "new": "33"}
    place.change("stage", flows={name: {"fingerprint": "11"} for name in ("one", "gone")})
    (place.root / "utils" / "new.py").write_text("")
    head = place.git("rev-parse", "HEAD")[:10]
    place.commit()
    code, _, said = place.promote()
    assert (code, place.imports()) == (1, [])
    assert said.splitlines() == [
        f"error: what is committed here is not what stage runs; check out {head} or a commit {SAME}:",
        "  flow gone: stage has it, this commit does not",
        "  flow new: this commit has it, stage does not",
        "  flow one: differs",
        "  image: tasks/, utils/, requirements/flows.txt or the Dockerfile differ",
    ]


@pytest.mark.parametrize("committed", [True, False])
def test_what_is_committed_counts_and_no_edit_beside_it(committed: bool, place: Place) -> None:
    file = place.root / "tasks" / "__init__.py"
    file.write_text("SIZE = 1\n")
    if committed:
        place.commit()
        file.write_text("")
        code, _, said = place.promote()
        assert (code, said.splitlines()[-1].split(":")[0].strip(), place.imports()) == (1, "image", [])
    else:
        assert place.promote()[0] == 0
        assert place.git("diff", "--name-only") == "tasks/__init__.py"


def test_what_somebody_commits_during_the_copy_is_not_built_upon(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = ContainerRegistry.copy_from

    def slow(*given: Any) -> None:
        copy(*given)
        place.git("commit", "--quiet", "--allow-empty", "--message", "two")

    monkeypatch.setattr(ContainerRegistry, "copy_from", slow)
    code, _, said = place.promote()
    assert (code, said) == (1, "error: something else was committed here meanwhile; run it again\n")
    assert (place.git("log", "-1", "--format=%s"), place.git("status", "--porcelain")) == ("two", "")


SOURCES: dict[str, tuple[dict[str, Any], str]] = {
    "failed": ({"succeeded": False}, "the last update of stage did not succeed; .*"),
    "dirty": ({"dirty": True}, "stage was deployed from changes that were not committed, .*"),
    "no git": ({"revision": ""}, "stage was deployed from a folder without git, .*"),
    "no flows": ({"flows": {}}, "stage runs no flows; deploy them there first"),
    "no image": ({"flowImage": None}, "stage runs no image, which is none of its own registry; .*"),
    "another's image": ({"flowImage": f"ghcr.io/x@sha256:{64 * '0'}"}, "stage runs ghcr.io/x@.* none of its own .*"),
    "a pin without a revision": ({"config": {"flowImage": "x"}}, "Pulumi.stage.yaml pins an image, .*"),
    "a revision that is elsewhere": (
        {"flowImageContentHash": None, "config": {"flowImage": "x", "flowImageRevision": 40 * "f"}},
        f"the image of stage is of revision {40 * 'f'}, which is not in this clone; fetch it, then run it again",
    ),
}


@pytest.mark.parametrize("name", SOURCES)
def test_a_stack_that_has_proved_nothing_is_not_promoted(name: str, place: Place) -> None:
    given, line = SOURCES[name]
    place.change("stage", **given)
    before = place.state()
    code, _, said = place.promote()
    assert re.fullmatch(f"error: {line}\n", said)
    assert (code, place.state(), place.imports()) == (1, before, [])


@pytest.mark.parametrize(
    ("target", "line"),
    [
        ("stage", "stage runs what it runs; name another stack with --to"),
        ("local", "local is no environment in Azure, and runs no image; name another stack with --to"),
        ("nope", "there is no Pulumi.nope.yaml here; name a stack of this project with --to"),
    ],
)
def test_a_target_that_is_none_is_bad_usage(target: str, line: str, place: Place) -> None:
    assert place.promote(target=target) == (2, "", f"error: {line}\n")


def test_a_stack_file_that_somebody_is_at_work_on_and_another_staged_file_are_refused(place: Place) -> None:
    place.file.write_text(f"{FILES['Pulumi.prod.yaml']}  p:b: 2\n")
    code, _, said = place.promote()
    assert (code, said) == (
        1,
        "error: Pulumi.prod.yaml has changes that are not committed; commit or undo them, then run it again\n",
    )
    place.git("checkout", "--quiet", "Pulumi.prod.yaml")
    (place.root / "other").write_text("new")
    place.git("add", "other")
    code, _, said = place.promote()
    assert (code, said.partition(",")[0]) == (1, "error: other is staged")


@pytest.mark.parametrize("why", ["a hook", "nobody"])
def test_a_commit_that_fails_leaves_the_file_as_it_was(why: str, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    if why == "a hook":
        hook = place.root / ".git" / "hooks" / "pre-commit"
        hook.write_text("#!/bin/sh\necho 'the hook says no' >&2\nexit 1\n")
        hook.chmod(0o755)
    else:
        monkeypatch.setenv("GIT_AUTHOR_NAME", "")
    before = place.state()
    code, _, said = place.promote()
    assert (code, place.state()) == (1, before)
    assert re.fullmatch("error: git commit: (the hook says no|fatal: .*)\n", said)


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_interrupt_keeps_both_the_commit_and_the_file_or_neither_even_where_git_tells_no_more(
    when: str, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Callable[..., str] = vars(promotion)["_git"]
    before = place.state()
    over: list[str] = []

    def git(root: Path, *arguments: str) -> str:
        if over and when == "before":
            raise GitError("git cannot be run: it was taken away")
        if arguments[0] != "commit":
            return real(root, *arguments)
        if when == "after":
            real(root, *arguments)
        over.append(arguments[0])
        signal.raise_signal(signal.SIGINT)
        return ""

    monkeypatch.setattr(promotion, "_git", git)
    code, _, said = place.promote()
    assert (code, said) == (130, "interrupted\n")
    assert (place.state() == before, place.git("status", "--porcelain")) == (when == "before", "")


@pytest.mark.parametrize(
    "text", ["config: [\n", "a: 1\n", "name: p\nconfig: {platform: azure}\n", "name: p\nconfig: []\n"]
)
def test_a_project_file_that_is_broken_is_one_line(text: str, place: Place) -> None:
    (place.root / "Pulumi.yaml").write_text(text)
    code, _, said = place.promote()
    assert (code, said) == (2, "error: Pulumi.yaml: is not the project that the engine wants; mend it first\n")
    (place.root / "Pulumi.yaml").unlink()
    assert place.promote()[2] == "error: there is no Pulumi.yaml here; name a stack of this project with --to\n"


AZURE: dict[str, tuple[dict[str, Any], str]] = {
    "no role": (
        {"at": "import", "status": 403, "code": "LinkedAuthorizationFailed", "message": "no."},
        rf"an import is not allowed \(LinkedAuthorizationFailed\); {ROLE} on {BOTH}, .*",
    ),
    "no image": (
        {"at": "import", "status": 400, "code": "ManifestUnknown", "message": "no."},
        r"Azure answers 400 \(ManifestUnknown: no\); does crstage.azurecr.io have flows@sha256:[0-9a-f]{64}\?",
    ),
    "no look at the policies": (
        {"at": "registry", "status": 403, "code": "AuthorizationFailed", "message": "no."},
        rf"an import is not allowed \(AuthorizationFailed\); {ROLE} on {REGISTRIES}/crStage, .*",
    ),
}


@pytest.mark.parametrize("name", AZURE)
def test_what_azure_does_not_do_is_one_line_and_nothing_is_committed(name: str, place: Place) -> None:
    fault, line = AZURE[name]
    place.fail(**fault)
    before = place.state()
    code, _, said = place.promote()
    assert re.fullmatch(f"error: {line}\n", said)
    assert (code, place.state()) == (1, before)


def test_a_registry_that_lets_nothing_out_is_told_before_anything_is_copied(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = {"properties": {"policies": {"exportPolicy": {"status": "disabled"}}}}
    denied = {"errors": [{"code": "DENIED", "message": FIREWALL}]}
    arm = Route("/arm/{path:path}", lambda _: JSONResponse(closed))
    registry = Route("/registry/{path:path}", lambda _: JSONResponse(denied, 403))
    with background.serving(Starlette(routes=[arm, registry])) as url:
        monkeypatch.setenv(azure_endpoint.VARIABLE, url)
        code, _, said = place.promote()
    assert code == 1
    assert said.startswith("error: crstage.azurecr.io lets no image be copied into another registry, by its export ")


def test_a_private_registry_is_copied_into_from_outside_and_the_user_told_that_it_was_not_read(place: Place) -> None:
    place.fail(at="tag", status=403, code="DENIED", message=FIREWALL)
    code, said, _ = place.promote()
    assert (code, len(place.imports())) == (0, 1)
    assert "it was not read there, as that registry lets nobody in" in said


def test_a_copy_that_is_another_image_is_not_pinned(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ContainerRegistry, "await_digest", lambda *_: f"sha256:{64 * '0'}")
    before = place.state()
    code, _, said = place.promote()
    assert (code, place.state()) == (1, before)
    assert re.fullmatch(f"error: crprod.azurecr.io has sha256:{64 * '0'} after the copy, not .*; run it again\n", said)
