"""An ASGI application in a thread of this process, for as long as a test or a preview needs it; and a port for one."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette


def listen(port: int) -> socket.socket:
    """Bind a port of 127.0.0.1; 0 takes a free one.

    Raises:
        OSError: it is taken; the message says what to do.
    """
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise OSError(
            f"cannot listen on 127.0.0.1:{port}: {error.strerror}; stop what uses it, or choose another with --port"
        ) from error


@contextmanager
def serving(application: Starlette) -> Iterator[str]:
    """Serve an application on a free port of 127.0.0.1, and give its URL."""
    server = uvicorn.Server(uvicorn.Config(application, log_level="warning", access_log=False))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # Else each answer on a kept connection waits 40 ms for the client's acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)
