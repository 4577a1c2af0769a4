"""Running a long command."""

from pathlib import Path

import pytest

from toolchain import command
from toolchain.command import Job
from toolchain.error import ToolError


def test_what_takes_long_is_told_with_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "_TELL_EVERY_SECONDS", 0.05)
    job = Job("toy", tmp_path / "logs" / "toy.log")
    told = job.tell

    def open_gate(text: str) -> None:
        told(text)
        (tmp_path / text.rpartition(" ")[2]).touch()

    monkeypatch.setattr(job, "tell", open_gate)
    script = """
        echo go: downloading a; echo go: downloading b
        until [ -e downloaded ]; do sleep 0.01; done
        echo package/c
        until [ -e compiled ]; do sleep 0.01; done
    """
    job.run("step", ["sh", "-c", script], tmp_path, {"PATH": "/usr/bin:/bin"})
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("toy: step (0:0")
    assert any("toy: step: 2 modules downloaded (0:" in line for line in lines)
    assert "toy: step: 1 packages compiled (0:" in lines[-1]


def test_a_command_that_cannot_be_run_is_an_error_that_names_it(tmp_path: Path) -> None:
    file = tmp_path / "go"
    with pytest.raises(ToolError, match=f"compiling failed: {file} cannot be run: No such file"):
        Job("toy", tmp_path / "log").run("compiling", [file], tmp_path, {})


def test_the_cause_is_read_from_what_this_command_said_and_not_from_an_earlier_one(tmp_path: Path) -> None:
    job = Job("toy", tmp_path / "log")
    job.run("first", ["/bin/sh", "-c", "echo no space left on device"], tmp_path, {})
    with pytest.raises(ToolError, match="second failed: the command stopped with an error"):
        job.run("second", ["/bin/sh", "-c", "exit 3"], tmp_path, {})
