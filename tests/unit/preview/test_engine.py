"""Running a command of the engine, with a script in its place."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from preview import engine
from preview.engine import Command, EngineError, Progress, judged
from preview.message import errors_in
from preview.plan import Plan, Problem
from tests.unit.preview.conftest import Log


def command(folder: Path, script: str, **more: Any) -> Command:
    """A command of an engine that is a script; `$LOG` is its event log."""
    pulumi = folder / "pulumi"
    pulumi.write_text(f"#!/bin/sh\nLOG={folder}/log\n{script}\n")
    pulumi.chmod(0o755)
    return Command(
        arguments=("up",),
        cwd=folder,
        environment={"PATH": f"{folder}:{os.defpath}"},
        output=folder / "output",
        log=folder / "log",
        **more,
    )


def test_each_line_is_handed_over_once_it_is_whole_and_the_output_is_returned(tmp_path: Path) -> None:
    lines: list[str] = []
    (tmp_path / "log").write_text("of an earlier command\n")
    script = 'echo one > "$LOG"; printf tw >> "$LOG"; sleep 0.3; echo o >> "$LOG"; echo "error: no" >&2; exit 3'
    assert engine.run(command(tmp_path, script), lines.append) == (3, "error: no\n")
    assert lines == ["one\n", "two\n"]


def test_an_engine_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    wanted = command(tmp_path, "")
    (tmp_path / "pulumi").unlink()
    with pytest.raises(EngineError, match=r"^pulumi cannot be run: No such file or directory$"):
        engine.run(wanted)


def test_who_interrupts_an_update_waits_until_it_has_ended_what_it_had_begun(tmp_path: Path) -> None:
    lines: list[str] = []
    told: list[str] = []
    # It stops at the second signal alone, as the engine does with what it has begun.
    script = 'trap \'n=$((n+1)); echo $n >> "$LOG"\' INT; echo 0 > "$LOG"; until [ "$n" = 2 ]; do sleep 0.05; done'
    wanted = command(tmp_path, script, on_interrupt=lambda: told.append("wait"))

    def interrupt() -> None:
        for step in ("0\n", "0\n1\n"):
            while not (tmp_path / "log").exists() or (tmp_path / "log").read_text() != step:
                time.sleep(0.02)
            os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        engine.run(wanted, lines.append)
    assert lines == ["0\n", "1\n", "2\n"]
    assert told == ["wait"]


def test_who_cannot_listen_any_more_does_not_cut_off_an_update(tmp_path: Path) -> None:
    lines: list[str] = []

    def deaf(line: str) -> None:
        lines.append(line)
        raise BrokenPipeError(line)

    script = 'trap "exit 9" INT; for i in 1 2 3; do echo $i >> "$LOG"; sleep 0.3; done; touch ended'
    with pytest.raises(BrokenPipeError, match=r"^1\n$"):
        engine.run(command(tmp_path, script), deaf)
    assert lines == ["1\n", "2\n", "3\n"]
    assert (tmp_path / "ended").exists()


def test_an_interrupt_that_nobody_can_be_told_of_stops_the_engine_all_the_same(tmp_path: Path) -> None:
    def broken() -> None:
        raise BrokenPipeError

    script = 'trap "touch stopped; exit" INT; echo 0 > "$LOG"; while :; do sleep 0.05; done'

    def interrupt(_line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.run(command(tmp_path, script, on_interrupt=broken), interrupt)
    assert (tmp_path / "stopped").exists()


def test_what_cannot_be_told_is_read_all_the_same() -> None:
    log = Log()
    log.component("network")
    log.component("cluster")
    said: list[str] = []

    def closed(line: str) -> None:
        said.append(line)
        if len(said) > 1:
            raise BrokenPipeError

    progress = Progress("Updating dev", closed)
    for line in log.lines:
        progress.add(line)
    assert progress.plan("dev").counts == {"create": 2}


def test_an_engine_that_fails_without_an_event_is_told_by_what_it_printed() -> None:
    said = "x\nerror: could not\n  do it\n\nerror: nor that\n"
    assert errors_in(said) == ["could not do it", "nor that"]
    found = judged(Plan(stack="dev"), 255, said)
    assert found.problems == (Problem(message="could not do it"), Problem(message="nor that"))
    assert judged(Plan(stack="dev"), 255, "").problems
    assert judged(Plan(stack="dev"), 0, said).problems == ()


def test_a_plan_that_ended_at_what_is_protected_is_not_taken_for_a_whole_one() -> None:
    log = Log()
    log.add("diagnosticEvent", severity="error", urn="urn:a::b::c::d", message="is currently marked for protection")
    [problem] = judged(log.plan(), 255, "").problems
    assert problem.message == "the engine stopped at what is protected"


@pytest.mark.parametrize("terminal", [False, True])
def test_progress_is_a_line_a_component_in_a_pipe_and_one_line_on_a_terminal(
    terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    said: list[str] = []
    log = Log()
    log.component("network")
    log.component("cluster")
    progress = Progress("Previewing dev", said.append)
    for line in log.lines:
        progress.add(line)
    assert progress.plan("dev").counts == {"create": 2}
    assert said == ["Previewing dev …", *([] if terminal else ["  network", "  cluster"])]
    assert ("\r\033[K  2 resources, cluster" in capsys.readouterr().err) is terminal
