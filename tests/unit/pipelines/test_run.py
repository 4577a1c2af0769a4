"""Running: conditions, what steps hand on, and what reaches a step."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from emulators.azure_pipelines.agent import MachineAgent
from emulators.azure_pipelines.error import PipelineError
from emulators.azure_pipelines.occasion import push
from emulators.azure_pipelines.pipeline import Job, Step, load
from emulators.azure_pipelines.run import TOKEN, Run, run

SET = "##vso[task.setvariable variable="
PLANTED = "planted"


class Script:
    """An agent that answers each script with an exit code and an output, and remembers what it was given."""

    def __init__(self, answers: Mapping[str, tuple[int, str]]) -> None:
        self.answers = answers
        self.seen: dict[str, Mapping[str, str]] = {}

    def perform(self, _job: Job, step: Step, environment: Mapping[str, str]) -> tuple[int, str]:
        self.seen[step.what] = environment
        return self.answers.get(step.what, (0, ""))


Go = Callable[..., tuple[Run, Script]]


@pytest.fixture
def go(tmp_path: Path) -> Go:
    """Run stages that are given as data, and tell how it went."""

    def run_stages(*stages: Any, **answers: tuple[int, str]) -> tuple[Run, Script]:
        path = tmp_path / "pipeline.yml"
        path.write_text(yaml.safe_dump({"pool": {"vmImage": "none"}, "stages": list(stages)}))
        agent = Script(answers)
        variables = {TOKEN: "a-token", "Agent.OS": "Linux"}
        return run(load(path, push("dev")), agent, variables, {"kept": {"STATE": "there"}}), agent

    return run_stages


def job(name: str, *scripts: Any, **more: Any) -> dict[str, Any]:
    steps = [script if isinstance(script, dict) else {"script": script} for script in scripts]
    return {"job": name, "steps": steps, **more}


def stage(name: str, *jobs: Any, **more: Any) -> dict[str, Any]:
    return {"stage": name, "jobs": list(jobs), **more}


def test_after_a_step_that_fails_only_those_run_that_ask_to(go: Go) -> None:
    late = [
        {"script": what, "condition": f"{what}()"} for what in ("failed", "always", "succeededOrFailed", "canceled")
    ]
    done, agent = go(stage("A", job("a", "bad", "next", *late)), stage("B", job("b", "never")), bad=(1, ""))
    assert [*agent.seen] == ["bad", "failed", "always", "succeededOrFailed"]
    assert done.results == {"A": "Failed", "A.a": "Failed", "B": "Skipped"}
    assert done.failed


def test_a_failure_that_may_be_does_not_fail_the_run(go: Go) -> None:
    done, agent = go(stage("A", job("a", {"script": "bad", "continueOnError": "true"}, "next")), bad=(1, ""))
    assert [*agent.seen] == ["bad", "next"]
    assert (done.results["A"], done.failed) == ("SucceededWithIssues", False)


def test_one_job_fails_and_another_that_does_not_depend_on_it_runs(go: Go) -> None:
    done, _ = go(stage("A", job("a", "bad"), job("b", "good"), job("c", "never", dependsOn="a")), bad=(1, ""))
    assert done.results == {"A.a": "Failed", "A.b": "Succeeded", "A.c": "Skipped", "A": "Failed"}


@pytest.mark.parametrize(("told", "runs"), [("dev,stage", True), ("develop", False), ("none", False)])
def test_a_later_stage_decides_by_what_a_step_hands_on(go: Go, told: str, runs: bool) -> None:
    touched = "stageDependencies.A.a.outputs['asked.stacks']"
    condition = f"and(succeeded(), contains(format(',{{0}},', {touched}), ',dev,'))"
    later = job("b", "later", condition=condition, variables=[{"name": "T", "value": f"$[ {touched} ]"}])
    asked = job("a", {"script": "ask", "name": "asked"})
    _, agent = go(stage("A", asked), stage("B", later), ask=(0, f"so\n{SET}stacks;isOutput=true]{told}\n"))
    assert ("later" in agent.seen) == runs
    assert agent.seen.get("later", {"T": told})["T"] == told


@pytest.mark.parametrize(("told", "runs"), [("dev,stage", True), ("none", False)])
def test_a_later_stage_as_a_whole_decides_by_it_too(go: Go, told: str, runs: bool) -> None:
    asked = job("a", {"script": "ask", "name": "asked"})
    condition = "and(succeeded(), eq(dependencies.A.outputs['a.asked.stacks'], 'dev,stage'))"
    later = stage("B", job("b", "later"), condition=condition)
    done, _ = go(stage("A", asked), later, ask=(0, f"{SET}stacks;isOutput=true]{told}"))
    assert (done.results["B"] == "Succeeded") == runs


def test_a_variable_that_a_step_sets_is_in_the_steps_after_it(go: Go) -> None:
    _, agent = go(stage("A", job("a", "set", "is $(NAME)")), set=(0, f"{SET}NAME]Ada"))
    assert agent.seen["is Ada"]["NAME"] == "Ada"


def test_a_groups_variables_are_in_the_jobs_alone_that_name_it(go: Go) -> None:
    _, agent = go(stage("A", job("a", "without"), job("b", "with", variables=[{"group": "kept"}])))
    assert [seen.get("STATE") for seen in agent.seen.values()] == [None, "there"]


def test_the_token_reaches_the_step_alone_that_maps_it(go: Go) -> None:
    mapped = {"script": "with", "env": {"SYSTEM_ACCESSTOKEN": "$(System.AccessToken)"}}
    _, agent = go(stage("A", job("a", "before", mapped, "after")))
    assert {what: "a-token" in environment.values() for what, environment in agent.seen.items()} == {
        "before": False,
        "with": True,
        "after": False,
    }
    assert agent.seen["before"]["BUILD_REASON"] == "IndividualCI"


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        (job("a", "echo $(Typo)"), "there is no variable Typo"),
        (job("a", {"script": "x", "retryCountOnTaskFailure": "2"}), "A.a: retryCountOnTaskFailure is not known here"),
        (job("a", {"task": "Bash@3", "inputs": {}}), "A.a: the task Bash@3 is not known here"),
        (job("a", {"task": "Cache@2", "inputs": {"cacheHitVar": "x"}}), "Cache@2: cacheHitVar is not known here"),
        (job("a", {"pwsh": "x"}), "a step of a kind that is not known here: pwsh"),
        (job("a", "x", strategy={"matrix": {}}), "A.a: strategy is not known here"),
        (job("a", "x", dependsOn="b"), "A.a depends on b, which does not stand before it"),
        (job("a", "x", condition="stageDependencies.B.b.result"), "there is no stage that this one depends on, B"),
        (job("a", "x", variables=[{"group": "lost"}]), "there is no variable group lost"),
        (job("a", "odd"), "the agent is told '##vso[task.complete result=Failed]'"),
    ],
)
def test_what_is_not_known_is_refused_and_not_passed_over(go: Go, node: Any, reason: str) -> None:
    with pytest.raises(PipelineError) as refused:
        go(stage("A", node), odd=(0, "##vso[task.complete result=Failed]"))
    assert reason in str(refused.value)


def test_a_script_of_a_service_connection_has_who_it_is_only_where_it_asks(tmp_path: Path) -> None:
    agent = MachineAgent(root=tmp_path, environment={"PATH": "/usr/bin:/bin"}, connections=["c"], id_token=PLANTED)
    inputs = {"azureSubscription": "c", "scriptType": "bash", "scriptLocation": "inlineScript", "inlineScript": "env"}
    plain, asking = (
        agent.perform(_nothing(), Step(kind="task", what="AzureCLI@2", inputs={**inputs, **more}), {"A": "1"})
        for more in ({}, {"addSpnToEnvironment": "true"})
    )
    assert "AZURESUBSCRIPTION_CLIENT_ID" in plain[1]
    assert PLANTED not in plain[1] + repr(agent)
    assert f"idToken={PLANTED}" in asking[1]


def test_a_service_connection_that_nobody_made_is_refused(tmp_path: Path) -> None:
    agent = MachineAgent(root=tmp_path, environment={}, connections=["c"], id_token="")
    with pytest.raises(PipelineError, match="there is no service connection d"):
        agent.perform(
            _nothing(), Step(kind="task", what="AzureCLI@2", inputs={"azureSubscription": "d", "inlineScript": "x"}), {}
        )


def _nothing() -> Job:
    return Job(name="", steps=(), pool={}, condition="", depends_on=(), variables={}, groups=(), environment="")
