"""The emulated kubernetes provider under the real engine, in a real cluster, with the real Helm: one story.

Where the genuine plugin is installed, the story is played with it.
"""

import dataclasses
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from emulators.engine import Engine, engine
from emulators.pulumi_providers import genuine
from emulators.pulumi_providers.home import KUBECONFIG, install

# The platform's story goes the same ways, with the project's own components.
pytestmark = pytest.mark.audit

ROOT = Path(__file__).parents[2]
PROJECT = {"name": "live", "runtime": {"name": "python", "options": {"virtualenv": sys.prefix}}}
PROGRAM = """
import pulumi
import pulumi_kubernetes as kubernetes

IMAGE, PATIENCE = "app.test/app:1", 60
levels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
namespace = kubernetes.core.v1.Namespace("namespace", metadata={"name": "live", "labels": levels})
labels = {"app.kubernetes.io/name": "app"}
safe = {
    "allow_privilege_escalation": False,
    "run_as_non_root": True,
    "capabilities": {"drop": ["ALL"]},
    "seccomp_profile": {"type": "RuntimeDefault"},
}


def named(name, **annotations):
    return {"name": name, "namespace": namespace.metadata.name, **({"annotations": annotations} if annotations else {})}


def pods(image, security=safe):
    resources = {"requests": {"cpu": "1000m", "memory": "1024Mi"}}
    container = {"name": "app", "image": image, "security_context": security, "resources": resources, "env": []}
    return {
        "replicas": 2,
        "selector": {"match_labels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
    }


settings = kubernetes.core.v1.ConfigMap("settings", metadata=named("settings"), data={"level": "one"})
password = pulumi.Output.secret("hunter2")
kubernetes.core.v1.Secret("secret", metadata=named("secret"), string_data={"password": password})
kubernetes.core.v1.Service("service", metadata=named("app"), spec={"selector": labels, "ports": [{"port": 80}]})
patience = {"pulumi.com/timeoutSeconds": str(PATIENCE)}
kubernetes.apps.v1.Deployment("app", metadata=named("app", **patience), spec=pods(IMAGE))
kubernetes.helm.v3.Release(
    "release",
    chart="./chart",
    name="small",
    namespace=namespace.metadata.name,
    atomic=True,
    timeout=PATIENCE,
    values={"image": IMAGE, "password": password},
)
"""
CHART = {
    "Chart.yaml": "{apiVersion: v2, name: small, version: 1.2.3}",
    "values.yaml": "{image: '', password: ''}",
    "templates/secret.yaml": """
        apiVersion: v1
        kind: Secret
        metadata: {name: small}
        stringData: {password: {{ .Values.password | quote }}}
        """,
    "templates/deployment.yaml": """
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: small}
        spec:
          selector: {matchLabels: {app: small}}
          template:
            metadata: {labels: {app: small}}
            spec:
              securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
              containers:
                - name: small
                  image: {{ .Values.image }}
                  securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
        """,
}
UNSAFE_DEPLOYMENT = """
ignored = {"pulumi.com/skipAwait": "true"}
kubernetes.apps.v1.Deployment("unsafe", metadata=named("unsafe", **ignored), spec=pods(IMAGE, None))
"""
NAMES = {"namespace", "settings", "secret", "service", "app", "release"}


@dataclass
class Outcome:
    """What the engine did to each resource, by its logical name, and what it said."""

    operations: dict[str, str]
    said: str

    @property
    def changed(self) -> dict[str, str]:
        return {name: operation for name, operation in self.operations.items() if operation != "same"}

    def errors(self, *words: str) -> list[str]:
        """The lines that tell an error and hold all the words."""
        lines = (line.strip() for line in self.said.splitlines())
        return [line for line in lines if line.startswith(("error: ", "* ")) and all(word in line for word in words)]


@dataclass(frozen=True)
class Live:
    """A stack whose objects are in the cluster."""

    engine: Engine
    root: Path

    def act(self, *arguments: str, text: str = PROGRAM, code: int = 0) -> Outcome:
        (self.root / "__main__.py").write_text(text)
        log = self.root / "events.json"
        found, said = self.engine.watch(*arguments, "--stack", "live", cwd=self.root, log=log)
        assert found == code, said
        assert "Traceback" not in said
        assert "hunter2" not in said
        operations = {}
        for event in map(json.loads, log.read_text().splitlines()):
            told = event.get("resOutputsEvent") or event.get("resOpFailedEvent") or event.get("resourcePreEvent")
            if told and not told["metadata"]["type"].startswith("pulumi:"):
                operations[told["metadata"]["urn"].rsplit("::", 1)[1]] = told["metadata"]["op"]
        return Outcome(operations, said)

    def up(self, text: str = PROGRAM, code: int = 0) -> Outcome:
        return self.act("up", "--yes", "--skip-preview", text=text, code=code)


