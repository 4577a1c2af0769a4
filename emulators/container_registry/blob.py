"""Azure's blob storage, as far as this project goes: whole blobs, put and read; a container is there as soon as used.

There is no list, no deletion, no single block, and no right but a signature where blobs are the service's own.
"""

import re
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime

from starlette.requests import Request
from starlette.responses import Response

from emulators.container_registry.answer import refused_blob

SERVICE_ACCOUNT = "acrtasks"
"""The storage account of the build service itself, which takes its own signed URLs alone."""
SIGNATURE = "emulated-signature"
_RANGE = re.compile("bytes=([0-9]+)-([0-9]*)")


@dataclass(kw_only=True)
class Blob:
    """What is held of one."""

    content: bytes
    metadata: dict[str, str] = field(default_factory=dict)
    etag: str = field(default_factory=lambda: f'"{uuid.uuid4().hex}"')
    modified: datetime = field(default_factory=lambda: datetime.now(UTC))


class Blobs:
    """The endpoint, and what it holds by ACCOUNT/CONTAINER/NAME."""

    def __init__(self) -> None:
        self.held: dict[str, Blob] = {}

    async def serve(self, request: Request) -> Response:
        """Put a blob, or give it, or a range of it, or what is known of it."""
        path = request.url.path.removeprefix("/blob/")
        if path.startswith(f"{SERVICE_ACCOUNT}/") and request.query_params.get("sig") != SIGNATURE:
            return refused_blob(403, "AuthenticationFailed", "Signature did not match.")
        return await self._put(path, request) if request.method == "PUT" else self._get(path, request)

    async def _put(self, path: str, request: Request) -> Response:
        if request.query_params.get("comp") or request.headers.get("x-ms-blob-type") != "BlockBlob":
            return refused_blob(400, "UnsupportedHeader", "This stand-in takes whole block blobs alone.")
        if request.headers.get("if-none-match") == "*" and path in self.held:
            return refused_blob(409, "BlobAlreadyExists", "The specified blob already exists.")
        prefix = "x-ms-meta-"
        metadata = {key.removeprefix(prefix): value for key, value in request.headers.items() if key.startswith(prefix)}
        blob = self.held[path] = Blob(content=await request.body(), metadata=metadata)
        return Response(status_code=201, headers=_headers(blob))

    def _get(self, path: str, request: Request) -> Response:
        blob = self.held.get(path)
        if blob is None:
            return refused_blob(404, "BlobNotFound", "The specified blob does not exist.")
        asked = _RANGE.fullmatch(request.headers.get("x-ms-range", request.headers.get("range", "")))
        if asked is None:
            return Response(blob.content, headers=_headers(blob))
        size, first = len(blob.content), int(asked[1])
        if first >= size:
            return refused_blob(416, "InvalidRange", "The range specified is invalid.")
        last = min(int(asked[2] or size), size - 1)
        headers = {**_headers(blob), "Content-Range": f"bytes {first}-{last}/{size}"}
        return Response(blob.content[first : last + 1], 206, headers)


def _headers(blob: Blob) -> dict[str, str]:
    return {
        "ETag": blob.etag,
        "Last-Modified": format_datetime(blob.modified, usegmt=True),
        "x-ms-blob-type": "BlockBlob",
        **{f"x-ms-meta-{key}": value for key, value in blob.metadata.items()},
    }
