"""Every rule of the pack, in the order of the modules and of the text in them."""

from pulumi_policy import Policy

from policies import cluster, database, deployment, identity, network, node_pool, registry, storage, workload
from policies.rule import Rule, rules_of

MODULES = (cluster, node_pool, registry, storage, database, network, identity, deployment, workload)


def rules() -> list[Rule]:
    """All rules."""
    return [rule for module in MODULES for rule in rules_of(vars(module))]


def policies() -> list[Policy]:
    """All rules, as the policy host takes them."""
    return [rule.policy() for rule in rules()]
