"""Kubernetes objects by the emulated provider, in a real cluster, without an engine."""

import json
import re
import threading
from dataclasses import dataclass
from typing import Any

import pytest

from emulators.pulumi_providers.__main__ import load
from emulators.pulumi_providers.home import KUBECONFIG
from emulators.pulumi_providers.provider import RefusedError, UnreadyError, Urn
from emulators.pulumi_providers.value import UNKNOWN, Secret

CONFIG_MAP, DEPLOYMENT, JOB = "core/v1:ConfigMap", "apps/v1:Deployment", "batch/v1:Job"


@dataclass
class Objects:
    """The provider, with objects in one namespace."""

    provider: Any
    namespace: str

    def urn(self, kind: str) -> Urn:
        return Urn(f"urn:pulumi:dev::test::kubernetes:{kind}::it")

    def inputs(self, kind: str, annotations: dict[str, str] | None = None, **given: Any) -> dict[str, Any]:
        version, name = kind.removeprefix("core/").split(":")
        metadata = {"name": "it", "namespace": self.namespace, "annotations": annotations or {}}
        inputs, failures = self.provider.check(
            self.urn(kind), {}, {"apiVersion": version, "kind": name, "metadata": metadata, **given}, b""
        )
        assert not failures
        return dict(inputs)

    def create(self, kind: str, *, preview: bool = False, timeout: float = 0, **given: Any) -> dict[str, Any]:
        inputs = self.inputs(kind, **given)
        return dict(self.provider.create(self.urn(kind), inputs, preview=preview, timeout=timeout)[1])

    def refusal(self, kind: str, **given: Any) -> str:
        with pytest.raises(RefusedError) as caught:
            self.create(kind, **given)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    def read(self, kind: str, outputs: dict[str, Any], inputs: dict[str, Any]) -> Any:
        return self.provider.read(self.urn(kind), f"{self.namespace}/it", outputs, inputs)


@pytest.fixture
def objects(cluster: Any, namespace: str, monkeypatch: pytest.MonkeyPatch) -> Objects:
    monkeypatch.setenv(KUBECONFIG, str(cluster.plane.kubeconfig))
    return Objects(load("kubernetes", None), namespace)


