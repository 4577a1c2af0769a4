"""The command line without a server: usage, output and exit statuses."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from registration import report
from registration.catalog import Failure
from registration.command import main
from registration.error import RefusedError, UnreachableError
from registration.plan import Step
from registration.settings import Settings, write

ROOT = Path(__file__).parents[3]
FIELDS = {"name", "file", "action", "reasons", "fingerprint", "key", "parts", "id", "version", "error"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "one.py").write_text("from prefect import Flow\n\nprint('hello')\nflow = Flow('one')\n")
    return tmp_path / "flows"


def test_a_plan_without_an_api_shows_the_fingerprints_and_no_action(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "two.py").write_text("1 / 0\n")
    assert main(["plan", "--flows", str(folder), "--json"]) == 1
    said = capsys.readouterr()
    document = json.loads(said.out)
    assert set(document) == {"flows", "summary"}
    good, bad = document["flows"]
    assert set(good) == set(bad) == FIELDS
    assert (good["name"], good["file"], good["action"], good["error"]) == ("one", "flows/one.py", None, None)
    assert len(good["fingerprint"]) == len(good["key"]) == 64
    assert list(good["parts"]) == ["structure", "source", "schedule", "parameters", "format", "storage", "run_config"]
    assert (bad["name"], bad["file"], bad["error"]) == (
        None,
        "flows/two.py",
        "flows/two.py:1: ZeroDivisionError: division by zero",
    )
    assert document["summary"]["failed"] == 1
    assert said.err == f"error: {bad['error']}\n"


def test_the_flows_folder_is_the_settings_unless_the_command_names_another(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder.parent / "s.json", Settings(flows="pipelines"))
    monkeypatch.chdir(folder.parent)
    assert main(["plan", "--settings", "s.json"]) == 2
    assert "flows folder pipelines does not exist" in capsys.readouterr().err
    assert main(["plan", "--settings", "s.json", "--flows", "flows"]) == 0
    folder.rename(folder.parent / "pipelines")
    capsys.readouterr()
    assert main(["plan", "--settings", "s.json", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["flows"][0]["file"] == "pipelines/one.py"


def test_a_terminal_that_is_not_unicode_gets_question_marks_and_no_traceback(folder: Path) -> None:
    (folder / "one.py").write_text("from prefect import Flow\n\nflow = Flow('one \N{RIGHTWARDS ARROW} two')\n")
    ran = subprocess.run(
        [sys.executable, "-m", "registration", "plan", "--flows", str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert b"one ? two" in ran.stdout


def test_a_plan_writes_nothing(folder: Path) -> None:
    before = sorted(folder.parent.rglob("*"))
    assert main(["plan", "--flows", str(folder)]) == 0
    assert sorted(folder.parent.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["apply"], "give --api URL"),
        (["plan", "--api", "http://127.0.0.1:1"], "which project"),
        (["plan", "--only", "nobody"], "no flow is named 'nobody'; there are: 'one'"),
        (["plan", "--flows", "nowhere"], "does not exist"),
    ],
)
def test_bad_usage_is_told_in_one_line_with_status_two(
    arguments: Sequence[str], words: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = arguments if "--flows" in arguments else [*arguments, "--flows", str(folder)]
    assert main(given) == 2
    said = capsys.readouterr().err
    assert words in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("arguments", [[], ["destroy"], ["plan", "--jobs", "0"], ["plan", "--schedules", "often"]])
def test_an_option_that_does_not_exist_ends_with_status_two(arguments: Sequence[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["--api", "127.0.0.1:4200"],
        ["--api", "http://me:hunter2@127.0.0.1:1"],
        ["--api", "htps://me:hunter2@host"],
        ["--api", "me:hunter2@host"],
        ["--api", "hunter2"],
        ["--api", "http://[hunter2"],
        ["--api", "http://127.0.0.1:1?code=hunter2"],
        ["--store", "https://account.blob.core.windows.net/?sv=1&sig=hunter2"],
        ["--store", "AccountName=a;AccountKey=hunter2;BlobEndpoint=http://127.0.0.1:1/a"],
        ["--store", "https://account.blob.core.windows.net/c?sig=hunter2"],
        ["--settings", "nowhere.json"],
    ],
)
def test_a_wrong_address_is_told_in_one_line_without_its_secret(
    arguments: Sequence[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "--project", "p", "--flows", str(folder), *arguments]) == 1
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "hunter2" not in said


def test_the_help_teaches_by_example(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], ["plan", "--help"], ["apply", "--help"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 0
        said = capsys.readouterr().out
        assert "examples:" in said
        assert "exit: 0" in said


def test_a_reader_that_went_away_leaves_no_traceback(folder: Path) -> None:
    command = [sys.executable, "-m", "registration", "plan", "--json", "--flows", str(folder)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    process.stdout.close()
    assert process.stderr
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 1


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def step(name: str, action: str = "update", **fields: object) -> Step:
    return Step(name=name, file="f.py", action=action, **fields)  # type: ignore[arg-type]  # the test's own literals


def test_colours_are_for_terminals_alone() -> None:
    terminal, pipe = Terminal(), io.StringIO()
    report.table([step("one", reasons=("source",))], terminal)
    report.table([step("one", reasons=("source",))], pipe)
    assert "\x1b[" in terminal.getvalue()
    assert pipe.getvalue().splitlines()[1].split() == ["one", "update", "-", "source"]


def test_flows_that_fail_alike_share_a_line() -> None:
    down = UnreachableError("the API is down")
    steps = [step(f"f{number}").failed("the API is down") for number in range(50)]
    assert report.problems(steps, {each.name: down for each in steps}) == [
        "the API is down; 50 flow(s) not done, run again to finish"
    ]
    refused = [step(f"f{number}").failed("no") for number in range(5)]
    assert report.problems(refused, {each.name: RefusedError("no") for each in refused}) == [
        "f0, f1, f2 and 2 more: no"
    ]


def test_the_closing_line_counts_what_will_be_done_and_what_was() -> None:
    steps = [step("a", "register"), step("b", "unchanged"), step("c", "archive").failed("no")]
    failures = [Failure(file="f.py", line=None, reason="no")]
    assert report.closing(steps, failures, done=False) == "plan: 1 to register, 1 unchanged, 2 failed"
    assert report.closing(steps, failures, done=True) == "1 registered, 1 unchanged, 2 failed"
    assert report.closing([], [], done=True) == "no flows"


def test_fingerprints_do_not_depend_on_the_hash_seed_or_the_folder(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "clone").mkdir()
    clone = tmp_path / "clone" / "flows"
    clone.mkdir()
    (clone / "one.py").write_text((folder / "one.py").read_text())
    said = set()
    for seed, where in (("1", folder), ("2", clone)):
        ran = subprocess.run(
            [sys.executable, "-m", "registration", "plan", "--json", "--flows", str(where)],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        )
        said.add(ran.stdout)
    assert len(said) == 1
