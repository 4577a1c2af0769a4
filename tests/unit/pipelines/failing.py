"""An agent for tests of what a failure keeps from running."""

from collections.abc import Mapping

from emulators.azure_pipelines.pipeline import Job, Step


class Failing:
    """An agent on which one script fails; all else succeeds, and nothing is touched."""

    def __init__(self, script: str) -> None:
        self.script = script

    def perform(self, _job: Job, step: Step, _environment: Mapping[str, str]) -> tuple[int, str]:
        told = "##vso[task.setvariable variable=stacks;isOutput=true]none" if step.name == "touched" else ""
        return int(step.script == self.script), told
