"""The locator of an API behind a Kubernetes API server, as settings and Pulumi give it."""

import base64
from typing import Any

import pytest

from registration.error import RegistrationError
from registration.service_proxy import ServiceProxy, address_of, locator_of

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
PROXY: dict[str, Any] = {"server": "https://10.0.0.4:443", "namespace": "prefect-server", "service": "apollo"}


def test_the_address_is_the_api_servers_path_to_the_service() -> None:
    assert (
        ServiceProxy(**PROXY).url
        == "https://10.0.0.4:443/api/v1/namespaces/prefect-server/services/http:apollo:4200/proxy/graphql"
    )


def test_the_address_holds_the_name_that_a_role_gives_access_to() -> None:
    for port, name in ((4200.0, "http:apollo:4200"), ("http", "http:apollo:http")):
        proxy = ServiceProxy(**PROXY, port=port)
        assert proxy.resource_name == name
        assert f"/services/{name}/proxy/" in proxy.url


@pytest.mark.parametrize("text", [PEM, base64.b64encode(PEM.encode()).decode(), f"\n{PEM}\n"])
def test_a_certificate_authority_is_pem_or_what_a_kubeconfig_holds(text: str) -> None:
    assert ServiceProxy(**PROXY, certificate_authority=text).certificate_authority == PEM


@pytest.mark.parametrize(
    "server", ["https://host/", "https://host:6443", "https://[::1]:6443", "http://127.0.0.1:8001"]
)
def test_a_server_is_a_host_and_a_port(server: str) -> None:
    assert locator_of({**PROXY, "server": server})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("server", "http://10.0.0.4"),
        ("server", "http://127.0.0.1.example.com"),
        ("server", "https://me:hunter2@host"),
        ("server", "https://host:hunter2"),
        ("server", "https://[hunter2"),
        ("server", "https://host/?token=hunter2"),
        ("server", "https://host/hunter2"),
        ("server", "hunter2"),
        ("certificate_authority", "hunter2"),
        ("certificate_authority", f"{PEM}\n-----BEGIN PRIVATE KEY-----\nhunter2"),
        ("namespace", "a/hunter2"),
        ("service", "a:hunter2"),
        ("port", 0),
        ("port", "hunter2/.."),
        ("token", "hunter2"),
    ],
)
def test_what_is_wrong_is_named_by_field_and_not_repeated(field: str, value: str) -> None:
    with pytest.raises(RegistrationError, match=field) as caught:
        locator_of({**PROXY, field: value})
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_plain_address_stays_one() -> None:
    assert locator_of("http://127.0.0.1:4200") == address_of("http://127.0.0.1:4200") == "http://127.0.0.1:4200"
