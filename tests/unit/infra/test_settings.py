"""A stack file's values become settings, or every problem is told at once."""

from typing import Any

import pulumi
import pytest

from infra import settings

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


def test_labels_are_separated_by_commas() -> None:
    assert settings.check(VALID, "prefect-aks").flow_labels == ("local", "gpu")


def test_no_label_is_an_empty_list() -> None:
    assert settings.check(VALID | {"flowLabels": ""}, "prefect-aks").flow_labels == ()


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in WRONG.items() for value in values])
def test_a_wrong_value_is_refused_in_one_line_that_names_its_key(key: str, value: Any) -> None:
    with pytest.raises(pulumi.RunError) as refusal:
        settings.check(VALID | {key: value}, "prefect-aks")
    (problem,) = str(refusal.value).splitlines()
    assert f" prefect-aks:{key}: " in problem


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(pulumi.RunError) as refusal:
        settings.check({key: values[0] for key, values in WRONG.items()}, "prefect-aks")
    told = [line.split(":")[2] for line in str(refusal.value).splitlines()]
    assert told == list(WRONG)


def test_a_misspelt_key_is_refused_by_name() -> None:
    with pytest.raises(pulumi.RunError, match="prefect-aks:flowLabel is not a key"):
        settings.check(VALID | {"flowLabel": "gpu"}, "prefect-aks")
