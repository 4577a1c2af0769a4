"""What an Azure resource tells the environment's Log Analytics workspace.

A resource sends a category to one workspace through one setting alone: give a resource one call, with all it sends.
"""

from collections.abc import Sequence

import pulumi
from pulumi_azure_native import monitor


def diagnose(  # noqa: PLR0913 - a setting has that many parts, and all but two are named
    name: str,
    *,
    resource_id: pulumi.Input[str],
    workspace_id: pulumi.Input[str],
    categories: Sequence[str] = (),
    groups: Sequence[str] = (),
    opts: pulumi.ResourceOptions,
) -> monitor.DiagnosticSetting:
    """Send a resource's logs to the workspace, by category or by category group (`allLogs`, `audit`), never by both.

    Blob logs belong to the blob service, not to the storage account.
    """
    if bool(categories) == bool(groups):
        raise ValueError(f"{name}: diagnostics take categories or groups, one of the two")
    return monitor.DiagnosticSetting(
        name,
        name="log-analytics",
        resource_uri=resource_id,
        workspace_id=workspace_id,
        # Tables of the service's own, which cost less to query than AzureDiagnostics; one without them ignores it.
        log_analytics_destination_type="Dedicated",
        logs=[
            *(monitor.DiagnosticsLogSettingsArgs(category=category, enabled=True) for category in categories),
            *(monitor.DiagnosticsLogSettingsArgs(category_group=group, enabled=True) for group in groups),
        ],
        # Azure forgets it for services that have one kind of table alone: after a refresh it would be set for ever.
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(ignore_changes=["logAnalyticsDestinationType"])),
    )
