"""The agent pool that a private environment is deployed from; it stands in the network's deployer subnet.

Azure DevOps itself owns a scale set's number of machines and two of its tags: neither is ours to set back.
"""

import re
from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_azure_native import compute, devcenter, devopsinfrastructure

from components import role
from components.placement import Placement
from components.role import Role

USER = "deployer"


@dataclass(frozen=True, kw_only=True)
class DeployerArgs:
    """What a deployer needs from its environment."""

    placement: Placement
    name: str
    """Unique in all of Azure: letters, digits, dots and hyphens."""
    kind: Literal["managedDevOpsPool", "scaleSet"]
    network: pulumi.Resource
    """The whole network: machines need its way out before they start."""
    network_id: pulumi.Input[str]
    subnet_id: pulumi.Input[str]
    vm_size: str
    image: str
    """Id of an image in a gallery: generalized, of generation 2, fit for trusted launch. Empty for one of Azure's."""
    maximum: int
    """Most agents at a time; of a scale set it is set in Azure DevOps."""
    organization: str
    """Name of the Azure DevOps organisation, as in `https://dev.azure.com/NAME`."""
    project: str
    infrastructure_principal_id: str
    """For a managed pool alone: the object id, in this tenant, of the service principal `DevOpsInfrastructure`."""
    ssh_public_key: str
    """For a scale set alone, whose machines Azure makes with no other way in; in OpenSSH's format."""
    host_encryption: bool = True
    """For a scale set alone; the subscription needs the feature `EncryptionAtHost`."""


class Deployer(pulumi.ComponentResource):
    """An Azure DevOps agent pool inside the network, empty while nothing is deployed."""

    pool_name: pulumi.Output[str]
    """A managed pool has this name in Azure DevOps too; a scale set is made known there, once, by hand."""

    def __init__(self, name: str, args: DeployerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-aks:azure:Deployer", name, None, opts)
        self.pool_name = (
            _managed_pool(name, args, self) if args.kind == "managedDevOpsPool" else _scale_set(name, args, self)
        )
        self.register_outputs({"pool_name": self.pool_name})


def _managed_pool(name: str, args: DeployerArgs, parent: pulumi.Resource) -> pulumi.Output[str]:
    place = args.placement
    child = pulumi.ResourceOptions(parent=parent)
    center = devcenter.DevCenter(
        f"{name}-center",
        dev_center_name=f"dc-{place.base_name}",
        resource_group_name=place.resource_group,
        location=place.location,
        tags=place.tags,
        opts=child,
    )
    project = devcenter.Project(
        f"{name}-project",
        project_name=f"dcp-{place.base_name}",
        dev_center_id=center.id,
        resource_group_name=place.resource_group,
        location=place.location,
        tags=place.tags,
        opts=child,
    )
    assignments = [
        role.assign(
            f"{name}-{purpose}",
            placement=place,
            role=given,
            principal_id=args.infrastructure_principal_id,
            principal_type="ServicePrincipal",
            scope=args.network_id,
            opts=child,
        )
        for purpose, given in (("read-network", Role.READER), ("join-network", Role.NETWORK_CONTRIBUTOR))
    ]
    pool = devopsinfrastructure.Pool(
        f"{name}-pool",
        pool_name=args.name,
        resource_group_name=place.resource_group,
        location=place.location,
        dev_center_project_resource_id=project.id,
        maximum_concurrency=args.maximum,
        # No predictions: nobody waits on stand-by, and nobody is paid for.
        agent_profile=devopsinfrastructure.StatelessAgentProfileArgs(kind="Stateless"),
        fabric_profile=devopsinfrastructure.VmssFabricProfileArgs(
            kind="Vmss",
            sku=devopsinfrastructure.DevOpsAzureSkuArgs(name=args.vm_size),
            images=[_pool_image(args.image)],
            network_profile=devopsinfrastructure.NetworkProfileArgs(subnet_id=args.subnet_id),
            os_profile=devopsinfrastructure.OsProfileArgs(logon_type=devopsinfrastructure.LogonType.SERVICE),
            storage_profile=devopsinfrastructure.StorageProfileArgs(
                os_disk_storage_account_type=devopsinfrastructure.OsDiskStorageAccountType.STANDARD_SSD
            ),
        ),
        organization_profile=devopsinfrastructure.AzureDevOpsOrganizationProfileArgs(
            kind="AzureDevOps",
            organizations=[
                devopsinfrastructure.OrganizationArgs(
                    url=f"https://dev.azure.com/{args.organization}",
                    projects=[args.project],
                    parallelism=args.maximum,
                    open_access=False,
                )
            ],
            permission_profile=devopsinfrastructure.AzureDevOpsPermissionProfileArgs(
                kind=devopsinfrastructure.AzureDevOpsPermissionType.INHERIT
            ),
        ),
        tags=place.tags,
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[args.network, *assignments]),
    )
    return pool.name


