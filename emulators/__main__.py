"""The local machine's commands: `python -m emulators up`, `down`, `clean` and `status`; `make` has the same names."""

import argparse
import io
import signal
import sys
from types import FrameType

from emulators import supervisor
from emulators.machine import Machine, MachineError
from emulators.process import ProcessError
from emulators.run import RunError
from emulators.stack import StackError
from registration.error import RegistrationError

_HELP = {
    "up": "start the system on this machine, register the flows with Pulumi and run one",
    "down": "stop what `up` started",
    "clean": "stop it and remove its state, the folder .local/",
    "status": "say what runs; exit 0 when all of it does",
}
_INTERRUPTED = 130


def main() -> int:
    """Run one command; a failure is one line on stderr and exit code 1."""
    for stream in (sys.stdout, sys.stderr):
        # Not every locale has the characters of these lines.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    parser = argparse.ArgumentParser(prog="python -m emulators", description="The whole system on this machine.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in _HELP.items():
        commands.add_parser(name, help=text, description=text)
    command = parser.parse_args().command
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        machine = Machine.load()
        if command == "up":
            return supervisor.up(machine, say, color=sys.stdout.isatty())
        return {"down": supervisor.down, "clean": supervisor.clean, "status": supervisor.status}[command](machine, say)
    except (MachineError, ProcessError, StackError, RunError, RegistrationError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; the servers that this command started are stopped again\n")
        return _INTERRUPTED


def say(line: str) -> None:
    """Print a line at once, also into a pipe."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
