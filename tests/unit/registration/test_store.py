"""Scripts and records in a folder and in Blob storage, the latter over HTTP to a small server of the test's own."""

import base64
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.core.pipeline.transport import HttpTransport

from registration import azure_endpoint
from registration import store as store_module
from registration.error import RegistrationError
from registration.location import script_path
from registration.store import CONNECTION_STRING, BlobStore, FolderStore, Store, kind_of, open_store

FINGERPRINT = "c" * 64
SECRET = base64.b64encode(b"a secret that nobody may read").decode()
URL = "https://account.blob.core.windows.net/flows"


class Blobs(BaseHTTPRequestHandler):
    """As much of Blob storage as a store needs: one container, `flows`."""

    held: dict[str, bytes]

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.path.startswith("/account/flows/"):
            self._answer(404, b"", "ContainerNotFound")
        elif self.headers.get("If-None-Match") == "*" and self.path in self.held:
            self._answer(409, b"", "BlobAlreadyExists")
        else:
            self.held[self.path] = content
            self._answer(201, b"")

    def do_GET(self) -> None:
        if self.path in self.held:
            self._answer(206, self.held[self.path])
        else:
            self._answer(404, b"", "BlobNotFound" if self.path.startswith("/account/flows/") else "ContainerNotFound")

    def _answer(self, status: int, content: bytes, code: str | None = None) -> None:
        self.send_response(status)
        if code:
            self.send_header("x-ms-error-code", code)
        if content:
            self.send_header("Content-Range", f"bytes 0-{len(content) - 1}/{len(content)}")
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass
class Held:
    """A container, and what is in it."""

    location: str
    blobs: dict[str, bytes]


