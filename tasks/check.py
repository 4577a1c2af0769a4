"""Tasks that ask whether the source is fit to read, and say so."""

import prefect
from prefect import task

from utils import source


@task
def count() -> int:
    """Ask the source how many Pokémon it has."""
    return int(source.get("pokemon", limit=1)["count"])


@task
def suffices(found: int, least: int) -> bool:
    """Say whether the source has at least `least` Pokémon."""
    return found >= least


@task
def confirm(found: int) -> str:
    """Word the good news."""
    return f"the source is complete: {found}"


@task
def warn(found: int, least: int) -> str:
    """Word the shortage, and log it as a warning."""
    message = f"the source is short: {found} of at least {least}"
    prefect.context["logger"].warning(message)
    return message


@task
def announce(verdict: str) -> str:
    """Log the verdict of whichever branch ran."""
    prefect.context["logger"].info(verdict)
    return verdict
