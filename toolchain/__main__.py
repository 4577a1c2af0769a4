"""`python -m toolchain TOOL`: make sure of a tool, and print the folder to put on PATH, and nothing else."""

import argparse
import os
import signal
import sys
from types import FrameType

from toolchain.error import ToolError
from toolchain.installer import ensure
from toolchain.tool import TOOLS


def main() -> int:
    """Run the command line and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m toolchain", description="Make sure of a command-line tool.")
    parser.add_argument("tool", choices=sorted(TOOLS), help="the tool; the folder that holds it is printed")
    tool = TOOLS[parser.parse_args().tool]
    signal.signal(signal.SIGTERM, _stop)
    try:
        folder = ensure(tool, os.environ)
    except ToolError as error:
        sys.stderr.write(f"error: {tool.name}: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write(f"error: {tool.name}: stopped; nothing half built is kept\n")
        return 128 + signal.SIGINT
    sys.stdout.write(f"{folder}\n")
    return 0


def _stop(number: int, _frame: FrameType | None) -> None:
    # An exception, so that the compiler is stopped and the temporary folder removed on the way out.
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
