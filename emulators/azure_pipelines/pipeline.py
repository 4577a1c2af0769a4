"""A pipeline as it is run: stages of jobs of steps. Every key and every task that is not listed here is refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emulators.azure_pipelines.error import PipelineError
from emulators.azure_pipelines.occasion import Occasion
from emulators.azure_pipelines.template import expand

TASKS: Mapping[str, frozenset[str]] = {
    "AzureCLI@2": frozenset(
        {
            *("azureSubscription", "scriptType", "scriptLocation", "inlineScript"),
            *("addSpnToEnvironment", "keepAzSessionActive", "visibleAzLogin"),
        }
    ),
    "Cache@2": frozenset({"key", "restoreKeys", "path"}),
    "KubeloginInstaller@0": frozenset({"kubeloginVersion"}),
    "UsePythonVersion@0": frozenset({"versionSpec"}),
}
"""The inputs of each task that are known here."""
_STEPS = {
    "script": {"script"},
    "task": {"task", "inputs"},
    "checkout": {"checkout", "clean", "fetchDepth"},
    "publish": {"publish", "artifact"},
}
_STEP = {"name", "displayName", "condition", "continueOnError", "env"}
_JOB = {"displayName", "condition", "dependsOn", "pool", "variables", "timeoutInMinutes"}
_KINDS = {"job": {"job", "steps"}, "deployment": {"deployment", "environment", "strategy"}}
_STAGE = {"stage", "displayName", "condition", "dependsOn", "jobs", "lockBehavior"}
_PIPELINE = {"name", "trigger", "pr", "schedules", "variables", "pool", "stages"}


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step; `what` is a script, a task's name, a path to publish, or the repository to check out."""

    kind: str
    what: str
    name: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    condition: str = "succeeded()"
    continue_on_error: bool = False

    @property
    def script(self) -> str:
        """What a shell is given; nothing where none is started."""
        return self.what if self.kind == "script" else self.inputs.get("inlineScript", "")

    @property
    def connection(self) -> str:
        """The service connection that it acts as."""
        return self.inputs.get("azureSubscription", "")


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job on one agent."""

    name: str
    steps: tuple[Step, ...]
    pool: Mapping[str, str]
    condition: str
    depends_on: tuple[str, ...]
    variables: Mapping[str, str]
    groups: tuple[str, ...]
    """Variable groups, whose values Azure DevOps keeps."""
    environment: str
    """The Azure DevOps environment that it deploys to, whose approvals and lock it waits for."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Jobs that run together."""

    name: str
    jobs: tuple[Job, ...]
    condition: str
    depends_on: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """What is run on one occasion."""

    occasion: Occasion
    stages: tuple[Stage, ...]
    variables: Mapping[str, str]


def load(path: Path, occasion: Occasion) -> Pipeline:
    """Read a pipeline as it is run on an occasion.

    Raises:
        PipelineError: it is wrong, or has what is not known here.
    """
    document = _mapping(expand(path, occasion.before()), _PIPELINE, path.name)
    variables, groups = _variables(document.get("variables", {}), path.name)
    if groups:
        raise PipelineError(f"{path.name}: a variable group of the whole pipeline reaches forks; name it in a job")
    stages: list[Stage] = []
    for node in document["stages"]:
        stages.append(_stage(node, document["pool"], stages))
    return Pipeline(occasion=occasion, stages=tuple(stages), variables=variables)


def _stage(node: Any, pool: Mapping[str, str], before: list[Stage]) -> Stage:
    name = str(node.get("stage", "a stage"))
    _mapping(node, _STAGE, name)
    earlier = [stage.name for stage in before]
    jobs: list[Job] = []
    for each in node["jobs"]:
        jobs.append(_job(each, pool, name, [job.name for job in jobs]))
    if not jobs:
        raise PipelineError(f"{name} has no job")
    return Stage(
        name=name,
        jobs=tuple(jobs),
        condition=node.get("condition", "succeeded()"),
        depends_on=_depends_on(node, name, earlier, earlier[-1:]),
    )


def _job(node: Any, pool: Mapping[str, str], stage: str, earlier: list[str]) -> Job:
    kind = "deployment" if "deployment" in node else "job"
    name = str(node.get(kind, "a job"))
    where = f"{stage}.{name}"
    _mapping(node, _JOB | _KINDS[kind], where)
    steps = node["steps"] if kind == "job" else _once(node["strategy"], where)
    variables, groups = _variables(node.get("variables", []), where)
    return Job(
        name=name,
        steps=tuple(_step(step, where) for step in steps),
        pool=node.get("pool", pool),
        condition=node.get("condition", "succeeded()"),
        depends_on=_depends_on(node, where, earlier, []),
        variables=variables,
        groups=groups,
        environment=node.get("environment", ""),
    )


def _once(strategy: Any, where: str) -> Any:
    """Find the steps of the one strategy that is known here, of deploying once."""
    for key in ("runOnce", "deploy", "steps"):
        strategy = _mapping(strategy, {key}, where)[key]
    return strategy


def _step(node: Any, where: str) -> Step:
    kind = next((kind for kind in _STEPS if kind in node), "")
    if not kind:
        raise PipelineError(f"{where}: a step of a kind that is not known here: {', '.join(node)}")
    _mapping(node, {*_STEP, *_STEPS[kind]}, where)
    what = str(node[kind])
    inputs = node.get("inputs", {})
    if kind == "task":
        if what not in TASKS:
            raise PipelineError(f"{where}: the task {what} is not known here")
        _mapping(inputs, TASKS[what], f"{where}: {what}")
    return Step(
        kind=kind,
        what=what,
        name=node.get("name", ""),
        inputs={**{key: str(value) for key, value in inputs.items()}, **_artifact(node)},
        environment={key: str(value) for key, value in node.get("env", {}).items()},
        condition=node.get("condition", "succeeded()"),
        continue_on_error=str(node.get("continueOnError", "")).lower() == "true",
    )


def _artifact(node: Mapping[str, Any]) -> dict[str, str]:
    return {"artifact": str(node["artifact"])} if "artifact" in node else {}


def _variables(node: Any, where: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """Read variables and the names of groups, written as a mapping or as a list."""
    if isinstance(node, dict):
        return {key: str(value) for key, value in node.items()}, ()
    values: dict[str, str] = {}
    for each in node:
        _mapping(each, {"group"} if "group" in each else {"name", "value"}, f"{where}: a variable")
        if "name" in each:
            values[each["name"]] = str(each["value"])
    return values, tuple(each["group"] for each in node if "group" in each)


def _mapping(node: Any, known: set[str] | frozenset[str], where: str) -> dict[str, Any]:
    if not isinstance(node, dict):
        raise PipelineError(f"{where}: a mapping of {', '.join(sorted(known))} must stand here")
    if unknown := sorted({*node} - known):
        raise PipelineError(f"{where}: {unknown[0]} is not known here")
    return node


def _depends_on(node: Mapping[str, Any], name: str, earlier: list[str], default: list[str]) -> tuple[str, ...]:
    found = node.get("dependsOn", default)
    names = (found,) if isinstance(found, str) else tuple(found)
    if missing := sorted({*names} - {*earlier}):
        raise PipelineError(f"{name} depends on {missing[0]}, which does not stand before it")
    return names
