"""How a cluster is reached, by the kubeconfig that AKS gives a user: its API server, and a login that asks nobody.

AKS writes `kubelogin` with a device code into it, which waits for a person; here it takes the login of whoever runs it.
"""

import json
from dataclasses import dataclass

import yaml

LOGIN = "azurecli"
"""The login that a person has by `az login`, and a pipeline by its service connection."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """How a cluster is reached; no part of it is a credential."""

    server: str
    certificate_authority: str
    """PEM in base64, as kubeconfigs have it; empty where the server shows a certificate that everybody trusts."""
    kubeconfig: str
    """JSON, for Pulumi's Kubernetes provider."""


def read(text: str) -> Access:
    """Read a user's kubeconfig, and have its `kubelogin` ask nobody.

    Raises:
        ValueError: it names no cluster.
    """
    config = yaml.safe_load(text)
    if not isinstance(config, dict) or not config.get("clusters"):
        raise ValueError("AKS gave a kubeconfig that names no cluster")
    cluster = config["clusters"][0]["cluster"]
    for entry in config.get("users") or ():
        command = (entry.get("user") or {}).get("exec")
        if command and command.get("command") == "kubelogin":
            command["args"] = _unasked(command.get("args") or [])
    return Access(
        server=cluster["server"],
        certificate_authority=cluster.get("certificate-authority-data", ""),
        kubeconfig=json.dumps(config, sort_keys=True),
    )


def _unasked(arguments: list[str]) -> list[str]:
    """The arguments with another login; what belongs to the device code's alone goes."""
    kept = iter(arguments)
    found = []
    for argument in kept:
        if argument in {"--login", "-l", "--client-id", "--tenant-id", "-t", "--environment", "-e"}:
            next(kept, None)
        else:
            found.append(argument)
    return [*found, "--login", LOGIN]
