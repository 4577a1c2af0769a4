"""What a control still refuses where it is relaxed, and the policies that no control's number names."""

from collections.abc import Callable
from typing import Any

import pytest

OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
USER_ACCESS_ADMINISTRATOR = "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9"
RBAC_ADMINISTRATOR = "f58310d9-a9f6-439a-9e8d-f62e7b41a168"
DEFINITIONS = "/subscriptions/x/providers/Microsoft.Authorization/roleDefinitions/"
WIDE = ["0.0.0.0/0", "::/0", "1.0.0.0/7", "*", "Internet"]


@pytest.fixture(scope="session")
def dev(planned: Callable[[str], Any]) -> Any:
    return planned("dev")


def rule_of_security(source: str, **more: Any) -> dict[str, Any]:
    return {"name": "in", "access": "Allow", "direction": "Inbound", "sourceAddressPrefix": source, **more}


@pytest.mark.parametrize("wide", WIDE[:3])
def test_relaxed_public_access_is_not_for_everyone(wide: str, dev: Any, host: Any) -> None:
    rule = {"iPAddressOrRange": wide, "action": "Allow"}
    for kind in ("Registry", "StorageAccount"):
        (violation,) = host.resources(host.edited(dev.one(kind), "networkRuleSet.ipRules", [rule]))
        assert violation.policy == "no-open-range"
        assert "prefect-aks:authorizedIpRanges" in violation.line

    cluster = host.edited(dev.one("ManagedCluster"), "apiServerAccessProfile.authorizedIPRanges", [wide])
    assert {each.policy for each in host.resources(cluster)} == {"cluster-private", "no-open-range"}


def test_a_public_api_server_without_ranges_is_refused_even_where_it_is_relaxed(dev: Any, host: Any) -> None:
    cluster = host.edited(dev.one("ManagedCluster"), "apiServerAccessProfile.authorizedIPRanges")
    (violation,) = host.resources(cluster)
    assert violation.policy == "cluster-private"


def test_the_relaxed_way_out_is_one_way(dev: Any, host: Any) -> None:
    (violation,) = host.resources(host.edited(dev.one("ManagedCluster"), "networkProfile.outboundType", "loadBalancer"))
    assert violation.policy == "cluster-egress"


def test_a_route_that_is_a_resource_of_its_own_leads_to_the_firewall_too(host: Any) -> None:
    def judged(hop: str) -> list[Any]:
        route = {"addressPrefix": "0.0.0.0/0", "nextHopType": hop}
        found: list[Any] = host.resources(host.resource("azure-native:network:Route", "out", **route))
        return found

    assert [each.policy for each in judged("Internet")] == ["route-to-firewall"]
    assert judged("VirtualAppliance") == []


@pytest.mark.parametrize("wide", WIDE)
def test_a_subnet_lets_nobody_in_from_everywhere(wide: str, host: Any) -> None:
    kind = "azure-native:network:NetworkSecurityGroup"
    (violation,) = host.resources(host.resource(kind, "group", securityRules=[rule_of_security(wide)]))
    assert violation.policy == "no-open-range"

    outbound = rule_of_security(wide, direction="Outbound")
    denied = rule_of_security(wide, access="Deny")
    alone = rule_of_security(wide, access="allow", direction="inbound")
    del alone["name"]
    (violation,) = host.resources(host.resource("azure-native:network:SecurityRule", "rule", **alone))
    assert violation.policy == "no-open-range"
    assert host.resources(host.resource(kind, "group", securityRules=[outbound, denied, host.UNKNOWN])) == []


def test_the_database_has_no_firewall_rule(host: Any) -> None:
    (violation,) = host.resources(host.resource("azure-native:dbforpostgresql:FirewallRule", "rule"))
    assert violation.policy == "no-open-range"


@pytest.mark.parametrize("role", [OWNER, USER_ACCESS_ADMINISTRATOR, RBAC_ADMINISTRATOR])
def test_a_role_that_gives_all_others_is_refused(role: str, host: Any) -> None:
    kind = "azure-native:authorization:RoleAssignment"
    given = {"roleDefinitionId": DEFINITIONS + role, "principalType": "Group"}
    (violation,) = host.resources(host.resource(kind, "role", **given))
    assert violation.policy == "role-least"
    narrowed = host.resources(host.resource(kind, "role", **given, condition="some roles alone"))
    assert bool(narrowed) == (role != RBAC_ADMINISTRATOR)


def test_a_role_assignment_names_its_principals_type(dev: Any, host: Any) -> None:
    (violation,) = host.resources(host.edited(dev.one("RoleAssignment"), "principalType"))
    assert violation.policy == "role-principal-type"


def test_an_application_has_no_password(host: Any) -> None:
    for kind in ("applicationPassword:ApplicationPassword", "servicePrincipalPassword:ServicePrincipalPassword"):
        (violation,) = host.resources(host.resource(f"azuread:index/{kind}", "password"))
        assert violation.policy == "no-application-password"


def test_the_control_plane_pulls_no_image(dev: Any, host: Any) -> None:
    pull, cluster = dev.one("RoleAssignment", "registry-pull"), dev.one("ManagedCluster")
    pull.propertyDependencies["principalId"].CopyFrom(cluster.propertyDependencies["identity"])
    wrong = host.whole(dev.with_(pull))
    assert [(each.policy, each.resource) for each in wrong] == [
        ("registry-pull", "cluster-cluster"),
        ("registry-pull", "registry-pull"),
    ]


def test_a_secret_that_is_not_known_yet_or_lies_in_a_secret_is_kept_as_one(dev: Any, host: Any) -> None:
    group = "azure-native:monitor:ActionGroup"
    receiver = {"name": "webhook", "serviceUri": "https://example.com/?key"}
    secret = {**host.SECRET, "value": [receiver]}
    inner = [{**receiver, "serviceUri": {**host.SECRET, "value": "https://example.com/?key"}}]
    for hidden in (secret, inner, host.UNKNOWN, [{**receiver, "serviceUri": host.UNKNOWN}], []):
        assert host.resources(host.resource(group, "people", webhookReceivers=hidden)) == []

    (violation,) = host.resources(host.resource(group, "people", webhookReceivers=[receiver]))
    assert violation.policy == "secret-values"
    assert "example.com" not in violation.line

    assert host.resources(host.edited(dev.one("Server"), "administratorLoginPassword", host.UNKNOWN)) == []
    (violation,) = host.resources(host.resource("kubernetes:core/v1:Secret", "token", stringData={"a": "b"}))
    assert violation.policy == "secret-values"
