"""The project's pipeline: what it may do on each occasion, and that it is nothing but make targets."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from check_jsonschema import main as check_jsonschema
from click.testing import CliRunner

from delivery import pipeline_setup
from emulators.azure_pipelines.occasion import Occasion, nightly, pull_request, push
from emulators.azure_pipelines.pipeline import Pipeline, load
from emulators.azure_pipelines.plan import Row, plan, table
from emulators.azure_pipelines.template import expand
from infra import stack_file
from infra.naming import names

ROOT = Path(__file__).parents[3]
EVERY = "dev,stage,prod"
SCHEMA = ("--builtin-schema", "vendor.azure-pipelines", "--regex-variant", "nonunicode")


def steps_of(pipeline: Pipeline) -> list[Any]:
    return [step for stage in pipeline.stages for job in stage.jobs for step in job.steps]


def targets(text: str) -> set[str]:
    return set(re.findall(r"^([a-z-]+):", text, re.MULTILINE))


def test_what_it_expands_to_is_valid_for_azure_devops(tmp_path: Path, occasion: str, read: Any) -> None:
    before = read(occasion).occasion.before()
    whole = tmp_path / "whole.json"
    whole.write_text(json.dumps(expand(ROOT / "azure-pipelines.yml", before, {"prProject": True})))
    done = CliRunner().invoke(check_jsonschema, [*SCHEMA, str(whole)])
    assert done.exit_code == 0, done.output


def test_every_script_is_one_make_target_that_there_is(occasion: str, read: Any) -> None:
    known = targets((ROOT / "Makefile").read_text())
    scripts = [step.script for step in steps_of(read(occasion, prProject=True)) if step.script]
    assert scripts
    for script in scripts:
        assert re.fullmatch(r"make [a-z-]+( [A-Z]+=\S+)*", script), script
        assert script.split()[1] in known, script


def test_no_template_is_left_over(read: Any) -> None:
    texts = [path.read_text() for path in (ROOT / "azure-pipelines.yml", *(ROOT / "pipelines").glob("*.yml"))]
    named = {name.rpartition("/")[2] for text in texts for name in re.findall(r"template: (\S+)", text)}
    assert named == {path.name for path in (ROOT / "pipelines").iterdir()}
    assert len(read("main").stages) == 2


def test_a_forks_pull_request_reaches_no_credential_and_no_network(read: Any) -> None:
    pipeline = read("fork", prProject=True)
    jobs = [job for stage in pipeline.stages for job in stage.jobs]
    assert {step.connection for step in steps_of(pipeline)} == {""}
    assert {(job.groups, job.environment, tuple(job.pool.values())) for job in jobs} == {((), "", ("ubuntu-24.04",))}
    whole = json.dumps([dataclasses.asdict(stage) for stage in pipeline.stages])
    assert "AccessToken" not in whole
    assert re.search(r"prefect-|mdp-|ARM_|PULUMI_|AzureCLI", whole) is None


@pytest.mark.parametrize("name", ["fork", "internal"])
def test_where_no_template_is_told_of_a_fork_the_conditions_leave_the_same_jobs(name: str, read: Any) -> None:
    untold = dataclasses.replace(read(name).occasion, told=False)
    pipeline = load(ROOT / "azure-pipelines.yml", untold, {"prProject": True})
    assert plan(pipeline, EVERY) == plan(read(name, prProject=True), EVERY)
    assert plan(pipeline, "none") == plan(read(name, prProject=True), "none")


def test_a_pull_request_of_unknown_origin_counts_as_a_forks(read: Any) -> None:
    nobody_knows = dataclasses.replace(read("fork").occasion, fork=None, told=False)
    unknown = plan(load(ROOT / "azure-pipelines.yml", nobody_knows, {"prProject": True}), EVERY)
    assert unknown == plan(read("fork"), EVERY)


def test_the_runs_token_reaches_the_comment_alone(occasion: str, read: Any) -> None:
    holders = {
        step.script
        for step in steps_of(read(occasion, prProject=True))
        if "AccessToken" in json.dumps(dataclasses.asdict(step))
    }
    assert holders == ({"make comment"} if occasion == "internal" else set())


def test_a_pull_request_acts_as_whoever_may_read_and_a_push_as_who_deploys_its_environment(
    occasion: str, read: Any
) -> None:
    stacks = ("dev", "stage", "prod")
    expected = {
        "fork": set(),
        "internal": {f"prefect-{stack}-preview" for stack in stacks},
        "stage": {"prefect-stage"},
        "main": {"prefect-prod"},
        "night": {f"prefect-{stack}" for stack in stacks},
    }.get(occasion, {"prefect-dev"})
    assert {step.connection for step in steps_of(read(occasion)) if step.connection} == expected


def test_what_deploys_waits_for_its_environment_and_nothing_else_does(occasion: str, read: Any) -> None:
    for stage in read(occasion, prProject=True).stages:
        for job in stage.jobs:
            deploys = any(step.script.startswith("make deploy") for step in job.steps)
            connections = {step.connection for step in job.steps if step.connection}
            assert bool(job.environment) == deploys
            assert not deploys or connections == {job.environment}


def test_no_step_is_given_a_federated_token_and_every_login_is_kept_alive(occasion: str, read: Any) -> None:
    logins = [step.inputs for step in steps_of(read(occasion, prProject=True)) if step.what == "AzureCLI@2"]
    assert all("addSpnToEnvironment" not in login and login["keepAzSessionActive"] == "True" for login in logins)


@pytest.mark.parametrize(
    ("name", "touched", "jobs"),
    [
        ("internal", "stage", ["preview_stage"]),
        ("internal", "none", ["untouched"]),
        ("fork", "prod", ["preview_offline_prod"]),
        ("fork", "none", []),
        ("main", "none", ["deploy_prod"]),
    ],
)
def test_a_pull_request_previews_what_it_touches_and_a_push_deploys_in_any_case(
    name: str, touched: str, jobs: list[str], read: Any
) -> None:
    assert [row.job for row in plan(read(name), touched) if row.stage != "Validate"] == jobs


def test_a_pull_requests_project_is_asked_for_and_only_on_the_way_to_dev(read: Any) -> None:
    asked = {row.job: row for row in plan(read("internal", prProject=True), EVERY)}
    assert asked["pr_project"].steps == ("make pr-project PR=17 STACK=dev BASE=HEAD^",)
    elsewhere = dataclasses.replace(read("internal", prProject=True), occasion=pull_request("main"))
    assert "pr_project" not in {row.job for row in plan(elsewhere, EVERY)}
    assert "pr_project" not in {row.job for row in plan(read("internal"), EVERY)}


@pytest.mark.parametrize(
    ("started", "changed", "starts"),
    [
        (push("dev"), ["docs/pipeline.md", "README.md"], False),
        (push("dev"), ["docs/pipeline.md", "utils/executor.py"], True),
        (push("feature/team/x"), ["flows/pokemon.py"], True),
        (push("main"), ["charts/prefect-server/README.md"], True),
        (push("hotfix"), ["flows/pokemon.py"], False),
        (pull_request("stage"), ["docs/pipeline.md"], True),
        (pull_request("hotfix"), ["flows/pokemon.py"], False),
        (nightly(), [], True),
        (nightly("dev"), [], False),
        (Occasion(reason="Manual", branch="hotfix"), [], True),
    ],
)
def test_a_run_starts_for_what_can_matter(started: Any, changed: list[str], starts: bool) -> None:
    assert started.starts(expand(ROOT / "azure-pipelines.yml", started.before()), changed) == starts


def test_a_run_by_hand_is_as_a_push_to_its_branch_and_deploys_nothing_from_another(read: Any) -> None:
    by_hand = [
        load(ROOT / "azure-pipelines.yml", Occasion(reason="Manual", branch=branch)) for branch in ("main", "hotfix")
    ]
    assert plan(by_hand[0], EVERY) == plan(read("main"), EVERY)
    assert [stage.name for stage in by_hand[1].stages] == ["Validate"]


def test_the_documentation_shows_what_runs(occasion: str, read: Any) -> None:
    page = (ROOT / "docs/pipeline.md").read_text()
    rows = plan(read(occasion), EVERY)
    for part in (stage_rows(rows, "Validate"), [row for row in rows if row.stage != "Validate"]):
        assert not part or table(part) in page, f"docs/pipeline.md lacks\n{table(part)}"


def test_it_agrees_with_the_stack_files_and_with_what_pipeline_setup_guards() -> None:
    [stacks] = [
        each
        for each in yaml.safe_load((ROOT / "azure-pipelines.yml").read_text())["parameters"]
        if each["name"] == "stacks"
    ]
    assert {stack["name"]: stack["branch"] for stack in stacks["default"]} == pipeline_setup.BRANCHES
    for stack in stacks["default"]:
        values = stack_file.values(ROOT / f"Pulumi.{stack['name']}.yaml", "prefect-aks")
        assert values["devopsServiceConnection"] == f"prefect-{stack['name']}"
        assert values["devopsPreviewConnection"] == f"prefect-{stack['name']}-preview"
        hosted = values.get("deployer") == "none"
        assert hosted or stack["pool"] == {"name": names(stack["name"], str(values["nameSuffix"])).deployer}


def stage_rows(rows: list[Row], stage: str) -> list[Row]:
    return [row for row in rows if row.stage == stage]
