"""What the image mirror asks of Azure, by Azure's own libraries, and what it says when Azure does not do it."""

import re
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from components import registry_client
from components.image_provider import ImageProvider
from components.registry_client import ContainerRegistry
from emulators.background import listen
from emulators.container_registry.service import serving
from registration import azure_endpoint
from registration.azure_endpoint import AzureError

ROOT = Path(__file__).parents[2]
REGISTRY = "/subscriptions/0/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/crTest"
SERVER = "crtest.azurecr.io"
PROPS = {
    "registry_id": REGISTRY,
    "login_server": SERVER,
    "repository": "prefecthq/server",
    "tag": "core-1.4.1",
    "source": "docker.io/prefecthq/server:core-1.4.1",
}
NEWER = PROPS | {"tag": "core-1.5.0", "source": "docker.io/prefecthq/server:core-1.5.0"}
ELSEWHERE = PROPS | {"source": "quay.io/prefecthq/server:core-1.4.1"}
PIN = f"sha256:{'0123456789abcdef' * 4}"
PINNED = PROPS | {"source": f"docker.io/prefecthq/server@{PIN}"}
ALWAYS = {"times": 99, "headers": {"Retry-After": "0.01"}}
HUB = "toomanyrequests: You have reached your\npull rate limit. You may increase the limit by authenticating."
FIREWALL = "client with IP '203.0.113.7' is not allowed access. Refer to the registry's firewall to grant access."


class Azure:
    """A stand-in, and the provider that is to use it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.provider = ImageProvider()

    def fail(self, **fault: Any) -> None:
        self.set_faults(fault)

    def set_faults(self, *faults: dict[str, Any]) -> None:
        assert httpx.put(f"{self.url}/emulator/faults", json=faults).status_code == 204

    def modes(self) -> list[str]:
        """How each import was asked for."""
        return [each["mode"] for each in self.imports()]

    def imports(self) -> Any:
        return httpx.get(f"{self.url}/emulator/imports").json()

    def create(self, props: dict[str, Any] = PROPS) -> Any:
        return self.provider.create(props).outs

    def update(self, olds: dict[str, Any], news: dict[str, Any]) -> Any:
        return self.provider.update("", olds, news).outs

    def read(self, outs: dict[str, Any]) -> Any:
        return self.provider.read("id", outs)

    def delete_tag(self, tag: str) -> None:
        headers = {"Authorization": "Bearer emulated-access-token"}
        path = f"registry/{SERVER}/acr/v1/prefecthq/server/_tags/{tag}"
        assert httpx.delete(f"{self.url}/{path}", headers=headers).status_code == 202


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(azure_endpoint.LIMITS, "retry_backoff_factor", 0.01)
    monkeypatch.setattr(registry_client, "APPEARS_SECONDS", 1.0)


@pytest.fixture(scope="module")
def stand_in() -> Iterator[str]:
    with serving() as url:
        yield url


@pytest.fixture
def azure(stand_in: str, monkeypatch: pytest.MonkeyPatch) -> Azure:
    assert httpx.delete(f"{stand_in}/emulator").status_code == 204
    monkeypatch.setenv(azure_endpoint.VARIABLE, stand_in)
    return Azure(stand_in)


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address where nobody listens."""
    with listen(0) as held:
        port = held.getsockname()[1]
    monkeypatch.setenv(azure_endpoint.VARIABLE, f"http://127.0.0.1:{port}")


def test_an_image_is_copied_by_its_tag_and_known_by_the_digest_that_the_registry_tells(azure: Azure) -> None:
    outs = azure.create()
    assert azure.imports() == [
        {
            "registry": "crtest",
            "source": {"registryUri": "docker.io", "sourceImage": "prefecthq/server:core-1.4.1"},
            "targetTags": ["prefecthq/server:core-1.4.1"],
            "mode": "NoForce",
        }
    ]
    assert re.fullmatch("sha256:[0-9a-f]{64}", outs["digest"])
    assert outs == PROPS | {"digest": outs["digest"]}


def test_what_is_there_is_not_copied_again(azure: Azure) -> None:
    first = azure.create()
    assert azure.create() == first
    assert azure.modes() == ["NoForce"]


def test_a_new_tag_is_copied_beside_the_old_one_and_the_way_back_copies_nothing(azure: Azure) -> None:
    old = azure.create()
    new = azure.update(old, NEWER)
    assert new["digest"] != old["digest"]
    assert azure.update(new, PROPS) == old
    assert azure.modes() == ["NoForce", "NoForce"]


def test_another_source_of_the_same_tag_is_copied_over_it(azure: Azure) -> None:
    old = azure.create()
    assert azure.update(old, ELSEWHERE)["digest"] != old["digest"]
    assert azure.modes() == ["NoForce", "Force"]


