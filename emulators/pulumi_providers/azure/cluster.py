"""What AKS refuses of a cluster and its pools, beyond types and addresses."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from emulators.pulumi_providers.azure.plan import Plan, Planned
from emulators.pulumi_providers.validation import Failure
from emulators.pulumi_providers.value import Unknown, inside

_POOL = re.compile("[a-z][a-z0-9]{0,11}")
_OWN_NETWORK = ("userDefinedRouting", "userAssignedNATGateway")


def judge(planned: Planned, plan: Plan) -> Iterator[Failure]:
    """A cluster."""
    del plan
    inputs = planned.inputs
    yield from _access(inputs)
    yield from _identity(inputs)
    yield from _network(inputs)
    given = inputs.get("agentPoolProfiles")
    pools = [pool for pool in given if isinstance(pool, Mapping)] if isinstance(given, list) else []
    if given in (None, []) or (pools and all(pool.get("mode") == "User" for pool in pools)):
        yield Failure("agentPoolProfiles", "a cluster needs a pool of mode System")
    for index, pool in enumerate(pools):
        where = f"agentPoolProfiles[{index}]."
        if not isinstance(pool.get("name"), Unknown) and not _POOL.fullmatch(str(pool.get("name"))):
            yield Failure(
                f"{where}name", f'"{pool.get("name")}" is no name of a pool: 1 to 12 of a-z and 0-9, a letter first'
            )
        if inside(inputs, "networkProfile", "outboundType") in _OWN_NETWORK and pool.get("vnetSubnetID") is None:
            yield Failure(
                f"{where}vnetSubnetID", "is required where networkProfile.outboundType leads through your network"
            )
        yield from _pool(pool, where)


def judge_pool(planned: Planned, plan: Plan) -> Iterator[Failure]:
    """A pool that is a resource of its own."""
    del plan
    yield from _pool(planned.inputs, "")


def _access(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    ranges = inside(inputs, "apiServerAccessProfile", "authorizedIPRanges")
    if inside(inputs, "apiServerAccessProfile", "enablePrivateCluster") is True and isinstance(ranges, list) and ranges:
        where = "apiServerAccessProfile.authorizedIPRanges"
        yield Failure(where, "a private cluster has none: its API server has no public side")
    if inputs.get("disableLocalAccounts") is True and inputs.get("aadProfile") is None:
        yield Failure("disableLocalAccounts", "needs an aadProfile: nobody could log in")
    if inside(inputs, "aadProfile", "enableAzureRBAC") is True and inputs.get("enableRBAC") is False:
        yield Failure("aadProfile.enableAzureRBAC", "needs enableRBAC")


def _identity(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    issuer = inside(inputs, "oidcIssuerProfile", "enabled")
    if inside(inputs, "securityProfile", "workloadIdentity", "enabled") is True and issuer in (None, False):
        yield Failure("securityProfile.workloadIdentity.enabled", "needs oidcIssuerProfile.enabled")
    kind, own = inside(inputs, "identity", "type"), inside(inputs, "identity", "userAssignedIdentities")
    if kind == "UserAssigned" and isinstance(own, list | Mapping) and len(own) != 1:
        yield Failure("identity.userAssignedIdentities", f"a control plane has exactly one, not {len(own)}")
    if inside(inputs, "identityProfile", "kubeletidentity") is not None and kind == "SystemAssigned":
        yield Failure("identityProfile.kubeletidentity", "needs a control plane with a user-assigned identity")
    zone = inside(inputs, "apiServerAccessProfile", "privateDNSZone")
    if isinstance(zone, str) and zone.lower() not in {"system", "none"} and kind == "SystemAssigned":
        yield Failure("apiServerAccessProfile.privateDNSZone", "a zone of your own needs a user-assigned identity")


def _network(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    profile = inputs.get("networkProfile")
    if not isinstance(profile, Mapping):
        return
    if profile.get("networkPolicy") == "cilium" and _is_not(profile.get("networkDataplane"), "cilium"):
        yield Failure("networkProfile.networkPolicy", "cilium needs networkDataplane cilium")
    if profile.get("networkDataplane") == "cilium" and _is_not(profile.get("networkPlugin"), "azure"):
        yield Failure("networkProfile.networkDataplane", "cilium needs networkPlugin azure")
    if profile.get("networkPluginMode") == "overlay" and _is_not(profile.get("networkPlugin"), "azure"):
        yield Failure("networkProfile.networkPluginMode", "overlay needs networkPlugin azure")


def _pool(pool: Mapping[str, Any], where: str) -> Iterator[Failure]:
    least, count, greatest = (pool.get(name) for name in ("minCount", "count", "maxCount"))
    system, spot = pool.get("mode") == "System", pool.get("scaleSetPriority") == "Spot"
    scaling = pool.get("enableAutoScaling")
    if scaling is True:
        for name, value in (("minCount", least), ("maxCount", greatest)):
            if value is None:
                yield Failure(f"{where}{name}", "is required with enableAutoScaling")
        if isinstance(least, int) and isinstance(greatest, int) and least > greatest:
            yield Failure(f"{where}minCount", f"{least} is more than maxCount {greatest}")
        if (
            isinstance(count, int)
            and isinstance(least, int)
            and isinstance(greatest, int)
            and not least <= count <= greatest
        ):
            yield Failure(f"{where}count", f"{count} is not between minCount {least} and maxCount {greatest}")
    elif scaling in (None, False) and (least is not None or greatest is not None):
        yield Failure(f"{where}enableAutoScaling", "must be true where minCount or maxCount is set")
    if system and 0 in (least, count):
        yield Failure(f"{where}count", "a pool of mode System keeps at least one node")
    if system and spot:
        yield Failure(f"{where}scaleSetPriority", "a pool of mode System cannot be Spot")
    if spot and isinstance(inside(pool, "upgradeSettings", "maxSurge"), str):
        yield Failure(f"{where}upgradeSettings.maxSurge", "a pool of priority Spot has none")


def _is_not(value: Any, wanted: str) -> bool:
    """Whether a value is known to be another."""
    return not isinstance(value, Unknown) and value != wanted
