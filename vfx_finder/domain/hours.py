"""Hours of the day in which something may be done, such as the night."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from vfx_finder.domain.errors import WrongState

_SPAN = re.compile(r"\s*(\d{1,2})\s*-\s*(\d{1,2})\s*", re.ASCII)
_LAST_HOUR = 23


@dataclass(frozen=True)
class Hours:
    """From the full hour `first` to the full hour `until`, past midnight where `until` is not later; local time.

    Both the same means the whole day. Raises `WrongState` for hours that a day does not have.
    """

    first: int
    until: int

    def __post_init__(self) -> None:
        if not (0 <= self.first <= _LAST_HOUR and 0 <= self.until <= _LAST_HOUR):
            raise WrongState("Hours of the day are 0 to 23.")

    @classmethod
    def parse(cls, text: str) -> "Hours":
        """Hours as a setting has them, "20-6". Raises `WrongState` for anything else."""
        found = _SPAN.fullmatch(text)
        if found is None:
            raise WrongState('Hours are written like "20-6".')
        return cls(int(found[1]), int(found[2]))

    def contain(self, local: datetime) -> bool:
        """Whether this moment, given in local time, lies within."""
        if self.first == self.until:
            return True
        if self.first < self.until:
            return self.first <= local.hour < self.until
        return local.hour >= self.first or local.hour < self.until

    def opening(self, local: datetime) -> datetime:
        """The moment itself where it lies within, else the next at which they begin."""
        if self.contain(local):
            return local
        today = local.replace(hour=self.first, minute=0, second=0, microsecond=0)
        return today if today > local else today + timedelta(days=1)

    def __str__(self) -> str:
        return f"{self.first}-{self.until}"


WHOLE_DAY = Hours(0, 0)
