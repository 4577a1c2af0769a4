"""Start the stand-in: `python -m emulators.container_registry --port 0`.

It prints two lines when it listens: what it is, and where.
"""

import argparse
import asyncio
import sys
from contextlib import suppress
from pathlib import Path

from emulators.background import listen
from emulators.container_registry.app import WHAT_THIS_IS
from emulators.container_registry.service import server
from registration.azure_endpoint import VARIABLE


def main(arguments: list[str] | None = None) -> int:
    """Serve until it is stopped; 0 when it was, 1 when it could not start."""
    parser = argparse.ArgumentParser(
        prog="python -m emulators.container_registry",
        description=f"An {WHAT_THIS_IS}. What is started with {VARIABLE}=URL uses it.",
    )
    parser.add_argument("--port", type=int, default=5000, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--state", type=Path, metavar="FILE", help="keep the tags in this JSON file")
    options = parser.parse_args(arguments)
    try:
        listener = listen(options.port)
        serve = server(options.state)
    except (OSError, OverflowError, ValueError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    where = f"http://127.0.0.1:{listener.getsockname()[1]}"
    sys.stdout.write(f"{WHAT_THIS_IS}\nlistening on {where}, tags {options.state or 'in memory'}\n")
    sys.stdout.flush()
    with listener, suppress(KeyboardInterrupt):
        asyncio.run(serve.serve(sockets=[listener]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
