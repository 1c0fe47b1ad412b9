"""The pulse in the Prometheus text format (version 0.0.4), for a monitoring system. Names no patient and no study."""

import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from vfx_finder.ledger.deliveries import Traffic
from vfx_finder.web.operations.alarms import alarms
from vfx_finder.web.operations.pulse import Pulse, take_pulse

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP")
"""Set by a proxy: the caller only looks like this machine."""

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Metric:
    """One metric with its samples; all are gauges, for they are asked of the ledger and not counted up."""

    name: str
    meaning: str
    samples: tuple[tuple[Labels, float], ...]


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The text for this machine itself, or for whoever bears VFX_METRICS_TOKEN; 403 for anybody else."""
    if not _may_read(request):
        return HttpResponse("Ask from this machine, or bear VFX_METRICS_TOKEN.\n", "text/plain", HTTPStatus.FORBIDDEN)
    return HttpResponse(written(take_pulse(settings.VFX, timezone.now())), CONTENT_TYPE)


def _may_read(request: HttpRequest) -> bool:
    wanted = settings.VFX.metrics_token
    if wanted:
        return hmac.compare_digest(request.headers.get("Authorization", "").encode(), f"Bearer {wanted}".encode())
    return _is_loopback(request.META.get("REMOTE_ADDR", "")) and not any(name in request.headers for name in FORWARDED)


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def written(pulse: Pulse) -> str:
    """The pulse as text: for every metric its meaning, its kind and its samples."""
    lines = []
    for metric in _of(pulse):
        lines += [f"# HELP {metric.name} {metric.meaning}", f"# TYPE {metric.name} gauge"]
        lines += [f"{metric.name}{_labels(labels)} {value:.15g}" for labels, value in metric.samples]
    return "\n".join(lines) + "\n"


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _of(pulse: Pulse) -> Iterator[Metric]:
    yield from _flow(pulse)
    yield from _queue(pulse)
    yield from _people(pulse)
    yield from _parts(pulse)


def _flow(pulse: Pulse) -> Iterator[Metric]:
    windows = (("hour", pulse.hour), ("day", pulse.day))
    yield Metric(
        "vfx_studies",
        "Studies by the state they stand in now.",
        tuple(((("state", state.value),), count) for state, count in pulse.states.items()),
    )
    for name, meaning in (
        ("studies", "Studies whose first image arrived in the last hour or day."),
        ("instances", "Images received in the last hour or day."),
        ("answered", "Analyses finished in the last hour or day."),
    ):
        samples = tuple(((("window", window),), getattr(passed, name)) for window, passed in windows)
        yield Metric(f"vfx_recent_{name}", meaning, samples)
    if pulse.answer_times:
        times = (("0.5", pulse.answer_times.median), ("0.95", pulse.answer_times.p95))
        yield Metric(
            "vfx_answer_seconds",
            "Seconds from the last image of a study, or from when it was asked for again, to its answer; the last day.",
            tuple(((("quantile", quantile),), seconds) for quantile, seconds in times),
        )


def _queue(pulse: Pulse) -> Iterator[Metric]:
    waits = pulse.waiting
    jobs = (("queued", waits.queued), ("running", waits.running), ("failed", waits.failed_jobs))
    yield Metric("vfx_jobs", "Jobs of the workers.", tuple(((("state", name),), count) for name, count in jobs))
    since = waits.oldest.settled_at if waits.oldest else None
    age = (pulse.now - since).total_seconds() if since else 0.0
    yield _one("vfx_oldest_waiting_seconds", "How long the oldest settled study has waited for its analysis.", age)
    yield _one("vfx_stranded_studies", "Settled studies whose analysis no job will do.", waits.stranded)


def _people(pulse: Pulse) -> Iterator[Metric]:
    found = pulse.troubles
    yield _one("vfx_not_analysed", "Studies that were not analysed and nobody has seen to.", found.not_analysed)
    yield _one("vfx_dead_letters", "Results that were given up.", found.dead_letters)
    yield _one("vfx_undelivered", "Results on their way.", found.undelivered)
    if pulse.traffic:
        meaning = "Results by destination; held: on their way while it is switched off."
        yield Metric("vfx_destination_results", meaning, tuple(_by_destination(pulse.traffic)))
    yield _one("vfx_refused_callers", "Callers turned away in the last day that could be let in.", found.refused_peers)
    yield _one("vfx_hospital_messages_listed", "Hospital messages that need a person.", found.messages)
    told = [alarm.level for alarm in alarms(pulse)]
    levels = tuple(((("level", level),), float(told.count(level))) for level in ("bad", "ask"))
    meaning = "Alarms on the overview page. bad: studies or results stand still; ask: wants a look."
    yield Metric("vfx_alarms", meaning, levels)


def _by_destination(all_traffic: Iterable[Traffic]) -> Iterator[tuple[Labels, float]]:
    for one in all_traffic:
        on = one.destination.enabled
        counts = {
            "waiting": one.waiting if on else 0,
            "stored": one.sent if on else 0,
            "held": 0 if on else one.on_the_way,
            "given-up": one.dead,
        }
        for state, count in counts.items():
            yield (("destination", one.destination.name), ("state", state)), count


def _parts(pulse: Pulse) -> Iterator[Metric]:
    ages = tuple(((("process", sign.process),), (pulse.now - sign.at).total_seconds()) for sign in pulse.signs)
    yield Metric("vfx_heartbeat_age_seconds", "Seconds since a process gave a sign of life.", ages)
    if pulse.disk:
        yield _one("vfx_spool_free_bytes", "Bytes free where received images lie.", pulse.disk.free)
    meaning = "Bytes of images that were removed after their time, since the beginning."
    yield _one("vfx_removed_bytes", meaning, pulse.removed.bytes)


def _one(name: str, meaning: str, value: float) -> Metric:
    return Metric(name, meaning, (((), value),))
