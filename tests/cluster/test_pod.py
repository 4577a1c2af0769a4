"""What becomes of whole pods under a real API server: admission, nodes, probes, deletion, images that are not here."""

from pathlib import Path
from typing import Any

import pytest

from tests.cluster import manifest
from tests.cluster.place import Place, process_of, ready, waiting
from tests.process import alive, ends

pytestmark = pytest.mark.usefixtures("kubelet")
HTTP = {"ports": [{"name": "http", "containerPort": 8080}]}
# Says that it runs, and ends when it is asked to.
PATIENT = (
    "import signal, sys, time\nsignal.signal(15, lambda *_: sys.exit(7)); print('on', flush=True); time.sleep(600)"
)
STUBBORN = """
import signal, time
signal.signal(15, lambda *_: print('no', flush=True)); print('on', flush=True)
while True: time.sleep(1)
"""


def test_the_restricted_standard_refuses_a_pod_that_may_be_root(place: Place) -> None:
    pod = manifest.pod("root", "true")
    del pod["spec"]["securityContext"]
    with pytest.raises(Exception, match=r"violates PodSecurity.*runAsNonRoot"):
        place.apply(pod)


def test_a_pod_for_another_kind_of_node_stays_pending(place: Place) -> None:
    place.apply(manifest.pod("gpu", "true", spec={"nodeSelector": {"kind": "gpu"}}))
    assert "does not have the labels" in place.event("gpu", "FailedScheduling")
    assert place.until("gpu", lambda pod: pod.status.conditions).spec.node_name is None


def test_the_node_says_what_it_is(place: Place) -> None:
    node = place.cluster.core.read_node("emulated")
    assert node.metadata.labels["emulated"] == "true"
    assert node.metadata.annotations["emulated-kubelet"].startswith("an emulated kubelet")
    assert [address.address for address in node.status.addresses] == ["127.0.0.1"]


def test_an_image_that_cannot_be_pulled_backs_off_with_a_kubelets_events(place: Place) -> None:
    place.apply(manifest.pod("absent", "true", image="missing.test/x:1"))
    assert place.until("absent", waiting("ImagePullBackOff")).status.phase == "Pending"
    assert place.event("absent", "BackOff") == 'Back-off pulling image "missing.test/x:1"'
    assert place.cluster.events(place.namespace, "absent").keys() >= {"Scheduled", "Pulling", "Failed"}


def test_a_pod_whose_image_is_not_known_is_ready_and_says_that_nothing_runs(place: Place) -> None:
    probe = {"httpGet": {"path": "/healthz", "port": "http"}}
    place.apply(manifest.pod("elsewhere", image="quay.io/other:1", readinessProbe=probe, **HTTP))
    pod = place.until("elsewhere", ready)
    assert pod.status.container_statuses[0].container_id == "emulated://not-here"
    assert "Nothing runs for container main" in place.event("elsewhere", "NotHere")


@pytest.mark.parametrize("handler", [{"path": "/", "port": "web"}, {"path": "healthz", "port": 8080}])
def test_a_pod_whose_image_is_not_known_is_not_ready_with_a_bad_probe(place: Place, handler: dict[str, Any]) -> None:
    place.apply(manifest.pod("bad", image="quay.io/other:1", readinessProbe={"httpGet": handler}, **HTTP))
    assert "readinessProbe" in place.event("bad", "Unhealthy")
    assert not ready(place.until("bad", lambda pod: pod.status.phase == "Running"))


def test_a_probe_is_asked_at_the_port_that_stands_for_the_containers(place: Place) -> None:
    program = (
        "import http.server, os; host, _, port = os.environ['ADDRESS'].rpartition(':')\n"
        "http.server.HTTPServer((host, int(port)), http.server.SimpleHTTPRequestHandler).serve_forever()"
    )
    probes = {
        "startupProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1, "failureThreshold": 30},
        "readinessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 1},
    }
    place.run("serves", program, ready, env=[{"name": "ADDRESS", "value": "0.0.0.0:8080"}], **HTTP, **probes)


def test_a_pod_is_not_ready_before_its_probe_has_passed(place: Place) -> None:
    probe = {"exec": {"command": ["false"]}, "periodSeconds": 1}
    pod, _ = place.run("hopes", PATIENT, place.says("on"), readinessProbe=probe)
    assert "probe of main failed: exit status 1" in place.event("hopes", "Unhealthy")
    assert not ready(pod)


def test_a_container_that_never_passes_its_startup_probe_is_killed(place: Place) -> None:
    probe = {"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 1}
    pod, _ = place.run("slow", PATIENT, startupProbe=probe)
    assert pod.status.container_statuses[0].state.terminated.exit_code == 137


def test_a_deleted_pod_is_asked_to_end_and_leaves_nothing(place: Place) -> None:
    pod, _ = place.run("patient", PATIENT, place.says("on"))
    process = process_of(pod)
    folder = Path(process.environ()["HOME"])
    place.delete("patient", grace=600)
    place.gone("patient")
    assert not alive(process.pid)
    place.cluster.until(lambda: True, lambda _: not folder.exists())


def test_a_deleted_pod_that_will_not_end_is_killed_after_its_grace(place: Place) -> None:
    pod, _ = place.run("stubborn", STUBBORN, place.says("on"))
    process = process_of(pod)
    place.delete("stubborn", grace=2)
    place.until("stubborn", place.says("no"))
    assert alive(process.pid)
    place.gone("stubborn")
    assert ends(process.pid)


def test_what_a_container_has_started_ends_with_it(place: Place) -> None:
    _, log = place.run("parent", "import subprocess; print(subprocess.Popen(['sleep', '600']).pid)")
    assert ends(int(log))


def test_a_pod_runs_through_an_outage_of_the_api_server_and_is_reported_after_it(place: Place) -> None:
    program = "import time; print('on', flush=True); time.sleep(6); print('off')"
    pod, _ = place.run("through", program, place.says("on"))
    number = process_of(pod).pid
    place.cluster.plane.kill_api_server()
    assert alive(number)
    assert ends(number)
    place.cluster.plane.restart_api_server()
    after = place.until("through", lambda pod: pod.status.phase == "Succeeded")
    assert after.status.container_statuses[0].restart_count == 0
    assert place.log(after) == "on\noff\n"


def test_a_killed_kubelet_takes_its_processes_along_and_the_next_one_starts_them_again(
    place: Place, kubelet: Any
) -> None:
    pod, _ = place.run("served", PATIENT, place.says("on"), spec={"restartPolicy": "Always"})
    place.run("once", PATIENT, place.says("on"))
    process = process_of(pod)
    kubelet.kill()
    assert ends(process.pid)
    kubelet.start()
    place.until("once", lambda pod: pod.status.phase == "Failed")
    again = place.until("served", lambda pod: pod.status.container_statuses[0].restart_count == 1)
    assert again.status.container_statuses[0].last_state.terminated.reason == "ContainerStatusUnknown"
