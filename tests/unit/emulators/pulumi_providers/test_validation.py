from typing import Any

import pytest

from emulators.pulumi_providers.provider import RefusedError
from emulators.pulumi_providers.value import UNKNOWN, Secret

ACCOUNT: dict[str, Any] = {
    "accountName": "stprefectdev",
    "resourceGroupName": "rg-dev",
    "kind": "StorageV2",
    "sku": {"name": "Standard_GZRS"},
}


def test_what_the_sdk_knows_is_accepted_unknown_and_secret_values_too(azure: Any) -> None:
    inputs = {**ACCOUNT, "resourceGroupName": UNKNOWN, "kind": Secret("StorageV2"), "tags": {"a": UNKNOWN}}
    assert azure.problems("storage:StorageAccount", **inputs) == []


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"acessTier": "Hot"}, "acessTier: is not a property here; did you mean accessTier?"),
        ({"sku": {"nam": "Standard_LRS"}}, "sku.nam: is not a property here; did you mean name?"),
        ({"sku": {}}, "sku.name: is required and missing"),
        ({"sku": None}, "sku: is required and missing"),
        ({"sku": "Standard_LRS"}, 'sku: must be an object, not "Standard_LRS"'),
        ({"kind": "StorageV3"}, 'kind: "StorageV3" is not one of Storage, StorageV2, BlobStorage, '),
        ({"accessTier": "hot"}, 'accessTier: "hot" is not one of Hot, Cool, Premium, Cold; did you mean Hot?'),
        ({"isHnsEnabled": "yes"}, 'isHnsEnabled: must be true or false, not "yes"'),
        ({"tags": ["a"]}, "tags: must be an object, not a list"),
        ({"networkRuleSet": {"ipRules": {}}}, "networkRuleSet.ipRules: must be a list, not an object"),
        ({"primaryEndpoints": {}}, "primaryEndpoints: is read-only: the service sets it"),
        (
            {"networkRuleSet": {"defaultAction": "Deny", "ipRules": [{"iPAddressOrRange": 1}]}},
            "networkRuleSet.ipRules[0].iPAddressOrRange: must be text, not 1",
        ),
    ],
)
def test_what_the_sdk_does_not_know_is_refused_in_one_line(azure: Any, wrong: dict[str, Any], line: str) -> None:
    problems = azure.problems("storage:StorageAccount", **{**ACCOUNT, **wrong})
    assert any(problem.startswith(line) for problem in problems), problems


def test_a_secret_value_is_in_no_message(azure: Any) -> None:
    number = azure.problems("storage:StorageAccount", **{**ACCOUNT, "accountName": Secret(8675309)})
    assert number == ["accountName: must be text, not [secret]"]
    problems = azure.problems("storage:StorageAccount", **{**ACCOUNT, "kind": Secret("hunter2")})
    assert problems
    assert "hunter2" not in str(problems)


@pytest.mark.parametrize("kind", ["foo:Bar", "datafactory:Factory"])
def test_a_type_that_is_not_known_is_refused_by_its_name(azure: Any, kind: str) -> None:
    with pytest.raises(
        RefusedError, match=f"^azure-native:{kind} is not a type that the emulated provider azure-native 3"
    ):
        azure.problems(kind)


def test_a_value_that_azure_documents_and_the_sdk_does_not_list_is_accepted(azure: Any) -> None:
    flow = {"streams": ["Microsoft-ContainerInsights-Group-Default"], "destinations": ["logs"]}
    rule = {"resourceGroupName": "rg-dev", "location": "westeurope", "dataCollectionRuleName": "dcr-dev"}
    assert azure.problems("monitor:DataCollectionRule", **rule, dataFlows=[flow]) == []
    assert len(azure.problems("monitor:DataCollectionRule", **rule, dataFlows=[{**flow, "streams": [1]}])) == 1
