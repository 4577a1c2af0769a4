"""The moments that a Prefect schedule holds, found to tell a fixed start from one taken off the clock."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any


def moments_in(schedule: Any) -> list[float]:
    """List the dates in a schedule's clocks, as seconds since the epoch; empty for a schedule without dates."""
    found: list[float] = []
    for clock in getattr(schedule, "clocks", ()):
        rule = getattr(clock, "rrule_obj", None)
        dates = [clock.start_date, clock.end_date, *getattr(clock, "dates", ()), *_starts(rule)]
        found.extend(date.timestamp() for date in dates if isinstance(date, datetime))
    return found


def _starts(rule: Any) -> Iterable[Any]:
    """Read a recurrence rule's start, which dateutil takes off the clock when none is given and keeps private."""
    if rule is None:
        return ()
    return (getattr(each, "_dtstart", None) for each in getattr(rule, "_rrule", None) or (rule,))
