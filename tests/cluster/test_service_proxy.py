"""Registration through the service proxy of a real API server, as a service account that may do just that.

The API server proxies to no loopback address, so all of it runs in a network namespace of its own, where another
address is on the loopback interface. What runs there is the second half of this file.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
ADDRESS, PORT = "10.99.0.1", 4200
NAMESPACE, SERVICE = "prefect-server", "prefect-server-apollo"
INSIDE = ("unshare", "--user", "--map-root-user", "--net")
FLOW = """
from prefect import Flow, task

@task
def first():
    return 1

with Flow("proxied") as flow:
    first()
"""


def tool(name: str) -> str:
    found = subprocess.run([sys.executable, "-m", "toolchain", name], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return found.stdout.decode().strip()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the scenario saw."""
    if not shutil.which("ip") or subprocess.run([*INSIDE, "true"], check=False, stderr=subprocess.PIPE).returncode:
        pytest.skip("this machine lets nobody make a network namespace, or has no `ip` to set one up with")
    folder = tmp_path_factory.mktemp("service-proxy")
    script = f"ip link set lo up && ip address add {ADDRESS}/32 dev lo && exec {sys.executable} {__file__} {folder}"
    tools = {"ETCD": tool("etcd"), "KUBERNETES": tool("kubernetes"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*INSIDE, "sh", "-c", script],
        cwd=ROOT,
        env={**os.environ, **tools},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads((folder / "found.json").read_text())
    return answer


def test_a_flow_is_registered_through_it_and_then_unchanged(found: dict[str, Any]) -> None:
    assert found["first"] == {"proxied": "register"}
    assert found["second"] == {"proxied": "unchanged"}
    assert found["registered"] == [{"name": "proxied", "version": 1}]


def test_an_account_without_the_role_is_told_which_right_it_lacks(found: dict[str, Any]) -> None:
    code, said = found["stranger"]
    assert code == 1
    (line,) = [line for line in said.splitlines() if "services/proxy" in line]
    assert "create" in line
    assert f"http:{SERVICE}:{PORT}" in line
    assert "Traceback" not in said


def test_a_server_without_a_pod_is_told_as_one_that_is_not_there(found: dict[str, Any]) -> None:
    code, said = found["empty"]
    assert code == 1
    assert "Traceback" not in said
    assert len([line for line in said.splitlines() if line.startswith("error: ")]) == 1


def test_the_token_is_in_no_output(found: dict[str, Any]) -> None:
    assert found["leaks"] == []


def _objects(client: Any) -> None:
    """Apollo's service with one pod behind it, at an address that the API server proxies to."""
    core = f"/api/v1/namespaces/{NAMESPACE}"
    client.post("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    for account in ("registrar", "stranger"):
        client.post(f"{core}/serviceaccounts", {"metadata": {"name": account}})
    container = {"name": "apollo", "image": "nothing.test/apollo"}
    client.post(
        f"{core}/pods",
        {"metadata": {"name": "apollo"}, "spec": {"nodeName": "none", "containers": [container]}},
    )
    status = {"podIP": ADDRESS, "podIPs": [{"ip": ADDRESS}], "phase": "Running"}
    client.patch(f"{core}/pods/apollo/status", {"status": status})
    client.post(f"{core}/services", {"metadata": {"name": SERVICE}, "spec": {"ports": [{"port": PORT}]}})
    rule = {
        "apiGroups": [""],
        "resources": ["services/proxy"],
        "resourceNames": [f"http:{SERVICE}:{PORT}"],
        "verbs": ["create"],
    }
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}"
    client.post(f"{rbac}/roles", {"metadata": {"name": "registrar"}, "rules": [rule]})
    client.post(
        f"{rbac}/rolebindings",
        {
            "metadata": {"name": "registrar"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "registrar"},
            "subjects": [{"kind": "ServiceAccount", "name": "registrar", "namespace": NAMESPACE}],
        },
    )


def _endpoints(client: Any) -> None:
    target = {"kind": "Pod", "name": "apollo", "namespace": NAMESPACE}
    subset = {"addresses": [{"ip": ADDRESS, "targetRef": target}], "ports": [{"port": PORT}]}
    client.post(f"/api/v1/namespaces/{NAMESPACE}/endpoints", {"metadata": {"name": SERVICE}, "subsets": [subset]})


def _register(folder: Path, kubeconfig: Path) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "registration", "apply", "--settings", str(folder / "settings.json"), "--json"]
    places = ["--flows", str(folder / "flows"), "--bundles", str(folder / "bundles")]
    done = subprocess.run(
        [*command, *places],
        cwd=ROOT,
        env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def _scenario(folder: Path) -> dict[str, Any]:
    """Register a flow through the proxy, twice; as somebody who may not; and before there is a pod."""
    import httpx  # noqa: PLC0415 - of the second half alone

    from emulators.control_plane.plane import ControlPlane  # noqa: PLC0415 - likewise

    database = f"sqlite:///{folder / 'prefect.db'}"
    serve = [sys.executable, "-m", "emulators.prefect_api", "--host", ADDRESS, "--port", str(PORT)]
    api = subprocess.Popen([*serve, "--database", database], cwd=ROOT, stdout=subprocess.PIPE)
    plane = ControlPlane(folder / "plane", Path(os.environ["ETCD"]), Path(os.environ["KUBERNETES"]))
    try:
        plane.start()
        client = plane.client()
        _objects(client)
        (folder / "flows").mkdir()
        (folder / "flows" / "proxied.py").write_text(FLOW)
        locator = {
            "server": plane.url,
            "certificate_authority": plane.authority(),
            "namespace": NAMESPACE,
            "service": SERVICE,
            "port": PORT,
        }
        tenant = {"name": "default", "slug": "default"}
        settings = {"project": "proxied", "tenant": tenant, "api": locator, "store": str(folder / "scripts")}
        (folder / "settings.json").write_text(json.dumps(settings))
        registrar, stranger = (plane.kubeconfig_for(NAMESPACE, account) for account in ("registrar", "stranger"))
        empty = _register(folder, registrar)
        _endpoints(client)
        assert api.stdout
        while not api.stdout.readline().startswith(b"listening"):
            time.sleep(0.05)
        runs = [_register(folder, registrar), _register(folder, registrar), _register(folder, stranger)]
        tokens = [plane.token_for(NAMESPACE, "registrar")[:40]]
        query = {"query": "{ flow(where: {archived: {_eq: false}}) { name version } }"}
        registered = httpx.post(f"http://{ADDRESS}:{PORT}", json=query, trust_env=False).json()["data"]["flow"]
    finally:
        plane.stop()
        api.kill()
        api.wait()
    first, second = ({flow["name"]: flow["action"] for flow in json.loads(run[1])["flows"]} for run in runs[:2])
    said = "".join(run[1] + run[2] for run in (*runs, empty))
    return {
        "first": first,
        "second": second,
        "stranger": (runs[2][0], runs[2][2]),
        "empty": (empty[0], empty[2]),
        "registered": registered,
        "leaks": [token for token in tokens if token in said],
    }


if __name__ == "__main__":
    _folder = Path(sys.argv[1])
    (_folder / "found.json").write_text(json.dumps(_scenario(_folder)))
