"""What changes a fingerprint, and what must not."""

import copy
import itertools
from typing import Any

import pytest

from registration.fingerprint import (
    FLOW_PARTS,
    PARTS,
    digest,
    fingerprint_of,
    key_of,
    parts_of,
    registration_key,
    run_config_part,
    script_storage_part,
    storage_part,
)
from registration.location import script_path

LOCAL = script_storage_part("Local")


def task(slug: str, **fields: Any) -> dict[str, Any]:
    return {
        "name": slug.rpartition("-")[0],
        "slug": slug,
        "type": "T",
        "inputs": {"x": {"type": "<function f at 0x7f00>"}},
        "outputs": "typing.Any",
        "__version__": "1.4.1",
        **fields,
    }


def edge(up: str, down: str, key: str | None = None) -> dict[str, Any]:
    return {
        "upstream_task": {"slug": up},
        "downstream_task": {"slug": down},
        "key": key,
        "mapped": False,
        "flattened": False,
    }


def flow(**fields: Any) -> dict[str, Any]:
    return {
        "name": "f",
        "type": "prefect.core.flow.Flow",
        "schedule": None,
        "parameters": [],
        "tasks": [task("a-1"), task("b-1"), task("b-2")],
        "edges": [edge("a-1", "b-1", "x"), edge("b-1", "b-2", "x")],
        "reference_tasks": [],
        "run_config": {"type": "LocalRun", "labels": ["z", "a"], "env": None, "__version__": "1.4.1"},
        "storage": None,
        "__version__": "1.4.1",
        **fields,
    }


def parts(value: dict[str, Any], source: str = "source") -> dict[str, str]:
    return parts_of(value, source, LOCAL)


def changed(value: dict[str, Any]) -> set[str]:
    before, after = parts(flow()), parts(value)
    return {part for part in PARTS if before[part] != after[part]}


def test_the_order_of_tasks_edges_keys_and_labels_changes_nothing() -> None:
    other = flow(run_config={"labels": ["a", "z"], "type": "LocalRun"})
    other["tasks"].reverse()
    other["edges"].reverse()
    assert changed(dict(reversed(other.items()))) == set()


def test_how_prefect_numbers_tasks_of_one_name_changes_nothing() -> None:
    swapped = flow(edges=[edge("a-1", "b-2", "x"), edge("b-2", "b-1", "x")])
    assert changed(swapped) == set()


def test_versions_of_libraries_and_signatures_of_tasks_change_nothing() -> None:
    other = flow(
        __version__="1.4.0", tasks=[task(f"{slug}", inputs={}, __version__="9") for slug in ("a-1", "b-1", "b-2")]
    )
    assert changed(other) == set()


def test_a_memory_address_changes_nothing() -> None:
    one = [task("a-1", trigger={"fn": "<f at 0x7f01>"}), task("b-1"), task("b-2")]
    two = copy.deepcopy(one)
    two[0]["trigger"]["fn"] = "<f at 0x9e77>"
    assert parts(flow(tasks=one)) == parts(flow(tasks=two))


@pytest.mark.parametrize(
    "fields",
    [
        {"tasks": [task("a-1", max_retries=3), task("b-1"), task("b-2")]},
        {"edges": [edge("a-1", "b-1", "x"), edge("a-1", "b-2", "x")]},
        {"edges": [edge("a-1", "b-1", "y"), edge("b-1", "b-2", "x")]},
        {"edges": [edge("a-1", "b-1", "x")]},
        {"tasks": [task("a-1"), task("b-1"), task("c-1")], "edges": []},
        {"reference_tasks": [{"slug": "a-1"}]},
        {"name": "g"},
    ],
)
def test_another_graph_is_another_structure(fields: dict[str, Any]) -> None:
    assert changed(flow(**fields)) == {"structure"}


def test_two_tasks_fed_by_one_differ_from_two_fed_by_two() -> None:
    tasks = [task("a-1"), task("a-2"), task("b-1"), task("b-2")]
    shared = flow(tasks=tasks, edges=[edge("a-1", "b-1"), edge("a-1", "b-2")])
    apart = flow(tasks=tasks, edges=[edge("a-1", "b-1"), edge("a-2", "b-2")])
    assert parts(shared)["structure"] != parts(apart)["structure"]


def test_members_of_a_set_have_no_order() -> None:
    kind = "prefect.tasks.core.collections.Set"
    tasks = [task("a-1"), task("b-1"), task("s-1", type=kind)]
    one = flow(tasks=tasks, edges=[edge("a-1", "s-1", "arg_1"), edge("b-1", "s-1", "arg_2")])
    two = flow(tasks=tasks, edges=[edge("a-1", "s-1", "arg_2"), edge("b-1", "s-1", "arg_1")])
    assert parts(one) == parts(two)


def test_each_part_changes_alone() -> None:
    assert changed(flow(schedule={"clocks": [{"cron": "0 0 * * *"}]})) == {"schedule"}
    assert changed(flow(parameters=[{"name": "x", "default": 1}])) == {"parameters"}
    assert changed(flow(run_config={"type": "LocalRun", "labels": ["a"]})) == {"run_config"}
    assert parts(flow(), "other")["source"] != parts(flow())["source"]


def test_the_environment_is_in_the_key_and_not_in_the_fingerprint() -> None:
    before, after = parts(flow()), parts(flow(run_config=None))
    assert fingerprint_of(before) == fingerprint_of(after)
    assert key_of(before) != key_of(after)
    assert key_of(before) == registration_key(fingerprint_of(before), before["storage"], before["run_config"])


def test_every_part_of_the_flow_changes_the_fingerprint() -> None:
    before = parts(flow())
    assert len({fingerprint_of({**before, part: "other"}) for part in FLOW_PARTS}) == len(FLOW_PARTS)


@pytest.mark.parametrize("store", [".local/scripts", "/elsewhere"])
def test_a_script_of_ours_has_the_same_storage_part_wherever_it_lies(store: str) -> None:
    path = f"{store}/{script_path('f', 'b' * 64)}"
    row = {"type": "Local", "path": path, "directory": store, "stored_as_script": True, "flows": {"f": path}}
    assert storage_part(row, "f") == LOCAL
    assert storage_part({**row, "__version__": "1.4.1"}, "other") != LOCAL


def test_a_storage_that_is_the_flows_own_counts_without_its_place() -> None:
    own = {"type": "GitHub", "repo": "o/r", "path": "f.py", "ref": None}
    assert storage_part({**own, "flows": {"f": "f.py"}}, "f") == storage_part(own, "f")
    assert storage_part({**own, "ref": "v2"}, "f") != storage_part(own, "f")


def test_a_field_that_is_not_set_counts_as_absent() -> None:
    assert run_config_part({"type": "LocalRun", "env": None}) == run_config_part({"type": "LocalRun"})


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, object()])
def test_what_json_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        digest(value)


def test_a_circle_of_tasks_is_refused() -> None:
    with pytest.raises(ValueError, match="circle"):
        parts(flow(edges=[edge("a-1", "b-1"), edge("b-1", "a-1")]))


def test_a_long_chain_is_quick_enough_for_every_plan() -> None:
    slugs = [f"t-{number}" for number in range(5000)]
    chain = [edge(up, down) for up, down in itertools.pairwise(slugs)]
    assert parts(flow(tasks=[task(slug) for slug in slugs], edges=chain))["structure"]
