"""The faults that the stand-in is asked for."""

from typing import Any

import pytest

from emulators.container_registry.fault import Faults


@pytest.fixture
def faults() -> Faults:
    return Faults()


def test_a_fault_comes_as_often_as_it_was_asked_for_after_as_many_answers(faults: Faults) -> None:
    faults.replace([{"at": "log", "times": 2, "after": 1}])
    assert [faults.take("log") is not None for _ in range(4)] == [False, True, True, False]


def test_a_fault_of_one_place_leaves_the_others_alone(faults: Faults) -> None:
    faults.replace([{"at": "log"}])
    assert faults.take("run") is None


@pytest.mark.parametrize(
    "wrong", [{"at": "nowhere"}, {"at": "run", "ends": "Well"}, {"at": "log", "ends": "Failed"}, {"place": "log"}]
)
def test_what_is_no_fault_is_refused(faults: Faults, wrong: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        faults.replace([wrong])
