import httpx
import pytest

from delivery.pr_project import relay
from delivery.pr_project.relay import relayed
from registration.error import RegistrationError
from registration.service_proxy import ServiceProxy

PROXY = ServiceProxy(server="https://cluster.example.com", namespace="prefect", service="apollo")
ASKED: list[httpx.Request] = []


def answer(request: httpx.Request) -> httpx.Response:
    """What stands behind the relay."""
    ASKED.append(request)
    said = request.content.decode()
    if said == "refused":
        raise RegistrationError("the Kubernetes API forbids it")
    if said == "down":
        raise httpx.ConnectError("nobody is there")
    return httpx.Response(418 if said == "teapot" else 200, json={"data": said})


@pytest.fixture(autouse=True)
def behind(monkeypatch: pytest.MonkeyPatch) -> None:
    ASKED.clear()
    signed = httpx.Client(transport=httpx.MockTransport(answer), headers={"Authorization": "Bearer of-the-caller"})
    monkeypatch.setattr(relay, "open_client", lambda _: signed)


def test_a_plain_address_needs_no_relay() -> None:
    with relayed("http://127.0.0.1:4200") as url:
        assert url == "http://127.0.0.1:4200"


def test_a_document_is_passed_on_with_the_callers_credential_and_the_answer_comes_back() -> None:
    with relayed(PROXY) as url:
        headers = {"X-PREFECT-AGENT-ID": "7", "Authorization": "Bearer of-somebody", "Cookie": "a=b"}
        told = httpx.post(f"{url}/", content=b"hello", headers=headers)
        assert httpx.post(url, content=b"teapot").status_code == 418
    assert (told.status_code, told.json()) == (200, {"data": "hello"})
    (first, _) = ASKED
    assert str(first.url) == PROXY.url
    assert first.headers["X-PREFECT-AGENT-ID"] == "7"
    assert first.headers["Authorization"] == "Bearer of-the-caller"
    assert "Cookie" not in first.headers


def test_only_this_machine_and_only_who_knows_the_path_gets_through() -> None:
    with relayed(PROXY) as url:
        address = httpx.URL(url)
        assert address.host == "127.0.0.1"
        assert len(address.path) > 20
        root = f"http://127.0.0.1:{address.port}"
        assert [httpx.post(f"{root}{path}", content=b"x").status_code for path in ("/", "/graphql")] == [404, 404]
        assert [httpx.get(each).status_code for each in (f"{url}/health", f"{root}/health", url)] == [200, 404, 404]
    assert ASKED == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/health")


def test_what_goes_wrong_on_the_way_is_told_as_the_api_tells_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "_LARGEST", 10)
    with relayed(PROXY) as url:
        refused, down, large = (httpx.post(url, content=said) for said in (b"refused", b"down", 11 * b"x"))
    assert (refused.status_code, down.status_code, large.status_code) == (400, 502, 413)
    assert refused.json() == {"errors": [{"message": "the Kubernetes API forbids it"}]}
    assert down.json() == {"errors": [{"message": "the API cannot be reached: nobody is there"}]}
