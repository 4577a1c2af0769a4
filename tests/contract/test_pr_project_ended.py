"""Projects of pull requests on a server with others, and which of them go when the service says who has ended."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from delivery.__main__ import main
from delivery.deployed import stack
from delivery.deployed.stack import Deployment, Update
from delivery.hosting import rest
from delivery.pr_project.trial import Removed, Trial
from emulators import background
from emulators.azure_devops.app import TOKEN, DevOps
from emulators.azure_devops.fault import Fault
from registration.api import Api
from registration.error import RefusedError
from tests.contract.pipeline_run import NAMES, VARIABLES

PLACES = {"azure": "prefect-aks", "github": "contoso/prefect-aks"}
PROVIDERS = pytest.mark.parametrize("provider", ["azure", "github"])
NOTHING = "nothing to remove: no project is known to be of a pull request that has ended\n"


class Night:
    """A run of the pipeline that is no pull request's, the server of its stack, and the service that it asks."""

    def __init__(
        self, project: Any, devops: DevOps, patch: pytest.MonkeyPatch, output: pytest.CaptureFixture[str]
    ) -> None:
        self.project, self.devops = project, devops
        self.outputs = {
            "prefectApi": {"server": project.api.url, "namespace": "prefect", "service": "apollo"},
            "flowStore": "store",
            "prefectProject": project.name,
        }
        self._patch, self._output = patch, output

    def on(self, provider: str, **changed: str) -> "Night":
        for name, value in (VARIABLES[provider] | changed).items():
            self._patch.setenv(name, value)
        return self

    def tried(self, *names: str) -> None:
        """Have a project of each name, with a flow in it."""
        for name in names:
            given = {"name": name, "tenant_id": self.project.tenant_id}
            self.project.id = self.project.api.mutate("create_project", "id", **given)["id"]
            self.project.register()

    def became(self, **states: str) -> None:
        """Say what became of pull requests, by _NUMBER; the others are open."""
        for place in PLACES.values():
            self.devops.store.ends |= {f"{place}/{name.strip('_')}": state for name, state in states.items()}

    def close(self, *arguments: str) -> tuple[int, str, str]:
        """Remove what has ended, and give the exit code and what was said and warned."""
        code = main(["pr-project", "ended", "--close", *arguments])
        said = self._output.readouterr()
        assert TOKEN not in said.out + said.err
        return code, said.out, said.err

    def left(self) -> set[str]:
        where = f'{{tenant_id: {{_eq: "{self.project.tenant_id}"}}}}'
        found = {
            each["name"] for each in self.project.api.query(f"{{ project(where: {where}) {{ name }} }}")["project"]
        }
        return found - {self.project.name}

    def asked(self) -> list[str]:
        return [each["asked"].rpartition("/")[2] for each in self.devops.requests]


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[DevOps, str]]:
    devops = DevOps()
    with background.serving(devops.application()) as url:
        yield devops, url


@pytest.fixture
def night(
    project: Any,
    served: tuple[DevOps, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Night:
    devops, url = served
    devops.clear()
    monkeypatch.setenv(rest.VARIABLE, url)
    monkeypatch.chdir(tmp_path)
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(rest, "_PAUSES", (0.01, 0.01, 0.01))
    night = Night(project, devops, monkeypatch, capsys)
    update = Update(config={"prefectTenant": project.name})
    monkeypatch.setattr(stack, "read", lambda _, name: Deployment(stack=name, outputs=night.outputs, update=update))
    return night


@pytest.mark.parametrize(("provider", "ended"), [("azure", "completed"), ("azure", "abandoned"), ("github", "closed")])
def test_the_projects_of_pull_requests_that_have_ended_go_and_no_others(
    night: Night, provider: str, ended: str
) -> None:
    others = ("pr-x", "pr-08", "PR-8", "apr-8", "pr-8-b", "pr-")
    night.tried("pr-8", "pr-9", "pr-10", *others)
    night.on(provider).became(_8=ended, _10=ended)
    code, said, warned = night.close()
    assert (code, warned) == (0, "")
    assert said.splitlines() == [
        "removed project pr-8 with 1 flow(s); 0 run(s) were cancelled",
        "project pr-9 stays: its pull request has not ended",
        "removed project pr-10 with 1 flow(s); 0 run(s) were cancelled",
    ]
    assert night.left() == {"pr-9", *others}
    assert night.asked() == ["8", "9", "10"]
    assert night.close() == (0, f"project pr-9 stays: its pull request has not ended\n{NOTHING}", "")


def test_a_server_without_a_project_of_a_pull_request_needs_no_token(night: Night) -> None:
    assert night.close() == (0, NOTHING, "")
    assert night.asked() == []


def test_another_tenants_projects_are_none_of_the_stacks(night: Night, make_project: Callable[[Any], Any]) -> None:
    other = make_project(night.project.api)
    other.api.mutate("create_project", "id", name="pr-8", tenant_id=other.tenant_id)
    night.on("azure").became(_8="completed")
    assert night.close() == (0, NOTHING, "")


def test_the_stacks_own_project_stays_whatever_its_name(night: Night) -> None:
    night.tried("pr-7", "pr-8")
    night.outputs["prefectProject"] = "pr-7"
    night.on("azure").became(_7="completed", _8="completed")
    assert night.close("--stack", "qa")[0] == 0
    assert night.left() == {"pr-7"}
    assert night.asked() == ["8"]


@PROVIDERS
def test_a_pull_request_that_the_service_does_not_know_keeps_its_project_and_holds_up_no_other(
    night: Night, provider: str
) -> None:
    night.tried("pr-8", "pr-9")
    night.on(provider).became(_8="", _9="completed" if provider == "azure" else "closed")
    code, said, warned = night.close()
    first, second = said.splitlines()
    assert (code, warned) == (0, "")
    assert first.startswith("project pr-8 stays: ")
    assert "answers 404: it knows no such pull request, or" in first
    assert second.startswith("removed project pr-9 ")
    assert night.left() == {"pr-8"}


@PROVIDERS
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"status": 401}, "answers 401: the token is not taken"),
        ({"status": 203}, "answers 203: the token is not taken"),
        ({"status": 403}, "answers 403: the "),
        ({"status": 503, "times": 9}, "answers 503"),
        ({"status": 200}, "the answer says neither "),
    ],
)
def test_what_the_service_does_not_say_is_told_in_one_line_and_removes_nothing(
    night: Night, provider: str, fault: dict[str, Any], reason: str
) -> None:
    night.tried("pr-8", "pr-9", "pr-10")
    ended = "completed" if provider == "azure" else "closed"
    night.on(provider).became(_8=ended, _9=ended, _10=ended)
    night.devops.faults.pending = [Fault(at="/9", message=f"secret {TOKEN}", **fault)]
    code, said, warned = night.close()
    assert (code, said) == (1, "removed project pr-8 with 1 flow(s); 0 run(s) were cancelled\n")
    assert warned.startswith("error: nobody knows whether pull request 9 has ended, so what is left stays: ")
    assert reason in warned
    assert warned.count("\n") == 1
    assert night.left() == {"pr-9", "pr-10"}
    assert "10" not in night.asked()


