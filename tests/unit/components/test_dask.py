"""A Dask cluster: what runs, who reaches it, and how it grows."""

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from components.dask import ADDRESS, VARIABLE, Dask, DaskArgs
from components.network_rule import Peer
from utils import executor

IMAGE = "acme.azurecr.io/flows@sha256:" + "1" * 64


@pytest.fixture
def make(register: Callable[[Callable[[], object]], Any]) -> Callable[..., Any]:
    args = DaskArgs(
        namespace="prefect",
        image=IMAGE,
        service_account="flow",
        api=Peer(ports=(4200,), pods={"app.kubernetes.io/component": "apollo"}, namespace="prefect-server"),
        environment={"AZURE_STORAGE_CONNECTION_STRING": "BlobEndpoint=https://stacme.blob.core.windows.net"},
        workers=(1, 4),
    )
    return lambda **changes: register(lambda: Dask("dask", replace(args, **changes)))


def pod_of(made: Any, name: str) -> dict[str, Any]:
    spec: dict[str, Any] = made.named(f"dask-{name}-deployment").inputs["spec"]["template"]["spec"]
    return spec


def test_scheduler_and_workers_are_of_the_flows_image_and_identity(make: Callable[..., Any]) -> None:
    made = make()
    for name in ("scheduler", "worker"):
        pod = pod_of(made, name)
        assert [each["image"] for each in pod["containers"]] == [IMAGE]
        assert (pod["serviceAccountName"], pod["automountServiceAccountToken"]) == ("flow", False)
        assert pod["nodeSelector"] == {"prefect-aks/pool": "flows"}


def test_workers_look_for_the_scheduler_where_its_service_is(make: Callable[..., Any]) -> None:
    made = make()
    service = made.one("Service").inputs
    address = f"tcp://{service['metadata']['name']}:{service['spec']['ports'][0]['port']:.0f}"
    assert address == ADDRESS
    assert pod_of(made, "worker")["containers"][0]["args"][:3] == ["dask", "worker", ADDRESS]
    assert service["spec"]["type"] == "ClusterIP"


def test_flows_look_for_it_under_the_name_of_its_variable() -> None:
    assert executor.ADDRESS == VARIABLE


def test_workers_alone_act_as_flows_do_in_azure(make: Callable[..., Any]) -> None:
    made = make()
    acting = {
        name: "azure.workload.identity/use"
        in made.named(f"dask-{name}-deployment").inputs["spec"]["template"]["metadata"]["labels"]
        for name in ("scheduler", "worker")
    }
    assert acting == {"scheduler": False, "worker": True}


def test_a_worker_may_write_as_much_as_its_container_is_given(make: Callable[..., Any]) -> None:
    pod = pod_of(make(), "worker")
    (volume,) = pod["volumes"]
    assert volume["emptyDir"]["sizeLimit"] == pod["containers"][0]["resources"]["limits"]["ephemeral-storage"]


@pytest.mark.parametrize("name", ["scheduler", "worker"])
def test_every_option_is_one_that_dask_knows(name: str, make: Callable[..., Any]) -> None:
    command = pod_of(make(), name)["containers"][0]["args"]
    told = subprocess.run(
        [sys.executable, "-m", "distributed.cli.dask_" + name, "--help"], capture_output=True, text=True, check=True
    )
    assert {option for option in command if option.startswith("--")} <= set(re.findall(r"--[a-z-]+", told.stdout))


def test_the_autoscaler_owns_the_number_of_workers(make: Callable[..., Any]) -> None:
    made = make(workers=(2, 9))
    scaler = made.one("HorizontalPodAutoscaler").inputs["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 9)
    assert scaler["scaleTargetRef"]["name"] == "dask-worker"
    assert "replicas" not in made.named("dask-worker-deployment").inputs["spec"]


def test_workers_listen_where_the_policies_let_others_in(make: Callable[..., Any]) -> None:
    made = make()
    arguments = pod_of(made, "worker")["containers"][0]["args"]
    listening = {int(arguments[arguments.index(option) + 1]) for option in ("--worker-port", "--nanny-port")}
    for rule in made.named("dask-worker-network").inputs["spec"]["ingress"]:
        assert {port["port"] for port in rule["ports"]} == listening
