"""Policies on container registries."""

from collections.abc import Iterator

from policies.network import unreached
from policies.plan import Plan, Resource
from policies.rule import on, on_plan

REGISTRY = "azure-native:containerregistry:Registry"
FIX = "set it in components/registry.py"
CLOSE = "set prefect-aks:publicAccess to disabled, or to authorizedRanges with prefect-aks:publicAccessReason"


@on(REGISTRY, controls=(21,))
def registry_accounts(registry: Resource) -> Iterator[str]:
    """Nobody pulls or pushes but as an identity of Entra ID."""
    yield from registry.must("adminUserEnabled", False, "its password is shared and never expires", FIX)
    yield from registry.must("anonymousPullEnabled", False, "anyone could read the images", FIX)


@on(REGISTRY, controls=(22,), relaxed_by=("publicAccess", "zones"))
def registry_network(registry: Resource) -> Iterator[str]:
    """The registry is Premium, closed to the public and spread over zones."""
    yield from registry.must("sku.name", "Premium", "others have no private endpoint", FIX)
    why = "images would be a password away from the internet"
    if "publicAccess" not in registry.relaxed:
        yield from registry.must("publicNetworkAccess", "Disabled", why, CLOSE)
    yield from registry.must("networkRuleSet.defaultAction", "Deny", why, FIX)
    yield from registry.must("dataEndpointEnabled", True, "a firewall could not tell its layers from others'", FIX)
    if "zones" not in registry.relaxed:
        why = "nodes of other zones must still pull when one is down"
        fix = "set prefect-aks:zones to 1,2,3, or relax it with prefect-aks:zonesReason"
        yield from registry.must("zoneRedundancy", "Enabled", why, fix)


@on_plan(controls=(22,))
def registry_private_endpoint(plan: Plan) -> Iterator[tuple[Resource, str]]:
    """The registry has a private endpoint with a name."""
    yield from unreached(plan, plan.of(REGISTRY), "components/registry.py")


@on(REGISTRY, controls=(23,), relaxed_by=("publicAccess", "registryExports"))
def registry_policies(registry: Resource) -> Iterator[str]:
    """Untagged images go, images cannot be exported, and tokens are the registry's own."""
    yield from registry.must("policies.retentionPolicy.status", "enabled", "untagged images would pile up", FIX)
    days = registry.get("policies.retentionPolicy.days")
    if days is None:
        why = "how long an untagged image can be restored must be somebody's decision"
        yield registry.line(
            "policies.retentionPolicy.days", "not a number", why, "set prefect-aks:registryRetentionDays"
        )
    why = "a token for all of Azure must not open it"
    yield from registry.must("policies.azureADAuthenticationAsArmPolicy.status", "disabled", why, FIX)
    # Azure refuses to switch export off while the registry has a public side.
    if not {"publicAccess", "registryExports"} & {*registry.relaxed}:
        why, fix = "images could be copied away", f"{CLOSE}; or set prefect-aks:registryExports to false"
        yield from registry.must("policies.exportPolicy.status", "disabled", why, fix)
