"""The pipeline's first stage, run whole in a fresh clone, from the installation of the packages on."""

import os
import shutil
from pathlib import Path

import pytest

from emulators.azure_pipelines.agent import MachineAgent
from emulators.azure_pipelines.occasion import push
from emulators.azure_pipelines.pipeline import load
from emulators.azure_pipelines.run import run
from tests.engine.clone import clone, commit
from tests.unit.pipelines.variant import variant


@pytest.mark.audit
@pytest.mark.timeout(3600)
def test_the_packages_are_installed_and_lint_tests_chart_and_changes_pass(tmp_path: Path) -> None:
    root = tmp_path / "s"
    root.mkdir()
    clone(root)
    shutil.rmtree(root / ".venv")
    commit(root, "Before")
    (root / "README.md").write_text((root / "README.md").read_text() + "\nOne more line.\n")
    commit(root, "A document changes")
    # As if the cache of an earlier run had been restored.
    (tmp_path / "tools").symlink_to(Path(os.environ.get("PREFECT_AKS_CACHE", Path.home() / ".cache/prefect-aks")))
    # An agent's machine knows nothing of the pytest and the make that run this.
    ours = ("PYTEST", "VIRTUAL_ENV", "MAKE", "MFLAGS")
    machine = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    agent = MachineAgent(root=root, environment=machine, connections=[], id_token="")
    workspace = {"Pipeline.Workspace": str(tmp_path), "Agent.OS": "Linux", "System.JobAttempt": "1"}
    (tmp_path / "pipeline").mkdir()
    done = run(load(variant(tmp_path / "pipeline", stacks=[]), push("dev")), agent, workspace, {})
    told = "".join(f"{each.job.name} {each.step.what} exit {each.code}\n{each.output}" for each in done.done)
    assert not done.failed, told
    ran = [each.step.script for each in done.done if each.step.script and each.step.script != "make venv"]
    assert ran == ["make lint", "make chart", "make test", "make changes BASE=HEAD^ PIPELINE=1"], told
    assert done.outputs["Validate.changes"] == {"touched.stacks": "none"}
