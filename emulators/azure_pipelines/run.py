"""Running a pipeline's stages, jobs and steps, one after the other, with their conditions and what they hand on.

Secrets are not masked in what steps print: whoever looks for leaks must see them.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from emulators.azure_pipelines.error import PipelineError
from emulators.azure_pipelines.expression import Names, evaluate, text, truth
from emulators.azure_pipelines.occasion import ABSENT
from emulators.azure_pipelines.pipeline import Job, Pipeline, Stage, Step

Result = Literal["Succeeded", "SucceededWithIssues", "Failed", "Skipped"]
Outputs = dict[str, str]
Groups = Mapping[str, Mapping[str, str]]
"""The variable groups that there are, and their variables."""
_GOOD = frozenset({"Succeeded", "SucceededWithIssues"})
_MACRO = re.compile(r"\$\(([\w.]+)\)")
_AT_RUN = re.compile(r"\$\[(.*)\]", re.DOTALL)
_COMMAND = re.compile(r"##vso\[(?P<command>[\w.]+)(?: (?P<properties>[^\]]*))?\](?P<value>.*)")
_COMMANDS = {"task.setvariable": {"variable", "isOutput"}, "task.logissue": {"type"}}
TOKEN = "System.AccessToken"  # noqa: S105 - a variable's name
"""The variable with the run's own token: a step has it only where it is mapped."""


class Agent(Protocol):
    """Does what a step says."""

    def perform(self, job: Job, step: Step, environment: Mapping[str, str]) -> tuple[int, str]:
        """Do a step whose variables have their values, and give its exit code and what it printed."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """A step that ran."""

    stage: str
    job: Job
    step: Step
    code: int
    output: str


@dataclass(kw_only=True)
class Run:
    """What a run came to: steps in their order, and the results of stages and of jobs, the latter as `stage.job`."""

    done: list[Done] = field(default_factory=list)
    results: dict[str, Result] = field(default_factory=dict)
    outputs: dict[str, Outputs] = field(default_factory=dict)
    """By `stage.job`: what its steps handed on, as `step.variable`."""

    @property
    def failed(self) -> bool:
        """Whether the whole run failed."""
        return "Failed" in self.results.values()


def run(pipeline: Pipeline, agent: Agent, variables: Mapping[str, str], groups: Groups) -> Run:
    """Run a pipeline; `variables` are those of the service and of the agent, the run's token among them.

    Raises:
        PipelineError: a step or a condition uses what is not there.
    """
    return _Runner(pipeline, agent, variables, groups).run()


class _Runner:
    def __init__(self, pipeline: Pipeline, agent: Agent, variables: Mapping[str, str], groups: Groups) -> None:
        self._pipeline = pipeline
        self._agent = agent
        self._groups = Names("variable group", groups)
        self._variables = {**variables, **pipeline.occasion.during(), **pipeline.variables}
        self._run = Run()

    def run(self) -> Run:
        for stage in self._pipeline.stages:
            status = _status([self._run.results[name] for name in stage.depends_on])
            if self._holds(stage.condition, self._variables, status, self._before(stage)):
                self._run.results[stage.name] = _worst([self._job(stage, job) for job in stage.jobs])
            else:
                self._run.results[stage.name] = "Skipped"
        return self._run

    def _job(self, stage: Stage, job: Job) -> Result:
        key = f"{stage.name}.{job.name}"
        beside = self._beside(stage, job)
        own = {name: _computed(value, beside) for name, value in job.variables.items()}
        variables = {**self._variables, "System.JobName": job.name, **own}
        for group in job.groups:
            variables |= self._groups[group]
        status = _status([self._run.results[f"{stage.name}.{name}"] for name in job.depends_on])
        result: Result = "Skipped"
        if self._holds(job.condition, variables, status, beside):
            result = self._steps(stage, job, variables)
        self._run.results[key] = result
        return result

    def _steps(self, stage: Stage, job: Job, variables: dict[str, str]) -> Result:
        result: Result = "Succeeded"
        outputs: Outputs = self._run.outputs.setdefault(f"{stage.name}.{job.name}", {})
        for step in job.steps:
            # Before a step that runs there are no skipped ones to think of.
            status = {**_status([result]), "succeededOrFailed": lambda: True}
            if not self._holds(step.condition, variables, status, {}):
                continue
            ready, environment = _ready(step, variables)
            code, output = self._agent.perform(job, ready, environment)
            self._run.done.append(Done(stage=stage.name, job=job, step=ready, code=code, output=output))
            _hear(output, step, variables, outputs)
            if code:
                result = _worst([result, "SucceededWithIssues" if step.continue_on_error else "Failed"])
        return result

    def _beside(self, stage: Stage, job: Job) -> dict[str, Any]:
        """Give what a job's condition may know of the jobs, and of the stages, that it depends on."""
        jobs = {
            each.name: self._told(f"{stage.name}.{each.name}") for each in stage.jobs if each.name in job.depends_on
        }
        before = [each for each in self._pipeline.stages if each.name in stage.depends_on]
        stages = {
            each.name: Names("job", {one.name: self._told(f"{each.name}.{one.name}") for one in each.jobs})
            for each in before
        }
        return {
            "dependencies": Names("job that this one depends on,", jobs),
            "stageDependencies": Names("stage that this one depends on,", stages),
        }

    def _before(self, stage: Stage) -> dict[str, Any]:
        """Give what a stage's condition may know of the stages that it depends on."""
        before = [each for each in self._pipeline.stages if each.name in stage.depends_on]
        stages = {
            each.name: {"result": self._run.results[each.name], "outputs": self._outputs(each)} for each in before
        }
        return {"dependencies": Names("stage that this one depends on,", stages)}

    def _outputs(self, stage: Stage) -> Names:
        """Give what a stage's jobs handed on, as `job.step.variable`."""
        found = {
            f"{job.name}.{name}": value
            for job in stage.jobs
            for name, value in self._run.outputs.get(f"{stage.name}.{job.name}", {}).items()
        }
        return Names("output", found, () if self._run.results[stage.name] in _GOOD else None)

    def _told(self, key: str) -> dict[str, Any]:
        result = self._run.results.get(key, "Skipped")
        # Who did not come to its end may have handed on nothing.
        absent = () if result in _GOOD else None
        return {"result": result, "outputs": Names("output", self._run.outputs.get(key, {}), absent)}

    def _holds(
        self,
        condition: str,
        variables: Mapping[str, str],
        status: Mapping[str, Callable[[], bool]],
        names: Mapping[str, Any],
    ) -> bool:
        known = Names("variable", {name: value for name, value in variables.items() if name != TOKEN}, ABSENT)
        return truth(evaluate(condition, {"variables": known, **names}, status))


