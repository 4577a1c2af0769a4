"""What the commands on a deployed stack do before and after the engine's turn, with a script in its place."""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from delivery import deploy, drift, engine, live_preview
from delivery.__main__ import main
from delivery.engine import Interrupted
from delivery.error import DeliveryError, UsageError
from preview.plan import Plan
from tests.unit.preview.conftest import CLUSTER, Log, urn

Parse = Callable[..., argparse.Namespace]
VAULT = (
    'error: get stack secrets manager: secrets (code=Unknown): Post "https://kv.vault.azure.net/x?sig=hush": no host'
)
BUCKET = (
    'error: read ".pulumi/meta.yaml": DefaultAzureCredential: failed to acquire a token.\nAttempted credentials:\n\tX'
)
LOCKED = """\
error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or delete the lock \
file with `pulumi cancel`.
  azblob://state/.pulumi/locks/dev/x.json: created by jane@agent-7 (pid 42) at 2026-11-20T10:11:12Z
"""
LINES = {
    "error: PULUMI_ACCESS_TOKEN must be set for login": "nobody is logged in to a place for the state: `pulumi login",
    "error: no stack named 'dev' found": "there is no stack dev where you are logged in: `pulumi stack init dev`",
    VAULT: "the secrets of dev cannot be read, as its secrets provider refuses or is not reached: get stack secrets "
    'manager: secrets (code=Unknown): Post "https://kv.vault.azure.net/x": no host',
    "error: incorrect passphrase": "the secrets of dev cannot be read",
    BUCKET: 'the state of dev cannot be read; are you logged in to Azure (`az login`)? read ".pulumi/meta.yaml": '
    "DefaultAzureCredential: failed to acquire a token.",
    'error: unable to open bucket "x://me:hush@host/state": no': "the state of dev cannot be read",
    LOCKED: "another update of dev runs, begun by jane@agent-7 (process 42) at 2026-11-20T10:11:12Z: wait for it; "
    "where it is dead, `pulumi cancel --stack dev`, then again",
    "error: unknown flag: --event-log": "unknown flag: --event-log",
    "": "pulumi failed, and does not say why",
}


@pytest.mark.parametrize("said", LINES)
def test_what_keeps_the_engine_from_beginning_is_one_line_without_a_credential(said: str) -> None:
    told = engine.explain("dev", said)
    assert told.startswith(LINES[said])
    assert "hush" not in told
    assert len(told.splitlines()) == 1


def test_a_long_reason_is_cut() -> None:
    assert len(engine.explain("dev", f"error: {'x' * 9_000}")) <= 300


