"""Policies on node pools: those inside the cluster's resource, and those that are resources of their own."""

from collections.abc import Iterator

from policies.cluster import CLUSTER
from policies.plan import UNKNOWN, Resource
from policies.rule import on

POOL = "azure-native:containerservice:AgentPool"
ZONES = 3
SYSTEM_NODES = 3


@on(CLUSTER, POOL, controls=(16,), relaxed_by=("zones", "systemPoolMinimum"))
def node_pool_spread(resource: Resource) -> Iterator[str]:
    """Pools span three zones and scale by themselves; a system pool has three nodes."""
    for pool in _pools(resource):
        yield from pool.must("enableAutoScaling", True, "work would wait for a human", "set it in components/pool.py")
        zones = pool.get("availabilityZones")
        if zones is not UNKNOWN and "zones" not in resource.relaxed and len(zones or ()) < ZONES:
            why = "an outage of one zone must leave nodes"
            fix = "set prefect-aks:zones to 1,2,3, or relax it with prefect-aks:zonesReason"
            yield pool.line("availabilityZones", "fewer than three zones", why, fix)
        minimum = pool.get("minCount")
        if str(pool.get("mode")).lower() != "system" or minimum is UNKNOWN or "systemPoolMinimum" in resource.relaxed:
            continue
        if (minimum or 0) < SYSTEM_NODES:
            why = "an upgrade takes one node away, an outage another"
            fix = "set prefect-aks:systemPoolMinimum to 3, or relax it with prefect-aks:systemPoolMinimumReason"
            yield pool.line("minCount", "fewer than three", why, fix)


@on(CLUSTER, POOL, controls=(17,), relaxed_by=("hostEncryption", "osDiskType"))
def node_pool_host(resource: Resource) -> Iterator[str]:
    """Nodes are encrypted at the host, keep nothing on their disks and have no public address."""
    for pool in _pools(resource):
        if "hostEncryption" not in resource.relaxed:
            why = "temporary disks and caches would lie in plain text"
            fix = "set prefect-aks:hostEncryption to true, or relax it with prefect-aks:hostEncryptionReason"
            yield from pool.must("enableEncryptionAtHost", True, why, fix)
        if "osDiskType" not in resource.relaxed:
            why = "an ephemeral disk is faster and holds nothing back"
            fix = "set prefect-aks:osDiskType to Ephemeral, or relax it with prefect-aks:osDiskTypeReason"
            yield from pool.must("osDiskType", "Ephemeral", why, fix)
        why = "a node must not be reached from the internet"
        yield from pool.must("enableNodePublicIP", False, why, "set it in components/pool.py")


def _pools(resource: Resource) -> Iterator[Resource]:
    if resource.type == POOL:
        yield resource
        return
    profiles = resource.get("agentPoolProfiles")
    for profile in profiles if isinstance(profiles, list) else ():
        if profile is not UNKNOWN:
            yield resource.part(profile, f"agentPoolProfiles[{profile.get('name')}]")
