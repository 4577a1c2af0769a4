"""Every published rule of Azure that the emulator knows, by the type that it is about."""

import re
from collections.abc import Callable, Iterator, Mapping

from emulators.pulumi_providers.azure import address, cluster, data, naming, reference
from emulators.pulumi_providers.azure.catalogue import types
from emulators.pulumi_providers.azure.plan import Plan, Planned
from emulators.pulumi_providers.validation import Failure

_Rule = Callable[[Planned, Plan], Iterator[Failure]]
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def _address(planned: Planned, plan: Plan) -> Iterator[Failure]:
    del plan
    sku = planned.inputs.get("sku")
    standard = isinstance(sku, Mapping) and sku.get("name") in {"Standard", "StandardV2"}
    if standard and planned.inputs.get("publicIPAllocationMethod") in {None, "Dynamic"}:
        yield Failure("publicIPAllocationMethod", "must be Static for sku Standard")


def _gateway(planned: Planned, plan: Plan) -> Iterator[Failure]:
    del plan
    zones = planned.inputs.get("zones")
    if isinstance(zones, list) and len(zones) > 1:
        yield Failure("zones", f"a NAT gateway is in one zone or in none, not in {len(zones)}")


def _firewall(planned: Planned, plan: Plan) -> Iterator[Failure]:
    for index, one in enumerate(planned.inputs.get("ipConfigurations") or []):
        subnet = one.get("subnet") if isinstance(one, Mapping) else None
        reference_ = subnet.get("id") if isinstance(subnet, Mapping) else None
        names = [
            subnet.get("subnetName") or subnet.get("name") for subnet in plan.candidates(address.SUBNET, reference_)
        ]
        if reference_ is not None and names and "AzureFirewallSubnet" not in names:
            yield Failure(f"ipConfigurations[{index}].subnet.id", "a firewall is in a subnet named AzureFirewallSubnet")


def _credential(planned: Planned, plan: Plan) -> Iterator[Failure]:
    del plan
    audiences, issuer = planned.inputs.get("audiences"), planned.inputs.get("issuer")
    if isinstance(audiences, list) and len(audiences) != 1:
        yield Failure("audiences", f"a federated credential has exactly one, not {len(audiences)}")
    if isinstance(issuer, str) and not issuer.startswith("https://"):
        yield Failure("issuer", f'"{issuer}" must begin with https://')


def _assignment(planned: Planned, plan: Plan) -> Iterator[Failure]:
    del plan
    principal, role = planned.inputs.get("principalId"), planned.inputs.get("roleDefinitionId")
    if isinstance(principal, str) and not _GUID.fullmatch(principal):
        yield Failure("principalId", f'"{principal}" is not the object id of a principal')
    if isinstance(role, str) and not (
        "/providers/microsoft.authorization/roledefinitions/" in role.lower()
        and _GUID.fullmatch(role.rsplit("/", 1)[-1])
    ):
        yield Failure("roleDefinitionId", f'"{role}" is not the id of a role definition')


RULES: Mapping[str, tuple[_Rule, ...]] = {
    "azure-native:authorization:RoleAssignment": (_assignment,),
    "azure-native:containerregistry:Registry": (data.judge_registry, address.judge_callers),
    "azure-native:containerservice:AgentPool": (cluster.judge_pool,),
    "azure-native:containerservice:ManagedCluster": (cluster.judge, address.judge_cluster, address.judge_callers),
    "azure-native:dbforpostgresql:Server": (data.judge_server,),
    "azure-native:managedidentity:FederatedIdentityCredential": (_credential,),
    "azure-native:network:AzureFirewall": (_firewall,),
    "azure-native:network:NatGateway": (_gateway,),
    "azure-native:network:PublicIPAddress": (_address,),
    "azure-native:network:Subnet": (address.judge_subnet,),
    "azure-native:network:VirtualNetwork": (address.judge_network,),
    "azure-native:storage:BlobServiceProperties": (data.judge_blobs,),
    "azure-native:storage:StorageAccount": (data.judge_account, address.judge_callers),
}


def judge(planned: Planned, plan: Plan) -> list[Failure]:
    """Everything that Azure would refuse of a planned resource, as far as it is published and known."""
    found = [*naming.judge(types()[planned.token], planned, plan), *reference.judge(planned, plan)]
    for rule in RULES.get(planned.token, ()):
        found += rule(planned, plan)
    return found
