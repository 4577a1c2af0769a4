"""An environment in Azure: every component, in the order of what needs what.

Credentials come from the surroundings (a signed-in `az`, or the pipeline's federation), never from the settings.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import pulumi
import pulumi_azure_native as azure_native
import pulumi_azuread as azuread
from pulumi_azure_native import authorization, resources

from components.alert import Alerts, AlertsArgs
from components.cluster import Cluster, ClusterArgs, Pool
from components.database import Database, DatabaseArgs
from components.deployer import Deployer, DeployerArgs
from components.identity import Identity, IdentityArgs
from components.maintenance import Maintenance
from components.monitoring import Monitoring, MonitoringArgs
from components.network import Network, NetworkArgs
from components.placement import Placement
from components.registry import Registry, RegistryArgs
from components.service_connection import ServiceConnection
from components.storage import Storage, StorageArgs
from infra import address, naming, workload
from infra.azure_settings import AzureSettings
from infra.settings import Settings
from infra.workload import FLOW_ACCOUNT, FLOW_NAMESPACE, Platform


@dataclass(frozen=True)
class _Place:
    """What every component is given besides its own settings."""

    placement: Placement
    names: naming.Names
    group: resources.ResourceGroup
    opts: pulumi.ResourceOptions


def deploy(stack: Settings) -> None:
    """Make one environment, and export what its users need to know."""
    settings = stack.azure
    if settings is None:
        raise pulumi.RunError("prefect-aks:platform: is not `azure`; deploy this stack as what it is")
    if not pulumi.runtime.is_dry_run():
        workload.ask_for_login()
    place = _place(stack, settings)
    monitoring = _monitoring(settings, place)
    network = _network(settings, place, monitoring)
    identity = _identity(settings, place)
    storage = _storage(settings, place, monitoring, network, identity)
    registry = _registry(settings, place, monitoring, network, identity)
    cluster = _cluster(settings, place, monitoring, network, identity)
    database = _database(settings, place, monitoring, network, identity)
    deployer = _deployer(settings, place, network)
    _alerts(place, monitoring, cluster, database)
    platform = Platform(cluster=cluster, database=database, identity=identity, registry=registry, storage=storage)
    _export(
        {
            "environment": stack.environment,
            "relaxations": stack.relaxations,
            "resourceGroup": place.group.name,
            "egressAddress": network.egress_address,
            "clusterName": cluster.name,
            "oidcIssuer": cluster.oidc_issuer,
            "registryId": registry.id,
            "registryName": registry.name,
            "registryLoginServer": registry.login_server,
            "storageAccount": storage.name,
            "flowStore": storage.flow_store,
            "databaseHost": database.host,
            "databaseName": database.database,
            "administratorsGroup": identity.administrators_group_name,
            "flowClientId": identity.flow_client_id,
            "pipelineClientId": identity.pipeline_client_id if settings.devops_organization else None,
            "previewClientId": identity.preview_client_id if settings.devops_preview_connection else None,
            "uiClientId": identity.ui_client_id if settings.ui_login else None,
            "deployerPool": deployer.pool_name if deployer else None,
        }
        | workload.deploy(stack, settings, platform)
    )


def _export(outputs: Mapping[str, Any]) -> None:
    for name, value in outputs.items():
        if value is not None:
            pulumi.export(name, value)


def _place(stack: Settings, settings: AzureSettings) -> _Place:
    """Make the providers and the resource group."""
    azure = azure_native.Provider("azure")
    client = authorization.get_client_config_output(opts=pulumi.InvokeOutputOptions(provider=azure))
    entra = azuread.Provider("entra", tenant_id=client.tenant_id)
    names = naming.names(stack.environment, settings.name_suffix)
    tags = {"environment": stack.environment, "product": naming.PRODUCT, "managed-by": "pulumi"}
    if stack.relaxations:
        tags["relaxed-controls"] = " ".join(sorted(stack.relaxations))
    group = resources.ResourceGroup(
        "environment",
        resource_group_name=f"rg-{names.base}",
        location=settings.location,
        tags=tags,
        opts=pulumi.ResourceOptions(provider=azure, protect=settings.protection),
    )
    placement = Placement(
        base_name=names.base,
        subscription_id=client.subscription_id,
        tenant_id=client.tenant_id,
        resource_group=group.name,
        location=settings.location,
        zones=tuple(sorted(settings.zones)),
        tags=tags,
    )
    return _Place(placement, names, group, pulumi.ResourceOptions(providers=[azure, entra]))


def _monitoring(settings: AzureSettings, place: _Place) -> Monitoring:
    webhook = settings.alert_webhook.get_secret_value()
    args = MonitoringArgs(
        placement=place.placement,
        log_retention_days=settings.log_retention_days,
        log_daily_cap_gb=settings.log_daily_cap_gb,
        alert_emails=settings.alert_emails,
        alert_webhook=pulumi.Output.secret(webhook) if webhook else None,
    )
    return Monitoring("monitoring", args, place.opts)


def _network(settings: AzureSettings, place: _Place, monitoring: Monitoring) -> Network:
    args = NetworkArgs(
        placement=place.placement,
        address_space=str(settings.address_space),
        subnets=address.subnets(settings.address_space),
        pod_cidr=str(settings.pod_cidr),
        peer_address_spaces=tuple(str(each) for each in settings.peer_address_spaces),
        egress=settings.egress,
        flow_fqdns=settings.egress_fqdns,
        deployer_fqdns=settings.deployer_fqdns,
        deployer=settings.deployer,
        workspace_id=monitoring.workspace_id,
        builds_images=not settings.flow_image,
    )
    return Network("network", args, place.opts)


def _identity(settings: AzureSettings, place: _Place) -> Identity:
    def connection(name: str, subject: str) -> ServiceConnection | None:
        if not (settings.devops_organization and name):
            return None
        return ServiceConnection(
            organization=settings.devops_organization,
            organization_id=settings.devops_organization_id,
            project=settings.devops_project,
            name=name,
            subject=subject,
        )

    args = IdentityArgs(
        placement=place.placement,
        resource_group_id=place.group.id,
        administrators=settings.administrators,
        pipeline=connection(settings.devops_service_connection, settings.devops_subject),
        preview=connection(settings.devops_preview_connection, settings.devops_preview_subject),
        ui_host=settings.ui_host if settings.ui_login else None,
    )
    return Identity("identity", args, place.opts)


def _pipeline(settings: AzureSettings, identity: Identity) -> dict[str, pulumi.Input[str]]:
    """The pipeline's service principal, where there is a pipeline."""
    return {"pipeline": _known(identity.pipeline_principal_id)} if settings.devops_organization else {}


