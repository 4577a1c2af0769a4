"""A new environment's stack file is a right copy with addresses of its own, or it is not there."""

import shutil
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from infra import environment, stack_file

ROOT = Path(__file__).parents[3]
SOURCE = """\
# What it is for.
secretsprovider: azurekeyvault://vault.example.com/keys/prefect
encryptedkey: c2VjcmV0
config:
  prefect-aks:location: westeurope  # near the data
  prefect-aks:nameSuffix: acme
  prefect-aks:addressSpace: 10.16.0.0/20  # the plan's first
  prefect-aks:alertWebhook:
    secure: v1:nonce:ciphertext
  prefect-aks:alertEmails: oncall@example.com

  # People.
  "prefect-aks:administrators": 00000000-0000-0000-0000-00000000000a
  prefect-aks:deployer: none
  prefect-aks:publicAccess: authorizedRanges
  prefect-aks:publicAccessReason: "Engineers deploy: from home."
  prefect-aks:authorizedIpRanges: 203.0.113.0/24
  azure-native:clientSecret:
    secure: v1:nonce:other
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the project's file and one environment; the command runs in it."""
    shutil.copy(ROOT / "Pulumi.yaml", tmp_path)
    (tmp_path / "Pulumi.dev.yaml").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def change(project: Path, old: str, new: str) -> None:
    file = project / "Pulumi.dev.yaml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def refusal(capsys: pytest.CaptureFixture[str], project: Path, name: str = "qa", other: str = "dev") -> str:
    before = {path.name: path.read_text() for path in project.iterdir()}
    assert environment.main([name, "--from", other]) == 1
    assert {path.name: path.read_text() for path in project.iterdir()} == before
    told = capsys.readouterr()
    assert told.out == ""
    return told.err.strip()


def test_the_copy_keeps_every_line_but_addresses_and_secrets(project: Path) -> None:
    assert environment.main(["qa", "--from", "dev"]) == 0
    first, *lines = (project / "Pulumi.qa.yaml").read_text().splitlines()
    assert first.startswith("# Environment qa, made from Pulumi.dev.yaml")
    kept = SOURCE.replace("10.16.0.0/20", "10.16.16.0/20").splitlines()
    lost = ("secretsprovider", "encryptedkey", "secure:", "alertWebhook", "clientSecret")
    assert lines == [line for line in kept if not any(word in line for word in lost)]


def test_the_answer_says_which_secrets_to_set_and_what_comes_next(capsys: pytest.CaptureFixture[str]) -> None:
    environment.main(["qa", "--from", "dev"])
    told = capsys.readouterr().out
    assert "addressSpace 10.16.16.0/20" in told
    assert "--stack qa --secret prefect-aks:alertWebhook" in told
    assert "make preview STACK=qa" in told
    assert "ciphertext" not in told


def test_each_new_environment_has_addresses_that_no_other_has(project: Path) -> None:
    names = [f"team{number}" for number in range(12)]
    assert [environment.main([name, "--from", "dev"]) for name in names] == [0] * 12
    spaces = list(stack_file.neighbours(project, "prefect-aks", "").values())
    assert len(spaces) == len(set(spaces)) == 13
    assert not any(one.overlaps(other) for one in spaces for other in spaces if one is not other)


def test_a_free_range_between_two_environments_is_taken_first(project: Path) -> None:
    change(project, "10.16.0.0/20", "10.16.32.0/20")
    (project / "Pulumi.big.yaml").write_text("config:\n  prefect-aks:addressSpace: 10.16.0.0/20\n")
    environment.main(["qa", "--from", "dev"])
    assert stack_file.neighbours(project, "prefect-aks", "")["Pulumi.qa.yaml"] == IPv4Network("10.16.16.0/20")


