from pathlib import Path

import pytest
import yaml

from emulators.stack_file import StackFileError, placeholder, read, without_secrets
from infra.stack_file import platform, stacks

FILE = """
secretsprovider: azurekeyvault://kv.vault.azure.net/keys/pulumi
encryptedkey: AAAA
encryptionsalt: v1:BBBB
config:
  prefect-aks:kubernetesVersion: 1.30
  prefect-aks:zones: "1,2"
  prefect-aks:alertWebhook:
    secure: CCCC
  prefect-aks:object:
    plain: yes
    in.side:
      - open
      - secure: DDDD
"""


def test_secrets_become_placeholders_and_what_ties_the_file_to_a_provider_is_gone() -> None:
    text, secrets = without_secrets(FILE, "Pulumi.dev.yaml")
    assert not [cipher for cipher in ("AAAA", "BBBB", "CCCC", "DDDD", "secure", "azurekeyvault") if cipher in text]
    assert secrets == {
        "prefect-aks:alertWebhook": placeholder("alertWebhook"),
        'prefect-aks:object["in.side"][1]': placeholder("object"),
    }
    assert yaml.safe_load(text)["config"]["prefect-aks:object"]["in.side"] == ["open", placeholder("object")]


def test_everything_else_stays_as_it_is_written() -> None:
    text, _ = without_secrets(FILE, "Pulumi.dev.yaml")
    for line in ("prefect-aks:kubernetesVersion: 1.30", 'prefect-aks:zones: "1,2"', "plain: yes"):
        assert line in text


def test_a_placeholder_says_what_it_is_and_leads_nowhere() -> None:
    assert placeholder("alertWebhook") == "https://placeholder.invalid/alertWebhook"


@pytest.mark.parametrize("text", ["", "config:\n", "config: {}\n"])
def test_a_file_without_secrets_has_none(text: str) -> None:
    assert without_secrets(text, "Pulumi.dev.yaml")[1] == {}


@pytest.mark.parametrize(("text", "told"), [("a: [\n", "Pulumi.dev.yaml, line 2: it is no YAML"), ("- a\n", "mapping")])
def test_a_file_that_is_none_is_one_line_that_names_it(text: str, told: str) -> None:
    with pytest.raises(StackFileError, match=r"Pulumi\.dev\.yaml") as raised:
        without_secrets(text, "Pulumi.dev.yaml")
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)
    assert platform(text) == ""


def test_the_stacks_are_those_that_have_a_file(tmp_path: Path) -> None:
    for name in ("Pulumi.yaml", "Pulumi.qa.yaml", "Pulumi.dev.west.yaml", "Pulumi.dev.yaml", "other.yaml"):
        (tmp_path / name).touch()
    assert stacks(tmp_path) == ["dev", "dev.west", "qa"]
    assert platform("config:\n  prefect-aks:platform: local\n") == "local"


def test_a_file_that_is_no_text_is_one_line_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_bytes(b"config: \xff\xfe")
    with pytest.raises(StackFileError, match=r"^Pulumi\.dev\.yaml: it is no UTF-8 text, from byte 8 on$"):
        read(tmp_path / "Pulumi.dev.yaml")
