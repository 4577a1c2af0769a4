"""What the engine is asked, with a stand-in for it; tests/engine asks the real one."""

import json
from pathlib import Path
from typing import Any

import pytest

from delivery.deployed import stack
from delivery.deployed.stack import Deployment, Image, Update
from delivery.error import DeliveryError

DIGEST = f"sha256:{'ab' * 32}"
REVISION = "0123456789abcdef0123456789abcdef01234567"
PULUMI = """#!/bin/sh
echo "$@ of ${{PULUMI_BACKEND_URL-nowhere}}" >> {folder}/asked
[ -f {folder}/fails ] && cat {folder}/fails >&2 && exit 255
cat {folder}/$2.json
"""
OUTPUTS = {
    "flowImage": f"cr.azurecr.io/flows@{DIGEST}",
    "flows": {"one": {"id": "1", "fingerprint": "aa"}, "elsewhere": {"id": "2", "fingerprint": ""}},
    "alertWebhook": "[secret]",
}


def history(*updates: dict[str, Any]) -> list[dict[str, Any]]:
    environment = {"git.head": REVISION, "git.dirty": "false"}
    config = {"p:flowImage": {"value": "", "secret": False}, "p:alertWebhook": {"secret": True}}
    return [
        {"kind": "update", "result": "succeeded", "environment": environment, "config": config, **each}
        for each in updates
    ]


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose files are what the engine answers."""
    (tmp_path / "pulumi").write_text(PULUMI.format(folder=tmp_path))
    (tmp_path / "pulumi").chmod(0o755)
    (tmp_path / "output.json").write_text(json.dumps(OUTPUTS))
    (tmp_path / "history.json").write_text(json.dumps(history({"kind": "refresh", "result": "failed"}, {})))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def test_a_stack_tells_its_image_its_flows_and_the_revision_of_its_last_update(engine: Path) -> None:
    found = stack.read(engine, "dev")
    assert found.image == Image(registry="cr.azurecr.io", repository="flows", digest=DIGEST)
    assert found.image.short == "flows@sha256:abababababab"
    assert found.flows == {"one": "aa", "elsewhere": ""}
    assert found.update == Update(succeeded=True, revision=REVISION, dirty=False, config={"flowImage": ""})
    assert found.image_revision == REVISION
    assert all(
        "--non-interactive" in line and "--stack dev" in line for line in (engine / "asked").read_text().splitlines()
    )


@pytest.mark.parametrize(
    ("config", "revision"),
    [({}, REVISION), ({"flowImage": "x"}, ""), ({"flowImage": "x", "flowImageRevision": "f"}, "f")],
)
def test_the_revision_of_a_pinned_image_is_what_its_stack_says(config: dict[str, str], revision: str) -> None:
    assert (
        Deployment(stack="dev", outputs={}, update=Update(revision=REVISION, config=config)).image_revision == revision
    )


@pytest.mark.parametrize(
    ("around", "given", "place"),
    [
        (None, None, "nowhere"),
        ("azblob://a", None, "azblob://a"),
        ("azblob://a", "", "azblob://a"),
        ("azblob://a", "azblob://b", "azblob://b"),
    ],
)
def test_a_stack_is_asked_for_where_its_state_is(
    around: str | None, given: str | None, place: str, engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    if around:
        monkeypatch.setenv("PULUMI_BACKEND_URL", around)
    stack.read(engine, "dev", given)
    asked = (engine / "asked").read_text().splitlines()
    assert [line.rpartition(" of ")[2] for line in asked] == [place, place]


def test_an_update_that_failed_or_had_changes_in_its_folder_is_told_so(engine: Path) -> None:
    failed = history({"result": "failed", "environment": {"git.head": REVISION, "git.dirty": "true"}}, {})
    (engine / "history.json").write_text(json.dumps(failed))
    update = stack.read(engine, "dev").update
    assert (update.succeeded, update.dirty) == (False, True)


def test_a_stack_that_was_never_updated_has_nothing(engine: Path) -> None:
    (engine / "output.json").write_text("{}")
    (engine / "history.json").write_text("[]")
    found = stack.read(engine, "dev")
    assert (found.image, found.flows, found.update) == (None, {}, Update(config={}))
    with pytest.raises(DeliveryError, match="stack dev puts out no registryId; deploy it with this program first"):
        found.output("registryId")


def test_what_the_engine_does_not_tell_is_one_line(engine: Path) -> None:
    (engine / "fails").write_text("warning: old\nerror: no stack named 'dev' found\n")
    with pytest.raises(DeliveryError, match="there is no stack dev where you are logged in") as caught:
        stack.read(engine, "dev")
    assert "\n" not in str(caught.value)


def test_an_engine_that_is_missing_or_another_program_is_told(engine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (engine / "output.json").write_text("hello")
    with pytest.raises(DeliveryError, match="pulumi does not tell of stack dev in JSON"):
        stack.read(engine, "dev")
    monkeypatch.setenv("PATH", str(engine / "nowhere"))
    with pytest.raises(DeliveryError, match=r"pulumi cannot be run .*; run this with `make`"):
        stack.read(engine, "dev")


def test_a_stacks_name_is_never_read_as_anything_else(engine: Path) -> None:
    for name in ("--show-secrets", "", "a b"):
        with pytest.raises(DeliveryError, match="is no stack's name"):
            stack.read(engine, name)
    assert not (engine / "asked").exists()