@dataclass(frozen=True)
class Checkout:
    """A folder with two stack files, and an engine that gives back the logs that it is given for its commands."""

    root: Path

    def engine_says(self, script: str = "", **logs: Log) -> None:
        for command, log in logs.items():
            (self.root / f"{command}.log").write_text("".join(f"{line}\n" for line in log.lines))
        pulumi = self.root / "bin/pulumi"
        pulumi.parent.mkdir(exist_ok=True)
        asked = f'echo "$@" >> {self.root}/asked; command=$1'
        copied = f'while [ "$1" != --event-log ]; do shift; done; cp {self.root}/$command.log "$2"'
        pulumi.write_text(f"#!/bin/sh\n{asked}\n{script or copied}\n")
        pulumi.chmod(0o755)

    @property
    def asked(self) -> list[str]:
        return (self.root / "asked").read_text().splitlines()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    for stack, platform in (("dev", "azure"), ("local", "local")):
        (tmp_path / f"Pulumi.{stack}.yaml").write_text(f"config:\n  prefect-aks:platform: {platform}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    return Checkout(tmp_path)


@pytest.fixture
def options() -> Parse:
    def parse(*arguments: str) -> argparse.Namespace:
        parser = argparse.ArgumentParser()
        deploy.add(parser)
        return parser.parse_args(["--stack", "dev", *arguments])

    return parse


def red() -> Log:
    log = Log()
    log.replace(CLUSTER, "aks", "dnsPrefix")
    return log


def done() -> Log:
    log = Log(planning=False)
    log.done("replace", CLUSTER, "aks", old={}, new={})
    return log


def test_a_stack_that_is_not_there_or_not_in_a_cloud_is_bad_usage(checkout: Checkout, options: Parse) -> None:
    for stack, told in (("qa", "^there is no stack 'qa'; there are: dev, local$"), ("local", "make up")):
        with pytest.raises(UsageError, match=told):
            deploy.run(options("--stack", stack))
    (checkout.root / "Pulumi.dev.yaml").write_text("a: [")
    assert engine.request(options()).stack == "dev"


def test_no_engine_is_one_line(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(checkout.root))
    with pytest.raises(DeliveryError, match=r"^pulumi cannot be run: No such file or directory; `make` brings one"):
        drift.run(argparse.Namespace(stack="dev", json=False, out=Path("build")))
    assert "pulumi cannot be run" in Path("build/drift-dev.md").read_text()


def test_nothing_is_updated_while_the_preview_is_against_it(checkout: Checkout, options: Parse) -> None:
    checkout.engine_says(preview=red(), up=done())
    with pytest.raises(DeliveryError, match=r"^dev was left as it is: 1 red; see build/preview-dev.md$"):
        deploy.run(options())
    assert [line.split()[0] for line in checkout.asked] == ["preview"]
    assert "dev was left as it is" in Path("build/deploy-dev.md").read_text()


def test_what_is_allowed_is_updated_with_the_policies_asked_each_time(checkout: Checkout, options: Parse) -> None:
    checkout.engine_says(preview=red(), up=done())
    assert deploy.run(options("--allow", "aks")) == 0
    preview, update = checkout.asked
    assert preview.startswith(f"preview --policy-pack {checkout.root}/policies --stack dev --suppress-progress")
    assert update.startswith(f"up --yes --skip-preview --policy-pack {checkout.root}/policies --stack dev")
    assert json.loads(Path("build/deploy-dev.json").read_text())["counts"] == {"replace": 1}


@pytest.mark.usefixtures("checkout")
def test_an_update_that_is_interrupted_leaves_a_report_of_what_it_did(
    options: Parse, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = done()
    log.step("delete", CLUSTER, "old", old={})

    def interrupted(*arguments: object) -> Plan:
        if "up" in arguments:
            raise Interrupted(log.plan())
        return Log().plan()

    monkeypatch.setattr(engine, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        deploy.run(options())
    assert [each["urn"] for each in json.loads(Path("build/deploy-dev.json").read_text())["failed"]] == [
        urn(CLUSTER, "old")
    ]


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize("command", ["preview", "deploy", "drift"])
def test_an_earlier_report_is_never_taken_for_this_ones(
    command: str, options: Parse, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = [Path(f"build/{command}-dev.{suffix}") for suffix in ("md", "json")]
    earlier[0].parent.mkdir()
    for path in earlier:
        path.touch()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(engine.engine, "run", interrupt)
    module = {"preview": live_preview, "deploy": deploy, "drift": drift}[command]
    with pytest.raises(KeyboardInterrupt):
        module.run(options())
    assert [path for path in earlier if path.exists()] == []


def test_drift_reads_and_runs_no_program(
    checkout: Checkout, options: Parse, capsys: pytest.CaptureFixture[str]
) -> None:
    log = Log()
    log.refreshed("delete", CLUSTER, "aks", old={})
    checkout.engine_says(refresh=log)
    assert drift.run(options("--json")) == 1
    told = capsys.readouterr()
    assert json.loads(told.out)["counts"] == {"delete": 1}
    assert "dev: 1 gone" in told.err
    [asked] = checkout.asked
    assert asked.startswith("refresh --preview-only --stack dev")
    assert "run-program" not in asked


@pytest.mark.parametrize("command", ["preview", "deploy", "drift"])
def test_each_command_teaches(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    told = capsys.readouterr().out
    assert all(part in told for part in ("examples:", "exit: 0", f"build/{command}-STACK.md"))
