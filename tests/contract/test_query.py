"""Reading as through Hasura: filters, orders, limits, aggregates and relations."""

from typing import Any

import pytest


@pytest.fixture
def flows(project: Any) -> Any:
    """A project with flows a (versions 1 and 2), b and c, the last with two runs."""
    for name in ("a", "a", "b", "c"):
        flow = project.register(name)
    for _ in range(2):
        project.run(flow)
    return project


def names(project: Any, arguments: str, where: str = "") -> list[str]:
    where = f'where: {{ project: {{ id: {{ _eq: "{project.id}" }} }} {where} }}'
    rows = project.api.query(f"{{ flow({where} {arguments}) {{ name version }} }}")["flow"]
    return [f"{row['name']}{row['version']}" for row in rows]


@pytest.mark.parametrize(
    ("arguments", "where", "expected"),
    [
        ("order_by: {name: asc, version: desc}", "", ["a2", "a1", "b1", "c1"]),
        ("order_by: {version: desc, name: asc}", "", ["a2", "a1", "b1", "c1"]),
        ("order_by: {version: asc, name: desc}", "", ["c1", "b1", "a1", "a2"]),
        ("order_by: [{version: asc}, {name: asc}]", "", ["a1", "b1", "c1", "a2"]),
        ("order_by: {name: asc, version: desc}, distinct_on: name", "", ["a2", "b1", "c1"]),
        ("order_by: {name: asc, version: desc}, distinct_on: null, limit: null", "", ["a2", "a1", "b1", "c1"]),
        ("order_by: {name: desc, version: asc}, limit: 2, offset: 1", "", ["b1", "a1"]),
        ("order_by: {flow_group: {name: asc}, name: asc}, limit: 0", "", []),
        ("", "name: { _eq: null }, version: { _eq: 2 }", ["a2"]),
        ("", '_and: { name: { _eq: "b" } }', ["b1"]),
        ("", '_and: [{ name: { _eq: "b" } }, {}]', ["b1"]),
        ("", "_or: []", []),
        ("order_by: {name: asc}", '_or: [{ name: { _eq: "b" } }, { name: { _eq: "c" } }]', ["b1", "c1"]),
        ("", "_not: { archived: { _eq: false } }", ["a1"]),
        ("order_by: {name: asc}", 'name: { _nin: ["a"] }', ["b1", "c1"]),
        ("", "name: { _in: [] }", []),
        ("order_by: {name: asc, version: asc}", "id: { _nin: [] }", ["a1", "a2", "b1", "c1"]),
        ("", 'name: { _like: "B" }', []),
        ("", 'name: { _ilike: "B" }', ["b1"]),
        ("", 'flow_runs: { state: { _eq: "Scheduled" } }', ["c1"]),
        ("", "description: { _is_null: false }", []),
    ],
)
def test_filters_and_orders_mean_what_hasura_means(flows: Any, arguments: str, where: str, expected: list[str]) -> None:
    assert names(flows, arguments, where) == expected


def test_relations_and_aggregates_nest_and_keep_the_arguments_of_their_aliases(flows: Any) -> None:
    rows = flows.api.query(f"""{{ project(where: {{ id: {{ _eq: "{flows.id}" }} }}) {{
        all: flows_aggregate {{ aggregate {{ count max {{ version name }} }} }}
        distinct: flows_aggregate(distinct_on: name) {{ aggregate {{ count }} }}
        newest: flows(order_by: {{ version: desc }}, limit: 1) {{ name version project {{ name }} }}
        some: flows(where: {{ name: {{ _eq: "c" }} }}) {{
            flow_runs_aggregate(where: {{ state: {{ _neq: "x" }} }}) {{ aggregate {{ count }} nodes {{ state }} }}
            flow_group {{ labels settings }}
        }}
    }} }}""")["project"]
    (row,) = rows
    assert row["all"] == {"aggregate": {"count": 4, "max": {"version": 2, "name": "c"}}}
    assert row["distinct"] == {"aggregate": {"count": 3}}
    assert row["newest"] == [{"name": "a", "version": 2, "project": {"name": flows.name}}]
    runs = row["some"][0]["flow_runs_aggregate"]
    assert runs == {"aggregate": {"count": 2}, "nodes": [{"state": "Scheduled"}] * 2}
    assert row["some"][0]["flow_group"]["settings"]["heartbeat_enabled"] is True


def test_a_limit_on_a_relation_counts_for_each_row(flows: Any) -> None:
    where = f'where: {{ project_id: {{ _eq: "{flows.id}" }} }}, order_by: {{ name: asc, version: asc }}'
    rows = flows.api.query(
        f"{{ flow({where}) {{ tasks(limit: 1, offset: 1, order_by: {{ slug: asc }}) {{ slug }} }} }}"
    )
    assert rows["flow"] == [{"tasks": [{"slug": "b-1"}]}] * 4


def test_variables_fragments_and_directives_are_read(flows: Any) -> None:
    text = """
        query($where: flow_bool_exp, $order: [flow_order_by!], $limit: Int = 1, $no: Boolean!) {
          flow(where: $where, order_by: $order, limit: $limit) { ...part id @include(if: $no) }
        }
        fragment part on flow { name ... on flow { version } archived @skip(if: true) }"""
    variables = {"where": {"project_id": {"_eq": flows.id}}, "order": {"version": "desc", "name": "asc"}, "no": False}
    assert flows.api.query(text, variables) == {"flow": [{"name": "a", "version": 2}]}


def test_the_first_tenant_stays_the_first_when_it_is_changed(prefect_api: Any) -> None:
    ids = [prefect_api.mutate("create_tenant", "id", name=name, slug=name)["id"] for name in ("one", "two")]
    prefect_api.mutate("update_tenant_name", "id", tenant_id=ids[0], name="another")
    assert [row["id"] for row in prefect_api.query("{ tenant { id } }")["tenant"]] == ids
