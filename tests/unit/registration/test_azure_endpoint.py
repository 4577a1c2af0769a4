"""Whom the components ask when they ask Azure themselves."""

from pathlib import Path

import pytest
from azure.core.exceptions import ClientAuthenticationError

from components.registry_client import ContainerRegistry
from registration import azure_endpoint
from registration.azure_endpoint import VARIABLE, AzureEndpoint, AzureError


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


def test_without_a_stand_in_azure_is_asked_by_whoever_is_signed_in_and_over_tls_alone() -> None:
    azure = azure_endpoint.azure_endpoint()
    assert type(azure.credential).__name__ == "DefaultAzureCredential"
    assert azure.arm is None
    assert azure.registry("cr.azurecr.io") == "https://cr.azurecr.io"
    assert azure.call_options == {}


def test_nobody_is_asked_to_sign_in_in_a_browser() -> None:
    credential = azure_endpoint.azure_endpoint().credential
    ways = {type(each).__name__ for each in vars(credential)["credentials"]}
    assert "AzureCliCredential" in ways
    assert "InteractiveBrowserCredential" not in ways


@pytest.mark.parametrize("address", ["http://127.0.0.1:5000", "http://127.0.0.1:5000/", "http://[::1]:5000"])
def test_a_stand_in_on_this_machine_is_shown_no_credential(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv(VARIABLE, address)
    azure = azure_endpoint.azure_endpoint()
    base = address.rstrip("/")
    assert (azure.arm, azure.registry("cr.azurecr.io")) == (f"{base}/arm", f"{base}/registry/cr.azurecr.io")
    shown = azure.credential.get_token("scope").token
    assert shown == "emulated"


@pytest.mark.parametrize(
    "address",
    [
        "http://203.0.113.7:5000",
        "http://localhost:5000",
        "http://127.0.0.1",
        "http://127.0.0.1:none",
        "http://127.0.0.1:5000/path",
        "http://127.0.0.1:5000@example.com:80",
        "http://example.com:80@127.0.0.1:5000",
        "http://127.0.0.1.example.com:5000",
        "https://127.0.0.1:5000",
        "127.0.0.1:5000",
        "1",
    ],
)
def test_a_stand_in_elsewhere_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv(VARIABLE, address)
    with pytest.raises(AzureError) as failure:
        azure_endpoint.azure_endpoint()
    assert str(failure.value) == (
        f"{VARIABLE} is not http://127.0.0.1:PORT: unset it to use Azure, or start a stand-in here"
    )


class Nobody:
    """A credential of somebody who is not signed in, with the many words that Azure's library has for it."""

    def get_token(self, *_: str, **__: object) -> None:
        raise ClientAuthenticationError(message="failed to retrieve a token\nAttempted credentials:\n\tone\n\ttwo")


def test_who_is_not_signed_in_is_told_so_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(azure_endpoint, "credential", Nobody)
    registry = ContainerRegistry(
        id="/subscriptions/0/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/cr",
        login_server="cr.azurecr.io",
    )
    with pytest.raises(AzureError) as failure:
        registry.copy("docker.io/a/b:1", "a/b", "1", overwrite=False)
    assert str(failure.value) == "nobody is signed in to Azure; run `az login`, or let a service connection run it"


def test_a_credential_is_not_shown() -> None:
    assert "Nobody" not in repr(AzureEndpoint(credential=Nobody()))  # type: ignore[arg-type]  # it gives no token


def test_no_other_module_knows_of_the_variable() -> None:
    root = Path(__file__).parents[3]
    knows = {
        path.relative_to(root).as_posix()
        for folder in ("components", "infra", "registration", "policies", "preview")
        for path in (root / folder).rglob("*.py")
        if VARIABLE in path.read_text("utf-8")
    }
    assert knows == {"registration/azure_endpoint.py"}
