"""Expressions, as Azure Pipelines' documentation says what they come to."""

from typing import Any

import pytest

from emulators.azure_pipelines.error import PipelineError
from emulators.azure_pipelines.expression import Names, evaluate

NAMES = {
    "parameters": Names("parameter", {"stack": {"name": "dev", "zones": [1, 2]}, "on": True, "off": False}),
    "variables": Names("variable", {"Build.Reason": "PullRequest", "empty": ""}, ["System.Nothing"]),
}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("'it''s'", "it's"),
        ("eq(variables['build.REASON'], 'pullrequest')", True),
        ("eq(variables['System.Nothing'], '')", True),
        ("parameters.stack.name", "dev"),
        ("parameters.stack['name']", "dev"),
        ("eq(parameters.on, 'anything but empty')", True),
        ("eq(parameters.off, '')", True),
        ("eq(1, '1.0')", True),
        ("eq(1, 'one')", False),
        ("ne('a', 'A')", False),
        ("in('b', 'a', 'B')", True),
        ("notIn('b', 'a', 'B')", False),
        ("and(true, not(false), or(false, 'x'))", True),
        ("contains('feature/x', 'TURE')", True),
        ("startsWith('refs/heads/feature/x', 'refs/heads/feature/')", True),
        ("endsWith('a.md', '.txt')", False),
        ("format('{1}-{0},', 'a', 2)", "2-a,"),
        ("format('{0}', parameters.on)", "True"),
    ],
)
def test_an_expression_has_its_value(expression: str, value: Any) -> None:
    assert evaluate(expression, NAMES) == value


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("variables['Typo']", "there is no variable Typo"),
        ("parameters.stack.nmae", "there is no nmae"),
        ("steps.x", "nothing is called steps"),
        ("counter('a')", "the function counter is not known here"),
        ("succeeded()", "the function succeeded is not known here"),
        ("eq('a')", "eq does not take 1 values"),
        ("eq('a', 'b'", "a value is missing"),
        ("'a' 'b'", "'b' is too much"),
        ("a && b", "'&& b' cannot be read"),
        ("eq(parameters.stack, 'x')", "mappings and lists are not compared here"),
        ("format('{0}', parameters.stack)", "a mapping stands where a text must be"),
    ],
)
def test_what_is_not_known_is_refused_in_one_line(expression: str, reason: str) -> None:
    with pytest.raises(PipelineError) as refused:
        evaluate(expression, NAMES)
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)
