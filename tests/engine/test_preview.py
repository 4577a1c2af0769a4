"""`make preview` with the real engine and the real program, on the emulated providers."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from emulators.engine import Engine, engine
from emulators.preview import Request, deploy, look
from emulators.surroundings import surrounded
from preview.arm import template
from preview.loss import losses
from preview.plan import Plan

ROOT = Path(__file__).parents[2]
STACKS = ("dev", "stage", "prod")
POOL = "azure-native:containerservice:AgentPool"
CLUSTER = "azure-native:containerservice:ManagedCluster"
# A secrets provider that nothing here can reach, and what it made.
VAULT = """
secretsprovider: azurekeyvault://nowhere.vault.azure.net/keys/pulumi
encryptedkey: bm90IGEga2V5IHRoYXQgYW55Ym9keSBjYW4gcmVhZA==
"""
CIPHER = "  prefect-aks:alertWebhook:\n    secure: v1:bm90aGluZw==:bm90aGluZyB0aGF0IGFueWJvZHkgY2FuIHJlYWQ=\n"
# checkov's rules that a control which an environment relaxes with a reason would break, by the config key.
RELAXED = {
    "CKV_AZURE_6": "publicAccess",
    "CKV_AZURE_59": "publicAccess",
    "CKV_AZURE_139": "publicAccess",
    "CKV_AZURE_206": "storageRedundancy",
    "CKV_AZURE_226": "osDiskType",
    "CKV_AZURE_227": "hostEncryption",
    "CKV_AZURE_233": "zones",
}


@dataclass
class Project:
    """A copy of the project, committed once."""

    root: Path

    def edit(self, old: str, new: str, file: str = "Pulumi.dev.yaml") -> None:
        text = (self.root / file).read_text()
        assert text.count(old) == 1
        (self.root / file).write_text(text.replace(old, new))

    def git(self, *arguments: str) -> None:
        identity = ("-c", "user.name=test", "-c", "user.email=test@example.com")
        subprocess.run(["git", *identity, *arguments], cwd=self.root, check=True, stdout=subprocess.DEVNULL)

    def preview(self, *arguments: str, before: tuple[str, ...] = ()) -> "subprocess.CompletedProcess[str]":
        """Run the command with an empty HOME and no credential, where no network is reached if `before` sees to it."""
        found = subprocess.run(
            [sys.executable, "-m", "toolchain", "pulumi"], cwd=ROOT, stdout=subprocess.PIPE, check=True
        )
        home, temporary = self.root.with_name("home"), self.root.with_name("temporary")
        home.mkdir(exist_ok=True)
        temporary.mkdir(exist_ok=True)
        environment = {
            "PATH": f"{found.stdout.decode().strip()}:{os.defpath}",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "TMPDIR": str(temporary),
        }
        command = [*before, sys.executable, "-m", "emulators", "preview", *arguments]
        done = subprocess.run(command, cwd=self.root, env=environment, capture_output=True, text=True, check=False)
        assert list(temporary.iterdir()) == []
        assert "Traceback" not in done.stdout + done.stderr
        return done

    def record(self, stack: str = "dev") -> Any:
        return json.loads((self.root / f"build/preview-{stack}.json").read_text())


def copied(root: Path) -> Project:
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    for name in filter(None, tracked.stdout.decode().split("\0")):
        if not name.startswith(("tests/", "docs/")) and (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name)
    (root / ".venv").symlink_to(Path(sys.prefix))
    project = Project(root)
    project.git("init", "-q")
    project.git("add", "--all", "--", ":!.venv")
    project.git("commit", "-qm", "base")
    return project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return copied(tmp_path / "project")


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, Engine]]:
    """The stack `dev`, deployed once for the tests of this file, which only look."""
    project = copied(tmp_path_factory.mktemp("deployed") / "project")
    with engine("prefect-aks-test-") as bare, surrounded(bare) as opened:
        deploy(Request(stack="dev", root=project.root), "HEAD", opened, lambda _: None)
        yield project, opened


@pytest.fixture
def changed(deployed: tuple[Project, Engine]) -> Iterator[Any]:
    """Edit the project, look what that would do, and put it back."""
    project, opened = deployed

    def change(old: str, new: str) -> Plan:
        project.edit(old, new)
        plan = look(Request(stack="dev", root=project.root), opened, lambda _: None)
        assert (plan.problems, plan.broken) == ((), ())
        return plan

    yield change
    project.git("checkout", "-q", "--", ".")


def alone() -> tuple[str, ...]:
    """A command that runs another in a network namespace with loopback alone, or a reason to skip."""
    inner = 'ip link set lo up 2>/dev/null || ifconfig lo up; exec "$@"'
    for options in (("-rn",), ("-n",)):
        unshare = ("unshare", *options, "sh", "-c", inner, "sh")
        if (
            shutil.which("unshare")
            and not subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode
        ):
            return unshare
    pytest.skip("this machine lets nobody make a network namespace")


def test_a_whole_environment_is_previewed_with_no_network_no_home_and_a_vault_that_cannot_be_reached(
    project: Project,
) -> None:
    project.edit("config:\n", f"{VAULT}config:\n{CIPHER}")
    done = project.preview("--stack", "dev", before=alone())
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "The summary is build/preview-dev.md"
    record = project.record()
    assert {*record} == {"stack", "counts", "red", "resources"}
    assert (record["stack"], record["red"]) == ("dev", [])
    assert record["counts"] == {"create": len(record["resources"])}
    assert all({*entry} == {"urn", "type", "op", "component", "replaceKeys"} for entry in record["resources"])
    components = {entry["type"]: entry["component"] for entry in record["resources"]}
    assert components[CLUSTER] == "cluster"
    assert components["azure-native:storage:StorageAccount"] == "storage"
    summary = (project.root / "build/preview-dev.md").read_text()
    assert "docs/offline-preview.md" in summary
    assert "**egress**: A firewall costs more" in summary
    assert "placeholder.invalid" not in summary


@pytest.mark.audit
def test_a_change_of_the_flow_pools_limits_and_labels_updates_that_pool_alone(changed: Any) -> None:
    plan = changed(
        "prefect-aks:flowPoolMaximum: 3",
        "prefect-aks:flowPoolMaximum: 5\n  prefect-aks:flowPoolMinimum: 1\n  prefect-aks:flowPoolLabels: team=data",
    )
    altered = {step.name: (step.type, step.op, step.changed) for step in plan.steps if step.op != "same"}
    [(kind, op, properties)] = altered.values()
    assert (kind, op, properties) == (POOL, "update", ("count", "maxCount", "minCount", "nodeLabels.team"))
    assert losses(plan) == ()


@pytest.mark.audit
def test_another_machine_size_makes_a_new_pool_before_the_old_one_goes(
    changed: Any, deployed: tuple[Project, Engine]
) -> None:
    plan = changed("flowPoolVmSize: Standard_D2as_v5", "flowPoolVmSize: Standard_D4as_v5")
    assert [(step.type, step.op) for step in plan.steps if step.op != "same"] == [(POOL, "replace")]
    assert losses(plan) == ()
    events = map(json.loads, (deployed[1].folder / "preview.events").read_text().splitlines())
    steps = [event["resourcePreEvent"]["metadata"] for event in events if "resourcePreEvent" in event]
    halves = [step["op"] for step in steps if step["type"] == POOL and step["op"] != "same"]
    assert halves == ["create-replacement", "replace", "delete-replaced"]


@pytest.mark.audit
def test_a_change_that_makes_another_cluster_is_red_with_what_forces_it(changed: Any) -> None:
    plan = changed(
        "  prefect-aks:deployer: none\n", "  prefect-aks:deployer: none\n  prefect-aks:serviceCidr: 172.20.0.0/16\n"
    )
    [cluster] = [loss for loss in losses(plan) if loss.step.type == CLUSTER]
    assert cluster.step.op == "replace"
    assert any("serviceCidr" in key for key in cluster.step.replace_keys)


@pytest.mark.audit
def test_every_protected_store_that_would_be_replaced_is_red_and_the_plan_is_whole(project: Project) -> None:
    project.edit("nameSuffix: sample", "nameSuffix: contoso", "Pulumi.prod.yaml")
    refused = project.preview("--stack", "prod", "--base", "HEAD")
    assert refused.returncode == 1
    record = project.record("prod")
    red = {entry["urn"].rpartition("::")[2] for entry in record["red"]}
    assert {"database-server", "database-database", "storage-account", "storage-flows", "registry-registry"} <= red
    assert all(entry["protected"] for entry in record["red"] if "registry" not in entry["urn"])
    assert len(record["resources"]) > 100


def test_problems_of_a_stack_file_are_lines_of_the_command_and_of_the_summary(project: Project) -> None:
    project.edit("prefect-aks:egress: natGateway", "prefect-aks:egress: tunnel")
    done = project.preview("--stack", "dev")
    assert done.returncode == 1
    assert any(line.startswith("error: ") and "egress" in line for line in done.stdout.splitlines())
    assert "egress" in (project.root / "build/preview-dev.md").read_text().partition("## Errors")[2]


@pytest.mark.audit
def test_a_replacement_makes_the_command_fail_until_it_is_allowed_by_name(project: Project) -> None:
    project.edit(
        "  prefect-aks:deployer: none\n", "  prefect-aks:deployer: none\n  prefect-aks:serviceCidr: 172.20.0.0/16\n"
    )
    refused = project.preview("--stack", "dev", "--base", "HEAD")
    assert refused.returncode == 1
    red = [entry["urn"] for entry in project.record()["red"]]
    assert red
    allowed = project.preview("--stack", "dev", "--base", "HEAD", *(word for urn in red for word in ("--allow", urn)))
    assert allowed.returncode == 0, allowed.stdout
    assert all(entry["allowed"] for entry in project.record()["red"])


@pytest.mark.audit
@pytest.mark.parametrize("stack", STACKS)
def test_every_environment_is_previewed_in_under_a_minute_with_no_network(
    project: Project, stack: str, record_property: Any
) -> None:
    before, started = alone(), time.monotonic()
    done = project.preview("--stack", stack, before=before)
    seconds = time.monotonic() - started
    record_property(f"preview of {stack}, seconds", round(seconds, 1))
    assert done.returncode == 0, done.stdout + done.stderr
    assert seconds < 60


@pytest.mark.audit
@pytest.mark.parametrize("stack", STACKS)
def test_checkov_finds_no_more_than_has_a_waiver_or_is_relaxed(stack: str, record_property: Any) -> None:
    with engine("prefect-aks-test-") as opened, tempfile.TemporaryDirectory() as folder:
        plan = look(Request(stack=stack), opened, lambda _: None)
        assert plan.problems == ()
        failed, passed = judged(plan, Path(folder))
    relaxed = {check for check in failed if RELAXED.get(check) in plan.outputs["relaxations"]}
    waivers = (ROOT / "docs/waivers.md").read_text().partition("\n## checkov\n")[2]
    record_property(f"checkov on {stack}, failed and passed", f"{len(failed - relaxed)} and {passed}")
    assert passed >= 30
    assert len(failed - relaxed) <= 4
    assert [check for check in sorted(failed - relaxed) if f"| {check} |" not in waivers] == []


def judged(plan: Plan, folder: Path) -> tuple[set[str], int]:
    """Let checkov judge a plan's resources, offline."""
    (folder / "template.json").write_text(json.dumps(template(plan)))
    found = subprocess.run([sys.executable, "-m", "toolchain", "checkov"], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    options = [
        "--framework",
        "arm",
        "--directory",
        str(folder),
        "--skip-download",
        "--quiet",
        "--compact",
        "-o",
        "json",
    ]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", "BC_SKIP_MAPPING": "TRUE"}
    done = subprocess.run(
        [Path(found.stdout.decode().strip()) / "checkov", *options],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    answer = json.loads(done.stdout)
    assert answer["summary"]["parsing_errors"] == 0
    return {check["check_id"] for check in answer["results"]["failed_checks"]}, answer["summary"]["passed"]
