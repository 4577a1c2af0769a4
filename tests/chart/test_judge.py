"""The judges see what is wrong, and a waiver covers what it names and nothing else."""

import re
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from charts import helm, judge
from charts.error import ChartError
from charts.judgement import unwaived, waivers

ROOT = Path(__file__).parents[2]
Change = Callable[[dict[str, Any]], Any]


@pytest.fixture
def changed(tmp_path: Path, rendered: Callable[[str], Any]) -> Callable[[Change], list[Path]]:
    """The default rendering, with one change to Apollo's Deployment."""

    def change(how: Change) -> list[Path]:
        rendering = deepcopy(rendered("default"))
        how(rendering.kind("Deployment")["apollo"]["spec"]["template"]["spec"])
        file = tmp_path / "changed.yaml"
        file.write_text(yaml.safe_dump_all(rendering.manifests))
        return [file]

    return change


def test_judges_find_nothing_where_nothing_is_changed(changed: Callable[[Change], list[Path]]) -> None:
    files = changed(lambda _: None)
    for judgement in (judge.kube_score(files), judge.kubeconform(files), judge.pod_security(files)):
        assert judgement.wrong == (), str(judgement)


def test_a_pod_that_is_not_restricted_is_named(changed: Callable[[Change], list[Path]]) -> None:
    files = changed(lambda pod: pod["securityContext"].update(runAsNonRoot=False))
    (line,) = judge.pod_security(files).wrong
    assert "prefect-server-apollo" in line
    assert "runAsNonRoot" in line


def test_a_field_that_kubernetes_does_not_know_is_named(changed: Callable[[Change], list[Path]]) -> None:
    found = judge.kubeconform(changed(lambda pod: pod.update(hostNetwrok=True)))
    assert len(found.wrong) == 2
    assert "Deployment prefect-server-apollo" in found.wrong[0]
    assert found.figure.startswith("1 invalid and 17 valid for 1.30.0, 1 invalid")


def test_a_container_without_limits_is_critical(changed: Callable[[Change], list[Path]]) -> None:
    found = judge.kube_score(changed(lambda pod: pod["containers"][0].pop("resources")))
    assert found.figure.startswith("2 critical")
    assert any("container-resources" in line and "prefect-server-apollo" in line for line in found.wrong)


def test_a_finding_needs_a_waiver_and_a_waiver_a_finding() -> None:
    findings = [("RULE_1", "here"), ("RULE_2", "there")]
    assert unwaived("judge", findings, {"RULE_1": "because"}) == ("judge: RULE_2: there",)
    assert unwaived("judge", findings[:1], {"RULE_1": "because", "RULE_3": "because"}) == (
        "judge: the waiver of RULE_3 covers nothing: remove it",
    )


def test_every_waiver_says_why() -> None:
    for tool in ("checkov", "kube-score", "trivy"):
        for rule, reason in waivers(tool).items():
            assert len(reason) > 40, rule


def test_a_values_file_that_is_wrong_is_one_line_that_names_it(tmp_path: Path) -> None:
    values = tmp_path / "wrong.yaml"
    values.write_text("databse: {}\n")
    for look in (helm.lint, helm.template):
        with pytest.raises(ChartError) as refused:
            look(values)
        assert str(refused.value).startswith("wrong.yaml: at ")
        assert "\n" not in str(refused.value)


def test_the_command_renders_every_values_file() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "charts", "render"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    folder = ROOT / "build/charts/prefect-server"
    assert {path.name for path in folder.iterdir()} == {path.name for path in helm.values_files()}


@pytest.mark.audit
def test_trivy_finds_nothing_severe_in_the_chart_and_the_dockerfile(tmp_path: Path, record_property: Any) -> None:
    files = [tmp_path / values.name for values in helm.values_files()]
    for values, file in zip(helm.values_files(), files, strict=True):
        file.write_text(helm.template(values))
    found = judge.trivy([*files, ROOT / "Dockerfile"])
    record_property("trivy on the chart and the Dockerfile", found.figure)
    assert found.wrong == ()


@pytest.mark.audit
def test_trivy_names_a_privileged_container_and_an_image_of_root(
    tmp_path: Path, changed: Callable[[Change], list[Path]]
) -> None:
    files = changed(lambda pod: pod["containers"][0]["securityContext"].update(privileged=True))
    image = tmp_path / "Dockerfile"
    image.write_text(re.sub(r"^USER .*$", "USER root", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE))
    found = judge.trivy([*files, image])
    assert found.figure.startswith("2 HIGH, 0 CRITICAL")
    chart, dockerfile = sorted(found.wrong, reverse=True)
    assert "changed.yaml" in chart
    assert "prefect-server-apollo" in chart
    assert "privileged" in chart
    assert "Dockerfile" in dockerfile


@pytest.mark.audit
def test_trivy_says_what_it_did_not_look_at(tmp_path: Path) -> None:
    file = tmp_path / "changed.yaml"
    file.write_text("- nothing\n")
    assert judge.trivy([file]).wrong == ("trivy: changed.yaml: is nothing that it can judge",)