@PROVIDERS
def test_a_service_that_knows_none_of_them_may_not_show_them(night: Night, provider: str) -> None:
    night.tried("pr-8", "pr-9")
    night.on(provider).became(_8="", _9="")
    code, said, warned = night.close()
    assert (code, said.count(" stays: "), warned.count("\n")) == (1, 2, 1)
    assert warned.startswith("error: it knows no pull request of these projects: let the token read the repository, ")
    assert night.left() == {"pr-8", "pr-9"}


@PROVIDERS
def test_a_service_that_is_back_in_a_moment_is_asked_again(night: Night, provider: str) -> None:
    night.tried("pr-8")
    night.on(provider).became(_8="completed" if provider == "azure" else "closed")
    night.devops.faults.pending = [Fault(at="/8", status=503, times=2)]
    assert night.close()[0] == 0
    assert night.left() == set()


@pytest.mark.parametrize(
    ("provider", "changed", "reason"),
    [
        ("azure", {"SYSTEM_ACCESSTOKEN": ""}, "SYSTEM_ACCESSTOKEN is not set"),
        ("github", {"GITHUB_TOKEN": "$(githubToken)"}, "GITHUB_TOKEN is not set"),
        ("azure", {"SYSTEM_COLLECTIONURI": ""}, "this is no run of Azure Pipelines"),
        ("azure", {"BUILD_REPOSITORY_PROVIDER": ""}, "this is no run of Azure Pipelines"),
    ],
)
def test_without_a_token_nobody_is_asked_and_every_project_stays(
    night: Night, provider: str, changed: dict[str, str], reason: str
) -> None:
    night.tried("pr-8", "pr-9")
    night.on(provider, **changed).became(_8="completed", _9="completed")
    code, said, warned = night.close()
    assert (code, said, warned.count("\n")) == (1, "", 1)
    assert reason in warned
    assert night.left() == {"pr-8", "pr-9"}
    assert night.asked() == []


def test_a_project_that_cannot_be_removed_keeps_no_other_from_it(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    remove = Trial.remove

    def refusing(self: Trial, api: Api) -> Removed:
        if self.name == "pr-8":
            raise RefusedError("the API refuses it: no")
        return remove(self, api)

    night.tried("pr-8", "pr-9")
    night.on("azure").became(_8="completed", _9="completed")
    with monkeypatch.context() as patch:
        patch.setattr(Trial, "remove", refusing)
        code, said, warned = night.close()
    assert (code, said) == (1, "removed project pr-9 with 1 flow(s); 0 run(s) were cancelled\n")
    assert warned == "error: project pr-8 cannot be removed: the API refuses it: no\n"
    assert night.close()[0] == 0
    assert night.left() == set()


def test_a_machine_is_told_of_every_project_in_one_list(night: Night) -> None:
    night.tried("pr-8", "pr-9", "pr-10")
    night.on("azure").became(_8="completed", _10="")
    code, said, _ = night.close("--json")
    none = {"removed": False, "flows": 0, "runs": 0, "agents": 0}
    assert (code, json.loads(said)) == (
        0,
        [
            {"project": "pr-8", "removed": True, "flows": 1, "runs": 0, "agents": 0, "ended": True},
            {"project": "pr-9", **none, "ended": False},
            {"project": "pr-10", **none, "ended": None},
        ],
    )
    assert [each["removed"] for each in json.loads(night.close("--json")[1])] == [False, False]


def test_what_has_ended_is_not_tried(night: Night, capsys: pytest.CaptureFixture[str]) -> None:
    night.tried("pr-8")
    night.on("azure").became(_8="completed")
    assert main(["pr-project", "ended"]) == 2
    assert capsys.readouterr().err == (
        "error: what has ended is not tried any more; give --close with it (make: CLOSE=1), to take its projects away\n"
    )
    assert (night.asked(), night.left()) == ([], {"pr-8"})
