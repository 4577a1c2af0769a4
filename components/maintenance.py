"""When Azure may upgrade what it manages."""

from dataclasses import dataclass
from typing import Literal, get_args

Day = Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


@dataclass(frozen=True, kw_only=True)
class Maintenance:
    """A weekly window."""

    day: Day
    hour: int
    """Its start, in UTC."""

    @property
    def day_of_week(self) -> int:
        """The day as Postgres counts it, from Sunday, which is 0."""
        days: tuple[str, ...] = get_args(Day)
        return (days.index(self.day) + 1) % len(days)
