"""What an environment in Azure is asked for: every key of its stack file but those that every platform has.

A key is declared here and in `Pulumi.yaml`, which holds its default and what it is for.
"""

import re
from ipaddress import IPv4Network
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr

from components.maintenance import Day
from infra import machine_size, value
from infra.problem import WrongValueError
from infra.region import REGIONS

OLDEST_KUBERNETES = 30


def _minor(version: str) -> str:
    if int(version.partition(".")[2]) < OLDEST_KUBERNETES:
        fix = f"use 1.{OLDEST_KUBERNETES} or newer, in quotes, without which YAML reads 1.40 as 1.4"
        raise WrongValueError("is older than what this release is made for", fix)
    return version


def _webhook(url: SecretStr) -> SecretStr:
    if url.get_secret_value() and not url.get_secret_value().startswith("https://"):
        raise WrongValueError("does not start with https://", "set the webhook's https address as a secret")
    return url


def _cap(gigabytes: float) -> float:
    if gigabytes != -1 and not 1 <= gigabytes <= 1000:  # noqa: PLR2004 - the message says both
        raise WrongValueError("is out of range", "use 1 to 1000, or -1 for no cap")
    return gigabytes


def _in_a_gallery(image: str) -> str:
    if re.search("/providers/Microsoft.Compute/images/", image, re.IGNORECASE):
        fix = "copy it into an Azure Compute Gallery, and write the id that it has there"
        raise WrongValueError("is a managed image, which goes with neither a managed pool nor trusted launch", fix)
    return image


_SIZE = value.shaped(machine_size.SHAPE.pattern, "use the name of a size, such as Standard_D4ds_v5")
_GROUP = rf"/(?i:subscriptions)/{value.GUID}/(?i:resourceGroups)/[\w().-]{{1,90}}"
_GALLERY = rf"{_GROUP}/(?i:providers/Microsoft\.Compute/galleries)/[A-Za-z0-9_.]{{1,80}}"
_GALLERY_IMAGE = rf"{_GALLERY}/(?i:images)/[A-Za-z0-9_.-]{{1,80}}(/(?i:versions)/\d+\.\d+\.\d+)?"
_NAME = r"[A-Za-z0-9]([A-Za-z0-9-]{0,48}[A-Za-z0-9])?"
_PROJECT = r"[^\s_.\\/:*?\"'<>|;#$*{},+=\[\]&%~@!()][^\\/:*?\"<>|;#$*{},+=\[\]]{0,63}"
_LABEL_NAME = r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
_LABEL = rf"([a-z0-9]([a-z0-9.-]{{0,251}}[a-z0-9])?/)?{_LABEL_NAME}=({_LABEL_NAME})?"

Network = Annotated[IPv4Network, value.network()]
Networks = Annotated[tuple[IPv4Network, ...], value.networks()]
Size = Annotated[str, _SIZE]
Nodes = Annotated[int, value.between(0, 1000)]
Hosts = Annotated[
    tuple[str, ...],
    value.listed(),
    value.each(rf"(\*\.)?{value.HOST}", "write host names such as pokeapi.co or *.example.com"),
]
Reason = Annotated[str, AfterValidator(str.strip)]
Connection = Annotated[
    str, value.shaped(r"[A-Za-z0-9][A-Za-z0-9 ._()-]{0,127}", "write the service connection's name", optional=True)
]
Subject = Annotated[
    str,
    value.shaped(
        rf"/eid1/c/pub/t/[\w-]+/a/[\w-]+/sc/{value.GUID}/{value.GUID}",
        "copy the subject identifier that the service connection shows, /eid1/…/sc/…",
        optional=True,
    ),
]


