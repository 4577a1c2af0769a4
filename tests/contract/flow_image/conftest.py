"""A stand-in for Azure, and the flow image's provider that is to use it from a project's folder."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from components import build_log, build_machine, image_build, image_content, registry_client
from components.flow_image_provider import FlowImageProvider
from emulators.container_registry.service import serving
from registration import azure_endpoint
from registration.error import RegistrationError

REGISTRY = "/subscriptions/0/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/crTest"
SERVER = "crtest.azurecr.io"
CONTENT = {
    "Dockerfile": "ARG BASE\nFROM ${BASE}\nCOPY requirements/flows.txt /flows.txt\nCOPY tasks utils /opt/\n",
    "requirements/flows.txt": "prefect==1.4.1\n",
    "tasks/__init__.py": "",
    "utils/__init__.py": "",
}


class Azure:
    """What a test sees of both."""

    registry = REGISTRY
    server = SERVER
    base = f"{SERVER}/library/python@sha256:{64 * 'b'}"
    content = CONTENT

    def __init__(self, url: str, root: Path) -> None:
        self.url = url
        self.root = root
        self.provider = FlowImageProvider()

    def fail(self, *faults: dict[str, Any]) -> None:
        assert httpx.put(f"{self.url}/emulator/faults", json=faults).status_code == 204

    def builds(self) -> Any:
        return httpx.get(f"{self.url}/emulator/builds").json()

    def props(self, **changes: str) -> dict[str, Any]:
        content_hash = image_content.content_hash(self.root)
        return {
            "registry_id": REGISTRY,
            "login_server": SERVER,
            "content_hash": content_hash,
            "base": self.base,
        } | changes

    def create(self, **changes: str) -> Any:
        return self.provider.create(self.props(**changes)).outs

    def refused(self, **changes: str) -> str:
        """Have the image built, which fails: what is said of it."""
        with pytest.raises(RegistrationError) as failure:
            self.create(**changes)
        said = str(failure.value)
        assert re.fullmatch(f"flow image in {SERVER}: .*", said)
        return said.removeprefix(f"flow image in {SERVER}: ")

    def update(self, olds: dict[str, Any], **changes: str) -> Any:
        return self.provider.update("id", olds, self.props(**changes)).outs

    def read(self, outs: dict[str, Any]) -> Any:
        return self.provider.read("id", outs)

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def move_tag(self, tag: str) -> None:
        """Have somebody else's image at the tag."""
        source = {"registryUri": "docker.io", "sourceImage": "evil/flows:1"}
        asked = {"source": source, "targetTags": [f"flows:{tag}"], "mode": "Force"}
        begun = httpx.post(f"{self.url}/arm{REGISTRY}/importImage", json=asked, headers={"Authorization": "Bearer me"})
        httpx.get(begun.headers["Location"]).raise_for_status()

    def delete_tag(self, tag: str) -> None:
        path = f"registry/{SERVER}/acr/v1/flows/_tags/{tag}"
        headers = {"Authorization": "Bearer emulated-access-token"}
        assert httpx.delete(f"{self.url}/{path}", headers=headers).status_code == 202


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(azure_endpoint.LIMITS, "retry_backoff_factor", 0.01)
    for limit, value in (("initial_backoff", 0.01), ("increment_base", 0)):
        monkeypatch.setitem(image_build.UPLOAD_LIMITS, limit, value)
    for module in (image_build, build_log, build_machine):
        monkeypatch.setattr(module, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(build_log, "REST_SECONDS", 0.2)
    monkeypatch.setattr(registry_client, "APPEARS_SECONDS", 0.3)


@pytest.fixture(scope="module")
def stand_in() -> Iterator[str]:
    with serving() as url:
        yield url


@pytest.fixture
def azure(stand_in: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Azure:
    assert httpx.delete(f"{stand_in}/emulator").status_code == 204
    monkeypatch.setenv(azure_endpoint.VARIABLE, stand_in)
    azure = Azure(stand_in, tmp_path)
    for path, text in CONTENT.items():
        azure.write(path, text)
    monkeypatch.chdir(tmp_path)
    return azure
