"""A tool that is a Python package, whose own requirements do not agree with this project's.

It is installed into the cache by hash, beside a launcher that sees these packages and no others. One that is on PATH is
never used: what it judges must not hang on the machine.
"""

import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from toolchain import cache
from toolchain.command import Job
from toolchain.error import ToolError
from toolchain.tool import dotted, version_in

INSTALLER = (sys.executable, "-m", "pip")
_LOCKS = Path(__file__).parents[1] / "requirements"


@dataclass(frozen=True, kw_only=True)
class Package:
    """A package with a command; `module` is what the command runs."""

    name: str
    module: str
    locks: Path = _LOCKS

    @property
    def lock(self) -> Path:
        """The hashed lock of the package and all that it needs."""
        return self.locks / f"{self.name}.txt"

    def version(self) -> str:
        """Return the pinned version."""
        pins = (line for line in self.lock.read_text("utf-8").splitlines() if line.startswith(f"{self.name}=="))
        version = version_in(next(pins, ""))
        if version is None:
            raise ToolError(f"requirements/{self.lock.name} pins no {self.name}")
        return dotted(version)


def ensure(package: Package, environ: Mapping[str, str]) -> Path:
    """Return the folder to put on PATH for a package, installing it first when the cache has none.

    Progress goes to standard error. Raises `ToolError` when it cannot be had.
    """
    root = cache.root(environ)
    # Not the virtual environment's interpreter, which would bring that environment's packages.
    python = str(Path(sys.executable).resolve())
    key = cache.key(repr((package.module, python, sys.version_info[:2])), [package.lock])
    entry = root / f"{package.name}-{package.version()}-{key}"
    job = Job(package.name, root / "logs" / f"{entry.name}.log")
    try:
        made = cache.make(
            entry,
            lambda folder: _install(package, folder, python, environ, job),
            on_wait=lambda: job.tell("another process is installing it; waiting"),
        )
    except OSError as error:
        raise ToolError(f"the cache folder {root} cannot be used: {error.strerror}; set PREFECT_AKS_CACHE") from error
    return made / "bin"


def _install(package: Package, folder: Path, python: str, environ: Mapping[str, str], job: Job) -> None:
    job.log.unlink(missing_ok=True)
    options = ["--quiet", "--no-input", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]
    target = ["--target", str(folder / "lib"), "--require-hashes", "--requirement", str(package.lock)]
    step = f"installing {package.name} {package.version()}; this happens once"
    job.run(step, [*INSTALLER, "install", *options, *target], folder, environ)
    launcher = folder / "bin" / package.name
    launcher.parent.mkdir()
    # The folder is renamed once it is whole, so the launcher finds the packages from where it is itself.
    lines = ['here=$(dirname -- "$(readlink -f -- "$0")")', 'export PYTHONPATH="$here/../lib"']
    run = f'exec {shlex.quote(python)} -s -m {package.module} "$@"'
    launcher.write_text("\n".join(["#!/bin/sh", *lines, run, ""]), "utf-8")
    launcher.chmod(0o755)
    job.tell("ready")


CHECKOV = Package(name="checkov", module="checkov.main")

PACKAGES = {package.name: package for package in (CHECKOV,)}
