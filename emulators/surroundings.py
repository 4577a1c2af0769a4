"""What a deployed environment asks beside its providers: its registry's images, and the Prefect API in its cluster.

A preview of what does not exist yet asks neither, and need not wait for them to start.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from emulators import background
from emulators.container_registry import service as container_registry
from emulators.engine import Engine
from emulators.prefect_api.app import application
from emulators.prefect_api.database import Database
from emulators.pulumi_providers.azure.function import SERVER
from registration.azure_endpoint import VARIABLE as AZURE


@contextmanager
def surrounded(pulumi: Engine) -> Iterator[Engine]:
    """The same engine, whose programs find both; what they hold goes with the engine's folder."""
    database = Database(f"sqlite:///{pulumi.folder / 'prefect.db'}")
    try:
        with container_registry.serving() as azure, background.serving(application(database)) as api:
            yield replace(pulumi, environment={**pulumi.environment, AZURE: azure, SERVER: api})
    finally:
        database.close()
