"""What is taken from AKS's kubeconfig."""

import json

import pytest
import yaml

from components import cluster_access

TEXT = """
apiVersion: v1
kind: Config
current-context: aks
contexts:
- {name: aks, context: {cluster: aks, user: person}}
clusters:
- name: aks
  cluster: {server: "https://aks.example.com:443", certificate-authority-data: Q0E=}
users:
- name: person
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1beta1
      command: kubelogin
      args: [get-token, --environment, Cloud, --server-id, app, --client-id, c, --tenant-id, t, -l, devicecode]
"""


def test_it_tells_where_the_api_server_is_and_who_vouches_for_it() -> None:
    access = cluster_access.read(TEXT)
    assert (access.server, access.certificate_authority) == ("https://aks.example.com:443", "Q0E=")


def test_the_login_waits_for_nobody() -> None:
    (user,) = json.loads(cluster_access.read(TEXT).kubeconfig)["users"]
    assert user["user"]["exec"]["args"] == ["get-token", "--server-id", "app", "--login", "azurecli"]


def test_the_rest_of_it_stays() -> None:
    before, after = yaml.safe_load(TEXT), json.loads(cluster_access.read(TEXT).kubeconfig)
    assert {key: before[key] for key in before if key != "users"} == {
        key: after[key] for key in after if key != "users"
    }


def test_a_user_without_kubelogin_stays_as_it_is() -> None:
    text = TEXT.replace("command: kubelogin", "command: other")
    assert json.loads(cluster_access.read(text).kubeconfig) == yaml.safe_load(text)


@pytest.mark.parametrize("text", ["", "kubeconfig", "clusters: []"])
def test_one_without_a_cluster_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="names no cluster"):
        cluster_access.read(text)
