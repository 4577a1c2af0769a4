"""What `kubectl logs` asks a node for, over HTTPS; only for clients with a certificate of the cluster's authority."""

import ssl
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

from emulators.control_plane.part import HOST

# The log file of a container, by namespace, pod and name.
Find = Callable[[str, str, str], Path | None]
_STEPS = 4


class LogServer:
    """Serves `/containerLogs/NAMESPACE/POD/CONTAINER` as far as it is written; it does not follow."""

    def __init__(self, folder: Path) -> None:
        """Listen on a free port with the `kubelet.crt`, `kubelet.key` and `ca.crt` of a folder."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=folder / "ca.crt")
        context.load_cert_chain(folder / "kubelet.crt", folder / "kubelet.key")
        context.verify_mode = ssl.CERT_REQUIRED
        self._server = _Server((HOST, 0), _Handler)
        self._server.socket = context.wrap_socket(
            self._server.socket,
            server_side=True,
            # In the thread of the request, so that a client that says nothing keeps only itself waiting.
            do_handshake_on_connect=False,
        )
        self.port: int = self._server.server_address[1]

    def serve(self, find: Find) -> None:
        """Answer in the background from now on."""
        self._server.finds = [find]
        Thread(target=self._server.serve_forever, name="logs", daemon=True).start()


class _Server(ThreadingHTTPServer):
    finds: Sequence[Find] = ()


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        """Answer with the whole log, or with its last lines."""
        parts = urlsplit(self.path)
        steps = parts.path.strip("/").split("/")
        asked = steps[0] == "containerLogs" and len(steps) == _STEPS
        log = next((find(*steps[1:]) for find in self.server.finds if asked), None)
        content = log.read_bytes() if log and log.exists() else b""
        if lines := parse_qs(parts.query).get("tailLines"):
            content = b"".join(content.splitlines(keepends=True)[-int(lines[0]) :])
        self.send_response(HTTPStatus.OK if log else HTTPStatus.NOT_FOUND)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class has it so
        """Say nothing."""
