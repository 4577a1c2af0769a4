"""A tool that is an npm package, installed by a lock that names no registry."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from toolchain.error import ToolError
from toolchain.node_package import AZURITE, NODE_PACKAGES, NodePackage, ensure

_NPM = """#!{python}
import os, pathlib, sys
if said := os.environ.get("FAKE_NPM_SAYS"):
    sys.exit(said)
assert sys.argv[1] == "ci" and "--ignore-scripts" in sys.argv
assert pathlib.Path("package-lock.json").is_file()
command = pathlib.Path("node_modules/.bin/toy")
command.parent.mkdir(parents=True)
command.write_text("#!/bin/sh\\necho toy $1\\n")
command.chmod(0o755)
"""


@pytest.fixture
def toy(tmp_path: Path) -> NodePackage:
    folder = tmp_path / "toy"
    folder.mkdir()
    (folder / "package.json").write_text("{}")
    (folder / "package-lock.json").write_text('{"packages": {"node_modules/toy": {"version": "1.2.3"}}}')
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/npm").write_text(_NPM.format(python=sys.executable))
    (tmp_path / "bin/npm").chmod(0o755)
    return NodePackage(name="toy", pins=tmp_path)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"PREFECT_AKS_CACHE": str(tmp_path / "cache"), "PATH": str(tmp_path / "bin")}


def test_it_is_installed_once_and_runs(toy: NodePackage, environ: dict[str, str]) -> None:
    folder = ensure(toy, environ)
    assert folder.parents[1].name.startswith("toy-1.2.3-")
    assert subprocess.run([folder / "toy", "x"], stdout=subprocess.PIPE, text=True, check=True).stdout == "toy x\n"
    assert ensure(toy, {**environ, "FAKE_NPM_SAYS": "not again"}) == folder


def test_another_lock_is_another_entry(toy: NodePackage, environ: dict[str, str]) -> None:
    first = ensure(toy, environ)
    lock = toy.pin_files()[1]
    lock.write_text(lock.read_text() + "\n")
    assert ensure(toy, environ) != first


def test_an_installation_that_fails_is_one_line_and_leaves_nothing(
    toy: NodePackage, environ: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(ToolError, match=r"installing toy 1\.2\.3.*failed") as raised:
        ensure(toy, {**environ, "FAKE_NPM_SAYS": "no"})
    assert "\n" not in str(raised.value)
    assert [path.name for path in (tmp_path / "cache").iterdir() if path.is_dir()] == ["logs"]


def test_a_machine_without_npm_is_told_what_to_install(toy: NodePackage, environ: dict[str, str]) -> None:
    with pytest.raises(ToolError, match=r"npm is not on PATH; install Node\.js"):
        ensure(toy, {**environ, "PATH": ""})


def test_a_lock_that_does_not_pin_it_is_an_error(toy: NodePackage) -> None:
    toy.pin_files()[1].write_text('{"packages": {}}')
    with pytest.raises(ToolError, match=r"package-lock\.json pins no toy"):
        toy.version()


@pytest.mark.parametrize("package", NODE_PACKAGES.values(), ids=NODE_PACKAGES)
def test_the_lock_of_every_package_has_a_hash_for_each_and_names_no_registry(package: NodePackage) -> None:
    packages = json.loads(package.pin_files()[1].read_text())["packages"]
    root = packages.pop("")
    assert root["dependencies"] == {package.name: package.version()}
    for name, pinned in packages.items():
        assert pinned["integrity"].startswith("sha512-"), name
        assert "resolved" not in pinned, name


def test_azurite_is_the_release_that_the_tests_were_written_with() -> None:
    assert AZURITE.version().startswith("3.35.")