def test_what_peers_have_is_not_taken(project: Path) -> None:
    change(project, "  prefect-aks:deployer", "  prefect-aks:peerAddressSpaces: 10.16.16.0/20\n  prefect-aks:deployer")
    environment.main(["qa", "--from", "dev"])
    assert stack_file.neighbours(project, "prefect-aks", "")["Pulumi.qa.yaml"] == IPv4Network("10.16.32.0/20")


def test_an_existing_name_is_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert refusal(capsys, project, "dev") == "Pulumi.dev.yaml: exists already; choose another name"


@pytest.mark.parametrize("name", ["Qa", "q", "../qa", "qa.yaml", "", "far-too-long-a-name"])
def test_a_malformed_name_is_refused(project: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert "use 2 to 10 lower-case letters and digits" in refusal(capsys, project, name)


def test_an_unknown_source_is_refused_with_those_that_are_there(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = "Pulumi.prod.yaml: there is no such stack file; copy from one of dev"
    assert refusal(capsys, project, other="prod") == line


def test_a_folder_that_is_not_the_projects_is_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "Pulumi.yaml").unlink()
    assert refusal(capsys, project) == "Pulumi.yaml: is not in this folder; run this in the project's own"


def test_a_source_that_is_no_text_is_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "Pulumi.dev.yaml").write_bytes(b"\xff")
    assert environment.main(["qa", "--from", "dev"]) == 1
    assert capsys.readouterr().err.startswith("Pulumi.dev.yaml: ")


def test_a_source_that_is_not_in_azure_is_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "Pulumi.local.yaml").write_text("config:\n  prefect-aks:platform: local\n")
    assert "is no environment in Azure" in refusal(capsys, project, other="local")


def test_an_exhausted_plan_is_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(project, "  prefect-aks:deployer", "  prefect-aks:addressPlan: 10.16.0.0/20\n  prefect-aks:deployer")
    line = refusal(capsys, project)
    assert line.startswith("Pulumi.qa.yaml: addressPlan 10.16.0.0/20 has no free /20 left; enlarge addressPlan")


def test_a_copy_that_would_be_wrong_is_not_written(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(project, "location: westeurope", "location: atlantis")
    change(project, "nameSuffix: acme", "nameSuffix: Acme")
    lines = refusal(capsys, project).splitlines()
    assert [line.partition(": it")[0].split(":")[2] for line in lines] == ["location", "nameSuffix"]
    assert all(line.startswith("Pulumi.qa.yaml: prefect-aks:") for line in lines)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("config:", "config: [", "mend it first"),
        ("addressSpace: 10.16.0.0/20", "addressSpace: everywhere", "mend it first"),
        ("addressSpace: 10.16.0.0/20", "addressSpace: 10.16.0.0/11", "mend it first"),
        ("  prefect-aks:addressSpace: 10.16.0.0/20  #", "  # none", "mend it first"),
        (
            "  prefect-aks:addressSpace: 10.16.0.0/20  #",
            "  ? prefect-aks:addressSpace\n  : 10.16.0.0/20  #",
            "one key a",
        ),
    ],
)
def test_a_source_that_cannot_be_copied_is_refused_in_one_line(
    project: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, words: str
) -> None:
    change(project, old, new)
    line = refusal(capsys, project)
    assert "\n" not in line
    assert line.startswith("Pulumi.dev.yaml: ")
    assert words in line


def test_a_file_that_appears_meanwhile_is_not_written_over(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", lambda _: False)
    (project / "Pulumi.qa.yaml").write_text("theirs")
    assert environment.main(["qa", "--from", "dev"]) == 1
    assert (project / "Pulumi.qa.yaml").read_text() == "theirs"
    assert sorted(path.name for path in project.iterdir()) == ["Pulumi.dev.yaml", "Pulumi.qa.yaml", "Pulumi.yaml"]


def test_a_command_line_that_lacks_the_source_is_wrong() -> None:
    with pytest.raises(SystemExit) as stop:
        environment.main(["qa"])
    assert stop.value.code == 2
