"""What each values file is for: one claim or more a file."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from charts import helm

Rendered = Callable[[str], Any]


def test_every_values_file_has_a_claim_here() -> None:
    claimed = set(re.findall(r'rendered\("([a-z-]+)"\)', Path(__file__).read_text()))
    assert claimed == {path.stem for path in helm.values_files()}


def test_by_default_one_of_each_runs_and_the_browser_asks_a_port_forward(rendered: Rendered) -> None:
    rendering = rendered("default")
    assert {one["spec"]["replicas"] for one in rendering.kind("Deployment").values()} == {1}
    assert rendering.environment("ui")["PREFECT_SERVER__APOLLO_URL"] == "http://localhost:4200/graphql"
    assert rendering.kind("Ingress") == {}


def test_by_default_the_services_know_each_other(rendered: Rendered) -> None:
    rendering = rendered("default")
    apollo = rendering.environment("apollo")
    assert apollo["HASURA_API_URL"] == "http://prefect-server-hasura.prefect-server:3000/v1alpha1/graphql"
    assert apollo["PREFECT_API_URL"] == "http://prefect-server-graphql.prefect-server:4201/graphql/"
    assert apollo["PREFECT_API_HEALTH_URL"] == "http://prefect-server-graphql.prefect-server:4201/health"
    for service in ("graphql", "towel"):
        environment = rendering.environment(service)
        assert environment["PREFECT_SERVER__HASURA__HOST"] == "prefect-server-hasura.prefect-server"
        assert environment["PREFECT_SERVER__HASURA__PORT"] == "3000"
    ports = {name: service["spec"]["ports"][0]["port"] for name, service in rendering.kind("Service").items()}
    assert ports == {"apollo": 4200, "graphql": 4201, "hasura": 3000, "ui": 8080}


def test_the_database_is_upgraded_before_graphql_starts_by_the_same_image_and_as_the_same_user(
    rendered: Rendered,
) -> None:
    pod = rendered("default").template("graphql")["spec"]
    (upgrade,), (graphql,) = pod["initContainers"], pod["containers"]
    assert upgrade["args"] == ["python", "/scripts/upgrade.py"]
    assert upgrade["image"] == graphql["image"]
    assert upgrade["env"][1:] == graphql["env"]


def test_the_pages_of_the_ui_are_copied_to_where_its_start_script_can_write(rendered: Rendered) -> None:
    pod = rendered("default").template("ui")["spec"]
    (copy,), (ui,) = pod["initContainers"], pod["containers"]
    assert copy["command"][-2:] == ["/var/www/.", f"{copy['volumeMounts'][0]['mountPath']}/"]
    mounts = {mount["mountPath"]: mount["name"] for mount in ui["volumeMounts"]}
    assert mounts["/var/www"] == copy["volumeMounts"][0]["name"]


def test_a_mirror_gives_every_image_by_digest(rendered: Rendered) -> None:
    for container in rendered("mirror").containers():
        assert re.fullmatch(r"acme\.azurecr\.io/[a-z/-]+@sha256:[0-9a-f]{64}", container["image"])


def test_all_but_towel_can_be_several(rendered: Rendered) -> None:
    replicas = {name: one["spec"]["replicas"] for name, one in rendered("high-availability").kind("Deployment").items()}
    assert replicas == {"apollo": 3, "graphql": 2, "hasura": 2, "ui": 2, "towel": 1}


def test_what_leaves_the_cluster_goes_to_the_login_alone(rendered: Rendered) -> None:
    rendering = rendered("ingress-login")
    (ingress,) = rendering.kind("Ingress").values()
    ((path,),) = [rule["http"]["paths"] for rule in ingress["spec"]["rules"]]
    assert path["backend"]["service"]["name"] == "prefect-server-login-proxy"
    assert ingress["spec"]["tls"] == [{"hosts": ["prefect.example.com"], "secretName": "prefect-tls"}]
    assert rendering.environment("ui")["PREFECT_SERVER__APOLLO_URL"] == "https://prefect.example.com/graphql"


def test_the_login_passes_pages_to_the_ui_and_queries_to_apollo(rendered: Rendered) -> None:
    (login,) = rendered("ingress-login").template("login-proxy")["spec"]["containers"]
    upstreams = [one.removeprefix("--upstream=") for one in login["args"] if one.startswith("--upstream=")]
    assert upstreams == [
        "http://prefect-server-ui.prefect-server:8080/",
        "http://prefect-server-apollo.prefect-server:4200/graphql",
    ]
    assert "--redirect-url=https://prefect.example.com/oauth2/callback" in login["args"]
    assert "--allowed-group=00000000-0000-0000-0000-000000000003" in login["args"]


def test_a_login_without_a_secret_proves_itself_by_a_token_of_its_own_service_account(rendered: Rendered) -> None:
    rendering = rendered("ingress-login")
    pod = rendering.template("login-proxy")["spec"]
    assert pod["serviceAccountName"] == "prefect-server-login-proxy"
    assert "login-proxy" in rendering.kind("ServiceAccount")
    (volume,) = pod["volumes"]
    ((source,),) = [volume["projected"]["sources"]]
    assert source["serviceAccountToken"]["audience"] == "api://AzureADTokenExchange"
    mount = pod["containers"][0]["volumeMounts"][0]["mountPath"]
    path = f"{mount}/{source['serviceAccountToken']['path']}"
    assert rendering.environment("login-proxy")["AZURE_FEDERATED_TOKEN_FILE"] == path


def test_a_login_with_a_secret_has_no_token(rendered: Rendered) -> None:
    rendering = rendered("client-secret")
    pod = rendering.template("login-proxy")["spec"]
    assert "volumes" not in pod
    secret = rendering.environment("login-proxy")["OAUTH2_PROXY_CLIENT_SECRET"]
    assert secret == {"secretKeyRef": {"name": "prefect-login", "key": "client-secret"}}
    assert not any("federated" in argument for argument in pod["containers"][0]["args"])
    assert rendering.kind("Ingress") == {}


def test_a_verified_certificate_has_its_authorities_where_every_client_looks(rendered: Rendered) -> None:
    rendering = rendered("verify-full")
    for service in ("graphql", "hasura"):
        pod = rendering.template(service)["spec"]
        (volume,) = [volume for volume in pod["volumes"] if volume["name"] == "postgres-ca"]
        assert volume["configMap"]["name"] == "postgres-authorities"
        assert volume["configMap"]["items"] == [{"key": "azure.pem", "path": "ca.crt"}]
        for container in (*pod.get("initContainers", []), *pod["containers"]):
            environment = {one["name"]: one.get("value") for one in container["env"]}
            mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
            assert environment["PGSSLROOTCERT"] == f"{mounts['postgres-ca']}/ca.crt"


def test_policies_can_name_addresses(rendered: Rendered) -> None:
    policies = rendered("addresses").kind("NetworkPolicy")
    assert {"ipBlock": {"cidr": "10.20.0.0/24"}} in policies["apollo"]["spec"]["ingress"][0]["from"]
    assert policies["graphql"]["spec"]["egress"][0]["to"] == [{"ipBlock": {"cidr": "169.254.10.11/32"}}]
    assert policies["hasura"]["spec"]["egress"][1] == {
        "to": [{"ipBlock": {"cidr": "10.20.4.0/28"}}],
        "ports": [{"protocol": "TCP", "port": 5432}],
    }


def test_every_pod_goes_where_it_is_told(rendered: Rendered) -> None:
    for template in rendered("scheduling").templates().values():
        pod = template["spec"]
        assert pod["nodeSelector"] == {"kubernetes.azure.com/mode": "system"}
        assert [toleration["key"] for toleration in pod["tolerations"]] == ["CriticalAddonsOnly", "workload"]
        assert pod["priorityClassName"] == "platform"
        assert pod["imagePullSecrets"] == [{"name": "registry"}]
