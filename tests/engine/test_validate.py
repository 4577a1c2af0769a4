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
from tests.engine.pipeline_run import output, restore_tools, scripts, workspace
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
    restore_tools(tmp_path)
    # An agent's machine knows nothing of the pytest and the make that run this.
    ours = ("PYTEST", "VIRTUAL_ENV", "MAKE", "MFLAGS")
    machine = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    agent = MachineAgent(root=root, environment=machine, connections=[], id_token="")
    (tmp_path / "pipeline").mkdir()
    done = run(load(variant(tmp_path / "pipeline", stacks=[]), push("dev")), agent, workspace(tmp_path), {})
    assert not done.failed, output(done)
    assert scripts(done) == ["make lint", "make chart", "make test", "make changes BASE=HEAD^ PIPELINE=1"]
    assert done.outputs["Validate.changes"] == {"touched.stacks": "none"}
