"""Emulated providers without an engine, which register resources as an engine would."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emulators.pulumi_providers.__main__ import load
from emulators.pulumi_providers.provider import Provider, Urn


class Run:
    """One run of a provider."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def urn(self, kind: str, name: str) -> Urn:
        return Urn(f"urn:pulumi:dev::test::test:Parent${self.provider.name}:{kind}::{name}")

    def complete(
        self, kind: str, name: str, inputs: dict[str, Any], old: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        return self.provider.check(self.urn(kind, name), old or {}, inputs, b"seed")[0]

    def problems(self, kind: str, name: str = "it", /, **inputs: Any) -> list[str]:
        """What is wrong with the inputs of a resource, a line each."""
        _, failures = self.provider.check(self.urn(kind, name), {}, inputs, b"seed")
        return [str(failure) for failure in failures]

    def create(self, kind: str, name: str = "it", /, **inputs: Any) -> tuple[str, dict[str, Any]]:
        """Check a resource that is sound, and create it."""
        urn = self.urn(kind, name)
        complete, failures = self.provider.check(urn, {}, inputs, b"seed")
        assert not failures
        return self.provider.create(urn, complete, preview=False)


@pytest.fixture
def cloud(tmp_path: Path) -> Path:
    return tmp_path / "cloud"


@pytest.fixture
def start(cloud: Path) -> Callable[..., Run]:
    """Start a run of a provider; all runs of a test share a cloud."""
    return lambda name="azure-native": Run(load(name, cloud))


@pytest.fixture
def azure(start: Callable[..., Run]) -> Run:
    return start()
