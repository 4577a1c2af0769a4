"""Start the emulator: `python -m emulators.prefect_api --port 4200 --database sqlite:///prefect.db`.

It prints one line when it listens; supervisors wait for that line or for `/health`.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import socket
import sys
from contextlib import ExitStack, suppress

import uvicorn

from emulators.prefect_api.app import WHAT_THIS_IS, application
from emulators.prefect_api.database import Database, DatabaseUrlError
from emulators.prefect_api.service import Services

LAST_PORT = 65_535

EXAMPLES = """
examples:
  python -m emulators.prefect_api --database sqlite:///prefect.db
  python -m emulators.prefect_api --port 0 --database postgresql://me@127.0.0.1:5432/prefect

then, in another terminal:
  export PREFECT__BACKEND=server PREFECT__SERVER__ENDPOINT=http://127.0.0.1:4200
  prefect server create-tenant --name default --slug default
  prefect create project demo
  prefect register --project demo -p flows/
  prefect agent local start

It has no authentication, as Prefect Server 1 has none: whoever reaches the port owns the data. It keeps everything in
the database, and a restart on the same database goes on where it stopped.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the emulator until it is stopped; 0 when it was, 1 when it could not start."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        with ExitStack() as opened:
            listener = opened.enter_context(_listen(options.host, options.port))
            database = Database(options.database)
            opened.pop_all()
    except (OSError, DatabaseUrlError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    url = f"http://{options.host}:{listener.getsockname()[1]}"
    services = Services(database, options.loop_interval)
    server = uvicorn.Server(uvicorn.Config(application(database), log_level="warning", access_log=False))
    sys.stdout.write(f"{WHAT_THIS_IS}\nlistening on {url}, database {database.name}\n")
    sys.stdout.flush()
    services.start()
    try:
        with suppress(KeyboardInterrupt):
            asyncio.run(server.serve(sockets=[listener]))
    finally:
        services.stop()
        database.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m emulators.prefect_api",
        description=f"An {WHAT_THIS_IS}. It serves GraphQL on every path, and /health.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--port", type=_port, default=4200, help="port to listen on; 0 takes a free one (default: 4200)"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument(
        "--database", required=True, metavar="URL", help="sqlite:///FILE or postgresql://USER@HOST/NAME"
    )
    parser.add_argument(
        "--loop-interval",
        type=_seconds,
        metavar="SECONDS",
        help="run the scheduler, the zombie killer and Lazarus this often, instead of every 150, 120 and 600 seconds",
    )
    return parser


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: use 0 to {LAST_PORT}")
    return int(text)


def _seconds(text: str) -> float:
    with suppress(ValueError):
        if 0 < float(text) < float("inf"):
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")


def _listen(host: str, port: int) -> socket.socket:
    # Bound here and not by the server, which would end with a traceback when the port is taken.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # A client may call as soon as the line that announces the address is out.
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise OSError(
            f"cannot listen on {host}:{port}: {error.strerror}; stop what uses it, or choose another port with --port"
        ) from error
    return listener


if __name__ == "__main__":
    sys.exit(main())
