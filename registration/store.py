"""Where scripts live: a folder, or an Azure Blob container.

A script lies under the fingerprint of its flow and is never rewritten. Its record, beside it as `.json`, is: it also
holds the schedule policy that was last applied, by project.
"""

import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol
from urllib.parse import urlsplit

from registration.address import split
from registration.azure_endpoint import azure_endpoint
from registration.error import RegistrationError
from registration.location import folder_of, script_path
from registration.settings import replace

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

CONNECTION_STRING = "AZURE_STORAGE_CONNECTION_STRING"
_ACCOUNT = re.compile(r"\b(?:BlobEndpoint|AccountName)\s*=", re.IGNORECASE)
_KEY = re.compile(r"\b(?:AccountKey|SharedAccessSignature)\s*=", re.IGNORECASE)
_LOOPBACK = ("127.0.0.1", "localhost")
# Seconds and retries of one call to Blob storage; the SDK's own would wait for minutes.
_BLOB_LIMITS = {
    "connection_timeout": 5,
    "read_timeout": 15,
    "retry_total": 2,
    "initial_backoff": 1,
    "increment_base": 2,
    "random_jitter_range": 1,
}


class Store(Protocol):
    """What registration needs of a store."""

    location: str

    def put_script(self, name: str, fingerprint: str, text: str) -> None:
        """Store a script; one that is already there stays as it is."""

    def record(self, name: str, identity: str) -> dict[str, Any] | None:
        """Read the record of a registered flow; None when there is none."""

    def put_record(self, name: str, identity: str, record: Mapping[str, Any]) -> None:
        """Write a record in one step."""

    def storage(self, name: str, fingerprint: str) -> dict[str, Any]:
        """Give the storage of a script as Prefect serializes it, without the version of Prefect."""


def open_store(location: str, root: Path) -> Store:
    """Open a store by its location; `root` is the project's root, to which a relative folder belongs."""
    if kind_of(location) == "Azure":
        return BlobStore(location)
    return FolderStore(location, root)


def kind_of(location: str) -> Literal["Azure", "Local"]:
    """Name the kind of storage, in Prefect's words, that a location stands for."""
    address = split(location, "the script store", f"and sign in with Azure or set {CONNECTION_STRING}")
    if "://" not in location:
        return "Local"
    azurite = address.scheme == "http" and address.hostname in _LOOPBACK
    if not (address.scheme == "https" or azurite) or not address.hostname or not address.path.strip("/"):
        raise RegistrationError(
            "the script store is neither a folder, nor https://ACCOUNT.blob.core.windows.net/CONTAINER, nor Azurite at "
            "http://127.0.0.1:PORT/ACCOUNT/CONTAINER"
        )
    return "Azure"


class FolderStore:
    """Scripts in a folder of this machine; a relative location is written as such to the server."""

    def __init__(self, location: str, root: Path) -> None:
        self.location = location
        self._folder = root.absolute() / location

    def put_script(self, name: str, fingerprint: str, text: str) -> None:
        """Store a script; one that is already there stays as it is."""
        path = self._folder / script_path(name, fingerprint)
        with _readable(self.location):
            if not path.exists():
                replace(path, text.encode())

    def record(self, name: str, identity: str) -> dict[str, Any] | None:
        """Read the record of a registered flow; None when there is none."""
        with _readable(self.location):
            path = self._folder / folder_of(name) / f"{identity}.json"
            return _record(path.read_bytes()) if path.exists() else None

    def put_record(self, name: str, identity: str, record: Mapping[str, Any]) -> None:
        """Write a record in one step."""
        with _readable(self.location):
            replace(self._folder / folder_of(name) / f"{identity}.json", _text(record))

    def storage(self, name: str, fingerprint: str) -> dict[str, Any]:
        """Give the storage of a script as Prefect serializes it, without the version of Prefect."""
        path = (Path(self.location) / script_path(name, fingerprint)).as_posix()
        return {
            "type": "Local",
            "directory": Path(self.location).as_posix(),
            "path": path,
            "stored_as_script": True,
            "flows": {name: path},
            "secrets": [],
        }


