"""What the text of a container means on this machine: paths of its mounts, ports that it opens, hosts that it calls.

There is no mount namespace, no network namespace and no DNS, so all three are replaced in the text of the command, the
arguments and the environment. A program that builds a path or an address itself is not helped.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from emulators.control_plane.part import HOST

# What a server inside a container listens on; outside, all of it would be reachable from elsewhere.
_ANY_ADDRESS = r"(?:0\.0\.0\.0|127\.0\.0\.1|localhost|\[::\])"


@dataclass(frozen=True, kw_only=True)
class Translation:
    """What is replaced: mount paths, `NAME:PORT` of hosts, and ports of the container by ports of this machine."""

    paths: Mapping[str, str] = field(default_factory=dict)
    hosts: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[int, int] = field(default_factory=dict)

    def text(self, value: str) -> str:
        """Return a value as it has to be on this machine; what was put in is not looked at again."""
        rules = [*self._paths(), *self._ports(), *self._hosts()]
        if not rules:
            return value
        pattern = "|".join(f"({pattern})" for pattern, _ in rules)
        return re.sub(pattern, lambda match: rules[(match.lastindex or 1) - 1][1], value)

    def _paths(self) -> list[tuple[str, str]]:
        # Only a whole path, or the beginning of one: neither /data in /metadata nor /tmp in a URL.
        longest_first = sorted(self.paths.items(), key=lambda entry: -len(entry[0]))
        return [(rf"(?<![\w/.-]){re.escape(path)}(?=$|/|[^\w.-])", folder) for path, folder in longest_first]

    def _ports(self) -> list[tuple[str, str]]:
        return [(rf"{_ANY_ADDRESS}:{port}(?!\d)", f"{HOST}:{here}") for port, here in self.ports.items()]

    def _hosts(self) -> list[tuple[str, str]]:
        rules = []
        for name, address in self.hosts.items():
            host, _, port = name.rpartition(":")
            rules.append((rf"(?<![\w.-]){re.escape(host)}(?:\.svc(?:\.cluster\.local)?)?:{port}(?!\d)", address))
        return rules
