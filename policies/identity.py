"""Policies on who may do what: roles, and how workloads prove who they are."""

import re
from collections.abc import Iterator

from policies.cluster import CLUSTER
from policies.plan import UNKNOWN, Plan, Resource
from policies.rule import on, on_plan

FEDERATION = "azure-native:managedidentity:FederatedIdentityCredential"
ASSIGNMENT = "azure-native:authorization:RoleAssignment"
PASSWORDS = (
    "azuread:index/applicationPassword:ApplicationPassword",
    "azuread:index/servicePrincipalPassword:ServicePrincipalPassword",
)
AUDIENCE = "api://AzureADTokenExchange"
SUBJECT = re.compile(r"system:serviceaccount:[a-z0-9-]+:[a-z0-9.-]+")
# Ids of built-in roles.
ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
TOO_MUCH = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": "User Access Administrator",
}
GRANTS_ROLES = "f58310d9-a9f6-439a-9e8d-f62e7b41a168"
PULL_FIX = "give AcrPull to RegistryArgs.kubelet_principal_id in components/registry.py"


@on(FEDERATION, controls=(7,))
def federation_subject(credential: Resource) -> Iterator[str]:
    """A credential is for one service account of one issuer."""
    fix = "set ClusterArgs.service_accounts"
    subject, audiences = credential.get("subject"), credential.get("audiences")
    if subject is not UNKNOWN and not SUBJECT.fullmatch(subject or ""):
        yield credential.line("subject", "not system:serviceaccount:NAMESPACE:ACCOUNT", "others could act as it", fix)
    if audiences is not UNKNOWN and audiences not in ([AUDIENCE], [UNKNOWN]):
        yield credential.line("audiences", f"not {AUDIENCE} alone", "Entra ID exchanges no other token", fix)
    if not credential.get("issuer"):
        yield credential.line("issuer", "not the cluster's", "nobody could act as it", fix)


@on_plan(controls=(7,))
def federation_exists(plan: Plan) -> Iterator[tuple[Resource, str]]:
    """Service accounts of the cluster act as managed identities."""
    for cluster in plan.of(CLUSTER):
        if not plan.using(cluster, FEDERATION, "issuer"):
            why = "flows would need a stored key; set ClusterArgs.service_accounts"
            yield cluster, f"no FederatedIdentityCredential for the cluster's issuer: {why}"


@on_plan(controls=(23,))
def registry_pull(plan: Plan) -> Iterator[tuple[Resource, str]]:
    """The nodes' identity may pull images, and the control plane's may not."""
    pulls = [each for each in plan.of(ASSIGNMENT) if _role(each) in {ACR_PULL, UNKNOWN}]
    for cluster in plan.of(CLUSTER):
        control_plane = cluster.sources.get("identity", frozenset())
        kubelet = cluster.sources.get("identityProfile", frozenset()) - control_plane
        pullers = [(pull, pull.sources.get("principalId", frozenset())) for pull in pulls]
        if not any(who & kubelet for _, who in pullers):
            yield cluster, f"no AcrPull for the kubelet identity: nodes could pull no image; {PULL_FIX}"
        for pull, who in pullers:
            if who & control_plane and _role(pull) == ACR_PULL:
                yield pull, f"AcrPull for the control plane's identity: it pulls nothing; {PULL_FIX}"


@on(ASSIGNMENT)
def role_least(assignment: Resource) -> Iterator[str]:
    """Nobody gets a role that gives all others."""
    role = _role(assignment)
    fix = "take a narrower Role of components/role.py"
    if role in TOO_MUCH:
        yield f"roleDefinitionId is {TOO_MUCH[role]}: its holder can take every other right; {fix}"
    if role == GRANTS_ROLES and not assignment.get("condition"):
        yield f"condition is not set for a role that grants roles: its holder could become Owner; {fix} or a condition"


@on(ASSIGNMENT)
def role_principal_type(assignment: Resource) -> Iterator[str]:
    """A role assignment names its principal's type."""
    why = "Azure looks in vain for an identity that was made a moment ago"
    kinds = ("Group", "ServicePrincipal", "User")
    yield from assignment.must("principalType", kinds, why, "use assign() of components/role.py")


@on(*PASSWORDS)
def no_application_password(password: Resource) -> Iterator[str]:
    """Applications prove who they are by federation."""
    yield f"{password.name} is a password of an application: it leaks and expires; use a federated credential"


def _role(assignment: Resource) -> object:
    definition = assignment.get("roleDefinitionId")
    return definition.rpartition("/")[2].lower() if isinstance(definition, str) else definition
