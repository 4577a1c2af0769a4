"""`python -m preview EVENTLOG`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from preview.__main__ import main
from tests.unit.preview.conftest import CLUSTER, Log

Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)

    def act(log: Log, *arguments: str) -> int:
        Path("events").write_text("".join(f"{line}\n" for line in log.lines))
        return main(["events", *arguments])

    return act


def test_a_preview_exits_with_1_while_it_is_red(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    log = Log()
    log.replace(CLUSTER, "aks", "dnsPrefix")
    assert run(log) == 1
    assert capsys.readouterr().out.splitlines()[-2:] == ["dev: 1 to replace", "The report is build/preview-dev.md"]
    assert run(log, "--allow", "other,aks") == 0
    assert Path("build/preview-dev.md").read_text().startswith("# Preview of `dev`\n")


def test_an_update_is_reported_as_a_deployment(run: Run) -> None:
    log = Log(planning=False)
    log.done("create", CLUSTER, "aks", new={})
    assert run(log, "--out", "there") == 0
    assert json.loads(Path("there/deploy-dev.json").read_text())["counts"] == {"create": 1}
    log.failed("update", CLUSTER, "aks", "no quota", old={}, new={})
    assert run(log) == 1


def test_a_refresh_exits_with_1_on_drift_alone(run: Run) -> None:
    log = Log()
    log.refreshed("same", CLUSTER, "aks", old={}, new={})
    assert run(log) == 0
    log.refreshed("delete", CLUSTER, "other", old={})
    assert run(log) == 1
    assert Path("build/drift-dev.md").exists()


@pytest.mark.parametrize("kind", ["preview", "update", "refresh"])
def test_json_is_the_record_and_nothing_else(run: Run, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    log = Log(planning=kind != "update")
    log.step("refresh" if kind == "refresh" else "same", CLUSTER, "aks", old={}, new={})
    log.ended("same", CLUSTER, "aks", old={}, new={})
    assert run(log, "--json") == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["counts"] == {"same": 1}
    assert "dev: " in told.err


def test_a_log_that_tells_nothing_is_one_line(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Log()) == 2
    assert main(["nowhere"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: events tells of no resource, and so of no stack; if that is meant: --stack NAME",
        "error: nowhere: No such file or directory",
    ]
    assert run(Log(), "--stack", "dev") == 0


def test_what_is_no_event_is_skipped_and_one_that_is_not_understood_is_a_problem(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    log = Log(["123", "null", '["resourcePreEvent"]', '"resourcePreEvent"'])
    log.component("cluster")
    assert run(log) == 0
    log.lines.append('{"resourcePreEvent": {}}')
    assert run(log) == 1
    assert "error: pulumi wrote a resourcePreEvent that is not understood here: KeyError: 'metadata'" in (
        capsys.readouterr().out.splitlines()
    )


def test_a_folder_that_cannot_be_written_to_is_one_line(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    log = Log()
    log.component("cluster")
    assert run(log, "--out", "events") == 2
    assert capsys.readouterr().err == "error: no report can be written to events: File exists\n"


def test_nothing_that_a_log_says_becomes_a_command_of_a_pipelines_agent(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    log = Log()
    log.problem("##vso[task.complete result=Succeeded]")
    assert run(log, "--stack", "dev", "--json") == 1
    told = capsys.readouterr()
    assert "##vso[" not in told.out + told.err
    assert "error: # #vso[task.complete result=Succeeded]" in told.err
