"""The 90-day clock of the nurse's queue: how much of the time to assessment is used."""

from dataclasses import dataclass

TARGET_DAYS = 90
_WIDTH, _SOON = 135, 30


@dataclass(frozen=True)
class Clock:
    """Days used and left of the 90 to assessment (FLS-DB KPI 4), and the filled width of the bar in pixels."""

    used: int
    left: int
    filled: int
    width: int
    pace: str
    words: str


def clock(days_left: int) -> Clock:
    """`days_left` counts down to 0 on the last day and is negative once the limit is missed."""
    used = TARGET_DAYS - days_left
    filled = round(_WIDTH * min(max(used, 0), TARGET_DAYS) / TARGET_DAYS)
    return Clock(used, days_left, filled, _WIDTH, _pace(days_left), _words(days_left))


def _pace(days_left: int) -> str:
    if days_left < 0:
        return "late"
    return "soon" if days_left <= _SOON else "fine"


def _words(days_left: int) -> str:
    if days_left < 0:
        return f"{_days(-days_left)} over"
    return "last day" if days_left == 0 else f"{_days(days_left)} left"


def _days(count: int) -> str:
    return f"{count} day" if count == 1 else f"{count} days"
