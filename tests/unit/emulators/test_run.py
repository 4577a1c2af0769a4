import io
from types import SimpleNamespace
from typing import Any

import pytest

from emulators import run


def watched(*messages: str) -> list[str]:
    text = "".join(f"\N{BOX DRAWINGS LIGHT UP AND RIGHT}── 12:00:00 | {message}\n" for message in messages)
    client: Any = SimpleNamespace(stdout=io.StringIO(f"Creating run\n  URL: http://localhost:8080/x\n{text}"))
    shown: list[str] = []
    lines = run._watch(client, shown.append, created=lambda: None)  # noqa: SLF001 - the pure half of `run`
    assert len(lines) == len(messages) + 2
    return shown


def finished(index: int, state: str) -> str:
    return f"INFO    | Task 'transform[{index}]': Finished task run for task with final state: '{state}'"


def test_lines_of_mapped_tasks_become_a_count() -> None:
    lines = [
        line
        for index in range(151)
        for line in (f"INFO    | Task 'transform[{index}]': Starting task run...", finished(index, "Success"))
    ]
    shown = watched(*lines, "INFO    | 151 loaded, 17 kinds")
    assert [line.strip() for line in shown if "transform" in line] == [
        f"transform: {count} finished" for count in (50, 100, 150)
    ]
    assert any("151 loaded" in line for line in shown)


def test_a_mapped_task_that_fails_is_shown_whole() -> None:
    shown = watched("INFO    | Task 'transform[7]': Starting task run...", finished(7, "Failed"), "ERROR   | boom")
    assert sum("Failed" in line for line in shown) == 1
    assert any("boom" in line for line in shown)


def test_the_link_to_a_page_that_does_not_exist_here_is_left_out() -> None:
    assert not any("8080" in line for line in watched())


@pytest.mark.parametrize(("said", "summary"), [("151 loaded, 17 kinds", "151 loaded"), ("all is well", "")])
def test_a_result_waits_for_the_last_line_of_the_run_and_no_longer(
    monkeypatch: pytest.MonkeyPatch, said: str, summary: str
) -> None:
    messages = [said, "Flow run SUCCESS: all reference tasks succeeded"]
    answers = [
        {"state": "Success", "state_message": "", "logs": [{"message": each} for each in messages[:count]]}
        for count in range(3)
    ]
    monkeypatch.setattr(run, "_ask", lambda *_: answers.pop(0))
    monkeypatch.setattr(run.time, "sleep", lambda _: None)
    assert run._result("", "").summary == summary  # noqa: SLF001 - the other pure half
    assert not answers
