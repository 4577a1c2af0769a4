"""What the flow image asks of Azure, by Azure's own libraries, and when it asks for nothing."""

import re
from typing import Any

import pytest

from components import image_content
from components.registry_client import ContainerRegistry
from emulators.container_registry.blob import SIGNATURE
from registration.error import RegistrationError

SECRET = "hunter2-no-secret-of-anybody"  # noqa: S105 - planted, to be looked for


def test_an_image_is_built_in_the_registry_and_known_by_the_digest_that_it_tells(azure: Any) -> None:
    outs = azure.create()
    (build,) = azure.builds()
    assert build["context"] == azure.content
    assert build["request"] == {
        "type": "DockerBuildRequest",
        "dockerFilePath": "Dockerfile",
        "sourceLocation": "00000001.tar.gz",
        "imageNames": [f"flows:{outs['tag']}"],
        "isPushEnabled": True,
        "arguments": [{"name": "BASE", "value": azure.base}, {"name": "CONTENT_HASH", "value": outs["content_hash"]}],
        "platform": {"os": "Linux", "architecture": "amd64"},
        "credentials": {"sourceRegistry": {"loginMode": "Default"}},
        "timeout": 1800,
    }
    assert outs["tag"] == image_content.tag(outs["content_hash"], azure.base)
    assert re.fullmatch("sha256:[0-9a-f]{64}", outs["digest"])
    assert outs == azure.props() | {"tag": outs["tag"], "digest": outs["digest"]}


def test_what_is_built_is_not_built_again_whoever_built_it_and_needs_no_files(azure: Any) -> None:
    props, outs = azure.props(), azure.create()
    (azure.root / "Dockerfile").unlink()
    assert azure.provider.create(props).outs == outs
    assert len(azure.builds()) == 1


def test_another_content_is_built_beside_the_old_one_and_the_way_back_builds_nothing(azure: Any) -> None:
    old = azure.create()
    azure.write("tasks/more.py", "x = 1\n")
    new = azure.update(old)
    assert (new["tag"] != old["tag"], new["digest"] != old["digest"]) == (True, True)
    (azure.root / "tasks/more.py").unlink()
    assert azure.update(new) == old
    assert len(azure.builds()) == 2


def test_another_base_is_another_image(azure: Any) -> None:
    old = azure.create()
    new = azure.update(old, base="newer")
    assert (new["tag"][:16], new["digest"] != old["digest"]) == (old["tag"][:16], True)
    assert azure.builds()[-1]["request"]["arguments"][0] == {"name": "BASE", "value": "newer"}


def test_a_closed_registrys_own_machine_builds_where_there_is_one(azure: Any) -> None:
    azure.create(agent_pool="builds")
    assert azure.builds()[0]["request"]["agentPoolName"] == "builds"


def test_files_that_changed_while_pulumi_ran_are_not_built(azure: Any) -> None:
    old = azure.props()
    azure.write("tasks/more.py", "x = 1\n")
    with pytest.raises(RegistrationError, match=r"^flow image in .*: what it is made of has changed .*; run it again$"):
        azure.provider.create(old)
    assert azure.builds() == []
    assert azure.create()["digest"].startswith("sha256:")


def test_a_refresh_finds_nothing_new_where_nothing_was_touched(azure: Any) -> None:
    outs = azure.create(agent_pool="builds")
    found = azure.read(outs)
    assert (found.id, found.outs, found.inputs) == ("id", outs, azure.props(agent_pool="builds"))


def test_a_tag_that_was_moved_is_seen_and_the_next_update_builds_over_it(azure: Any) -> None:
    outs = azure.create()
    azure.move_tag(outs["tag"])
    found = azure.read(azure.read(outs).outs)
    assert (found.outs["content_hash"], found.outs["digest"] != outs["digest"]) == ("", True)
    assert azure.provider.diff("id", found.outs, azure.props()).changes is True
    assert azure.update(found.outs) == outs
    assert len(azure.builds()) == 2


def test_the_image_that_was_at_the_tag_is_not_taken_for_the_one_that_was_built(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([None, "theirs", "ours"])
    monkeypatch.setattr(ContainerRegistry, "digest", lambda *_: next(answers))
    registry = ContainerRegistry(id="", login_server="")
    assert registry.await_digest("flows", "tag", other_than="theirs") == "ours"


def test_a_tag_that_is_gone_is_gone(azure: Any) -> None:
    outs = azure.create()
    azure.delete_tag(outs["tag"])
    assert (azure.read(outs).id, azure.read(outs).outs) == ("", {})


def test_a_registry_that_is_gone_takes_its_image_with_it_and_one_that_is_silent_does_not(azure: Any) -> None:
    outs = azure.create()
    silent = {"at": "tag", "cut": True, "times": 99}
    azure.fail(silent, {"at": "registry", "status": 404, "code": "ResourceNotFound"})
    assert azure.read(outs).id == ""
    azure.fail(silent)
    with pytest.raises(RegistrationError, match="gives no answer that can be read"):
        azure.read(outs)


def test_deleting_asks_nothing_of_azure(azure: Any) -> None:
    outs = azure.create()
    azure.fail(*({"at": place, "times": 99} for place in ("tag", "token", "registry")))
    azure.provider.delete("id", outs)


def test_no_secret_that_lies_about_reaches_the_build_or_what_is_told_of_it(
    azure: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable in ("ARM_CLIENT_SECRET", "PREFECT_API_TOKEN", "BASE", "CONTENT_HASH"):
        monkeypatch.setenv(variable, SECRET)
    for path in (".env", "tasks/.env", ".git/config", "flows/etl.py", ".local/token", "Pulumi.dev.yaml", "tasks/a.py~"):
        azure.write(path, SECRET)
    azure.create()
    assert SECRET not in str(azure.builds())
    printed = capsys.readouterr()
    assert not [word for word in (SECRET, SIGNATURE) if word in printed.out + printed.err]
