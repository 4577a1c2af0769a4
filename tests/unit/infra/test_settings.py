"""A stack file's values become settings, or every problem is told at once."""

from collections.abc import Callable
from typing import Any

import pulumi
import pytest

Check = Callable[..., Any]

VALID = {
    "platform": "local",
    "prefectTenant": "default",
    "prefectProject": "prefect-aks",
    "flowsDirectory": "flows",
    "flowLabels": "local, gpu",
    "flowSchedules": "active",
    "flowRemoval": "archive",
}

WRONG: dict[str, list[Any]] = {
    "platform": ["aws", ""],
    "prefectTenant": ["", "Upper", "two words", "-dash"],
    "prefectProject": ["", " padded "],
    "flowsDirectory": ["", ".", "/flows", "../flows", "team/flows", "two words"],
    "flowLabels": ["two words"],
    "flowSchedules": ["on"],
    "flowRemoval": ["delete"],
}


def test_labels_are_separated_by_commas(check: Check) -> None:
    assert check(VALID).flow_labels == ("local", "gpu")


def test_no_label_is_an_empty_list(check: Check) -> None:
    assert check(VALID | {"flowLabels": ""}).flow_labels == ()


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in WRONG.items() for value in values])
def test_a_wrong_value_is_refused_in_one_line_that_names_its_key(check: Check, key: str, value: Any) -> None:
    with pytest.raises(pulumi.RunError) as refusal:
        check(VALID | {key: value})
    (problem,) = str(refusal.value).splitlines()
    assert f" prefect-aks:{key}: " in problem


def test_all_problems_are_told_at_once(check: Check) -> None:
    with pytest.raises(pulumi.RunError) as refusal:
        check({key: values[0] for key, values in WRONG.items()})
    told = [line.split(":")[2] for line in str(refusal.value).splitlines()]
    assert told == list(WRONG)


def test_a_misspelt_key_is_refused_by_name(check: Check) -> None:
    with pytest.raises(pulumi.RunError, match="prefect-aks:flowLabel is not a key"):
        check(VALID | {"flowLabel": "gpu"})
