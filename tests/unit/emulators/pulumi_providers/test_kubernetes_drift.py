from fractions import Fraction
from typing import Any

import pytest

from emulators.pulumi_providers.kubernetes.drift import (
    concealed,
    decoded,
    encoded,
    parse_quantity,
    stripped,
    taken_over,
)
from emulators.pulumi_providers.value import Secret


@pytest.mark.parametrize(
    ("inputs", "live", "now"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, {"a": 1}),
        ({"a": 1}, {"a": 2}, {"a": 2}),
        ({"a": 1, "b": 2}, {"a": 1}, {"a": 1}),
        ({"a": [], "b": {}, "c": False, "d": ""}, {}, {"a": [], "b": {}, "c": False, "d": ""}),
        ({"a": [1, 2]}, {"a": [1, 3, 4]}, {"a": [1, 3]}),
        ({"a": {"b": 1}}, {"a": "text"}, {"a": "text"}),
        ({"a": Secret("x")}, {"a": "y"}, {"a": Secret("y")}),
        (
            {"containers": [{"name": "a", "image": "1"}]},
            {"containers": [{"name": "injected"}, {"name": "a", "image": "2", "ports": []}]},
            {"containers": [{"name": "a", "image": "2"}]},
        ),
        ({"env": [{"name": "a"}, {"name": "b"}]}, {"env": [{"name": "b"}]}, {"env": [{"name": "b"}]}),
        ({"limits": {"cpu": "1000m"}}, {"limits": {"cpu": "1"}}, {"limits": {"cpu": "1000m"}}),
        ({"limits": {"cpu": 1}}, {"limits": {"cpu": "1"}}, {"limits": {"cpu": 1}}),
        ({"limits": {"cpu": "1000m"}}, {"limits": {"cpu": "2"}}, {"limits": {"cpu": "2"}}),
        ({"labels": {"version": "1.0"}}, {"labels": {"version": "1"}}, {"labels": {"version": "1"}}),
    ],
)
def test_only_what_the_program_set_is_compared(inputs: Any, live: Any, now: Any) -> None:
    assert taken_over(inputs, live) == now


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("500m", Fraction(1, 2)),
        ("0.5", Fraction(1, 2)),
        (2, Fraction(2)),
        ("1Ki", Fraction(1024)),
        ("1k", Fraction(1000)),
        ("1.5Gi", Fraction(3 * 1024**3, 2)),
        ("1e3", Fraction(1000)),
        ("1E", Fraction(10**18)),
        ("much", None),
        ("1.2.3", None),
        ("1i", None),
    ],
)
def test_a_quantity_is_read_as_the_api_server_reads_it(text: Any, amount: Fraction | None) -> None:
    assert parse_quantity(text) == amount


def test_what_is_secret_in_the_inputs_is_secret_in_the_answer() -> None:
    inputs = {"data": {"a": Secret("x"), "b": "y"}, "list": [{"key": Secret("x")}], "whole": Secret({"c": "z"})}
    live = {"data": {"a": "x", "b": "y"}, "list": [{"key": "x"}, {"key": "z"}], "whole": {"c": "z"}, "kind": "K"}
    assert concealed(live, inputs) == {
        "data": {"a": Secret("x"), "b": "y"},
        "list": Secret(live["list"]),
        "whole": Secret({"c": "z"}),
        "kind": "K",
    }


def test_texts_of_a_secret_are_compared_with_the_data_that_the_api_server_makes_of_them() -> None:
    inputs = {"stringData": Secret({"a": "x", "b": "y"}), "data": {"c": "eg=="}}
    sent = encoded({"stringData": {"a": "x", "b": "y"}, "data": {"c": "eg=="}})
    assert sent == {"data": {"a": "eA==", "b": "eQ==", "c": "eg=="}}
    assert taken_over(inputs, decoded(sent, inputs)) == inputs
    changed = {"data": {**sent["data"], "a": "eQ=="}}
    assert taken_over(inputs, decoded(changed, inputs))["stringData"] == Secret({"a": "y", "b": "y"})


def test_the_api_servers_bookkeeping_is_left_out() -> None:
    applied = {"kubectl.kubernetes.io/last-applied-configuration": "hunter2"}
    live = {"metadata": {"name": "a", "managedFields": [{}], "annotations": applied}, "spec": {"a": None, "b": [None]}}
    assert stripped(live) == {"metadata": {"name": "a", "annotations": {}}, "spec": {"b": [None]}}
