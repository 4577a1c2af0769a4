import socket
from pathlib import Path

import pytest

from emulators.machine import Machine, MachineError, require_free


def machine(root: Path, **environ: str) -> Machine:
    return Machine.load(root, environ)


@pytest.mark.parametrize("value", ["0", "65536", "-1", "http", "4200 ", "²"])
def test_a_bad_port_gets_one_line_with_the_variable_and_the_value(tmp_path: Path, value: str) -> None:
    with pytest.raises(MachineError, match="PREFECT_API_PORT") as caught:
        machine(tmp_path, PREFECT_API_PORT=value)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("sign", "#?%")
def test_a_checkout_whose_path_the_engine_would_misread_is_refused(tmp_path: Path, sign: str) -> None:
    with pytest.raises(MachineError, match="move the checkout") as caught:
        machine(tmp_path / f"a{sign}20b")
    assert repr(sign) in str(caught.value)
    machine(tmp_path / "a b")


def test_one_port_for_two_servers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="POKEMON_API_PORT"):
        machine(tmp_path, PREFECT_API_PORT="5000", POKEMON_API_PORT="5000")


def test_a_taken_port_gets_one_line_with_the_port_and_the_variable_to_set() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(MachineError) as caught:
            require_free(port, "PREFECT_API_PORT", "prefect-api")
    message = str(caught.value)
    assert f"port {port}" in message
    assert "PREFECT_API_PORT" in message
    assert "\n" not in message
    require_free(port, "PREFECT_API_PORT", "prefect-api")


def test_processes_see_no_other_prefect_and_no_proxy_on_the_way_to_this_machine(tmp_path: Path) -> None:
    environ = {"PREFECT__CLOUD__API_KEY": "secret", "NO_PROXY": "example.org", "HOME": "here"}
    environment = machine(tmp_path).environment(environ)
    assert "secret" not in environment.values()
    assert environment["HOME"] == "here"
    assert environment["no_proxy"].split(",") == ["example.org", "127.0.0.1"]
    assert environment["PREFECT__SERVER__ENDPOINT"] == machine(tmp_path).prefect_url


def test_the_agent_has_the_labels_and_another_port_makes_another_command(tmp_path: Path) -> None:
    one, other = machine(tmp_path), machine(tmp_path, PREFECT_API_PORT="5001")
    command = one.agent(("gpu", "local")).command
    assert [command[place + 1] for place, word in enumerate(command) if word == "--label"] == ["gpu", "local"]
    assert command != other.agent(("gpu", "local")).command
