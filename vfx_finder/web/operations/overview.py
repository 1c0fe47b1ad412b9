"""The operator's first page: what is wrong, what flows, what waits, who is alive."""

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from vfx_finder.ledger import queries
from vfx_finder.ledger.operations import Hour
from vfx_finder.web.operations.alarms import SILENT_AFTER, alarms
from vfx_finder.web.operations.pulse import Pulse, take_pulse
from vfx_finder.web.operations.studies import state_counts

BAR_WIDTH, BAR_GAP, HEIGHT = 9, 3, 56


@dataclass(frozen=True)
class Bar:
    """One hour of the drawing, in its pixels; `words` says the same to whoever cannot see it."""

    x: int
    received_y: int
    received_height: int
    answered_y: int
    answered_height: int
    words: str


@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """Whether studies come in and answers go out, told by what last passed through."""
    pulse = take_pulse(settings.VFX, timezone.now())
    words = {
        "pulse": pulse,
        "alarms": alarms(pulse),
        "parts": _parts(pulse),
        "bars": bars(pulse.hours),
        "height": HEIGHT,
        "width": len(pulse.hours) * (2 * BAR_WIDTH + BAR_GAP),
        "bar": BAR_WIDTH,
        "operating_point": queries.operating_point(),
        "counts": state_counts(None),
        "wanted": True,
    }
    return render(request, "operations/health.html", words)


def _parts(pulse: Pulse) -> list[dict[str, object]]:
    return [
        {"name": sign.process, "at": sign.at, "alive": pulse.now - sign.at < SILENT_AFTER, "facts": sign.facts}
        for sign in pulse.signs
    ]


def bars(hours: tuple[Hour, ...]) -> list[Bar]:
    """The hours as pairs of bars, the tallest filling the height; an hour with anything in it is never invisible."""
    tallest = max([1, *(max(hour.received, hour.answered) for hour in hours)])
    step = 2 * BAR_WIDTH + BAR_GAP
    return [_bar(hour, number * step, tallest) for number, hour in enumerate(hours)]


def _bar(hour: Hour, x: int, tallest: int) -> Bar:
    received, answered = _pixels(hour.received, tallest), _pixels(hour.answered, tallest)
    start = timezone.localtime(hour.start)
    words = f"{start:%H:%M}: {hour.received} received, {hour.answered} answered"
    return Bar(x, HEIGHT - received, received, HEIGHT - answered, answered, words)


def _pixels(count: int, tallest: int) -> int:
    return max(round(HEIGHT * count / tallest), 2 if count else 0)
