"""A deployed stack previewed, updated and compared, by the commands and the real engine, on a small program."""

import argparse
import hashlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from delivery.deployed import deploy, drift, live_preview
from delivery.error import DeliveryError
from emulators.engine import Engine, engine

SECRET = "hunter2-that-nobody-may-read"  # noqa: S105 - what must never show
PROGRAM = """
import json
import time
import pulumi
from pathlib import Path
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult
from pulumi_azure_native import Provider, monitor, resources, storage

wanted = json.loads(Path("wanted.json").read_text())

class Made(ResourceProvider):
    def create(self, props):
        print(f"Step 1/2 : FROM {props['base']}", flush=True)
        # The engine takes a line and the end of a build in any order where they come at once.
        time.sleep(0.5)
        return CreateResult("1", {**props, "digest": "sha256:" + "a" * 64})
    def update(self, id, olds, news):
        raise RuntimeError("the registry is full")
    def diff(self, id, olds, news):
        return DiffResult(changes=olds["base"] != news["base"])

class Registered(ResourceProvider):
    def create(self, props):
        return CreateResult("1", {**props, "version": 1})
    def update(self, id, olds, news):
        return UpdateResult({**news, "version": olds["version"] + 1})
    def diff(self, id, olds, news):
        return DiffResult(changes=olds["structure"] != news["structure"])

class BuiltImage(Resource, module="prefect-aks", name="BuiltImage"):
    digest: pulumi.Output[str]

class Flow(Resource, module="prefect-aks", name="Flow"):
    version: pulumi.Output[int]

class Storage(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("prefect-aks:azure:Storage", name)
        child = pulumi.ResourceOptions(parent=self, provider=Provider("azure"))
        group = resources.ResourceGroup(f"{name}-group", resource_group_name="rg-small", opts=child)
        tags = {"owner": wanted["owner"], "token": pulumi.Output.secret(SECRET)}
        account = storage.StorageAccount(
            f"{name}-account", account_name=wanted["account"], resource_group_name=group.name, location="westeurope",
            kind="StorageV2", sku=storage.SkuArgs(name="Standard_LRS"), tags=tags, opts=child,
        )
        storage.BlobContainer(
            f"{name}-flows", account_name=account.name, resource_group_name=group.name, container_name="flows",
            opts=child,
        )
        workspace = "/subscriptions/0/resourceGroups/rg/providers/Microsoft.OperationalInsights/workspaces/log"
        monitor.DiagnosticSetting(
            f"{name}-logs", name="logs", resource_uri=account.id, workspace_id=workspace,
            log_analytics_destination_type="Dedicated", opts=child,
        )

Storage("storage")
image = BuiltImage(Made(), "image-built", {"base": wanted["base"], "digest": None})
for name, structure in wanted["flows"].items():
    Flow(Registered(), f"flows-{name}", {"name": name, "structure": structure, "version": None})
pulumi.export("flowImage", pulumi.Output.concat("small.azurecr.io/flows@", image.digest))
pulumi.export("token", pulumi.Output.secret(SECRET))
"""
POLICY = """
import io, sys
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy

def owned(args, report):
    if args.props.get("tags", {}).get("owner") == "nobody":
        report("name an owner")

sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), write_through=True)
PolicyPack("small", [ResourceValidationPolicy("owned", "Accounts have an owner.", owned, EnforcementLevel.MANDATORY)])
"""
GIT = ("init -q", "add --all", "-c user.name=x -c user.email=x@example.com commit -qm one", "checkout -q --detach")
WANTED = {"base": "one", "owner": "jane", "account": "stsmall", "flows": {"etl": "a", "report": "a"}}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a command ended and what it said; `error` is the line of a DeliveryError."""

    code: int
    lines: list[str]
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Small:
    """A checkout of a small project, whose stack `dev` is in the state of an engine of its own."""

    root: Path
    engine: Engine

    def act(self, module: ModuleType, *arguments: str, **wanted: Any) -> Outcome:
        (self.root / "wanted.json").write_text(json.dumps({**WANTED, **wanted}))
        parser = argparse.ArgumentParser()
        module.add(parser)
        told = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(told), redirect_stderr(told):
            for name in {*os.environ} - {*self.engine.environment}:
                patch.delenv(name)
            for name, value in self.engine.environment.items():
                patch.setenv(name, value)
            patch.chdir(self.root)
            try:
                code, error = module.run(parser.parse_args(["--stack", "dev", *arguments])), ""
            except DeliveryError as problem:
                code, error = 1, str(problem)
        return Outcome(code=code, lines=told.getvalue().splitlines(), error=error)

    def report(self, name: str) -> Any:
        return json.loads((self.root / f"build/{name}.json").read_text())

    def pulumi(self, *arguments: str) -> Any:
        code, said = self.engine.watch("stack", *arguments, "--stack", "dev", cwd=self.root)
        assert code == 0, said
        return json.loads(said) if said.startswith(("{", "[")) else said

    def state(self) -> dict[str, str]:
        files = (path for path in (self.engine.folder / "state").rglob("*") if path.is_file())
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    def without(self, variable: str) -> "Small":
        environment = {name: value for name, value in self.engine.environment.items() if name != variable}
        return replace(self, engine=replace(self.engine, environment=environment))

    @contextmanager
    def changed_by_hand(self) -> Iterator[None]:
        """Somebody deletes the container and gives the account other tags, and Azure forgets a setting, for a while."""
        cloud = self.engine.folder / "cloud/azure-native.json"
        text = cloud.read_text()
        resources = json.loads(text)["resources"]
        [container] = [identity for identity in resources if identity.endswith("/containers/flows")]
        [account] = [identity for identity in resources if identity.endswith("/stsmall")]
        del resources[container]
        [setting] = [identity for identity in resources if identity.endswith("/diagnosticSettings/logs")]
        resources[account]["properties"]["tags"] = {"owner": "joe", "token": "stolen"}
        del resources[setting]["properties"]["logAnalyticsDestinationType"]
        cloud.write_text(json.dumps({"resources": resources}))
        yield
        cloud.write_text(text)


Story = tuple[Small, Outcome]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The project after its first update, and what that said; the tests below only look, or put back what they do."""
    root = tmp_path_factory.mktemp("small") / "project"
    (root / "policies").mkdir(parents=True)
    runtime = f"runtime: {{name: python, options: {{toolchain: pip, virtualenv: {sys.prefix}}}}}\n"
    (root / "Pulumi.yaml").write_text(f"name: small\n{runtime}")
    (root / "Pulumi.dev.yaml").write_text("config: {}\n")
    (root / "__main__.py").write_text(f"SECRET = {SECRET!r}\n{PROGRAM}")
    (root / "policies/PulumiPolicy.yaml").write_text(f"version: 0.1.0\n{runtime}")
    (root / "policies/__main__.py").write_text(POLICY)
    (root / ".gitignore").write_text("build/\nwanted.json\n__pycache__/\n")
    with engine("prefect-aks-test-") as opened:
        opened.call("stack", "init", "dev", cwd=root)
        for line in GIT:
            subprocess.run(["git", *line.split()], cwd=root, check=True)
        project = Small(root=root, engine=opened)
        yield project, project.act(deploy)


