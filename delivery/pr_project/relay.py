"""A plain HTTP address on this machine for a Prefect API that only a credential reaches.

Prefect's own client and agent know no other kind of address. The path is a secret of whoever opened it, as anybody on
this machine can connect; what comes by another path is sent nowhere.
"""

import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from registration.connection import open_client
from registration.error import RegistrationError, UnreachableError
from registration.service_proxy import Locator

# The API itself takes 5 MB.
_LARGEST = 6_000_000
_SECONDS = 30.0
_OURS = ("content-type", "x-prefect-")


@contextmanager
def relayed(locator: Locator) -> Iterator[str]:
    """Give an address for Prefect's client: the API's own, or a relay's for as long as this lasts."""
    if isinstance(locator, str):
        yield locator
        return
    with open_client(locator) as client:
        server = _Server(client, locator.url)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}{server.path}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A process that still asks must not keep the command from its end.
    block_on_close = False

    def __init__(self, client: httpx.Client, url: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.client, self.url = client, url
        self.path = f"/{secrets.token_urlsafe(16)}"

    def handle_error(self, *_: object) -> None:
        """Say nothing of a caller that hangs up."""

    def forward(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """Send a document on; what goes wrong on the way is told as the API tells errors."""
        try:
            answer = self.client.post(self.url, content=body, headers=headers, timeout=_SECONDS)
        except (httpx.HTTPError, UnreachableError) as error:
            return 502, _told(f"the API cannot be reached: {error}")
        except RegistrationError as error:
            # Prefect's client asks again after any status from 500 on, and this one would be no better then.
            return 400, _told(str(error))
        return answer.status_code, answer.content


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    server: _Server

    def do_GET(self) -> None:
        """Say that this is up; nobody else is asked."""
        known = self.path == f"{self.server.path}/health"
        self._answer(*((200, b'{"status": "ok"}') if known else (404, _told("there is nothing here"))))

    def do_POST(self) -> None:
        """Pass a document on to the API."""
        length = self.headers.get("Content-Length") or ""
        if not length.isdecimal() or int(length) > _LARGEST:
            self.close_connection = True
            self._answer(413, _told("a request has a length, and not more than the API takes"))
            return
        body = self.rfile.read(int(length))
        if self.path.rstrip("/") != self.server.path:
            self._answer(404, _told("there is nothing here"))
            return
        kept = {name: value for name, value in self.headers.items() if name.lower().startswith(_OURS)}
        self._answer(*self.server.forward(kept, body))

    def log_message(self, *_: Any) -> None:
        """Say nothing: the path is a secret."""

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _told(message: str) -> bytes:
    return json.dumps({"errors": [{"message": message}]}).encode()
