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

from delivery.hosting import pipeline_setup
from delivery.hosting import pull_request as pull_request_of
from emulators.azure_pipelines.occasion import Occasion, nightly, pull_request, push
from emulators.azure_pipelines.pipeline import Pipeline
from emulators.azure_pipelines.plan import SAMPLES, Row, plan, table
from emulators.azure_pipelines.run import run
from emulators.azure_pipelines.template import expand
from infra import stack_file
from infra.naming import names
from tests.unit.pipelines.failing import Failing

ROOT = Path(__file__).parents[3]
STACKS = ("dev", "stage", "prod")
EVERY = ",".join(STACKS)
SCHEMA = ("--builtin-schema", "vendor.azure-pipelines", "--regex-variant", "nonunicode")


def steps_of(pipeline: Pipeline) -> list[Any]:
    return [step for stage in pipeline.stages for job in stage.jobs for step in job.steps]


def targets(text: str) -> set[str]:
    return set(re.findall(r"^([a-z-]+):", text, re.MULTILINE))


def test_what_it_expands_to_is_valid_for_azure_devops(tmp_path: Path, occasion: str, read: Any, trying: Path) -> None:
    whole = tmp_path / "whole.json"
    whole.write_text(json.dumps(expand(trying, read(occasion).occasion.before())))
    done = CliRunner().invoke(check_jsonschema, [*SCHEMA, str(whole)])
    assert done.exit_code == 0, done.output


def test_every_script_is_one_make_target_that_there_is(occasion: str, read: Any) -> None:
    known = targets((ROOT / "Makefile").read_text())
    scripts = [step.script for step in steps_of(read(occasion, tried=True)) if step.script]
    assert scripts
    for script in scripts:
        assert re.fullmatch(r"make [a-z-]+( [A-Z]+=\S+)*", script), script
        assert script.split()[1] in known, script


def test_no_template_is_left_over(read: Any) -> None:
    texts = [path.read_text() for path in (ROOT / "azure-pipelines.yml", *(ROOT / "pipelines").glob("*.yml"))]
    named = {name.rpartition("/")[2] for text in texts for name in re.findall(r"template: (\S+)", text)}
    assert named == {path.name for path in (ROOT / "pipelines").iterdir()}
    assert [stage.name for stage in read("main").stages] == ["Validate", "Preview_prod", "Deploy"]


def test_nobody_who_queues_a_run_can_change_what_it_is_made_for() -> None:
    assert "parameters" not in yaml.safe_load((ROOT / "azure-pipelines.yml").read_text())


def test_a_forks_pull_request_reaches_no_credential_and_no_network(read: Any) -> None:
    pipeline = read("fork", tried=True)
    jobs = [job for stage in pipeline.stages for job in stage.jobs]
    assert {step.connection for step in steps_of(pipeline)} == {""}
    assert {(job.groups, job.environment, tuple(job.pool.values())) for job in jobs} == {((), "", ("ubuntu-24.04",))}
    whole = json.dumps([dataclasses.asdict(stage) for stage in pipeline.stages])
    assert "AccessToken" not in whole
    assert re.search(r"prefect-|mdp-|ARM_|PULUMI_|AzureCLI", whole) is None


@pytest.mark.parametrize("name", ["fork", "internal"])
def test_where_no_template_is_told_of_a_fork_the_conditions_leave_the_same_jobs(name: str, read: Any) -> None:
    untold = dataclasses.replace(read(name).occasion, told=False)
    pipeline = read(untold, tried=True)
    assert plan(pipeline, EVERY) == plan(read(name, tried=True), EVERY)
    assert plan(pipeline, "none") == plan(read(name, tried=True), "none")


def test_a_pull_request_of_unknown_origin_counts_as_a_forks(read: Any) -> None:
    nobody_knows = dataclasses.replace(read("fork").occasion, fork=None, told=False)
    unknown = plan(read(nobody_knows, tried=True), EVERY)
    assert unknown == plan(read("fork"), EVERY)


def test_a_pull_request_acts_as_whoever_may_read_and_a_push_as_who_deploys_its_environment(
    occasion: str, read: Any
) -> None:
    expected = {
        "fork": set(),
        "internal": {f"prefect-{stack}-preview" for stack in STACKS},
        "stage": {"prefect-stage"},
        "main": {"prefect-prod", "prefect-prod-preview"},
        "night": {f"prefect-{stack}" for stack in STACKS},
    }.get(occasion, {"prefect-dev"})
    assert {step.connection for step in steps_of(read(occasion)) if step.connection} == expected


