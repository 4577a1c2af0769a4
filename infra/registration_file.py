"""What a stack decides for its flows, left where the command line of registration reads it."""

from pathlib import Path
from typing import Any

import pulumi

from components.prefect_project import ApiLocator
from registration import settings as registration_settings
from registration.service_proxy import locator_of


def write(settings: registration_settings.Settings, api: ApiLocator) -> None:
    """Write `.local/registration-STACK.json`, once it is known where the API is; a preview writes nothing."""
    if pulumi.runtime.is_dry_run():
        return
    path = Path(f".local/registration-{pulumi.get_stack()}.json")

    def keep(known: Any) -> None:
        registration_settings.write(path, settings.model_copy(update={"api": locator_of(known)}))

    pulumi.Output.from_input(api).apply(keep)
