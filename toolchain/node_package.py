"""A command that is an npm package, installed into the cache by the lock beside its package.json.

The lock pins every package by its hash and names no registry: which one is asked is this machine's own business.
No package's scripts run.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from toolchain import cache
from toolchain.command import Job
from toolchain.error import ToolError

_OPTIONS = ("--ignore-scripts", "--no-audit", "--no-fund", "--omit=dev", "--prefer-offline", "--loglevel=error")


@dataclass(frozen=True, kw_only=True)
class NodePackage:
    """An npm package with commands; its folder below `pins` holds package.json and package-lock.json."""

    name: str
    pins: Path = Path(__file__).parent

    def pin_files(self) -> list[Path]:
        """List the files that decide what is installed."""
        return [self.pins / self.name / file for file in ("package.json", "package-lock.json")]

    def version(self) -> str:
        """Return the pinned version."""
        packages = json.loads(self.pin_files()[1].read_text("utf-8"))["packages"]
        try:
            return str(packages[f"node_modules/{self.name}"]["version"])
        except KeyError:
            raise ToolError(f"toolchain/{self.name}/package-lock.json pins no {self.name}") from None


def ensure(package: NodePackage, environ: Mapping[str, str]) -> Path:
    """Return the folder to put on PATH for a package, installing it first when the cache has none.

    Progress goes to standard error. Raises `ToolError` when it cannot be had.
    """
    root = cache.root(environ)
    entry = root / f"{package.name}-{package.version()}-{cache.key('npm', package.pin_files())}"
    job = Job(package.name, root / "logs" / f"{entry.name}.log")
    try:
        made = cache.make(
            entry,
            lambda folder: _install(package, folder, environ, job),
            on_wait=lambda: job.tell("another process is installing it; waiting"),
        )
    except OSError as error:
        raise ToolError(f"the cache folder {root} cannot be used: {error.strerror}; set PREFECT_AKS_CACHE") from error
    return made / "node_modules" / ".bin"


def _install(package: NodePackage, folder: Path, environ: Mapping[str, str], job: Job) -> None:
    npm = shutil.which("npm", path=environ.get("PATH", ""))
    if npm is None:
        raise ToolError("npm is not on PATH; install Node.js 20 or later")
    job.log.unlink(missing_ok=True)
    for pin in package.pin_files():
        shutil.copy(pin, folder)
    job.run(
        f"installing {package.name} {package.version()}; this happens once", [npm, "ci", *_OPTIONS], folder, environ
    )
    job.tell("ready")


AZURITE = NodePackage(name="azurite")

NODE_PACKAGES = {package.name: package for package in (AZURITE,)}
