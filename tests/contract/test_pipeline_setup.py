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

from delivery.__main__ import main
from delivery.hosting import azure_devops, guard, pipeline_setup, rest, strictness
from emulators import background
from emulators.azure_devops.app import TOKEN, DevOps
from emulators.azure_devops.fault import Fault
from registration import azure_endpoint

ROOT = Path(__file__).parents[2]
SOMEBODY, ANOTHER = (f"{digit * 8}-2222-3333-4444-555555555555" for digit in "ab")
WHERE = ["--organization", "contoso", "--project", "data", "--repository", "prefect-aks", "--pipeline", "prefect-aks"]
ALL = [*WHERE, "--approver", SOMEBODY]
POLICIES = [f"{what} on {branch}" for what in ("build validation", "review") for branch in ("dev", "stage", "main")]
LINES = [
    *POLICIES,
    *(
        each.format(stack)
        for stack in ("dev", "stage")
        for each in (
            "environment prefect-{}",
            "exclusive lock of prefect-{}",
            "permission for the pipeline to use environment prefect-{}",
        )
    ),
    "environment prefect-prod",
    "exclusive lock of prefect-prod",
    "approval of prefect-prod",
    "permission for the pipeline to use environment prefect-prod",
    *(
        each.format(stack)
        for stack in ("dev", "stage", "prod")
        for each in (
            "branch control of prefect-{}",
            "permission for the pipeline to use service connection prefect-{}",
            "permission for the pipeline to use service connection prefect-{}-preview",
        )
    ),
]
ALLOWED = {
    "prefect-dev": "refs/heads/dev, refs/heads/feature/*, refs/heads/main",
    "prefect-stage": "refs/heads/stage, refs/heads/main",
    "prefect-prod": "refs/heads/main",
}


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

    def policy(self, kind: str, branch: str) -> dict[str, Any]:
        """The one policy of a type that a branch has."""
        found = [each for each in self.store.policies if each["type"]["id"] == kind]
        (policy,) = (each for each in found if each["settings"]["scope"][0]["refName"] == f"refs/heads/{branch}")
        return policy

    def control(self, connection: str) -> dict[str, Any]:
        """What the one check of a service connection asks for."""
        place = {"type": "endpoint", "id": self.store.connections[connection]}
        (check,) = (each for each in self.store.checks if place.items() <= each["resource"].items())
        inputs: dict[str, Any] = check["settings"]["inputs"]
        return inputs

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
    for branch in ("dev", "stage", "main"):
        for kind in (guard.BUILD_VALIDATION, guard.REVIEW):
            policy = setup.policy(kind, branch)
            assert (policy["isEnabled"], policy["isBlocking"]) == (True, True)
            assert policy["settings"]["scope"][0]["repositoryId"] == setup.store.repositories["prefect-aks"]
        assert setup.policy(guard.BUILD_VALIDATION, branch)["settings"]["buildDefinitionId"] == 7
    approval = setup.check("Approval")["settings"]
    assert approval["approvers"] == [{"id": SOMEBODY}]
    assert (approval["minRequiredApprovers"], approval["requesterCannotBeApprover"]) == (1, True)
    kinds = [each["type"]["name"] for each in setup.store.checks]
    assert kinds == ["ExclusiveLock"] * 3 + ["Approval"] + ["Task Check"] * 3
    assert list(setup.store.permitted.values()) == [[7]] * 9


def test_what_is_merged_was_approved_by_another_than_who_wrote_it(setup: Setup) -> None:
    setup(*ALL)
    for branch in ("dev", "stage", "main"):
        settings = setup.policy(guard.REVIEW, branch)["settings"]
        assert {key: settings[key] for key in settings if key != "scope"} == {
            "minimumApproverCount": 1,
            "creatorVoteCounts": False,
            "blockLastPusherVote": True,
            "resetOnSourcePush": True,
            "allowDownvotes": False,
        }


def test_what_deploys_is_used_from_its_own_branches_alone(setup: Setup) -> None:
    setup(*ALL)
    assert {name: setup.control(name)["allowedBranches"] for name in ALLOWED} == ALLOWED
    # A feature branch is protected by nobody.
    protected = [setup.control(name)["ensureProtectionOfBranch"] for name in ALLOWED]
    assert protected == ["false", "true", "true"]
    assert {setup.control(name)["allowUnknownStatusBranch"] for name in ALLOWED} == {"false"}


