"""The functions of azure-native that the program calls."""

import base64
import json
import os
from collections.abc import Callable, Mapping
from typing import Any

from emulators.pulumi_providers.azure.answer import TENANT, guid

_Function = Callable[[dict[str, Any], str], dict[str, Any]]
SERVER = "PREFECT_AKS_EMULATED_API_SERVER"
"""The variable that says what answers as the emulated clusters' API server; without it nothing does."""
# The application that kubelogin asks a token for; the same in every tenant.
_AKS_SERVER = "6dae42f8-4368-4678-94ff-3960e28e3630"


def client_config() -> dict[str, Any]:
    """Who runs the program, to the emulated tenant."""
    return {"clientId": guid("emulated", "client"), "objectId": guid("emulated", "object"), "tenantId": TENANT}


def _client_config(arguments: dict[str, Any], subscription: str) -> dict[str, Any]:
    del arguments
    return {**client_config(), "subscriptionId": subscription}


def _credentials(arguments: dict[str, Any], subscription: str) -> dict[str, Any]:
    name, group = arguments["resourceName"], arguments["resourceGroupName"]
    identity = f"/subscriptions/{subscription}/resourceGroups/{group}/managedClusters/{name}"
    user = f"clusterUser_{group}_{name}"
    login = ["get-token", "--login", "devicecode", "--server-id", _AKS_SERVER]
    server = os.environ.get(SERVER) or f"https://{name}-{guid(identity)[:8]}.hcp.azmk8s.io:443"
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": user}}],
        "current-context": name,
        "users": [
            {
                "name": user,
                "user": {
                    "exec": {
                        "apiVersion": "client.authentication.k8s.io/v1beta1",
                        "command": "kubelogin",
                        "args": login,
                        "provideClusterInfo": False,
                    }
                },
            }
        ],
    }
    text = base64.b64encode(json.dumps(kubeconfig).encode()).decode()
    return {"kubeconfigs": [{"name": "clusterUser", "value": text}]}


FUNCTIONS: Mapping[str, _Function] = {
    "azure-native:authorization:getClientConfig": _client_config,
    "azure-native:containerservice:listManagedClusterUserCredentials": _credentials,
}
