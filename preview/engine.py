"""Running the Pulumi engine with an event log, which says as data what it does while it does it.

Whose engine it is, and with which state and credentials, is the caller's: an emulated one, or that of a deployed stack.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from preview.event_log import News, Reader
from preview.message import errors_in, problems_in
from preview.plan import Plan, Problem

Say = Callable[[str], None]
_POLL = 0.1


class EngineError(RuntimeError):
    """There is no engine, or a command failed that should not; the message is one line."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command of the engine, and where it runs."""

    arguments: Sequence[str]
    cwd: Path
    environment: Mapping[str, str] = field(repr=False)
    output: Path
    """Where to put what it prints."""
    log: Path | None = None
    """Where it writes its event log, which needs PULUMI_DEBUG_COMMANDS=true in its environment."""
    silence: float | None = None
    """Seconds without an event after which it is taken to hang; None where a cloud may take its time."""
    on_interrupt: Callable[[], object] = bool
    """What to do first when the caller is interrupted."""
    grace: float | None = None
    """Seconds to end in when the caller is interrupted; None lets it end what it has begun, and keep a true state."""


def run(command: Command, on_line: Callable[[str], object] = str) -> tuple[int, str]:
    """Run a command, hand over each line of its event log as it comes, and return its exit code and its output.

    What `on_line` raises is raised when the engine has ended, with all lines handed over: nobody's failure to listen
    cuts off an update.

    Raises:
        EngineError: there is no engine, or it hangs.
    """
    events = ("--event-log", str(command.log)) if command.log else ()
    if command.log:
        # An earlier command's events would be read for this one's.
        command.log.unlink(missing_ok=True)
    with command.output.open("wb") as told:
        try:
            process = subprocess.Popen(  # noqa: S603 - the project's own engine
                ["pulumi", *command.arguments, *events, "--non-interactive", "--color", "never"],  # noqa: S607 - its PATH is the caller's
                cwd=command.cwd,
                env=dict(command.environment),
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise EngineError(f"pulumi cannot be run: {error.strerror}") from None
    tail = _Tail(command.log, on_line)
    try:
        _follow(process, tail, command.silence)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            # Whatever it does, and however often it is interrupted, the engine is stopped.
            with suppress(Exception, KeyboardInterrupt):
                command.on_interrupt()
        _stop(process, command.grace)
        tail.read()
        raise
    if tail.failure:
        raise tail.failure
    return process.returncode, command.output.read_text("utf-8", errors="replace")


def judged(plan: Plan, code: int, said: str) -> Plan:
    """Add what the engine said before its log began, or besides it."""
    if not code or plan.problems or plan.broken:
        return plan
    if plan.refused:
        return replace(plan, problems=(Problem(message="the engine stopped at what is protected"),))
    found = [problem for error in errors_in(said) for problem in problems_in(error)]
    return replace(plan, problems=tuple(found) or (Problem(message=f"pulumi failed, exit {code}, without a reason"),))


class Progress:
    """Tells how a run of the engine goes: a line that is written over on a terminal, else a line a component.

    Where nobody can be told any more, as behind a closed pipe, it goes on reading, so that the report is whole.
    """

    def __init__(self, title: str, say: Say) -> None:
        self._reader = Reader()
        self._say = say
        self._terminal = sys.stderr.isatty()
        say(f"{title} …")

    def add(self, line: str) -> None:
        """Take a line of the event log."""
        news = self._reader.add(line)
        if news is not None:
            with suppress(OSError):
                self._tell(news)

    def plan(self, stack: str) -> Plan:
        """Return what was read, and leave the terminal's line empty."""
        with suppress(OSError):
            self._clear()
        return replace(self._reader.plan(), stack=stack)

    def _tell(self, news: News) -> None:
        for text in news.lines:
            self._clear()
            self._say(f"  {text}")
        if news.component and self._terminal:
            self._clear(f"  {self._reader.count} resources, {news.component}")
        elif news.component:
            self._say(f"  {news.component}")

    def _clear(self, text: str = "") -> None:
        if self._terminal:
            sys.stderr.write(f"\r\033[K{text}")
            sys.stderr.flush()


class _Tail:
    """Reads an event log as it grows; `failure` is the first that the lines met where they were handed over."""

    def __init__(self, log: Path | None, on_line: Callable[[str], object]) -> None:
        self._log = log
        self._on_line = on_line
        self._position = 0
        self.failure: Exception | None = None

    def read(self) -> bool:
        """Hand over the lines that are whole by now, and return whether there were any."""
        if not self._log or not self._log.exists():
            return False
        before = self._position
        with self._log.open("rb") as events:
            events.seek(before)
            for line in events:
                if line.endswith(b"\n"):
                    self._position += len(line)
                    self._hand_over(line.decode("utf-8", "replace"))
        return self._position > before

    def _hand_over(self, line: str) -> None:
        try:
            self._on_line(line)
        except Exception as error:  # noqa: BLE001 - raised when the engine has ended
            self.failure = self.failure or error


def _follow(process: "subprocess.Popen[bytes]", tail: _Tail, silence: float | None) -> None:
    running, heard = True, time.monotonic()
    while running:
        with suppress(subprocess.TimeoutExpired):
            process.wait(_POLL)
        running = process.poll() is None
        if tail.read():
            heard = time.monotonic()
        if running and silence is not None and time.monotonic() - heard > silence:
            hangs = "the program, a provider or the policy pack hangs"
            raise EngineError(f"pulumi was stopped, as it did nothing for {silence:.0f} seconds: {hangs}")


def _stop(process: "subprocess.Popen[bytes]", grace: float | None) -> None:
    """Ask the engine to end, which stops its plugins too; wait for it, and for no longer than it is given."""
    if grace is None:
        # Asked twice, it leaves what it has begun as it is, and still writes its state. An exception of the second time
        # could come at any point here, and leave it alone.
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {each: signal.signal(each, lambda *_: process.send_signal(signal.SIGINT)) for each in numbers}
        try:
            process.send_signal(signal.SIGINT)
            process.wait()
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)
        return
    process.send_signal(signal.SIGINT)
    # A second Ctrl-C must not keep it from that.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(subprocess.TimeoutExpired):
        process.wait(grace)
    if process.poll() is None:
        process.kill()
        process.wait()
