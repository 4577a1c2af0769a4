"""The judges of the rendered chart: each a tool that the project did not write, but for the chart's own unit tests."""

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from charts import kubernetes_schema, manifest, tool
from charts.helm import CHART, OLDEST_KUBERNETES
from charts.judgement import Judgement, unwaived, waivers

_CRITICAL = 1
_WARNING = 5
# checkov's own figure for a whole chart: more rules than these need a second look, whatever their waivers say.
_CHECKOV_RULES = 2
_SEVERE = ("HIGH", "CRITICAL")


def judge(files: Sequence[Path]) -> list[Judgement]:
    """Let every judge but trivy, which takes a quarter of an hour to build, look at rendered files, side by side."""
    # The slowest first.
    judges: tuple[Callable[[Sequence[Path]], Judgement], ...] = (checkov, kubeconform, kube_score, pod_security, unit)
    with ThreadPoolExecutor() as threads:
        return list(threads.map(lambda one: one(files), judges))


def kube_score(files: Sequence[Path]) -> Judgement:
    """Ask kube-score, file by file: in one call it would take one file's policies for another's pods."""
    options = ("--kubernetes-version", f"v{OLDEST_KUBERNETES.rpartition('.')[0]}", "--output-format", "json")
    critical: list[tuple[str, str]] = []
    warnings = 0
    for file in files:
        for scored in json.loads(tool.run("kube-score", "score", *options, file, fine=(0, 1))):
            for check in scored["checks"]:
                warnings += check["grade"] == _WARNING
                if check["grade"] == _CRITICAL and not check["skipped"]:
                    critical.append((check["check"]["id"], f"{file.name}: {scored['object_name']}"))
    wrong = unwaived("kube-score", critical, waivers("kube-score"))
    return Judgement(judge="kube-score", figure=f"{len(critical)} critical, {warnings} warnings", wrong=wrong)


def kubeconform(files: Sequence[Path]) -> Judgement:
    """Ask kubeconform about the oldest Kubernetes that the chart supports and the newest that there are schemas of."""
    figures, wrong = [], []
    for version in (OLDEST_KUBERNETES, kubernetes_schema.versions()[-1]):
        answer = conformity(version, files)
        bad = [one for one in answer["resources"] if one["status"] != "statusValid"]
        wrong += [f"kubeconform: {one['filename']}: {one['kind']} {one['name']}: {one['msg']}" for one in bad]
        figures.append(f"{len(bad)} invalid and {answer['summary']['valid']} valid for {version}")
    return Judgement(judge="kubeconform", figure=", ".join(figures), wrong=tuple(wrong))


def conformity(version: str, files: Sequence[Path]) -> dict[str, Any]:
    """Return kubeconform's own answer on files, by the strict schemas of a version of Kubernetes."""
    objects = (each for file in files for each in manifest.read(file.read_text("utf-8")))
    kinds = {(each["apiVersion"], each["kind"]) for each in objects}
    schemas = kubernetes_schema.folder(version, kinds) / "{{ .ResourceKind }}{{ .KindSuffix }}.json"
    options = ("-strict", "-summary", "-verbose", "-output", "json", "-kubernetes-version", version)
    answer: dict[str, Any] = json.loads(
        tool.run("kubeconform", *options, "-schema-location", str(schemas), *files, fine=(0, 1))
    )
    return answer


def pod_security(files: Sequence[Path]) -> Judgement:
    """Ask the evaluator of Pod Security admission whether the pods are restricted."""
    *refused, figure = tool.run("pod-security", *files, fine=(0, 1)).splitlines()
    return Judgement(judge="pod-security", figure=figure, wrong=tuple(f"pod-security: {line}" for line in refused))


def checkov(files: Sequence[Path]) -> Judgement:
    """Ask checkov, offline. It may fail two rules, each with a waiver."""
    options = ("--framework", "kubernetes", "--skip-download", "--quiet", "--compact", "--output", "json")
    names = [word for file in files for word in ("--file", str(file))]
    answer = json.loads(
        tool.run(
            "checkov", *options, *names, fine=(0, 1), environment={"BC_SKIP_MAPPING": "TRUE", "LOG_LEVEL": "ERROR"}
        )
    )
    failed = [(one["check_id"], f"{one['file_path']}: {one['resource']}") for one in answer["results"]["failed_checks"]]
    rules = {rule for rule, _ in failed}
    waived = waivers("checkov")
    wrong = unwaived("checkov", failed, waived)
    if len(waived) > _CHECKOV_RULES:
        wrong += (f"checkov: {len(waived)} rules are waived, and {_CHECKOV_RULES} are allowed",)
    passed = answer["summary"]["passed"]
    figure = f"{len(rules)} rules failed ({len(rules & set(waived))} waived), {passed} checks passed"
    return Judgement(judge="checkov", figure=figure, wrong=wrong)


def trivy(files: Sequence[Path]) -> Judgement:
    """Ask trivy, offline, about files of different names, a Dockerfile among them. HIGH and CRITICAL need a waiver."""
    with tempfile.TemporaryDirectory() as folder:
        looked = Path(folder) / "files"
        looked.mkdir()
        for file in files:
            shutil.copyfile(file, looked / file.name)
        # With a cache of its own it knows the checks that it was built with, and no others.
        options = (
            "--cache-dir",
            f"{folder}/cache",
            "--skip-check-update",
            "--skip-version-check",
            "--disable-telemetry",
        )
        answer = json.loads(tool.run("trivy", "config", *options, "--format", "json", looked))
    results = answer.get("Results", [])
    found = [
        (one["Severity"], one["ID"], f"{result['Target']}: {one['Message']}")
        for result in results
        for one in result.get("Misconfigurations", [])
    ]
    severe = [(rule, where) for severity, rule, where in found if severity in _SEVERE]
    unseen = {file.name for file in files} - {result["Target"] for result in results}
    wrong = unwaived("trivy", severe, waivers("trivy"))
    wrong += tuple(f"trivy: {name}: is nothing that it can judge" for name in sorted(unseen))
    counts = ", ".join(f"{sum(severity == one for one, *_ in found)} {severity}" for severity in _SEVERE)
    passed = sum(result["MisconfSummary"]["Successes"] for result in results)
    figure = f"{counts}, {len(found) - len(severe)} lesser, {passed} checks passed"
    return Judgement(judge="trivy", figure=figure, wrong=wrong)


def unit(_files: Sequence[Path]) -> Judgement:
    """Run the chart's own unit tests, with helm-unittest."""
    said = tool.run("helm-unittest", "--strict", CHART, fine=(0, 1))
    tests = re.search(r"^Tests:\s+(.*)$", said, re.MULTILINE)
    failed = re.findall(r"^\t- (.+)$", said, re.MULTILINE)
    figure = " ".join(tests[1].split()) if tests else "no test ran"
    right = tests and "failed" not in figure and "0 total" not in figure
    wrong = () if right else tuple(f"helm-unittest: {line}" for line in failed or [figure])
    return Judgement(judge="helm-unittest", figure=figure, wrong=wrong)
