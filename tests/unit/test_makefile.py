"""What people type after `make` reaches commands as it is."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("branch", ["x`touch {}`", 'x";touch {};"', "x$(touch {})", "x$(shell touch {})", "x'{}"])
def test_a_branch_whose_name_a_shell_would_run_is_only_a_name(tmp_path: Path, branch: str) -> None:
    mark = tmp_path / "mark"
    name = branch.format(mark)
    done = subprocess.run(["make", "changes", f"BASE={name}"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert f"git knows no revision {name!r}" in done.stderr
    assert not mark.exists()


def test_every_target_that_needs_to_know_more_says_what() -> None:
    for target in ("preview", "preview-live", "deploy", "drift", "changes", "diff", "promote", "pr-project"):
        done = subprocess.run(["make", target, "FROM="], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert done.stderr.startswith("error: ")
        assert f": make {target} " in done.stderr.replace("? make", ": make")