def test_a_registry_of_another_address_is_asked_there_and_copies_nothing(azure: Azure) -> None:
    old = azure.create()
    new = azure.update(old, PROPS | {"login_server": "crtest.example.com"})
    assert new["digest"] == old["digest"]
    assert azure.modes() == ["NoForce"]


def test_a_pinned_image_is_copied_by_its_digest_also_over_a_tag_that_is_another(azure: Azure) -> None:
    azure.create()
    assert azure.create(PINNED)["digest"] == PIN
    assert azure.imports()[-1]["source"]["sourceImage"] == f"prefecthq/server@{PIN}"
    assert azure.create(PINNED)["digest"] == PIN
    assert azure.modes() == ["NoForce", "Force"]


def test_a_tag_that_is_not_the_pinned_image_after_all_is_refused(azure: Azure) -> None:
    azure.create()
    azure.fail(at="tag", status=404, times=1)
    with pytest.raises(AzureError, match=f"after its import, and {PIN} was asked for"):
        azure.create(PINNED)


def test_a_refresh_finds_nothing_new_where_nothing_was_touched(azure: Azure) -> None:
    outs = azure.create()
    found = azure.read(outs)
    assert (found.id, found.outs, found.inputs) == ("id", outs, PROPS)


def test_a_tag_that_was_moved_is_seen_and_the_next_update_copies_over_it(azure: Azure) -> None:
    outs = azure.create()
    moved = azure.update(outs, ELSEWHERE)["digest"]
    found = azure.read(outs)
    assert found.outs["digest"] == moved
    assert azure.provider.diff("id", found.outs, PROPS).changes is True
    assert azure.read(found.outs).outs == found.outs
    assert azure.update(found.outs, PROPS) == outs
    assert azure.modes() == ["NoForce", "Force", "Force"]


def test_a_tag_that_is_gone_is_gone(azure: Azure) -> None:
    outs = azure.create()
    azure.delete_tag(PROPS["tag"])
    found = azure.read(outs)
    assert (found.id, found.outs) == ("", {})


def test_a_registry_that_is_gone_takes_its_images_with_it(azure: Azure) -> None:
    outs = azure.create()
    azure.set_faults(
        {"at": "tag", "cut": True, "times": 99},
        {"at": "registry", "status": 404, "code": "ResourceNotFound", "message": "The Resource was not found."},
    )
    assert azure.read(outs).id == ""


@pytest.mark.parametrize(
    "said",
    [
        {"times": 0},
        {"status": 403, "code": "AuthorizationFailed"},
        {"status": 404, "code": "SubscriptionNotFound"},
    ],
)
def test_a_registry_that_may_be_there_and_does_not_answer_takes_nothing_with_it(azure: Azure, said: Any) -> None:
    outs = azure.create()
    azure.set_faults({"at": "tag", "cut": True, "times": 99}, {"at": "registry", **said})
    with pytest.raises(AzureError, match="gives no answer that can be read"):
        azure.read(outs)


@pytest.mark.usefixtures("nobody")
def test_deleting_asks_nothing_of_azure() -> None:
    ImageProvider().delete("id", PROPS)


def test_a_digest_that_shows_late_is_waited_for(azure: Azure) -> None:
    azure.fail(at="tag", status=404, times=4)
    assert azure.create()["digest"].startswith("sha256:")


def test_an_import_that_another_run_did_meanwhile_is_taken_as_done(azure: Azure) -> None:
    first = azure.create()
    azure.fail(at="tag", status=404, times=1)
    assert azure.create() == first


@pytest.mark.parametrize("place", ["import", "operation", "tag", "token"])
@pytest.mark.parametrize("status", [429, 503])
def test_what_azure_refuses_for_a_moment_is_tried_again(azure: Azure, place: str, status: int) -> None:
    azure.fail(at=place, status=status, times=2, headers={"Retry-After": "0.01"})
    assert azure.create()["digest"].startswith("sha256:")
    assert azure.modes() == ["NoForce"]


