"""GraphQL over HTTP: shapes of requests and errors, limits, and what garbage is answered."""

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import get_introspection_query

DOCUMENTS = (Path(__file__).parent / "client_operations.graphql").read_text()
OPERATIONS = [text for text in DOCUMENTS.split("\n\n") if not text.startswith("#")]


def post(api: Any, body: Any, path: str = "/") -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.post(api.url + path, content=content, headers={"Content-Type": "application/json"}, timeout=30)


@pytest.mark.parametrize("document", OPERATIONS, ids=range(len(OPERATIONS)))
def test_the_documents_of_the_client_are_valid(shared_prefect_api: Any, document: str) -> None:
    # Variables are left out, so what is valid and needs some is refused for that reason alone.
    answer = post(shared_prefect_api, {"query": document}).json()
    codes = {error["extensions"]["code"] for error in answer.get("errors", ())}
    assert not codes & {"GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED"}, answer


@pytest.mark.parametrize("path", ["/", "/graphql", "/graphql/alpha"])
@pytest.mark.parametrize("variables", [None, "null", "", {}, "{}", '{"slug": null}'])
def test_any_path_and_any_form_of_variables_will_do(shared_prefect_api: Any, path: str, variables: Any) -> None:
    query = "query($slug: String) { tenant(where: { slug: { _eq: $slug } }, limit: 1) { slug } }"
    answer = post(shared_prefect_api, {"query": query, "variables": variables}, path)
    assert (answer.status_code, answer.json()) == (200, {"data": {"tenant": [{"slug": "default"}]}})


def test_a_list_of_requests_is_answered_by_a_list(shared_prefect_api: Any) -> None:
    answer = post(shared_prefect_api, [{"query": "{ hello }"}, {"query": "{ nope }"}]).json()
    assert answer[0] == {"data": {"hello": "👋"}}
    assert answer[1]["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


def test_a_query_may_come_by_get_and_a_browser_may_ask_first(shared_prefect_api: Any) -> None:
    url = shared_prefect_api.url
    answer = httpx.get(url, params={"query": "{ hello }"})
    assert answer.json() == {"data": {"hello": "👋"}}
    options = httpx.options(url)
    assert (options.status_code, options.headers["Access-Control-Allow-Origin"]) == (204, "*")
    assert httpx.get(url).status_code == 400


def test_the_health_pages_say_what_answers(shared_prefect_api: Any) -> None:
    health = httpx.get(f"{shared_prefect_api.url}/health").json()
    assert health["emulator"] is True
    assert "for one machine" in health["about"]
    assert httpx.get(f"{shared_prefect_api.url}/.well-known/apollo/server-health").json() == {"status": "pass"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"query": "query{"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ flow { nope } }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": 'mutation { set_secret(input: { name: "a" }) { success } }'}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "query($a: Int!) { flow(limit: $a) { id } }"}, "INTERNAL_SERVER_ERROR"),
        ({"query": "{ flow { flow_runs" * 4 + " { id" + " }" * 9}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "{" + " ".join(f"a{n}: hello" for n in range(16)) + "}"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "{" + " hello" * 1000 + "}"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ flow(where: {_and: " + "[" * 5000}, "GRAPHQL_PARSE_FAILED"),
    ],
    ids=["syntax", "field", "cloud-only", "variable", "depth", "aliases", "tokens", "nesting"],
)
def test_a_bad_document_is_answered_400_with_its_code(shared_prefect_api: Any, body: Any, code: str) -> None:
    answer = post(shared_prefect_api, body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == code
    assert "data" not in answer.json()


def test_the_greatest_allowed_depth_and_introspection_pass(shared_prefect_api: Any) -> None:
    deep = "{ flow { flow_runs { flow { flow_runs { flow { flow_runs { flow { id } } } } } } } }"
    assert "data" in post(shared_prefect_api, {"query": deep}).json()
    schema = post(shared_prefect_api, {"query": get_introspection_query()}).json()["data"]["__schema"]
    assert {"flow_bool_exp", "flow_order_by", "uuid", "timestamptz"} <= {kind["name"] for kind in schema["types"]}


def test_a_refusal_of_a_mutation_names_its_field_and_keeps_data(shared_prefect_api: Any) -> None:
    query = 'mutation {\n  delete_flow(input: { flow_id: "abc" }) { success }\n}'
    answer = post(shared_prefect_api, {"query": query})
    message = 'invalid input syntax for type uuid: "abc"'
    assert answer.status_code == 200
    assert answer.json() == {
        "errors": [
            {
                "message": message,
                "locations": [{"line": 2, "column": 3}],
                "path": ["delete_flow"],
                "extensions": {"code": "data-exception", "exception": {"message": message}},
            }
        ],
        "data": {"delete_flow": None},
    }


def test_a_refusal_of_a_query_has_no_data(shared_prefect_api: Any) -> None:
    answer = post(shared_prefect_api, {"query": '{ hello flow(where: { id: { _eq: "abc" } }) { id } }'}).json()
    assert answer["data"] is None
    assert answer["errors"][0]["extensions"]["code"] == "data-exception"


def test_a_body_above_five_megabytes_is_refused_and_one_below_is_not(shared_prefect_api: Any) -> None:
    for size, status in ((5 * 1024 * 1024 + 1, 413), (5 * 1024 * 1024 - 1000, 200)):
        answer = post(shared_prefect_api, {"query": "{ hello }", "variables": {"x": "x" * size}})
        assert answer.status_code == status


@pytest.mark.parametrize(
    "state",
    [
        '{"type": "Success", "message": "\\u0000"}',
        '{"type": "Success", "message": "\\ud800"}',
        '{"type": "Success", "context": {"a": 1e999}}',
        '{"type": "Success", "context": {"a": NaN}}',
        '{"type": "Success", "context": ' + '{"a":' * 900 + "1" + "}" * 900 + "}",
        '{"type": "Success", "context": ' + "[" * 100_000 + "}",
        '{"type": "Success", "context": {"a": ' + "9" * 5000 + "}}",
        '{"type": ["Success"]}',
        '"Success"',
        "null",
    ],
    ids=["nul", "surrogate", "infinity", "nan", "deep", "deeper", "huge", "type", "text", "null"],
)
def test_a_state_that_cannot_be_stored_is_an_error_and_changes_nothing(project: Any, state: str) -> None:
    run = project.run(project.register())
    query = "mutation($input: set_flow_run_states_input!) { set_flow_run_states(input: $input) { states { id } } }"
    variables = f'{{"input": {{"states": [{{"flow_run_id": "{run}", "state": {state}}}]}}}}'
    for body in (
        f'{{"query": "{query}", "variables": {variables}}}',
        json.dumps({"query": query, "variables": variables}),
    ):
        answer = post(project.api, body.encode("utf-8", "surrogatepass"))
        assert answer.status_code in {200, 400}
        assert answer.status_code == 400 or "errors" in answer.json()
    assert project.run_row(run, "version") == {"version": 1}


def test_a_bomb_of_zeros_is_refused(project: Any) -> None:
    bomb = base64.b64encode(gzip.compress(bytes(300 * 1024 * 1024), 9)).decode()
    refusal = project.api.refusal(
        "create_flow_from_compressed_string", "id", project_id=project.id, serialized_flow=bomb
    )
    assert refusal == "Unable to decompress serialized flow"