def test_nobody_is_let_in_before_the_branches_are_controlled(setup: Setup) -> None:
    setup.devops.faults.pending = [Fault(at="POST /azure/contoso/data/_apis/pipelines/checks", status=200, times=4)]
    setup.devops.faults.pending += [Fault(at="POST /azure/contoso/data/_apis/pipelines/checks", status=403)]
    refusal = setup(*ALL, status=1)
    assert refusal.startswith(
        "error: service connection prefect-dev: Azure DevOps answers 403: you need to be an admin"
    )
    assert [key for key in setup.store.permitted if key.startswith("endpoint/") and setup.store.permitted[key]] == []


def test_a_rehearsal_says_what_it_would_do_and_does_nothing(setup: Setup) -> None:
    assert setup(*ALL, "--dry-run").splitlines() == [f"to make    {line}" for line in LINES]
    assert setup.written() == []


def test_prod_without_an_approver_is_a_failure_after_the_rest_is_done(setup: Setup) -> None:
    refusal = setup(*WHERE, status=1)
    assert refusal == "error: not all is there: approval of prefect-prod (run it again with --approver ID)"
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


@pytest.mark.parametrize(
    ("settings", "becomes"),
    [
        ({"creatorVoteCounts": True}, {"creatorVoteCounts": False}),
        ({"minimumApproverCount": 0}, {"minimumApproverCount": 1}),
        ({"blockLastPusherVote": False}, {"blockLastPusherVote": True}),
        ({"resetOnSourcePush": False}, {"resetOnSourcePush": True}),
        ({"minimumApproverCount": 2, "blockLastPusherVote": False}, {}),
        ({"resetOnSourcePush": False, "requireVoteOnLastIteration": True}, {}),
        ({"allowDownvotes": True, "another": 1}, {}),
    ],
)
def test_a_laxer_review_is_tightened_and_a_stricter_one_stays(
    settings: dict[str, Any], becomes: dict[str, Any]
) -> None:
    known = strictness.reviewed({}) | settings
    assert strictness.reviewed(known) == known | becomes


@pytest.mark.parametrize(
    ("stack", "inputs", "becomes"),
    [
        ("prod", {"allowedBranches": "*"}, {"allowedBranches": "refs/heads/main"}),
        ("prod", {"allowedBranches": ""}, {"allowedBranches": "refs/heads/main"}),
        ("prod", {"allowedBranches": "refs/heads/main,refs/pull/*"}, {"allowedBranches": "refs/heads/main"}),
        ("prod", {"ensureProtectionOfBranch": "false"}, {"ensureProtectionOfBranch": "true"}),
        ("prod", {"allowUnknownStatusBranch": "true"}, {"allowUnknownStatusBranch": "false"}),
        ("prod", {"ensureProtectionOfBranch": True}, {}),
        ("dev", {"allowedBranches": "refs/heads/feature*"}, {"allowedBranches": ALLOWED["prefect-dev"]}),
        ("dev", {"allowedBranches": "refs/heads/feature/mine"}, {}),
        ("dev", {"allowedBranches": "refs/heads/dev,refs/more/*"}, {}),
        ("dev", {"ensureProtectionOfBranch": "true"}, {}),
    ],
)
def test_a_laxer_branch_control_is_narrowed_and_a_stricter_one_stays(
    stack: str, inputs: dict[str, Any], becomes: dict[str, str]
) -> None:
    def strict(settings: dict[str, Any]) -> dict[str, Any]:
        allowed = pipeline_setup.ALLOWED[stack]
        return strictness.controlled(settings, allowed, more=["refs/more/*"], protected=stack == "prod")

    known = strict({})
    known["inputs"] |= inputs
    assert strict(known) == known | {"inputs": known["inputs"] | becomes}


