"""Which context of a kubeconfig is the one for an API server, in one file and in several."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from registration import kubeconfig


def document(contexts: dict[str, tuple[str, str]], current: str | None = None) -> dict[str, Any]:
    """A kubeconfig with contexts of their own cluster and user, given as server and token."""
    return {
        **({"current-context": current} if current else {}),
        "clusters": [{"name": name, "cluster": {"server": server}} for name, (server, _) in contexts.items()],
        "users": [{"name": name, "user": {"token": token}} for name, (_, token) in contexts.items()],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}} for name in contexts],
    }


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    made = [tmp_path / "one", tmp_path / "two"]
    monkeypatch.setenv("KUBECONFIG", ":".join(map(str, made)))
    return made


def token(server: str) -> str | None:
    user = kubeconfig.find(server)
    return user.authorization() if user else None


@pytest.mark.parametrize("server", ["https://host", "https://host:443", "https://HOST/", "https://host:443/"])
def test_a_server_is_found_however_it_is_spelt(server: str, files: list[Path]) -> None:
    contexts = {"broken": ("https://host:port", "c"), "here": (server, "a"), "other": ("https://host:6443", "b")}
    files[0].write_text(yaml.safe_dump(document(contexts)))
    assert token("https://host") == token("https://host:443") == "Bearer a"
    assert token("https://host:6443") == "Bearer b"
    assert token("http://host") is token("https://elsewhere") is None


def test_the_current_context_goes_before_another_of_the_same_server(files: list[Path]) -> None:
    contexts = {"user": ("https://host", "a"), "admin": ("https://host", "b")}
    for current, wanted in ((None, "Bearer a"), ("admin", "Bearer b"), ("elsewhere", "Bearer a")):
        files[0].write_text(yaml.safe_dump(document(contexts, current)))
        assert token("https://host") == wanted


def test_several_files_count_as_one_and_none_as_nothing(files: list[Path]) -> None:
    assert token("https://host") is None
    files[1].write_text(yaml.safe_dump(document({"here": ("https://host", "a")})))
    assert token("https://host") == "Bearer a"
