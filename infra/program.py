"""The Pulumi program: reads the settings and deploys the environment that they ask for."""

import pulumi

from infra import local, settings


def run() -> None:
    """Deploy this stack."""
    stack = settings.load()
    if stack.platform == "azure":
        raise pulumi.RunError("prefect-aks:platform: this release deploys `local` alone; use the stack `local`")
    local.deploy(stack)
