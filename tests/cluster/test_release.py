"""Helm releases by the emulated kubernetes provider, in a real cluster and with the real Helm, without an engine."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from emulators.pulumi_providers.__main__ import load
from emulators.pulumi_providers.home import KUBECONFIG
from emulators.pulumi_providers.provider import RefusedError, UnreadyError, Urn
from emulators.pulumi_providers.value import Secret

# The platform's story has a release of the project's own chart.
pytestmark = pytest.mark.audit

ROOT = Path(__file__).parents[2]
SETTINGS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}}
data: {level: {{ .Values.level | quote }}}
"""
PODS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
spec:
  selector: {matchLabels: {app: small}}
  template:
    metadata: {labels: {app: small}}
    spec:
      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: main
          image: {{ required "an image is required" .Values.image }}
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
"""


@dataclass
class Releases:
    """The provider, and a chart that it installs in a namespace of its own."""

    provider: Any
    chart: Path
    namespace: str
    urn: ClassVar = Urn("urn:pulumi:dev::test::kubernetes:helm.sh/v3:Release::small")

    def inputs(self, level: Any = "one", image: str = "app.test/app:1", **given: Any) -> dict[str, Any]:
        basis = {"chart": str(self.chart), "name": "small", "namespace": self.namespace, "timeout": 60}
        whole = {**basis, "skipAwait": True, **given}
        values = {"level": level, "image": image}
        inputs, failures = self.provider.check(self.urn, {}, {**whole, "values": values}, b"")
        assert not failures
        return dict(inputs)

    def create(self, **given: Any) -> tuple[str, dict[str, Any]]:
        identity, outputs = self.provider.create(self.urn, self.inputs(**given), preview=False)
        return identity, outputs

    def helm(self, *arguments: str) -> str:
        """Do something by hand."""
        line = ["helm", *arguments, "--namespace", self.namespace]
        variables = {**os.environ, "KUBECONFIG": str(self.provider.kubeconfig)}
        return subprocess.run(line, env=variables, stdout=subprocess.PIPE, text=True, check=True).stdout


@pytest.fixture
def releases(
    cluster: Any, kubelet: Any, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Releases]:
    del kubelet
    helm = subprocess.run([sys.executable, "-m", "toolchain", "helm"], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    monkeypatch.setenv("PATH", helm.stdout.decode().strip(), prepend=os.pathsep)
    monkeypatch.setenv(KUBECONFIG, str(cluster.plane.kubeconfig))
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("{apiVersion: v2, name: small, version: 1.2.3, appVersion: '9'}")
    for name, text in (("settings", SETTINGS), ("pods", PODS)):
        (tmp_path / "templates" / f"{name}.yaml").write_text(textwrap.dedent(text))
    return Releases(load("kubernetes", None), tmp_path, namespace)


def test_a_release_tells_what_the_genuine_provider_tells(releases: Releases) -> None:
    identity, outputs = releases.create(skipAwait=False)
    assert identity == f"{releases.namespace}/small"
    assert outputs["resourceNames"] == {"ConfigMap/v1": ["small"], "Deployment.apps/apps/v1": ["small"]}
    assert outputs["status"] == {
        "appVersion": "9",
        "chart": "small",
        "name": "small",
        "namespace": releases.namespace,
        "revision": 1,
        "status": "deployed",
        "version": "1.2.3",
    }


def test_a_name_that_is_taken_is_refused(releases: Releases) -> None:
    releases.create()
    with pytest.raises(RefusedError, match="cannot re-use a name that is still in use"):
        releases.create()


def test_what_helm_refuses_is_told_in_its_words_and_leaves_nothing(releases: Releases) -> None:
    with pytest.raises(RefusedError, match=r"was not installed: .* an image is required$") as caught:
        releases.create(image="")
    assert not isinstance(caught.value, UnreadyError)
    assert releases.helm("list", "--all", "--short") == ""


def test_an_atomic_install_that_does_not_become_ready_leaves_nothing(releases: Releases) -> None:
    with pytest.raises(RefusedError, match="uninstalled due to atomic being set") as caught:
        releases.create(image="missing.test/app", atomic=True, skipAwait=False, timeout=2)
    assert not isinstance(caught.value, UnreadyError)
    assert releases.helm("list", "--all", "--short") == ""


def test_another_install_that_does_not_become_ready_is_kept_and_mended_by_an_upgrade(releases: Releases) -> None:
    with pytest.raises(UnreadyError) as caught:
        releases.create(image="missing.test/app", skipAwait=False, timeout=2)
    assert caught.value.identity == f"{releases.namespace}/small"
    assert caught.value.outputs["status"]["status"] == "failed"
    mended = releases.provider.update(
        releases.urn,
        caught.value.identity,
        caught.value.outputs,
        releases.inputs(skipAwait=False, timeout=60),
        preview=False,
    )
    assert (mended["status"]["status"], mended["status"]["revision"]) == ("deployed", 2)


def test_nobody_waits_for_a_release_that_asks_not_to(releases: Releases) -> None:
    _, outputs = releases.create(image="missing.test/app")
    assert outputs["status"]["status"] == "deployed"


def test_values_and_revisions_by_hand_are_seen_and_secrets_stay_secret(releases: Releases) -> None:
    inputs = releases.inputs(level=Secret("hunter2"))
    identity, outputs = releases.provider.create(releases.urn, inputs, preview=False)
    assert outputs["values"]["level"] == Secret("hunter2")
    assert releases.provider.read(releases.urn, identity, outputs, inputs) == (outputs, inputs)
    releases.helm("upgrade", "small", str(releases.chart), "--reuse-values", "--set", "level=by hand")
    seen, now = releases.provider.read(releases.urn, identity, outputs, inputs)
    assert now["values"]["level"] == Secret("by hand")
    assert seen["status"]["revision"] == 2
    (change,) = releases.provider.diff(releases.urn, now, inputs)
    assert change.path == "values.level"


def test_a_changed_description_upgrades_a_release_whose_chart_changed(cluster: Any, releases: Releases) -> None:
    identity, outputs = releases.create(description="chart a")
    template = releases.chart / "templates/settings.yaml"
    template.write_text(template.read_text().replace("level:", "strength:"))
    assert releases.provider.diff(releases.urn, releases.inputs(), releases.inputs()) == []
    inputs = releases.inputs(description="chart b")
    (change,) = releases.provider.diff(releases.urn, releases.inputs(description="chart a"), inputs)
    assert (change.path, change.replaces) == ("description", False)
    releases.provider.update(releases.urn, identity, outputs, inputs, preview=False)
    assert cluster.core.read_namespaced_config_map("small", releases.namespace).data == {"strength": "one"}
    assert "chart b" in releases.helm("history", "small")


def test_a_release_that_is_gone_is_read_as_gone_and_deleted_without_complaint(releases: Releases) -> None:
    identity, outputs = releases.create()
    releases.provider.destroy(releases.urn, identity, outputs, timeout=0)
    assert releases.provider.read(releases.urn, identity, outputs, releases.inputs()) is None
    releases.provider.destroy(releases.urn, identity, outputs, timeout=0)
