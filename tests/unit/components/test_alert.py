"""What somebody is woken for."""

from collections.abc import Callable
from typing import Any

import pytest

from components.alert import Alerts, AlertsArgs
from components.placement import Placement


@pytest.fixture(scope="module")
def made(register: Callable[..., Any], placement: Placement) -> Any:
    args = AlertsArgs(
        placement=placement,
        action_group_id="action-group",
        workspace_id="workspace",
        cluster_id="cluster",
        database_id="database",
        namespace="flows",
    )
    return register(lambda: Alerts("alerts", args))


def test_the_databases_storage_processor_and_life_are_watched(made: Any) -> None:
    watched = {
        (criterion["metricName"], criterion["operator"], criterion["threshold"], alert.inputs["severity"])
        for alert in made.of("MetricAlert")
        for criterion in alert.inputs["criteria"]["allOf"]
    }
    assert watched == {
        ("storage_percent", "GreaterThan", 80, 2),
        ("storage_percent", "GreaterThan", 95, 0),
        ("cpu_percent", "GreaterThan", 80, 2),
        ("is_db_alive", "LessThan", 1, 0),
    }
    assert {tuple(alert.inputs["scopes"]) for alert in made.of("MetricAlert")} == {("database",)}


def test_nodes_and_flows_of_this_cluster_are_watched_in_the_workspace(made: Any) -> None:
    rules = {rule.name: rule.inputs for rule in made.of("ScheduledQueryRule")}
    assert {tuple(rule["scopes"]) for rule in rules.values()} == {("workspace",)}
    nodes = rules["alerts-nodes-not-ready"]["criteria"]["allOf"][0]["query"]
    flows = rules["alerts-flows-failed"]["criteria"]["allOf"][0]["query"]
    assert nodes.startswith("KubeNodeInventory")
    assert '"cluster"' in nodes
    assert flows.count('"cluster"') == flows.count('== "flows"') == 3


def test_a_flow_that_fails_in_a_job_that_completes_is_seen_by_its_log(made: Any) -> None:
    query = made.named("alerts-flows-failed").inputs["criteria"]["allOf"][0]["query"]
    assert "Flow run FAILED" in query


def test_every_alert_tells_the_action_group(made: Any) -> None:
    for alert in made.of("MetricAlert"):
        assert [action["actionGroupId"] for action in alert.inputs["actions"]] == ["action-group"]
    for rule in made.of("ScheduledQueryRule"):
        assert rule.inputs["actions"]["actionGroups"] == ["action-group"]