class BlobStore:
    """Scripts in a container of Azure Blob storage, reached with the caller's own identity.

    For Azurite, and where there is no identity, the environment holds a connection string with a key. One without a
    key, which tells a flow's run where its storage is, changes nothing here.
    """

    def __init__(self, location: str) -> None:
        self.location = location
        self._container = urlsplit(location).path.strip("/").rpartition("/")[2]
        self._open: ContainerClient | None = None

    def put_script(self, name: str, fingerprint: str, text: str) -> None:
        """Store a script; one that is already there stays as it is."""
        from azure.core.exceptions import ResourceExistsError  # noqa: PLC0415 - only this store needs Azure

        with _readable(self.location):
            try:
                self._client().upload_blob(script_path(name, fingerprint), text.encode(), overwrite=False)
            except ResourceExistsError:
                return

    def record(self, name: str, identity: str) -> dict[str, Any] | None:
        """Read the record of a registered flow; None when there is none."""
        from azure.core.exceptions import ResourceNotFoundError  # noqa: PLC0415 - only this store needs Azure

        with _readable(self.location):
            try:
                return _record(self._client().download_blob(f"{folder_of(name)}/{identity}.json").readall())
            except ResourceNotFoundError as error:
                if getattr(error, "error_code", None) == "ContainerNotFound":
                    raise
                return None

    def put_record(self, name: str, identity: str, record: Mapping[str, Any]) -> None:
        """Write a record in one step."""
        with _readable(self.location):
            self._client().upload_blob(f"{folder_of(name)}/{identity}.json", _text(record), overwrite=True)

    def storage(self, name: str, fingerprint: str) -> dict[str, Any]:
        """Give the storage of a script as Prefect serializes it, without the version of Prefect."""
        blob = script_path(name, fingerprint)
        return {
            "type": "Azure",
            "container": self._container,
            "connection_string_secret": None,
            "blob_name": blob,
            "stored_as_script": True,
            "flows": {name: blob},
            "secrets": [],
        }

    def _client(self) -> "ContainerClient":
        if self._open is None:
            from azure.storage.blob import ContainerClient  # noqa: PLC0415 - only this store needs Azure

            # The SDK logs every request it makes.
            logging.getLogger("azure").setLevel(logging.CRITICAL)
            limits: dict[str, Any] = dict(_BLOB_LIMITS)
            text = os.environ.get(CONNECTION_STRING) or ""
            keyless = _ACCOUNT.search(text) and not _KEY.search(text)
            if text and not keyless:
                self._open = ContainerClient.from_connection_string(text, self._container, **limits)
                self._check_place(self._open.url)
            elif self.location.startswith("http:"):
                raise RegistrationError(f"script store {self.location}: set {CONNECTION_STRING} for it")
            else:
                azure = azure_endpoint()
                self._open = ContainerClient.from_container_url(
                    azure.blobs(self.location), credential=None if azure.emulator else azure.credential, **limits
                )
        return self._open

    def _check_place(self, url: str) -> None:
        """Refuse a connection string of another place, where no flow would look for its script."""
        given, wanted = (urlsplit(each) for each in (url, self.location))
        if given[:2] != wanted[:2] or given.path.strip("/") != wanted.path.strip("/"):
            raise RegistrationError(
                f"script store {self.location}: {CONNECTION_STRING} names another account; withdraw it to sign in with "
                "Azure, or set the one of this account"
            )


@contextmanager
def _readable(location: str) -> Iterator[None]:
    """Turn what goes wrong with a store into one line that names the store and no secret."""
    try:
        yield
    except OSError as error:
        raise RegistrationError(f"script store {location}: {error.strerror or error}") from error
    except RegistrationError:
        raise
    except Exception as error:
        module = type(error).__module__
        if not module.startswith("azure.") and not isinstance(error, ValueError):
            raise
        code = getattr(error, "error_code", None)
        code = getattr(code, "value", code)
        lines = str(getattr(error, "message", "") or "").strip().splitlines()
        reason = code or (lines[0] if module.startswith("azure.") and lines else f"{CONNECTION_STRING} is not valid")
        raise RegistrationError(f"script store {location}: {reason}") from error


def _text(record: Mapping[str, Any]) -> bytes:
    return (json.dumps(record, indent=1, sort_keys=True) + "\n").encode()


def _record(content: bytes) -> dict[str, Any] | None:
    """Read a record; one that is damaged counts as lost, and the next registration writes it again."""
    try:
        record = json.loads(content)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None
