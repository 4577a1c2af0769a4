"""What the plugins that keep images in a registry share: the registry of some properties, and whose an error is."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from registration.error import RegistrationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from components.flow_provider import Properties
    from components.registry_client import ContainerRegistry


def registry_of(props: Properties) -> ContainerRegistry:
    """Open the registry that a resource names."""
    from components.registry_client import ContainerRegistry  # noqa: PLC0415 - the plugin alone needs Azure's libraries

    return ContainerRegistry(id=props["registry_id"], login_server=props["login_server"])


@contextmanager
def told_of(what: str) -> Iterator[None]:
    """Say in an error what it is about."""
    try:
        yield
    except RegistrationError as error:
        raise type(error)(f"{what}: {error}") from error
