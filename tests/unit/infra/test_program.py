"""What the program makes of the stack files, under Pulumi's mocks."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from infra import workload

STACKS = ["dev", "stage", "prod"]
HOLDING_DATA = [
    "azure-native:storage:StorageAccount",
    "azure-native:dbforpostgresql:Server",
    "azure-native:containerservice:ManagedCluster",
    "azure-native:resources:ResourceGroup",
]
CHANGED = {
    "protection": "false",
    "protectionReason": "a test takes it off",
    "alertWebhook": "https://hook.example.com/token",
}

Plans = Callable[..., Any]


def components(made: Any) -> set[str]:
    return {each.type.rpartition(":")[2] for each in made.resources if not each.custom and not each.parent}


@pytest.mark.parametrize("stack", STACKS)
def test_an_environment_is_made_of_its_components(plan: Plans, stack: str) -> None:
    azure = {"Network", "Identity", "Cluster", "Registry", "Storage", "Database", "Monitoring", "Alerts"}
    workload = {"ImageMirror", "FlowImage", "PrefectServer", "PrefectAgent", "FlowRegistry"}
    assert components(plan(stack)) - {"Deployer", "Dask"} == azure | workload


@pytest.mark.parametrize("stack", STACKS)
def test_every_resource_but_the_providers_and_the_group_belongs_to_a_component(plan: Plans, stack: str) -> None:
    outside = [each.type for each in plan(stack).resources if each.custom and not each.parent]
    assert sorted(outside) == [
        "azure-native:resources:ResourceGroup",
        "pulumi:providers:azure-native",
        "pulumi:providers:azuread",
        "pulumi:providers:kubernetes",
    ]


@pytest.mark.parametrize("stack", STACKS)
def test_everything_in_azure_and_in_the_cluster_is_made_by_an_explicit_provider(plan: Plans, stack: str) -> None:
    used = {(each.type.split(":")[0], each.provider) for each in plan(stack).resources if each.custom}
    explicit = {("azure-native", "azure"), ("azuread", "entra"), ("kubernetes", "cluster")}
    assert used - {("pulumi", ""), ("pulumi-python", ""), ("random", "")} == explicit


@pytest.mark.parametrize("stack", STACKS)
def test_whatever_has_tags_tells_the_relaxed_controls(plan: Plans, stack: str) -> None:
    made = plan(stack)
    told = " ".join(sorted(made.outputs["relaxations"])) or None
    tagged = [each.inputs["tags"] for each in made.resources if isinstance(each.inputs.get("tags"), dict)]
    assert len(tagged) > 10
    assert {tags.get("relaxed-controls") for tags in tagged} == {told}


def test_what_holds_data_is_protected_where_protection_is_on(plan: Plans) -> None:
    protected = {each.type: each.protect for each in plan("stage").resources if each.type in HOLDING_DATA}
    assert protected == dict.fromkeys(HOLDING_DATA, True)


def test_nothing_is_protected_where_protection_is_off(plan: Plans) -> None:
    assert [each.name for each in plan("stage", **CHANGED).resources if each.protect] == []


@pytest.mark.parametrize("stack", STACKS)
def test_the_outputs_are_what_users_need_and_hold_no_secret(plan: Plans, stack: str) -> None:
    outputs = plan(stack).outputs
    assert {"resourceGroup", "clusterName", "registryLoginServer", "flowStore", "databaseHost"} <= outputs.keys()
    assert not {"kubeconfig", "databasePassword"} & outputs.keys()
    assert plan(stack).secret_outputs == set()


def test_the_deployer_is_there_where_it_is_asked_for(plan: Plans) -> None:
    assert "Deployer" not in components(plan("dev"))
    assert plan("prod").outputs["deployerPool"]


def test_the_webhook_of_alerts_is_a_secret_input(plan: Plans) -> None:
    made = plan("stage", **CHANGED)
    groups = [each for each in made.resources if "https://hook.example.com/token" in str(each.inputs)]
    assert [each.type for each in groups] == ["azure-native:monitor:ActionGroup"]
    assert "webhookReceivers" in groups[0].secrets


def test_the_spot_pool_is_there_where_it_is_asked_for(plan: Plans) -> None:
    pools = {stack: len(plan(stack).of("containerservice:AgentPool")) for stack in ("stage", "prod")}
    assert pools == {"stage": 1, "prod": 2}


def test_dask_is_there_where_it_is_asked_for(plan: Plans) -> None:
    assert {stack: "Dask" in components(plan(stack)) for stack in STACKS} == {"dev": False, "stage": True, "prod": True}


def test_images_come_by_digest_from_the_environments_own_registry(plan: Plans) -> None:
    made = plan("prod")
    (release,) = made.of("Release")
    images = release.inputs["values"]["images"]
    assert {image["registry"] for image in images.values()} == {"registry.azurecr.io"}
    assert all(image["digest"].startswith("sha256:") for image in images.values())
    assert {"agent", "loginProxy"}.isdisjoint(images)
    pods = [each.inputs["spec"]["template"]["spec"]["containers"] for each in made.of("Deployment")]
    assert all(container["image"].startswith("registry.azurecr.io/") for pod in pods for container in pod)


def test_a_stack_that_names_its_flow_image_builds_none(plan: Plans) -> None:
    image = f"registry.example.com/flows@sha256:{'1' * 64}"
    made = plan("prod", flowImage=image)
    assert "FlowImage" not in components(made)
    assert not made.of("containerregistry:AgentPool")
    assert "mirror-flowBase" not in {each.name for each in made.resources}
    (template,) = [each.inputs["data"] for each in made.of("ConfigMap") if "job-template" in each.name]
    assert f'"image": "{image}"' in template["job-template.yaml"]
    assert made.outputs["flowImage"] == image
    assert "flowImageContentHash" not in made.outputs


def test_without_the_mirror_images_come_from_their_makers(plan: Plans) -> None:
    made = plan("dev", imageMirror="false", imageMirrorReason="a test does without it")
    assert "ImageMirror" not in components(made)
    (release,) = made.of("Release")
    assert release.inputs["values"]["images"]["hasura"]["registry"] == "docker.io"


def test_an_update_without_kubelogin_is_refused_before_anything_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    refused = "kubelogin is not on PATH, and nothing else logs in to the cluster: `az aks install-cli`"
    with pytest.raises(pulumi.RunError, match=refused):
        workload.ask_for_login()


def test_the_stack_local_loads_no_azure_sdk() -> None:
    script = "import sys, infra.program; sys.exit(any(name.startswith('pulumi_azure') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
