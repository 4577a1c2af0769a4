"""A background process of the local machine: started once, found again later, stopped with all that it started.

A record file names the process by pid, creation time and command line, so that a stale record, or a pid that another
program has by now, is never mistaken for it. Its environment carries a mark that its own children inherit: that finds
them even when their parent is gone.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

MARK = "PREFECT_AKS_PROCESS"
# Two readings of one creation time differ by the steps of the clock, never by this much.
_CLOCK_TOLERANCE = 2.0
_POLL = 0.1


class ProcessError(RuntimeError):
    """A process cannot be started or does not stay up; the message is one line and names the log file."""


@dataclass(frozen=True, kw_only=True)
class Process:
    """A background process of the folder `home`; `health` is a URL that answers 200 once it serves."""

    name: str
    home: Path
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    health: str | None = None

    @property
    def log(self) -> Path:
        """Where its output goes; the log of the start before is kept beside it as `.old.log`."""
        return self.home / "log" / f"{self.name}.log"

    @property
    def record(self) -> Path:
        """The record file."""
        return self.home / "run" / f"{self.name}.json"

    @property
    def mark(self) -> str:
        """What the environment of the process and of all its children says."""
        return f"{self.home.resolve()}:{self.name}"

    def find(self) -> psutil.Process | None:
        """Return the running process, or None when it is gone, even if its pid is in use again."""
        try:
            record = json.loads(self.record.read_text("utf-8"))
            found = psutil.Process(record["pid"])
            same_start = abs(found.create_time() - record["created"]) < _CLOCK_TOLERANCE
            same_command = found.cmdline()[1:] == record["command"][1:]
            return found if same_start and same_command and _alive(found) else None
        except (OSError, ValueError, KeyError, TypeError, psutil.Error):
            return None

    def arguments(self) -> list[str]:
        """Return what the running process was started with, or nothing when it is gone."""
        found = self.find()
        try:
            # The first word is the interpreter, which some systems replace by its real path.
            return found.cmdline()[1:] if found else []
        except psutil.Error:
            return []

    def current(self, patience: float = 10.0) -> bool:
        """Say whether it runs with the command that it would be started with now, and answers within `patience`."""
        if self.arguments() != list(self.command[1:]):
            return False
        deadline = time.monotonic() + patience
        while not (well := self.health is None or answers(self.health)) and time.monotonic() < deadline:
            time.sleep(_POLL)
        return well

    def start(self, cwd: Path, timeout: float = 60.0) -> None:
        """Start it in a session of its own, and wait until it is healthy; a start that fails leaves nothing.

        Raises:
            ProcessError: it stopped, or was not healthy in `timeout` seconds.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.record.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".old.log"))
        with self.log.open("wb") as log:
            child = subprocess.Popen(  # noqa: S603 - the command is this project's own
                self.command,
                cwd=cwd,
                env={**self.environment, MARK: self.mark},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._write(child.pid)
            self._wait(child, time.monotonic() + timeout)
        except BaseException:
            self.stop()
            raise
        finally:
            # It outlives this command; Python warns of a handle that is dropped before its process has ended.
            child.returncode = child.poll() or 0

    def stop(self, grace: float = 10.0) -> bool:
        """End it and every process it started: ask, wait `grace` seconds, then kill. Return whether any was there."""
        first = self.find()
        found = list(self._members())
        # The parent first, alone, so that it starts no more children and can say goodbye to the server.
        for group in ([first] if first else [], found):
            _end(group, grace)
        self.record.unlink(missing_ok=True)
        return bool(first or found)

    def last_line(self) -> str:
        """Return the last line of the log that says something."""
        try:
            lines = self.log.read_text("utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def _write(self, pid: int) -> None:
        created = psutil.Process(pid).create_time()
        draft = self.record.with_suffix(".new")
        draft.write_text(json.dumps({"pid": pid, "created": created, "command": self.command}), "utf-8")
        draft.replace(self.record)

    def _wait(self, child: "subprocess.Popen[bytes]", deadline: float) -> None:
        # A process that has just begun does not show its command line yet.
        while self.find() is None or not (self.health is None or answers(self.health)):
            if child.poll() is not None:
                raise ProcessError(
                    f"the {self.name} process stopped while starting (exit {child.returncode}): "
                    f"{self.last_line() or 'it said nothing'}; its log is {_relative(self.log)}"
                )
            if time.monotonic() > deadline:
                raise ProcessError(
                    f"the {self.name} process does not answer at {self.health}; see {_relative(self.log)}"
                )
            time.sleep(_POLL)

    def _members(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self.mark and process.pid != os.getpid():
                    yield process
            except (psutil.Error, OSError):
                continue


def answers(url: str) -> bool:
    """Say whether `url` answers 200 within two seconds."""
    try:
        return httpx.get(url, timeout=2.0, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _end(processes: list[psutil.Process], grace: float) -> None:
    for action in (psutil.Process.terminate, psutil.Process.kill):
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                action(process)
        deadline = time.monotonic() + grace
        while (processes := [process for process in processes if _alive(process)]) and time.monotonic() < deadline:
            time.sleep(_POLL / 2)


def _alive(process: psutil.Process) -> bool:
    """Say whether a process runs; one that has ended but is still listed, for want of a parent that asks, does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _relative(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
