"""What the commands on a deployed stack do before and after the engine's turn, with a script in its place."""

import argparse
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from delivery.__main__ import main
from delivery.deployed import deploy, drift, engine, live_preview
from delivery.error import DeliveryError, UsageError
from tests.unit.delivery.conftest import Checkout, Parse, red
from tests.unit.preview.conftest import CLUSTER, Log, urn

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
    before, asked, after = checkout.asked
    assert before == after == "stack history --json --page-size 1 --page 1 --stack dev --non-interactive --color never"
    assert asked.startswith("refresh --preview-only --stack dev")
    assert "run-program" not in asked


def test_what_was_read_beside_an_update_is_no_drift(checkout: Checkout, options: Parse) -> None:
    log = Log()
    log.refreshed("delete", CLUSTER, "aks", old={})
    checkout.engine_says(refresh=log)
    pulumi = checkout.root / "bin/pulumi"
    pulumi.write_text(f"{pulumi.read_text()}echo '[1]' > {checkout.root}/history\n")
    with pytest.raises(DeliveryError, match=r"^an update of dev ran meanwhile; run it again$"):
        drift.run(options())
    record = json.loads(Path("build/drift-dev.json").read_text())
    assert (record["drift"], len(record["errors"])) == ([], 1)


@pytest.mark.parametrize("command", ["preview-live", "deploy", "drift"])
def test_each_command_teaches(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    told = capsys.readouterr().out
    assert all(part in told for part in ("examples:", "exit: 0", f"build/{command.removesuffix('-live')}-STACK.md"))


def test_red_is_told_only_where_that_is_asked_for(
    checkout: Checkout, options: Parse, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout.engine_says(preview=red())
    told = "red, and told only: whoever reviews decides\n"
    assert live_preview.run(options(module=live_preview)) == 1
    assert told not in capsys.readouterr().out
    assert live_preview.run(options("--red", "tell", module=live_preview)) == 0
    assert capsys.readouterr().out.endswith(told)
    assert "- **1 red**" in Path("build/preview-dev.md").read_text()
    assert live_preview.run(options("--red", "tell", "--allow", "other, aks", module=live_preview)) == 0
    assert told not in capsys.readouterr().out
    broken = red()
    broken.violation("private", "close it", urn(CLUSTER, "aks"))
    checkout.engine_says(preview=broken)
    assert live_preview.run(options("--red", "tell", module=live_preview)) == 1


@pytest.mark.parametrize("command", ["preview-live", "deploy", "drift"])
def test_where_no_report_can_be_written_the_engine_is_not_asked(
    command: str, checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    (checkout.root / "file").touch()
    checkout.engine_says()
    assert main([command, "--stack", "dev", "--out", "file"]) == 2
    told = "error: no report can be written to file: File exists; name another folder with --out\n"
    assert capsys.readouterr().err == told
    assert not (checkout.root / "asked").exists()


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file", "x"), "error: x: No such file\n"),
        (OSError(errno.ENOSPC, "No space left"), "error: No space left\n"),
        (BrokenPipeError(), "error: nobody reads any more what it says, so it ended early\n"),
    ],
)
def test_what_the_system_refuses_is_one_line(
    problem: OSError, told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_options: argparse.Namespace) -> int:
        raise problem

    monkeypatch.setattr(drift, "run", refused)
    assert main(["drift", "--stack", "dev"]) == 1
    assert capsys.readouterr().err == told


def test_a_closed_pipe_is_one_line_of_the_whole_process(checkout: Checkout) -> None:
    checkout.engine_says(preview=red())
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "delivery", "deploy", "--stack", "dev"]
    ended = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": str(Path(deploy.__file__).parents[2])},
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
        text=True,
    )
    os.close(writer)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert ended.stderr.startswith("error: nobody reads any more")
    assert Path("build/deploy-dev.md").exists()
