"""A container's process: a group of its own, whose first member decides when it ends and how."""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from emulators.control_plane.guard import Guard

# As a shell and a kubelet count: a process that a signal ended.
SIGNALLED = 128
_TAIL_BYTES = 2048


class StartError(RuntimeError):
    """A command cannot be started; the message is a container runtime's."""


class Process:
    """A command that runs, in the terms of a container: what is left of its group dies with its first process."""

    def __init__(
        self, command: Sequence[str], *, environment: Mapping[str, str], cwd: Path, log: Path, guard: Guard
    ) -> None:
        program = shutil.which(command[0], path=environment.get("PATH", ""))
        if program is None:
            raise StartError(f'exec: "{command[0]}": executable file not found in $PATH')
        self.log, self._guard = log, guard
        try:
            self._process = guard.start([program, *command[1:]], environment=environment, cwd=cwd, log=log)
        except (OSError, ValueError) as error:
            raise StartError(f'exec: "{command[0]}": {error}') from error

    @property
    def id(self) -> int:
        """The number of the process, and of its group."""
        return self._process.pid

    def poll(self) -> int | None:
        """Return the exit code once the process has ended; by then its group is gone as well."""
        if self._process.returncode is None:
            # It is looked at and not waited for, so that its number stays its own until the group is ended.
            if os.waitid(os.P_PID, self.id, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
                return None
            self._guard.end(self._process)
        code: int = self._process.returncode
        return code if code >= 0 else SIGNALLED - code

    def ask(self) -> None:
        """Ask the process to end; the first of the group alone, as a container's is asked."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """End the whole group at once."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self.id, signal.SIGKILL)

    def tail(self) -> str:
        """Return the end of what it has said."""
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - _TAIL_BYTES))
            return log.read().decode("utf-8", "replace")

    def _send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, subprocess.SubprocessError):
            self._process.send_signal(number)
