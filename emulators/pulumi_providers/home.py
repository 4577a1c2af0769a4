"""A PULUMI_HOME in which the unmodified engine finds the emulated providers, and nothing else.

The version in a plugin's folder must be exactly the one that the installed SDK asks for, or the engine passes it by.
"""

import json
import shlex
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from emulators.pulumi_providers.store import VARIABLE

PROVIDERS = ("azure-native", "azuread", "kubernetes", "random")
KUBECONFIG = "PREFECT_AKS_KUBECONFIG"
"""The variable that names the kubeconfig of the cluster that the provider `kubernetes` talks to."""
_ROOT = Path(__file__).parents[2]


def version(provider: str) -> str:
    """The version of a provider that its installed SDK asks for."""
    module = "pulumi_" + provider.replace("-", "_")
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{module} is not installed")
    plugin = json.loads((Path(spec.origin).parent / "pulumi-plugin.json").read_text("utf-8"))
    return str(plugin["version"])


def install(home: Path, genuine: Mapping[str, Path] | None = None) -> None:
    """Write the providers' plugin folders into a PULUMI_HOME; what else is there stays.

    A provider that is in `genuine` is the program there, not an emulated one; see `genuine.find`.
    """
    for provider in PROVIDERS:
        folder = home / "plugins" / f"resource-{provider}-v{version(provider)}"
        folder.mkdir(parents=True, exist_ok=True)
        launcher = folder / f"pulumi-resource-{provider}"
        found = (genuine or {}).get(provider)
        launcher.write_text(f"#!/bin/sh\n{_run(found) if found else _emulate(provider)}", "utf-8")
        launcher.chmod(0o755)


def _emulate(provider: str) -> str:
    command = f"exec {shlex.quote(sys.executable)} -m emulators.pulumi_providers {provider}"
    # The engine starts it anywhere, a copy of the project included: the emulators are always this checkout's.
    return f'export PYTHONPATH={shlex.quote(str(_ROOT))} PYTHONSAFEPATH=1\n{command} "$@"\n'


def _run(plugin: Path) -> str:
    # A provider to which the program gives no kubeconfig goes to the same cluster as the emulated one would.
    return f'export KUBECONFIG="${{{KUBECONFIG}:-$KUBECONFIG}}"\nexec {shlex.quote(str(plugin))} "$@"\n'


def environment(home: Path, cloud: Path, kubeconfig: Path | None = None) -> dict[str, str]:
    """The variables that let an engine use the providers in a PULUMI_HOME and keep what they create in a folder.

    With a kubeconfig, Kubernetes objects are created in the cluster that it names; `helm` is looked for on PATH.
    """
    return {
        "PULUMI_HOME": str(home),
        VARIABLE: str(cloud),
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_IGNORE_AMBIENT_PLUGINS": "true",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        **({KUBECONFIG: str(kubeconfig)} if kubeconfig else {}),
    }
