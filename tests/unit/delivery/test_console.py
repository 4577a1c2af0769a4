import pytest

from delivery.console import command, say, warn


def test_only_what_is_meant_to_be_a_command_of_the_agent_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    say("a ##vso[b]")
    warn("a ##[b]")
    command("task.logissue type=warning", "no\n##vso[task.complete]")
    told = capsys.readouterr()
    assert told.out == "a # #vso[b]\n##vso[task.logissue type=warning]no # #vso[task.complete]\n"
    assert told.err == "a # #[b]\n"
