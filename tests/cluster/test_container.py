"""What a container of the emulated kubelet gets and what is reported of it, under a real API server."""

import json
from typing import Any

import pytest

from tests.cluster import manifest
from tests.cluster.place import Place, ended, waiting

pytestmark = pytest.mark.usefixtures("kubelet")
SHOW = """
import json, os
text = lambda name: open(os.environ[name]).read()
account = os.environ["ACCOUNT"]
print(json.dumps({
    "environment": dict(os.environ), "mode": oct(os.stat(account).st_mode & 0o777),
    "file": text("FILE"), "key": text("KEY"), "single": text("SINGLE"),
    "token": len(open(account + "/token").read()), "namespace": open(account + "/namespace").read(),
}))
"""


@pytest.mark.parametrize(("program", "succeeded", "failed"), [("print('done')", 1, None), ("exit(3)", None, 1)])
def test_a_job_succeeds_or_fails_as_its_program_does(place: Place, program: str, succeeded: int, failed: int) -> None:
    place.apply(manifest.job("one", "python", "-c", program))
    read = place.cluster.batch.read_namespaced_job_status
    done = place.cluster.until(
        lambda: read("one", place.namespace).status, lambda status: status.succeeded or status.failed
    )
    assert (done.succeeded, done.failed) == (succeeded, failed)


