"""What a NetworkPolicy means, by Kubernetes' own definition of it."""

from typing import Any

import pytest

from charts.reach import Place, allowed, pods

WEB = Place(namespace="shop", labels={"app": "web"}, ports={"http": 8080})
DATA = Place(namespace="store", labels={"app": "data"}, address="10.1.0.7")
STRANGER = Place(namespace="elsewhere", labels={"app": "web"})
OUTSIDE = Place(address="20.1.2.3")


def policy(namespace: str = "shop", selects: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """A policy that selects pods by labels, all of its namespace without any."""
    selector = {"podSelector": {"matchLabels": selects} if selects else {}}
    return {"kind": "NetworkPolicy", "metadata": {"name": "x", "namespace": namespace}, "spec": {**selector, **spec}}


def from_(*peers: dict[str, Any], **rule: Any) -> dict[str, Any]:
    return policy(ingress=[{"from": list(peers), **rule}])


def test_without_a_policy_everybody_reaches_everybody() -> None:
    assert allowed([], STRANGER, WEB, 8080)
    assert allowed([], WEB, OUTSIDE, 443)


def test_a_policy_without_rules_denies_what_comes_in_and_lets_out() -> None:
    assert not allowed([policy()], STRANGER, WEB, 8080)
    assert allowed([policy()], WEB, OUTSIDE, 443)


def test_a_policy_with_egress_rules_is_one_for_both_directions() -> None:
    both = policy(egress=[{"ports": [{"port": 443}]}])
    assert allowed([both], WEB, OUTSIDE, 443)
    assert not allowed([both], WEB, OUTSIDE, 80)
    assert not allowed([both], STRANGER, WEB, 8080)


def test_a_policy_concerns_the_pods_that_it_selects_in_its_own_namespace() -> None:
    assert allowed([policy(selects={"app": "other"})], STRANGER, WEB, 8080)
    assert allowed([policy(namespace="elsewhere")], DATA, WEB, 8080)


def test_policies_add_up() -> None:
    assert allowed([policy(), from_({"namespaceSelector": {}})], STRANGER, WEB, 8080)


def test_both_ends_have_to_agree() -> None:
    let_in = from_({"namespaceSelector": {}})
    keep_in = policy("elsewhere", policyTypes=["Egress"])
    assert not allowed([let_in, keep_in], STRANGER, WEB, 8080)
    assert allowed([let_in, keep_in], DATA, WEB, 8080)


def test_a_peer_without_a_namespace_is_of_the_policys_own() -> None:
    web = {"podSelector": {"matchLabels": {"app": "web"}}}
    assert allowed([from_(web)], WEB, WEB, 8080)
    assert not allowed([from_(web)], STRANGER, WEB, 8080)


def test_both_selectors_in_one_peer_are_an_and_in_two_peers_an_or() -> None:
    namespace = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "store"}}}
    labels = {"podSelector": {"matchLabels": {"app": "web"}}}
    assert not allowed([from_({**namespace, **labels})], DATA, WEB, 8080)
    assert allowed([from_(namespace, labels)], DATA, WEB, 8080)


def test_a_namespace_has_the_labels_of_its_manifest() -> None:
    tier = from_({"namespaceSelector": {"matchLabels": {"tier": "back"}}})
    store = {"kind": "Namespace", "metadata": {"name": "store", "labels": {"tier": "back"}}}
    assert not allowed([tier], DATA, WEB, 8080)
    assert allowed([tier, store], DATA, WEB, 8080)


@pytest.mark.parametrize(
    ("expression", "matches"),
    [
        ({"key": "app", "operator": "In", "values": ["data"]}, True),
        ({"key": "app", "operator": "NotIn", "values": ["data"]}, False),
        ({"key": "other", "operator": "NotIn", "values": ["data"]}, True),
        ({"key": "app", "operator": "Exists"}, True),
        ({"key": "app", "operator": "DoesNotExist"}, False),
    ],
)
def test_a_selector_may_be_an_expression(expression: dict[str, Any], matches: bool) -> None:
    peer = {"namespaceSelector": {}, "podSelector": {"matchExpressions": [expression]}}
    assert allowed([from_(peer)], DATA, WEB, 8080) is matches


def test_a_range_means_addresses_and_not_what_it_excepts() -> None:
    out = policy(egress=[{"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}]}])
    assert allowed([out], WEB, OUTSIDE, 443)
    assert not allowed([out], WEB, DATA, 443)
    assert not allowed([out], WEB, STRANGER, 443)


@pytest.mark.parametrize(
    ("port", "matches"),
    [
        ({"port": 8080}, True),
        ({"port": 8081}, False),
        ({"port": "http"}, True),
        ({"port": "https"}, False),
        ({"port": 8000, "endPort": 8100}, True),
        ({"port": 8000, "endPort": 8079}, False),
        ({"protocol": "UDP", "port": 8080}, False),
        ({"protocol": "TCP"}, True),
    ],
)
def test_a_rule_is_about_its_ports(port: dict[str, Any], matches: bool) -> None:
    assert allowed([from_({"namespaceSelector": {}}, ports=[port])], DATA, WEB, 8080) is matches


def test_pods_are_read_from_what_makes_them() -> None:
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"ports": [{"name": "http", "containerPort": 8080}, {"containerPort": 9}]}]},
    }
    deployment = {
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"template": template},
    }
    cron = {
        "kind": "CronJob",
        "metadata": {"name": "nightly", "namespace": "shop"},
        "spec": {"jobTemplate": {"spec": {"template": template}}},
    }
    service = {"kind": "Service", "metadata": {"name": "web"}, "spec": {"type": "ClusterIP"}}
    assert pods([deployment, cron, service]) == {"web": WEB, "nightly": WEB}