def _pool_image(image: str) -> devopsinfrastructure.PoolImageArgs:
    if image:
        return devopsinfrastructure.PoolImageArgs(resource_id=image, buffer="*")
    return devopsinfrastructure.PoolImageArgs(well_known_image_name="ubuntu-24.04/latest", buffer="*")


def _scale_set(name: str, args: DeployerArgs, parent: pulumi.Resource) -> pulumi.Output[str]:
    place = args.placement
    scale_set = compute.VirtualMachineScaleSet(
        f"{name}-pool",
        vm_scale_set_name=args.name,
        resource_group_name=place.resource_group,
        location=place.location,
        zones=list(place.zones),
        # What Azure DevOps asks of a scale set that it is to manage.
        orchestration_mode=compute.OrchestrationMode.UNIFORM,
        overprovision=False,
        single_placement_group=False,
        platform_fault_domain_count=1,
        upgrade_policy=compute.UpgradePolicyArgs(mode=compute.UpgradeMode.MANUAL),
        sku=compute.SkuArgs(name=args.vm_size, tier="Standard", capacity=0),
        virtual_machine_profile=compute.VirtualMachineScaleSetVMProfileArgs(
            os_profile=_os_profile(args.ssh_public_key),
            security_profile=compute.SecurityProfileArgs(
                encryption_at_host=args.host_encryption,
                security_type=compute.SecurityTypes.TRUSTED_LAUNCH,
                uefi_settings=compute.UefiSettingsArgs(secure_boot_enabled=True, v_tpm_enabled=True),
            ),
            storage_profile=compute.VirtualMachineScaleSetStorageProfileArgs(
                image_reference=_image_reference(args.image),
                os_disk=_os_disk(args.vm_size),
            ),
            network_profile=compute.VirtualMachineScaleSetNetworkProfileArgs(
                network_interface_configurations=[
                    compute.VirtualMachineScaleSetNetworkConfigurationArgs(
                        name="deployer",
                        primary=True,
                        ip_configurations=[
                            compute.VirtualMachineScaleSetIPConfigurationArgs(
                                name="deployer", primary=True, subnet=compute.ApiEntityReferenceArgs(id=args.subnet_id)
                            )
                        ],
                    )
                ]
            ),
        ),
        tags=place.tags,
        opts=pulumi.ResourceOptions(
            parent=parent,
            depends_on=[args.network],
            ignore_changes=[
                "sku.capacity",
                'tags["__AzureDevOpsElasticPool"]',
                'tags["__AzureDevOpsElasticPoolTimeStamp"]',
            ],
        ),
    )
    return scale_set.name


def _image_reference(image: str) -> compute.ImageReferenceArgs:
    if image:
        return compute.ImageReferenceArgs(id=image)
    return compute.ImageReferenceArgs(publisher="Canonical", offer="ubuntu-24_04-lts", sku="server", version="latest")


def _os_profile(ssh_public_key: str) -> compute.VirtualMachineScaleSetOSProfileArgs:
    return compute.VirtualMachineScaleSetOSProfileArgs(
        computer_name_prefix="deployer",
        admin_username=USER,
        # The agent itself comes as an extension.
        allow_extension_operations=True,
        linux_configuration=compute.LinuxConfigurationArgs(
            disable_password_authentication=True,
            provision_vm_agent=True,
            ssh=compute.SshConfigurationArgs(
                public_keys=[
                    compute.SshPublicKeyArgs(path=f"/home/{USER}/.ssh/authorized_keys", key_data=ssh_public_key)
                ]
            ),
        ),
    )


def _os_disk(vm_size: str) -> compute.VirtualMachineScaleSetOSDiskArgs:
    if has_local_disk(vm_size):
        return compute.VirtualMachineScaleSetOSDiskArgs(
            create_option=compute.DiskCreateOptionTypes.FROM_IMAGE,
            # An ephemeral disk caches nothing else.
            caching=compute.CachingTypes.READ_ONLY,
            diff_disk_settings=compute.DiffDiskSettingsArgs(
                option=compute.DiffDiskOptions.LOCAL, placement=compute.DiffDiskPlacement.RESOURCE_DISK
            ),
        )
    return compute.VirtualMachineScaleSetOSDiskArgs(
        create_option=compute.DiskCreateOptionTypes.FROM_IMAGE,
        caching=compute.CachingTypes.READ_WRITE,
        managed_disk=compute.VirtualMachineScaleSetManagedDiskParametersArgs(
            storage_account_type=compute.StorageAccountTypes.STANDARD_SS_D_LRS
        ),
    )


def has_local_disk(vm_size: str) -> bool:
    """Tell whether machines of a size have a temporary disk that holds an operating system, by the size's name.

    Up to the fifth generation a `d` says so; from the sixth on the disk is an NVMe one, which wants other settings.
    """
    found = re.fullmatch(r"Standard_[A-Z]+\d+(?:-\d+)?([a-z]*)_v(\d+)", vm_size)
    return found is not None and "d" in found[1] and int(found[2]) <= 5  # noqa: PLR2004 - a generation
