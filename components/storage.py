"""The storage account of flow scripts and task results. It holds data: protected, versioned, and reached without keys.

A change of its name or its location, or of a container's name, makes an empty one. Its infrastructure encryption is
chosen once, and so is `LRS`: to the other redundancies Azure converts on request alone.
While the lock stands, Azure refuses to delete anything below the account: also a role that somebody is to lose.
"""

from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_azure_native import authorization, storage

from components import private_endpoint, role
from components.diagnostic import diagnose
from components.placement import Placement
from components.public_address import addresses
from components.role import Role

FLOWS = "flows"
RESULTS = "results"


@dataclass(frozen=True, kw_only=True)
class StorageArgs:
    """What a storage account needs from its environment."""

    placement: Placement
    name: str
    """Unique in all of Azure: 3 to 24 lower-case letters and digits."""
    redundancy: str
    """`LRS`, `ZRS` or `GZRS`."""
    endpoint_subnet_id: pulumi.Input[str]
    zone_id: pulumi.Input[str]
    """The private DNS zone of blobs."""
    authorized_ip_ranges: tuple[str, ...]
    """Who may reach it from outside the network; none closes its public side."""
    soft_delete_days: int
    result_retention_days: int
    """After how many days without a change a task result is deleted."""
    flow_principal_id: pulumi.Input[str]
    """The flows' identity: reads scripts, reads and writes results."""
    writer_principal_ids: dict[str, pulumi.Input[str]]
    """Service principals that store flow scripts, by a logical name."""
    writer_group_ids: dict[str, pulumi.Input[str]]
    """Groups that may do the same."""
    workspace_id: pulumi.Input[str]
    protect: bool


