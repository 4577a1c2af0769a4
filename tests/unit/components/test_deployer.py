"""The deployer's two kinds."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pulumi
import pytest

from components.deployer import Deployer, DeployerArgs, has_local_disk
from components.placement import Placement
from components.role import Role

GALLERY = "/subscriptions/s/resourceGroups/images/providers/Microsoft.Compute/galleries/g"


@pytest.fixture
def make(
    register: Callable[[Callable[[], object]], Any],
    placement: Placement,
    anything: Callable[[str], pulumi.Resource],
) -> Callable[..., Any]:
    def deployer(**changes: Any) -> None:
        args = DeployerArgs(
            placement=placement,
            name="mdp-prefect-test-x",
            kind="managedDevOpsPool",
            network=anything("net"),
            network_id="/network",
            subnet_id="/subnet",
            vm_size="Standard_D2ds_v5",
            image="",
            maximum=2,
            organization="contoso",
            project="data",
            infrastructure_principal_id="object-of-pools",
            ssh_public_key="ssh-ed25519 AAAA",
        )
        Deployer("deployer", replace(args, **changes))

    return lambda **changes: register(lambda: deployer(**changes))


def test_a_managed_pool_is_empty_at_rest_and_for_one_project(make: Callable[..., Any]) -> None:
    inputs = make().one("Pool").inputs
    assert inputs["agentProfile"] == {"kind": "Stateless"}
    assert inputs["maximumConcurrency"] == 2
    assert inputs["fabricProfile"]["networkProfile"] == {"subnetId": "/subnet"}
    assert inputs["organizationProfile"]["organizations"] == [
        {"openAccess": False, "parallelism": 2, "projects": ["data"], "url": "https://dev.azure.com/contoso"}
    ]


def test_azures_own_application_may_join_the_network_before_the_pool_does(make: Callable[..., Any]) -> None:
    made = make()
    assignments = made.of("RoleAssignment")
    assert {each.inputs["roleDefinitionId"].rsplit("/", 1)[1] for each in assignments} == {
        Role.READER,
        Role.NETWORK_CONTRIBUTOR,
    }
    for each in assignments:
        assert (each.inputs["principalId"], each.inputs["scope"]) == ("object-of-pools", "/network")
        assert each.name in made.one("Pool").depends_on


def test_a_scale_set_is_what_azure_devops_asks_for(make: Callable[..., Any]) -> None:
    scale_set = make(kind="scaleSet").one("VirtualMachineScaleSet")
    assert scale_set.inputs["sku"]["capacity"] == 0
    assert (scale_set.inputs["orchestrationMode"], scale_set.inputs["overprovision"]) == ("Uniform", False)
    assert scale_set.inputs["upgradePolicy"] == {"mode": "Manual"}
    assert "sku.capacity" in scale_set.ignore_changes


@pytest.mark.parametrize(
    ("image", "started"),
    [
        ("", {"wellKnownImageName": "ubuntu-24.04/latest"}),
        (f"{GALLERY}/images/agent", {"resourceId": f"{GALLERY}/images/agent"}),
    ],
)
def test_a_managed_pool_starts_from_ones_own_image_or_from_the_hosted_agents(
    make: Callable[..., Any], image: str, started: dict[str, str]
) -> None:
    assert make(image=image).one("Pool").inputs["fabricProfile"]["images"] == [{"buffer": "*"} | started]


@pytest.mark.parametrize(
    ("image", "started"),
    [
        ("", {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}),
        (f"{GALLERY}/images/agent/versions/1.0.0", {"id": f"{GALLERY}/images/agent/versions/1.0.0"}),
    ],
)
def test_a_scale_set_starts_from_ones_own_image_or_from_plain_ubuntu(
    make: Callable[..., Any], image: str, started: dict[str, str]
) -> None:
    profile = make(kind="scaleSet", image=image).one("VirtualMachineScaleSet").inputs["virtualMachineProfile"]
    assert profile["storageProfile"]["imageReference"] == started
    assert profile["securityProfile"]["securityType"] == "TrustedLaunch"


def test_a_scale_sets_machines_have_no_password_and_no_public_address(make: Callable[..., Any]) -> None:
    profile = make(kind="scaleSet").one("VirtualMachineScaleSet").inputs["virtualMachineProfile"]
    assert "adminPassword" not in profile["osProfile"]
    assert profile["osProfile"]["linuxConfiguration"]["disablePasswordAuthentication"] is True
    assert profile["securityProfile"] == {
        "encryptionAtHost": True,
        "securityType": "TrustedLaunch",
        "uefiSettings": {"secureBootEnabled": True, "vTpmEnabled": True},
    }
    (interface,) = profile["networkProfile"]["networkInterfaceConfigurations"]
    assert [set(each) for each in interface["ipConfigurations"]] == [{"name", "primary", "subnet"}]


@pytest.mark.parametrize(
    ("vm_size", "local"),
    [
        ("Standard_D2ds_v5", True),
        ("Standard_D4ads_v5", True),
        ("Standard_E8-4ds_v4", True),
        ("Standard_D2s_v5", False),
        ("Standard_D2ds_v6", False),
        ("Standard_B2ms", False),
    ],
)
def test_the_operating_system_is_on_the_machines_own_disk_where_it_has_one(
    make: Callable[..., Any], vm_size: str, local: bool
) -> None:
    assert has_local_disk(vm_size) is local
    profile = make(kind="scaleSet", vm_size=vm_size).one("VirtualMachineScaleSet").inputs["virtualMachineProfile"]
    assert ("diffDiskSettings" in profile["storageProfile"]["osDisk"]) is local