def test_a_deployment_tells_what_was_built_and_registered_and_the_builds_own_lines(small: Story) -> None:
    project, first = small
    assert (first.code, first.error) == (0, "")
    assert "  Step 1/2 : FROM one" in first.lines
    assert first.lines[-5:] == [
        "image    built flows@sha256:aaaaaaaaaaaa",
        "flows    etl register 1 new",
        "         report register 1 new",
        "dev: 10 created",
        "The report is build/deploy-dev.md",
    ]
    assert project.report("deploy-dev")["image"]["op"] == "built"
    assert (project.root / "build/preview-dev.md").read_text().startswith("# Preview of the deployed stack `dev`\n")


def test_no_secret_is_in_a_report_or_in_what_was_said(small: Story) -> None:
    project, first = small
    reports = [path.read_text() for path in (project.root / "build").iterdir()]
    assert len(reports) == 4
    assert [text for text in (*reports, *first.lines) if SECRET in text] == []


def test_the_engine_records_the_revision_of_a_checkout_that_is_on_no_branch(small: Story) -> None:
    project, _ = small
    [update] = project.pulumi("history", "--json")
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=project.root, stdout=subprocess.PIPE, check=True).stdout
    assert (update["kind"], update["result"]) == ("update", "succeeded")
    assert update["environment"]["git.head"] == head.decode().strip()
    assert update["environment"]["git.dirty"] == "false"
    assert "git.headName" not in update["environment"]


