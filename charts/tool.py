"""The command-line tools that render and judge a chart, from the toolchain."""

import functools
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from charts.error import ChartError
from toolchain import installer, package
from toolchain.package import PACKAGES
from toolchain.tool import TOOLS


@functools.cache
def executable(name: str) -> Path:
    """Return the path of a tool, installing it first where it is missing. Raises `ToolError` when it cannot be had."""
    if name in PACKAGES:
        return package.ensure(PACKAGES[name], os.environ) / name
    return installer.ensure(TOOLS[name], os.environ) / TOOLS[name].command


def run(
    name: str,
    *arguments: str | Path,
    given: str | None = None,
    fine: Sequence[int] = (0,),
    environment: dict[str, str] | None = None,
) -> str:
    """Run a tool with a text on its standard input, and return what it printed.

    Exit codes outside of `fine` are a `ChartError` with all that it said.
    """
    done = subprocess.run(  # noqa: S603 - the tool is the toolchain's own
        [executable(name), *arguments],
        input=given,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL if given is None else None,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in fine:
        raise ChartError(f"{name}: {done.stderr}{done.stdout}".strip())
    return done.stdout
