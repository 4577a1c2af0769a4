"""Rules of addresses: what may overlap what, and who is let in."""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network

from infra import address
from infra.problem import Problem

SERVICE_LARGEST, SERVICE_SMALLEST = 13, 24
AUTHORIZED_WIDEST = 16
AUTHORIZED_MOST = 199
"""AKS takes 200, of which the environment's own way out is one."""

Networks = tuple[IPv4Network, ...]


def address_space_size(address_space: IPv4Network) -> Iterator[Problem]:
    """Subnets are carved from it by fixed shares."""
    if address_space.prefixlen < address.LARGEST:
        yield Problem("addressSpace", f"is larger than a /{address.LARGEST}", "use a /16 to /20; others need room too")
    if address_space.prefixlen > address.SMALLEST:
        yield Problem("addressSpace", f"is smaller than a /{address.SMALLEST}", "use a /16 to /20 for all its subnets")


def private_ranges(
    address_plan: IPv4Network, address_space: IPv4Network, pod_cidr: IPv4Network, service_cidr: IPv4Network
) -> Iterator[Problem]:
    """Other addresses belong to somebody on the internet, who could not be reached any more."""
    given = {
        "addressPlan": address_plan,
        "addressSpace": address_space,
        "podCidr": pod_cidr,
        "serviceCidr": service_cidr,
    }
    for key, network in given.items():
        if not address.private(network) and not _taken_by_aks(network):
            fix = "use a range inside 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10"
            yield Problem(key, "is no private range", fix)


def _taken_by_aks(network: IPv4Network) -> list[IPv4Network]:
    return [taken for taken in address.TAKEN_BY_AKS if network.overlaps(taken)]


def reserved_by_aks(address_space: IPv4Network, pod_cidr: IPv4Network, service_cidr: IPv4Network) -> Iterator[Problem]:
    """AKS uses some ranges itself."""
    for key, network in {"addressSpace": address_space, "podCidr": pod_cidr, "serviceCidr": service_cidr}.items():
        for taken in _taken_by_aks(network):
            yield Problem(key, f"overlaps {taken}, which AKS keeps for itself", "use another private range")


def inside_the_plan(address_plan: IPv4Network, address_space: IPv4Network) -> Iterator[Problem]:
    """Environments are told apart by the plan."""
    if address.private(address_space) and not address_space.subnet_of(address_plan):
        yield Problem("addressSpace", f"lies outside addressPlan {address_plan}", "use a range inside it")


def apart_from_neighbours(
    address_plan: IPv4Network, address_space: IPv4Network, neighbours: Mapping[str, IPv4Network]
) -> Iterator[Problem]:
    """Environments can be peered, and told apart in a log, as long as none has another's addresses."""
    for file, theirs in neighbours.items():
        if not address_space.overlaps(theirs):
            continue
        prefix = max(address_space.prefixlen, address_plan.prefixlen)
        free = next(address.free(address_plan, prefix, neighbours.values()), None)
        fix = f"use {free}, which is free" if free else "enlarge addressPlan, which has no free range of this size"
        yield Problem("addressSpace", f"overlaps {theirs} of {file}", fix)


def apart_in_the_cluster(
    address_space: IPv4Network, pod_cidr: IPv4Network, service_cidr: IPv4Network
) -> Iterator[Problem]:
    """A cluster routes by them."""
    if pod_cidr.overlaps(address_space):
        yield Problem("podCidr", f"overlaps addressSpace {address_space}", "use a range of its own")
    if service_cidr.overlaps(address_space):
        yield Problem("serviceCidr", f"overlaps addressSpace {address_space}", "use a range of its own")
    elif service_cidr.overlaps(pod_cidr):
        yield Problem("serviceCidr", f"overlaps podCidr {pod_cidr}", "use a range of its own")


def apart_from_peers(
    address_space: IPv4Network, pod_cidr: IPv4Network, service_cidr: IPv4Network, peer_address_spaces: Networks
) -> Iterator[Problem]:
    """What lies behind a peering could not be reached."""
    own = {"addressSpace": address_space, "podCidr": pod_cidr, "serviceCidr": service_cidr}
    for peer in peer_address_spaces:
        for key, network in own.items():
            if peer.overlaps(network):
                yield Problem(key, f"overlaps {peer} of peerAddressSpaces", "use a range that no peer has")


def service_size(service_cidr: IPv4Network) -> Iterator[Problem]:
    """AKS takes less than a /12."""
    if not SERVICE_LARGEST <= service_cidr.prefixlen <= SERVICE_SMALLEST:
        yield Problem("serviceCidr", f"is a /{service_cidr.prefixlen}", "use a /13 to /24")


def authorized_given(public_access: str, authorized_ip_ranges: Networks) -> Iterator[Problem]:
    """An open side without a list would be open to everyone."""
    if public_access == "authorizedRanges" and not authorized_ip_ranges:
        fix = "list the public ranges of your offices and agents, or set publicAccess to disabled"
        yield Problem("authorizedIpRanges", "is missing, as publicAccess is authorizedRanges", fix)
    if public_access == "disabled" and authorized_ip_ranges:
        fix = "remove it, or set publicAccess to authorizedRanges with its reason"
        yield Problem("authorizedIpRanges", "lets nobody in, as publicAccess is disabled", fix)


def authorized_count(authorized_ip_ranges: Networks) -> Iterator[Problem]:
    """The least of what AKS, the registry and the storage account take."""
    if len(authorized_ip_ranges) > AUTHORIZED_MOST:
        wrong = f"has {len(authorized_ip_ranges)} ranges, where AKS has room for {AUTHORIZED_MOST}"
        yield Problem("authorizedIpRanges", wrong, "join neighbours to wider ranges")


def authorized_width(authorized_ip_ranges: Networks) -> Iterator[Problem]:
    """Only addresses of the internet, and few of them."""
    for each in authorized_ip_ranges:
        if each.prefixlen == 0:
            yield Problem("authorizedIpRanges", f"has {each}, which is the whole internet", "list your own ranges")
        elif any(each.overlaps(network) for network in (*address.PRIVATE, *address.SPECIAL)):
            fix = "list the public addresses that your traffic comes from"
            yield Problem("authorizedIpRanges", f"has {each}, which nothing on the internet comes from", fix)
        elif each.prefixlen < AUTHORIZED_WIDEST:
            wrong = f"has {each}, which is wider than a /{AUTHORIZED_WIDEST}"
            yield Problem("authorizedIpRanges", wrong, "list your own ranges")


RULES = (
    address_space_size,
    private_ranges,
    reserved_by_aks,
    inside_the_plan,
    apart_from_neighbours,
    apart_in_the_cluster,
    apart_from_peers,
    service_size,
    authorized_given,
    authorized_count,
    authorized_width,
)