class Storage(pulumi.ComponentResource):
    """A storage account with a container for flow scripts and one for results."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    flow_container: pulumi.Output[str]
    result_container: pulumi.Output[str]
    flow_store: str
    """The flow container's URL: known before it is there, as what is registered names it."""

    def __init__(self, name: str, args: StorageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-aks:azure:Storage", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        guarded = pulumi.ResourceOptions(parent=self, protect=args.protect)
        account = _account(f"{name}-account", args, guarded)
        service = _blob_service(f"{name}-blobs", args, account, child)
        flows, results = (
            storage.BlobContainer(
                f"{name}-{container}",
                container_name=container,
                account_name=account.name,
                resource_group_name=args.placement.resource_group,
                public_access=storage.PublicAccess.NONE,
                opts=guarded,
            )
            for container in (FLOWS, RESULTS)
        )
        lifecycle = _lifecycle(
            f"{name}-lifecycle", args, account, pulumi.ResourceOptions(parent=self, depends_on=[service])
        )
        endpoint = private_endpoint.connect(
            f"{name}-endpoint",
            placement=args.placement,
            service_id=account.id,
            group="blob",
            subnet_id=args.endpoint_subnet_id,
            zone_id=args.zone_id,
            opts=child,
        )
        assignments = _assignments(name, args, flows, results, child)
        logs = diagnose(
            f"{name}-logs",
            resource_id=service.id,
            workspace_id=args.workspace_id,
            categories=("StorageRead", "StorageWrite", "StorageDelete"),
            opts=child,
        )
        if args.protect:
            authorization.ManagementLockByScope(
                f"{name}-lock",
                lock_name="data",
                scope=account.id,
                level=authorization.LockLevel.CAN_NOT_DELETE,
                notes="Holds flow scripts and task results. Lift it with the config key `protection`.",
                # First to go, or it would keep the others from going.
                opts=pulumi.ResourceOptions(
                    parent=self, depends_on=[flows, results, lifecycle, endpoint, logs, *assignments]
                ),
            )
        self.id = account.id
        self.name = account.name
        self.flow_container = flows.name
        self.result_container = results.name
        self.flow_store = f"https://{args.name}.blob.core.windows.net/{FLOWS}"
        self.register_outputs(
            {
                "id": self.id,
                "name": self.name,
                "flow_container": self.flow_container,
                "result_container": self.result_container,
                "flow_store": self.flow_store,
            }
        )


def _account(name: str, args: StorageArgs, opts: pulumi.ResourceOptions) -> storage.StorageAccount:
    return storage.StorageAccount(
        name,
        account_name=args.name,
        resource_group_name=args.placement.resource_group,
        location=args.placement.location,
        kind=storage.Kind.STORAGE_V2,
        sku=storage.SkuArgs(name=f"Standard_{args.redundancy}"),
        access_tier=storage.AccessTier.HOT,
        allow_blob_public_access=False,
        allow_cross_tenant_replication=False,
        allow_shared_key_access=False,
        allowed_copy_scope=storage.AllowedCopyScope.AAD,
        default_to_o_auth_authentication=True,
        enable_https_traffic_only=True,
        is_local_user_enabled=False,
        minimum_tls_version=storage.MinimumTlsVersion.TLS1_2,
        public_network_access="Enabled" if args.authorized_ip_ranges else "Disabled",
        network_rule_set=storage.NetworkRuleSetArgs(
            default_action=storage.DefaultAction.DENY,
            bypass=storage.Bypass.AZURE_SERVICES,
            ip_rules=[
                storage.IPRuleArgs(i_p_address_or_range=address, action=storage.Action.ALLOW)
                for address in addresses(args.authorized_ip_ranges)
            ],
        ),
        encryption=storage.EncryptionArgs(
            key_source=storage.KeySource.MICROSOFT_STORAGE,
            require_infrastructure_encryption=True,
            services=storage.EncryptionServicesArgs(
                blob=storage.EncryptionServiceArgs(enabled=True, key_type=storage.KeyType.ACCOUNT),
                file=storage.EncryptionServiceArgs(enabled=True, key_type=storage.KeyType.ACCOUNT),
            ),
        ),
        # Only signatures that a signed-in user delegates exist here; a day is the longest that one may last.
        sas_policy=storage.SasPolicyArgs(
            expiration_action=storage.ExpirationAction.BLOCK, sas_expiration_period="1.00:00:00"
        ),
        tags=args.placement.tags,
        opts=opts,
    )


def _blob_service(
    name: str, args: StorageArgs, account: storage.StorageAccount, opts: pulumi.ResourceOptions
) -> storage.BlobServiceProperties:
    retention = storage.DeleteRetentionPolicyArgs(enabled=True, days=args.soft_delete_days)
    return storage.BlobServiceProperties(
        name,
        blob_services_name="default",
        account_name=account.name,
        resource_group_name=args.placement.resource_group,
        is_versioning_enabled=True,
        delete_retention_policy=retention,
        container_delete_retention_policy=retention,
        opts=opts,
    )


def _lifecycle(
    name: str, args: StorageArgs, account: storage.StorageAccount, opts: pulumi.ResourceOptions
) -> storage.ManagementPolicy:
    """Delete results that nothing changed for long, and what an overwritten blob was before; scripts stay."""
    old = storage.DateAfterCreationArgs(days_after_creation_greater_than=args.soft_delete_days)
    actions = {
        "old-versions": (
            storage.ManagementPolicyActionArgs(
                version=storage.ManagementPolicyVersionArgs(delete=old),
                snapshot=storage.ManagementPolicySnapShotArgs(delete=old),
            ),
            [f"{FLOWS}/", f"{RESULTS}/"],
        ),
        "old-results": (
            storage.ManagementPolicyActionArgs(
                base_blob=storage.ManagementPolicyBaseBlobArgs(
                    delete=storage.DateAfterModificationArgs(
                        days_after_modification_greater_than=args.result_retention_days
                    )
                )
            ),
            [f"{RESULTS}/"],
        ),
    }
    return storage.ManagementPolicy(
        name,
        management_policy_name="default",
        account_name=account.name,
        resource_group_name=args.placement.resource_group,
        policy=storage.ManagementPolicySchemaArgs(
            rules=[
                storage.ManagementPolicyRuleArgs(
                    name=rule,
                    type=storage.RuleType.LIFECYCLE,
                    enabled=True,
                    definition=storage.ManagementPolicyDefinitionArgs(
                        actions=action,
                        filters=storage.ManagementPolicyFilterArgs(blob_types=["blockBlob"], prefix_match=prefixes),
                    ),
                )
                for rule, (action, prefixes) in actions.items()
            ]
        ),
        opts=opts,
    )


def _assignments(
    name: str,
    args: StorageArgs,
    flows: storage.BlobContainer,
    results: storage.BlobContainer,
    opts: pulumi.ResourceOptions,
) -> list[authorization.RoleAssignment]:
    def assign(
        who: str,
        role_: Role,
        container: storage.BlobContainer,
        principal_id: pulumi.Input[str],
        principal_type: Literal["Group", "ServicePrincipal"] = "ServicePrincipal",
    ) -> authorization.RoleAssignment:
        return role.assign(
            f"{name}-{who}",
            placement=args.placement,
            role=role_,
            principal_id=principal_id,
            principal_type=principal_type,
            scope=container.id,
            opts=opts,
        )

    return [
        assign("read-flows", Role.STORAGE_BLOB_DATA_READER, flows, args.flow_principal_id),
        assign("write-results", Role.STORAGE_BLOB_DATA_CONTRIBUTOR, results, args.flow_principal_id),
        *(
            assign(f"write-flows-{writer}", Role.STORAGE_BLOB_DATA_CONTRIBUTOR, flows, id_)
            for writer, id_ in args.writer_principal_ids.items()
        ),
        *(
            assign(f"write-flows-{writer}", Role.STORAGE_BLOB_DATA_CONTRIBUTOR, flows, id_, "Group")
            for writer, id_ in args.writer_group_ids.items()
        ),
    ]
