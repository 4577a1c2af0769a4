"""The pipeline where pull requests have projects of their own, and what the project's own pipeline leaves out of it."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from emulators.azure_pipelines.occasion import pull_request
from emulators.azure_pipelines.plan import SAMPLES, Row, plan, table
from emulators.azure_pipelines.run import run
from tests.unit.pipelines.failing import Failing

ROOT = Path(__file__).parents[3]
STACKS = ("dev", "stage", "prod")
EVERY = ",".join(STACKS)
ENDED = "make pr-project PR=ended CLOSE=1 STACK=dev"
GROUPS: dict[str, dict[str, str]] = {f"prefect-aks-{stack}": {} for stack in STACKS}


def test_the_runs_token_reaches_those_steps_alone_that_comment_on_pull_requests_or_ask_for_their_ends(
    occasion: str, read: Any
) -> None:
    def holders(*, tried: bool) -> set[str]:
        steps = (step for stage in read(occasion, tried=tried).stages for job in stage.jobs for step in job.steps)
        return {step.script for step in steps if "AccessToken" in json.dumps(dataclasses.asdict(step))}

    comment = {"make comment"} if occasion == "internal" else set()
    assert holders(tried=False) == comment
    assert holders(tried=True) == comment | ({ENDED} if occasion in {"dev", "night"} else set())


@pytest.mark.parametrize("provider", ["TfsGit", "GitHub"])
def test_a_pull_requests_project_is_asked_for_and_only_on_the_way_to_dev(provider: str, read: Any) -> None:
    to_dev, to_main = (pull_request(branch, provider=provider) for branch in ("dev", "main"))
    asked = {row.job: row for row in plan(read(to_dev, tried=True), EVERY)}
    assert asked["pr_project"].steps == ("make pr-project PR=this STACK=dev BASE=HEAD^",)
    assert "pr_project" not in {row.job for row in plan(read(to_main, tried=True), EVERY)}
    assert "pr_project" not in {row.job for row in plan(read(to_dev), EVERY)}


def test_projects_of_ended_pull_requests_are_removed_after_a_merge_to_dev_and_at_night_where_there_are_any(
    occasion: str, read: Any
) -> None:
    def asked(*, tried: bool) -> list[Row]:
        return [row for row in plan(read(occasion, tried=tried), EVERY) if ENDED in row.steps]

    found = asked(tried=True)
    assert [row.connection for row in found] == (["prefect-dev"] if occasion in {"dev", "night"} else [])
    assert asked(tried=False) == []


@pytest.mark.parametrize(("name", "failed"), [("dev", False), ("night", True)])
def test_what_cannot_be_removed_fails_no_deployment_and_is_told_at_night(name: str, failed: bool, read: Any) -> None:
    done = run(read(name, tried=True), Failing(ENDED), SAMPLES, GROUPS)
    before = "Deploy" if name == "dev" else "Drift_dev"
    assert (done.results[before], done.failed) == ("Succeeded", failed)
    assert done.results["Ended"] == ("Failed" if failed else "SucceededWithIssues")


@pytest.mark.parametrize(("name", "script"), [("dev", "make deploy STACK=dev"), ("night", "make drift STACK=dev")])
def test_after_a_deployment_that_failed_nothing_is_removed_and_after_drift_it_is(
    name: str, script: str, read: Any
) -> None:
    done = run(read(name, tried=True), Failing(script), SAMPLES, GROUPS)
    assert done.results["Ended"] == ("Skipped" if name == "dev" else "Succeeded")


def test_the_documentation_shows_what_else_runs_where_pull_requests_have_projects(read: Any) -> None:
    def more(name: str) -> list[Row]:
        usual = plan(read(name), EVERY)
        return [row for row in plan(read(name, tried=True), EVERY) if row not in usual]

    assert table([*more("internal"), *more("dev")]) in (ROOT / "docs/pipeline.md").read_text()
    assert more("night") == more("dev")
    assert not [row for name in ("fork", "feature", "stage", "main") for row in more(name)]
