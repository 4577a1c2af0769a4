"""The stand-in's blobs, by the store of flow scripts and Azure's own library."""

from collections.abc import Iterator

import httpx
import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobClient

from emulators.container_registry.service import serving
from registration.azure_endpoint import VARIABLE
from registration.error import RegistrationError
from registration.location import script_path
from registration.store import BlobStore

FINGERPRINT = "c" * 64
URL = "https://account.blob.core.windows.net/flows"


@pytest.fixture(scope="module")
def stand_in() -> Iterator[str]:
    with serving() as url:
        yield url


@pytest.fixture
def store(stand_in: str, monkeypatch: pytest.MonkeyPatch) -> BlobStore:
    httpx.delete(f"{stand_in}/emulator").raise_for_status()
    monkeypatch.setenv(VARIABLE, stand_in)
    monkeypatch.delenv("AZURE_STORAGE_CONNECTION_STRING", raising=False)
    return BlobStore(URL)


def held(stand_in: str, name: str) -> str:
    return httpx.get(f"{stand_in}/blob/account/flows/{name}").text


def test_a_script_is_stored_once_and_stays_as_it_is(store: BlobStore, stand_in: str) -> None:
    for text in ("first", "second"):
        store.put_script("etl", FINGERPRINT, text)
    assert held(stand_in, script_path("etl", FINGERPRINT)) == "first"


def test_a_record_is_written_over_and_read_back(store: BlobStore) -> None:
    assert store.record("etl", "one") is None
    for version in (1, 2):
        store.put_record("etl", "one", {"version": version, "text": "é" * 10_000})
    assert BlobStore(URL).record("etl", "one") == {"version": 2, "text": "é" * 10_000}


def test_accounts_and_containers_are_apart(store: BlobStore) -> None:
    store.put_record("etl", "one", {"version": 1})
    for other in ("https://account.blob.core.windows.net/other", "https://other.blob.core.windows.net/flows"):
        assert BlobStore(other).record("etl", "one") is None


def test_a_fault_of_storage_is_told_as_such(store: BlobStore, stand_in: str) -> None:
    fault = {"at": "blob", "status": 403, "code": "AuthorizationPermissionMismatch"}
    httpx.put(f"{stand_in}/emulator/faults", json=[fault]).raise_for_status()
    with pytest.raises(RegistrationError, match=f"^script store {URL}: AuthorizationPermissionMismatch$"):
        store.put_script("etl", FINGERPRINT, "text")


def test_a_range_and_what_is_known_of_a_blob_are_told(store: BlobStore, stand_in: str) -> None:
    store.put_script("etl", FINGERPRINT, "0123456789")
    client = BlobClient.from_blob_url(f"{stand_in}/blob/account/flows/{script_path('etl', FINGERPRINT)}")
    assert client.download_blob(offset=3, length=4).readall() == b"3456"
    assert client.download_blob(offset=8).readall() == b"89"
    known = client.get_blob_properties()
    assert (known.size, known.blob_type) == (10, "BlockBlob")
    with pytest.raises(ResourceNotFoundError):
        BlobClient.from_blob_url(f"{stand_in}/blob/account/flows/none").get_blob_properties()


def test_the_build_services_own_storage_takes_signed_urls_alone(stand_in: str) -> None:
    answer = httpx.put(f"{stand_in}/blob/acrtasks/source/1", headers={"x-ms-blob-type": "BlockBlob"})
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (403, "AuthenticationFailed")
