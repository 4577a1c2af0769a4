"""`python -m toolchain TOOL`: make sure of a tool, and print the folder to put on PATH, and nothing else."""

import argparse
import os
import signal
import sys
from types import FrameType

from toolchain import installer, node_package, package
from toolchain.error import ToolError
from toolchain.node_package import NODE_PACKAGES
from toolchain.package import PACKAGES
from toolchain.tool import TOOLS


def main() -> int:
    """Run the command line and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m toolchain", description="Make sure of a command-line tool.")
    parser.add_argument(
        "tool",
        choices=sorted([*TOOLS, *PACKAGES, *NODE_PACKAGES]),
        help="the tool; the folder that holds it is printed",
    )
    name = parser.parse_args().tool
    signal.signal(signal.SIGTERM, _stop)
    try:
        if name in PACKAGES:
            folder = package.ensure(PACKAGES[name], os.environ)
        elif name in NODE_PACKAGES:
            folder = node_package.ensure(NODE_PACKAGES[name], os.environ)
        else:
            folder = installer.ensure(TOOLS[name], os.environ)
    except ToolError as error:
        sys.stderr.write(f"error: {name}: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write(f"error: {name}: stopped; nothing half built is kept\n")
        return 128 + signal.SIGINT
    sys.stdout.write(f"{folder}\n")
    return 0


def _stop(number: int, _frame: FrameType | None) -> None:
    # An exception, so that the compiler is stopped and the temporary folder removed on the way out.
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
