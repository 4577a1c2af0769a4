"""Address arithmetic: what Azure refuses of networks, subnets and the ranges of a cluster."""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Network, ip_network
from typing import Any

from emulators.pulumi_providers.azure.plan import Plan, Planned
from emulators.pulumi_providers.validation import Failure
from emulators.pulumi_providers.value import inside

NETWORK = "azure-native:network:VirtualNetwork"
SUBNET = "azure-native:network:Subnet"
POSTGRES = "Microsoft.DBforPostgreSQL/flexibleServers"
Range = IPv4Network | IPv6Network
_SMALLEST_SUBNET = 29
# The greatest prefix length of the subnets that have a service's name.
_RESERVED_NAMES = {
    "AzureFirewallSubnet": 26,
    "AzureFirewallManagementSubnet": 26,
    "AzureBastionSubnet": 26,
    "GatewaySubnet": 27,
    "RouteServerSubnet": 26,
}
_POSTGRES_LENGTH = 28
# Documented for AKS: neither services, nor pods, nor the network of a cluster may be here.
_AKS_RESERVED = tuple(ip_network(it) for it in ("169.254.0.0/16", "172.30.0.0/16", "172.31.0.0/16", "192.0.2.0/24"))
_SERVICE_LENGTH = 12
_PRIVATE = tuple(ip_network(it) for it in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
_STORAGE_LENGTH = 30


def parse(text: Any, path: str, *, strict: bool = True) -> tuple[list[Range], list[Failure]]:
    """A range, or what is wrong with it; an unknown one is neither."""
    if not isinstance(text, str):
        return [], []
    length = text.rpartition("/")[2]
    if (strict or "/" in text) and not length.isdecimal():
        # Python takes an address for a range of one, and a mask for a length. Azure takes neither.
        return [], [Failure(path, f'"{text}" is not an address range such as 10.0.0.0/16')]
    try:
        return [ip_network(text, strict=strict)], []
    except ValueError:
        pass
    try:
        meant = ip_network(text, strict=False)
    except ValueError:
        return [], [Failure(path, f'"{text}" is not an address range such as 10.0.0.0/16')]
    return [], [Failure(path, f'"{text}" has bits set after its prefix: {meant} is meant')]


def parse_all(texts: Any, path: str) -> tuple[list[Range], list[Failure]]:
    """The ranges of a list, and what is wrong with the others."""
    ranges, failures = [], []
    for index, text in enumerate(texts if isinstance(texts, list) else []):
        found, wrong = parse(text, f"{path}[{index}]")
        ranges += found
        failures += wrong
    return ranges, failures


def judge_network(planned: Planned, plan: Plan) -> Iterator[Failure]:
    """The ranges of a network."""
    del plan
    space = planned.inputs.get("addressSpace")
    path = "addressSpace.addressPrefixes"
    ranges, failures = parse_all(space.get("addressPrefixes") if isinstance(space, Mapping) else None, path)
    yield from failures
    yield from _overlaps(ranges, path)


def _overlaps(ranges: list[Range], path: str) -> Iterator[Failure]:
    for index, one in enumerate(ranges):
        for other in ranges[:index]:
            if one.overlaps(other):
                yield Failure(path, f"{one} and {other} overlap")


def spaces(network: Mapping[str, Any]) -> list[Range]:
    """The ranges of a network that are sound."""
    space = network.get("addressSpace")
    return parse_all(space.get("addressPrefixes") if isinstance(space, Mapping) else None, "")[0]


def prefixes(subnet: Mapping[str, Any]) -> list[Range]:
    """The ranges of a subnet that are sound."""
    return [*parse(subnet.get("addressPrefix"), "")[0], *parse_all(subnet.get("addressPrefixes"), "")[0]]


def judge_subnet(planned: Planned, plan: Plan) -> Iterator[Failure]:
    """The ranges of a subnet: their size, in their network, apart from their neighbours."""
    inputs = planned.inputs
    path = "addressPrefix" if inputs.get("addressPrefix") is not None else "addressPrefixes"
    yield from parse(inputs.get("addressPrefix"), "addressPrefix")[1]
    yield from parse_all(inputs.get("addressPrefixes"), "addressPrefixes")[1]
    ranges = prefixes(inputs)
    yield from _size(inputs, ranges, path)
    networks = _networks(inputs, plan)
    for one in ranges:
        around = [space for network in networks for space in spaces(network)]
        if around and not any(_within(one, space) for space in around):
            names = ", ".join(str(network.get("virtualNetworkName") or network.get("name")) for network in networks)
            yield Failure(path, f"{one} is outside the network {names}, which has {', '.join(map(str, around))}")
        for other in _neighbours(planned, plan, len(networks)):
            if any(one.overlaps(taken) for taken in prefixes(other.inputs)):
                yield Failure(path, f"{one} overlaps {', '.join(map(str, prefixes(other.inputs)))} of {other.name}")


def _within(one: Range, space: Range) -> bool:
    if isinstance(one, IPv4Network) and isinstance(space, IPv4Network):
        return one.subnet_of(space)
    return isinstance(one, IPv6Network) and isinstance(space, IPv6Network) and one.subnet_of(space)


def _networks(inputs: Mapping[str, Any], plan: Plan) -> list[Mapping[str, Any]]:
    """The network of a subnet: the planned one of its name, or any where the name is not known yet."""
    name = inputs.get("virtualNetworkName")
    every = [network.inputs for network in plan.of(NETWORK)]
    return [one for one in every if one.get("virtualNetworkName") == name] if isinstance(name, str) else every


def _neighbours(planned: Planned, plan: Plan, networks: int) -> Iterator[Planned]:
    """The other subnets of the same network; none where there are several networks and it is not known which."""
    mine = planned.inputs.get("virtualNetworkName")
    for other in plan.of(SUBNET):
        theirs = other.inputs.get("virtualNetworkName")
        same = mine == theirs if isinstance(mine, str) and isinstance(theirs, str) else networks == 1
        if other.urn != planned.urn and same:
            yield other


def _size(inputs: Mapping[str, Any], ranges: list[Range], path: str) -> Iterator[Failure]:
    name = str(inputs.get("subnetName", ""))
    exact = {reserved.lower(): reserved for reserved in _RESERVED_NAMES}.get(name.lower())
    if exact and exact != name:
        yield Failure("subnetName", f'"{name}" must be written {exact}')
    limit = _RESERVED_NAMES.get(exact or "", _SMALLEST_SUBNET)
    reason = exact or "a subnet"
    if POSTGRES in delegations(inputs):
        limit, reason = _POSTGRES_LENGTH, f"a subnet of {POSTGRES}"
    for one in ranges:
        if one.version == 4 and one.prefixlen > limit:  # noqa: PLR2004 -- of the Internet Protocol
            yield Failure(path, f"{one} is too small for {reason}: it needs a /{limit} or larger")


def delegations(subnet: Mapping[str, Any]) -> set[str]:
    """The services that a subnet is delegated to."""
    given = subnet.get("delegations")
    return (
        {str(one.get("serviceName")) for one in given if isinstance(one, Mapping)} if isinstance(given, list) else set()
    )


def judge_callers(planned: Planned, plan: Plan) -> Iterator[Failure]:
    """The public addresses that may reach a cluster's API server, a storage account or a registry."""
    del plan
    is_account = planned.token.endswith(":StorageAccount")
    ranges = inside(planned.inputs, "apiServerAccessProfile", "authorizedIPRanges")
    told = [(f"apiServerAccessProfile.authorizedIPRanges[{at}]", it) for at, it in enumerate(_list(ranges))]
    rules = _list(inside(planned.inputs, "networkRuleSet", "ipRules"))
    told += [
        (f"networkRuleSet.ipRules[{at}].iPAddressOrRange", inside(it, "iPAddressOrRange"))
        for at, it in enumerate(rules)
    ]
    for path, text in told:
        found, failures = parse(text, path, strict=False)
        yield from failures
        for one in found:
            if any(_within(one, private) for private in _PRIVATE):
                yield Failure(path, f"{one} is private: only public addresses are seen there")
            if is_account and "/" in str(text) and one.prefixlen > _STORAGE_LENGTH:
                yield Failure(
                    path, f"{text} is too small for a range of a storage account: write single addresses without /"
                )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def judge_cluster(planned: Planned, plan: Plan) -> Iterator[Failure]:
    """The ranges of a cluster: of pods, of services, of its networks."""
    profile = planned.inputs.get("networkProfile")
    if not isinstance(profile, Mapping):
        return
    ranges: list[tuple[str, Range]] = []
    for name in ("podCidr", "serviceCidr"):
        found, failures = parse(profile.get(name), f"networkProfile.{name}")
        yield from failures
        ranges += [(f"networkProfile.{name}", one) for one in found]
    others = [
        (str(network.inputs.get("virtualNetworkName")), one)
        for network in plan.of(NETWORK)
        for one in spaces(network.inputs)
    ]
    for index, (path, one) in enumerate(ranges):
        for where, other in [*ranges[:index], *others]:
            if one.overlaps(other):
                yield Failure(path, f"{one} overlaps {other} of {where}")
        yield from _reserved(path, one)
    for name, one in others:
        yield from _reserved(f"the network {name}", one)
    yield from _services(profile, [one for path, one in ranges if path.endswith("serviceCidr")])


def _reserved(path: str, one: Range) -> Iterator[Failure]:
    for reserved in _AKS_RESERVED:
        if one.overlaps(reserved):
            yield Failure(path, f"{one} overlaps {reserved}, which AKS keeps for itself")


def _services(profile: Mapping[str, Any], services: Iterable[Range]) -> Iterator[Failure]:
    address = profile.get("dnsServiceIP")
    for service in services:
        if service.prefixlen <= _SERVICE_LENGTH:
            yield Failure(
                "networkProfile.serviceCidr", f"{service} is too large: it must be smaller than a /{_SERVICE_LENGTH}"
            )
        if not isinstance(address, str):
            continue
        try:
            wanted = IPv4Address(address)
        except AddressValueError:
            yield Failure("networkProfile.dnsServiceIP", f'"{address}" is not an IPv4 address')
            continue
        if wanted not in service:
            yield Failure("networkProfile.dnsServiceIP", f"{wanted} is outside the services' range {service}")
        elif wanted == service.network_address + 1:
            yield Failure(
                "networkProfile.dnsServiceIP", f"{wanted} is the first of {service}, which the API server has"
            )
