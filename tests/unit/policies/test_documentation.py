"""What users read of the controls is what the pack does."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from policies import pack

ROOT = Path(__file__).parents[3]
RULES = {rule.name: rule for rule in pack.rules()}
CONTROLS = [*range(1, 38)]
TEXT = (ROOT / "docs" / "controls.md").read_text("utf-8")


def quoted(text: str) -> set[str]:
    return set(re.findall(r"`([^`\n]+)`", text))


def rows() -> Iterator[tuple[int, set[str], set[str]]]:
    """The table's numbers, each with what holds the control and what relaxes it."""
    for line in TEXT.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0].isdigit():
            yield int(cells[0]), quoted(cells[2]), quoted(cells[3])


def test_every_control_is_in_the_table_once() -> None:
    assert [number for number, _, _ in rows()] == CONTROLS


@pytest.mark.parametrize("control", CONTROLS)
def test_a_control_names_the_policies_that_hold_it_and_the_keys_that_relax_it(control: int) -> None:
    (_, policies, keys), *_ = [row for row in rows() if row[0] == control]
    holding = [rule for rule in RULES.values() if control in rule.controls]
    assert policies == {rule.name for rule in holding}
    assert policies
    assert keys == {key for rule in holding for key in rule.relaxed_by}


def test_every_policy_is_documented_and_says_what_it_is_for() -> None:
    assert set(RULES) <= quoted(TEXT)
    assert all(len(rule.says) > 20 for rule in RULES.values())


def test_a_fix_names_keys_that_are_declared_and_files_that_are_there() -> None:
    source = "".join(file.read_text("utf-8") for file in sorted((ROOT / "policies").glob("*.py")))
    declared = set(yaml.safe_load((ROOT / "Pulumi.yaml").read_text("utf-8"))["config"])
    assert set(re.findall(r"prefect-aks:(\w+)", source)) <= declared
    for file in set(re.findall(r"components/\w+\.py", source)):
        assert (ROOT / file).is_file()
