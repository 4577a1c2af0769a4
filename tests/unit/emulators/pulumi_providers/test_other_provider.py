import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emulators.pulumi_providers.provider import RefusedError
from emulators.pulumi_providers.value import Secret

RANDOM = "index/randomPassword:RandomPassword"
OTHER = ["azuread", "kubernetes", "random"]


@pytest.mark.parametrize("name", OTHER)
def test_a_type_and_a_function_that_are_not_known_are_refused_by_name(start: Callable[..., Any], name: str) -> None:
    run = start(name)
    with pytest.raises(RefusedError, match=f"^{name}:foo:Bar is not a type that the emulated provider {name} "):
        run.problems("foo:Bar")
    with pytest.raises(RefusedError, match=f"^{name}:foo:bar is not a function that the emulated provider {name} "):
        run.provider.invoke(f"{name}:foo:bar", {})


def test_a_password_is_random_secret_and_made_as_asked(start: Callable[..., Any]) -> None:
    run = start("random")
    made = [run.create(RANDOM, length=12, minUpper=3, minNumeric=2, special=False)[1]["result"] for _ in range(50)]
    assert all(isinstance(result, Secret) for result in made)
    texts = [result.value for result in made]
    assert len(set(texts)) == 50
    for text in texts:
        assert len(text) == 12
        assert text.isalnum()
        assert sum(character.isupper() for character in text) >= 3
        assert sum(character.isdigit() for character in text) >= 2


@pytest.mark.parametrize("wrong", [{"length": 0}, {"length": 3, "minUpper": 4}, {"length": "long"}, {}])
def test_a_password_that_cannot_be_is_refused(start: Callable[..., Any], wrong: dict[str, Any]) -> None:
    assert len(start("random").problems(RANDOM, **wrong)) == 1


def test_a_password_stays_until_an_input_changes(start: Callable[..., Any]) -> None:
    run = start("random")
    changes = run.provider.diff(run.urn(RANDOM, "it"), {"length": 12}, {"length": 13})
    assert [change.wire_kind for change in changes] == ["UPDATE_REPLACE"]


def test_entra_gives_ids_and_keeps_a_password_out_of_its_file(start: Callable[..., Any], cloud: Any) -> None:
    run = start("azuread")
    identity, application = run.create("index/application:Application", displayName="pipeline")
    assert identity == f"/applications/{application['objectId']}"
    assert application["clientId"] != application["objectId"]
    _, password = run.create("index/applicationPassword:ApplicationPassword", applicationId=identity)
    assert password["value"].value not in (cloud / "azuread.json").read_text()


def test_the_kubeconfig_names_the_cluster_and_holds_no_credential(azure: Any) -> None:
    arguments = {"resourceGroupName": "rg-dev", "resourceName": "aks-dev"}
    answer = azure.provider.invoke("azure-native:containerservice:listManagedClusterUserCredentials", arguments)
    kubeconfig = json.loads(base64.b64decode(answer["kubeconfigs"][0]["value"]))
    assert kubeconfig["current-context"] == "aks-dev"
    assert list(kubeconfig["users"][0]["user"]) == ["exec"]


CONFIG_MAP = "core/v1:ConfigMap"


def test_data_of_a_config_map_is_replaced_and_its_labels_are_not(start: Callable[..., Any]) -> None:
    run = start("kubernetes")
    old = {"metadata": {"name": "it"}, "data": {"a": "b"}}
    changes = run.provider.diff(
        run.urn(CONFIG_MAP, "it"), old, {"metadata": {"name": "it", "labels": {}}, "data": {"a": "c"}}
    )
    assert [(change.path, change.replaces) for change in changes] == [("data.a", True), ("metadata.labels", False)]


def test_kubernetes_objects_are_checked_named_and_kept_apart_by_their_kind(start: Callable[..., Any]) -> None:
    run = start("kubernetes")
    assert run.problems(CONFIG_MAP, dta={}) == ["dta: is not a property here; did you mean data?"]
    for kind in (CONFIG_MAP, "core/v1:Secret"):
        identity, properties = run.create(kind, metadata={"name": "it", "namespace": "prefect"})
        assert identity == "prefect/it"
        assert properties["metadata"]["uid"]


def test_what_a_service_adds_to_a_secret_is_as_secret(start: Callable[..., Any], cloud: Path) -> None:
    kubernetes = start("kubernetes")
    metadata = {"name": "it", "annotations": {"key": Secret("hunter2")}}
    _, outputs = kubernetes.create("core/v1:ConfigMap", metadata=metadata, data={"a": "b"})
    assert isinstance(outputs["metadata"], Secret)
    assert "hunter2" not in "".join(file.read_text() for file in cloud.glob("*.json"))
