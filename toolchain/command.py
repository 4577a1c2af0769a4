"""Running a long command: its output goes to a log file, and what it is doing to the person who waits.

The command gets a process group of its own, so that stopping it also stops the compilers it started.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from toolchain.error import ToolError

_TELL_EVERY_SECONDS = 15.0
_UNREACHABLE = (
    "dial tcp|no such host|i/o timeout|connection refused|connection reset|TLS handshake|lookup disabled|"
    "Failed to establish a new connection|name resolution|Max retries exceeded"
)
# What went wrong, by what the log says; the first match counts.
_CAUSES = {
    "the disk is full; make room and try again": "no space left on device",
    "this Python has no pip": "No module named pip",
    "what was downloaded is not what is pinned": "checksum mismatch|do not match the hashes",
    "the registry cannot be reached; check the network and try again": _UNREACHABLE,
}


class Job:
    """One installation: tells the person who waits how it goes, and keeps what its commands say in a log file."""

    def __init__(self, name: str, log: Path) -> None:
        self.log = log
        self._name = name
        self._since = time.monotonic()

    def tell(self, text: str) -> None:
        """Write one line to standard error."""
        minutes, seconds = divmod(int(time.monotonic() - self._since), 60)
        sys.stderr.write(f"{self._name}: {text} ({minutes}:{seconds:02})\n")
        sys.stderr.flush()

    def run(self, step: str, command: Sequence[str | Path], cwd: Path, environ: Mapping[str, str]) -> None:
        """Run a command to its end; one that fails is a `ToolError`. What takes long is told every few seconds."""
        self.tell(step)
        start, process = self._popen(step, command, cwd, environ)
        try:
            while _is_running(process):
                self.tell(f"{step}{_so_far(_text_since(self.log, start))}")
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        if process.returncode:
            raise ToolError(f"{step} failed: {_cause(_text_since(self.log, start))}; see {self.log}")

    def _popen(
        self, step: str, command: Sequence[str | Path], cwd: Path, environ: Mapping[str, str]
    ) -> tuple[int, subprocess.Popen[bytes]]:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("a") as output:
            try:
                return output.tell(), subprocess.Popen(  # noqa: S603 - built from the pins, not from input
                    command,
                    cwd=cwd,
                    env=dict(environ),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                raise ToolError(f"{step} failed: {command[0]} cannot be run: {error.strerror}") from error


def _is_running(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(_TELL_EVERY_SECONDS)
    except subprocess.TimeoutExpired:
        return True
    return False


def _text_since(log: Path, start: int) -> str:
    with log.open(errors="replace") as text:
        text.seek(start)
        return text.read()


def _so_far(text: str) -> str:
    lines = text.splitlines()
    downloads = sum(line.startswith("go: downloading ") for line in lines)
    if lines and lines[-1].startswith("go: downloading "):
        return f": {downloads} modules downloaded"
    return f": {len(lines) - downloads} packages compiled" if lines else ""


def _cause(text: str) -> str:
    for cause, pattern in _CAUSES.items():
        if re.search(pattern, text, re.IGNORECASE):
            return cause
    return "the command stopped with an error"
