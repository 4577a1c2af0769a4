"""What whoever runs Pulumi sees of a build, and that nothing depends on it."""

from typing import Any

import httpx
import pytest

from components.build_log import BuildLog
from emulators.container_registry.blob import SIGNATURE

LOST = "flow image: the log cannot be read any more; the build goes on without it\n"
ALL = [
    "build ca1 is queued",
    "Sending build context to Docker daemon",
    "Step 1/4 : ARG BASE",
    "Step 2/4 : FROM ${BASE}",
    "Step 3/4 : COPY requirements/flows.txt /flows.txt",
    "Step 4/4 : COPY tasks utils /opt/",
    "Emulated: none of these steps was run",
    "",
    "Run ID: ca1 was successful after 1s",
]


def test_the_log_is_told_line_by_line(azure: Any, capsys: pytest.CaptureFixture[str]) -> None:
    azure.create()
    assert capsys.readouterr().out.splitlines() == [f"flow image: {line}" for line in ALL]


def test_a_log_that_fails_for_a_moment_is_read_on_where_it_was(azure: Any, capsys: pytest.CaptureFixture[str]) -> None:
    azure.fail({"at": "log", "status": 503, "times": 2, "after": 1})
    azure.create()
    assert capsys.readouterr().out.splitlines() == [f"flow image: {line}" for line in ALL]


def test_a_line_that_comes_in_pieces_is_told_once_and_whole(azure: Any) -> None:
    url = f"{azure.url}/blob/account/logs/one"
    log = BuildLog(lambda: url)
    told = []
    for text, mark in (
        ("on", {}),
        ("one\r\ntwo: caf\u00e9", {}),
        ("one\r\ntwo: caf\u00e9s", {"x-ms-meta-complete": "yes"}),
    ):
        httpx.put(
            url, content=text.encode()[: -1 if mark == {} else None], headers={"x-ms-blob-type": "BlockBlob", **mark}
        )
        told.append(list(log.rest() if mark else log.more()))
    assert told == [[], ["one"], ["two: caf\u00e9s"]]
    assert log.last == "two: caf\u00e9s"


@pytest.mark.parametrize(
    "fault",
    [
        {"at": "link", "status": 403, "times": 99},
        {"at": "log", "status": 403, "code": "AuthenticationFailed", "times": 99},
        {"at": "log", "cut": True, "times": 99, "after": 2},
    ],
)
def test_a_lost_log_is_told_and_the_image_is_built_all_the_same(
    azure: Any, capsys: pytest.CaptureFixture[str], fault: dict[str, Any]
) -> None:
    azure.fail(fault, {"at": "run", "ends": "Running", "times": 3})
    assert azure.create()["digest"].startswith("sha256:")
    told = capsys.readouterr().out
    assert told.count(LOST) == 1
    assert SIGNATURE not in told


def test_a_log_moves_nobodys_cursor_and_turns_nothing_red(azure: Any, capsys: pytest.CaptureFixture[str]) -> None:
    azure.fail({"at": "run", "ends": "Failed", "message": "\x1b[31mred\x1b[0m\x07\x1b[2J bell"})
    assert azure.refused().startswith("build ca1 failed: red bell; mend that")
    assert "flow image: red bell\n" in capsys.readouterr().out


def test_a_dockerfile_that_copies_what_is_not_sent_fails_with_its_last_words_that_say_something(azure: Any) -> None:
    azure.write("Dockerfile", "FROM scratch\nCOPY flows /opt/flows\n")
    assert azure.refused() == (
        "build ca1 failed: COPY failed: file not found in build context: stat flows: file does not exist; mend that, "
        "and run it again; `az acr task logs --registry crTest --run-id ca1` has all its log"
    )
