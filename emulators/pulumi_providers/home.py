"""A PULUMI_HOME in which the unmodified engine finds the emulated providers, and nothing else.

The version in a plugin's folder must be exactly the one that the installed SDK asks for, or the engine passes it by.
"""

import json
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path

from emulators.pulumi_providers.store import VARIABLE

PROVIDERS = ("azure-native", "azuread", "kubernetes", "random")
_ROOT = Path(__file__).parents[2]


def version(provider: str) -> str:
    """The version of a provider that its installed SDK asks for."""
    module = "pulumi_" + provider.replace("-", "_")
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{module} is not installed")
    plugin = json.loads((Path(spec.origin).parent / "pulumi-plugin.json").read_text("utf-8"))
    return str(plugin["version"])


def install(home: Path) -> None:
    """Write the providers' plugin folders into a PULUMI_HOME; what else is there stays."""
    for provider in PROVIDERS:
        folder = home / "plugins" / f"resource-{provider}-v{version(provider)}"
        folder.mkdir(parents=True, exist_ok=True)
        launcher = folder / f"pulumi-resource-{provider}"
        command = f"exec {shlex.quote(sys.executable)} -m emulators.pulumi_providers {provider}"
        # The engine starts it anywhere, a copy of the project included: the emulators are always this checkout's.
        launcher.write_text(
            f'#!/bin/sh\nexport PYTHONPATH={shlex.quote(str(_ROOT))} PYTHONSAFEPATH=1\n{command} "$@"\n', "utf-8"
        )
        launcher.chmod(0o755)


def environment(home: Path, cloud: Path) -> dict[str, str]:
    """The variables that let an engine use the providers in a PULUMI_HOME and keep what they create in a folder."""
    return {
        "PULUMI_HOME": str(home),
        VARIABLE: str(cloud),
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_IGNORE_AMBIENT_PLUGINS": "true",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
