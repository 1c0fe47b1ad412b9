"""Until when a study waits that is for other hours of the day."""

from datetime import datetime

from django.utils import timezone

from vfx_finder.domain.flow import CaseState
from vfx_finder.domain.hours import Hours
from vfx_finder.domain.routing import Priority
from vfx_finder.ledger.models import Case


def held_until(case: Case, hours: Hours, now: datetime) -> str:
    """When the off-peak `hours` begin for which this study waits, "20:00" in local time; empty where nothing holds it.

    They begin within a day, so the time of day says which.
    """
    local = timezone.localtime(now)
    if case.state != CaseState.SETTLED or case.priority != Priority.OFF_PEAK or hours.contain(local):
        return ""
    return f"{hours.opening(local):%H:%M}"