@pytest.fixture
def container(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    held: dict[str, bytes] = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Holding", (Blobs,), {"held": held}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}/account"
    text = f"DefaultEndpointsProtocol=http;AccountName=account;AccountKey={SECRET};BlobEndpoint={endpoint};"
    monkeypatch.setenv(CONNECTION_STRING, text)
    yield Held(f"{endpoint}/flows", held)
    server.shutdown()
    server.server_close()


@pytest.fixture(params=["folder", "blob"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "folder":
        return open_store("scripts", tmp_path)
    return open_store(request.getfixturevalue("container").location, tmp_path)


def test_a_script_is_never_rewritten(store: Store, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    store.put_script("f", FINGERPRINT, "first")
    store.put_script("f", FINGERPRINT, "second")
    if isinstance(store, FolderStore):
        assert (tmp_path / "scripts" / script_path("f", FINGERPRINT)).read_text() == "first"
    else:
        held = request.getfixturevalue("container")
        assert held.blobs[f"/account/flows/{script_path('f', FINGERPRINT)}"] == b"first"


def test_a_record_is_read_back_and_replaced(store: Store) -> None:
    assert store.record("A/..", FINGERPRINT) is None
    for value in ("one", "two"):
        store.put_record("A/..", FINGERPRINT, {"file": value})
        assert store.record("A/..", FINGERPRINT) == {"file": value}


def test_a_folder_given_relative_stays_relative_on_the_server(tmp_path: Path) -> None:
    storage = FolderStore(".local/scripts", tmp_path).storage("f", FINGERPRINT)
    assert storage["path"] == f".local/scripts/f/{FINGERPRINT}.py"
    assert str(tmp_path) not in str(storage)


def test_a_damaged_record_counts_as_lost(tmp_path: Path) -> None:
    store = FolderStore("scripts", tmp_path)
    store.put_record("f", FINGERPRINT, {})
    (tmp_path / "scripts" / "f" / f"{FINGERPRINT}.json").write_text("{half")
    assert store.record("f", FINGERPRINT) is None


def test_a_folder_leaves_no_half_written_file(tmp_path: Path) -> None:
    store = FolderStore("scripts", tmp_path)
    with pytest.raises(TypeError):
        store.put_record("f", FINGERPRINT, {"x": object()})
    store.put_script("f", FINGERPRINT, "text")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [f"{FINGERPRINT}.py"]


def test_a_folder_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "scripts").write_text("a file")
    with pytest.raises(RegistrationError, match=r"^script store scripts: .*[Nn]ot a directory|File exists"):
        FolderStore("scripts", tmp_path).put_script("f", FINGERPRINT, "text")


@pytest.mark.parametrize(
    "location",
    [
        "https://account.blob.core.windows.net",
        "ftp://x/y",
        "https:///flows",
        "http://account.blob.core.windows.net/flows",
        "http://127.0.0.1:10000",
    ],
)
def test_an_address_that_is_no_container_is_refused_and_not_repeated(location: str) -> None:
    with pytest.raises(RegistrationError, match="neither a folder, nor") as caught:
        kind_of(location)
    assert location not in str(caught.value)


def test_an_address_that_cannot_be_read_is_told() -> None:
    with pytest.raises(RegistrationError, match="the address of the script store is not valid"):
        kind_of("https://[half/flows")


@pytest.mark.parametrize("location", ["scripts", "/srv/my scripts", "scripts@2", ".local/design=1", "a;b"])
def test_a_folder_may_have_any_name_without_a_credential(location: str) -> None:
    assert kind_of(location) == "Local"


@pytest.mark.parametrize(
    "location",
    [
        f"{URL}?sig={SECRET}",
        URL.replace("//", f"//me:{SECRET}@"),
        URL.replace("//", f"//me:with/{SECRET}@"),
        f"{URL}#sig={SECRET}",
        f"https://account.blob.core.windows.net/?sv=1&sig={SECRET}",
        f"me:{SECRET}@account.blob.core.windows.net/flows",
        f"AccountName=a;AccountKey={SECRET};BlobEndpoint=http://127.0.0.1:10000/a",
        f"AccountName=a;accountkey = {SECRET};EndpointSuffix=core.windows.net",
        f"SharedAccessSignature={SECRET};EndpointSuffix=core.windows.net",
    ],
)
def test_an_address_with_a_credential_is_refused_and_not_repeated(location: str) -> None:
    with pytest.raises(RegistrationError, match="holds a credential") as caught:
        kind_of(location)
    assert SECRET not in str(caught.value)


def test_a_container_that_does_not_exist_is_told_in_one_line(container: Held) -> None:
    store = BlobStore(container.location.replace("flows", "nowhere"))
    for act in (lambda: store.put_script("f", FINGERPRINT, "x"), lambda: store.record("f", FINGERPRINT)):
        with pytest.raises(RegistrationError, match=r"nowhere: ContainerNotFound$"):
            act()


def test_a_connection_string_that_is_wrong_is_told_without_its_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONNECTION_STRING, f"nonsense {SECRET}")
    with pytest.raises(RegistrationError, match=CONNECTION_STRING) as caught:
        BlobStore(URL).record("f", FINGERPRINT)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("change", [("flows", "nowhere/flows"), ("127.0.0.1", "127.0.0.2"), ("http:", "https:")])
def test_a_connection_string_of_another_account_is_refused(change: tuple[str, str], container: Held) -> None:
    wanted = container.location.replace(*change)
    with pytest.raises(RegistrationError, match=f"{CONNECTION_STRING} names another account") as caught:
        BlobStore(wanted).put_script("f", FINGERPRINT, "text")
    assert SECRET not in str(caught.value)
    assert container.blobs == {}


@pytest.mark.parametrize("text", ["", "BlobEndpoint=http://127.0.0.1:1/account;"])
def test_azurite_needs_a_key(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONNECTION_STRING, text)
    with pytest.raises(RegistrationError, match=f"set {CONNECTION_STRING} for it"):
        BlobStore("http://127.0.0.1:1/account/flows").record("f", FINGERPRINT)


@pytest.mark.parametrize("text", ["", "AccountName=account;EndpointSuffix=core.windows.net", f"BlobEndpoint={URL}"])
def test_an_account_in_azure_is_signed_in_to_whatever_keyless_string_the_environment_holds(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Nobody:
        def get_token(self, *scopes: str, **_: object) -> None:
            asked.extend(scopes)
            raise ClientAuthenticationError("nobody is signed in")

    monkeypatch.setattr(azure_endpoint, "credential", Nobody)
    monkeypatch.setitem(vars(store_module)["_BLOB_LIMITS"], "retry_total", 0)
    monkeypatch.setenv(CONNECTION_STRING, text)
    with pytest.raises(RegistrationError, match=f"^script store {URL}: nobody is signed in"):
        BlobStore(URL).record("f", FINGERPRINT)
    assert set(asked) == {"https://storage.azure.com/.default"}


def test_a_blob_service_that_is_down_is_waited_for_seconds_and_not_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(HttpTransport, "sleep", lambda _, seconds: slept.append(seconds))
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        place = f"http://127.0.0.1:{held.getsockname()[1]}/account"
        monkeypatch.setenv(CONNECTION_STRING, f"AccountName=account;AccountKey={SECRET};BlobEndpoint={place};")
        with pytest.raises(RegistrationError, match=f"^script store {place}/flows: ") as caught:
            BlobStore(f"{place}/flows").record("f", FINGERPRINT)
    assert 0 < sum(slept) < 10
    assert "\n" not in str(caught.value)
