"""Who may reach whom, computed from NetworkPolicies as Kubernetes defines them.

It reads rules, not a network: whether a cluster enforces them is up to its network plugin. What every plugin lets
through, such as a node's traffic to its own pods, is not known here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any, Literal

Manifest = Mapping[str, Any]
Direction = Literal["Ingress", "Egress"]

_NAME = "kubernetes.io/metadata.name"
_SIDES = {"Ingress": ("ingress", "from"), "Egress": ("egress", "to")}


@dataclass(frozen=True, kw_only=True)
class Place:
    """A pod, by namespace and labels; or what is outside of the cluster, by its address alone.

    A pod may have an address as well: without one, no range of addresses means it.
    """

    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    # The pod's ports by their names.
    ports: Mapping[str, int] = field(default_factory=dict)


def pods(manifests: Iterable[Manifest]) -> dict[str, Place]:
    """Return the pods that workloads make, each by the workload's name."""
    found = {}
    for manifest in manifests:
        spec = manifest.get("spec") or {}
        template = spec.get("jobTemplate", {}).get("spec", spec).get("template") if isinstance(spec, dict) else None
        if template:
            containers = template["spec"].get("containers", [])
            found[manifest["metadata"]["name"]] = Place(
                namespace=manifest["metadata"].get("namespace", "default"),
                labels=template["metadata"].get("labels", {}),
                ports={
                    port["name"]: port["containerPort"]
                    for container in containers
                    for port in container.get("ports", [])
                    if "name" in port
                },
            )
    return found


def allowed(manifests: Iterable[Manifest], source: Place, target: Place, port: int, protocol: str = "TCP") -> bool:
    """Tell whether the policies among the manifests let a place open a connection to a port of another.

    A namespace has the labels of its own manifest, and always the one with its name.
    """
    everything = list(manifests)
    policies = [manifest for manifest in everything if manifest["kind"] == "NetworkPolicy"]
    namespaces = {
        manifest["metadata"]["name"]: manifest["metadata"].get("labels", {})
        for manifest in everything
        if manifest["kind"] == "Namespace"
    }
    connection = _Connection(namespaces, target, port, protocol)
    return connection.passes(policies, source, target, "Egress") and connection.passes(
        policies, target, source, "Ingress"
    )


@dataclass(frozen=True)
class _Connection:
    namespaces: Mapping[str, Mapping[str, str]]
    target: Place
    port: int
    protocol: str

    def passes(self, policies: list[Manifest], own: Place, peer: Place, direction: Direction) -> bool:
        """Tell whether the policies on one end let the other end through; where there are none, all passes."""
        selecting = [policy for policy in policies if _selects(policy, own, direction)]
        rules, peers = _SIDES[direction]
        return not selecting or any(
            self._on_port(rule) and self._among(rule.get(peers), policy, peer)
            for policy in selecting
            for rule in policy["spec"].get(rules) or []
        )

    def _on_port(self, rule: Mapping[str, Any]) -> bool:
        return not rule.get("ports") or any(self._is_port(port) for port in rule["ports"])

    def _is_port(self, port: Mapping[str, Any]) -> bool:
        if port.get("protocol", "TCP") != self.protocol:
            return False
        named = port.get("port")
        if named is None:
            return True
        first = self.target.ports.get(named) if isinstance(named, str) else named
        return first is not None and first <= self.port <= port.get("endPort", first)

    def _among(self, peers: list[Mapping[str, Any]] | None, policy: Manifest, place: Place) -> bool:
        return not peers or any(self._is_peer(peer, policy, place) for peer in peers)

    def _is_peer(self, peer: Mapping[str, Any], policy: Manifest, place: Place) -> bool:
        if block := peer.get("ipBlock"):
            return bool(place.address) and _in_block(block, place.address)
        if not place.namespace:
            return False
        if "namespaceSelector" in peer:
            labels = {**self.namespaces.get(place.namespace, {}), _NAME: place.namespace}
            if not _matches(peer["namespaceSelector"], labels):
                return False
        elif place.namespace != _namespace(policy):
            return False
        return _matches(peer.get("podSelector"), place.labels)


def _selects(policy: Manifest, place: Place, direction: Direction) -> bool:
    spec = policy["spec"]
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    here = bool(place.namespace) and place.namespace == _namespace(policy)
    return direction in types and here and _matches(spec["podSelector"], place.labels)


def _namespace(policy: Manifest) -> str:
    namespace: str = policy["metadata"].get("namespace", "default")
    return namespace


def _in_block(block: Mapping[str, Any], address: str) -> bool:
    ranges = [block["cidr"], *block.get("except", [])]
    inside, *excepted = (ip_address(address) in ip_network(cidr) for cidr in ranges)
    return inside and not any(excepted)


def _matches(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    given = selector or {}
    return (given.get("matchLabels") or {}).items() <= labels.items() and all(
        _holds(expression, labels) for expression in given.get("matchExpressions") or []
    )


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, operator = expression["key"], expression["operator"]
    if operator == "Exists":
        return key in labels
    if operator == "DoesNotExist":
        return key not in labels
    listed = labels.get(key) in expression["values"]
    return listed if operator == "In" else not listed
