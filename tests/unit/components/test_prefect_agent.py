"""What an agent may do, and what it makes a flow run's Job of."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from components.network_rule import Peer
from components.prefect_agent import PrefectAgent, PrefectAgentArgs

FLOW_IMAGE = "acme.azurecr.io/flows@sha256:" + "1" * 64


@pytest.fixture
def make(register: Callable[[Callable[[], object]], Any]) -> Callable[..., Any]:
    args = PrefectAgentArgs(
        namespace="prefect",
        image="acme.azurecr.io/prefecthq/prefect@sha256:" + "2" * 64,
        flow_image=FLOW_IMAGE,
        api_url="http://prefect-server-apollo.prefect-server:4200",
        api=Peer(ports=(4200,), pods={"app.kubernetes.io/component": "apollo"}, namespace="prefect-server"),
        labels=("aks", "gpu"),
        flow_account="flow",
        flow_client_id="00000000-0000-0000-0000-00000000000f",
        storage_connection="BlobEndpoint=https://stacme.blob.core.windows.net",
    )
    return lambda **changes: register(lambda: PrefectAgent("agent", replace(args, **changes)))


def template_of(made: Any) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(made.one("ConfigMap").inputs["data"]["job-template.yaml"])
    return loaded


def container_of(made: Any) -> dict[str, Any]:
    (container,) = made.one("Deployment").inputs["spec"]["template"]["spec"]["containers"]
    loaded: dict[str, Any] = container
    return loaded


def test_the_agent_may_start_list_and_remove_jobs_and_look_at_their_pods(make: Callable[..., Any]) -> None:
    made = make()
    rules = {(rule["resources"][0], *rule["verbs"]) for rule in made.one("Role").inputs["rules"]}
    assert rules == {("jobs", "create", "delete", "list"), ("pods", "list"), ("events", "list")}
    (subject,) = made.one("RoleBinding").inputs["subjects"]
    assert (subject["kind"], subject["name"]) == ("ServiceAccount", "agent")
    assert made.of("ClusterRole") + made.of("ClusterRoleBinding") == []


def test_the_agents_pod_alone_has_a_token_for_kubernetes(make: Callable[..., Any]) -> None:
    made = make()
    assert made.one("Deployment").inputs["spec"]["template"]["spec"]["automountServiceAccountToken"] is True
    assert [account.inputs["automountServiceAccountToken"] for account in made.of("ServiceAccount")] == [False, False]
    assert template_of(made)["spec"]["template"]["spec"]["automountServiceAccountToken"] is False


def test_the_job_runs_the_flow_image_as_the_flows_identity_without_a_key(make: Callable[..., Any]) -> None:
    made = make()
    pod = template_of(made)["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    assert container["image"] == FLOW_IMAGE
    assert pod["metadata"]["labels"]["azure.workload.identity/use"] == "true"
    variables = {each["name"]: each["value"] for each in container["env"]}
    assert variables["AZURE_STORAGE_CONNECTION_STRING"] == "BlobEndpoint=https://stacme.blob.core.windows.net"
    account = made.named("agent-flow-account").inputs["metadata"]
    assert account["annotations"] == {"azure.workload.identity/client-id": "00000000-0000-0000-0000-00000000000f"}


def test_a_run_is_tried_once_kept_from_eviction_and_removed_in_the_end(make: Callable[..., Any]) -> None:
    spec = template_of(make())["spec"]
    assert (spec["backoffLimit"], spec["ttlSecondsAfterFinished"]) == (0, 3600)
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    annotations = spec["template"]["metadata"]["annotations"]
    assert annotations["cluster-autoscaler.kubernetes.io/safe-to-evict"] == "false"


def test_runs_go_to_the_flow_pools_and_the_agent_to_the_system_pool(make: Callable[..., Any]) -> None:
    made = make()
    pod = template_of(made)["spec"]["template"]["spec"]
    assert pod["nodeSelector"] == {"prefect-aks/pool": "flows"}
    assert [each["key"] for each in pod["tolerations"]] == ["prefect-aks/pool"]
    agent = made.one("Deployment").inputs["spec"]["template"]["spec"]
    assert [each["key"] for each in agent["tolerations"]] == ["CriticalAddonsOnly"]


def test_runs_stand_on_spot_machines_where_there_are_any(make: Callable[..., Any]) -> None:
    pod = template_of(make(spot=True))["spec"]["template"]["spec"]
    assert [each["key"] for each in pod["tolerations"]] == ["prefect-aks/pool", "kubernetes.azure.com/scalesetpriority"]


def test_the_agent_comes_after_its_rights_and_goes_before_them(make: Callable[..., Any]) -> None:
    before = make().one("Deployment").depends_on
    assert {"agent-role-binding", "agent-flow-account", "agent-deny-all", "agent-network"} <= before


def test_another_template_is_another_config_map_which_the_agent_mounts(make: Callable[..., Any]) -> None:
    made = make()
    assert "name" not in made.one("ConfigMap").inputs["metadata"]
    assert "agent-job-template" in made.one("Deployment").depends_on
    assert container_of(made)["args"][-1] == "/etc/prefect/job-template.yaml"


def test_the_agent_is_told_its_api_its_labels_and_where_to_start_runs(make: Callable[..., Any]) -> None:
    variables = {each["name"]: each["value"] for each in container_of(make())["env"]}
    assert variables["PREFECT__CLOUD__API"] == "http://prefect-server-apollo.prefect-server:4200"
    assert variables["PREFECT__BACKEND"] == "server"
    assert variables["PREFECT__CLOUD__AGENT__LABELS"] == "['aks', 'gpu']"
    assert (variables["NAMESPACE"], variables["SERVICE_ACCOUNT_NAME"]) == ("prefect", "flow")


def test_the_agent_is_asked_for_its_health(make: Callable[..., Any]) -> None:
    container = container_of(make())
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"] == {"path": "/api/health", "port": "health"}
    assert {"containerPort": 8080, "name": "health"} in container["ports"]


def test_flow_runs_get_further_variables_and_peers(make: Callable[..., Any]) -> None:
    peer = Peer(ports=(8786,), pods={"app.kubernetes.io/name": "dask-scheduler"})
    made = make(flow_environment={"FLOW_DASK_ADDRESS": "tcp://dask-scheduler:8786"}, flow_peers=(peer,))
    (container,) = template_of(made)["spec"]["template"]["spec"]["containers"]
    assert {"name": "FLOW_DASK_ADDRESS", "value": "tcp://dask-scheduler:8786"} in container["env"]
    egress = made.named("agent-flow-network").inputs["spec"]["egress"]
    assert [rule["ports"][0]["port"] for rule in egress][-1] == 8786
