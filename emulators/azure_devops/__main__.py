"""Start the stand-in: `python -m emulators.azure_devops --port 0`.

It prints two lines when it listens: what it is, and where.
"""

import argparse
import asyncio
import sys
from contextlib import suppress

import uvicorn

from delivery.hosting.rest import VARIABLE
from emulators.azure_devops.app import TOKEN, WHAT_THIS_IS, DevOps
from emulators.background import listen


def main(arguments: list[str] | None = None) -> int:
    """Serve until it is stopped; 0 when it was, 1 when it could not start."""
    parser = argparse.ArgumentParser(
        prog="python -m emulators.azure_devops",
        description=f"An {WHAT_THIS_IS}. `python -m delivery` asks it with {VARIABLE}=URL and the token {TOKEN!r}.",
    )
    parser.add_argument("--port", type=int, default=5001, help="0 takes a free one (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        listener = listen(options.port)
    except (OSError, OverflowError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    server = uvicorn.Server(uvicorn.Config(DevOps().application(), log_level="warning", access_log=False))
    sys.stdout.write(f"{WHAT_THIS_IS}\nlistening on http://127.0.0.1:{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    with listener, suppress(KeyboardInterrupt):
        asyncio.run(server.serve(sockets=[listener]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