def test_what_deploys_waits_for_its_environment_and_nothing_else_does(occasion: str, read: Any) -> None:
    for stage in read(occasion, tried=True).stages:
        for job in stage.jobs:
            deploys = any(step.script.startswith("make deploy") for step in job.steps)
            connections = {step.connection for step in job.steps if step.connection}
            assert bool(job.environment) == deploys
            assert not deploys or connections == {job.environment}


def test_no_step_is_given_a_federated_token_and_every_login_is_kept_alive(occasion: str, read: Any) -> None:
    logins = [step.inputs for step in steps_of(read(occasion, tried=True)) if step.what == "AzureCLI@2"]
    assert all("addSpnToEnvironment" not in login and login["keepAzSessionActive"] == "True" for login in logins)


@pytest.mark.parametrize(
    ("name", "touched", "jobs"),
    [
        ("internal", "stage", ["preview_stage"]),
        ("internal", "none", ["untouched"]),
        ("fork", "prod", ["preview_offline_prod"]),
        ("fork", "none", []),
        ("stage", "none", ["deploy_stage"]),
        ("main", "none", ["preview_prod", "deploy_prod"]),
    ],
)
def test_a_pull_request_previews_what_it_touches_and_a_push_deploys_in_any_case(
    name: str, touched: str, jobs: list[str], read: Any
) -> None:
    assert [row.job for row in plan(read(name), touched) if row.stage != "Validate"] == jobs


def test_whoever_approves_a_deployment_sees_its_preview_before_and_a_red_one_is_never_asked_for(read: Any) -> None:
    red = run(read("main"), Failing("make preview-live STACK=prod"), SAMPLES, {"prefect-aks-prod": {}})
    assert red.results["Preview_prod"] == "Failed"
    assert red.results["Deploy"] == "Skipped"


@pytest.mark.parametrize("provider", ["TfsGit", "GitHub"])
def test_the_running_pull_request_is_found_by_its_number(provider: str) -> None:
    during = pull_request("dev", provider=provider, number=17).during()
    assert pull_request_of.number({name.upper().replace(".", "_"): value for name, value in during.items()}) == 17


def test_what_a_job_keeps_for_later_runs_is_its_own_where_jobs_make_different_things(read: Any) -> None:
    done = run(read("stage"), Failing("make no-such-thing"), SAMPLES, {"prefect-aks-stage": {}}).done
    keys = {each.step.inputs["key"] for each in done if each.step.inputs.get("path") == "/agent/tools"}
    assert {key.split(" | ")[1] for key in keys} == {'"lint"', '"test"', '"changes"', '"deploy_stage"'}


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
    by_hand = [read(Occasion(reason="Manual", branch=branch)) for branch in ("main", "hotfix")]
    assert plan(by_hand[0], EVERY) == plan(read("main"), EVERY)
    assert [stage.name for stage in by_hand[1].stages] == ["Validate"]


def test_the_documentation_shows_what_runs(occasion: str, read: Any) -> None:
    page = (ROOT / "docs/pipeline.md").read_text()
    rows = plan(read(occasion), EVERY)
    for part in (stage_rows(rows, "Validate"), [row for row in rows if row.stage != "Validate"]):
        assert not part or table(part) in page, f"docs/pipeline.md lacks\n{table(part)}"


def test_it_agrees_with_the_stack_files_and_with_what_pipeline_setup_guards() -> None:
    stacks = yaml.safe_load((ROOT / "azure-pipelines.yml").read_text())["stages"][0]["parameters"]["stacks"]
    assert {stack["name"]: stack["branch"] for stack in stacks} == pipeline_setup.BRANCHES
    assert [stack["name"] for stack in stacks if stack["approved"] == "true"] == [pipeline_setup.APPROVED]
    for stack in stacks:
        values = stack_file.values(ROOT / f"Pulumi.{stack['name']}.yaml", "prefect-aks")
        assert values["devopsServiceConnection"] == f"prefect-{stack['name']}"
        assert values["devopsPreviewConnection"] == f"prefect-{stack['name']}-preview"
        hosted = values.get("deployer") == "none"
        assert hosted or stack["pool"] == {"name": names(stack["name"], str(values["nameSuffix"])).deployer}


def stage_rows(rows: list[Row], stage: str) -> list[Row]:
    return [row for row in rows if row.stage == stage]