def test_what_is_red_is_refused_before_anything_is_changed(small: Story) -> None:
    project, _ = small
    before = project.state()
    refused = project.act(deploy, flows={})
    assert refused.error == "dev was left as it is: 2 red; see build/preview-dev.md"
    assert any(line.startswith("red: flows-report (Flow) would be archived") for line in refused.lines)
    assert project.report("deploy-dev")["failed"] == [{"urn": "", "message": refused.error}]
    assert project.state() == before


def test_what_somebody_changed_by_hand_is_told_and_the_state_stays_as_it_is(small: Story) -> None:
    project, _ = small
    before = project.state()
    with project.changed_by_hand():
        found = project.act(drift)
    assert found.code == 1
    assert found.lines[-4:] == [
        "gone: storage-flows (BlobContainer)",
        "changed: storage-account (StorageAccount): tags.owner, tags.token",
        "dev: 1 gone, 1 changed, 8 as deployed",
        "The report is build/drift-dev.md",
    ]
    assert "stolen" not in (project.root / "build/drift-dev.md").read_text() + json.dumps(project.report("drift-dev"))
    assert project.state() == before


def test_what_keeps_the_engine_from_beginning_is_one_line_that_the_summary_has_too(small: Story) -> None:
    project, _ = small
    lines = {
        "PULUMI_BACKEND_URL": "nobody is logged in to a place for the state",
        "PULUMI_CONFIG_PASSPHRASE": "the secrets of dev cannot be read, as its secrets provider refuses",
    }
    for variable, line in lines.items():
        refused = project.without(variable).act(live_preview)
        assert refused.error.startswith(line)
        assert f"- {line}" in (project.root / "build/preview-dev.md").read_text()
    (project.root / "Pulumi.qa.yaml").write_text("config: {}\n")
    assert project.act(drift, "--stack", "qa").error.startswith("there is no stack qa where you are logged in")
    (project.root / "Pulumi.qa.yaml").unlink()


@pytest.mark.audit
def test_a_stack_that_nobody_touched_has_not_drifted(small: Story) -> None:
    project, _ = small
    assert project.act(drift).code == 0
    assert project.report("drift-dev") == {"stack": "dev", "counts": {"same": 10}, "drift": [], "errors": []}


@pytest.mark.audit
def test_a_broken_policy_is_refused_before_anything_is_changed(small: Story) -> None:
    project, _ = small
    before = project.state()
    refused = project.act(deploy, owner="nobody")
    assert refused.error == "dev was left as it is: 1 broken policy; see build/preview-dev.md"
    assert "policy owned: storage-account: name an owner" in refused.lines
    assert project.state() == before


@pytest.mark.audit
def test_who_holds_the_lock_is_told(small: Story) -> None:
    project, _ = small
    lock = project.engine.folder / "state/.pulumi/locks/organization/small/dev/lock.json"
    lock.parent.mkdir(parents=True, exist_ok=True)
    holder = {"pid": 4242, "username": "jane", "hostname": "agent-7", "timestamp": "2026-01-20T10:11:12Z"}
    lock.write_text(json.dumps(holder))
    refused = project.act(deploy)
    lock.unlink()
    told = "another update of dev runs, begun by jane@agent-7 (process 4242) at 2026-01-20T10:11:12Z: wait for it"
    assert refused.error.startswith(told)
    assert "pulumi cancel --stack dev" in refused.error


@pytest.mark.audit
def test_an_update_tells_what_changed_and_why_and_one_that_fails_tells_that_too(small: Story) -> None:
    project, _ = small
    changed = project.act(deploy, flows={"etl": "b", "report": "a"})
    assert changed.code == 0
    assert changed.lines[-5:-1] == [
        "image    unchanged flows@sha256:aaaaaaaaaaaa",
        "flows    etl update 2 structure",
        "         1 unchanged",
        "dev: 1 updated, 9 unchanged",
    ]
    failed = project.act(deploy, flows={"etl": "b", "report": "a"}, base="two")
    assert failed.code == 1
    assert "error: image-built: the program failed: RuntimeError: the registry is full" in failed.lines
    assert "image    failed" in failed.lines
    assert project.report("deploy-dev")["counts"]["failed"] == 1
    assert project.act(deploy, flows={"etl": "b", "report": "a"}).code == 0
