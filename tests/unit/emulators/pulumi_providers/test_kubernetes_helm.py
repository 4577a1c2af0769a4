"""What is given to Helm, by a stand-in for it that writes down what it was given."""

import json
import sys
import threading
import time
from pathlib import Path

import pytest

from emulators.pulumi_providers.kubernetes.helm import Helm, HelmError, resource_names
from emulators.pulumi_providers.kubernetes.release import LiveReleases
from emulators.pulumi_providers.value import Secret

STAND_IN = f"""#!{sys.executable}
import json, os, sys, time
given = {{"arguments": sys.argv[1:], "input": sys.stdin.read(), "environment": dict(os.environ)}}
with open(os.path.join(os.path.dirname(__file__), "calls"), "a") as calls:
    calls.write(json.dumps(given) + "\\n")
if "wait-forever" in sys.argv:
    time.sleep(60)
if "fail" in sys.argv:
    sys.exit("WARNING: a file is readable by others\\nError: UPGRADE FAILED: no\\n  because: of this")
print(json.dumps({{"name": "small", "namespace": "ns", "version": 1, "info": {{"status": "deployed"}},
    "chart": "small"}} | ({{"version": "1.2.3"}} if "metadata" in sys.argv else {{}})))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    command = tmp_path / "helm"
    command.write_text(STAND_IN)
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HELM_NAMESPACE", "elsewhere")
    return tmp_path


def test_values_reach_helm_by_its_input_alone(folder: Path) -> None:
    values = {"password": Secret("hunter2")}
    given = {"name": "small", "namespace": "ns", "chart": "c", "values": values, "atomic": True, "timeout": 10}
    LiveReleases(folder / "kubeconfig").create(given)
    install, *others = map(json.loads, (folder / "calls").read_text().splitlines())
    assert json.loads(install["input"]) == {"password": "hunter2"}
    assert install["arguments"][:3] == ["install", "small", "c"]
    assert {"--atomic", "--wait", "10s", "-"} <= set(install["arguments"])
    for call in (install, *others):
        assert "hunter2" not in json.dumps([call["arguments"], call["environment"]])
        assert call["environment"]["KUBECONFIG"] == str(folder / "kubeconfig")
        assert "HELM_NAMESPACE" not in call["environment"]


def test_the_cause_is_one_line_without_helms_warnings(folder: Path) -> None:
    with pytest.raises(HelmError) as caught:
        Helm(folder / "kubeconfig").act("fail")
    assert str(caught.value) == "UPGRADE FAILED: no because: of this"


def test_without_helm_it_is_told_where_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HelmError, match="no helm on PATH: `python -m toolchain helm`"):
        Helm(tmp_path / "kubeconfig").act("version")


def test_what_runs_is_ended_when_the_user_gives_up(folder: Path) -> None:
    helm = Helm(folder / "kubeconfig")

    def give_up() -> None:
        while not (folder / "calls").exists():
            time.sleep(0.02)
        helm.stop()

    threading.Thread(target=give_up).start()
    before = time.monotonic()
    with pytest.raises(HelmError):
        helm.act("wait-forever")
    assert time.monotonic() - before < 20


def test_the_objects_of_a_manifest_are_named_by_their_kind() -> None:
    manifest = """
---
# Source: small/templates/a.yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: b}
---
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: a, namespace: other}
---
apiVersion: v1
kind: Service
metadata: {name: c}
"""
    assert resource_names(manifest) == {"Deployment.apps/apps/v1": ["b", "other/a"], "Service/v1": ["c"]}
