"""Which addresses an environment has, and how they are shared out: arithmetic without Azure.

A change of the shares moves subnets, which Azure can only do by making them anew.
"""

import math
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network

from components.address_plan import Subnets

LARGEST, SMALLEST = 16, 20
"""Prefix lengths of an environment's address space."""
SHARE = 24
"""Prefix length of every subnet but the nodes'."""
RESERVED_IN_SUBNET = 5
"""Addresses that Azure keeps of every subnet."""
POD_SHARE = 24
"""Prefix length of what AKS gives each node for its pods."""
SURGE = 0.33
"""Share of a pool that an upgrade adds for a while."""

PRIVATE = tuple(IPv4Network(each) for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"))
SPECIAL = tuple(IPv4Network(each) for each in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"))
"""What no one on the internet has: this host, loopback, link-local, multicast and beyond."""
TAKEN_BY_AKS = tuple(IPv4Network(each) for each in ("169.254.0.0/16", "172.30.0.0/16", "172.31.0.0/16", "192.0.2.0/24"))


def private(network: IPv4Network) -> bool:
    """Whether a network lies in one of the ranges that are nobody's on the internet."""
    return any(network.subnet_of(each) for each in PRIVATE)


def nodes(space: IPv4Network) -> IPv4Network:
    """The nodes' subnet: the lower half of the address space."""
    return next(space.subnets())


def subnets(space: IPv4Network) -> Subnets:
    """Carve an address space: the lower half for nodes, a /24 of the upper half for each other subnet."""
    _, upper = space.subnets()
    shares = upper.subnets(new_prefix=SHARE)
    return Subnets(
        nodes=str(nodes(space)),
        firewall=str(next(shares)),
        endpoints=str(next(shares)),
        database=str(next(shares)),
        deployer=str(next(shares)),
        builds=str(next(shares)),
    )


def most_nodes(space: IPv4Network, pods: IPv4Network) -> tuple[int, int]:
    """How many nodes the nodes' subnet has addresses for, and how many the pods' range."""
    return nodes(space).num_addresses - RESERVED_IN_SUBNET, 2 ** max(POD_SHARE - pods.prefixlen, 0)


def free(plan: IPv4Network, prefix: int, taken: Iterable[IPv4Network]) -> Iterator[IPv4Network]:
    """The ranges of a plan, in order, that overlap nothing taken."""
    taken = list(taken)
    for candidate in plan.subnets(new_prefix=prefix):
        if not any(candidate.overlaps(each) for each in taken):
            yield candidate


def surge(maximum: int) -> int:
    """How many nodes an upgrade adds to a pool for a while."""
    return math.ceil(maximum * SURGE)
