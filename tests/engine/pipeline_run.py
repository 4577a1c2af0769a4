"""What tests that really run the pipeline share: the agent's machine, and what its steps said."""

import os
from collections.abc import Mapping
from pathlib import Path

from emulators.azure_pipelines.run import Run


def restore_tools(folder: Path) -> None:
    """Have the tools in a workspace as if the cache of an earlier run had been restored."""
    (folder / "tools").symlink_to(Path(os.environ.get("PREFECT_AKS_CACHE", Path.home() / ".cache/prefect-aks")))


def workspace(folder: Path) -> Mapping[str, str]:
    """The agent's own variables."""
    return {"Pipeline.Workspace": str(folder), "Agent.OS": "Linux", "System.JobAttempt": "1"}


def output(done: Run) -> str:
    """All that the steps printed, each below its name and exit code."""
    return "".join(
        f"{each.stage}.{each.job.name} {each.step.what} exit {each.code}\n{each.output}" for each in done.done
    )


def scripts(done: Run) -> list[str]:
    """The scripts that ran, but for what every job begins with."""
    return [each.step.script for each in done.done if each.step.script not in {"", "make venv"}]
