"""Check that the source is complete; say so on one of two branches, and log loudly when the check itself fails."""

import prefect
from prefect import Flow, Parameter
from prefect.engine.state import State
from prefect.tasks.control_flow import merge
from prefect.tasks.control_flow.case import case

from tasks.check import announce, confirm, count, suffices, warn


def raise_alarm(failed: Flow, state: State) -> None:
    """Log which flow failed and why, as an error that an alert can be set on."""
    prefect.context["logger"].error("%s failed: %s", failed.name, state.message)


with Flow("source-check", on_failure=raise_alarm) as flow:
    least = Parameter("least", default=100)
    found = count()
    enough = suffices(found, least)
    with case(enough, True):
        complete = confirm(found)
    with case(enough, False):
        short = warn(found, least)
    announce(merge(complete, short))
