"""A container's variables, as a kubelet computes them."""

import base64
from collections.abc import Mapping
from typing import Any

import pytest

from emulators.kubelet.environment import ConfigError, Data, decode, expand, field_of, resolve

POD = {
    "metadata": {"name": "p", "namespace": "n", "uid": "u", "labels": {"b": "2", "a": "1"}},
    "spec": {"serviceAccountName": "s", "nodeName": "node"},
    "status": {"podIP": "192.0.2.1"},
}
OBJECTS: dict[tuple[str, str], Data] = {
    ("ConfigMap", "settings"): {"ONE": b"1", "TWO": b"2"},
    ("Secret", "keys"): {"ONE": b"secret"},
}


def lookup(kind: str, name: str) -> Data | None:
    return OBJECTS.get((kind, name))


def computed(*env: Mapping[str, Any], env_from: Any = ()) -> dict[str, str]:
    return resolve({"env": list(env), "envFrom": list(env_from)}, POD, lookup)


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(A)", "1"),
        ("a $(A) b $(B)", "a 1 b 2"),
        ("$(UNKNOWN)", "$(UNKNOWN)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$A ${A} $(", "$A ${A} $("),
        ("cost: 5$$", "cost: 5$"),
    ],
)
def test_references_are_replaced_and_two_dollars_are_one(text: str, expanded: str) -> None:
    assert expand(text, {"A": "1", "B": "2"}) == expanded


def test_a_variable_sees_only_those_before_it() -> None:
    assert computed({"name": "A", "value": "$(B)"}, {"name": "B", "value": "b"}, {"name": "C", "value": "$(B)"}) == {
        "A": "$(B)",
        "B": "b",
        "C": "b",
    }


def test_env_goes_before_env_from_and_a_later_source_before_an_earlier_one() -> None:
    sources = [{"configMapRef": {"name": "settings"}}, {"secretRef": {"name": "keys"}}]
    assert computed({"name": "TWO", "value": "two"}, env_from=sources) == {"ONE": "secret", "TWO": "two"}


def test_what_may_be_missing_is_left_out() -> None:
    optional = {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "none", "key": "k", "optional": True}}}
    assert computed(optional, env_from=[{"secretRef": {"name": "none", "optional": True}}]) == {}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"secretKeyRef": {"name": "none", "key": "k"}}, 'secret "none" not found'),
        ({"configMapKeyRef": {"name": "settings", "key": "k"}}, "couldn't find key k in ConfigMap settings"),
        ({"resourceFieldRef": {"resource": "limits.cpu"}}, "resourceFieldRef is not emulated"),
        ({"fieldRef": {"fieldPath": "spec.hostname"}}, "the field spec.hostname is not emulated"),
    ],
)
def test_what_is_missing_is_said_in_a_kubelets_words(source: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        computed({"name": "A", "valueFrom": source})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.name", "p"),
        ("metadata.labels['a']", "1"),
        ("metadata.labels['none']", ""),
        ("metadata.labels", 'a="1"\nb="2"'),
        ("metadata.annotations", ""),
        ("spec.serviceAccountName", "s"),
        ("status.podIP", "192.0.2.1"),
        ("status.hostIP", "127.0.0.1"),
    ],
)
def test_the_downward_api_reads_the_pods_own_fields(path: str, value: str) -> None:
    assert field_of(POD, path) == value


def test_the_data_of_secrets_and_binary_data_are_decoded() -> None:
    encoded = base64.b64encode(b"\xff").decode()
    assert decode({"kind": "Secret", "data": {"k": encoded}}) == {"k": b"\xff"}
    assert decode({"kind": "ConfigMap", "data": {"t": "é"}, "binaryData": {"b": encoded}}) == {
        "t": "é".encode(),
        "b": b"\xff",
    }