def _known(value: pulumi.Output[str | None]) -> pulumi.Output[str]:
    """An id of what is there, as the settings say."""
    return cast("pulumi.Output[str]", value)


def _authorized(settings: AzureSettings) -> tuple[str, ...]:
    return tuple(str(each) for each in settings.authorized_ip_ranges)


def _storage(
    settings: AzureSettings, place: _Place, monitoring: Monitoring, network: Network, identity: Identity
) -> Storage:
    args = StorageArgs(
        placement=place.placement,
        name=place.names.storage,
        redundancy=settings.storage_redundancy,
        endpoint_subnet_id=network.endpoint_subnet_id,
        zone_id=network.blob_zone_id,
        authorized_ip_ranges=_authorized(settings),
        soft_delete_days=settings.soft_delete_days,
        result_retention_days=settings.result_retention_days,
        flow_principal_id=identity.flow_principal_id,
        writer_principal_ids=_pipeline(settings, identity),
        writer_group_ids={"administrators": identity.administrators_group_id},
        workspace_id=monitoring.workspace_id,
        protect=settings.protection,
    )
    return Storage("storage", args, place.opts)


def _registry(
    settings: AzureSettings, place: _Place, monitoring: Monitoring, network: Network, identity: Identity
) -> Registry:
    args = RegistryArgs(
        placement=place.placement,
        name=place.names.registry,
        endpoint_subnet_id=network.endpoint_subnet_id,
        zone_id=network.registry_zone_id,
        authorized_ip_ranges=_authorized(settings),
        zone_redundant=len(settings.zones) > 1,
        retention_days=settings.registry_retention_days,
        exports=settings.registry_exports,
        build_subnet_id=None if settings.flow_image else network.build_subnet_id,
        kubelet_principal_id=identity.kubelet_principal_id,
        pusher_principal_ids=_pipeline(settings, identity),
        workspace_id=monitoring.workspace_id,
    )
    return Registry("registry", args, place.opts)


