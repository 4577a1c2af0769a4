"""Who may reach whom in a namespace: nobody, and then what each part needs.

A policy tells pods by their labels, and what is outside the cluster by its addresses alone: names are the firewall's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_kubernetes import meta, networking

from components.pod import labels, selector

ANYWHERE = "0.0.0.0/0"
_NAMESPACE = "kubernetes.io/metadata.name"


@dataclass(frozen=True, kw_only=True)
class Peer:
    """The other side of a connection: pods, by their labels in a namespace, or a network."""

    ports: tuple[int, ...]
    pods: Mapping[str, str] = field(default_factory=dict)
    namespace: str = ""
    """Empty for the policy's own."""
    network: str = ""
    protocols: tuple[str, ...] = ("TCP",)


DNS = Peer(ports=(53,), pods={"k8s-app": "kube-dns"}, namespace="kube-system", protocols=("UDP", "TCP"))


def deny_all(name: str, namespace: pulumi.Input[str], opts: pulumi.ResourceOptions) -> networking.v1.NetworkPolicy:
    """Close a namespace: its pods reach nobody, and nobody reaches them, but by another policy."""
    return networking.v1.NetworkPolicy(
        name,
        metadata=meta.v1.ObjectMetaArgs(name="deny-all", namespace=namespace, labels=labels("prefect-aks")),
        spec=networking.v1.NetworkPolicySpecArgs(
            pod_selector=meta.v1.LabelSelectorArgs(), policy_types=["Ingress", "Egress"]
        ),
        opts=opts,
    )


def allow(  # noqa: PLR0913 - what a policy consists of; all of it by keyword
    name: str,
    *,
    part: str,
    namespace: pulumi.Input[str],
    incoming: Sequence[Peer] = (),
    outgoing: Sequence[Peer] = (),
    opts: pulumi.ResourceOptions,
) -> networking.v1.NetworkPolicy:
    """Let the pods of a part be reached by some peers and reach others; the ports are those of who is reached."""
    return networking.v1.NetworkPolicy(
        name,
        metadata=meta.v1.ObjectMetaArgs(name=part, namespace=namespace, labels=labels(part)),
        spec=networking.v1.NetworkPolicySpecArgs(
            pod_selector=meta.v1.LabelSelectorArgs(match_labels=selector(part)),
            policy_types=["Ingress", "Egress"],
            ingress=[
                networking.v1.NetworkPolicyIngressRuleArgs(from_=[_peer(peer)], ports=_ports(peer)) for peer in incoming
            ],
            egress=[
                networking.v1.NetworkPolicyEgressRuleArgs(to=[_peer(peer)], ports=_ports(peer)) for peer in outgoing
            ],
        ),
        opts=opts,
    )


def _peer(peer: Peer) -> networking.v1.NetworkPolicyPeerArgs:
    if peer.network:
        return networking.v1.NetworkPolicyPeerArgs(ip_block=networking.v1.IPBlockArgs(cidr=peer.network))
    return networking.v1.NetworkPolicyPeerArgs(
        pod_selector=meta.v1.LabelSelectorArgs(match_labels=dict(peer.pods)),
        namespace_selector=meta.v1.LabelSelectorArgs(match_labels={_NAMESPACE: peer.namespace})
        if peer.namespace
        else None,
    )


def _ports(peer: Peer) -> list[networking.v1.NetworkPolicyPortArgs]:
    return [
        networking.v1.NetworkPolicyPortArgs(port=port, protocol=protocol)
        for port in peer.ports
        for protocol in peer.protocols
    ]
