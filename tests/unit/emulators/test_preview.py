"""What `make preview` does before and after the engine's turn."""

import json
import signal
import stat
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from emulators import engine as engine_module
from emulators import preview as command
from emulators.engine import engine
from emulators.preview import PreviewError, Request, preview
from preview import engine as runner
from preview.engine import EngineError
from preview.git import GitError
from preview.plan import Plan
from preview.revision import RevisionError, extract
from preview.summary import Occasion
from tests.process import ends
from tests.unit.preview.conftest import CLUSTER, Log


@pytest.fixture
def request_(tmp_path: Path) -> Request:
    for stack, platform in (("dev", "azure"), ("local", "local")):
        (tmp_path / f"Pulumi.{stack}.yaml").write_text(f"config:\n  prefect-aks:platform: {platform}\n")
    return Request(stack="dev", root=tmp_path, out=tmp_path / "build")


def run(request: Request, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> tuple[int, list[str]]:
    lines: list[str] = []
    monkeypatch.setattr(command, "planned", lambda *_: (plan, Occasion(emulated=True)))
    return preview(request, lines.append), lines


def red() -> Plan:
    log = Log()
    log.replace(CLUSTER, "aks", "dnsPrefix")
    return log.plan()


def test_a_stack_that_is_not_there_is_told_with_those_that_are(request_: Request) -> None:
    with pytest.raises(PreviewError, match=r"^there is no stack 'qa'; there are: dev$"):
        preview(replace(request_, stack="qa"), print)


def test_the_local_stack_is_told_where_it_belongs(request_: Request) -> None:
    with pytest.raises(PreviewError, match="make up"):
        preview(replace(request_, stack="local"), print)


def test_a_plan_with_nothing_against_it_exits_with_0(request_: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log()
    log.component("cluster")
    assert run(request_, log.plan(), monkeypatch)[0] == 0


def test_a_red_list_exits_with_1_unless_all_of_it_is_allowed(
    request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, lines = run(request_, red(), monkeypatch)
    assert code == 1
    assert any(line.startswith("red: aks (ManagedCluster) would be replaced, forced by dnsPrefix") for line in lines)
    code, lines = run(replace(request_, allow=("aks", "other")), red(), monkeypatch)
    assert code == 0
    assert [line for line in lines if line.startswith("note: ")] == [
        "note: nothing that is called 'other' is replaced or deleted, so there was nothing to allow"
    ]


@pytest.mark.parametrize(("level", "code"), [("mandatory", 1), ("advisory", 0)])
def test_a_broken_policy_exits_with_1_and_advice_does_not(
    request_: Request, monkeypatch: pytest.MonkeyPatch, level: str, code: int
) -> None:
    log = Log()
    log.violation("private", "close it", log.component("cluster"), level)
    assert run(request_, log.plan(), monkeypatch)[0] == code


def test_what_goes_wrong_before_the_engine_can_plan_is_in_the_summary_all_the_same(
    request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise EngineError("no such thing")

    monkeypatch.setattr(command, "planned", fail)
    assert preview(request_, lambda _: None) == 1
    assert "- no such thing" in (request_.out / "preview-dev.md").read_text()
    assert json.loads((request_.out / "preview-dev.json").read_text())["resources"] == []


def test_an_interrupted_preview_leaves_no_earlier_summary(request_: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    run(request_, red(), monkeypatch)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "planned", interrupt)
    with pytest.raises(KeyboardInterrupt):
        preview(request_, lambda _: None)
    assert list(request_.out.iterdir()) == []


def test_json_is_the_record_and_nothing_else(
    request_: Request, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(replace(request_, json=True), red(), monkeypatch)
    assert json.loads(capsys.readouterr().out)["red"][0]["replaceKeys"] == ["dnsPrefix"]


def test_no_credential_reaches_the_engine_and_all_that_it_has_is_private_and_goes_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "_tool", lambda: str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    for name in ("AZURE_CLIENT_SECRET", "ARM_CLIENT_ID", "PULUMI_ACCESS_TOKEN", "AWS_SECRET_ACCESS_KEY", "KUBECONFIG"):
        monkeypatch.setenv(name, "hush")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "hush")
    with engine("preview-") as opened:
        assert "hush" not in opened.environment.values()
        assert "hush" not in repr(opened)
        assert stat.S_IMODE(opened.folder.stat().st_mode) == 0o700
        assert opened.environment["HOME"] == str(opened.folder)
        assert opened.environment["PULUMI_BACKEND_URL"].startswith(f"file://{opened.folder}/")
    assert not opened.folder.exists()


def test_what_an_interrupted_engine_left_running_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stubborn = tmp_path / "pulumi"
    stubborn.write_text('#!/bin/sh\ntrap "" INT\nsleep 300 &\necho $! >> "$PULUMI_HOME/../../left"\nexec sleep 300\n')
    stubborn.chmod(0o755)
    monkeypatch.setattr(engine_module, "_tool", lambda: str(tmp_path))
    monkeypatch.setattr(engine_module, "_GRACE", 0.5)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    left = tmp_path / "left"

    def interrupt(*_: object) -> None:
        if left.exists() and left.read_text().endswith("\n"):
            raise KeyboardInterrupt

    monkeypatch.setattr(runner, "_follow", lambda *_: [interrupt() for _ in iter(left.exists, None)])
    with pytest.raises(KeyboardInterrupt), engine("preview-") as opened:
        opened.watch("preview", cwd=tmp_path)
    pid = int(left.read_text())
    assert ends(pid)
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []


def test_a_revision_is_its_committed_state_alone(tmp_path: Path) -> None:
    root, folder = tmp_path / "root", tmp_path / "base"
    root.mkdir()
    folder.mkdir()
    (root / "file").write_text("old")
    for line in ("init -q", "add file", "-c user.name=x -c user.email=x@example.com commit -qm one"):
        subprocess.run(["git", *line.split()], cwd=root, check=True)
    (root / "file").write_text("new")
    (root / "other").touch()
    commit = extract(root, "HEAD", folder)
    assert sorted(path.name for path in folder.iterdir()) == [".venv", "file"]
    assert (folder / "file").read_text() == "old"
    assert len(commit) == 10
    for revision in ("nope", "--help", ""):
        with pytest.raises(RevisionError, match="knows no revision"):
            extract(root, revision, folder)
    with pytest.raises(GitError, match=r"^git rev-parse: fatal: not a git repository"):
        extract(tmp_path, "HEAD", folder)


def test_a_revision_with_a_link_out_of_the_project_is_one_line(tmp_path: Path) -> None:
    root, folder = tmp_path / "root", tmp_path / "base"
    root.mkdir()
    folder.mkdir()
    (root / "link").symlink_to("/etc/hostname")
    for line in ("init -q", "add link", "-c user.name=x -c user.email=x@example.com commit -qm one"):
        subprocess.run(["git", *line.split()], cwd=root, check=True)
    with pytest.raises(RevisionError, match=r"^revision 'HEAD' cannot be read: link is a link out of the project; "):
        extract(root, "HEAD", folder)


def test_where_no_summary_can_be_written_nothing_is_planned(request_: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    request_.out.touch()
    monkeypatch.setattr(command, "planned", lambda *_: pytest.fail("it was planned"))
    with pytest.raises(PreviewError, match=r"^no report can be written to .*/build: File exists$"):
        preview(request_, print)


@pytest.mark.parametrize("text", ["a: [", "config:\n  a: 2026-13-45\n"])
def test_a_stack_file_that_cannot_be_read_is_told_where_it_is_used(
    request_: Request, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (request_.root / "Pulumi.dev.yaml").write_text(text)
    assert run(request_, Log().plan(), monkeypatch)[0] == 0


def test_a_project_file_that_is_no_text_is_told_by_the_engine(
    request_: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "tool/pulumi"
    tool.parent.mkdir()
    tool.write_text('#!/bin/sh\necho "error: Pulumi.yaml is no YAML"; exit 255\n')
    tool.chmod(0o755)
    (request_.root / "Pulumi.yaml").write_bytes(b"name: \xff\n")
    monkeypatch.setattr(engine_module, "_tool", lambda: str(tool.parent))
    assert preview(request_, lambda _: None) == 1
    assert "- Pulumi.yaml is no YAML" in (request_.out / "preview-dev.md").read_text()


def test_an_engine_that_hangs_is_stopped_and_one_that_works_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "pulumi"
    script.write_text(
        '#!/bin/sh\n[ "$1" = up ] || exec sleep 300\n'
        'for i in 1 2 3 4 5 6; do echo {} >> "$PULUMI_HOME/../log"; sleep 0.3; done\n'
    )
    script.chmod(0o755)
    monkeypatch.setattr(engine_module, "_tool", lambda: str(tmp_path))
    monkeypatch.setattr(engine_module, "_SILENCE", 1.0)
    lines: list[str] = []
    with engine("preview-") as opened:
        assert opened.watch("up", cwd=tmp_path, log=opened.folder / "log", on_line=lines.append)[0] == 0
        assert len(lines) == 6
        with pytest.raises(EngineError, match=r"^pulumi was stopped, as it did nothing for 1 seconds: "):
            opened.watch("preview", cwd=tmp_path, log=opened.folder / "log")
