"""Which part of a network's addresses each subnet has: what rules speak of, and nothing that Azure knows."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Subnets:
    """The address range of each subnet, in CIDR notation, all inside the network's."""

    nodes: str
    firewall: str
    endpoints: str
    database: str
    deployer: str
    builds: str
