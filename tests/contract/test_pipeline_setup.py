"""What `make pipeline-setup` makes of an Azure DevOps project, and that it makes it once."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from delivery import azure_devops, rest
from delivery.__main__ import main
from emulators import background
from emulators.azure_devops.app import TOKEN, DevOps
from emulators.azure_devops.fault import Fault
from registration import azure_endpoint

ROOT = Path(__file__).parents[2]
SOMEBODY, ANOTHER = (f"{digit * 8}-2222-3333-4444-555555555555" for digit in "ab")
WHERE = ["--organization", "contoso", "--project", "data", "--repository", "prefect-aks", "--pipeline", "prefect-aks"]
ALL = [*WHERE, "--approver", SOMEBODY]
LINES = [
    "build validation on dev",
    "build validation on stage",
    "build validation on main",
    *(
        each.format(stack)
        for stack in ("dev", "stage")
        for each in (
            "environment prefect-{}",
            "exclusive lock of prefect-{}",
            "permission for the pipeline to use prefect-{}",
        )
    ),
    "environment prefect-prod",
    "exclusive lock of prefect-prod",
    "approval of prefect-prod",
    "permission for the pipeline to use prefect-prod",
]


class Setup:
    """A project, and the command that sets it up."""

    def __init__(self, devops: DevOps, output: pytest.CaptureFixture[str]) -> None:
        self.devops, self.store, self._output = devops, devops.store, output

    def __call__(self, *arguments: str, status: int = 0) -> str:
        """Run it, and give the lines it said; where it fails, the last one."""
        assert main(["pipeline-setup", *arguments]) == status
        said = self._output.readouterr()
        assert TOKEN not in said.out + said.err
        return said.err.strip() if status else said.out

    def written(self) -> list[str]:
        return [each["asked"] for each in self.devops.requests if not each["asked"].startswith("GET ")]

    def check(self, kind: str) -> dict[str, Any]:
        """The one check of a type that prod has."""
        (prod,) = (str(each["id"]) for each in self.store.environments if each["name"] == "prefect-prod")
        found = [each for each in self.store.checks if each["resource"]["id"] == prod]
        (check,) = (each for each in found if each["type"]["name"] == kind)
        return check


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[DevOps, str]]:
    devops = DevOps(page=2)
    with background.serving(devops.application()) as url:
        yield devops, url


@pytest.fixture
def setup(served: tuple[DevOps, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Setup:
    devops, url = served
    devops.clear()
    monkeypatch.setenv(rest.VARIABLE, url)
    monkeypatch.setenv(azure_devops.TOKEN, TOKEN)
    monkeypatch.setattr(rest, "_PAUSES", (0.01, 0.01))
    return Setup(devops, capsys)


def test_everything_is_made_once_and_a_second_run_changes_nothing(setup: Setup) -> None:
    assert setup(*ALL).splitlines() == [f"made       {line}" for line in LINES]
    before = setup.written()
    assert setup(*ALL).splitlines() == [f"unchanged  {line}" for line in LINES]
    assert setup.written() == before


def test_what_is_made_is_what_azure_devops_is_asked_for(setup: Setup) -> None:
    setup(*ALL)
    assert [each["settings"]["scope"][0]["refName"] for each in setup.store.policies] == [
        "refs/heads/dev",
        "refs/heads/stage",
        "refs/heads/main",
    ]
    for policy in setup.store.policies:
        assert (policy["isEnabled"], policy["isBlocking"], policy["settings"]["buildDefinitionId"]) == (True, True, 7)
        assert policy["settings"]["scope"][0]["repositoryId"] == setup.store.repositories["prefect-aks"]
    approval = setup.check("Approval")["settings"]
    assert approval["approvers"] == [{"id": SOMEBODY}]
    assert (approval["minRequiredApprovers"], approval["requesterCannotBeApprover"]) == (1, True)
    assert [each["type"]["name"] for each in setup.store.checks] == ["ExclusiveLock"] * 3 + ["Approval"]
    assert list(setup.store.permitted.values()) == [[7], [7], [7]]


def test_a_rehearsal_says_what_it_would_do_and_does_nothing(setup: Setup) -> None:
    assert setup(*ALL, "--dry-run").splitlines() == [f"to make    {line}" for line in LINES]
    assert setup.written() == []


def test_prod_without_an_approver_is_a_failure_after_the_rest_is_done(setup: Setup) -> None:
    refusal = setup(*WHERE, status=1)
    assert refusal == "error: nobody approves what is deployed to prod: run it again with --approver ID"
    assert setup(*ALL).splitlines() == [
        f"{'made' if line.startswith('approval') else 'unchanged':<9}  {line}" for line in LINES
    ]
    setup(*WHERE)


def test_what_somebody_set_otherwise_stays_and_what_he_took_away_comes_back(setup: Setup) -> None:
    setup(*ALL)
    setup.check("Approval")["settings"]["requesterCannotBeApprover"] = False
    setup.check("ExclusiveLock")["isDisabled"] = True
    setup.store.policies[0]["isEnabled"] = False
    setup.store.policies[0]["settings"]["validDuration"] = 5
    changed = [line for line in setup(*ALL, "--approver", ANOTHER).splitlines() if not line.startswith("unchanged")]
    assert changed == [
        "changed    build validation on dev",
        "changed    exclusive lock of prefect-prod",
        "changed    approval of prefect-prod",
    ]
    approval = setup.check("Approval")["settings"]
    assert [each["id"] for each in approval["approvers"]] == [SOMEBODY, ANOTHER]
    assert approval["requesterCannotBeApprover"] is False
    assert setup.store.policies[0]["settings"]["validDuration"] == 5
    assert "changed" not in setup(*ALL).replace("unchanged", "")


def test_a_pipeline_of_another_repository_gets_no_policies(setup: Setup) -> None:
    said = setup(*WHERE[:4], "--pipeline", "7", "--approver", SOMEBODY, "--json")
    told = json.loads(said)
    assert told["outcomes"][0] == {"what": "environment prefect-dev", "action": "made"}
    assert setup.store.policies == []


@pytest.mark.parametrize(
    ("place", "status", "hint"),
    [
        ("build/definitions", 401, "renew it, or sign in with `az login`"),
        ("POST /azure/contoso/data/_apis/policy", 403, "you need 'Edit policies' on the repository"),
        ("POST /azure/contoso/data/_apis/distributedtask", 403, "you need to be a creator of environments"),
        ("POST /azure/contoso/data/_apis/pipelines/checks", 403, "you need to be an administrator of prefect-dev"),
        ("PATCH", 403, "permission for prefect-dev: Azure DevOps answers 403: you need to be an administrator"),
        ("git/repositories", 404, "repository 'prefect-aks': Azure DevOps answers 404: there is none, or you need"),
        ("build/definitions", 203, "the token is not taken"),
        ("build/definitions", 503, "Azure DevOps answers 503"),
    ],
)
def test_a_refusal_is_one_line_that_says_which_right_is_missing(
    setup: Setup, place: str, status: int, hint: str
) -> None:
    setup.devops.faults.pending = [Fault(at=place, status=status, times=9)]
    refusal = setup(*ALL, status=1)
    assert refusal.startswith("error: ")
    assert hint in refusal
    assert "\n" not in refusal


@pytest.mark.parametrize(
    ("changed", "status", "reason"),
    [
        (["--pipeline", "another"], 1, "no pipeline is called 'another' in this project"),
        (["--pipeline", "8"], 1, "pipeline '8': Azure DevOps answers 404"),
        (["--organization", "contoso/data"], 2, "'contoso/data' is no organisation"),
        (["--approver", "me@example.com"], 2, "'me@example.com' is no id of an approver"),
    ],
)
def test_what_does_not_exist_is_told(setup: Setup, changed: list[str], status: int, reason: str) -> None:
    assert reason in setup(*ALL, *changed, status=status)


def test_whoever_is_signed_in_to_azure_needs_no_token_of_his_own(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class SignedIn:
        def get_token(self, *scopes: str) -> AccessToken:
            asked.extend(scopes)
            return AccessToken(TOKEN, 0)

    monkeypatch.delenv(azure_devops.TOKEN)
    monkeypatch.setattr(azure_endpoint, "credential", SignedIn)
    assert "made" in setup(*ALL)
    assert asked == ["499b84ac-1321-427f-aa17-267ca6975798/.default"]


def test_the_stand_in_is_a_process_of_its_own_too_and_says_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    command = [sys.executable, "-m", "emulators.azure_devops", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        what, where = (process.stdout.readline().strip() for _ in range(2))
        url = where.removeprefix("listening on ")
        monkeypatch.setenv(rest.VARIABLE, url)
        assert rest.address("https://api.github.com", "github") == f"{url}/github"
        assert httpx.get(f"{url}/health", trust_env=False).json()["about"] == what
        process.terminate()
    assert what.startswith("emulator of ")


def test_whoever_is_nobody_is_told_how_to_sign_in(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    class Nobody:
        def get_token(self, *_: str) -> AccessToken:
            raise ClientAuthenticationError("a page long")

    monkeypatch.delenv(azure_devops.TOKEN)
    monkeypatch.setattr(azure_endpoint, "credential", Nobody)
    assert setup(*ALL, status=1).startswith("error: nobody is signed in to Azure DevOps here: `az login`, or ")
