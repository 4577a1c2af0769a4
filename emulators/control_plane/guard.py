"""What ends processes when the one that started them is gone, however it went: after `kill -9` as well.

The guard is a process of its own that reads the groups to end from a pipe. The pipe closes with the process at its
other end, and then every group that is still on the list is killed. It runs as a file, with the standard library alone.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

Running = subprocess.Popen[bytes]


class Guard:
    """Starts processes, each in a session of its own, that do not outlive this one."""

    def __init__(self) -> None:
        self._running: list[Running] = []
        self._process = subprocess.Popen(  # noqa: S603 - this very file
            [sys.executable, "-I", "-S", __file__], stdin=subprocess.PIPE, text=True, start_new_session=True
        )

    def start(self, command: Sequence[str | Path], *, environment: Mapping[str, str], cwd: Path, log: Path) -> Running:
        """Start a command whose output is added to a log file; OSError when it cannot be started."""
        with log.open("ab") as output:
            started = subprocess.Popen(  # noqa: S603 - what to run is the emulators' whole business
                command,
                cwd=cwd,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._running.append(started)
        self._tell(f"+{started.pid}")
        return started

    def end(self, process: Running) -> None:
        """Kill a process and its group, and forget it."""
        if process.returncode is None:
            # While the first of the group is not waited for, its number is nobody else's.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._running.remove(process)
        self._tell(f"-{process.pid}")

    def close(self) -> None:
        """Kill what still runs, the last one first, and end the guard."""
        for process in self._running[::-1]:
            self.end(process)
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        if self._process.stdin:
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()


def watch(lines: Iterable[str]) -> None:
    """Keep the list that the lines tell, and kill what is on it when they end."""
    groups: set[int] = set()
    for line in lines:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
    for group in groups:
        with suppress(OSError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    watch(sys.stdin)
