"""Where the environment's logs go, and who is told of an alert."""

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import monitor, operationalinsights

from components.placement import Placement

CONTAINER_INSIGHTS = "Microsoft-ContainerInsights-Group-Default"
DESTINATION = "workspace"
SHORT_NAME_LENGTH = 12


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs:
    """What monitoring needs from its environment."""

    placement: Placement
    log_retention_days: int
    log_daily_cap_gb: float
    """Gigabytes a day after which logs are dropped until the next; -1 for no cap."""
    alert_emails: tuple[str, ...]
    alert_webhook: pulumi.Input[str] | None = None
    """Where alerts are posted too; whoever knows its address can post there, so it is a secret."""


class Monitoring(pulumi.ComponentResource):
    """A Log Analytics workspace, the rule that feeds it from the cluster, and an action group."""

    workspace_id: pulumi.Output[str]
    collection_rule_id: pulumi.Output[str]
    action_group_id: pulumi.Output[str]

    def __init__(self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-aks:azure:Monitoring", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)

        workspace = operationalinsights.Workspace(
            f"{name}-workspace",
            workspace_name=f"log-{args.placement.base_name}",
            resource_group_name=args.placement.resource_group,
            location=args.placement.location,
            sku=operationalinsights.WorkspaceSkuArgs(name=operationalinsights.WorkspaceSkuNameEnum.PER_GB2018),
            retention_in_days=args.log_retention_days,
            workspace_capping=operationalinsights.WorkspaceCappingArgs(daily_quota_gb=args.log_daily_cap_gb),
            # Defender's sensor writes with the workspace's key and crashes without; all others come with a token:
            # https://github.com/Azure/Microsoft-Defender-for-Cloud/issues/1010
            features=operationalinsights.WorkspaceFeaturesArgs(
                disable_local_auth=False, enable_log_access_using_only_resource_permissions=True
            ),
            tags=args.placement.tags,
            opts=child,
        )
        self.workspace_id = workspace.id
        self.collection_rule_id = _collection_rule(name, args, workspace.id, child).id
        self.action_group_id = _action_group(name, args, child).id
        self.register_outputs(
            {
                "workspace_id": self.workspace_id,
                "collection_rule_id": self.collection_rule_id,
                "action_group_id": self.action_group_id,
            }
        )


def _collection_rule(
    name: str, args: MonitoringArgs, workspace_id: pulumi.Input[str], child: pulumi.ResourceOptions
) -> monitor.DataCollectionRule:
    return monitor.DataCollectionRule(
        f"{name}-collection-rule",
        data_collection_rule_name=f"dcr-{args.placement.base_name}",
        description="What Container Insights collects from the cluster",
        resource_group_name=args.placement.resource_group,
        location=args.placement.location,
        kind=monitor.KnownDataCollectionRuleResourceKind.LINUX,
        data_sources=monitor.DataCollectionRuleDataSourcesArgs(
            extensions=[
                monitor.ExtensionDataSourceArgs(
                    name="ContainerInsightsExtension",
                    extension_name="ContainerInsights",
                    streams=[CONTAINER_INSIGHTS],
                    extension_settings={
                        "dataCollectionSettings": {
                            "interval": "1m",
                            "namespaceFilteringMode": "Off",
                            "enableContainerLogV2": True,
                        }
                    },
                )
            ]
        ),
        destinations=monitor.DataCollectionRuleDestinationsArgs(
            log_analytics=[
                monitor.LogAnalyticsDestinationArgs(name=DESTINATION, workspace_resource_id=workspace_id),
            ]
        ),
        data_flows=[monitor.DataFlowArgs(streams=[CONTAINER_INSIGHTS], destinations=[DESTINATION])],
        tags=args.placement.tags,
        opts=child,
    )


def _action_group(name: str, args: MonitoringArgs, child: pulumi.ResourceOptions) -> monitor.ActionGroup:
    return monitor.ActionGroup(
        f"{name}-action-group",
        action_group_name=f"ag-{args.placement.base_name}",
        group_short_name=args.placement.base_name[:SHORT_NAME_LENGTH],
        resource_group_name=args.placement.resource_group,
        location="global",
        enabled=True,
        email_receivers=[
            monitor.MicrosoftCommonEmailReceiverArgs(
                name=f"email-{number}", email_address=address, use_common_alert_schema=True
            )
            for number, address in enumerate(args.alert_emails, start=1)
        ],
        webhook_receivers=[
            monitor.WebhookReceiverArgs(
                name="webhook",
                service_uri=pulumi.Output.secret(args.alert_webhook),
                use_common_alert_schema=True,
            )
        ]
        if args.alert_webhook is not None
        else [],
        tags=args.placement.tags,
        opts=child,
    )
