"""Garbage: whatever is sent, nothing is answered 500 or more, because the Prefect client repeats such a request."""

import json
import uuid
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

# A fixture of the function would be made anew for each example; this one is made once.
FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def post(api: Any, body: bytes) -> httpx.Response:
    return httpx.post(api.url, content=body, headers={"Content-Type": "application/json"}, timeout=30)


def mutate(api: Any, mutation: str, given_input: Any) -> httpx.Response:
    query = f"mutation($input: {mutation}_input!) {{ {mutation}(input: $input) {{ __typename }} }}"
    return post(api, json.dumps({"query": query, "variables": {"input": given_input}}).encode())


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.uuids().map(str)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4))
MUTATIONS = [
    "create_flow",
    "register_tasks",
    "set_flow_run_states",
    "create_flow_run",
    "write_run_logs",
    "create_tenant",
    "create_project",
    "register_agent",
    "set_flow_group_schedule",
    "update_tenant_settings",
]
KEYS = [
    "flow_id",
    "project_id",
    "serialized_flow",
    "serialized_tasks",
    "states",
    "parameters",
    "labels",
    "logs",
    "name",
]
PARTS = ["name", "tasks", "edges", "parameters", "schedule", "storage", "run_config", "environment", "__version__"]
FILTERS = ["name", "id", "created", "version", "_and", "_or", "_not", "flow"]
IDENTIFIED = [{}, {"flow_id": str(uuid.uuid4())}, {"tenant_id": str(uuid.uuid4()), "slug": "x"}]


@FUZZ
@given(body=st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_body_is_answered_500(shared_prefect_api: Any, body: bytes) -> None:
    assert post(shared_prefect_api, body).status_code < 500


@FUZZ
@given(
    mutation=st.sampled_from(MUTATIONS),
    made=st.dictionaries(st.sampled_from(KEYS), JSON),
    known=st.sampled_from(IDENTIFIED),
)
def test_no_input_of_a_mutation_is_answered_500(
    shared_prefect_api: Any, mutation: str, made: dict[str, Any], known: dict[str, str]
) -> None:
    answer = mutate(shared_prefect_api, mutation, made | known)
    assert answer.status_code < 500
    assert "internal API error" not in answer.text


@FUZZ
@given(serialized=st.dictionaries(st.sampled_from(PARTS), JSON | st.text(min_size=1)))
def test_no_serialized_flow_is_answered_500(project: Any, serialized: dict[str, Any]) -> None:
    flow = {**project.flow(f"fuzz-{uuid.uuid4()}"), **serialized}
    answer = mutate(project.api, "create_flow", {"project_id": project.id, "serialized_flow": flow})
    assert answer.status_code < 500
    expected = ("Invalid ", "Edges could not be registered", "data-exception", "is too old", '"create_flow":{')
    assert answer.status_code == 400 or any(text in answer.text for text in expected), answer.text


@FUZZ
@given(
    where=st.dictionaries(st.sampled_from(["name", "id", "created", "version", "_and", "_or", "_not", "flow"]), JSON)
)
def test_no_filter_is_answered_500(shared_prefect_api: Any, where: dict[str, Any]) -> None:
    query = "query($where: flow_run_bool_exp) { flow_run(where: $where) { id } }"
    answer = post(shared_prefect_api, json.dumps({"query": query, "variables": {"where": where}}).encode())
    assert answer.status_code < 500
    assert "internal API error" not in answer.text
