"""A pod's volumes as folders."""

from pathlib import Path
from typing import Any

import pytest

from emulators.kubelet.environment import ConfigError, Data
from emulators.kubelet.volume import Sources, mounts

OBJECTS: dict[tuple[str, str], Data] = {
    ("ConfigMap", "settings"): {"a": b"A", "b": b"B"},
    ("Secret", "keys"): {"k": b"K"},
}


def made(folder: Path, volume: dict[str, Any]) -> Path:
    pod = {"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "spec": {"volumes": [{"name": "v", **volume}]}}
    sources = Sources(
        pod, lambda kind, name: OBJECTS.get((kind, name)), lambda audience, seconds: f"{audience} {seconds}"
    )
    return sources.materialise(folder)["v"]


def content(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_projected_volume_holds_a_token_data_and_fields(tmp_path: Path) -> None:
    sources = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 600, "audience": "vault"}},
        {"configMap": {"name": "settings", "items": [{"key": "a", "path": "deep/a.txt"}]}},
        {"secret": {"name": "keys"}},
        {"downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}},
    ]
    folder = made(tmp_path, {"projected": {"sources": sources}})
    assert content(folder) == {"token": "vault 600", "deep/a.txt": "A", "k": "K", "name": "p"}
    assert folder.stat().st_mode & 0o777 == 0o700


def test_the_mode_of_a_file_is_its_own_or_the_volumes(tmp_path: Path) -> None:
    items = [{"key": "a", "path": "a", "mode": 0o400}, {"key": "b", "path": "b"}]
    folder = made(tmp_path, {"configMap": {"name": "settings", "items": items, "defaultMode": 0o440}})
    assert [(folder / name).stat().st_mode & 0o777 for name in ("a", "b")] == [0o400, 0o440]


def test_it_can_be_written_again_after_an_attempt_that_failed(tmp_path: Path) -> None:
    for _ in range(2):
        folder = made(tmp_path, {"secret": {"secretName": "keys", "defaultMode": 0o400}})
    assert content(folder) == {"k": "K"}


def test_what_is_optional_and_missing_is_an_empty_folder(tmp_path: Path) -> None:
    assert content(made(tmp_path, {"secret": {"secretName": "none", "optional": True}})) == {}


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        ({"secret": {"secretName": "none"}}, 'secret "none" not found'),
        ({"configMap": {"name": "settings", "items": [{"key": "c", "path": "c"}]}}, "non-existent configmap key: c"),
        ({"hostPath": {"path": "/"}}, "volumes of the kind hostPath are not emulated"),
    ],
)
def test_what_cannot_be_mounted_is_said(tmp_path: Path, volume: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        made(tmp_path, volume)


def test_a_mount_may_be_one_file_of_a_volume() -> None:
    container = {
        "volumeMounts": [
            {"name": "v", "mountPath": "/etc/v/"},
            {"name": "v", "mountPath": "/etc/file", "subPath": "a"},
        ]
    }
    assert mounts(container, {"v": Path("/here")}) == {"/etc/v": "/here", "/etc/file": "/here/a"}
