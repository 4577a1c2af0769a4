"""The commands between git and the environments: `python -m delivery COMMAND`."""

import argparse
import io
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType, ModuleType
from typing import TextIO

from delivery.change import changes
from delivery.console import warn
from delivery.deployed import deploy, drift, live_preview
from delivery.error import DeliveryError, UsageError
from delivery.hosting import comment, pipeline_setup
from delivery.pr_project import pr_project
from delivery.promotion import difference, promotion
from preview.git import GitError
from preview.plan import one_line
from registration.error import RegistrationError

COMMANDS: tuple[ModuleType, ...] = (
    changes,
    live_preview,
    deploy,
    drift,
    comment,
    difference,
    promotion,
    pr_project,
    pipeline_setup,
)
_FAILED, _USAGE, _INTERRUPTED = 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; a failure is one line on stderr."""
    for stream in (sys.stdout, sys.stderr):
        # Not every locale has the characters of these lines.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return int(options.run(options))
    except (DeliveryError, GitError, RegistrationError) as error:
        warn(f"error: {error}")
        return _USAGE if isinstance(error, UsageError) else _FAILED
    except OSError as error:
        _spare(sys.stdout)
        warn(f"error: {_reason(error)}")
        return _FAILED
    except KeyboardInterrupt:
        warn("interrupted")
        return _INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m delivery", description="From git to the environments.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in COMMANDS:
        command = commands.add_parser(
            module.NAME, help=module.HELP, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        module.add(command)
        command.set_defaults(run=module.run)
    return parser


def _reason(error: OSError) -> str:
    if isinstance(error, BrokenPipeError):
        return "nobody reads any more what it says, so it ended early"
    return one_line(": ".join(str(each) for each in (error.filename, error.strerror or error) if each))


def _spare(stream: TextIO) -> None:
    """Keep Python from failing once more at its own end, where what was said cannot be written."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
