"""The command line of the emulated kubelet."""

from pathlib import Path

import pytest

from emulators.control_plane.client import Client, write_kubeconfig
from emulators.kubelet.__main__ import main


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--host", "apollo:4200=10.0.0.1:80"], "is no NAME:PORT=127.0.0.1:PORT"),
        (["--host", "apollo=127.0.0.1:80"], "is no NAME:PORT=127.0.0.1:PORT"),
        (["--label", "pool"], "is no KEY=VALUE"),
    ],
)
def test_an_option_that_cannot_be_used_is_refused(
    option: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--kubeconfig", "none", "--node", "n", *option])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_a_kubeconfig_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--kubeconfig", str(tmp_path / "none"), "--node", "n"]) == 1
    assert capsys.readouterr().err.startswith("error: ")


def test_a_kubeconfig_without_a_token_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text("clusters: []\nusers: []\n")
    with pytest.raises(ValueError, match="has no server, certificate-authority-data and token in it"):
        Client.load(file)


def test_a_kubeconfig_is_for_its_owner_alone(tmp_path: Path) -> None:
    file = write_kubeconfig(tmp_path / "config", "https://127.0.0.1:1", "authority", "token")
    assert file.stat().st_mode & 0o777 == 0o600