def pods(image: str, **security: Any) -> dict[str, Any]:
    safe = {"allowPrivilegeEscalation": False, "runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}}
    profile = {"seccompProfile": {"type": "RuntimeDefault"}}
    container = {"name": "main", "image": image, "securityContext": {**safe, **profile, **security}}
    return {"metadata": {"labels": {"app": "it"}}, "spec": {"containers": [container], "restartPolicy": "Never"}}


def rollout(image: str) -> dict[str, Any]:
    template = pods(image)
    del template["spec"]["restartPolicy"]
    return {"selector": {"matchLabels": {"app": "it"}}, "template": template}


def test_a_preview_tells_what_admission_refuses_and_writes_nothing(cluster: Any, objects: Objects) -> None:
    spec = pods("app.test/app", allowPrivilegeEscalation=True)["spec"]
    assert 'violates PodSecurity "restricted:latest"' in objects.refusal("core/v1:Pod", preview=True, spec=spec)
    objects.create(CONFIG_MAP, preview=True, data={"a": "b"})
    assert "it" not in {one.metadata.name for one in cluster.core.list_namespaced_config_map(objects.namespace).items}


def test_the_api_servers_warnings_are_told(objects: Objects) -> None:
    told: list[str] = []
    objects.provider.warn = lambda _urn, message: told.append(message)
    template = pods("app.test/app", allowPrivilegeEscalation=True)
    del template["spec"]["restartPolicy"]
    spec = {"selector": {"matchLabels": {"app": "it"}}, "template": template}
    objects.create(DEPLOYMENT, preview=True, spec=spec)
    (warning,) = told
    assert warning.startswith('would violate PodSecurity "restricted:latest": allowPrivilegeEscalation != false')


def test_a_preview_knows_the_inputs_alone(objects: Objects) -> None:
    shown = objects.create(CONFIG_MAP, preview=True, data={"a": "b"})
    assert (shown["data"], shown["metadata"]["uid"]) == ({"a": "b"}, UNKNOWN)


def test_what_the_plan_alone_makes_possible_is_no_error_of_a_preview(objects: Objects) -> None:
    objects.namespace = "not-there-yet"
    objects.create(CONFIG_MAP, preview=True, data={"a": "b"})
    objects.create(CONFIG_MAP, preview=True, data={"a": UNKNOWN})


def test_what_exists_is_refused_and_an_object_that_is_replaced_can_be_previewed(objects: Objects) -> None:
    objects.create(CONFIG_MAP, data={"a": "b"})
    assert objects.refusal(CONFIG_MAP, data={"a": "c"}).startswith(
        f"ConfigMap {objects.namespace}/it already exists in the cluster: "
    )
    objects.create(CONFIG_MAP, preview=True, data={"a": "c"})


def test_a_namespace_that_comes_a_moment_later_is_waited_for(cluster: Any, objects: Objects) -> None:
    objects.namespace = f"{objects.namespace}-late"
    manifest = {"metadata": {"name": objects.namespace}}
    later = threading.Timer(0.3, lambda: cluster.core.create_namespace(manifest))
    later.start()
    objects.create(CONFIG_MAP, data={"a": "b"})
    later.join()
    cluster.core.delete_namespace(objects.namespace)


def test_the_value_of_a_secret_is_in_no_output_and_no_error(objects: Objects) -> None:
    outputs = objects.create("core/v1:Secret", stringData=Secret({"password": "hunter2"}))
    assert outputs["data"] == Secret({"password": "aHVudGVyMg=="})
    inputs = objects.inputs("core/v1:Secret", stringData=Secret({"password": "hunter2"}))
    _, now = objects.read("core/v1:Secret", outputs, inputs)
    assert now == inputs
    objects.provider.destroy(objects.urn("core/v1:Secret"), f"{objects.namespace}/it", outputs, timeout=0)
    told = objects.refusal("core/v1:Secret", data={"pass word": "aHVudGVyMg=="})
    assert "hunter2" not in told
    assert "aHVudGVyMg==" not in told


def test_a_field_that_another_holds_is_a_conflict_until_it_is_taken_over(cluster: Any, objects: Objects) -> None:
    outputs = objects.create(DEPLOYMENT, annotations={"pulumi.com/skipAwait": "true"}, spec=rollout("app.test/app:1"))
    main = [{"name": "main", "image": "app.test/app:2"}]
    by_hand = {"spec": {"template": {"spec": {"containers": main}}}}
    cluster.apps.patch_namespaced_deployment("it", objects.namespace, by_hand)

    def update(**annotations: str) -> Any:
        marks = {"pulumi.com/skipAwait": "true", **annotations}
        inputs = objects.inputs(DEPLOYMENT, annotations=marks, spec=rollout("app.test/app:3"))
        urn, identity = objects.urn(DEPLOYMENT), f"{objects.namespace}/it"
        return objects.provider.update(urn, identity, outputs, inputs, preview=False)

    with pytest.raises(RefusedError, match=r"conflict with .*image.* pulumi\.com/patchForce"):
        update()
    taken = update(**{"pulumi.com/patchForce": "true"})
    assert taken["spec"]["template"]["spec"]["containers"][0]["image"] == "app.test/app:3"


def test_what_the_server_fills_in_is_no_drift_and_what_a_hand_changes_is(cluster: Any, objects: Objects) -> None:
    spec = rollout("app.test/app:1")
    resources = {"limits": {"cpu": "1000m", "memory": "1024Mi"}}
    spec["template"]["spec"]["containers"][0] |= {"resources": resources, "env": []}
    given: Any = {"annotations": {"pulumi.com/skipAwait": "true"}, "spec": spec}
    outputs, inputs = objects.create(DEPLOYMENT, **given), objects.inputs(DEPLOYMENT, **given)
    assert objects.read(DEPLOYMENT, outputs, inputs)[1] == inputs
    cluster.apps.patch_namespaced_deployment(
        "it", objects.namespace, {"spec": {"template": {"metadata": {"labels": {"app": "it", "more": "a"}}}}}
    )
    assert objects.read(DEPLOYMENT, outputs, inputs)[1] == inputs
    cluster.apps.patch_namespaced_deployment(
        "it", objects.namespace, {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "b"}]}}}}
    )
    _, now = objects.read(DEPLOYMENT, outputs, inputs)
    (change,) = objects.provider.diff(objects.urn(DEPLOYMENT), inputs, now)
    assert change.path == "spec.template.spec.containers[0].image"


