"""Named questions of the operator: what flows, what waits, what is wrong. Nothing here writes.

Times of arrival are asked of the studies, not of the instances: there are a hundred times fewer of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Count, F, Max, Q, QuerySet, Value
from django.db.models.functions import Concat, TruncHour
from procrastinate.contrib.django.models import ProcrastinateJob, ProcrastinateWorker

from vfx_finder.domain.delivery import DeliveryState
from vfx_finder.domain.flow import CaseState
from vfx_finder.domain.routing import Priority
from vfx_finder.domain.sender import COULD_BE_LET_IN
from vfx_finder.ledger import queries
from vfx_finder.ledger.models import (
    AnalysisRecord,
    Case,
    CommitmentRequest,
    Delivery,
    Heartbeat,
    HospitalMessage,
    OtherContent,
    Refusal,
    Sender,
    StoredInstance,
    Sweep,
)
from vfx_finder.ledger.models.case import ANSWERED, NOT_ANALYSED_UNSEEN
from vfx_finder.ledger.models.sender import NOT_ALL_TAKEN

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ON_THEIR_WAY = (DeliveryState.WAITING.value, DeliveryState.SENT.value)


@dataclass(frozen=True)
class Passed:
    """What passed in a stretch of time: studies opened, instances received, studies answered."""

    studies: int
    instances: int
    answered: int


@dataclass(frozen=True)
class Hour:
    """One full or begun hour: studies that arrived in it, and studies answered in it."""

    start: datetime
    received: int
    answered: int


def passed_since(since: datetime) -> Passed:
    """What passed from this moment on."""
    recent = Q(case__last_instance_at__gte=since, received_at__gte=since)
    return Passed(
        studies=Case.objects.filter(received_at__gte=since).count(),
        instances=StoredInstance.objects.filter(recent).count(),
        answered=AnalysisRecord.objects.filter(created_at__gte=since).count(),
    )


def by_hour(now: datetime, hours: int = 24) -> tuple[Hour, ...]:
    """The last hours, oldest first, the present one last; quiet hours are there too."""
    newest = now.replace(minute=0, second=0, microsecond=0)
    starts = [newest - HOUR * back for back in reversed(range(hours))]
    received = _counted(Case.objects.filter(received_at__gte=starts[0]), "received_at")
    answered = _counted(AnalysisRecord.objects.filter(created_at__gte=starts[0]), "created_at")
    return tuple(Hour(start, received.get(start, 0), answered.get(start, 0)) for start in starts)


def _counted(rows: QuerySet[Case] | QuerySet[AnalysisRecord], column: str) -> dict[datetime, int]:
    hours = rows.annotate(hour=TruncHour(column, tzinfo=UTC)).values_list("hour")
    return dict(hours.annotate(count=Count("pk")).order_by())


def seconds_to_answer(since: datetime) -> list[float]:
    """For every study analysed since then: seconds to its answer, ascending; none for one left out or failed.

    Counted from its last instance before it settled, or from when a person had it analysed again: neither an image
    that came after the answer nor the hours until that person came are among them.
    """
    ended = Case.objects.filter(ANSWERED, finished_at__gte=since, asked_at__isnull=False)
    times = ended.values_list("asked_at", "finished_at")
    return sorted((finished - asked).total_seconds() for asked, finished in times)


@dataclass(frozen=True)
class Waiting:
    """What waits: studies still arriving, jobs queued and running, the oldest study that waits for its analysis (but
    not for its hours, as off-peak ones do for a day), and settled studies whose job was lost."""

    receiving: int
    queued: int
    running: int
    failed_jobs: int
    oldest: Case | None
    stranded: int


def waiting(now: datetime) -> Waiting:
    """The length of the queue, and who has waited longest; a study for off-peak hours counts from the second day."""
    jobs = dict(ProcrastinateJob.objects.values_list("status").annotate(Count("pk")).order_by())
    in_turn = ~Q(priority=Priority.OFF_PEAK) | Q(settled_at__lt=now - DAY)
    settled = Case.objects.filter(in_turn, state=CaseState.SETTLED, settled_at__isnull=False)
    return Waiting(
        receiving=Case.objects.filter(state=CaseState.RECEIVING).count(),
        queued=jobs.get("todo", 0),
        running=jobs.get("doing", 0),
        failed_jobs=jobs.get("failed", 0),
        oldest=settled.order_by("settled_at").first(),
        stranded=len(queries.stranded()),
    )


@dataclass(frozen=True)
class Sign:
    """The last sign of life of one process; `facts` as the process told them."""

    process: str
    at: datetime
    started_at: datetime | None
    facts: dict[str, Any]


def signs_of_life() -> list[Sign]:
    """Every process that says it is there, and the worker that was heard last."""
    told = [Sign(row.process, row.at, row.started_at, row.facts) for row in Heartbeat.objects.all()]
    worker = ProcrastinateWorker.objects.order_by("-last_heartbeat").first()
    return [*told, Sign("worker", worker.last_heartbeat, None, {})] if worker else told


@dataclass(frozen=True)
class Troubles:
    """Numbers behind the alarms, each with a list of its own, without what somebody has seen to. What
    waits for a destination that is switched off is not on its way: `undelivered` leaves it out."""

    not_analysed: int
    failed: int
    conflicts: int
    late: int
    other_content: int
    dead_letters: int
    undelivered: int
    messages: int
    refused_peers: int
    refused_at: datetime | None
    stopped_sweeps: int


def troubles(since: datetime) -> Troubles:
    """Everything that waits for a person; refusals only of the time since then, and of callers that may be let in."""
    cases = dict(Case.objects.filter(NOT_ANALYSED_UNSEEN).values_list("state").annotate(Count("pk")).order_by())
    strangers = Refusal.objects.filter(last_at__gte=since, reason__in=COULD_BE_LET_IN)
    one_caller = Concat("calling", Value("\n"), "host")  # it may have been turned away for several causes
    refused = strangers.aggregate(peers=Count(one_caller, distinct=True), at=Max("last_at"))
    on_the_way = Delivery.objects.filter(state__in=ON_THEIR_WAY, destination__enabled=True)
    return Troubles(
        not_analysed=cases.get(CaseState.UNSUITABLE.value, 0) + cases.get(CaseState.FAILED.value, 0),
        failed=cases.get(CaseState.FAILED.value, 0),
        conflicts=Case.objects.filter(patient_conflict=True, reason_seen_at=None).count(),
        late=Case.objects.filter(instances_after_review__gt=F("late_seen")).count(),
        other_content=OtherContent.objects.filter(seen_at=None).aggregate(n=Count("case", distinct=True))["n"],
        dead_letters=Delivery.objects.filter(state=DeliveryState.DEAD).count(),
        undelivered=on_the_way.count(),
        messages=HospitalMessage.objects.filter(outcome="listed", looked_at__isnull=True).count(),
        refused_peers=refused["peers"],
        refused_at=refused["at"],
        stopped_sweeps=Sweep.objects.exclude(problem="").exclude(state="done").count(),
    )


def refusals(since: datetime, limit: int = 100) -> list[Refusal]:
    """Who was turned away since then, latest first."""
    return list(Refusal.objects.filter(~NOT_ALL_TAKEN, last_at__gte=since).order_by("-last_at")[:limit])


def not_taken(since: datetime) -> list[Refusal]:
    """SOP Classes that callers offered since then beside others, and that are not taken: by caller, then by name."""
    return list(Refusal.objects.filter(NOT_ALL_TAKEN, last_at__gte=since).order_by("calling", "host", "detail"))


def senders() -> list[Sender]:
    """Every sender, by AE title."""
    return list(Sender.objects.all())


def commitments(limit: int = 20) -> list[CommitmentRequest]:
    """Storage commitment that senders asked for, newest first."""
    return list(CommitmentRequest.objects.order_by("-asked_at")[:limit])


def heard_since(calling: Iterable[str], since: datetime) -> dict[str, int]:
    """By calling AE title: how many studies it has sent since then."""
    sent = Case.objects.filter(calling__in=list(calling), received_at__gte=since)
    return dict(sent.values_list("calling").annotate(Count("pk")).order_by())


def last_received_at() -> datetime | None:
    """When an instance was received last."""
    return Case.objects.aggregate(at=Max("last_instance_at"))["at"]


def last_analysed_at() -> datetime | None:
    """When an analysis was recorded last."""
    return AnalysisRecord.objects.order_by("-pk").values_list("created_at", flat=True).first()


def refusal(refusal_id: int) -> Refusal | None:
    """One caller that was turned away, None where it is no longer listed."""
    return Refusal.objects.filter(pk=refusal_id).first()
