"""Starting the emulator: what is refused, in which words."""

import socket
from pathlib import Path

import pytest

from emulators.prefect_api.__main__ import main


@pytest.mark.parametrize(
    ("database", "reason"),
    [
        ("mysql://x/y", "databases of type 'mysql' are not supported"),
        ("rubbish", "not a database URL"),
        ("sqlite://", "must be a file"),
        ("sqlite:///{folder}/no/folder.db", "unable to open database file"),
        ("sqlite:///{folder}/text.db", "file is not a database"),
        ("postgresql://somebody:hidden@127.0.0.1:1/x", "cannot open the database"),
    ],
)
def test_a_database_that_cannot_be_opened_is_one_clear_line(
    database: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.db").write_text("no database " * 1000)
    assert main(["--port", "0", "--database", database.format(folder=tmp_path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert reason in line
    assert "hidden" not in line


def test_a_port_in_use_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--port", str(port), "--database", f"sqlite:///{tmp_path}/a.db"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: cannot listen on 127.0.0.1:{port}: ")
    assert "--port" in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("option", [["--port", "70000"], ["--port", "x"], ["--loop-interval", "0"], []])
def test_a_bad_option_is_refused_by_name(option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([*option, *(["--database", "sqlite:///a.db"] if option else [])])
    assert stop.value.code == 2
    assert (option[0] if option else "--database") in capsys.readouterr().err


def test_the_help_teaches_the_first_steps(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    for taught in ("PREFECT__BACKEND=server", "create-tenant", "--database URL", "no authentication"):
        assert taught in text
