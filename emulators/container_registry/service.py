"""The stand-in as a part of another process: a test's, or that of a preview."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from emulators import background
from emulators.container_registry.app import Cloud
from emulators.container_registry.store import Store


def server(file: Path | None = None) -> uvicorn.Server:
    """Make the server on a store, which is in memory without a file."""
    return uvicorn.Server(uvicorn.Config(Cloud(Store(file)).application(), log_level="warning", access_log=False))


@contextmanager
def serving(file: Path | None = None) -> Iterator[str]:
    """Serve it in a thread, and give the URL that the image mirror's environment variable takes."""
    with background.serving(Cloud(Store(file)).application()) as url:
        yield url
