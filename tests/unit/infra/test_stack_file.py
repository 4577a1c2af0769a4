"""The stack files set what is declared, and are right as they are."""

from pathlib import Path

import pytest
import yaml

from infra import settings, stack_file
from infra.azure_settings import AzureSettings
from infra.relaxation import CONTROLS

ROOT = Path(__file__).parents[3]
STACKS = sorted(path.name.split(".")[1] for path in ROOT.glob("Pulumi.*.yaml"))
TYPES = {str: "string", bool: "boolean", int: "integer", float: "number"}


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_file_sets_declared_keys_alone_and_is_right(stack: str) -> None:
    values = stack_file.declared(ROOT) | stack_file.values(ROOT / stack_file.name(stack), "prefect-aks")
    neighbours = stack_file.neighbours(ROOT, "prefect-aks", stack)
    assert settings.check(values, "prefect-aks", stack, neighbours=neighbours).environment == stack


@pytest.mark.parametrize("stack", ["dev", "stage", "prod"])
def test_each_environment_is_there(stack: str) -> None:
    assert stack in STACKS


def test_every_key_of_the_settings_is_declared_and_no_other() -> None:
    of_pulumi = {"platform", "prefectTenant", "prefectProject", "flowsDirectory", "flowLabels", "flowSchedules"}
    fields = {settings.to_camel(name) for name in AzureSettings.model_fields}
    assert set(stack_file.declared(ROOT)) == fields | of_pulumi | {"flowRemoval"}


def test_every_key_has_a_type_a_description_and_a_default_of_that_type() -> None:
    config = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    for key, given in config.items():
        kind = TYPES[type(given["default"])]
        assert given["type"] == kind or (given["type"], kind) == ("number", "integer"), key
        assert given["description"], key


def test_no_default_relaxes_a_control() -> None:
    declared = stack_file.declared(ROOT)
    required = {"nameSuffix": "acme", "addressSpace": "10.20.0.0/20", "alertEmails": "oncall@example.com"}
    required |= {"administrators": "00000000-0000-0000-0000-00000000000a", "deployer": "scaleSet"}
    required |= {"deployerSshPublicKey": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43}
    assert settings.check(declared | required, "prefect-aks", "qa").relaxations == {}


def test_every_control_that_can_be_relaxed_has_a_key_for_its_reason() -> None:
    declared = stack_file.declared(ROOT)
    assert [control.key for control in CONTROLS if f"{control.key}Reason" not in declared] == []
    reasons = {key for key in declared if key.endswith("Reason")}
    assert reasons == {f"{control.key}Reason" for control in CONTROLS}


def test_a_neighbour_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: prefect-aks\nconfig: {}\n")
    (tmp_path / "Pulumi.good.yaml").write_text("config:\n  prefect-aks:addressSpace: 10.16.0.0/20\n")
    (tmp_path / "Pulumi.empty.yaml").write_text("")
    (tmp_path / "Pulumi.broken.yaml").write_text("config: [")
    (tmp_path / "Pulumi.wrong.yaml").write_text("config:\n  prefect-aks:addressSpace: everywhere\n")
    assert list(stack_file.neighbours(tmp_path, "prefect-aks", "qa")) == ["Pulumi.good.yaml"]