@pytest.mark.usefixtures("kubelet")
def test_a_job_that_fails_is_told_with_its_pods_reason(objects: Objects) -> None:
    template = pods("run.test/python:3.11")
    template["spec"]["containers"][0]["command"] = ["python", "-c", "raise SystemExit(3)"]
    with pytest.raises(UnreadyError, match=r"BackoffLimitExceeded.*container main: exit code 3"):
        objects.create(JOB, spec={"backoffLimit": 0, "template": template})


@pytest.mark.usefixtures("kubelet")
def test_a_rollout_is_given_up_after_the_time_of_its_options(cluster: Any, objects: Objects) -> None:
    with pytest.raises(UnreadyError, match="is not ready after 1 seconds: ") as caught:
        objects.create(DEPLOYMENT, spec=rollout("missing.test/app"), timeout=1)
    assert caught.value.identity == f"{objects.namespace}/it"
    assert caught.value.outputs["metadata"]["uid"]

    def waiting() -> list[Any]:
        pods = cluster.core.list_namespaced_pod(objects.namespace).items
        return [status.state.waiting for pod in pods for status in pod.status.container_statuses or []]

    cluster.until(waiting, lambda found: any(each and "Image" in each.reason for each in found))
    # A label leaves the Deployment's generation as it is, so nothing is waited for that a controller has not seen yet.
    labelled = {"name": "it", "namespace": objects.namespace, "labels": {"again": "true"}}
    why = r"is not ready after 1 seconds: 0 of 1 pods are available; pod it-\S+: container main: (Err)?Image"
    with pytest.raises(UnreadyError, match=why):
        objects.provider.update(
            objects.urn(DEPLOYMENT),
            caught.value.identity,
            caught.value.outputs,
            objects.inputs(DEPLOYMENT, metadata=labelled, spec=rollout("missing.test/app")),
            preview=False,
            timeout=1,
        )


def test_a_deletion_is_waited_for_and_tells_what_holds_it(cluster: Any, objects: Objects) -> None:
    outputs = objects.create(CONFIG_MAP, data={"a": "b"})

    def hold(finalizers: list[str] | None) -> None:
        cluster.core.patch_namespaced_config_map("it", objects.namespace, {"metadata": {"finalizers": finalizers}})

    def delete() -> None:
        objects.provider.destroy(objects.urn(CONFIG_MAP), f"{objects.namespace}/it", outputs, timeout=1)

    hold(["test.example/held"])
    with pytest.raises(RefusedError, match=re.escape("after 1 seconds it is still there; held by test.example/held")):
        delete()
    hold(None)
    delete()
    delete()
    assert objects.read(CONFIG_MAP, outputs, objects.inputs(CONFIG_MAP, data={"a": "b"})) is None


def test_an_import_takes_what_can_be_set(objects: Objects) -> None:
    objects.create(CONFIG_MAP, data={"a": "b"})
    _, inputs = objects.read(CONFIG_MAP, {}, {})
    assert inputs["data"] == {"a": "b"}
    assert set(inputs["metadata"]) <= {"name", "namespace", "annotations"}
    assert "uid" not in json.dumps(inputs)
