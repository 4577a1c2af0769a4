"""What a pipeline would do on an occasion, while nothing is done: every step succeeds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from emulators.azure_pipelines.pipeline import Job, Pipeline, Step
from emulators.azure_pipelines.run import TOKEN, run

_LAST_OF_SETUP = "make venv"
SAMPLES: Mapping[str, str] = {
    "Agent.OS": "Linux",
    "Pipeline.Workspace": "/agent",
    "System.JobAttempt": "1",
    TOKEN: "***",
}
"""What stands for the variables of a service and of an agent."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One job that runs: where, as whom, and with which steps after those that every job begins with."""

    stage: str
    job: str
    agents: str
    connection: str
    environment: str
    steps: tuple[str, ...]


class _Nobody:
    """Does nothing, and tells what `make changes` would."""

    def __init__(self, touched: str) -> None:
        self._told = f"##vso[task.setvariable variable=stacks;isOutput=true]{touched}"

    def perform(self, _job: Job, step: Step, _environment: Mapping[str, str]) -> tuple[int, str]:
        return 0, self._told if step.name == "touched" else ""


def plan(pipeline: Pipeline, touched: str) -> list[Row]:
    """List the jobs that run when a change touches these stacks, separated by commas."""
    groups: dict[str, dict[str, str]] = {
        group: {} for stage in pipeline.stages for job in stage.jobs for group in job.groups
    }
    done = run(pipeline, _Nobody(touched), SAMPLES, groups).done
    jobs = {(each.stage, each.job.name): each.job for each in done}
    return [_row(stage, job, [each.step for each in done if each.job is job]) for (stage, _), job in jobs.items()]


def table(rows: Iterable[Row]) -> str:
    """Write the rows as Markdown."""
    lines = ["| stage | job | agents | as | steps |", "| --- | --- | --- | --- | --- |"]
    for row in rows:
        identity = f"`{row.connection}`" if row.connection else "nobody"
        waits = f", in the environment `{row.environment}`" if row.environment else ""
        steps = ", ".join(f"`{step}`" if step.startswith("make ") else step for step in row.steps)
        lines.append(f"| {row.stage} | {row.job} | `{row.agents}` | {identity}{waits} | {steps} |")
    return "\n".join([*lines, ""])


def _row(stage: str, job: Job, steps: list[Step]) -> Row:
    shown = [_shown(step) for step in steps]
    return Row(
        stage=stage,
        job=job.name,
        agents=next(iter(job.pool.values())),
        connection=", ".join(dict.fromkeys(step.connection for step in steps if step.connection)),
        environment=job.environment,
        steps=tuple(shown[shown.index(_LAST_OF_SETUP) + 1 :]),
    )


def _shown(step: Step) -> str:
    if step.kind == "publish":
        return f"publish {step.what}"
    return step.script or step.what
