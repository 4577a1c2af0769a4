"""The script store on a real Azurite: what registration writes there, Prefect's own storage loads from there."""

import base64
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import prefect
import pytest
from azure.core.exceptions import AzureError
from azure.storage.blob import ContainerClient

from registration import apply, bundle, catalog
from registration.api import Api
from registration.error import RegistrationError
from registration.settings import RunConfig
from registration.store import CONNECTION_STRING, BlobStore

ROOT = Path(__file__).parents[2]
START_SECONDS = 60
KEY = base64.b64encode(b"a key of this test alone").decode()
HELPER = "def double(x):\n    return 2 * x\n"
FLOW = """
from prefect import Flow, task
from flows.helper import double

@task
def answer():
    return double(21)

with Flow("answer") as flow:
    answer()
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The blob service on 127.0.0.1, with an account and an empty container `flows`; its connection string."""
    found = subprocess.run([sys.executable, "-m", "toolchain", "azurite"], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    folder, port = tmp_path_factory.mktemp("azurite"), free_port()
    options = ("--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(folder))
    with (folder / "azurite.log").open("wb") as log:
        process = subprocess.Popen(
            [Path(found.stdout.decode().strip()) / "azurite-blob", *options, "--skipApiVersionCheck", "--silent"],
            env={**os.environ, "AZURITE_ACCOUNTS": f"account:{KEY}"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    place = f"http://127.0.0.1:{port}/account"
    text = f"DefaultEndpointsProtocol=http;AccountName=account;AccountKey={KEY};BlobEndpoint={place};"
    deadline = time.monotonic() + START_SECONDS
    with ContainerClient.from_connection_string(text, "flows", retry_total=0) as container:
        while True:
            try:
                container.create_container()
                break
            except AzureError:
                assert process.poll() is None, (folder / "azurite.log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.1)
    yield text
    process.kill()
    process.wait()


@pytest.fixture
def location(azurite: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the store is; the environment has its connection string."""
    monkeypatch.setenv(CONNECTION_STRING, azurite)
    return azurite.partition("BlobEndpoint=")[2].rstrip(";") + "/flows"


# Prefect 1.4.1 speaks to an older release.
@pytest.mark.filterwarnings("ignore:content_as_bytes is deprecated:DeprecationWarning")
def test_a_registered_flow_is_loaded_by_prefect_from_what_the_server_was_told(
    location: str, shared_prefect_api: Any, project: Any, tmp_path: Path
) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "helper.py").write_text(HELPER)
    (tmp_path / "flows" / "answer.py").write_text(FLOW)
    found = catalog.load(tmp_path / "flows", store=location, run_config=RunConfig(), bundles=tmp_path / "bundles")
    (record,) = found.records
    ready = bundle.read(tmp_path / "bundles", record.name, record.key)
    store = BlobStore(location)
    with Api(shared_prefect_api.url) as api:
        first = apply.register(api, store, ready, project_id=project.id, schedules="active")
        assert apply.register(api, store, ready, project_id=project.id, schedules="active") == first
    told = project.flow_row(first.id, "storage")["storage"]
    assert (told["container"], told["blob_name"]) == ("flows", f"answer/{record.fingerprint}.py")
    assert KEY not in str(told)
    assert "127.0.0.1" not in str(told)
    storage = prefect.serialization.storage.StorageSchema().load(told)
    state = storage.get_flow("answer").run()
    assert [result.result for result in state.result.values()] == [42]


def test_a_script_is_never_rewritten_and_a_record_is(location: str) -> None:
    store = BlobStore(location)
    fingerprint = "c" * 64
    assert store.record("f", fingerprint) is None
    for value in ("one", "two"):
        store.put_script("f", fingerprint, value)
        store.put_record("f", fingerprint, {"file": value})
    assert store.record("f", fingerprint) == {"file": "two"}
    text = os.environ[CONNECTION_STRING]
    with ContainerClient.from_connection_string(text, "flows") as container:
        assert container.download_blob(f"f/{fingerprint}.py").readall() == b"one"


def test_a_wrong_key_and_a_missing_container_are_told_in_one_line_without_the_key(
    location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RegistrationError, match=r"/nowhere: ContainerNotFound$"):
        BlobStore(location.replace("/flows", "/nowhere")).put_script("f", "c" * 64, "x")
    wrong = base64.b64encode(b"another key").decode()
    monkeypatch.setenv(CONNECTION_STRING, os.environ[CONNECTION_STRING].replace(KEY, wrong))
    with pytest.raises(RegistrationError, match=r"/flows: AuthorizationFailure$") as caught:
        BlobStore(location).put_script("f", "d" * 64, "x")
    assert wrong not in str(caught.value)
