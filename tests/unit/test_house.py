"""What holds for the whole tree, and no tool checks."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


def test_stack_files_set_only_keys_that_the_program_declares() -> None:
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    stacks = sorted(ROOT.glob("Pulumi.*.yaml"))
    assert stacks
    for stack in stacks:
        keys = {key.removeprefix("prefect-aks:") for key in yaml.safe_load(stack.read_text())["config"]}
        assert keys <= set(declared), stack.name


def test_every_declared_key_says_its_type_what_it_is_and_its_default() -> None:
    for key, entry in yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"].items():
        assert {"type", "description", "default"} == set(entry), key


def test_every_test_function_is_in_a_file_that_pytest_collects() -> None:
    stray = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("*.py")
        if not path.name.startswith("test_")
        and any(
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
            for node in ast.walk(ast.parse(path.read_text()))
        )
    ]
    assert stray == []


@pytest.mark.parametrize("lock", ["checkov", "dev", "flows", "infra"])
def test_a_lock_pins_every_package_by_hash_and_names_no_address(lock: str) -> None:
    text = (ROOT / f"requirements/{lock}.txt").read_text()
    assert "://" not in text
    for requirement in re.split(r"\n(?=\S)", text.strip()):
        assert "==" in requirement.splitlines()[0]
        assert "--hash=sha256:" in requirement


def test_the_locks_of_the_groups_agree_with_the_whole() -> None:
    pins = {
        lock: dict(re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / f"requirements/{lock}.txt").read_text(), re.MULTILINE))
        for lock in ("dev", "flows", "infra")
    }
    for group in ("flows", "infra"):
        assert pins[group].items() <= pins["dev"].items()


def test_help_lists_every_target_that_the_readme_names() -> None:
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for document in (ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        for target in re.findall(r"`make ([a-z-]+)", document.read_text()):
            assert f"make {target} " in listed, f"{document.name} names make {target}"


def test_a_python_that_is_not_supported_is_refused_in_one_line_that_names_the_one_that_is(tmp_path: Path) -> None:
    old = tmp_path / "python"
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo "Python 3.9.18" && exit 0\nexit 1\n')
    old.chmod(0o755)
    refused = subprocess.run(
        ["make", "venv", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode != 0
    first, *rest = refused.stderr.splitlines()
    assert first.startswith("error: Python 3.9.18")
    assert "Python 3.11" in first
    assert [line for line in rest if not line.startswith("make")] == []


def test_the_interpreter_of_these_tests_is_the_one_that_the_project_supports() -> None:
    assert sys.version_info[:2] == (3, 11)
