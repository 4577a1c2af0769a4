"""The public addresses that Azure's data services let in, in the form that their firewalls take."""

from collections.abc import Iterable
from ipaddress import IPv4Network

POINT_TO_POINT = 31


def addresses(ranges: Iterable[str]) -> list[str]:
    """Write ranges as those services take them: a range of one or two addresses, which they refuse, becomes these."""
    return [
        address
        for each in map(IPv4Network, ranges)
        for address in (map(str, each) if each.prefixlen >= POINT_TO_POINT else [str(each)])
    ]
