"""Where logs go, and who is told."""

from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from components.diagnostic import diagnose
from components.monitoring import Monitoring, MonitoringArgs
from components.placement import Placement


@pytest.fixture
def build(register: Callable[..., Any], placement: Placement) -> Callable[..., Any]:
    def run(webhook: str | None = None) -> Any:
        args = MonitoringArgs(
            placement=placement,
            log_retention_days=30,
            log_daily_cap_gb=2.5,
            alert_emails=("one@example.com", "two@example.com"),
            alert_webhook=webhook,
        )
        return register(lambda: Monitoring("monitoring", args))

    return run


def test_the_workspace_keeps_to_its_retention_and_its_cap(build: Callable[..., Any]) -> None:
    workspace = build().one("Workspace").inputs
    assert workspace["retentionInDays"] == 30
    assert workspace["workspaceCapping"] == {"dailyQuotaGb": 2.5}


def test_the_workspace_takes_the_key_that_defenders_sensor_writes_with(build: Callable[..., Any]) -> None:
    features = build().one("Workspace").inputs["features"]
    assert features["disableLocalAuth"] is False
    assert features["enableLogAccessUsingOnlyResourcePermissions"] is True


def test_the_collection_rule_sends_container_insights_to_the_workspace(build: Callable[..., Any]) -> None:
    rule = build().one("DataCollectionRule").inputs
    assert rule["dataSources"]["extensions"][0]["extensionName"] == "ContainerInsights"
    (destination,) = rule["destinations"]["logAnalytics"]
    assert destination["workspaceResourceId"].endswith("monitoring-workspace")
    assert rule["dataFlows"][0]["destinations"] == [destination["name"]]


def test_everybody_on_the_list_gets_mail_and_azures_short_name_fits(build: Callable[..., Any]) -> None:
    group = build().one("ActionGroup").inputs
    assert [each["emailAddress"] for each in group["emailReceivers"]] == ["one@example.com", "two@example.com"]
    assert len(group["groupShortName"]) <= 12
    assert not group.get("webhookReceivers")


def test_a_webhooks_address_is_a_secret(build: Callable[..., Any]) -> None:
    group = build("https://hooks.example.com/abc").one("ActionGroup")
    assert group.inputs["webhookReceivers"][0]["serviceUri"] == "https://hooks.example.com/abc"
    assert "webhookReceivers" in group.secrets


@pytest.mark.parametrize("given", [{}, {"categories": ["one"], "groups": ["allLogs"]}])
def test_diagnostics_of_nothing_or_of_two_kinds_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="categories or groups"):
        diagnose("name", resource_id="id", workspace_id="id", opts=pulumi.ResourceOptions(), **given)