@pytest.fixture(scope="module")
def live(cluster: Any, kubelet: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    del kubelet
    root = tmp_path_factory.mktemp("live")
    (root / "Pulumi.yaml").write_text(json.dumps(PROJECT))
    for name, text in CHART.items():
        path = root / "chart" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    with engine("prefect-aks-live-") as made:
        found = genuine.find("kubernetes")
        install(made.folder / "home", {"kubernetes": found} if found else None)
        variables = {**made.environment, KUBECONFIG: str(cluster.plane.kubeconfig)}
        helm = subprocess.run([sys.executable, "-m", "toolchain", "helm"], cwd=ROOT, stdout=subprocess.PIPE, check=True)
        variables["PATH"] = f"{helm.stdout.decode().strip()}{os.pathsep}{variables['PATH']}"
        stack = Live(dataclasses.replace(made, environment=variables), root)
        made.call("stack", "init", "live", cwd=root)
        yield stack


@pytest.fixture(scope="module")
def deployed(live: Live) -> Outcome:
    return live.up()


def image(cluster: Any, name: str) -> str:
    """The image of a Deployment as it is now."""
    (container,) = cluster.apps.read_namespaced_deployment(name, "live").spec.template.spec.containers
    return str(container.image)


def test_objects_and_a_release_are_created_and_waited_for(cluster: Any, live: Live, deployed: Outcome) -> None:
    assert deployed.operations == dict.fromkeys(NAMES, "create")
    for name, replicas in (("app", 2), ("small", 1)):
        assert cluster.apps.read_namespaced_deployment(name, "live").status.available_replicas == replicas
    state = "".join(path.read_text() for path in (live.engine.folder / "state").rglob("*.json"))
    assert '"small"' in state
    assert "hunter2" not in state
    assert cluster.core.read_namespaced_secret("secret", "live").data == {"password": "aHVudGVyMg=="}


@pytest.mark.usefixtures("deployed")
def test_a_second_up_changes_nothing(live: Live) -> None:
    assert live.up().changed == {}


@pytest.fixture(scope="module")
def failed(live: Live, deployed: Outcome) -> Outcome:
    """An update to an image that cannot be pulled, and for which nobody waits long."""
    del deployed
    return live.up(PROGRAM.replace('"app.test/app:1", 60', '"missing.test/app:3", 3'), code=1)


def test_what_does_not_become_ready_fails_with_its_pods_reason(failed: Outcome) -> None:
    assert failed.errors("live/app")
    assert 'Back-off pulling image "missing.test/app:3"' in failed.said


def test_a_failed_upgrade_is_rolled_back_and_the_old_revision_stays(cluster: Any, failed: Outcome) -> None:
    assert failed.errors("live/small", "rolled back due to atomic")
    assert [image(cluster, name) for name in ("app", "small")] == ["missing.test/app:3", "app.test/app:1"]


@pytest.fixture(scope="module")
def drifted(cluster: Any, live: Live, failed: Outcome) -> Outcome:
    """What a refresh sees after changes by hand."""
    del failed
    cluster.core.patch_namespaced_config_map("settings", "live", {"data": {"level": "by hand", "more": "by hand"}})
    cluster.core.delete_namespaced_service("app", "live")
    return live.act("refresh", "--yes", "--skip-preview")


def test_a_refresh_sees_what_was_changed_and_deleted_by_hand_and_what_is_not_ready(drifted: Outcome) -> None:
    assert drifted.changed.items() >= {"settings": "update", "service": "delete", "app": "update"}.items()
    assert "Refreshed resource is in an unhealthy state" in drifted.said


@pytest.fixture(scope="module")
def repaired(live: Live, drifted: Outcome) -> Outcome:
    """An update to new images, with an object that never becomes ready and that nobody waits for."""
    del drifted
    return live.act("up", "--yes", text=PROGRAM.replace("app:1", "app:2") + UNSAFE_DEPLOYMENT)


def test_the_next_up_repairs_and_rolls_out_new_images(cluster: Any, repaired: Outcome) -> None:
    assert repaired.changed == {
        "settings": "create-replacement",
        "service": "create",
        "app": "update",
        "release": "update",
        "unsafe": "create",
    }
    assert [image(cluster, name) for name in ("app", "small")] == ["app.test/app:2"] * 2
    assert cluster.core.read_namespaced_config_map("settings", "live").data == {"level": "one"}


@pytest.mark.usefixtures("repaired")
def test_destroy_leaves_nothing(cluster: Any, live: Live) -> None:
    live.act("destroy", "--yes", "--skip-preview")
    assert "live" not in {namespace.metadata.name for namespace in cluster.core.list_namespace().items}
