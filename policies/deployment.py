"""Policies on how a plan is deployed: what Pulumi itself refuses to delete, and what may lie in its state.

Whether a value is a secret is told to a remediation alone. Ours mends nothing: it takes note, and the validation of
the same resource, which the engine asks for next, reports.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from pulumi_policy import EnforcementLevel, ReportViolation, ResourceValidationArgs, ResourceValidationPolicy, Secret
from pulumi_policy.proxy import unknown_checking_proxy

from policies.plan import UNKNOWN, Resource, plain
from policies.rule import Rule, on

PROTECTED = (
    "azure-native:containerservice:ManagedCluster",
    "azure-native:dbforpostgresql:Server",
    "azure-native:storage:StorageAccount",
)
SECRETS = {
    "azure-native:dbforpostgresql:Server": "administratorLoginPassword",
    "azure-native:monitor:ActionGroup": "webhookReceivers.serviceUri",
    "azure-native:containerservice:ManagedCluster": "servicePrincipalProfile.secret",
    "kubernetes:core/v1:Secret": "stringData",
}


@on(*PROTECTED, controls=(30,), relaxed_by=("protection",))
def deletion_protected(resource: Resource) -> Iterator[str]:
    """Pulumi refuses to delete what holds data or everything else."""
    if not resource.protect and "protection" not in resource.relaxed:
        kind = resource.type.rpartition(":")[2]
        fix = "set prefect-aks:protection to true, or relax it with prefect-aks:protectionReason"
        yield f"protect is off for the {kind}: an edit that replaces it would delete it; {fix}"


def _secrets(rule: Rule) -> ResourceValidationPolicy:
    in_plain: set[str] = set()

    def note(args: ResourceValidationArgs) -> None:
        in_plain.discard(args.urn)
        path = SECRETS.get(args.resource_type)
        if path and _in_plain(args.props, path):
            in_plain.add(args.urn)

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if args.urn in in_plain:
            fix = "wrap it in pulumi.Output.secret"
            report(f"{SECRETS[args.resource_type]} is no secret: it would lie in the state in plain text; {fix}", None)

    return ResourceValidationPolicy(rule.name, rule.description, validate, EnforcementLevel.REMEDIATE, remediate=note)


secret_values = Rule(
    name="secret-values",
    controls=(34,),
    relaxed_by=(),
    says="Passwords and keys are secrets to Pulumi",
    build=_secrets,
)


def _in_plain(value: Any, path: str) -> bool:
    """Whether something known lies at a path that no secret encloses."""
    value = _unopened(value)
    if value in (None, "") or isinstance(value, Secret) or plain(unknown_checking_proxy({"": value}))[""] is UNKNOWN:
        return False
    if isinstance(value, list):
        return any(_in_plain(one, path) for one in value)
    if not path:
        return not isinstance(value, dict) or any(_in_plain(one, "") for one in value.values())
    key, _, rest = path.partition(".")
    return isinstance(value, dict) and _in_plain(value.get(key), rest)


def _unopened(value: Any) -> Any:
    """What a remediation is given opens a secret as it is read; what it wraps tells a secret apart."""
    if isinstance(value, (Mapping, Sequence)) and not isinstance(value, (str, dict, list)):
        return cast("Any", value)["__target"]
    return value
