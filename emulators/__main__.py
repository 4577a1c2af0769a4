"""The local machine's commands, `python -m emulators up`, `down`, `clean` and `status`, and `preview`; as in `make`."""

import argparse
import io
import signal
import sys
from types import FrameType

from emulators import supervisor
from emulators.machine import Machine, MachineError
from emulators.preview import PreviewError, Request, preview
from emulators.process import ProcessError
from emulators.run import RunError
from emulators.stack import StackError
from preview import option
from preview.logging_command import disarmed
from preview.loss import names
from registration.error import RegistrationError

_HELP = {
    "up": "start the system on this machine, register the flows with Pulumi and run one",
    "down": "stop what `up` started",
    "clean": "stop it and remove its state, the folder .local/",
    "status": "say what runs; exit 0 when all of it does",
}
_PREVIEW = "show what `pulumi up` would do to an environment, with no credential and no network"
_INTERRUPTED = 130


def main() -> int:
    """Run one command; a failure is one line on stderr and exit code 1."""
    for stream in (sys.stdout, sys.stderr):
        # Not every locale has the characters of these lines.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    arguments = _parser().parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        return _preview(arguments) if arguments.command == "preview" else _local(arguments.command)
    except (MachineError, ProcessError, StackError, RunError, PreviewError, RegistrationError, OSError) as error:
        sys.stderr.write(disarmed(f"error: {error}\n"))
        return 1
    except KeyboardInterrupt:
        what = "nothing of it is left" if arguments.command == "preview" else "the servers that it started are stopped"
        sys.stderr.write(f"interrupted; {what}\n")
        return _INTERRUPTED


def say(line: str) -> None:
    """Print a line at once, also into a pipe."""
    sys.stdout.write(f"{disarmed(line)}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m emulators", description="The whole system on this machine.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in _HELP.items():
        commands.add_parser(name, help=text, description=text)
    one = commands.add_parser("preview", help=_PREVIEW, description=_PREVIEW)
    one.add_argument("--stack", required=True, help="the environment, by its stack file Pulumi.STACK.yaml")
    one.add_argument("--base", metavar="REVISION", help="compare with this revision of the project; else all is new")
    option.add_allow(one)
    option.add_output(one)
    return parser


def _preview(arguments: argparse.Namespace) -> int:
    def tell(line: str) -> None:
        sys.stderr.write(f"{disarmed(line)}\n")
        sys.stderr.flush()

    given = {name: getattr(arguments, name) for name in ("stack", "base", "json", "out")}
    return preview(
        Request(**given, allow=names(arguments.allow)),
        tell if arguments.json else say,
    )


def _local(command: str) -> int:
    machine = Machine.load()
    if command == "up":
        return supervisor.up(machine, say, color=sys.stdout.isatty())
    return {"down": supervisor.down, "clean": supervisor.clean, "status": supervisor.status}[command](machine, say)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
