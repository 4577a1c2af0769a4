"""Expanding: what becomes of templates, parameters and directives."""

from pathlib import Path
from typing import Any

import pytest

from emulators.azure_pipelines.error import PipelineError
from emulators.azure_pipelines.template import expand

VARIABLES = {"Build.Reason": "Manual"}
JOBS = """
parameters:
  - {name: names, type: object}
  - {name: loud, type: boolean, default: "false"}
jobs:
  - ${{ each name in parameters.names }}:
      - job: say_${{ name }}
        ${{ if parameters.loud }}:
          displayName: ${{ name }}!
        ${{ elseif eq(name, 'b') }}:
          displayName: it is b
        ${{ else }}:
          displayName: quiet
"""


def expanded(folder: Path, pipeline: str, **given: Any) -> Any:
    (folder / "parts").mkdir()
    (folder / "parts/jobs.yml").write_text(JOBS)
    (folder / "main.yml").write_text(pipeline)
    return expand(folder / "main.yml", VARIABLES, given)


def stages(jobs: str) -> str:
    return f"stages:\n  - stage: S\n    jobs:\n      - {jobs}\n"


def test_a_template_is_put_in_its_place_once_for_each_name(tmp_path: Path) -> None:
    found = expanded(tmp_path, stages("{template: parts/jobs.yml, parameters: {names: [a, b]}}"))
    assert found["stages"][0]["jobs"] == [
        {"job": "say_a", "displayName": "quiet"},
        {"job": "say_b", "displayName": "it is b"},
    ]


def test_a_parameter_keeps_its_type_on_its_way(tmp_path: Path) -> None:
    text = "parameters:\n  - {name: all, type: object, default: [a]}\n"
    call = "{template: parts/jobs.yml, parameters: {names: '${{ parameters.all }}', loud: '${{ eq(1, 1) }}'}}"
    assert expanded(tmp_path, text + stages(call), all=["c"])["stages"][0]["jobs"] == [
        {"job": "say_c", "displayName": "c!"}
    ]


@pytest.mark.parametrize(
    ("pipeline", "reason"),
    [
        (stages("{template: parts/jobs.yml}"), "jobs.yml: the parameter names is not given"),
        (stages("{template: parts/jobs.yml, parameters: {names: [], x: 1}}"), "jobs.yml: it declares no parameter x"),
        (stages("{template: parts/jobs.yml, parameters: {names: text}}"), "the parameter names is no object"),
        (stages("{template: parts/none.yml}"), "none.yml cannot be read: No such file"),
        ("parameters:\n  - {name: a}\nstages: []", "a parameter has a name and a type"),
        (
            "parameters:\n  - {name: a, type: secret, default: x}\nstages: []",
            "is of the type secret, which is not known here",
        ),
        ("stages:\n  - template: parts/jobs.yml\n    parameters: {names: []}", "holds jobs, where stages must be"),
        ("stages:\n  - ${{ else }}: []", "else follows no if"),
        ("stages:\n  - ${{ insert }}: []", "is no directive that is known here"),
        ("stages:\n  - ${{ if true }}: {stage: S}", "decides on is no list"),
        (
            "stages:\n  - stage: ${{ variables['System.PullRequest.TargetBranch'] }}",
            "there is no variable that is known",
        ),
    ],
)
def test_what_cannot_be_expanded_is_refused(tmp_path: Path, pipeline: str, reason: str) -> None:
    with pytest.raises(PipelineError) as refused:
        expanded(tmp_path, pipeline)
    assert reason in str(refused.value)