ROLE = (
    f"it takes the role .*Container Registry Data Importer and Data Reader on {REGISTRY}, "
    "and a role counts some minutes after it is given"
)
FAULTS = {
    "throttled": (
        {"at": "import", "status": 429, "code": "TooManyRequests", "message": "Slow\ndown.", **ALWAYS},
        r"Azure answers 429 \(TooManyRequests: Slow down\); run it again in some minutes",
    ),
    "broken": ({"at": "tag", "status": 500, **ALWAYS}, f"{SERVER} answers 500 .*; run it again in some minutes"),
    "no such image": (
        {"at": "operation", "status": 400, "code": "InvalidParameters", "message": "manifest unknown"},
        r"Azure answers 400 \(InvalidParameters: manifest unknown\); is there such an image upstream, .*\?",
    ),
    "limit of Docker Hub, told at once": (
        {"at": "import", "status": 400, "code": "InvalidParameters", "message": HUB},
        "Docker Hub's limit for pulls without an account is used up; run it again in six hours, or .*",
    ),
    "limit of Docker Hub, told later": (
        {"at": "operation", "status": 429, "code": "TOOMANYREQUESTS", "message": HUB, **ALWAYS},
        "Docker Hub's limit for pulls without an account is used up; run it again in six hours, or .*",
    ),
    "no role to import": (
        {"at": "import", "status": 403, "code": "AuthorizationFailed", "message": "The client has no authorization."},
        rf"an import is not allowed \(AuthorizationFailed\); {ROLE}",
    ),
    "no role to read": (
        {"at": "tag", "status": 401, "times": 2, "code": "UNAUTHORIZED", "message": "authentication required"},
        rf"{SERVER} may not be read \(UNAUTHORIZED\); it takes the role AcrPull on {REGISTRY}, .*",
    ),
    "closed": (
        {"at": "tag", "status": 403, "code": "DENIED", "message": FIREWALL},
        f"{SERVER} does not let this address in; a private registry answers inside its network alone: run this from .*",
    ),
    "cut off": ({"at": "tag", "cut": True, "times": 99}, f"{SERVER} gives no answer that can be read; .*"),
    "no registry": (
        {"at": "import", "status": 404, "code": "ResourceNotFound", "message": "The Resource was not found."},
        f"Azure knows no registry {REGISTRY}; run `pulumi refresh`, then again",
    ),
    "never shown": (
        {"at": "tag", "status": 404, "times": 9999},
        f"{SERVER} still does not show the tag; run it again",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_failure_is_one_line_that_says_what_to_do_and_the_next_run_completes(azure: Azure, name: str) -> None:
    fault, line = FAULTS[name]
    azure.fail(**fault)
    with pytest.raises(AzureError) as failure:
        azure.create()
    assert re.fullmatch(f"image prefecthq/server:core-1.4.1 in {SERVER}: {line}", str(failure.value))
    azure.set_faults()
    assert azure.create()["digest"].startswith("sha256:")


def test_an_import_that_does_not_end_is_given_up(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_client, "IMPORT_SECONDS", 0.2)
    azure.fail(at="operation", status=202, times=9999)
    with pytest.raises(AzureError, match="Azure did not finish the import in 0 minutes; run it again: it goes on"):
        azure.create()


def test_an_answer_that_is_no_registrys_is_told_as_such(azure: Azure) -> None:
    azure.fail(at="tag", status=200, times=99)
    with pytest.raises(AzureError, match=f"{SERVER} tells no digest of the tag"):
        azure.create()


@pytest.mark.usefixtures("nobody")
def test_an_azure_that_cannot_be_reached_is_told_as_such() -> None:
    registry = ContainerRegistry(id=REGISTRY, login_server=SERVER)
    with pytest.raises(AzureError, match="Azure's API cannot be reached; run it again when it is"):
        registry.copy(PROPS["source"], PROPS["repository"], PROPS["tag"], overwrite=False)


@pytest.mark.usefixtures("nobody")
def test_a_registry_that_cannot_be_reached_is_told_as_such() -> None:
    with pytest.raises(AzureError, match=f"{SERVER} cannot be reached; a private registry answers inside"):
        ImageProvider().create(PROPS)


@pytest.mark.usefixtures("nobody")
def test_a_refresh_that_reaches_nobody_fails() -> None:
    with pytest.raises(AzureError, match=f"{SERVER} cannot be reached"):
        ImageProvider().read("id", PROPS | {"digest": PIN})


def test_an_id_that_is_no_registrys_is_refused(azure: Azure) -> None:
    with pytest.raises(AzureError, match="'/subscriptions/0' is not the id of a container registry"):
        azure.create(PROPS | {"registry_id": "/subscriptions/0"})


def test_the_stand_in_says_what_it_is_and_keeps_its_tags_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = []
    for _ in range(2):
        command = [sys.executable, "-m", "emulators.container_registry", "--port", "0"]
        with subprocess.Popen(
            [*command, "--state", str(tmp_path / "tags.json")], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout
            assert select.select([process.stdout], [], [], 60)[0]
            first, second = process.stdout.readline(), process.stdout.readline()
            assert first.startswith("emulator of ")
            monkeypatch.setenv(azure_endpoint.VARIABLE, second.removeprefix("listening on ").split(",")[0])
            digests.append(ImageProvider().create(PROPS).outs)
            process.terminate()
    assert digests[0] == digests[1]


def test_the_stand_in_refuses_a_fault_that_is_none(azure: Azure) -> None:
    for wrong in ([{"at": "nowhere"}], [{"place": "tag"}], "tag"):
        assert httpx.put(f"{azure.url}/emulator/faults", json=wrong).status_code == 400
