"""Named questions about archives and what is asked of them: pages, the command line and the worker read these."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import attrgetter

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from vfx_finder.domain.flow import CaseState
from vfx_finder.domain.hours import Hours
from vfx_finder.domain.retrieval import OPEN, AskedState, SweepState, pause_at
from vfx_finder.ledger.models import Archive, Case, PriorSearch, StoredInstance, Sweep, SweptStudy

LEAF = 100
"""Studies on one page of a sweep."""
RUNNING = Q(sweep__state=SweepState.RUNNING) | Q(sweep__isnull=True)
"""What may be asked for: the studies of running sweeps, and priors."""


@dataclass(frozen=True)
class Progress:
    """How far a sweep has come. `studies` has every state named; `left` is how long the rest takes at its pace."""

    sweep: Sweep
    days: int
    days_listed: int
    studies: dict[AskedState, int]
    left: timedelta

    @property
    def total(self) -> int:
        """Studies listed so far."""
        return sum(self.studies.values())

    @property
    def open(self) -> int:
        """Studies that are still to be asked for, or asked for at this moment."""
        return sum(self.studies[state] for state in OPEN)

    @property
    def ended(self) -> int:
        """Studies of which it is known what became."""
        return self.total - self.open


def archives() -> QuerySet[Archive]:
    """Every archive by name."""
    return Archive.objects.order_by("name")


def hours_of(archive: Archive) -> Hours | None:
    """The window in which sweeps may ask it; None for any time."""
    if archive.from_hour is None or archive.until_hour is None:
        return None
    return Hours(archive.from_hour, archive.until_hour)


def sweeps(limit: int = 100) -> QuerySet[Sweep]:
    """Sweeps with their archives, newest first."""
    return Sweep.objects.select_related("archive").order_by("-started_at", "-pk")[:limit]


def progress(sweeps: Iterable[Sweep]) -> list[Progress]:
    """How far each of these sweeps has come."""
    rows = list(sweeps)
    counted = SweptStudy.objects.filter(sweep__in=rows).values_list("sweep_id", "state").annotate(Count("pk"))
    found = {(sweep, state): count for sweep, state, count in counted}
    return [_progress(sweep, {state: found.get((sweep.pk, state.value), 0) for state in AskedState}) for sweep in rows]


def progress_of(sweep_id: int) -> Progress | None:
    """How far one sweep has come; None where there is none of this id."""
    return next(iter(progress(Sweep.objects.select_related("archive").filter(pk=sweep_id))), None)


@dataclass(frozen=True)
class SweptLeaf:
    """Some studies of a sweep by day, each with its row here and where that stands; `number` counts from 1."""

    studies: tuple[tuple[SweptStudy, int | None, CaseState | None], ...]
    number: int
    last: int
    total: int


def swept(sweep_id: int, state: AskedState | None, number: int) -> SweptLeaf:
    """One leaf of what a sweep has listed, or of that in one state; a number beyond the last means the last."""
    every = SweptStudy.objects.filter(sweep_id=sweep_id, **({"state": state} if state else {}))
    total = every.count()
    last = max(1, -(-total // LEAF))
    place = min(max(1, number), last)
    rows = list(every.order_by("StudyDate", "pk")[(place - 1) * LEAF : place * LEAF])
    cases = Case.objects.filter(StudyInstanceUID__in=[row.StudyInstanceUID for row in rows])
    known = {uid: (pk, CaseState(stands)) for uid, pk, stands in cases.values_list("StudyInstanceUID", "pk", "state")}
    here = [(row, *known.get(row.StudyInstanceUID, (None, None))) for row in rows]
    return SweptLeaf(tuple(here), place, last, total)


def not_received(sweep_id: int) -> QuerySet[SweptStudy]:
    """The studies of a sweep that failed, each with its reason."""
    return SweptStudy.objects.filter(sweep_id=sweep_id, state=AskedState.FAILED)


def first_not_received(sweeps: Iterable[Sweep], each: int) -> dict[int, tuple[SweptStudy, ...]]:
    """By sweep: the first studies that failed, at most so many of each."""
    place = Window(RowNumber(), partition_by="sweep_id", order_by=["StudyDate", "pk"])
    failed = SweptStudy.objects.filter(sweep__in=list(sweeps), state=AskedState.FAILED).annotate(place=place)
    first = failed.filter(place__lte=each).order_by("sweep_id", "place")
    return {sweep: tuple(rows) for sweep, rows in groupby(first, key=attrgetter("sweep_id"))}


def priors_of(case_id: int) -> QuerySet[SweptStudy]:
    """The earlier studies that were asked for when this study was flagged, newest first."""
    asked = SweptStudy.objects.filter(search__case_id=case_id).select_related("search__archive")
    return asked.order_by("-StudyDate", "-pk")


def archives_with_work(now: datetime) -> list[int]:
    """Archives that somebody waits for: an echo, a search for priors, or studies to list or ask for."""
    due = Q(next_at__isnull=True) | Q(next_at__lte=now)
    searches = PriorSearch.objects.filter(due, archive=OuterRef("pk"), state="waiting")
    priors = SweptStudy.objects.filter(due, search__archive=OuterRef("pk"), state__in=OPEN)
    running = Sweep.objects.filter(archive=OuterRef("pk"), state=SweepState.RUNNING)
    wanted = Q(echo_wanted_at__isnull=False) | Q(enabled=True) & (Exists(searches) | Exists(priors) | Exists(running))
    return list(Archive.objects.filter(wanted).values_list("pk", flat=True))


def next_to_ask(archive: Archive, now: datetime, *, with_sweeps: bool) -> SweptStudy | None:
    """The study that this archive is to be asked for next: priors first, then the oldest listed of its sweeps."""
    due = Q(next_at__isnull=True) | Q(next_at__lte=now)
    mine = Q(search__archive=archive) | (Q(sweep__archive=archive) if with_sweeps else Q(pk__in=[]))
    waiting = SweptStudy.objects.filter(due, mine, RUNNING, state__in=OPEN)
    return waiting.order_by(F("search_id").asc(nulls_last=True), "attempts", "StudyDate", "pk").first()


def next_day(archive_id: int) -> tuple[Sweep, date] | None:
    """The next day that a running sweep of this archive has not listed yet."""
    sweep = _unlisted(archive_id).order_by("started_at", "pk").first()
    if sweep is None:
        return None
    return sweep, sweep.listed_until + timedelta(days=1) if sweep.listed_until else sweep.first_day


def finished(archive_id: int) -> list[int]:
    """Running sweeps with every day listed and of every study known what became of it."""
    still = SweptStudy.objects.filter(sweep=OuterRef("pk"), state__in=OPEN)
    listed = Sweep.objects.filter(archive_id=archive_id, state=SweepState.RUNNING, listed_until__gte=F("last_day"))
    return list(listed.exclude(Exists(still)).values_list("pk", flat=True))


def next_search(archive_id: int, now: datetime) -> PriorSearch | None:
    """The search for priors that this archive is to be asked for next."""
    due = Q(next_at__isnull=True) | Q(next_at__lte=now)
    waiting = PriorSearch.objects.filter(due, archive_id=archive_id, state="waiting").select_related("case")
    return waiting.order_by("pk").first()


def without_search(archive_id: int, limit: int = 100) -> list[Case]:
    """Flagged studies whose earlier ones this archive has not been asked for; those that are priors themselves are not
    among them, or one flagged patient would draw a whole archive."""
    searched = PriorSearch.objects.filter(archive_id=archive_id, case=OuterRef("pk"))
    is_prior = SweptStudy.objects.filter(search__isnull=False, StudyInstanceUID=OuterRef("StudyInstanceUID"))
    flagged = Case.objects.filter(state=CaseState.AWAITING_REVIEW, patient_conflict=False)
    return list(flagged.exclude(Exists(searched)).exclude(Exists(is_prior)).order_by("pk")[:limit])


def here(uids: Iterable[str]) -> frozenset[str]:
    """Which of these studies have been received, in part or whole."""
    return frozenset(Case.objects.filter(StudyInstanceUID__in=list(uids)).values_list("StudyInstanceUID", flat=True))


def images_here(StudyInstanceUID: str) -> int:
    """How many instances of a study have been received, and not removed since."""
    return StoredInstance.objects.filter(case__StudyInstanceUID=StudyInstanceUID, removed_at=None).count()


def _unlisted(archive_id: int) -> QuerySet[Sweep]:
    running = Sweep.objects.filter(archive_id=archive_id, state=SweepState.RUNNING)
    return running.filter(Q(listed_until__isnull=True) | Q(listed_until__lt=F("last_day")))


def _progress(sweep: Sweep, studies: dict[AskedState, int]) -> Progress:
    listed = (sweep.listed_until - sweep.first_day).days + 1 if sweep.listed_until else 0
    waiting = sum(studies[state] for state in OPEN)
    return Progress(
        sweep=sweep,
        days=(sweep.last_day - sweep.first_day).days + 1,
        days_listed=listed,
        studies=studies,
        left=waiting * pause_at(sweep.archive.studies_per_hour),
    )
