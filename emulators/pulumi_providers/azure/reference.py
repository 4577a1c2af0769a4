"""References between resources: what an id names must exist, and be fit for what refers to it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from emulators.pulumi_providers.azure.address import POSTGRES, SUBNET, delegations
from emulators.pulumi_providers.azure.catalogue import types
from emulators.pulumi_providers.azure.plan import Plan, Planned
from emulators.pulumi_providers.validation import Failure
from emulators.pulumi_providers.value import texts

_GROUP = re.compile(r"(/subscriptions/[^/]+/resourceGroups/[^/]+)/providers/(.+)", re.IGNORECASE)
_DEVOPS = "Microsoft.DevOpsInfrastructure/pools"
# The input of a type that must be a subnet delegated to a service.
_DELEGATED = {
    "azure-native:dbforpostgresql:Server": (("network", "delegatedSubnetResourceId"), POSTGRES),
    "azure-native:devopsinfrastructure:Pool": (("networkProfile", "subnetId"), _DEVOPS),
}


def judge(planned: Planned, plan: Plan) -> Iterator[Failure]:
    """References that lead nowhere, or to a subnet that is not delegated."""
    yield from missing(planned.inputs, plan)
    if planned.token in _DELEGATED:
        yield from _delegation(planned, plan)


def missing(inputs: Mapping[str, Any], plan: Plan) -> Iterator[Failure]:
    """Ids of what neither is planned nor exists.

    Only in resource groups that are planned or exist here: of others nothing can be known.
    """
    known = {row.arm.lower() for row in types().values()}
    for path, text in texts(inputs):
        found = _GROUP.fullmatch(text)
        if not found or plan.find(found[1]) is None:
            continue
        space, *steps = re.split("/providers/", found[2], flags=re.IGNORECASE)[-1].split("/")
        if "/".join([space, *steps[::2]]).lower() in known and plan.find(text) is None and not _is_inline(text, plan):
            yield Failure(path, f"{text} neither exists nor is planned")


def _is_inline(identity: str, plan: Plan) -> bool:
    """Whether an id names a subnet that its network has in a list of its own."""
    parent, _, rest = identity.rpartition("/subnets/")
    network = plan.find(parent) if parent else None
    inline = (network or {}).get("subnets")
    return isinstance(inline, list) and any(one.get("name") == rest for one in inline if isinstance(one, Mapping))


def _delegation(planned: Planned, plan: Plan) -> Iterator[Failure]:
    (profile, name), service = _DELEGATED[planned.token]
    given = planned.inputs.get(profile)
    reference = given.get(name) if isinstance(given, Mapping) else None
    if reference is None:
        return
    subnets = plan.candidates(SUBNET, reference)
    if subnets and not any(service in delegations(subnet) for subnet in subnets):
        which = reference if isinstance(reference, str) else "no subnet of this plan"
        verb = "is not delegated" if isinstance(reference, str) else "is delegated"
        yield Failure(f"{profile}.{name}", f"{which} {verb} to {service}")
