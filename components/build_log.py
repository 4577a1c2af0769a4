"""The log of an image's build, read while it grows, from where Azure keeps it.

A build is not lost with its log: whatever goes wrong here is told in a line of the log, and is no error.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import ResourceNotFoundError

from components.signed_blob import ERRORS, open_blob
from registration.azure_endpoint import AzureError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from azure.storage.blob import BlobClient

PATIENCE = 3
"""How often in a row it may not be read before it counts as lost."""
REST_SECONDS = 15.0
"""How long the end of a log may take to show after its build is over."""
POLL_SECONDS = 1.0
# Whoever follows a log asks again anyway.
_LIMITS: dict[str, Any] = {"connection_timeout": 5, "read_timeout": 15, "retry_total": 0}
_COMPLETE = "complete"
"""The mark that Azure puts on a log to which nothing will be added."""
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_CLOSING = re.compile(
    r"Run ID: |failed to run step ID|Step ID: |The command '.*' returned a non-zero code|"
    r"[0-9/]+ [0-9:]+ Container failed during run"
)
"""What Azure and Docker say after what was wrong."""


class BuildLog:
    """One log; `last` is the last line of it that says something."""

    def __init__(self, link: Callable[[], str | None]) -> None:
        self.last = ""
        self._link = link
        self._blob: BlobClient | None = None
        self._bytes = 0
        self._begun = b""
        self._failures = 0

    def more(self) -> Iterator[str]:
        """Yield the lines that are there now and were not before."""
        if not self._is_lost():
            yield from self._read()[0]

    def rest(self) -> Iterator[str]:
        """Yield what is missing, now that the build is over."""
        deadline = time.monotonic() + REST_SECONDS
        complete = False
        while not complete and not self._is_lost() and time.monotonic() < deadline:
            lines, complete = self._read()
            yield from lines
            if not complete:
                time.sleep(POLL_SECONDS)
        if self._begun:
            yield from self._split(b"\n")

    def _is_lost(self) -> bool:
        return self._failures >= PATIENCE

    def _read(self) -> tuple[list[str], bool]:
        """Read once: the new lines, and whether there will be no more."""
        try:
            new, complete = self._fetch()
        except ResourceNotFoundError:
            # Nothing has been written yet.
            return [], False
        except (*ERRORS, AzureError):
            self._failures += 1
            # A signature may be too old.
            self._blob = None
            return ["the log cannot be read any more; the build goes on without it"] if self._is_lost() else [], False
        self._failures = 0
        self._bytes += len(new)
        return list(self._split(new)), complete

    def _fetch(self) -> tuple[bytes, bool]:
        if self._blob is None:
            self._blob = open_blob(self._link(), _LIMITS)
        known = self._blob.get_blob_properties()
        new = self._blob.download_blob(offset=self._bytes).readall() if known.size > self._bytes else b""
        complete = any(key.lower() == _COMPLETE for key in known.metadata or {})
        return new, complete and self._bytes + len(new) >= known.size

    def _split(self, new: bytes) -> Iterator[str]:
        """Take whole lines, without what moves a terminal's cursor or colours it."""
        *whole, self._begun = (self._begun + new).split(b"\n")
        for raw in whole:
            line = _CONTROL.sub("", raw.decode("utf-8", "replace")).rstrip()
            if line and not _CLOSING.match(line):
                self.last = line
            yield line
