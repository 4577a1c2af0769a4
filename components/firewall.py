"""The firewall that all traffic to the internet passes, and what it lets through.

The firewall and its policy are changed one after the other: Azure refuses to write either while the other is written.
The cluster's pods reach a public API server through it by name alone, which they are told by the pod annotation
`kubernetes.azure.com/set-kube-service-host-fqdn: "true"`; a private one needs neither.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import network

from components.diagnostic import diagnose
from components.placement import Placement

LOGS = ("AZFWApplicationRule", "AZFWNetworkRule", "AZFWThreatIntel", "AZFWFqdnResolveFailure")


@dataclass(frozen=True, kw_only=True)
class Passage:
    """Where one or more subnets may go: by host name, by Azure's tag of host names, or by service tag."""

    name: str
    sources: Sequence[str]
    fqdns: Sequence[str] = ()
    fqdn_tags: Sequence[str] = ()
    http: bool = False
    """Whether plain HTTP passes too: signed packages of Linux distributions come that way."""
    service_tags: Sequence[str] = ()

    @property
    def leads_somewhere(self) -> bool:
        """Whether it names a destination at all: Azure refuses a rule that names none."""
        return bool(self.fqdns or self.fqdn_tags or self.service_tags)


def stand(  # noqa: PLR0913 - what a firewall stands on; all of it by keyword
    name: str,
    *,
    placement: Placement,
    subnet_id: pulumi.Input[str],
    public_ip_id: pulumi.Input[str],
    passages: Sequence[Passage],
    workspace_id: pulumi.Input[str],
    parent: pulumi.Resource,
) -> pulumi.Output[str]:
    """Make a firewall that lets the given passages through, denies all else, and logs both; give its inner address."""
    child = pulumi.ResourceOptions(parent=parent)
    policy = network.FirewallPolicy(
        f"{name}-policy",
        firewall_policy_name=f"afwp-{placement.base_name}",
        resource_group_name=placement.resource_group,
        location=placement.location,
        sku=network.FirewallPolicySkuArgs(tier=network.FirewallPolicySkuTier.STANDARD),
        threat_intel_mode=network.AzureFirewallThreatIntelMode.DENY,
        tags=placement.tags,
        opts=child,
    )
    rules = network.FirewallPolicyRuleCollectionGroup(
        f"{name}-rules",
        rule_collection_group_name="egress",
        firewall_policy_name=policy.name,
        resource_group_name=placement.resource_group,
        priority=100,
        rule_collections=[_collection(passage, 100 + 10 * index) for index, passage in enumerate(passages)],
        opts=child,
    )
    resource = network.AzureFirewall(
        name,
        azure_firewall_name=f"afw-{placement.base_name}",
        resource_group_name=placement.resource_group,
        location=placement.location,
        zones=list(placement.zones),
        sku=network.AzureFirewallSkuArgs(
            name=network.AzureFirewallSkuName.AZF_W_V_NET, tier=network.AzureFirewallSkuTier.STANDARD
        ),
        threat_intel_mode=network.AzureFirewallThreatIntelMode.DENY,
        firewall_policy=network.SubResourceArgs(id=policy.id),
        ip_configurations=[
            network.AzureFirewallIPConfigurationArgs(
                name="egress",
                subnet=network.SubResourceArgs(id=subnet_id),
                public_ip_address=network.SubResourceArgs(id=public_ip_id),
            )
        ],
        tags=placement.tags,
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[rules]),
    )
    diagnose(f"{name}-logs", resource_id=resource.id, workspace_id=workspace_id, categories=LOGS, opts=child)
    # Azure picks it; that it has always been the subnet's first is nothing to rely on.
    return resource.ip_configurations.apply(_inner_address)


def _inner_address(configurations: Sequence[network.outputs.AzureFirewallIPConfigurationResponse] | None) -> str:
    if not configurations:
        raise pulumi.RunError("the firewall has no address in the network; run `pulumi refresh`, then `pulumi up`")
    return configurations[0].private_ip_address


def _collection(passage: Passage, priority: int) -> network.FirewallPolicyFilterRuleCollectionArgs:
    application = passage.fqdns or passage.fqdn_tags
    return network.FirewallPolicyFilterRuleCollectionArgs(
        name=passage.name,
        rule_collection_type="FirewallPolicyFilterRuleCollection",
        priority=priority,
        action=network.FirewallPolicyFilterRuleCollectionActionArgs(
            type=network.FirewallPolicyFilterRuleCollectionActionType.ALLOW
        ),
        rules=[_application_rule(passage) if application else _network_rule(passage)],
    )


def _application_rule(passage: Passage) -> network.ApplicationRuleArgs:
    https = network.FirewallPolicyRuleApplicationProtocolArgs(protocol_type="Https", port=443)
    http = network.FirewallPolicyRuleApplicationProtocolArgs(protocol_type="Http", port=80)
    return network.ApplicationRuleArgs(
        name=passage.name,
        rule_type="ApplicationRule",
        source_addresses=list(passage.sources),
        protocols=[https, http] if passage.http else [https],
        target_fqdns=list(passage.fqdns) or None,
        fqdn_tags=list(passage.fqdn_tags) or None,
    )


def _network_rule(passage: Passage) -> network.NetworkRuleArgs:
    return network.NetworkRuleArgs(
        name=passage.name,
        rule_type="NetworkRule",
        source_addresses=list(passage.sources),
        ip_protocols=[network.FirewallPolicyRuleNetworkProtocol.TCP],
        destination_addresses=list(passage.service_tags),
        destination_ports=["443"],
    )