def test_an_ended_container_has_its_exit_code_its_times_and_its_log(place: Place) -> None:
    pod, log = place.run("over", "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    (status,) = pod.status.container_statuses
    assert (pod.status.phase, sorted(log.split()), status.ready) == ("Failed", ["err", "out"], False)
    assert (status.state.terminated.exit_code, status.state.terminated.reason) == (3, "Error")
    assert pod.status.start_time <= status.state.terminated.started_at <= status.state.terminated.finished_at


def test_the_last_words_of_a_failed_container_are_its_message_where_it_asks_for_that(place: Place) -> None:
    pod, _ = place.run("words", "raise SystemExit('because')", terminationMessagePolicy="FallbackToLogsOnError")
    assert pod.status.container_statuses[0].state.terminated.message == "because\n"


def test_a_command_that_is_not_there_is_a_start_error(place: Place) -> None:
    place.apply(manifest.pod("lost", "no-such-program"))
    pod = place.until("lost", ended)
    state = pod.status.container_statuses[0].state.terminated
    assert (pod.status.phase, state.reason, state.exit_code) == ("Failed", "StartError", 128)
    assert "no-such-program" in state.message


def test_an_image_whose_entrypoint_is_not_known_is_said_to_be_so(place: Place) -> None:
    place.apply(manifest.pod("entrypoint"))
    place.until("entrypoint", waiting("CreateContainerConfigError"))
    assert "entrypoint of the image run.test/python:3.11 is not known" in place.event("entrypoint", "Failed")


def test_a_container_that_fails_is_restarted_until_it_succeeds(place: Place) -> None:
    program = (
        "import os, sys; from pathlib import Path; folder = Path(os.environ['STATE'])\n"
        "found = len(list(folder.iterdir())); (folder / str(found)).touch(); sys.exit(found < 2)"
    )
    more = {"volumeMounts": [{"name": "state", "mountPath": "/state"}], "env": [{"name": "STATE", "value": "/state"}]}
    spec = {"restartPolicy": "OnFailure", "volumes": [{"name": "state", "emptyDir": {}}]}
    pod, _ = place.run("again", program, spec=spec, **more)
    (status,) = pod.status.container_statuses
    assert (pod.status.phase, status.restart_count) == ("Succeeded", 2)
    assert status.last_state.terminated.exit_code == 1


def test_a_container_that_is_always_restarted_waits_in_between(place: Place) -> None:
    def looped(pod: Any) -> bool:
        return waiting("CrashLoopBackOff")(pod) and pod.status.container_statuses[0].restart_count > 0

    pod, _ = place.run("loop", "", looped, spec={"restartPolicy": "Always"})
    assert pod.status.phase == "Running"
    assert pod.status.container_statuses[0].last_state.terminated.exit_code == 0


def test_init_containers_run_first_and_one_after_another(place: Place) -> None:
    mount = {"volumeMounts": [{"name": "out", "mountPath": "/out"}]}
    (container,) = manifest.pod("x", "sh", "-c", "echo $(WORD) >> /out/words", **mount)["spec"]["containers"]
    first = [{**container, "name": word, "env": [{"name": "WORD", "value": word}]} for word in ("one", "two")]
    spec = {"initContainers": first, "volumes": [{"name": "out", "emptyDir": {}}]}
    pod, log = place.run("order", "print(open('/out/words').read())", spec=spec, **mount)
    assert log.split() == ["one", "two"]
    assert [status.state.terminated.reason for status in pod.status.init_container_statuses] == ["Completed"] * 2


def test_an_init_container_that_fails_fails_the_pod(place: Place) -> None:
    (container,) = manifest.pod("x", "false")["spec"]["containers"]
    pod, log = place.run("stillborn", "print('never')", spec={"initContainers": [{**container, "name": "first"}]})
    assert (pod.status.phase, log) == ("Failed", "")


@pytest.fixture
def shown(place: Place) -> Any:
    """What a pod tells of its variables and its mounts, which come from a ConfigMap, a Secret and its account."""
    place.make("ConfigMap", "settings", data={"a.txt": "A", "b": "B"})
    place.make("Secret", "keys", stringData={"key": "K", "NAME": "N"})
    account = "/var/run/secrets/kubernetes.io/serviceaccount"
    paths = {"FILE": "/etc/settings/a.txt", "KEY": "/etc/keys/secret", "SINGLE": "/etc/b", "ACCOUNT": account}
    sources = {
        "FROM_CONFIG": {"configMapKeyRef": {"name": "settings", "key": "b"}},
        "FROM_SECRET": {"secretKeyRef": {"name": "keys", "key": "key"}},
        "NONE": {"secretKeyRef": {"name": "none", "key": "key", "optional": True}},
        "POD": {"fieldRef": {"fieldPath": "metadata.name"}},
    }
    env = [{"name": name, "value": value} for name, value in paths.items()]
    env += [{"name": name, "valueFrom": source} for name, source in sources.items()]
    env += [{"name": "BOTH", "value": "$(POD)/$(FROM_SECRET)/$(UNKNOWN)/$$(POD)"}]
    mounts = [
        {"name": "settings", "mountPath": "/etc/settings"},
        {"name": "keys", "mountPath": "/etc/keys"},
        {"name": "settings", "mountPath": "/etc/b", "subPath": "b"},
    ]
    volumes = [
        {"name": "settings", "configMap": {"name": "settings"}},
        {"name": "keys", "secret": {"secretName": "keys", "items": [{"key": "key", "path": "secret"}]}},
    ]
    all_keys = [{"secretRef": {"name": "keys"}, "prefix": "K_"}]
    _, log = place.run("inside", SHOW, env=env, envFrom=all_keys, volumeMounts=mounts, spec={"volumes": volumes})
    return json.loads(log)


def test_a_container_gets_its_variables_and_its_mounts(place: Place, shown: Any) -> None:
    assert (shown["file"], shown["key"], shown["single"], shown["namespace"]) == ("A", "K", "B", place.namespace)
    assert (shown["token"] > 100, shown["mode"]) == (True, "0o700")
    environment = shown["environment"]
    assert environment["BOTH"] == "inside/K/$(UNKNOWN)/$(POD)"
    assert [environment[name] for name in ("FROM_CONFIG", "FROM_SECRET", "K_NAME")] == ["B", "K", "N"]
    assert "NONE" not in environment


def test_nothing_of_this_machines_environment_reaches_a_container(shown: Any) -> None:
    own = {"PATH", "HOME", "TMPDIR", "LANG", "PYTHONPATH", "PYTHONUNBUFFERED", "KUBECONFIG"}
    paths = {"FILE", "KEY", "SINGLE", "ACCOUNT"}
    given = {"FROM_CONFIG", "FROM_SECRET", "POD", "BOTH", "K_key", "K_NAME"}
    # Python sets the last one itself, where it changes the locale.
    assert shown["environment"].keys() <= own | paths | given | {"LC_CTYPE"}


def test_a_container_waits_for_a_secret_that_is_not_there_yet(place: Place) -> None:
    env = [{"name": "WORD", "valueFrom": {"secretKeyRef": {"name": "late", "key": "word"}}}]
    place.apply(manifest.pod("waits", "sh", "-c", "echo $WORD", env=env))
    place.until("waits", waiting("CreateContainerConfigError"))
    place.make("Secret", "late", stringData={"word": "here"})
    assert place.log(place.until("waits", ended)) == "here\n"


def test_a_container_acts_as_its_service_account_and_rbac_refuses_what_that_may_not(place: Place) -> None:
    group, here = "rbac.authorization.k8s.io", place.namespace
    role = {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": {"name": "reader"}}
    place.make("ServiceAccount", "reader")
    place.apply(
        {**role, "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]},
        {
            **role,
            "kind": "RoleBinding",
            "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": here}],
            "roleRef": {"apiGroup": group, "kind": "Role", "name": "reader"},
        },
    )
    program = (
        "from kubernetes import client, config; config.load_kube_config(); core = client.CoreV1Api()\n"
        f"print([pod.metadata.name for pod in core.list_namespaced_pod('{here}').items])\n"
        f"try: core.list_namespaced_secret('{here}')\n"
        "except client.ApiException as error: print(error.status)"
    )
    _, log = place.run("reads", program, spec={"serviceAccountName": "reader"})
    assert log.splitlines() == ["['reads']", "403"]