class AzureSettings(BaseModel):
    """What a stack file says about an environment in Azure, each key checked by itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    location: Annotated[str, value.known(REGIONS, "use a region's programmatic name, such as westeurope")]
    name_suffix: Annotated[str, value.shaped(r"[a-z0-9]{3,8}", "use 3 to 8 lower-case letters and digits of your own")]

    address_plan: Network
    address_space: Network
    peer_address_spaces: Networks
    pod_cidr: Network
    service_cidr: Network

    public_access: Literal["disabled", "authorizedRanges"]
    public_access_reason: Reason
    authorized_ip_ranges: Networks
    deployer: Literal["none", "managedDevOpsPool", "scaleSet"]
    deployer_vm_size: Size
    deployer_image: Annotated[
        str,
        AfterValidator(_in_a_gallery),
        value.shaped(
            _GALLERY_IMAGE,
            "write /subscriptions/…/galleries/GALLERY/images/NAME, and /versions/1.2.3 behind it for that one alone",
            optional=True,
        ),
    ]
    deployer_maximum: Annotated[int, value.between(1, 100)]
    deployer_principal_id: Annotated[str, value.shaped(value.GUID, "write the object id, not the name", optional=True)]
    deployer_ssh_public_key: Annotated[
        str,
        value.shaped(
            r"(ssh-rsa AAAAB3NzaC1yc2E|ssh-ed25519 AAAAC3NzaC1lZDI1NTE5)[A-Za-z0-9+/]{40,}={0,2}( [^\r\n]*)?",
            "use one line of a .pub file that starts with ssh-ed25519 or ssh-rsa",
            optional=True,
        ),
    ]
    deployer_fqdns: Hosts
    egress: Literal["firewall", "natGateway"]
    egress_reason: Reason
    egress_fqdns: Hosts

    zones: Annotated[
        tuple[str, ...],
        value.listed(),
        value.each("[123]", "use some of 1, 2, 3"),
        value.not_empty("use 1,2,3 or some of them"),
    ]
    zones_reason: Reason
    cluster_tier: Literal["Free", "Standard", "Premium"]
    cluster_tier_reason: Reason
    kubernetes_version: Annotated[
        str, value.shaped(r"1\.\d{1,3}", "use a minor version such as 1.34"), AfterValidator(_minor)
    ]
    system_pool_vm_size: Size
    system_pool_minimum: Annotated[int, value.between(2, 1000)]
    system_pool_minimum_reason: Reason
    system_pool_maximum: Annotated[int, value.between(2, 1000)]
    flow_pool_vm_size: Size
    flow_pool_minimum: Nodes
    flow_pool_maximum: Annotated[int, value.between(1, 1000)]
    flow_pool_labels: Annotated[
        tuple[str, ...], value.listed(), value.each(_LABEL, "write Kubernetes labels as name=value")
    ]
    spot_pool: bool
    spot_pool_vm_size: Size
    spot_pool_maximum: Annotated[int, value.between(1, 1000)]
    os_disk_type: Literal["Ephemeral", "Managed"]
    os_disk_type_reason: Reason
    host_encryption: bool
    host_encryption_reason: Reason
    upgrade_channel: Literal["patch", "stable", "rapid"]
    node_upgrade_channel: Literal["NodeImage", "SecurityPatch"]
    maintenance_day: Day
    maintenance_hour: Annotated[int, value.between(0, 23)]

    storage_redundancy: Literal["GZRS", "ZRS", "LRS"]
    storage_redundancy_reason: Reason
    soft_delete_days: Annotated[int, value.between(7, 365)]
    result_retention_days: Annotated[int, value.between(1, 3650)]
    registry_retention_days: Annotated[int, value.between(0, 365)]
    registry_exports: bool
    registry_exports_reason: Reason
    database_version: Literal["14", "15", "16", "17"]
    database_sku: Annotated[
        str,
        value.shaped(r"Standard_(B\d{1,2}(ms|s)|[DE]\d{1,3}[a-z]*_v\d)", "use a size such as Standard_D2ds_v5"),
    ]
    database_storage_gib: Annotated[int, value.member(32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32767)]
    database_high_availability: Literal["ZoneRedundant", "SameZone", "Disabled"]
    database_high_availability_reason: Reason
    database_backup_days: Annotated[int, value.between(7, 35)]
    database_backup_days_reason: Reason
    database_geo_backup: bool
    database_geo_backup_reason: Reason
    protection: bool
    protection_reason: Reason

    server_replicas: Annotated[int, value.between(1, 5)]
    image_mirror: bool
    image_mirror_reason: Reason
    flow_image: Annotated[
        str,
        value.shaped(
            rf"{value.HOST}(/[a-z0-9]+([._-]+[a-z0-9]+)*)+@sha256:[0-9a-f]{{64}}",
            "write REGISTRY/NAME@sha256:DIGEST",
            optional=True,
        ),
    ]
    flow_image_revision: Annotated[str, value.shaped("[0-9a-f]{40}", "write the whole hash of a commit", optional=True)]
    agent_labels: Annotated[
        tuple[str, ...], value.listed(), value.each(r"\S+", "separate labels with commas, without spaces inside")
    ]
    flow_networks: Networks
    dask: bool
    dask_workers_minimum: Annotated[int, value.between(1, 500)]
    dask_workers_maximum: Annotated[int, value.between(1, 500)]

    log_retention_days: Annotated[int, value.between(30, 730)]
    log_daily_cap_gb: Annotated[float, AfterValidator(_cap)]
    alert_emails: Annotated[
        tuple[str, ...],
        value.listed(),
        value.each(rf"[A-Za-z0-9._%+-]+@{value.HOST}", "write addresses such as oncall@example.com"),
        value.not_empty("name whom an alert is sent to"),
    ]
    alert_webhook: Annotated[SecretStr, AfterValidator(_webhook)]

    administrators: Annotated[
        tuple[str, ...],
        value.listed(),
        value.each(value.GUID, "write object ids of Entra ID, not names"),
        value.not_empty("name the object ids of the users or groups who administer the environment"),
    ]
    devops_organization: Annotated[str, value.shaped(_NAME, "write NAME of https://dev.azure.com/NAME", optional=True)]
    devops_organization_id: Annotated[str, value.shaped(value.GUID, "write the organisation's GUID", optional=True)]
    devops_project: Annotated[str, value.shaped(_PROJECT, "write the project's name", optional=True)]
    devops_service_connection: Connection
    devops_subject: Subject
    devops_preview_connection: Connection
    devops_preview_subject: Subject
    ui_login: bool
    ui_host: Annotated[str, value.shaped(value.HOST, "write a host name such as prefect.example.com", optional=True)]
