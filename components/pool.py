"""A pool of the cluster's nodes. What AKS cannot change in a pool is part of its name in Azure, and of nothing else."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
from pulumi_azure_native import containerservice as cs

from components.placement import Placement

FLOW_POOL = ("prefect-aks/pool", "flows")
"""The label and the taint of all flow pools: flow jobs select the one and tolerate the other."""
SPOT = ("kubernetes.azure.com/scalesetpriority", "spot")
"""The label and the taint that AKS gives spot nodes; declared, so that a refresh finds them as they are."""

MAX_PODS = 110
MAX_SURGE = "33%"
DRAIN_MINUTES = 60
"""How long an upgrade waits for the flows on a node."""
NAME_LENGTH, DIGEST_LENGTH = 12, 4


@dataclass(frozen=True, kw_only=True)
class Pool:
    """A pool of nodes that the autoscaler keeps between two sizes."""

    vm_size: str
    minimum: int
    maximum: int
    spot: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class NodeArgs:
    """What all pools of a cluster have in common."""

    placement: Placement
    kubernetes_version: str
    subnet_id: pulumi.Input[str]
    os_disk_type: str
    host_encryption: bool


def azure_name(pool_name: str, pool: Pool, nodes: NodeArgs) -> str:
    """A pool's name in Azure: what is left of its own name, and a digest of what AKS cannot change in place.

    A change of one of those so makes a new pool before the old one goes; under one name Pulumi would delete first.
    """
    immutable = (pool_name, pool.vm_size, pool.spot, nodes.os_disk_type, nodes.host_encryption, nodes.placement.zones)
    digest = hashlib.sha256(repr(immutable).encode()).hexdigest()
    return pool_name[: NAME_LENGTH - DIGEST_LENGTH] + digest[:DIGEST_LENGTH]


def system_profile(pool: Pool, nodes: NodeArgs) -> cs.ManagedClusterAgentPoolProfileArgs:
    """The pool that AKS's own pods run in, and no flow."""
    return cs.ManagedClusterAgentPoolProfileArgs(
        name="system",
        mode=cs.AgentPoolMode.SYSTEM,
        type=cs.AgentPoolType.VIRTUAL_MACHINE_SCALE_SETS,
        os_type=cs.OSType.LINUX,
        os_sku=cs.OSSKU.AZURE_LINUX,
        os_disk_type=nodes.os_disk_type,
        vm_size=pool.vm_size,
        enable_auto_scaling=True,
        count=pool.minimum,
        min_count=pool.minimum,
        max_count=pool.maximum,
        max_pods=MAX_PODS,
        availability_zones=nodes.placement.zones,
        vnet_subnet_id=nodes.subnet_id,
        enable_encryption_at_host=nodes.host_encryption,
        enable_node_public_ip=False,
        node_labels=pool.labels,
        node_taints=["CriticalAddonsOnly=true:NoSchedule"],
        orchestrator_version=nodes.kubernetes_version,
        upgrade_settings=cs.AgentPoolUpgradeSettingsArgs(max_surge=MAX_SURGE),
        tags=nodes.placement.tags,
    )


def make_flow_pool(  # noqa: PLR0913 - all but the logical name are named
    name: str,
    *,
    pool_name: str,
    pool: Pool,
    nodes: NodeArgs,
    cluster_name: pulumi.Input[str],
    parent: pulumi.Resource,
) -> cs.AgentPool:
    """Make a pool that flow jobs alone run in."""
    marks = [FLOW_POOL, *([SPOT] if pool.spot else [])]
    return cs.AgentPool(
        name,
        agent_pool_name=azure_name(pool_name, pool, nodes),
        resource_name_=cluster_name,
        resource_group_name=nodes.placement.resource_group,
        mode=cs.AgentPoolMode.USER,
        type=cs.AgentPoolType.VIRTUAL_MACHINE_SCALE_SETS,
        os_type=cs.OSType.LINUX,
        os_sku=cs.OSSKU.AZURE_LINUX,
        os_disk_type=nodes.os_disk_type,
        vm_size=pool.vm_size,
        enable_auto_scaling=True,
        # Where the autoscaler begins, which then owns it. AKS wants a number within the limits, so an old one must not
        # be kept by `ignore_changes`: a higher minimum, or a new pool with one, would be refused.
        count=pool.minimum,
        min_count=pool.minimum,
        max_count=pool.maximum,
        max_pods=MAX_PODS,
        availability_zones=nodes.placement.zones,
        vnet_subnet_id=nodes.subnet_id,
        enable_encryption_at_host=nodes.host_encryption,
        enable_node_public_ip=False,
        node_labels={**pool.labels, **dict(marks)},
        node_taints=[f"{key}={value}:NoSchedule" for key, value in marks],
        orchestrator_version=nodes.kubernetes_version,
        scale_set_priority=cs.ScaleSetPriority.SPOT if pool.spot else cs.ScaleSetPriority.REGULAR,
        scale_set_eviction_policy=cs.ScaleSetEvictionPolicy.DELETE if pool.spot else None,
        # Whatever the going price is, at most that of a machine that is not spot.
        spot_max_price=-1.0 if pool.spot else None,
        # AKS accepts no surge for spot pools.
        upgrade_settings=None
        if pool.spot
        else cs.AgentPoolUpgradeSettingsArgs(max_surge=MAX_SURGE, drain_timeout_in_minutes=DRAIN_MINUTES),
        tags=nodes.placement.tags,
        # The provider deletes before it replaces; the name is another one, so flows need not wait for their nodes.
        opts=pulumi.ResourceOptions(parent=parent, delete_before_replace=False),
    )