def _status(results: Iterable[str | None]) -> dict[str, Callable[[], bool]]:
    """The functions of a condition that ask how it went before; nothing is ever canceled here."""
    before = [*results]
    return {
        "succeeded": lambda: all(result in _GOOD for result in before),
        "failed": lambda: "Failed" in before,
        "always": lambda: True,
        "canceled": lambda: False,
    }


def _worst(results: list[Result]) -> Result:
    order: tuple[Result, ...] = ("Failed", "SucceededWithIssues", "Succeeded", "Skipped")
    return next(result for result in order if result in results)


def _ready(step: Step, variables: Mapping[str, str]) -> tuple[Step, dict[str, str]]:
    """Give a step whose macros have their values, and its environment: every variable but the token, and its own."""
    names = Names("variable", variables)

    def filled(value: str) -> str:
        return _MACRO.sub(lambda match: filled(str(names[match[1]])), value)

    own = {name: filled(value) for name, value in step.environment.items()}
    inputs = {name: filled(value) for name, value in step.inputs.items()}
    everybody = {_variable(name): filled(value) for name, value in variables.items() if name != TOKEN}
    return replace(step, what=filled(step.what), inputs=inputs, environment=own), {**everybody, **own}


def _computed(value: str, names: Mapping[str, Any]) -> str:
    """Give the value of a job's variable, which may be an expression of its own."""
    found = _AT_RUN.fullmatch(value.strip())
    return text(evaluate(found[1], names)) if found else value


def _variable(name: str) -> str:
    return name.upper().replace(".", "_")


def _hear(output: str, step: Step, variables: dict[str, str], outputs: Outputs) -> None:
    """Do what a step tells the agent in its output."""
    for match in _COMMAND.finditer(output):
        properties = dict(part.split("=", 1) for part in (match["properties"] or "").split(";") if part)
        if match["command"] not in _COMMANDS or not {*properties} <= _COMMANDS[match["command"]]:
            raise PipelineError(f"{step.what}: the agent is told {match[0]!r}, which is not known here")
        if match["command"] == "task.logissue":
            continue
        if properties.get("isOutput", "").lower() == "true":
            outputs[f"{step.name}.{properties['variable']}"] = match["value"].strip()
        else:
            variables[properties["variable"]] = match["value"].strip()
