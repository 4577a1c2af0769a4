"""The Pulumi program: reads the settings and deploys the environment that they ask for."""

from infra import local, settings


def run() -> None:
    """Deploy this stack."""
    stack = settings.load()
    if stack.azure:
        from infra import azure  # noqa: PLC0415 - the stack `local` need not load the Azure SDKs, which takes seconds

        azure.deploy(stack)
    else:
        local.deploy(stack)
