"""`python -m emulators.pulumi_providers NAME ENGINE`: one provider, started by the engine."""

import os
import sys
from importlib import import_module
from pathlib import Path

from emulators.pulumi_providers.home import PROVIDERS, version
from emulators.pulumi_providers.provider import Provider
from emulators.pulumi_providers.servicer import serve
from emulators.pulumi_providers.store import VARIABLE, Store

_MODULES = {
    "azure-native": "azure.provider",
    "azuread": "entra",
    "kubernetes": "kubernetes.provider",
    "random": "random_value",
}


def load(name: str, cloud: Path | None) -> Provider:
    """The emulated provider of a name."""
    module = import_module(f"emulators.pulumi_providers.{_MODULES[name]}")
    provider: Provider = module.Emulated(name, version(name), Store(cloud, name))
    return provider


def main() -> None:
    """Serve the provider that the command line names."""
    arguments = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    if len(arguments) != 2 or arguments[0] not in PROVIDERS:  # noqa: PLR2004 -- a name and an address
        sys.exit(f"usage: python -m emulators.pulumi_providers {'|'.join(PROVIDERS)} ENGINE")
    cloud = os.environ.get(VARIABLE)
    serve(load(arguments[0], Path(cloud) if cloud else None), arguments[1])


if __name__ == "__main__":
    main()
