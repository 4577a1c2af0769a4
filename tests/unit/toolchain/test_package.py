"""A tool that is a Python package, installed beside this project's packages."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from toolchain.error import ToolError
from toolchain.package import CHECKOV, PACKAGES, Package, ensure

_PIP = """#!{python}
import os, pathlib, sys
if said := os.environ.get("FAKE_PIP_SAYS"):
    sys.exit(said)
assert "--require-hashes" in sys.argv
target = pathlib.Path(sys.argv[sys.argv.index("--target") + 1])
target.mkdir()
(target / "toy.py").write_text("import sys; print(*sys.argv[1:], sep='|')")
"""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    (tmp_path / "toy.txt").write_text("other==9.9\ntoy==1.2.3 --hash=sha256:0\n")
    (tmp_path / "pip").write_text(_PIP.format(python=sys.executable))
    (tmp_path / "pip").chmod(0o755)
    monkeypatch.setattr("toolchain.package.INSTALLER", (str(tmp_path / "pip"),))
    return Package(name="toy", module="toy", locks=tmp_path)


def test_it_is_installed_once_and_runs_from_where_it_was_renamed_to(toy: Package, tmp_path: Path) -> None:
    environ = {"PREFECT_AKS_CACHE": str(tmp_path / "cache")}
    folder = ensure(toy, environ)
    assert folder.parent.name.startswith("toy-1.2.3-")
    done = subprocess.run([folder / "toy", "a b", "c"], stdout=subprocess.PIPE, text=True, check=True, cwd="/")
    assert done.stdout == "a b|c\n"
    assert ensure(toy, {**environ, "FAKE_PIP_SAYS": "not again"}) == folder


def test_another_lock_is_another_entry(toy: Package, tmp_path: Path) -> None:
    environ = {"PREFECT_AKS_CACHE": str(tmp_path / "cache")}
    first = ensure(toy, environ)
    toy.lock.write_text(toy.lock.read_text().replace("sha256:0", "sha256:1"))
    assert ensure(toy, environ) != first


def test_an_installation_that_fails_is_one_line_and_leaves_nothing(toy: Package, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    environ = {"PREFECT_AKS_CACHE": str(cache), "FAKE_PIP_SAYS": "Temporary failure in name resolution"}
    with pytest.raises(ToolError, match=r"installing toy.*the registry cannot be reached") as raised:
        ensure(toy, environ)
    assert "\n" not in str(raised.value)
    assert [path.name for path in cache.iterdir() if path.is_dir()] == ["logs"]


def test_a_lock_that_does_not_pin_it_is_an_error(toy: Package) -> None:
    toy.lock.write_text("other==1.0\n")
    with pytest.raises(ToolError, match=r"requirements/toy\.txt pins no toy"):
        toy.version()


@pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
def test_the_lock_of_every_package_has_a_hash_for_each_and_names_no_address(package: Package) -> None:
    text = package.lock.read_text()
    assert "://" not in text
    for requirement in re.split(r"\n(?=\S)", text.strip()):
        assert "==" in requirement.splitlines()[0]
        assert "--hash=sha256:" in requirement


def test_checkov_is_the_release_that_the_controls_were_judged_by() -> None:
    assert CHECKOV.version().startswith("3.3.")