def pools(settings: AzureSettings) -> dict[str, Pool]:
    """The pools that flows run on, by name."""
    labels = dict(each.split("=", 1) for each in settings.flow_pool_labels)
    flows = Pool(
        vm_size=settings.flow_pool_vm_size,
        minimum=settings.flow_pool_minimum,
        maximum=settings.flow_pool_maximum,
        labels=labels,
    )
    spot = Pool(
        vm_size=settings.spot_pool_vm_size, minimum=0, maximum=settings.spot_pool_maximum, spot=True, labels=labels
    )
    return {"flows": flows, "spot": spot} if settings.spot_pool else {"flows": flows}


def _maintenance(settings: AzureSettings) -> Maintenance:
    return Maintenance(day=settings.maintenance_day, hour=settings.maintenance_hour)


def _cluster(
    settings: AzureSettings, place: _Place, monitoring: Monitoring, network: Network, identity: Identity
) -> Cluster:
    args = ClusterArgs(
        placement=place.placement,
        kubernetes_version=settings.kubernetes_version,
        tier=settings.cluster_tier,
        system_pool=Pool(
            vm_size=settings.system_pool_vm_size,
            minimum=settings.system_pool_minimum,
            maximum=settings.system_pool_maximum,
        ),
        flow_pools=pools(settings),
        os_disk_type=settings.os_disk_type,
        host_encryption=settings.host_encryption,
        authorized_ip_ranges=_authorized(settings),
        egress_address=network.egress_address,
        control_plane_id=identity.control_plane_id,
        control_plane_principal_id=identity.control_plane_principal_id,
        kubelet_id=identity.kubelet_id,
        kubelet_client_id=identity.kubelet_client_id,
        kubelet_principal_id=identity.kubelet_principal_id,
        administrators_group_id=identity.administrators_group_id,
        pipeline_principal_id=_pipeline(settings, identity).get("pipeline"),
        preview_principal_id=_known(identity.preview_principal_id) if settings.devops_preview_connection else None,
        network=network,
        network_id=network.id,
        node_subnet_id=network.node_subnet_id,
        outbound_type=network.outbound_type,
        pod_cidr=str(settings.pod_cidr),
        service_cidr=str(settings.service_cidr),
        upgrade_channel=settings.upgrade_channel,
        node_upgrade_channel=settings.node_upgrade_channel,
        maintenance=_maintenance(settings),
        workspace_id=monitoring.workspace_id,
        collection_rule_id=monitoring.collection_rule_id,
        service_accounts={f"{FLOW_NAMESPACE}:{FLOW_ACCOUNT}": identity.flow_name},
        protect=settings.protection,
    )
    return Cluster("cluster", args, place.opts)


def _database(
    settings: AzureSettings, place: _Place, monitoring: Monitoring, network: Network, identity: Identity
) -> Database:
    args = DatabaseArgs(
        placement=place.placement,
        name=place.names.database,
        version=settings.database_version,
        sku=settings.database_sku,
        storage_gib=settings.database_storage_gib,
        high_availability=settings.database_high_availability,
        backup_days=settings.database_backup_days,
        geo_backup=settings.database_geo_backup,
        subnet_id=network.database_subnet_id,
        zone_id=network.database_zone_id,
        network=network,
        administrators_group_id=identity.administrators_group_id,
        administrators_group_name=identity.administrators_group_name,
        maintenance=_maintenance(settings),
        workspace_id=monitoring.workspace_id,
        protect=settings.protection,
    )
    return Database("database", args, place.opts)


def _deployer(settings: AzureSettings, place: _Place, network: Network) -> Deployer | None:
    if settings.deployer == "none":
        return None
    args = DeployerArgs(
        placement=place.placement,
        name=place.names.deployer,
        kind=settings.deployer,
        network=network,
        network_id=network.id,
        subnet_id=network.deployer_subnet_id,
        vm_size=settings.deployer_vm_size,
        image=settings.deployer_image,
        maximum=settings.deployer_maximum,
        organization=settings.devops_organization,
        project=settings.devops_project,
        infrastructure_principal_id=settings.deployer_principal_id,
        ssh_public_key=settings.deployer_ssh_public_key,
        host_encryption=settings.host_encryption,
    )
    return Deployer("deployer", args, place.opts)


def _alerts(place: _Place, monitoring: Monitoring, cluster: Cluster, database: Database) -> Alerts:
    args = AlertsArgs(
        placement=place.placement,
        action_group_id=monitoring.action_group_id,
        workspace_id=monitoring.workspace_id,
        cluster_id=cluster.id,
        database_id=database.id,
        namespace=FLOW_NAMESPACE,
    )
    return Alerts("alerts", args, place.opts)