def test_what_somebody_made_lax_is_tightened_where_it_is(setup: Setup) -> None:
    setup(*ALL)
    setup.policy(guard.REVIEW, "main")["settings"]["creatorVoteCounts"] = True
    for name in ("prefect-dev", "prefect-prod"):
        setup.control(name)["allowedBranches"] = "refs/heads/main,refs/pull/*"
    (stage,) = (each for each in setup.store.checks if each["settings"].get("inputs") == setup.control("prefect-stage"))
    stage["isDisabled"] = True
    changed = [line for line in setup(*ALL).splitlines() if not line.startswith("unchanged")]
    assert changed == [
        "changed    review on main",
        "changed    branch control of prefect-stage",
        "changed    branch control of prefect-prod",
    ]
    assert stage["isDisabled"] is False
    assert setup.policy(guard.REVIEW, "main")["settings"]["creatorVoteCounts"] is False
    assert setup.control("prefect-prod")["allowedBranches"] == "refs/heads/main"
    # That is how a pull request gets a project of its own on dev.
    assert setup.control("prefect-dev")["allowedBranches"] == "refs/heads/main,refs/pull/*"
    assert "changed" not in setup(*ALL).replace("unchanged", "")


def test_a_service_connection_that_is_not_there_is_told_and_the_rest_is_done(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as without:
        without.delitem(setup.store.connections, "prefect-stage")
        refusal = setup(*ALL, status=1)
    assert refusal == ("error: not all is there: service connection prefect-stage (make it first; docs/pipeline.md)")
    made = [line for line in setup(*ALL).splitlines() if line.startswith("made")]
    assert made == [
        "made       branch control of prefect-stage",
        "made       permission for the pipeline to use service connection prefect-stage",
    ]


def test_a_service_connection_that_every_pipeline_may_use_is_told(setup: Setup) -> None:
    setup.store.open.add(f"endpoint/{setup.store.connections['prefect-prod']}")
    refusal = setup(*ALL, status=1)
    assert "permission for the pipeline alone to use service connection prefect-prod (every pipeline of the" in refusal
    assert setup.control("prefect-prod")["allowedBranches"] == "refs/heads/main"


def test_a_stack_names_what_deploys_it_and_may_do_without_previews(
    setup: Setup, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for file in ROOT.glob("Pulumi*.yaml"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    prod = tmp_path / "Pulumi.prod.yaml"
    prod.write_text("\n".join(line for line in prod.read_text().splitlines() if "Connection:" not in line))
    monkeypatch.chdir(tmp_path)
    refusal = setup(*ALL, status=1)
    assert refusal == (
        "error: not all is there: service connection of prod (set devopsServiceConnection in Pulumi.prod.yaml)"
    )


def test_outside_of_a_checkout_there_is_nothing_to_go_by(
    setup: Setup, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert setup(*ALL, status=1) == "error: there is no Pulumi.yaml here: run it in the project's checkout"
    assert setup.devops.requests == []


def test_a_pipeline_of_another_repository_gets_no_policies(setup: Setup) -> None:
    said = setup(*WHERE[:4], "--pipeline", "7", "--approver", SOMEBODY, "--json")
    told = json.loads(said)
    assert told["outcomes"][0] == {"what": "environment prefect-dev", "action": "made", "hint": ""}
    assert setup.store.policies == []
    # What protects a branch on GitHub, Azure DevOps may not know.
    assert {setup.control(name)["ensureProtectionOfBranch"] for name in ALLOWED} == {"false"}
    assert {name: setup.control(name)["allowedBranches"] for name in ALLOWED} == ALLOWED


@pytest.mark.parametrize(
    ("place", "status", "hint"),
    [
        ("build/definitions", 401, "renew it, or sign in with `az login`"),
        ("POST /azure/contoso/data/_apis/policy", 403, "you need 'Edit policies' on the repository"),
        ("POST /azure/contoso/data/_apis/distributedtask", 403, "you need to be a creator of environments"),
        ("POST /azure/contoso/data/_apis/pipelines/checks", 403, "you need to be an administrator of prefect-dev"),
        ("PATCH", 403, "permission for prefect-dev: Azure DevOps answers 403: you need to be an administrator"),
        ("git/repositories", 404, "repository 'prefect-aks': Azure DevOps answers 404: there is none, or you need"),
        ("serviceendpoint", 403, "you need to be an administrator of prefect-dev (token: Service connections, read;"),
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
