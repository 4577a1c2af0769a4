"""Virtual machine sizes say by their name what the rules ask of them."""

import pytest

from infra import machine_size


@pytest.mark.parametrize(
    ("name", "cpus", "disk"),
    [
        ("Standard_D4ds_v5", 4, True),
        ("Standard_D2ds_v5", 2, False),
        ("Standard_D4s_v5", 4, False),
        ("Standard_D4as_v4", 4, True),
        ("Standard_D4s_v3", 4, True),
        ("Standard_DS2_v2", 2, True),
        ("Standard_E8-4ds_v5", 8, True),
        ("Standard_F8s_v2", 8, True),
        ("Standard_F8as_v6", 8, False),
        ("Standard_B4s_v2", 4, False),
        ("Standard_NC24ads_A100_v4", 24, True),
    ],
)
def test_a_size_tells_its_processors_and_its_disk(name: str, cpus: int, disk: bool) -> None:
    size = machine_size.parse(name)
    assert size
    assert (size.cpus, size.local_disk) == (cpus, disk)


def test_families_are_told_apart() -> None:
    found = {name: machine_size.parse(f"Standard_{name}") for name in ("B2ms", "D4pds_v5", "D4ds_v5")}
    assert [name for name, size in found.items() if size and size.burstable] == ["B2ms"]
    assert [name for name, size in found.items() if size and size.arm] == ["D4pds_v5"]


@pytest.mark.parametrize("name", ["", "D4ds_v5", "Standard_", "Standard_4D", "standard_d4ds_v5", "Standard_D4ds v5"])
def test_what_is_no_size_is_not_taken_apart(name: str) -> None:
    assert machine_size.parse(name) is None
