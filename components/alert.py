"""What a platform team is woken for.

Severities are Azure's: 0 is critical, 1 an error, 2 a warning. An alert resolves itself when its cause is gone.
"""

from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_azure_native import monitor

from components.placement import Placement

SERVERS = "Microsoft.DBforPostgreSQL/flexibleServers"


@dataclass(frozen=True, kw_only=True)
class AlertsArgs:
    """What the alerts watch, and whom they tell."""

    placement: Placement
    action_group_id: pulumi.Input[str]
    workspace_id: pulumi.Input[str]
    cluster_id: pulumi.Input[str]
    database_id: pulumi.Input[str]
    namespace: str
    """The Kubernetes namespace that flows run in."""


@dataclass(frozen=True, kw_only=True)
class _Metric:
    """A threshold of one metric of the database server."""

    name: str
    aggregation: monitor.AggregationTypeEnum
    operator: monitor.Operator
    threshold: float
    severity: int
    window: Literal["PT5M", "PT15M"]
    description: str


_METRICS = {
    "database-storage": _Metric(
        name="storage_percent",
        aggregation=monitor.AggregationTypeEnum.AVERAGE,
        operator=monitor.Operator.GREATER_THAN,
        threshold=80,
        severity=2,
        window="PT15M",
        description="The database uses over 80 % of its storage: raise `databaseStorageGib`",
    ),
    "database-storage-full": _Metric(
        name="storage_percent",
        aggregation=monitor.AggregationTypeEnum.AVERAGE,
        operator=monitor.Operator.GREATER_THAN,
        threshold=95,
        severity=0,
        window="PT5M",
        description="The database uses over 95 % of its storage, and turns read-only when it is full",
    ),
    "database-cpu": _Metric(
        name="cpu_percent",
        aggregation=monitor.AggregationTypeEnum.AVERAGE,
        operator=monitor.Operator.GREATER_THAN,
        threshold=80,
        severity=2,
        window="PT15M",
        description="The database's processor is over 80 % busy: choose a larger `databaseSku`",
    ),
    "database-down": _Metric(
        name="is_db_alive",
        aggregation=monitor.AggregationTypeEnum.MAXIMUM,
        operator=monitor.Operator.LESS_THAN,
        threshold=1,
        severity=0,
        window="PT5M",
        description="The database does not answer",
    ),
}


class Alerts(pulumi.ComponentResource):
    """Alerts on the database's storage and processor, on nodes that are not ready, and on failed flow jobs."""

    def __init__(self, name: str, args: AlertsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-aks:azure:Alerts", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)

        for what, metric in _METRICS.items():
            _metric_alert(f"{name}-{what}", what, metric, args, child)
        # A node that the autoscaler takes away is listed as not ready for a while: only what lasts is an alert.
        _log_alert(
            f"{name}-nodes-not-ready",
            what="nodes-not-ready",
            description="A node of the cluster has not been ready for 15 minutes",
            query=pulumi.Output.from_input(args.cluster_id).apply(nodes_not_ready),
            severity=1,
            periods=3,
            args=args,
            child=child,
        )
        _log_alert(
            f"{name}-flows-failed",
            what="flows-failed",
            description="A flow run failed, or its job could not run: look it up in Prefect's UI",
            query=pulumi.Output.from_input(args.cluster_id).apply(lambda id_: flows_failed(id_, args.namespace)),
            severity=2,
            periods=1,
            args=args,
            child=child,
        )
        self.register_outputs({})


def nodes_not_ready(cluster_id: str) -> str:
    """The query for nodes whose last word is not that they are ready."""
    return f"""KubeNodeInventory
| where ClusterId =~ "{cluster_id}"
| summarize arg_max(TimeGenerated, Status) by Computer
| where not(Status has "Ready")"""


def flows_failed(cluster_id: str, namespace: str) -> str:
    """The query for failed flows.

    A job that ran a failed flow is complete for Kubernetes, so the flow's own log tells that; pods and events tell of
    jobs that could not run it.
    """
    return f"""union isfuzzy=true
(ContainerLogV2
| where _ResourceId =~ "{cluster_id}" and PodNamespace == "{namespace}"
| where tostring(LogMessage) has "Flow run FAILED"
| project Name = PodName),
(KubePodInventory
| where ClusterId =~ "{cluster_id}" and Namespace == "{namespace}" and ControllerKind =~ "Job"
| where PodStatus == "Failed" or ContainerStatusReason in ("ErrImagePull", "ImagePullBackOff", "OOMKilled")
| project Name),
(KubeEvents
| where ClusterId =~ "{cluster_id}" and Namespace == "{namespace}" and ObjectKind =~ "Job"
| where Reason in ("BackoffLimitExceeded", "DeadlineExceeded", "FailedCreate")
| project Name)
| distinct Name"""


def _metric_alert(name: str, what: str, metric: _Metric, args: AlertsArgs, child: pulumi.ResourceOptions) -> None:
    monitor.MetricAlert(
        name,
        rule_name=f"alert-{args.placement.base_name}-{what}",
        description=metric.description,
        resource_group_name=args.placement.resource_group,
        location="global",
        severity=metric.severity,
        enabled=True,
        auto_mitigate=True,
        scopes=[args.database_id],
        evaluation_frequency="PT1M" if metric.window == "PT5M" else "PT5M",
        window_size=metric.window,
        criteria=monitor.MetricAlertSingleResourceMultipleMetricCriteriaArgs(
            odata_type="Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria",
            all_of=[
                monitor.MetricCriteriaArgs(
                    criterion_type="StaticThresholdCriterion",
                    name=what,
                    metric_namespace=SERVERS,
                    metric_name=metric.name,
                    operator=metric.operator,
                    threshold=metric.threshold,
                    time_aggregation=metric.aggregation,
                )
            ],
        ),
        actions=[monitor.MetricAlertActionArgs(action_group_id=args.action_group_id)],
        tags=args.placement.tags,
        opts=child,
    )


def _log_alert(  # noqa: PLR0913 - the parts in which the two log alerts differ, by name
    name: str,
    *,
    what: str,
    description: str,
    query: pulumi.Output[str],
    severity: int,
    periods: int,
    args: AlertsArgs,
    child: pulumi.ResourceOptions,
) -> None:
    """Make an alert on any row that a query finds, in so many evaluations one after the other."""
    monitor.ScheduledQueryRule(
        name,
        rule_name=f"alert-{args.placement.base_name}-{what}",
        display_name=f"{args.placement.base_name} {what}",
        description=description,
        resource_group_name=args.placement.resource_group,
        location=args.placement.location,
        kind=monitor.Kind.LOG_ALERT,
        severity=severity,
        enabled=True,
        auto_mitigate=True,
        scopes=[args.workspace_id],
        evaluation_frequency="PT5M",
        # Rows arrive some minutes late: a window of one evaluation would miss them.
        window_size="PT10M",
        # The tables appear with the first rows, after this.
        skip_query_validation=True,
        criteria=monitor.ScheduledQueryRuleCriteriaArgs(
            all_of=[
                monitor.ConditionArgs(
                    query=query,
                    time_aggregation=monitor.TimeAggregation.COUNT,
                    operator=monitor.ConditionOperator.GREATER_THAN,
                    threshold=0,
                    failing_periods=monitor.ConditionFailingPeriodsArgs(
                        number_of_evaluation_periods=periods, min_failing_periods_to_alert=periods
                    ),
                )
            ]
        ),
        actions=monitor.ActionsArgs(action_groups=[args.action_group_id]),
        tags=args.placement.tags,
        opts=child,
    )
